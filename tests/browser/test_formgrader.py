"""nbgrader's formgrader shows what was graded; what a person types there arrives in the marks."""

import csv
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect
from serving import TOKEN, served

from lecturelib import launch
from lecturelib.grading.course import Course, read_course
from lecturelib.grading.export import marks, write_marks
from lecturelib.grading.gradebook import comments, manual, publish, sync, waiting
from lecturelib.grading.harmless import markdown
from lecturelib.grading.records import Item, Open, Record
from lecturelib.grading.release import release

ROOT = launch.course_root()
expect.set_options(timeout=20_000)  # of a machine with much else to do
ANSWERS = {
    "student01": "It may have learned to copy: $x \\mapsto x$. I would look at *new* digits.",
    "student02": "<img src='http://example.invalid/seen' onerror='document.title=1'>I do not know.",
}


@dataclass
class Formgrader:
    """formgrader in a browser; requests to other machines are refused and kept in `foreign`."""

    page: Page
    address: str
    foreign: list[str] = field(default_factory=list)

    def route(self, route) -> None:
        if route.request.url.startswith(self.address):
            route.continue_()
        else:
            self.foreign.append(route.request.url)
            route.abort()

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.address}/formgrader/{path}", wait_until="load")
        return self.page

    def row(self, path: str, student: str):
        return self.open(path).locator("#main-table tr").filter(has_text=student)


def filled(lab, answers: dict[str, str]):
    """The released lab with a student's sources in its cells."""
    for cell in lab.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    return lab


