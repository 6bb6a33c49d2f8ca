"""Lab 08: what is held against the library, and what the lab says of its broken programs."""

import pytest
import torch
from lab08_programs import named
from test_answers import Lab
from torch import nn

from lecturelib.games import R1
from lecturelib.models.gan import GAN
from lecturelib.models.growing import GAIN, EqualLinear
from lecturelib.models.styled import AdaIN, Mapping, StyledLayer, StyleGenerator

LAB = Lab("lab08")
S = LAB.solution
CELLS = {cell.id: cell.source for cell in LAB.notebook.cells}
REPAIRS = {
    "K": {"statistics": "picture"},
    "L": {"told": (0, 1, 2, 3)},
    "M": {"centre": "mean of w"},
    "N": {"strength": 0.0},
}


def test_adain_is_the_librarys():
    layer, x, w = AdaIN(5, 7), 1 + 2 * torch.randn(3, 5, 6, 4), torch.randn(3, 7)
    with torch.no_grad():
        torch.testing.assert_close(S["adain"](x, layer.style(w)), layer(x, w))


def test_the_noise_is_the_librarys():
    layer, x, w, noise = (
        StyledLayer(nn.Identity(), 4, 6),
        torch.randn(3, 4, 5, 5),
        torch.randn(3, 6),
        torch.randn(3, 1, 5, 5),
    )
    layer.strength.data = torch.randn(1, 4, 1, 1)
    with torch.no_grad():
        noisy = nn.functional.leaky_relu(S["add_noise"](x, noise, layer.strength[0, :, 0, 0]), 0.2)
        torch.testing.assert_close(S["adain"](noisy, layer.adain.style(w)), layer(x, w, noise))


def test_the_equalised_layer_is_the_librarys():
    layer, x = EqualLinear(6, 4, rate=0.1, bias=0.7), torch.randn(5, 6)
    with torch.no_grad():
        torch.testing.assert_close(S["equal_linear"](x, layer.weight, layer.bias, 0.1), layer(x))
    assert S["GAIN"] == GAIN
    weights = EqualLinear(200, 300, rate=0.01).weight
    mine = S["start_weights"](200, 300, 0.01)
    assert mine.shape == weights.shape
    assert mine.std().item() == pytest.approx(weights.std().item(), rel=0.02)


def test_the_mapping_is_the_librarys():
    library, z = Mapping(5, 7, 4), torch.randn(6, 5)
    layers = [layer for layer in library.layers if isinstance(layer, EqualLinear)]
    for layer in layers:
        nn.init.normal_(layer.bias, 0, 50)
    with torch.no_grad():
        found = S["mapping"](z, [layer.weight for layer in layers], [layer.bias for layer in layers], 0.01)
        torch.testing.assert_close(found, library(z))


class Ones(nn.Module):
    """A mapping of which every w is (1, 1)."""

    def forward(self, z):
        return torch.ones(len(z), 2)


def test_styles_are_mixed_as_in_the_library():
    """The cuts have the same distribution, and what they do is the same."""
    library = StyleGenerator(noise=4, channels=(3, 3, 3), width=2, depth=1, mixing=0.6)
    w = torch.zeros(20_000, 2)
    library.mapping = Ones()
    told = library._mixed(w)[:, :, 0]
    mine = S["mix"](w, w + 1, S["draw_cuts"](len(w), 6, 0.6), 6)[:, :, 0]
    torch.testing.assert_close(mine.mean(0), told.mean(0), atol=0.02, rtol=0)
    cuts = (6 - told.sum(1)).long()
    torch.testing.assert_close(S["mix"](w, w + 1, cuts, 6)[:, :, 0], told)


def test_truncation_is_the_librarys():
    library, z = StyleGenerator(noise=4, channels=(3, 3, 3), width=5, depth=2), torch.randn(7, 4)
    library.recentre(500)
    with torch.no_grad():
        w = library.styles(z)
        found = S["truncate"](w, library.centre, 0.4, [0, 1, 2, 3])
        torch.testing.assert_close(found, library.styles(z, 0.4, slice(4)))


