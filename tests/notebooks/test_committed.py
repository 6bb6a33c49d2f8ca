"""Every notebook of the course is committed as a reader should find it."""

import pytest

from lecturelib import notebooks


@pytest.mark.parametrize("path", notebooks.find(), ids=lambda path: path.stem)
def test_committed_notebook_is_fresh_and_clean(path):
    serious = [str(problem) for problem in notebooks.verify([path]) if problem.serious]
    assert not serious, "\n".join(serious)
