"""What grading one submission came to: a record, one JSON file a student, from which all else is made."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from lecturelib.checkpoint import write_atomically

SCHEMA = 1


class RecordError(ValueError):
    """A results file that cannot be read."""


@dataclass(frozen=True)
class Item:
    """One check: status is passed, failed, not written, raised, late, died, broken or not graded."""

    exercise: str
    check: str  # the name of the function in checks.py: for the teacher, never for the student
    hidden: bool
    score: float
    maximum: float
    status: str
    hint: str  # the named mistake, one line; empty when passed


@dataclass(frozen=True)
class Open:
    """An open question, graded by hand."""

    question: str  # the cell's grade_id
    maximum: float
    answered: bool


@dataclass(frozen=True)
class CellRun:
    """How a cell ended: ok, error, late, died, or not run."""

    id: str
    status: str
    words: str = ""


@dataclass
class Record:
    """Everything about one graded submission.

    failure: why nothing could be graded, "" where it could. flags: what the teacher should know. score and
    maximum are those of the checks alone, without penalty for being late and without the open questions.
    """

    lab: str
    student: str
    file: str = ""  # as the submission was found
    sha256: str = ""  # of its bytes
    received: str | None = None  # ISO 8601 with zone; None when nobody knows
    checks_sha256: str = ""  # of checks.py, the instructor's notebook and the limits
    seed: str = ""
    run: str = ""  # which grading run wrote it
    failure: str = ""
    flags: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    open: list[Open] = field(default_factory=list)
    cells: list[CellRun] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)  # cell's grade_id -> what the student wrote there
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mb: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def score(self) -> float:
        return sum(item.score for item in self.items)

    @property
    def maximum(self) -> float:
        return sum(item.maximum for item in self.items)

    @property
    def received_at(self) -> datetime | None:
        return datetime.fromisoformat(self.received) if self.received else None

    def exercises(self) -> dict[str, list[Item]]:
        """The checks by exercise, in their order."""
        found: dict[str, list[Item]] = {}
        for item in self.items:
            found.setdefault(item.exercise, []).append(item)
        return found

    def same_grade(self, other: "Record") -> bool:
        """Whether two records say the same of the submission; times and memory may differ."""
        mine, theirs = (
            {k: v for k, v in r.to_dict().items() if k not in ("run", "seconds", "cpu_seconds", "peak_mb", "versions")}
            for r in (self, other)
        )
        return mine == theirs

    def to_dict(self) -> dict:
        """As plain values, with score and maximum written out."""
        return {**asdict(self), "score": self.score, "maximum": self.maximum}

    @classmethod
    def from_dict(cls, values: dict) -> "Record":
        """The inverse of to_dict; RecordError for anything else."""
        try:
            if values["schema"] != SCHEMA:
                raise RecordError(f"it has schema {values['schema']}, and this version reads {SCHEMA}")
            rest = {k: v for k, v in values.items() if k not in ("score", "maximum")}
            for name, kind in (("items", Item), ("open", Open), ("cells", CellRun)):
                rest[name] = [kind(**one) for one in rest[name]]
            return cls(**rest)
        except (KeyError, TypeError, AttributeError) as error:
            raise RecordError(f"an entry is missing or strange: {error}") from None


def save(record: Record, folder: str | Path) -> Path:
    """Write FOLDER/STUDENT.json, whole or not at all."""
    path = Path(folder) / f"{record.student}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(record.to_dict(), indent=1, ensure_ascii=False) + "\n").encode())
    return path


def read(path: str | Path) -> Record:
    """Read a results file; RecordError, naming it, when it is none."""
    try:
        return Record.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except (json.JSONDecodeError, UnicodeDecodeError, RecordError) as error:
        raise RecordError(f"{path} is not a result of grading ({error}); delete it and grade again") from None


def read_all(folder: str | Path) -> list[Record]:
    """All records of a lab, by student."""
    return [read(path) for path in sorted(Path(folder).glob("*.json")) if not path.name.startswith(".")]
