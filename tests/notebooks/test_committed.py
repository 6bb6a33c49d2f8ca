"""Every notebook of the course is committed as a reader should find it."""

import pytest

from lecturelib import notebooks, record, several, stamp


@pytest.mark.parametrize("path", notebooks.find(), ids=lambda path: path.stem)
def test_committed_notebook_is_fresh_and_clean(path):
    serious = [str(problem) for problem in notebooks.verify([path]) if problem.serious]
    assert not serious, "\n".join(serious)


@pytest.mark.parametrize("path", sorted(several.KEPT.glob("*.json")), ids=lambda path: path.stem)
def test_what_a_lecture_claims_has_held_for_each_seed(path):
    kept = record.read(path)
    assert kept["notebook"] == f"{path.stem}.ipynb"
    claims = stamp.claims(notebooks.read(notebooks.FOLDER / kept["notebook"]))
    assert [(one["claim"], one["bound"]) for one in kept["claims"]] == [(one["words"], one["bound"]) for one in claims]
    assert len(kept["seeds"]) >= 3
    missed = [one["claim"] for one in kept["claims"] if one["held"] < len(kept["seeds"])]
    assert not missed