def test_the_lazy_penalty_and_its_optimizer_are_the_librarys():
    D = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 1), nn.Flatten(0))
    real, gan = torch.rand(5, 2, 6, 6), GAN(nn.Linear(3, 3), D, penalty=R1(0.7), lazy=16, noise=3, betas=(0.5, 0.99))
    gan.fake = lambda n, *condition: torch.rand(n, 2, 6, 6)
    right = gan.penalty_loss(real)["loss"]
    torch.testing.assert_close(S["lazy_r1"](D, real, 32, 0.7, 16), right)
    assert S["lazy_r1"](D, real, 33, 0.7, 16) == 0
    group = gan.turns(0.002)[0].optimizer.param_groups[0]
    rate, beta1, beta2 = S["corrected"](0.002, 0.5, 0.99, 16)
    assert (group["lr"], *group["betas"]) == pytest.approx((rate, beta1, beta2), rel=1e-12)


def test_corrected_steps_go_as_far_and_forget_as_much():
    for every in (1, 4, 16):
        rate, beta1, beta2 = S["corrected"](0.01, 0.5, 0.99, every)
        assert (every + 1) * rate == pytest.approx(every * 0.01)
        assert beta1 ** (every + 1) == pytest.approx(0.5**every)
        assert beta2 ** (every + 1) == pytest.approx(0.99**every)


@pytest.fixture(scope="module")
def space() -> dict:
    """The lab's namespace with its given cells on the programs."""
    found = S | {"show": lambda *_, **__: None}
    for name in ("discs", "generator", "draw", "players", "program", "settings", "failures", "evidence"):
        exec(CELLS[name], found)
    return found


NAMES = ("far", "same", "place", "colour", "neighbours", "middle", "centre")


def judged(space: dict, settings: dict, number: int) -> dict[str, float]:
    """The evidence by name."""
    return dict(zip(NAMES, space["evidence"](*space["play"](settings, number)), strict=True))


def complaints(found: dict[str, float]) -> set[str]:
    """The letters whose complaint holds of what was found.

    With the statistics of the batch, colours follow the w of the last layer less than they should, too.
    """
    return {
        letter
        for letter, holds in {
            "K": found["neighbours"] > 0.01,
            "L": found["colour"] < 0.4 and found["neighbours"] < 1e-5,
            "M": found["middle"] > 0.055 and found["centre"] > 1,
            "N": found["same"] < 0.5,
        }.items()
        if holds
    }


@pytest.fixture(scope="module")
def evidence(space) -> dict[str, dict[str, float]]:
    programs = {"works": space["SETTINGS"], **space["PROGRAMS"]}
    return {name: judged(space, settings, 8 if name == "works" else 0) for name, settings in programs.items()}


def test_what_works_has_discs_whose_place_and_colour_can_be_mixed(evidence):
    found = evidence["works"]
    assert not complaints(found)
    assert found["far"] < 0.06
    assert min(found["same"], found["place"], found["colour"]) > 0.8
    assert found["neighbours"] < 1e-5
    assert found["centre"] < 0.2


@pytest.mark.parametrize("letter", REPAIRS)
def test_each_fails_in_its_own_way_alone(evidence, letter):
    assert complaints(evidence[letter]) == {letter}


def test_without_a_style_in_the_last_layer_the_other_w_does_nothing(space):
    generator, _ = space["play"](space["PROGRAMS"]["L"] | {"steps": 5}, 0)
    w, other, noise = torch.randn(6, 16), torch.randn(6, 16), space["noises"](6)
    both = space["mix"](w, other, torch.full((6,), 3), 4)
    with torch.no_grad():
        mixed, alone = (space["draw"](generator, told, noise) for told in (both, both[:, :1].expand(-1, 4, -1)))
    assert torch.equal(mixed, alone)


