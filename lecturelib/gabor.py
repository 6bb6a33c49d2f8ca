"""Is a filter an edge detector? Fit a Gabor function to it, and ask how small it is."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Gabors:
    """The best Gabor function of each of n filters; lengths in pixels, angles in radians, all (n,) but `fit`.

    `fit`: (n, h, w), the functions themselves; `r`: their correlation with the filters, 0 to 1.
    `frequency`: cycles a pixel; `orientation`: of the stripes, in [0, pi).
    """

    fit: Tensor
    r: Tensor
    x: Tensor
    y: Tensor
    along: Tensor
    across: Tensor
    frequency: Tensor
    orientation: Tensor


def fit_gabors(filters: Tensor, steps: int = 200, starts: int = 2) -> Gabors:
    """Least-squares fits of a Gabor function, an elongated Gaussian times a wave across it, to filters (n, h, w).

        g(p) = exp(-(a.(p-c))^2 / 2 along^2 - (b.(p-c))^2 / 2 across^2) * (C cos(2 pi f b.(p-c)) + S sin(...))

    with unit vectors a along the stripes and b across them; C and S are solved for exactly, the six others
    by Adam from the `starts` strongest waves of the filter's spectrum. Jones and Palmer (1987), J. Neurophysiology 58.
    """
    if filters.ndim != 3 or min(filters.shape) < 1:
        raise ValueError(f"filters must be (n, height, width), not {tuple(filters.shape)}")
    n, h, w = filters.shape
    target = filters.detach().float().flatten(1)
    target = (target / target.norm(dim=1, keepdim=True).clamp_min(1e-12)).repeat_interleave(starts, 0)
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    px, py = columns.flatten().float(), rows.flatten().float()
    p = _start(target, px, py, (h, w), starts).requires_grad_()
    optimizer = torch.optim.Adam([p], lr=0.05, betas=(0.9, 0.99))
    best, kept = torch.full((len(p),), -1.0), p.detach().clone()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.05 * (1 + math.cos(math.pi * step / steps)) / 2
        g = _gabor(p, target, px, py)
        r = (g * target).sum(1)  # of two unit vectors; the fit is a projection, so r >= 0
        better = r.detach() > best
        best, kept = torch.where(better, r.detach(), best), torch.where(better[:, None], p.detach(), kept)
        optimizer.zero_grad()
        (1 - r).sum().backward()
        optimizer.step()
    pick = best.view(n, starts).argmax(1) + torch.arange(n) * starts
    kept = kept[pick]
    g = _gabor(kept, target[pick], px, py).view(n, h, w)
    x, y, along, across, u, v = _read(kept)
    orientation = (torch.atan2(v, u) + math.pi / 2) % math.pi
    return Gabors(g, best[pick], x, y, along, across, torch.hypot(u, v), orientation)


def _read(p: Tensor) -> tuple[Tensor, ...]:
    """Centre, lengths (at least a third of a pixel) and wave vector of parameters (n, 6)."""
    x, y, along, across, u, v = p.unbind(1)
    return x, y, along.exp() + 0.33, across.exp() + 0.33, u, v


def _gabor(p: Tensor, target: Tensor, px: Tensor, py: Tensor) -> Tensor:
    """The unit vector (n, pixels) of the form given by p that is closest to target in direction."""
    x, y, along, across, u, v = (q[:, None] for q in _read(p))
    f = torch.hypot(u, v).clamp_min(1e-6)
    dx, dy = px - x, py - y
    b, a = (u * dx + v * dy) / f, (-v * dx + u * dy) / f
    envelope = torch.exp(-0.5 * (a / along) ** 2 - 0.5 * (b / across) ** 2)
    even, odd = envelope * torch.cos(2 * math.pi * f * b), envelope * torch.sin(2 * math.pi * f * b)
    ee, oo, eo = ((s * t).sum(1, keepdim=True) for s, t in ((even, even), (odd, odd), (even, odd)))
    et, ot = ((s * target).sum(1, keepdim=True) for s in (even, odd))
    determinant = ee * oo - eo * eo + 1e-7 * (ee + oo) ** 2  # of the normal equations of C and S
    g = even * ((oo * et - eo * ot) / determinant) + odd * ((ee * ot - eo * et) / determinant)
    return g / g.norm(dim=1, keepdim=True).clamp_min(1e-12)


def _start(target: Tensor, px: Tensor, py: Tensor, shape: tuple[int, int], starts: int) -> Tensor:
    """Parameters (n * starts, 6): the energy's centre and extent, and one of the strongest waves."""
    energy = target.square()
    x, y = energy @ px, energy @ py
    distance = (px - x[:, None]) ** 2 + (py - y[:, None]) ** 2
    spread = (energy * distance).sum(1).div(2).sqrt().clamp(0.7, max(shape) / 3)
    size = 4 * max(shape)
    spectrum = torch.fft.rfft2(target.view(-1, *shape), s=(size, size)).abs()
    u = torch.fft.rfftfreq(size).expand(size, -1)
    v = torch.fft.fftfreq(size)[:, None].expand(-1, size // 2 + 1)
    wave = torch.zeros(len(target), 2)
    for i in range(starts):  # the strongest wave, then the strongest far from those taken
        best = spectrum[i::starts].flatten(1).argmax(1)
        wave[i::starts] = torch.stack([u.flatten()[best], v.flatten()[best]], 1)
        for j in range(i + 1, starts):
            d = (u - wave[i::starts, 0, None, None]) ** 2 + (v - wave[i::starts, 1, None, None]) ** 2
            spectrum[j::starts] = spectrum[j::starts].masked_fill(d < (1 / max(shape)) ** 2, 0)
    lengths = (spread - 0.33).clamp_min(0.2).log()
    return torch.stack([x, y, lengths, lengths - 0.3, wave[:, 0] + 1e-4, wave[:, 1] + 1e-4], 1)


def compactness(filters: Tensor, share: float = 0.9) -> Tensor:
    """The smallest part of the patch that holds `share` of each filter's energy: (n, h, w) -> (n,) in (0, 1]."""
    energy = filters.detach().flatten(1).square()
    energy = energy.sort(1, descending=True).values.cumsum(1) / energy.sum(1, keepdim=True).clamp_min(1e-24)
    return ((energy < share).sum(1) + 1).clamp(max=energy.shape[1]) / energy.shape[1]
