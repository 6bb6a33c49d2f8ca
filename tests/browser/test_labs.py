"""A lab opens in JupyterLab, and its first check says in one line what is still to do."""


def test_lab_opens_and_its_first_check_answers_in_one_line(open_lab):
    lab = open_lab("labs/lab02/lab02.ipynb")
    assert lab.dialog() == ""

    lab.run_all()  # stops where the first check fails
    failed = [i for i, cell in enumerate(lab.cells()) if any(is_error(o) for o in cell.get("outputs", []))]
    assert len(failed) == 1
    cell = lab.show(failed[0])
    assert lab.cells()[failed[0]]["source"].startswith("check(")
    cell.locator(".jp-OutputArea-output").first.wait_for(state="visible")
    lab.screenshot("check")
    lines = [line for line in cell.locator(".jp-OutputArea").inner_text().splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert "is not written yet" in lines[0]
    assert lab.dialog() == ""
    assert lab.foreign == []


def is_error(output: dict) -> bool:
    return output["output_type"] == "error"