def test_the_w_of_the_mean_is_near_zero_and_the_mean_of_w_is_not(space):
    _, centre = space["play"](space["PROGRAMS"]["M"] | {"steps": 5}, 0)
    _, mean = space["play"](space["PROGRAMS"]["M"] | REPAIRS["M"] | {"steps": 5}, 0)
    assert centre.norm() < 0.1 < 1 < mean.norm()


def test_statistics_of_the_batch_are_adain_of_one_tall_picture(space):
    x, style = torch.randn(5, 16, 4, 4), torch.randn(5, 32)
    found = space["normalised"](x, style, "batch")
    scale, shift = style[:, :16, None, None], style[:, 16:, None, None]
    z = nn.functional.batch_norm(x, None, None, training=True, eps=1e-5)
    torch.testing.assert_close(found, (1 + scale) * z + shift)
    torch.testing.assert_close(space["normalised"](x, style, "picture"), S["adain"](x, style))


def test_discs_are_measured_as_they_are_drawn(space):
    torch.manual_seed(0)
    places, colours = 2 + 3 * torch.rand(50, 2), 0.4 + 0.5 * torch.rand(50, 3)
    found, seen, misfit = space["measured"](space["discs_at"](places, colours))
    assert (found - places).abs().max() < 0.1
    assert (seen - colours).abs().max() < 0.02
    assert misfit.max() < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("letter", REPAIRS)
def test_each_is_repaired_where_it_is_broken(space, letter):
    for number in range(2):
        assert not complaints(judged(space, space["PROGRAMS"][letter] | REPAIRS[letter], number)), number


@pytest.mark.slow
@pytest.mark.parametrize("letter", REPAIRS)
def test_none_is_repaired_by_its_other_settings(space, letter):
    others = {key: value for key, value in space["SETTINGS"].items() if key not in REPAIRS[letter]}
    assert complaints(judged(space, space["PROGRAMS"][letter] | others, 0)) == {letter}


@pytest.mark.soak
def test_they_end_as_badly_from_other_seeds(space):
    for number in range(1, 5):
        assert not complaints(judged(space, space["SETTINGS"], number)), number
        for letter in REPAIRS:
            assert complaints(judged(space, space["PROGRAMS"][letter], number)) == {letter}, (letter, number)


def test_truncation_wins_quality_and_loses_variety(space):
    """What the open question asks for."""
    generator, centre = space["play"](space["SETTINGS"], 8)
    torch.manual_seed(3)
    with torch.no_grad():
        w, found = generator.w(torch.randn(1000, 8))[:, None].expand(-1, 4, -1), []
        for psi in (1.0, 0.5, 0.0):
            made = space["draw"](generator, S["truncate"](w, centre, psi, [0, 1, 2, 3]))
            places, colours, misfit = space["measured"](made)
            found.append((misfit.mean(), places.std(0).mean(), colours.std(0).mean()))
    misfits, places, colours = zip(*found, strict=True)
    assert misfits[2] < misfits[1] < misfits[0]
    for spread in (places, colours):
        assert spread[2] < 0.1 * spread[0] < spread[1] < 0.8 * spread[0]


def test_the_list_of_causes_is_that_of_the_check():
    LAB.lists_its_causes(named()["diagnosis"]())


def test_the_settings_are_explained():
    told = {word for line in CELLS["failures-text"].splitlines() if line.startswith("| `")
            for word in line.split("|")[1].replace("`", "").replace(" ", "").split(",")}  # fmt: skip
    found: dict = {}
    exec(CELLS["imports"] + "\nclass Generator: ...\n" + CELLS["settings"], found)
    assert told == set(found["SETTINGS"])


def test_the_points_of_the_table_are_those_of_the_cells():
    LAB.table_adds_up(5)


def test_every_picture_waits_until_its_functions_are_written():
    LAB.pictures_wait_for("play", "works", "draw", "evidence")


def test_no_line_of_a_solution_is_released():
    LAB.release_hides_every_line()
