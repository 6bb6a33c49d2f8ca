"""What lecture 06 writes out is what lecturelib.models.clustering does."""

from pathlib import Path

import nbformat
import pytest
import torch

from lecturelib.models.clustering import soft_assignment, target

LECTURE = Path(__file__).parents[2] / "notebooks" / "06_what_representations_are_good_for.ipynb"


@pytest.fixture(scope="module")
def lecture() -> dict:
    """The names that the lecture defines in its cells: only definitions are run."""
    names = {"torch": torch}
    for cell in nbformat.read(LECTURE, as_version=4).cells:
        if cell.cell_type == "code" and cell.source.startswith("def soft("):
            exec(cell.source, names)
    return names


@pytest.mark.parametrize("width", [0.3, 1.0])
def test_the_soft_assignment_is_the_librarys(lecture, width):
    z, centres = torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(0)).unbind(0)
    q = lecture["soft"](z, centres, width)
    torch.testing.assert_close(q, soft_assignment(z, centres, width))
    torch.testing.assert_close(q.sum(1), torch.ones(7))


def test_the_target_is_the_librarys(lecture):
    q = torch.rand(9, 4, generator=torch.Generator().manual_seed(0))
    q = q / q.sum(1, keepdim=True)
    torch.testing.assert_close(lecture["sharpened"](q), target(q))
