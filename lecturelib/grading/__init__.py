"""The labs' exercises, their release and their grading; a lab's notebook needs `check` and `once_written`."""

from lecturelib.grading.exercises import check, once_written

__all__ = ["check", "once_written"]
