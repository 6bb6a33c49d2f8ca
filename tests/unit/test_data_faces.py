"""The drawn faces: shapes, factors and how they are biased, pictures, and what is kept of them."""

import math

import numpy as np
import pytest
import torch

from lecturelib.data import DataError, faces, load
from lecturelib.data.face_factors import FACTOR_NAMES, FACTORS, HAIR_STYLES, LOOKS
from lecturelib.data.faces import draw_faces
from lecturelib.data.sdf import box, cover, ellipse, line

PIXEL = 2 / 64
TICKS = (torch.arange(64) + 0.5) * PIXEL - 1
X, Y = TICKS[None, :], TICKS[:, None]


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """What is drawn here is kept here."""
    monkeypatch.setattr(faces, "KEPT", tmp_path / "drawn")
    return tmp_path / "drawn"


def usual(**changed) -> torch.Tensor:
    """Factors (1, 15) where they usually are, but for those that are named."""
    values = {factor.name: factor.usual for factor in FACTORS} | changed
    return torch.tensor([[float(values[name]) for name in FACTOR_NAMES]])


# shapes


def outline(kind: str) -> torch.Tensor:
    t = torch.linspace(0, 2 * math.pi, 20_001)[:-1]
    if kind == "circle":
        return torch.stack([0.6 * t.cos(), 0.6 * t.sin()], 1)
    if kind == "ellipse":
        return torch.stack([0.7 * t.cos(), 0.4 * t.sin()], 1)
    side = torch.linspace(-1, 1, 5001)
    a, b, r = 0.7, 0.4, 0.15
    quarter = torch.linspace(0, math.pi / 2, 2001)
    corner = torch.stack([a - r + r * quarter.cos(), b - r + r * quarter.sin()], 1)
    top = torch.stack([(a - r) * side, torch.full_like(side, b)], 1)
    right = torch.stack([torch.full_like(side, a), (b - r) * side], 1)
    part = torch.cat([corner, top, right])
    return torch.cat([part, -part, part * torch.tensor([1, -1]), part * torch.tensor([-1, 1])])


@pytest.mark.parametrize(("kind", "distance", "near"), [
    ("circle", lambda x, y: ellipse(x, y, 0.6, 0.6), 1.0),
    ("box", lambda x, y: box(x, y, 0.7, 0.4, 0.15), 1.0),
    ("ellipse", lambda x, y: ellipse(x, y, 0.7, 0.4), 0.05),  # to first order: where it matters, at the edge
])  # fmt: skip
def test_distances_are_those_to_the_nearest_point_of_the_outline(kind, distance, near):
    points = torch.stack(torch.broadcast_tensors(X, Y), -1).reshape(-1, 2)
    true = torch.cdist(points, outline(kind)).amin(1).view(64, 64)
    found = distance(X, Y)
    close = true < near
    assert close.sum() > 300
    assert (found.abs() - true)[close].abs().max() < 4e-3
    corner = ((X.abs() - 0.55).clamp(min=0) ** 2 + (Y.abs() - 0.25).clamp(min=0) ** 2) < 0.15**2
    inside = {"circle": X**2 + Y**2 < 0.36, "ellipse": (X / 0.7) ** 2 + (Y / 0.4) ** 2 < 1, "box": corner}
    assert torch.equal(found < 0, inside[kind])


def test_what_is_covered_adds_up_to_the_area():
    assert float(cover(ellipse(X, Y, 0.7, 0.4), PIXEL).sum()) * PIXEL**2 == pytest.approx(math.pi * 0.28, rel=2e-3)


@pytest.mark.parametrize("width", [0.004, 0.03, 0.2])  # an eighth of a pixel, one, six
def test_lines_thinner_than_a_pixel_are_faint_not_lost(width):
    circle = ellipse(X, Y, 0.6, 0.6)
    area = float(line(circle, width, PIXEL).sum()) * PIXEL**2
    assert area == pytest.approx(2 * math.pi * 0.6 * width, rel=0.06)


# factors


def test_the_same_seed_gives_the_same_people_and_more_of_them():
    few, many = load("faces", n=30, seed=3), load("faces", n=1100, seed=3)
    for name in ("x", "factors", "looks"):
        assert torch.equal(getattr(few, name), getattr(many, name)[:30])
    assert not torch.equal(few.factors, load("faces", n=30, seed=4).factors)
    assert not torch.equal(few.factors, load("faces", n=30, seed=3, split="test").factors)
    assert few.x.shape == (30, 3, 32, 32)
    assert few.stored[0].dtype == torch.uint8
    assert few.factor_names == list(FACTOR_NAMES)
    assert few.looks.shape == (30, len(LOOKS))


