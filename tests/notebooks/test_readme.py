"""The README's table of lectures says what the stamps say."""

import re

import pytest

from lecturelib import launch, notebooks

README = (launch.course_root() / "README.md").read_text(encoding="utf-8")


def test_all_lectures_are_there_in_order_and_each_number_once():
    numbers = [path.name[:2] for path in notebooks.find()]
    assert numbers == sorted(set(numbers))
    assert numbers[:3] == ["01", "02", "03"]
    assert re.findall(r"^\| (\d\d) \| \[", README, re.MULTILINE) == numbers


@pytest.mark.parametrize("path", notebooks.find(), ids=lambda path: path.stem)
def test_the_readme_says_what_the_stamp_says(path):
    (row,) = re.findall(rf"^\| {path.name[:2]} \|.*$", README, re.MULTILINE)
    stamp = notebooks.read(path).metadata["lecturelib"]
    assert f"(notebooks/{path.name})" in row
    measured = f"| {stamp['seconds']:.0f} s | {stamp['peak_mb']} MB | {stamp['checks']} claims |"
    assert row.endswith(measured), f"README.md: this row must end with: {measured}"


def test_every_link_of_the_readme_leads_to_a_file():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (launch.course_root() / target).exists(), target
