"""The catalogue and the sources that need no network."""

import math

import pytest
import torch

from lecturelib.data import DataError, datasets, load
from lecturelib.data.strokes import POINTS, read_shape
from lecturelib.data.toys import KINDS


def test_unknown_names_and_options():
    with pytest.raises(DataError, match="did you mean mnist"):
        load("mnits")
    with pytest.raises(DataError, match="choose one of"):
        load("zzzzz")
    with pytest.raises(DataError, match="digits has no option 'n'"):
        load("digits", n=3)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("glyphs", {"n": 0}),
        ("glyphs", {"n": 2.5}),
        ("glyphs", {"n": "10"}),
        ("glyphs", {"size": 7}),
        ("photos", {"size": 0}),
        ("photos", {"n": -1, "patch": 8}),
        ("photos", {"patch": 0}),
        ("photos", {"scale": 0, "patch": 8}),
        ("photos", {"scale": math.nan, "patch": 8}),
        ("toys", {"n": True}),
        ("toys", {"noise": -0.1}),
        ("toys", {"noise": "much"}),
        ("toys", {"k": 0, "kind": "ring_of_gaussians"}),
        ("toys", {"spacing": 0.0, "kind": "grid_of_gaussians"}),
    ],
)
def test_options_out_of_range_are_named_with_their_value(name, options):
    option, value = next(iter(options.items()))
    with pytest.raises(DataError, match=rf"^{option} is {value!r}; a (whole )?number"):
        load(name, **options)


def test_a_scale_that_leaves_nothing_of_the_photographs():
    with pytest.raises(DataError, match="smallest photograph has 0 pixels"):
        load("photos", patch=1, scale=1e-4)


@pytest.mark.slow
def test_catalogue_names_what_load_accepts():
    entries = {entry.name: entry for entry in datasets()}
    for name, entry in entries.items():
        assert entry.kind in ("drawn", "bundled", "download")
        assert entry.what
        assert entry.size
        assert entry.origin
        assert entry.licence
        if entry.kind == "download":
            assert entries[entry.nearest].kind != "download", name
        else:
            assert entry.present
            assert len(load(name)) >= 10


