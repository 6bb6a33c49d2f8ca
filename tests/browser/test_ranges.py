"""A range of layers is dragged in JupyterLab, and the picture of these layers is drawn."""

CELL = """import torch
from ipywidgets import IntRangeSlider
from lecturelib.show import explore, plots
asked = []
def board(first=0, layers=(0, 3)):
    asked.append((first, *layers))
    x = torch.full((10, 8, 8), 0.2 + 0.05 * first)
    x[layers[0] : layers[1] + 1] += 0.3
    return plots.images(x, 10)
explore(board, "Ten squares, the first four brighter.", first=(0, 9), layers=IntRangeSlider(value=(0, 3), max=9))"""


def test_both_ends_of_a_range_can_be_dragged(open_cells):
    lab = open_cells(CELL)
    lab.run_all()
    cell = lab.show(0)
    picture, handles = cell.locator("img.widget-image").first, cell.locator(".noUi-handle")
    picture.wait_for(state="visible")
    assert handles.count() == 3  # one person, two ends
    track = cell.locator(".noUi-base").nth(1).bounding_box()
    mouse = lab.page.mouse
    for which, layer in ((2, 7), (1, 4)):  # the upper end first
        before, box = picture.get_attribute("src"), handles.nth(which).bounding_box()
        mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        mouse.down()
        mouse.move(track["x"] + track["width"] * layer / 9, box["y"] + box["height"] / 2, steps=6)
        mouse.up()
        lab.page.wait_for_function(
            "([element, before]) => element.src !== before", arg=[picture.element_handle(), before], timeout=30_000
        )
    lab.screenshot("after")
    assert lab.ask("print(asked)").strip() == "[(4, 0, 3), (4, 0, 7), (4, 4, 7)]"
    assert lab.foreign == []
