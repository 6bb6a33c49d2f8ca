"""What course.toml says: which labs there are, when they are due, what being late costs, what grading may use."""

import hashlib
import hmac
import os
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

KEY = ".grading-key"


class CourseError(ValueError):
    """A course.toml or a course folder that cannot be used; the message says what to mend."""


@dataclass(frozen=True)
class Limits:
    """What the code of one submission may use; every number is above 0."""

    cpu_seconds: float = 120  # all cells and calls together
    wall_seconds: float = 300  # the same by the clock, as long as the machine has time for it
    cell_seconds: float = 60  # processor time of one cell
    call_seconds: float = 10  # processor time of one call from a check
    idle_seconds: float = 20  # asleep, in one cell or call
    calls: int = 20_000  # from one check
    memory_mb: int = 3072
    processes: int = 64
    files: int = 256  # open at once, of each process
    file_mb: int = 50  # the largest file, and all files together
    answer_mb: float = 16  # one value that travels
    submission_mb: float = 20  # the largest notebook that is taken in


@dataclass(frozen=True)
class Late:
    """What being late costs: `penalty_per_day` is a share of the maximum, for each day begun after the grace."""

    grace_minutes: float = 15
    penalty_per_day: float = 0.1
    days: int = 5  # after so many days nothing counts


@dataclass(frozen=True)
class Plan:
    """One lab in course.toml. `due` is None where it has no date; extensions: student -> a later date."""

    name: str
    title: str = ""
    due: datetime | None = None
    weight: float = 1.0
    late: Late = Late()
    extensions: Mapping[str, datetime] = field(default_factory=dict)

    def due_for(self, student: str) -> datetime | None:
        """When the lab is due for this student."""
        return self.extensions.get(student, self.due)

    def days_late(self, student: str, received: datetime | None) -> int:
        """Days begun after date and grace; 0 when in time, when there is no date, or when the time is unknown."""
        due = self.due_for(student)
        if due is None or received is None:
            return 0
        over = received - due - timedelta(minutes=self.late.grace_minutes)
        return max(0, -(-over // timedelta(days=1))) if over > timedelta(0) else 0

    def penalty(self, student: str, received: datetime | None) -> float:
        """The share of the maximum that is taken off, in [0, 1]."""
        days = self.days_late(student, received)
        return 1.0 if days > self.late.days else min(1.0, days * self.late.penalty_per_day)


@dataclass(frozen=True)
class Course:
    """A course's folder and what its course.toml says."""

    root: Path
    id: str
    title: str
    labs: Mapping[str, Plan]
    limits: Limits

    def plan(self, lab: str) -> Plan:
        """The lab's entry; one without date and penalty where course.toml has none."""
        return self.labs.get(lab, Plan(lab, title=lab))

    def results(self, lab: str) -> Path:
        """Where the records of a lab stand, one JSON a student."""
        return self.root / "results" / lab

    def seed(self, lab: str, student: str) -> str:
        """What fixes the inputs that this student's answers are tried on: 32 hexadecimal digits from the secret key."""
        return hmac.new(_key(self.root), f"{lab}\0{student}".encode(), hashlib.sha256).hexdigest()[:32]


def read_course(root: str | Path) -> Course:
    """Read ROOT/course.toml; CourseError, with the entry's name, for what cannot be meant."""
    root = Path(root).resolve()
    file = root / "course.toml"
    try:
        text = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CourseError(f"there is no course.toml in {root}: name the course's folder") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CourseError(f"{file} cannot be read: {error}") from None
    about = text.get("course", {})
    common = _settings(Late(), text.get("late", {}), f"{file}, [late]", zero=True)
    labs = {name: _plan(name, entry, common, file) for name, entry in text.get("labs", {}).items()}
    limits = _settings(Limits(), text.get("limits", {}), f"{file}, [limits]", zero=False)
    return Course(root, str(about.get("id", root.name)), str(about.get("title", root.name)), labs, limits)


def _plan(name: str, entry: dict, common: Late, file: Path) -> Plan:
    where = f"{file}, [labs.{name}]"
    known = {"title", "due", "weight", "late", "extensions"}
    if unknown := sorted(set(entry) - known):
        raise CourseError(f"{where} has no setting {unknown[0]!r}; there are {', '.join(sorted(known))}")
    weight = entry.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
        raise CourseError(f"{where}: weight is {weight!r}; a number of at least 0 is needed")
    return Plan(
        name,
        title=str(entry.get("title", name)),
        due=_date(entry["due"], f"{where}, due") if "due" in entry else None,
        weight=float(weight),
        late=_settings(common, entry.get("late", {}), f"{where}, late", zero=True),
        extensions={s: _date(day, f"{where}, extension of {s}") for s, day in entry.get("extensions", {}).items()},
    )


def _settings(default, entry: dict, where: str, *, zero: bool):
    names = [f.name for f in fields(default)]
    for name, value in entry.items():
        if name not in names:
            raise CourseError(f"{where} has no setting {name!r}; there are {', '.join(names)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or (value == 0 and not zero):
            raise CourseError(f"{where}: {name} is {value!r}; {'0 or more' if zero else 'a number above 0'} is needed")
    return replace(default, **entry)


def _date(value, where: str) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise CourseError(f"{where} is {value}; write date, time and zone, as in 2027-01-31T23:59:00Z")
    return value.astimezone(UTC)


def _key(root: Path) -> bytes:
    """The secret of this course's grading, made on first use and readable by its owner alone."""
    file = root / KEY
    try:
        return _read_key(file)
    except FileNotFoundError:
        pass
    scratch = root / f"{KEY}.{secrets.token_hex(4)}"
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as out:
            out.write(secrets.token_hex(32) + "\n")
            out.flush()
            os.fsync(out.fileno())
        os.link(scratch, file)  # fails where another process was faster
    except FileExistsError:
        pass
    finally:
        scratch.unlink()
    return _read_key(file)


def _read_key(file: Path) -> bytes:
    text = file.read_text(encoding="ascii").strip()
    if len(text) < 32:
        raise CourseError(f"{file} is damaged: put the original back, or delete it (then all inputs are drawn anew)")
    return text.encode()