def test_digits_are_in_their_original_order():
    data = load("digits")
    assert data.x.shape == (1797, 1, 8, 8)
    assert data.x.max() == 1
    assert torch.equal(data.x * 16, (data.x * 16).round())
    assert data.y[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


def test_lfw_faces_come_first():
    data = load("lfw")
    assert data.x.shape == (200, 1, 25, 25)
    assert data.y.tolist() == [1] * 100 + [0] * 100


def test_photos():
    data = load("photos", size=32)
    assert data.x.shape == (10, 1, 32, 32)
    assert data.x.std((1, 2, 3)).min() > 0.03  # no picture is blank
    assert load("photos", size=32, channels=3).x.shape == (6, 3, 32, 32)
    with pytest.raises(DataError, match="choose from"):
        load("photos", which=["camera"], channels=3)


def test_patches_lie_in_their_photograph():
    patches = load("photos", patch=6, n=50, scale=1, which=["camera", "grass"])
    for label, name in enumerate(patches.classes):
        whole = load("photos", size=512, which=[name]).stored[0][0, 0]
        windows = whole.unfold(0, 6, 1).unfold(1, 6, 1).reshape(-1, 36)
        for patch in patches.subset(patches.y == label).stored[0][:3]:
            assert (windows == patch.reshape(36)).all(1).any()
    assert torch.equal(load("photos", patch=6, n=50).x, load("photos", patch=6, n=50).x)
    with pytest.raises(DataError, match="smallest photograph"):
        load("photos", patch=400)


def test_whitening_flattens_the_spectrum():
    def spectrum(data):
        power = torch.fft.rfft2(data.x[:, 0] - data.x[:, 0].mean((1, 2), keepdim=True)).abs().square().mean(0)
        return power[0, 1:5]  # along the rows, below the cut-off

    plain = spectrum(load("photos", patch=16, n=2000))
    white = spectrum(load("photos", patch=16, n=2000, whiten=True))
    assert plain.max() > 8 * plain.min()  # natural pictures: about 1 / f^2
    assert white.max() < 3 * white.min()
    with pytest.raises(DataError, match="grey patches"):
        load("photos", whiten=True)


@pytest.mark.parametrize("kind", KINDS)
def test_toy_density_is_that_of_the_samples(kind):
    data = load("toys", kind=kind, n=4000, seed=1)
    assert data.x.shape == (4000, 1 if kind == "mixture_1d" else 2)
    # E_p[q / p] = 1 for a q that p covers: here q is p, moved a little
    moved = data.truth.log_density(data.x + 0.02)
    ratio = torch.exp(moved - data.truth.log_density(data.x))
    assert ratio.mean().item() == pytest.approx(1, abs=0.08)
    # and p integrates to 1
    side, width = 150, 12.0
    ticks = (torch.arange(side) + 0.5) * width / side - width / 2
    grid = ticks[:, None] if data.x.shape[1] == 1 else torch.cartesian_prod(ticks, ticks)
    total = data.truth.log_density(grid).exp().sum() * (width / side) ** data.x.shape[1]
    assert total.item() == pytest.approx(1, abs=2e-3)


def test_toys_against_the_normal_density():
    truth = load("toys", kind="two_gaussians", distance=0.0, noise=2.0).truth
    x = torch.tensor([[1.0, -2.0]])
    expected = -5 / 8 - math.log(2 * math.pi * 4)
    assert truth.log_density(x).item() == pytest.approx(expected, abs=1e-5)
    with pytest.raises(DataError, match="no toy"):
        load("toys", kind="star")
    with pytest.raises(DataError, match="moons"):
        load("toys", radius=3)


def test_documents_keep_their_texts():
    data = load("documents", per_class=20, vocabulary=100, packages=("skimage", "networkx"))
    assert len(data) == len(data.texts) <= 40
    assert data.x.shape == (len(data), len(data.words))
    part = data.subset([5, 2]).split(1, 1)
    for piece in (data.subset([5]), data.subset(data.y == 1), *part):
        row = data.texts.index(piece.texts[0])
        assert torch.equal(piece.x[0], data.x[row])
    word = data.words[int(data.x[0].argmax())]
    assert data.texts[0].lower().count(word) >= data.x[0].max()
    with pytest.raises(DataError, match="not installed"):
        load("documents", packages=("no_such_package",))


def test_strokes_are_evenly_spaced_and_pass_through_their_points():
    control, weights = read_shape("0,0 10,0* 10,10 / 0,5 0,10")
    points = weights @ control
    assert points.shape == (POINTS, 2)
    assert weights.sum(1) == pytest.approx(1)
    steps = ((points[1:] - points[:-1]) ** 2).sum(1) ** 0.5
    assert sorted(steps)[-2] < 1.5 * sorted(steps)[0]  # but for the lifted pen
    for target in control:
        assert (((points - target) ** 2).sum(1) ** 0.5).min() < 0.03


def test_glyphs_depend_on_seed_split_and_nothing_else():
    torch.manual_seed(1)
    some = load("glyphs", n=50)
    torch.manual_seed(2)
    more = load("glyphs", n=1100)
    assert torch.equal(some.stored[0], more.stored[0][:50])
    assert torch.equal(some.y, more.y[:50])
    for other in (load("glyphs", n=50, seed=1), load("glyphs", n=50, split="test")):
        assert not torch.equal(some.stored[0], other.stored[0])
    assert len({tuple(image.flatten().tolist()) for image in more.stored[0]}) == 1100


def test_glyphs_are_made_like_mnist():
    data = load("glyphs", n=3000)
    assert data.x.shape == (3000, 1, 28, 28)
    assert data.y.bincount().min() > 200
    assert data.x.mean().item() == pytest.approx(0.13, abs=0.02)  # MNIST's is 0.1307
    ticks = torch.arange(28) - 13.5
    mass = data.x.sum((1, 2, 3))
    centre = (data.x.sum((1, 2)) * ticks).sum(1) / mass
    assert centre.abs().mean() < 0.5
    rows = (data.x > 0.3).any(3)[:, 0].sum(1)
    columns = (data.x > 0.3).any(2)[:, 0].sum(1)
    longest = torch.maximum(rows, columns).float()
    assert longest.median() == 20
    assert ((longest - 20).abs() <= 1).float().mean() > 0.9


@pytest.mark.parametrize(("kind", "classes"), [("digits", 10), ("letters", 26), ("all", 36)])
def test_kinds_and_sizes_of_glyphs(kind, classes):
    data = load("glyphs", n=1000, kind=kind, size=16, factors=True)
    assert data.x.shape == (1000, 1, 16, 16)
    assert len(data.classes) == classes == len(data.y.unique())
    assert data.factors.shape == (1000, 5)
    with pytest.raises(DataError, match="kind is"):
        load("glyphs", kind="runes")
    with pytest.raises(DataError, match="split is"):
        load("glyphs", split="dev")


def test_width_factor_is_the_ink():
    data = load("glyphs", n=1000, factors=True)
    width = data.factors[:, 3]
    ink = data.x.mean((1, 2, 3))
    assert torch.corrcoef(torch.stack([width, ink]))[0, 1] > 0.7