def test_factors_are_independent_and_spread_over_their_ranges():
    factors = load("faces", n=8192, keep=False).factors
    for factor, column in zip(FACTORS, factors.T, strict=True):
        if factor.values:
            shares = torch.tensor(factor.shares or [1 / len(factor.values)] * len(factor.values))
            assert column.long().bincount(minlength=len(shares)).div(8192).allclose(shares, atol=0.03), factor.name
        else:
            assert factor.low <= column.min() < factor.low + 0.02
            assert factor.high - 0.02 < column.max() <= factor.high
    off = torch.corrcoef(factors.T) - torch.eye(len(FACTORS))
    assert off.abs().max() < 0.06


@pytest.mark.parametrize(("name", "bias", "low", "high", "mean"), [
    ("skin", (0.0, 0.3), 0.0, 0.3, 0.15),
    ("skin", 0.7, 0.7, 0.7, 0.7),
    ("yaw", lambda u: u**3, -1, 1, -0.5),
    ("glasses", 0.9, 0, 1, 0.9),
    ("glasses", "none", 0, 0, 0),
    ("beard", "full", 3, 3, 3),
    ("hair_colour", [0, 1, 0, 1, 0], 1, 3, 2),
])  # fmt: skip
def test_a_bias_says_how_one_factor_is_drawn_and_leaves_the_others(name, bias, low, high, mean):
    plain, biased = load("faces", n=600, keep=False), load("faces", n=600, keep=False, bias={name: bias})
    column = FACTOR_NAMES.index(name)
    values = biased.factors[:, column]
    assert low - 1e-6 <= values.min() <= values.max() <= high + 1e-6
    assert float(values.mean()) == pytest.approx(mean, abs=0.12)
    others = [i for i in range(len(FACTORS)) if i != column]
    assert torch.equal(plain.factors[:, others], biased.factors[:, others])
    assert torch.equal(plain.looks, biased.looks)


def test_what_does_not_vary_stays_where_it_usually_is():
    data = load("faces", n=50, vary=("skin", "mouth"), bias={"glasses": "glasses"}, keep=False)
    moves = data.factors.std(0) > 0
    assert [name for name, moved in zip(FACTOR_NAMES, moves, strict=True) if moved] == ["skin", "mouth"]
    assert (data.factors[:, FACTOR_NAMES.index("glasses")] == 1).all()
    assert (data.looks == 0.5).all()


@pytest.mark.parametrize(("options", "words"), [
    ({"n": 0}, "n is 0"),
    ({"size": 16}, "size is 16"),
    ({"size": 300}, "32 to 256"),
    ({"split": "all"}, "split is 'all'"),
    ({"bias": {"smile": 1}}, "there is no factor 'smile'"),
    ({"vary": ["skin", "hat"]}, "there is no factor 'hat'"),
    ({"bias": {"skin": 1.2}}, "skin runs from 0 to 1"),
    ({"bias": {"skin": (0.5, 0.1)}}, "not within"),
    ({"bias": {"skin": "dark"}}, "'dark' is no bias"),
    ({"bias": {"beard": "long"}}, "choose one of none, moustache"),
    ({"bias": {"beard": [1, 1]}}, "the 4 shares"),
    ({"bias": {"beard": [1, 1, 1, -1]}}, "no bias"),
    ({"bias": {"glasses": 1.5}}, "no bias"),
    ({"bias": {"yaw": lambda u: u + 0.9}}, "one number in [0, 1]"),
])  # fmt: skip
def test_bad_options_are_named(options, words):
    with pytest.raises(DataError) as error:
        load("faces", **({"n": 4} | options))
    assert words in str(error.value)


@pytest.mark.parametrize(("factors", "looks", "words"), [
    (usual()[:, :5], None, "a tensor (n, 15)"),
    (usual(mouth=1.5), None, "mouth is 1.5"),
    (usual(hair_style=0.5), None, "whole numbers from 0 to 7"),
    (usual(skin=math.nan), None, "skin is nan"),
    (usual(), torch.ones(2, 8), "looks are a tensor (1, 8)"),
    (usual(), torch.full((1, 8), 2.0), "numbers in [0, 1]"),
])  # fmt: skip
def test_faces_that_cannot_be_drawn_are_named(factors, looks, words):
    with pytest.raises(DataError) as error:
        draw_faces(factors, looks)
    assert words in str(error.value)


# pictures


def test_a_data_set_can_be_drawn_again_from_its_factors():
    data = load("faces", n=40, seed=1)
    assert (draw_faces(data.factors, data.looks) - data.x).abs().max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("name", FACTOR_NAMES)
def test_every_factor_shows(name):
    factor = FACTORS[FACTOR_NAMES.index(name)]
    values = range(len(factor.values)) if factor.values else (factor.low, factor.usual, factor.high)
    pictures = draw_faces(torch.cat([usual(**{name: value}) for value in values]))
    for i in range(len(pictures)):
        for j in range(i):
            assert (pictures[i] - pictures[j]).abs().amax() > 0.1, (values[i], values[j])


