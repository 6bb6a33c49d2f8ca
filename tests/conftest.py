"""What holds for every test."""

import sys

import pytest


@pytest.fixture(autouse=True)
def no_open_figures():
    """Figures that a test leaves open are not its successor's."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
