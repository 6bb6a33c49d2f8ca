"""JupyterLab on a copy of the course, and Chromium to look at it."""

import os
import secrets
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright
from serving import TOKEN, served

from lecturelib import launch, notebooks

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip
SAVE = """content => window.jupyterapp.serviceManager.contents.save(
    'small.ipynb', {type: 'notebook', format: 'json', content})"""
IDLE = "window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"


class Lab:
    """One notebook open in JupyterLab: run it, read its cells, point at one of them."""

    def __init__(self, page: Page, address: str, path: str, shots: Path):
        self.page, self.shots = page, shots
        self.foreign: list[str] = []
        page.on("request", lambda r: r.url.startswith(("http", "ws")) and self._note(r.url, address))
        workspace = f"{Path(path).stem}-{secrets.token_hex(4)}"  # in one that was used, other tabs may be open
        page.goto(f"{address}/lab/workspaces/{workspace}/tree/{path}?token={TOKEN}")
        page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.context?.isReady", timeout=60_000)
        page.wait_for_function(f"() => {IDLE} || document.querySelector('.jp-Dialog')", timeout=60_000)

    def _note(self, url: str, address: str) -> None:
        if url.split("//")[1].split("/")[0] != address.split("//")[1]:
            self.foreign.append(url)

    def dialog(self) -> str:
        """The text of a dialog or a prompt that stands in the way; "" when there is none."""
        found = self.page.locator(".jp-Dialog, .Toastify__toast")
        return "\n".join(found.all_inner_texts())

    def run_all(self) -> None:
        """Clear the stored outputs and Run All Cells; returns when the last one has run, or one has failed."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()
        self.page.wait_for_function(
            """() => {
                const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter(
                    cell => cell.model.type === 'code' && cell.model.sharedModel.source.trim());
                const failed = cell => !(cell.model.metadata.tags ?? []).includes('raises-exception')
                    && cell.model.outputs.toJSON().some(output => output.output_type === 'error');
                return cells.at(-1).model.executionCount !== null || cells.some(failed);
            }""",
            timeout=400_000,
        )
        self.page.wait_for_function(f"() => {IDLE}")

    def cells(self) -> list[dict]:
        """Every cell as it stands in the browser, also those scrolled out of sight."""
        return self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.toJSON())"
        )

    def show(self, index: int):
        """Scroll to a cell; the locator of what is drawn of it."""
        self.page.evaluate(
            """async index => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = index;
                await notebook.scrollToItem(index, 'start');
            }""",
            index,
        )
        return self.page.locator(".jp-Notebook .jp-Cell.jp-mod-active")

    def ask(self, source: str) -> str:
        """Run this in the last cell, which is to be empty; what it prints."""
        self.page.evaluate(
            """async source => {
                const panel = window.jupyterapp.shell.currentWidget;
                panel.content.activeCellIndex = panel.content.widgets.length - 1;
                panel.content.activeCell.model.sharedModel.setSource(source);
                await window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            source,
        )
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.content.activeCell.model.outputs.length > 0"
        )
        (output,) = self.cells()[-1]["outputs"]
        return "".join(output["text"])

    def screenshot(self, name: str) -> None:
        self.page.screenshot(path=self.shots / f"{name}.png")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The address of a JupyterLab on a copy of the course, in the smoke profile."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (Debian: apt install chromium; or set CHROMIUM)")
    home = tmp_path_factory.mktemp("lab")
    root = home / "the course"
    shutil.copytree(notebooks.FOLDER, root / "notebooks")
    for folder in ("labs", "docs"):
        if (launch.course_root() / folder).is_dir():
            shutil.copytree(launch.course_root() / folder, root / folder)
    launch.prepare()
    with served(root, home, "--LabApp.expose_app_in_browser=True", LECTURELIB_PROFILE="smoke") as address:
        yield address


@pytest.fixture(scope="session")
def browser(server):
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_lab(server, browser, tmp_path):
    """open_lab("notebooks/01_x.ipynb") -> Lab; its kernel is shut down at the end."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    yield lambda path: Lab(context.new_page(), server, path, tmp_path)
    for page in context.pages:
        page.evaluate("() => window.jupyterapp?.serviceManager.sessions.shutdownAll()")
    context.close()


@pytest.fixture
def open_cells(open_lab):
    """open_cells("import torch", ...) -> Lab with a notebook of these cells and one more, for `ask`."""

    def opened(*sources: str) -> Lab:
        cells = [{"cell_type": "code", "id": f"cell-{i}", "metadata": {}, "outputs": [], "execution_count": None,
                  "source": source} for i, source in enumerate((*sources, "pass"))]  # fmt: skip
        kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        open_lab("notebooks/03_autoencoders.ipynb").page.evaluate(SAVE, content)
        return open_lab("small.ipynb")

    return opened
