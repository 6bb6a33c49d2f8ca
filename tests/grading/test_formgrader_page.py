"""What is published for formgrader counts as graded there, shows what was written, and cannot act in its page."""

import random
from html.parser import HTMLParser

import nbformat
import pytest
from gradebook_cases import HEAD, a_course, failed, record, released
from nbconvert.exporters import HTMLExporter
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from lecturelib.grading.database import GradebookError
from lecturelib.grading.gradebook import NotByNbgrader, publish, sync
from lecturelib.grading.harmless import markdown

LAB = released()
EXPORTER = HTMLExporter()  # formgrader uses it with a template of its own
STUDENTS = ["student01", "müller.jürgen@uni-köln.de", "王小明", "_+-"]


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setattr("nbgrader.api.get_alembic_version", lambda: HEAD)  # instead of starting a program
    course = a_course(tmp_path / "Übung 1, 深層")
    (course.root / "solutions" / "lab02").mkdir(parents=True)
    return course


def nbgraders(course, **settings) -> NbGraderAPI:
    config = Config(settings)
    config.CourseDirectory.root = str(course.root)
    config.CourseDirectory.source_directory = "solutions"
    return NbGraderAPI(CourseDirectory(config=config), config=config)


def hand_in(course, student: str) -> None:
    folder = course.root / "submitted" / student / "lab02"
    folder.mkdir(parents=True)
    nbformat.write(LAB, folder / "lab02.ipynb")


def test_what_was_published_counts_as_graded(course):
    records = [record(name, received="2027-01-30T10:20:30.456789+02:00") for name in STUDENTS]
    records.append(record("nobody-knows-when", received=None))
    for one in [*records, failed("broken")]:
        hand_in(course, one.student)
    hand_in(course, "new")
    (course.root / "submitted" / "nobody-knows-when" / "lab02" / "timestamp.txt").write_text("yesterday, or so")
    sync([*records, failed("broken")], course, "lab02", LAB)
    for one in records:
        path = publish(one, course, LAB)
        assert path == course.root / "autograded" / one.student / "lab02" / "lab02.ipynb"
    api = nbgraders(course)
    assert api.get_autograded_students("lab02") == {one.student for one in records}
    there = {entry["student"]: entry for entry in api.get_submissions("lab02")}
    assert {name for name, entry in there.items() if not entry["autograded"]} == {"broken", "new"}
    assert there["王小明"]["display_timestamp"] == "2027-01-30 08:20:30 UTC"
    assert len(api.get_notebook_submissions("lab02", "lab02")) == len(records)


def test_publishing_again_gives_the_same_bytes(course):
    path = publish(record(), course, LAB)
    before = path.read_bytes()
    assert publish(record(), course, LAB).read_bytes() == before
    assert not (course.root / "submitted").exists()


def test_of_a_submission_that_cannot_be_graded_no_older_notebook_is_shown(course):
    hand_in(course, "student01")
    publish(record(), course, LAB)
    sync([failed("student01")], course, "lab02", LAB)
    assert nbgraders(course).get_autograded_students("lab02") == {"student01"}
    publish(failed("student01"), course)
    assert nbgraders(course).get_autograded_students("lab02") == set()
    assert (course.root / "submitted" / "student01" / "lab02" / "lab02.ipynb").exists()


@pytest.mark.parametrize("name", ["..", "../elsewhere", "/tmp/x", "", "a\0"])
def test_a_name_chooses_no_path(name, course):
    before = sorted(course.root.parent.rglob("*"))
    with pytest.raises(GradebookError, match="cannot be the name of a folder"):
        publish(record(name), course, LAB)
    assert sorted(course.root.parent.rglob("*")) == before


@pytest.mark.parametrize("what", ["autograde", "generate_feedback"])
def test_nbgraders_own_programs_are_stopped_before_they_touch_anything(what, course):
    hand_in(course, "student01")
    sync([record()], course, "lab02", LAB)
    publish(record(), course, LAB)
    (course.root / "feedback" / "student01" / "lab02").mkdir(parents=True)
    (course.root / "feedback" / "student01" / "lab02" / "lab02.html").write_text("ours")
    before = {path: path.read_bytes() for path in course.root.rglob("*") if path.is_file()}
    stop = {"exporter_class": NotByNbgrader}
    said = getattr(nbgraders(course, Autograde=stop, GenerateFeedback=stop), what)("lab02", "student01")
    assert not said["success"]
    assert "use `lecturelib grade`" in said["error"]
    assert {path: path.read_bytes() for path in course.root.rglob("*") if path.is_file()} == before


def shown(source: str) -> str:
    """As it stands in formgrader's page."""
    return EXPORTER.markdown2html({}, source)


HARMLESS = {"h1", "h2", "h3", "h4", "h5", "h6", "p", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote",
            "table", "thead", "tbody", "tr", "td", "th", "hr", "br", "div", "span", "a", "del", "input"}  # fmt: skip


class Active(HTMLParser):
    """Whatever in a page is more than text and links to the web."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            link = name == "href" and tag == "a" and value.startswith(("#", "http://", "https://"))
            plain = name in ("class", "id", "style", "type", "disabled", "checked", "start")
            if not link and not plain:
                self.found.append(f"{tag} {name}={value}")
        if tag not in HARMLESS:
            self.found.append(tag)

    handle_startendtag = handle_starttag

    def handle_comment(self, data):
        self.found.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def active(source: str) -> list[str]:
    parser = Active()
    parser.feed(shown(source))
    parser.close()
    return parser.found


ATTACKS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<!--<script>-->", "<?x?>",
    "[x](javascript:alert(1))", "[x](&#106;avascript:alert(1))", "[x]: javascript:alert(1)\n\n[x]",
    "[x][y]\n\n[y]: data:x", "<javascript:alert(1)>", "![x](http://example.invalid/seen)", "[^1]\n\n[^1]: <b>",
    "[![x](javascript:1)](javascript:2)", "$$<img src=x onerror=alert(1)>$$", "$a$<b onclick=x>$c$",
    "\\begin{x}<img src=x onerror=1>\\end{x}", '# "onclick="alert(1)" <i>', "# [x](javascript:1)",
    "```<b>\"onload=x\n<script>\n```", "~~~html\n<script>\n~~~", "| a |\n|---|\n| <img src=x onerror=1> |",
    "[x](\njavascript:1\n)", "[x]\n(javascript:1)", "[x\\](y)](javascript:1)", "<a href=javascript:1>x</a>",
    "\\<img src=x onerror=1>", "`<img` src=x onerror=1>", "<\nimg src=x onerror=1>", "<a\nhref=x>", "- <b>\n  <i>",
    "> <form action=x>", "http://x.invalid/<b>\"onclick=1",
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_answer_acts_in_the_page(attack):
    assert active(markdown(attack)) == []
    assert active(markdown(f"Text before. {attack} and after\n\n{attack}")) == []


def test_these_attacks_would_work():
    assert sum(bool(active(attack)) for attack in ATTACKS) > len(ATTACKS) / 2


def test_a_missing_picture_does_not_break_the_page():
    source = "![x](attachment:x)"
    with pytest.raises(Exception, match="missing attachment"):
        shown(source)
    assert "attachment:x" in shown(markdown(source))


def test_no_mixture_acts_in_the_page():
    rng = random.Random(0)
    signs = [*"<>[]()!:$`*_#|\\\"'&\n ", "](", "]:", "javascript:", "<img", "onerror=1", "\n\n", "\n```\n", "$$"]
    for _ in range(300):
        source = "".join(rng.choices(ATTACKS + signs, k=rng.randrange(2, 14)))
        assert active(markdown(source)) == [], source