def records(lab, due) -> list[Record]:
    """student01 has all right; student02 missed a hidden check and was a day late."""
    solution = nbformat.read(ROOT / "solutions" / "lab02" / "lab02.ipynb", as_version=4)
    written = {
        cell.metadata.nbgrader.grade_id: cell.source.replace("### BEGIN SOLUTION\n", "").replace("### END SOLUTION", "")
        for cell in solution.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    made = []
    for student, answer in ANSWERS.items():
        late = student == "student02"
        items = []
        for cell in (c.metadata.nbgrader for c in lab.cells if c.source.startswith("check(")):
            half, wrong = cell.points / 2, late and cell.grade_id == "pca"
            items.append(Item(cell.grade_id, cell.grade_id, False, half, half, "passed", ""))
            said = ("failed", "the result is wrong: the mean is not taken off") if wrong else ("passed", "")
            items.append(Item(cell.grade_id, f"{cell.grade_id}_elsewhere", True, 0.0 if wrong else half, half, *said))
        received = (due + timedelta(hours=20 if late else -20)).isoformat()
        sources = {**written, "open": answer}
        opened = [Open("open", 5, True)]
        made.append(Record("lab02", student, received=received, items=items, open=opened, sources=sources))
    return made


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    """A course in which two submissions of lab 02 were graded."""
    root = tmp_path_factory.mktemp("formgrader") / "the course"
    shutil.copytree(ROOT / "solutions", root / "solutions", ignore=shutil.ignore_patterns("__pycache__", ".ipynb*"))
    shutil.copy(ROOT / "course.toml", root)
    settings = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    for program in ("Autograde", "GenerateFeedback"):
        settings += f'\nc.{program}.exporter_class = "lecturelib.grading.gradebook.NotByNbgrader"\n'
    (root / "nbgrader_config.py").write_text(settings, encoding="utf-8")
    release(root, "lab02")
    course = read_course(root)
    for record in graded(course):
        folder = root / "submitted" / record.student / "lab02"
        folder.mkdir(parents=True)
        nbformat.write(filled(lab_of(course), record.sources), folder / "lab02.ipynb")
        publish(record, course, filled(lab_of(course), record.sources | {"open": markdown(record.sources["open"])}))
    sync(graded(course), course, "lab02", lab_of(course))
    return course


def lab_of(course: Course):
    return nbformat.read(course.root / "labs" / "lab02" / "lab02.ipynb", as_version=4)


def graded(course: Course) -> list[Record]:
    return records(lab_of(course), course.plan("lab02").due)


@pytest.fixture(scope="module")
def address(course, tmp_path_factory):
    """Of a Jupyter server in the course's folder."""
    home = tmp_path_factory.mktemp("jupyter")
    with served(course.root, home, answers="/formgrader/api/status") as address:
        yield address


@pytest.fixture
def formgrader(address, browser):
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    grader = Formgrader(context.new_page(), address)
    context.route("**/*", grader.route)
    grader.page.goto(f"{address}/login?token={TOKEN}&next=/formgrader/manage_assignments")
    yield grader
    context.close()


def marks_of(course: Course, folder: Path) -> dict[str, dict[str, str]]:
    given = manual(course, "lab02"), waiting(course, "lab02")
    path = write_marks(marks(graded(course), course, "lab02", *given), "csv", folder / "marks.csv").path
    with open(path, encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_a_grade_given_in_formgrader_arrives_in_the_marks(course, formgrader, tmp_path):
    row = formgrader.row("manage_submissions/lab02", "student01")
    expect(row).to_contain_text("needs manual grading")
    expect(row).to_contain_text("30 / 35")
    expect(row).to_contain_text("2027-01-31 03:59:00 UTC")
    expect(formgrader.page.locator("#main-table tr").filter(has_text="student02")).to_contain_text("28.5 / 35")
    formgrader.page.screenshot(path=tmp_path / "submissions.png")
    assert marks_of(course, tmp_path)["student01"]["status"] == "open questions missing"

    formgrader.row("gradebook/lab02/lab02", "30 / 35").get_by_role("link").first.click()
    page = formgrader.page
    score, words = page.locator("input#open"), page.locator("#open-comment")
    expect(page.locator("input#pca")).to_have_attribute("placeholder", "3")
    expect(page.get_by_text("It may have learned to copy")).to_be_visible()
    expect(score).to_have_class("score tabbable needs_manual_grade")
    for box, text in ((score, "4.5"), (words, "Which digits?\n- Say why.")):
        box.fill(text)
        with page.expect_response(lambda r: r.request.method == "PUT" and r.ok):
            box.blur()
    expect(score).to_have_class("score tabbable")
    score.scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "graded.png")

    assert comments(course, "lab02") == {"student01": {"open": "Which digits?\n- Say why."}}
    sync(graded(course), course, "lab02", lab_of(course))  # all graded again
    there = marks_of(course, tmp_path)
    assert [there["student01"][name] for name in ("pca", "open", "total", "status")] == ["3", "4.5", "34.5", "graded"]
    late = there["student02"]
    assert [late[name] for name in ("pca", "open", "late days", "penalty", "status")] == [
        *("1.5", "", "1", "3.5", "open questions missing")
    ]
    row = formgrader.row("manage_submissions/lab02", "student01")
    expect(row).to_contain_text("graded")
    expect(row).to_contain_text("34.5 / 35")


def test_a_submission_is_shown_offline_and_harmless(formgrader, tmp_path):
    formgrader.row("gradebook/lab02/lab02", "28.5 / 35").get_by_role("link").first.click()
    page = formgrader.page
    expect(page.locator("input#pca")).to_have_attribute("placeholder", "1.5")
    expect(page.get_by_text("I do not know.")).to_be_visible()
    page.locator("input#open").scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "answer.png")
    assert page.title() == "lab02"  # the answer has a script that would set it
    assert not [url for url in formgrader.foreign if "/mathjax/" not in url]  # formulas stay as they are written


def test_the_button_for_nbgraders_autograder_runs_nothing(course, formgrader, tmp_path):
    path = course.root / "autograded" / "student01" / "lab02" / "lab02.ipynb"
    before = path.read_bytes()
    formgrader.row("manage_submissions/lab02", "student01").locator(".autograde a").click()
    dialog = formgrader.page.locator("#error-modal")
    expect(dialog).to_contain_text("use `lecturelib grade`")
    formgrader.page.screenshot(path=tmp_path / "refused.png")
    expect(formgrader.page.locator("#main-table")).to_contain_text("student01")
    assert path.read_bytes() == before
