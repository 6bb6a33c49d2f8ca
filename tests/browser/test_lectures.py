"""Every lecture opens in JupyterLab, runs to its end there, and its sliders move the picture."""

import pytest

from lecturelib import notebooks
from lecturelib.stamp import VIEW

PICTURE = "img.widget-image, .jupyter-widgets img"


def move_a_control(cell) -> None:
    """One step on the first slider, else the next entry of the first list, else a click on the first button."""
    handle, choice = cell.locator(".noUi-handle").first, cell.locator("select").first
    if handle.count():
        now, end = (float(handle.get_attribute(f"aria-value{which}")) for which in ("now", "max"))
        handle.focus()
        handle.press("ArrowRight" if now < end else "ArrowLeft")
    elif choice.count():
        entries = choice.locator("option").all_inner_texts()
        now = choice.evaluate("element => element.selectedIndex")
        choice.select_option(index=(now + 1) % len(entries))
    else:
        cell.locator("button.jupyter-button").first.click()


@pytest.mark.parametrize("path", notebooks.find(), ids=lambda path: path.stem)
def test_lecture_opens_runs_and_reacts(open_lab, path):
    lab = open_lab(f"notebooks/{path.name}")
    assert lab.dialog() == ""

    lab.run_all()
    cells = [cell for cell in lab.cells() if cell["cell_type"] == "code" and cell["source"].strip()]
    plain = [cell for cell in cells if "raises-exception" not in cell["metadata"].get("tags", [])]
    errors = [o["evalue"] for cell in plain for o in cell["outputs"] if o["output_type"] == "error"]
    assert errors == []
    assert all(cell["execution_count"] for cell in cells)
    assert lab.dialog() == ""

    wanted = {VIEW, "image/png"}  # a view that also displays its picture; a progress bar has none
    shown = [[o.get("data", {}).keys() for o in cell.get("outputs", [])] for cell in lab.cells()]
    live = [i for i, outputs in enumerate(shown) if any(wanted <= kinds for kinds in outputs)]
    assert live, "no interactive cell"
    cell = lab.show(live[-1])
    picture = cell.locator(PICTURE).first
    picture.wait_for(state="visible")
    picture.scroll_into_view_if_needed()
    before = picture.get_attribute("src")
    lab.screenshot("before")
    move_a_control(cell)
    lab.page.wait_for_function(
        "([element, before]) => element.src !== before", arg=[picture.element_handle(), before], timeout=30_000
    )
    lab.screenshot("after")
    assert lab.foreign == []
