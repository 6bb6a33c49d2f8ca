"""What holds for every test."""

import os
import signal
import sys

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a background job, and so its children, ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    """What is marked `soak` runs where LECTURELIB_SOAK is set, as in `make soak`."""
    soak = [item for item in items if item.get_closest_marker("soak")]
    if soak and not os.environ.get("LECTURELIB_SOAK"):
        config.hook.pytest_deselected(items=soak)
        items[:] = [item for item in items if item not in soak]


@pytest.fixture(autouse=True)
def no_open_figures():
    """Figures that a test leaves open are not its successor's."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
