"""train and fit: turns, averages, schedules, resume, and what goes wrong."""

import io
import shutil
import subprocess
import sys
import textwrap
from contextlib import nullcontext
from itertools import pairwise

import pytest
import torch
from torch import nn

import lecturelib
from lecturelib.checkpoint import CheckpointError, load_tensors
from lecturelib.data.tensors import Data
from lecturelib.model import Model, Turn
from lecturelib.resume import History
from lecturelib.training import TrainingError, cosine, fit, train


class Noisy(Model):
    """A regression whose loss draws noise, with dropout and batch norm: everything that a resume could forget."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))

    def loss(self, x, y):
        x = x + 0.1 * torch.randn_like(x)
        return {"loss": (self.net(x)[:, 0] - y).square().mean(), "size": self.net[0].weight.square().mean()}


class Duel(Model):
    """Two players with batch norm who share a batch; the second moves every third step."""

    def __init__(self):
        super().__init__()
        self.left = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.right = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))

    def turns(self, lr):
        def loss(x, _):
            return {"loss": self.right(self.left(x)).square().mean() + self.right[0].weight.sum()}

        return [
            Turn("left", loss, torch.optim.SGD(self.left.parameters(), lr=lr), player=self.left),
            Turn("right", loss, torch.optim.SGD(self.right.parameters(), lr=lr), every=3, player=self.right),
        ]


@pytest.fixture
def data():
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    return Data(x, x.sum(1))


def weights(model):
    return [t.clone() for t in model.state_dict().values()]


def same(a, b):
    return all(torch.equal(s, t) for s, t in zip(a, b, strict=True))


def test_fit_learns_and_keeps_the_history(data):
    lecturelib.seed(0)
    history = fit(Noisy(), data, 300, batch_size=20, lr=1e-2)
    assert history["loss"].shape == (300,)
    assert history["loss"][-50:].mean() < 0.3 * history["loss"][:10].mean()
    assert history["size"].shape == (300,)
    assert not history.interrupted
    with pytest.raises(KeyError, match="there are loss, size"):
        history["accuracy"]


def test_same_seed_same_weights(data):
    def run(seed):
        lecturelib.seed(seed)
        model = Noisy()
        fit(model, data, 20, batch_size=8, seed=seed)
        return weights(model)

    assert same(run(1), run(1))
    assert not same(run(1), run(2))


def test_a_turn_moves_only_its_own_parameters_and_buffers(data):
    lecturelib.seed(0)
    model = Duel()
    steps = train(model, data, 4, batch_size=8)
    states = [[weights(m) for m in (model.left, model.right)]]
    for step in steps:
        states.append([weights(m) for m in (model.left, model.right)])
        assert ("right.loss" in step.losses) == (step.number % 3 == 0)
    left_moved = [not same(a[0], b[0]) for a, b in pairwise(states)]
    right_moved = [not same(a[1], b[1]) for a, b in pairwise(states)]
    assert left_moved == [True, True, True, True]
    assert right_moved == [True, False, False, True]
    assert model.left[1].num_batches_tracked == 4
    assert model.right[1].num_batches_tracked == 2


def test_accumulated_gradients_are_those_of_the_larger_batch(data):
    class Plain(Model):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(3, dtype=torch.float64))

        def loss(self, x, y):
            return {"loss": (x.double() @ self.w - y).square().mean()}

        def turns(self, lr):
            return [Turn("model", self.loss, torch.optim.SGD(self.parameters(), lr=lr))]

    big, small = Plain(), Plain()
    fit(big, data, 1, batch_size=16, lr=0.1)
    fit(small, data, 1, batch_size=8, accumulate=2, lr=0.1)
    assert torch.allclose(big.w, small.w, atol=1e-12)


def test_ema_is_the_average_of_parameters_and_the_copy_of_buffers(data):
    lecturelib.seed(0)
    model, expected = Noisy(), None
    for step in train(model, data, 10, batch_size=8, ema=0.9, lr=0.05):
        now = model.net[0].weight.detach().clone()
        expected = now if expected is None else 0.9 * expected + 0.1 * now
    assert torch.allclose(step.ema.net[0].weight, expected, atol=1e-6)
    assert torch.equal(step.ema.net[1].running_mean, model.net[1].running_mean)
    assert not any(module.training for module in step.ema.modules())  # it is looked at, not trained


def test_gradients_are_clipped(data):
    class Steep(Noisy):
        def turns(self, lr):
            return [Turn("model", lambda *b: {"loss": 1e4 * self.loss(*b)["loss"]},
                         torch.optim.SGD(self.parameters(), lr=1.0))]  # fmt: skip

    model = Steep()
    before = torch.cat([p.detach().flatten() for p in model.parameters()])
    fit(model, data, 1, batch_size=8, clip=0.5)
    moved = torch.cat([p.detach().flatten() for p in model.parameters()]) - before
    assert moved.norm() == pytest.approx(0.5, rel=1e-3)


def test_schedule_scales_the_learning_rate(data):
    factor = cosine(warmup=0.25, final=0.1)
    assert [factor(p) for p in (0, 0.125, 0.25, 1)] == pytest.approx([0, 0.5, 1, 0.1])
    model = Noisy()
    before = weights(model.net[0])
    fit(model, data, 3, batch_size=8, schedule=lambda progress: 0.0)
    assert same(before, weights(model.net[0]))


def test_bfloat16_trains_float32_parameters(data):
    lecturelib.seed(0)
    model = Noisy()
    history = fit(model, data, 100, batch_size=20, lr=1e-2, precision="bfloat16")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert history["loss"][-20:].mean() < history["loss"][:10].mean()


@pytest.mark.parametrize("stop", [1, 7, 19])
def test_a_stopped_run_resumes_bit_for_bit(data, tmp_path, stop):
    def run(until=None, path=None):
        lecturelib.seed(5)
        model = Noisy()
        options = {"batch_size": 6, "ema": 0.9, "schedule": cosine(), "accumulate": 2}
        for step in train(model, data, 25, checkpoint=path, checkpoint_every=4, **options):
            if step.number == until:
                return None
        return weights(model) + weights(step.ema)

    whole = run()
    run(until=stop, path=tmp_path / "run")
    torch.rand(100)  # what happens between must not matter
    assert same(whole, run(path=tmp_path / "run"))


SCRIPT = """
import os, signal, sys
import torch
sys.path.insert(0, {here!r})
from test_training import Data, Noisy, cosine, lecturelib, train
torch.set_num_threads(1)
x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
lecturelib.seed(5)
model = Noisy()
for step in train(model, Data(x, x.sum(1)), 60, batch_size=6, ema=0.9, checkpoint={path!r}, checkpoint_every=5):
    if step.number == {kill}:
        os.kill(os.getpid(), signal.SIGKILL)
