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


def test_a_line_drawn_with_the_mouse_reaches_the_network(open_cells):
    lab = open_cells(CELL)
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
    assert lab.ask(COUNT).split() == ["42", "4", "0", "20", "31"]
    assert lab.foreign == []