@pytest.mark.parametrize("name", [factor.name for factor in FACTORS if not factor.values])
def test_no_number_makes_a_picture_jump(name):
    factor, column = FACTORS[FACTOR_NAMES.index(name)], FACTOR_NAMES.index(name)
    factors, looks = usual().repeat(401, 1), torch.full((401, len(LOOKS)), 0.5)
    factors[:, column] = torch.linspace(factor.low, factor.high, 401)
    looks[:, LOOKS.index("opening")] = 1.0
    pictures = draw_faces(factors, looks)
    assert (pictures[1:] - pictures[:-1]).abs().max() < 0.06


@pytest.mark.parametrize(("name", "value", "rows", "columns"), [
    ("glasses", 1, (0.3, 0.66), (0.1, 0.9)),
    ("mouth", -1, (0.55, 0.85), (0.2, 0.8)),
    ("nose", 1, (0.35, 0.72), (0.25, 0.75)),
    ("eye_colour", 1, (0.35, 0.6), (0.2, 0.8)),
])  # fmt: skip
def test_a_feature_changes_its_own_place_only(name, value, rows, columns):
    change = (draw_faces(usual(**{name: value}), size=64) - draw_faces(usual(), size=64)).abs().amax(1)[0]
    inside = change[int(64 * rows[0]) : int(64 * rows[1]), int(64 * columns[0]) : int(64 * columns[1])]
    assert inside.max() > 0.1
    assert (change > 1e-5).sum() == (inside > 1e-5).sum()


@pytest.mark.parametrize("style", [i for i, name in enumerate(HAIR_STYLES) if name != "spiky"])
def test_turned_and_lit_from_the_other_side_it_is_its_mirror_image(style):
    left, right = (usual(yaw=s * 0.8, light=s * 0.6, hair_style=style, glasses=1, beard=3) for s in (-1, 1))
    difference = (draw_faces(left, size=64) - draw_faces(right, size=64).flip(3)).abs()
    assert difference.mean() < (0.04 if HAIR_STYLES[style] == "curly" else 0.02)  # strands, curls: not symmetric
    front = difference[..., 26:44, 16:48]  # eyes, nose, mouth
    assert front.mean() < 0.01


@pytest.mark.parametrize("size", [64, 128])
def test_edges_are_smooth_a_small_picture_is_a_large_one_averaged(size):
    data = load("faces", n=64, seed=2, keep=False)
    large = draw_faces(data.factors, data.looks, size=size)
    small = torch.nn.functional.interpolate(large, 32, mode="area")
    assert (small - data.x).abs().mean() < 0.012


@pytest.mark.parametrize("size", [32, 47, 256])
def test_any_size(size):
    x = load("faces", n=2, size=size, keep=False).x
    assert x.shape == (2, 3, size, size)
    assert x.std() > 0.1


def test_light_falls_from_its_side():
    left, right = draw_faces(torch.cat([usual(light=-1), usual(light=1)])).mean(1)
    assert left[14:26, 9:13].mean() > left[14:26, 19:23].mean() + 0.05
    assert right[14:26, 9:13].mean() < right[14:26, 19:23].mean() - 0.05


# what is kept


def test_what_was_drawn_is_read_the_next_time(kept, monkeypatch):
    first = load("faces", n=1500, seed=5)
    files = list(kept.rglob("*.npy"))
    assert len(files) == 2
    monkeypatch.setattr(faces, "draw_faces", None)  # nothing can be drawn now
    assert torch.equal(load("faces", n=1500, seed=5).x, first.x)
    assert not [p for p in kept.rglob("*") if p.suffix == ".part"]


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", "cut", "shape"])
def test_a_damaged_file_is_drawn_again(damage, kept):
    first = load("faces", n=20, seed=5)
    (file,) = kept.rglob("*.npy")
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "shape":
        np.save(file, np.zeros((3, 3), np.uint8))
    else:
        file.write_bytes(damage)
    assert torch.equal(load("faces", n=20, seed=5).x, first.x)
    assert np.load(file).shape == (20, 3, 32, 32)


def test_a_folder_that_cannot_be_written_is_let_be(kept):
    kept.write_text("a file where the folder should be")
    assert len(load("faces", n=3)) == 3


def test_older_renderers_and_too_many_files_make_room(kept, monkeypatch):
    load("faces", n=10, seed=1)
    monkeypatch.setattr(faces, "version", lambda: "another")
    load("faces", n=10, seed=2)
    assert [folder.name for folder in kept.iterdir()] == ["another"]
    monkeypatch.setattr(faces, "MOST_BYTES", 70_000)  # two files of 10 faces
    for seed in range(3, 7):
        load("faces", n=10, seed=seed)
    assert len(list(kept.rglob("*.npy"))) == 2


def test_keep_false_writes_nothing(kept):
    load("faces", n=5, keep=False)
    assert not kept.exists()
