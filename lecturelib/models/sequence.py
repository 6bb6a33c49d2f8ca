"""Autoencoders of sequences: one LSTM reads step by step into a code, another writes the steps again."""

import torch
from torch import Tensor, nn

from lecturelib.model import Model
from lecturelib.models.autoencoder import SquaredError

FORGET = 2.0  # on the biases of the forget gates: cells that keep their content at first (Jozefowicz et al. 2015)


def valid_steps(x: Tensor, lengths: Tensor) -> Tensor:
    """True where a padded sequence still goes on: x (n, steps, ...), lengths (n,) -> (n, steps)."""
    return torch.arange(x.shape[1], device=x.device) < lengths[:, None]


def reversed_steps(x: Tensor, lengths: Tensor) -> Tensor:
    """Each sequence from its last step to its first, the padding where it was: (n, steps, features) the same."""
    t = torch.arange(x.shape[1], device=x.device)
    order = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)
    return x.gather(1, order[:, :, None].expand_as(x))


class SequenceAutoencoder(Model):
    """An LSTM encoder, a code, and an LSTM decoder, for sequences of different lengths.

    x: (n, steps, features), lengths: (n,) whole numbers from 1 to steps; what stands after a sequence's length is
    padding that nothing depends on. Sutskever et al. (2014); Srivastava et al. (2015), section 2, whose decoder has
    the code as its first state only; here each step sees it too, and it learns in far fewer steps.
    The length goes to the decoder beside the code.
    """

    def __init__(
        self,
        features: int,  # numbers in one step
        code: int,  # units of h
        hidden: int = 64,  # cells of each LSTM
        *,
        feedback: bool = False,  # the decoder sees the step before ("conditional" in Srivastava et al.)
        forcing: float = 1.0,  # with feedback, while training: how often that is the true step, not the decoder's own
        reverse: bool = True,  # the decoder writes from the last step to the first
    ):
        super().__init__()
        self.features, self.feedback, self.forcing, self.reverse = features, feedback, forcing, reverse
        self.reader = nn.LSTM(features, hidden, batch_first=True)
        self.to_code = nn.Linear(hidden, code)
        self.start = nn.Linear(code, 2 * hidden)
        self.writer = nn.LSTM(code + features * feedback, hidden, batch_first=True)
        self.to_step = nn.Linear(hidden, features)
        self.error = SquaredError()
        with torch.no_grad():
            for lstm in (self.reader, self.writer):
                lstm.bias_ih_l0[hidden : 2 * hidden] += FORGET  # torch's order: input, forget, cell, output
                bound = lstm.input_size**-0.5  # torch takes that of the hidden units, and few inputs stay faint
                nn.init.uniform_(lstm.weight_ih_l0, -bound, bound)
            self.to_code.weight *= 3  # a code too faint to be heard takes long to grow

    def encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        """h: what the encoder's last state says of each sequence, (n, code)."""
        self._check(x, lengths)
        states, _ = self.reader(x.masked_fill(~valid_steps(x, lengths)[:, :, None], 0))  # (n, steps, hidden)
        return self.to_code(states[torch.arange(len(x), device=x.device), lengths - 1])

    def decode(self, h: Tensor, lengths: Tensor, steps: int | None = None) -> Tensor:
        """x^ from the code alone, free-running: (n, steps, features), zero after each length.

        h (n, code), lengths (n,); `steps` is the longest length if it is not given.
        """
        steps = int(lengths.max()) if steps is None else steps
        _check_lengths(lengths, steps)
        return self._in_order(self._write(h, steps), lengths)

    def forced(self, x: Tensor, lengths: Tensor) -> Tensor:
        """As `forward`, but with feedback every step sees the true step before it (teacher forcing)."""
        h, target = self.encode(x, lengths), self._target(x, lengths)
        return self._in_order(self._write(h, x.shape[1], target), lengths)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The free-running reconstruction of x, of the shape of x, zero after each length."""
        return self.decode(self.encode(x, lengths), lengths, x.shape[1])

    def loss(self, x: Tensor, lengths: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """Squared error, summed over the features and averaged over all steps that are no padding."""
        h, target = self.encode(x, lengths), self._target(x, lengths)
        output = self._write(h, x.shape[1], target, self.forcing)
        padding = ~valid_steps(x, lengths)[:, :, None]
        return {"loss": self.error(output.masked_fill(padding, 0), target).sum() / lengths.sum()}

    def _write(self, h: Tensor, steps: int, target: Tensor | None = None, forcing: float = 1.0) -> Tensor:
        """The decoder's outputs in the order in which it writes them, (n, steps, features)."""
        state = tuple(part.contiguous()[None] for part in self.start(h).tanh().chunk(2, dim=1))
        code = h[:, None].expand(-1, steps, -1)
        if not self.feedback:
            return self.to_step(self.writer(code, state)[0])
        before = h.new_zeros(len(h), 1, self.features)
        if target is not None and forcing == 1:  # all steps before are known: one call
            return self.to_step(self.writer(torch.cat([code, torch.cat([before, target[:, :-1]], 1)], 2), state)[0])
        outputs = []
        for t in range(steps):
            output, state = self.writer(torch.cat([code[:, :1], before], 2), state)
            before = self.to_step(output)
            outputs.append(before)
            if target is not None and forcing > 0:
                true = torch.rand(len(h), 1, 1, device=h.device) < forcing
                before = torch.where(true, target[:, t : t + 1], before)
        return torch.cat(outputs, 1)

    def _target(self, x: Tensor, lengths: Tensor) -> Tensor:
        x = x.masked_fill(~valid_steps(x, lengths)[:, :, None], 0)
        return reversed_steps(x, lengths) if self.reverse else x

    def _in_order(self, output: Tensor, lengths: Tensor) -> Tensor:
        output = output.masked_fill(~valid_steps(output, lengths)[:, :, None], 0)
        return reversed_steps(output, lengths) if self.reverse else output

    def _check(self, x: Tensor, lengths: Tensor) -> None:
        if x.ndim != 3 or x.shape[2] != self.features or lengths.shape != x.shape[:1]:
            raise ValueError(
                f"a batch is x (n, steps, {self.features}) with lengths (n,), not {tuple(x.shape)} with "
                f"{tuple(lengths.shape)}: pad the sequences and give their lengths"
            )
        _check_lengths(lengths, x.shape[1])


def _check_lengths(lengths: Tensor, steps: int) -> None:
    # on an accelerator a look would wait for the device
    if lengths.device.type == "cpu" and not 1 <= lengths.min() <= lengths.max() <= steps:
        raise ValueError(f"lengths run from {lengths.min()} to {lengths.max()}; they must be 1 to {steps}")
