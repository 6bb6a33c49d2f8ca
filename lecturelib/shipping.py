"""Models that come trained: `pretrained("face_factors")`, and how their weights get into the repository.

A name is that of the experiment that trained it, so `lecturelib train NAME --ship` makes the weights again. They lie in
lecturelib/weights/, the parameters at half precision, with a record of how they were made and of what they reach as
they are there.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from lecturelib import runtime
from lecturelib.checkpoint import fill, load_tensors, save_tensors
from lecturelib.experiments import Outcome, Training, experiment

WEIGHTS = Path(__file__).parent / "weights"


def shipped() -> list[str]:
    """The names that `pretrained` knows."""
    return sorted(path.stem for path in WEIGHTS.glob("*.json"))


def pretrained(name: str) -> nn.Module:
    """The trained model of that name, on the device, in evaluation mode. ValueError, with the names, for another.

    Of a game whose players are not all shipped it is the network that makes the pictures.
    """
    if name not in shipped():
        raise ValueError(f"no weights come for {name!r}; there are some for {', '.join(shipped()) or 'nothing'}")
    tensors, _ = load_tensors(WEIGHTS / name)
    one = experiment(name)
    model = one.part(one.model())
    fill(model, {key: _single(tensor) for key, tensor in tensors.items()}, WEIGHTS / name)
    return model.to(runtime.device()).eval()


def record_of(name: str) -> dict:
    """How the weights of that name were made: experiment, settings, seconds, figures."""
    return load_tensors(WEIGHTS / name)[1]


def ship(name: str, outcome: Outcome, folder: Path = WEIGHTS) -> Path:
    """Keep the model of a finished experiment for `pretrained`; its figures are those of the rounded weights.

    ValueError for an experiment of several stages, and for a run of the smoke profile.
    """
    check_can_ship(name, outcome.record["profile"])
    made = replace(experiment(name), **outcome.record.get("settings", {}))
    model = outcome.models["model"]
    part = made.part(model)
    learned = {key for key, _ in part.named_parameters()}  # buffers, such as a schedule of noise, stay exact
    tensors = {key: _half(tensor) if key in learned else tensor for key, tensor in part.state_dict().items()}
    fill(part, {key: _single(tensor) for key, tensor in tensors.items()}, folder / name)
    figures = outcome.figures | made.figures(model.eval())
    record = {key: value for key, value in outcome.record.items() if key != "finished"}
    save_tensors(folder / name, tensors, record | {"figures": figures, "model": type(part).__name__})
    return folder / f"{name}.json"


def check_can_ship(name: str, profile: str) -> None:
    """ValueError for an experiment of several stages, and for the smoke profile."""
    if not isinstance(experiment(name), Training):
        raise ValueError(f"{name} trains several models: only experiments of one can be shipped")
    if profile == "smoke":
        raise ValueError("a run of the smoke profile is a few steps long: it is not worth shipping")


def _half(tensor: Tensor) -> Tensor:
    return tensor.half() if tensor.is_floating_point() else tensor


def _single(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == torch.float16 else tensor
