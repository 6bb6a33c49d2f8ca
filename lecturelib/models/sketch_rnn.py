"""Sketch-RNN: a VAE whose pictures are moves of a pen. Ha and Eck (2017), arXiv 1704.03477."""

from math import log, pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturelib.model import Model
from lecturelib.models.vae import kl_to_standard_normal, reparameterise

NARROWEST = 0.02  # least width of a component: straight lines must not earn without bound


def stroke_five(x: Tensor, lengths: Tensor) -> Tensor:
    """(n, moves, 3) with lengths (n,) -> (n, moves + 1, 5): dx, dy, and one of drawing on, lifted after, ended.

    The move after the last one is (0, 0, ended), and so are all that follow. Section 3.1.
    """
    x = F.pad(x, (0, 0, 0, 1))
    ended = torch.arange(x.shape[1], device=x.device) >= lengths.to(x.device)[:, None]
    lifted = (x[:, :, 2] > 0.5) & ~ended
    pen = torch.stack([~(lifted | ended), lifted, ended], 2).to(x.dtype)
    return torch.cat([x[:, :, :2].masked_fill(ended[:, :, None], 0), pen], 2)


class SketchRNN(Model):
    """A bidirectional LSTM reads the moves, z ~ q(z|x), and an LSTM draws: each move from a mixture of Gaussians.

    x (n, moves, 3) with lengths (n,), as `load("sketches")` gives them. loss = -E log p(x|z) + beta KL in nats per
    sketch; `beta` may be changed while training runs. latent=0 is the unconditional decoder, a model of its own.
    """

    def __init__(
        self,
        latent: int = 32,  # units of z; 0: no encoder at all
        hidden: int = 256,  # cells of the decoder
        reader: int = 128,  # cells of the encoder, in each direction
        components: int = 10,  # Gaussians of a move
        longest: int = 96,  # moves that are drawn at most
        beta: float = 1.0,
        dropout: float = 0.0,  # share of the decoder's inputs that a training step leaves out
    ):
        super().__init__()
        self.latent, self.components, self.longest, self.beta = latent, components, longest, beta
        if latent:
            self.reader = nn.LSTM(5, reader, batch_first=True, bidirectional=True)
            self.to_posterior = nn.Linear(2 * reader, 2 * latent)
            self.to_state = nn.Linear(latent, 2 * hidden)
        self.writer = nn.LSTM(5 + latent, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.to_move = nn.Linear(hidden, 6 * components + 3)

    def posterior(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), each (n, latent)."""
        if not self.latent:
            raise ValueError("this decoder is unconditional (latent=0): it has no encoder")
        moves = nn.utils.rnn.pack_padded_sequence(
            stroke_five(x, lengths), lengths.cpu() + 1, batch_first=True, enforce_sorted=False
        )
        _, (states, _) = self.reader(moves)
        mean, log_variance = self.to_posterior(torch.cat([states[0], states[1]], 1)).chunk(2, 1)
        return mean, log_variance.clamp(-20, 20)

    def encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The means of q(z|x), (n, latent)."""
        return self.posterior(x, lengths)[0]

    def log_prob(self, x: Tensor, lengths: Tensor, z: Tensor | None = None) -> Tensor:
        """log p(x|z) of each sketch in nats, (n,): its moves and when it ends. Equations 3 to 5.

        A sum over what is drawn; the paper's loss divides by the longest length and asks for the pen's state in the
        padding, too.
        """
        target = stroke_five(x, lengths)
        start = target.new_tensor([0, 0, 1, 0, 0]).expand(len(x), 1, 5)
        seen = self.dropout(torch.cat([start, target[:, :-1]], 1))
        if z is not None:
            seen = torch.cat([seen, z[:, None].expand(-1, seen.shape[1], -1)], 2)
        output, _ = self.writer(seen, self._state(z))
        mixture, pen = self._density(output, target[:, :, :2])
        step, lengths = torch.arange(target.shape[1], device=x.device), lengths.to(x.device)
        moves = (mixture * (step < lengths[:, None])).sum(1)
        said = (pen.log_softmax(2) * target[:, :, 2:]).sum(2)
        return moves + (said * (step <= lengths[:, None])).sum(1)

    def loss(self, x: Tensor, lengths: Tensor, *_: Tensor) -> dict[str, Tensor]:
        """The negative bound in nats per sketch, with its two parts."""
        if not self.latent:
            error = -self.log_prob(x, lengths).mean()
            return {"loss": error, "reconstruction": error}
        mean, log_variance = self.posterior(x, lengths)
        error = -self.log_prob(x, lengths, reparameterise(mean, log_variance)).mean()
        kl = kl_to_standard_normal(mean, log_variance).sum(1).mean()
        return {"loss": error + self.beta * kl, "reconstruction": error, "kl": kl}

    @torch.no_grad()
    def draw(
        self,
        n: int = 1,  # sketches, where neither z nor a beginning says how many
        z: Tensor | None = None,  # (n, latent); drawn from the prior where it is not given
        beginning: tuple[Tensor, Tensor] | None = None,  # moves (n, moves, 3), lengths: kept, gone on from
        temperature: float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Sketches (n, longest, 3) with their lengths, drawn move by move until the pen says that it ends.

        temperature scales the logits of components and pen by its inverse and the variances by itself (equation 8).
        """
        if temperature <= 0:
            raise ValueError(f"temperature is {temperature}; a number above 0 is needed")
        n = len(z) if z is not None else len(beginning[0]) if beginning is not None else n
        if self.latent and z is None:
            z = torch.randn(n, self.latent, device=self.device)
        if not self.latent and z is not None:
            raise ValueError("this decoder is unconditional (latent=0): it takes no z")
        given, kept = (None, torch.zeros(n, dtype=torch.long)) if beginning is None else beginning
        x, lengths = torch.zeros(n, self.longest, 3, device=self.device), torch.full((n,), self.longest)
        move = x.new_tensor([0, 0, 1, 0, 0]).expand(n, 5)
        state, going = self._state(z), torch.ones(n, dtype=torch.bool)
        for step in range(self.longest):
            seen = move if z is None else torch.cat([move, z], 1)
            output, state = self.writer(seen[:, None], state)
            move = self._next(output[:, 0], temperature)
            if given is not None and step < given.shape[1]:  # what is given is not drawn anew
                dx, dy, lift = given[:, step].to(move).unbind(1)
                known = torch.stack([dx, dy, 1 - lift, lift, 0 * lift], 1)
                move = torch.where((step < kept.cpu())[:, None].to(move.device), known, move)
            ends = (move[:, 4] > 0.5).cpu()
            lengths = torch.where(going & ends, step, lengths)
            going &= ~ends
            x[:, step] = torch.where(going[:, None].to(x.device), move[:, [0, 1, 3]], 0)
            if not going.any():
                break
        return x, lengths.clamp(min=1).to(x.device)

    def sample(self, n: int, *_: Tensor, temperature: float = 1.0) -> Tensor:
        """n sketches (n, longest, 3), padded with 0; `draw` gives their lengths, too."""
        return self.draw(n, temperature=temperature)[0]

    def _state(self, z: Tensor | None) -> tuple[Tensor, Tensor] | None:
        if z is None:
            return None
        state, cell = self.to_state(z).tanh().chunk(2, 1)
        return state[None].contiguous(), cell[None].contiguous()

    def _parts(self, output: Tensor) -> tuple[Tensor, ...]:
        """Logits of the components, means, widths (..., components, 2), correlations, logits of the pen."""
        m = self.components
        weights, means, widths, correlation, pen = self.to_move(output).split([m, 2 * m, 2 * m, m, 3], -1)
        shape = (*output.shape[:-1], m, 2)
        return weights, means.view(shape), widths.view(shape).exp() + NARROWEST, 0.98 * correlation.tanh(), pen

    def _density(self, output: Tensor, move: Tensor) -> tuple[Tensor, Tensor]:
        """log p(dx, dy) of each move under its mixture, (n, moves), and the logits of the pen."""
        weights, means, widths, correlation, pen = self._parts(output)
        away = (move[:, :, None] - means) / widths
        left = 1 - correlation.square()
        squared = away.square().sum(-1) - 2 * correlation * away.prod(-1)
        each = -squared / (2 * left) - widths.log().sum(-1) - 0.5 * left.log() - log(2 * pi)
        return (weights.log_softmax(-1) + each).logsumexp(-1), pen

    def _next(self, output: Tensor, temperature: float) -> Tensor:
        """One move (n, 5) for each output (n, hidden)."""
        weights, means, widths, correlation, pen = self._parts(output)
        chosen = torch.multinomial((weights / temperature).softmax(1), 1)
        mean, width = (t.gather(1, chosen[:, :, None].expand(-1, -1, 2))[:, 0] for t in (means, widths))
        r = correlation.gather(1, chosen)
        a, b = torch.randn(2, len(output), 1, device=output.device) * temperature**0.5
        offset = torch.cat([a, r * a + (1 - r.square()).sqrt() * b], 1) * width + mean
        state = torch.multinomial((pen / temperature).softmax(1), 1)
        return torch.cat([offset, F.one_hot(state[:, 0], 3).to(offset)], 1)
