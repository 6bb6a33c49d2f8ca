"""Lines drawn with a mouse in JupyterLab reach the network, and its picture changes."""

CELL = """import torch
from lecturelib.show.sketchpad import sketch
starts = torch.zeros(2, 1, 32, 32)
starts[0, 0, 4], starts[1, 0, 28] = 1, 1
asked = []
def translate(lines):
    asked.append(lines.clone())
    return lines.expand(-1, 3, -1, -1)
sketch(translate, starts, "A white row, twice.", scale=8)"""
COUNT = """places = asked[-1][0, 0].nonzero()
print(len(places), *places.amin(0).tolist(), *places.amax(0).tolist())"""
SAVE = """content => window.jupyterapp.serviceManager.contents.save(
    'pad.ipynb', {type: 'notebook', format: 'json', content})"""


def notebook(*sources: str) -> dict:
    cells = [{"cell_type": "code", "id": f"cell-{i}", "metadata": {}, "outputs": [], "execution_count": None,
              "source": source} for i, source in enumerate(sources)]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def test_a_line_drawn_with_the_mouse_reaches_the_network(open_lab):
    first = open_lab("notebooks/03_autoencoders.ipynb")
    first.page.evaluate(SAVE, notebook(CELL, "pass"))
    lab = open_lab("pad.ipynb")
    lab.run_all()
    cell = lab.show(0)
    canvas, picture = cell.locator("canvas").first, cell.locator("img.widget-image").first
    picture.wait_for(state="visible")
    canvas.scroll_into_view_if_needed()
    before, box = picture.get_attribute("src"), canvas.bounding_box()
    assert box["width"] == 8 * 32 + 2  # and a border
    lab.screenshot("before")
    mouse = lab.page.mouse
    mouse.move(box["x"] + 1 + 8 * 5 + 4, box["y"] + 1 + 8 * 20 + 4)
    mouse.down()
    mouse.move(box["x"] + 1 + 8 * 14 + 4, box["y"] + 1 + 8 * 20 + 4, steps=4)
    mouse.up()
    lab.page.wait_for_function(
        "([element, before]) => element.src !== before", arg=[picture.element_handle(), before], timeout=30_000
    )
    lab.page.wait_for_timeout(500)
    lab.screenshot("after")
    lab.page.evaluate(
        """async source => {
            const panel = window.jupyterapp.shell.currentWidget;
            panel.content.activeCellIndex = 1;
            panel.content.activeCell.model.sharedModel.setSource(source);
            await window.jupyterapp.commands.execute('notebook:run-cell');
        }""",
        COUNT,
    )
    lab.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.activeCell.model.outputs.length > 0"
    )
    (output,) = lab.cells()[1]["outputs"]
    assert "".join(output["text"]).split() == ["42", "4", "0", "20", "31"]
    assert lab.foreign == []
