"""A prompt is written in JupyterLab: Enter draws its faces, a word that is not known is answered in words."""

CELL = """import torch
from ipywidgets import Text
from lecturelib import pretrained, seed
from lecturelib.data.prompts import encode, words
from lecturelib.models.latent import Latent
from lecturelib.show import explore, plots
latent = Latent(pretrained("faces_code"), pretrained("faces_prompted")).eval()
def answer(prompt="glasses"):
    seed(0)
    return plots.images(latent.sample(2, words(encode([prompt] * 2)), steps=4).clamp(0, 1), 2)
explore(answer, "Two faces with glasses.", prompt=Text(value="glasses"))"""


def test_enter_draws_what_is_asked_for_and_a_wrong_word_is_answered(open_cells):
    lab = open_cells(CELL)
    lab.run_all()
    cell = lab.show(0)
    picture, box = cell.locator("img.widget-image").first, cell.locator("input[type=text]").first
    picture.wait_for(state="visible")
    before = picture.get_attribute("src")
    box.fill("red hair, blue wall")
    box.press("Enter")
    lab.page.wait_for_function(
        "([element, before]) => element.src !== before", arg=[picture.element_handle(), before], timeout=30_000
    )
    lab.screenshot("faces")
    drawn = picture.get_attribute("src")
    box.fill("a purple <b>beard</b>")
    box.press("Enter")
    cell.get_by_text("is not known; there are: young").wait_for(state="visible", timeout=30_000)
    assert "<b>beard</b>" in cell.locator("em").first.inner_text()
    assert picture.get_attribute("src") == drawn
    lab.screenshot("answer")
    box.fill("old")
    box.press("Enter")
    lab.page.wait_for_function(
        "([element, before]) => element.src !== before", arg=[picture.element_handle(), drawn], timeout=30_000
    )
    assert cell.locator("em").count() == 0
    assert lab.foreign == []
