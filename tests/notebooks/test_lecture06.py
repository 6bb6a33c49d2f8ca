"""What lecture 06 writes out is what lecturelib.models.clustering does."""

import pytest
import torch
from written_out import definitions

from lecturelib.models.clustering import soft_assignment, target


@pytest.fixture(scope="module")
def lecture() -> dict:
    return definitions("06_what_representations_are_good_for", "soft", "sharpened", torch=torch)


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