torch.save([t for t in model.state_dict().values()], {out!r})
"""


@pytest.mark.slow
def test_a_killed_process_resumes_bit_for_bit(tmp_path):
    def run(path, kill, out):
        code = SCRIPT.format(here=str(__file__).rsplit("/", 1)[0], path=str(path), kill=kill, out=str(out))
        return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)

    assert run(tmp_path / "whole", -1, tmp_path / "a.pt").returncode == 0
    for kill in (3, 27, 44):
        assert run(tmp_path / "cut", kill, tmp_path / "b.pt").returncode == -9
    assert run(tmp_path / "cut", -1, tmp_path / "b.pt").returncode == 0
    assert same(torch.load(tmp_path / "a.pt"), torch.load(tmp_path / "b.pt"))


def test_a_finished_run_comes_back_with_its_history_and_average(data, tmp_path):
    options = {"batch_size": 8, "ema": 0.9, "checkpoint": tmp_path / "run"}
    first = fit(Noisy(), data, 7, **options)
    again = fit(Noisy(), data, 7, **options)
    assert torch.equal(first["loss"], again["loss"])
    assert same(weights(first.ema), weights(again.ema))
    longer = fit(Noisy(), data, 9, **options)
    assert torch.equal(longer["loss"][:7], first["loss"])
    assert longer.steps("loss").tolist() == list(range(9))


@pytest.mark.parametrize(
    ("change", "words"),
    [({"batch_size": 4}, "batch_size was 8, is 4"), ({"lr": 1e-5}, "lr was 0.001, is 1e-05"),
     ({"ema": 0.5}, "ema was None, is 0.5"), ({"clip": 1.0}, "clip was None, is 1.0"),
     ({"precision": "bfloat16"}, "precision was 'None', is 'bfloat16'")],
)  # fmt: skip
def test_another_runs_checkpoint_is_refused(data, tmp_path, change, words):
    fit(Noisy(), data, 2, batch_size=8, checkpoint=tmp_path / "run")
    model = Noisy()
    before = weights(model)
    with pytest.raises(CheckpointError, match=words):
        fit(model, data, 4, **{"batch_size": 8, "checkpoint": tmp_path / "run"} | change)
    assert same(before, weights(model))


def test_precision_auto_is_decided_once_for_a_run(data, tmp_path, monkeypatch):
    options = {"batch_size": 8, "precision": "auto", "checkpoint": tmp_path / "run"}
    monkeypatch.setattr("lecturelib.runtime.bfloat16_gain", lambda _: 3.0)
    fit(Noisy(), data, 2, **options)
    monkeypatch.setattr("lecturelib.runtime.bfloat16_gain", lambda _: 0.5)
    fit(Noisy(), data, 4, **options)
    assert '"dtype": "bfloat16"' in (tmp_path / "run.json").read_text()


def test_a_bad_loss_is_never_saved_over_a_good_checkpoint(data, tmp_path, monkeypatch):
    class Breaks(Noisy):
        def loss(self, x, y):
            bad = self.net[1].num_batches_tracked > 5
            return {"loss": super().loss(x, y)["loss"] * (float("nan") if bad else 1)}

    monkeypatch.setattr(Breaks, "device", property(lambda _: Far()))
    monkeypatch.setattr("lecturelib.runtime.to_device", lambda batch, _: batch)
    monkeypatch.setattr("torch.autocast", lambda *_, **__: nullcontext())
    with pytest.raises(TrainingError, match="not finite at step 6"):
        fit(Breaks(), data, 12, batch_size=8, checkpoint=tmp_path / "run", checkpoint_every=5)
    tensors, record = load_tensors(tmp_path / "run")
    assert record["step"] == 5
    assert all(t.isfinite().all() for t in tensors.values() if t.is_floating_point())


class Far:
    """Stands in for an accelerator, where the losses are looked at only now and then."""

    type = "cuda"


def test_a_frozen_part_is_left_alone(data):
    model = Noisy()
    model.net[0].requires_grad_(False)
    before = weights(model.net[0])
    fit(model, data, 3, batch_size=8)
    assert same(before, weights(model.net[0]))


def test_two_turns_of_one_name_are_refused(data):
    class Twins(Duel):
        def turns(self, lr):
            left, right = super().turns(lr)
            right.name = "left"
            return [left, right]

    with pytest.raises(ValueError, match="Twins: two turns share a name"):
        fit(Twins(), data, 1, batch_size=8)


@pytest.mark.parametrize(
    ("parts", "got"),
    [(lambda w: w.sum(), "a Tensor"), (lambda w: {"error": w.sum()}, "the entries error"),
     (lambda w: {"loss": w}, r"loss: \(3,\)"), (lambda w: {"loss": w.sum(), "size": 0.5}, r"loss: \(\), size: float")],
)  # fmt: skip
def test_a_loss_of_the_wrong_form_says_what_it_should_be(data, parts, got):
    class Odd(Model):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(3))

        def loss(self, x, y):
            return parts(self.w)

    with pytest.raises(TrainingError, match=f"must be a dict of 0-D tensors with an entry \"loss\".* it gave {got}"):
        fit(Odd(), data, 1, batch_size=8)


def test_a_loss_that_is_not_finite_stops_before_it_harms(data):
    class Breaks(Noisy):
        seen = 0

        def loss(self, x, y):
            self.seen += 1
            parts = super().loss(x, y)
            return parts | {"loss": parts["loss"] * (float("nan") if self.seen == 4 else 1)}

    model = Breaks()
    with pytest.raises(TrainingError, match=r"Breaks: the loss of turn 'model' is not finite at step 3 \(loss = nan"):
        fit(model, data, 10, batch_size=8)
    assert all(torch.isfinite(p).all() for p in model.parameters())


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"),
                                   RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")])  # fmt: skip
def test_out_of_memory_says_what_to_try(data, error):
    class Greedy(Noisy):
        def loss(self, x, y):
            raise error

    with pytest.raises(MemoryError, match="batch_size=8. Try batch_size=4 with accumulate=2"):
        fit(Greedy(), data, 1, batch_size=8)


def test_an_interrupted_fit_returns_the_history_and_a_usable_model(data):
    class Stopped(Noisy):
        seen = 0

        def loss(self, x, y):
            self.seen += 1
            if self.seen == 6:
                raise KeyboardInterrupt
            return super().loss(x, y)

    model = Stopped()
    history = fit(model, data, 100, batch_size=8)
    assert history.interrupted
    assert len(history["loss"]) == 5
    assert not model.training
    assert torch.isfinite(model.loss(data.x, data.y)["loss"])


def test_fit_shows_progress_rate_and_losses_in_a_terminal(data, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    fit(Noisy(), data, 30, batch_size=8)
    said = sys.stderr.getvalue()
    assert "Noisy: 100%" in said
    assert "30/30" in said
    assert "it/s, loss=" in said
    assert said.count("\n") == 1  # one bar, rewritten in place


def test_fit_is_quiet_when_redirected(data, capfd):
    fit(Noisy(), data, 3, batch_size=8)
    assert capfd.readouterr() == ("", "")


def test_a_batch_larger_than_the_data_is_an_error(data):
    with pytest.raises(ValueError, match="a batch of 64 cannot be drawn from 40 examples"):
        fit(Noisy(), data, 3)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on the CPU")
@pytest.mark.skipif(" " in torch.__file__, reason="torch 2.6 cannot compile from a folder with a space")
def test_torch_compile_gives_the_same_losses(data):
    class Plain(Noisy):
        def loss(self, x, y):
            return {"loss": (self.net[4](self.net[2](self.net[0](x)))[:, 0] - y).square().mean()}

        def turns(self, lr):
            used = [*self.net[0].parameters(), *self.net[4].parameters()]
            return [Turn("model", self.loss, torch.optim.Adam(used, lr=lr))]

    def losses(**options):
        lecturelib.seed(0)
        return fit(Plain(), data, 5, batch_size=8, **options)["loss"]

    assert torch.allclose(losses(compile=True), losses(), rtol=1e-4)


def test_losses_lie_together_so_that_they_pin_no_memory():
    history = History()
    for i in range(300):
        history.add(i, {"loss": torch.tensor(float(i))})
    assert history["loss"].tolist() == list(range(300))
    assert len({value.untyped_storage().data_ptr() for value in history.losses["loss"][:256]}) == 2


def test_a_schedule_may_stay_at_the_top_before_it_falls():
    late = cosine(warmup=0.1, final=0.2, flat=0.6)
    assert [late(t) for t in (0.05, 0.1, 0.59, 0.6)] == pytest.approx([0.5, 1, 1, 1])
    assert [late(t) for t in (0.8, 1.0)] == pytest.approx([0.6, 0.2])
    assert cosine(0.1)(0.55) == pytest.approx(0.5)
