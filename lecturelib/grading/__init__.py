"""The labs' exercises, their release and their grading; a lab's notebook needs `check` and `once_written`."""

import importlib

__all__ = ["check", "once_written"]


def __getattr__(name: str):
    """Import on first use, so that a grading run can warm its sandbox before it imports torch itself."""
    if name not in __all__:
        raise AttributeError(f"module 'lecturelib.grading' has no {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module("lecturelib.grading.exercises"), name)
