"""Checkpoints: a round trip, and every kind of bad file refused with the model left as it was."""

import json
import os

import pytest
import torch
from torch import nn

from lecturelib.checkpoint import CheckpointError, load_model, load_tensors, save_model, save_tensors


def net(width: int = 4) -> nn.Module:
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Linear(width, 2))


def test_round_trip_with_record(tmp_path):
    model, other = net(), net()
    save_model(model, tmp_path / "m", steps=12)
    record = load_model(other, tmp_path / "m")
    assert record["steps"] == 12
    assert record["model"] == "Sequential"
    for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    save_model(net(), tmp_path / "m")
    assert [p.suffix for p in sorted(tmp_path.iterdir())] == [".safetensors", ".json"]  # the older file is gone


def test_tied_and_transposed_tensors_can_be_saved(tmp_path):
    w = torch.rand(3, 4)
    save_tensors(tmp_path / "t", {"w": w, "same": w, "turned": w.T}, {})
    back, _ = load_tensors(tmp_path / "t")
    assert torch.equal(back["turned"], w.T)
    assert torch.equal(back["same"], w)


def tensors_in(folder):
    (file,) = folder.glob("m-*.safetensors")
    return file


def cut_short(folder):
    file = tensors_in(folder)
    file.write_bytes(file.read_bytes()[:-5])


def tampered(folder):
    file = tensors_in(folder)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def half_a_json(folder):
    file = folder / "m.json"
    file.write_text(file.read_text()[:40])


def foreign_json(folder):
    (folder / "m.json").write_text('{"format": "something else"}')


def no_tensors(folder):
    tensors_in(folder).unlink()


def no_json(folder):
    (folder / "m.json").unlink()


def points_elsewhere(folder):
    record = json.loads((folder / "m.json").read_text())
    (folder / "m.json").write_text(json.dumps(record | {"file": "../../elsewhere.safetensors"}))


def another_step(folder):
    record = json.loads((folder / "m.json").read_text())
    (folder / "m.json").write_text(json.dumps(record | {"steps": 13}))


@pytest.mark.parametrize(
    ("harm", "words"),
    [(cut_short, "cut short or changed"), (tampered, "cut short or changed"), (half_a_json, "cannot be read"),
     (foreign_json, "not a checkpoint of this course"), (no_tensors, "is missing"), (no_json, "there is no checkpoint"),
     (points_elsewhere, "was changed since"), (another_step, "was changed since")],
)  # fmt: skip
def test_a_bad_file_is_refused_and_the_model_left_as_it_was(tmp_path, harm, words):
    save_model(net(), tmp_path / "m", steps=12)
    harm(tmp_path)
    model = net()
    before = [t.clone() for t in model.state_dict().values()]
    with pytest.raises(CheckpointError, match=words):
        load_model(model, tmp_path / "m")
    assert all(torch.equal(a, b) for a, b in zip(before, model.state_dict().values(), strict=True))


def test_another_models_file_is_refused_by_name_and_shape(tmp_path):
    save_model(net(width=5), tmp_path / "wide")
    save_model(nn.Linear(3, 4), tmp_path / "linear")
    model = net()
    before = [t.clone() for t in model.state_dict().values()]
    with pytest.raises(CheckpointError, match=r"another shape: 0.bias \(5,\) for \(4,\)"):
        load_model(model, tmp_path / "wide")
    with pytest.raises(CheckpointError, match="missing: .*not in the model: "):
        load_model(model, tmp_path / "linear")
    assert all(torch.equal(a, b) for a, b in zip(before, model.state_dict().values(), strict=True))


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_save_that_fails_at_either_file_leaves_the_old_checkpoint_whole(tmp_path, monkeypatch, fails_at):
    model, renames = net(), []
    save_model(model, tmp_path / "m")

    def replace(source, target, really=os.replace):
        renames.append(target)
        if len(renames) == fails_at:
            raise OSError(28, "No space left on device")
        really(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="No space"):
        save_model(net(), tmp_path / "m")
    monkeypatch.undo()
    other = net()
    load_model(other, tmp_path / "m")
    assert torch.equal(model[0].weight, other[0].weight)
    assert not list(tmp_path.glob(".*"))  # no temporary file is left
