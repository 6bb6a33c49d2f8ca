"""Answers to the exercises of lab 08 on mixed styles and on truncation."""

import torch
from common_answers import each


def cuts_by_where(n, layers, mixing):
    return torch.where(torch.rand(n) < mixing, torch.randint(1, layers, (n,)), layers)


def cuts_in_loops(n, layers, mixing):
    cuts = []
    for _ in range(n):
        mixed = torch.rand(()).item() < mixing
        cuts.append(int(torch.randint(1, layers, ()).item()) if mixed else layers)
    return torch.tensor(cuts)


def cuts_by_bernoulli(n, layers, mixing):
    mixed = torch.bernoulli(torch.full((n,), float(mixing))).long()
    return layers - mixed * torch.randint(1, layers, (n,))


def cuts_of(drawn=lambda n, layers: torch.randint(1, layers, (n,)), mixed=lambda n, mixing: torch.rand(n) < mixing):
    """drawn(n, layers) are the cuts of those that are mixed(n, mixing)."""
    return lambda n, layers, mixing: torch.where(mixed(n, mixing), drawn(n, layers), layers)


def whole_batch(n, layers, mixing):
    """All are mixed or none is."""
    return torch.where(torch.rand(()) < mixing, torch.randint(1, layers, (n,)), layers)


def first_ones(n, mixing):
    return torch.arange(n) < mixing * n


def seeded(n, layers, mixing):
    torch.manual_seed(0)
    return cuts_by_where(n, layers, mixing)


def more_early(n, layers):
    return torch.minimum(torch.randint(1, layers, (n,)), torch.randint(1, layers, (n,)))


def styles(w, layers):
    return w[:, None].expand(-1, layers, -1)


def late(cut, layers):
    return (torch.arange(layers) >= cut[:, None])[:, :, None]


def mix_in_loops(w, other, cut, layers):
    return torch.stack([
        torch.stack([w[i] if layer < cut[i] else other[i] for layer in range(layers)]) for i in range(len(w))
    ])  # fmt: skip


def mix_by_writing(w, other, cut, layers):
    told = styles(w, layers).clone()
    for i, start in enumerate(cut.tolist()):
        told[i, start:] = other[i]
    return told


def mix_by_lerp(w, other, cut, layers):
    return torch.lerp(styles(w, layers), styles(other, layers), late(cut, layers).float())


def mix_of(chosen=late, other_of=lambda other: other):
    """chosen(cut, layers) says where other_of(other) stands."""
    return lambda w, other, cut, layers: torch.where(
        chosen(cut, layers), styles(other_of(other), layers), styles(w, layers)
    )


def cut_there(change):
    return mix_of(lambda cut, layers: late(change(cut, layers), layers))


def exactly(cut, layers):
    return (torch.arange(layers) == cut[:, None])[:, :, None]


def finished(change):
    return lambda *given: change(mix_in_loops(*given))


def truncate_by_lerp(w, centre, psi, layers):
    made = w.clone()
    for layer in layers:
        made[:, layer] = torch.lerp(centre.expand_as(w[:, layer]), w[:, layer], psi)
    return made


def chosen(w, layers):
    mask = torch.zeros(w.shape[1], dtype=torch.bool)
    mask[torch.tensor(layers, dtype=torch.int64)] = True
    return mask[None, :, None]


def truncate_by_where(w, centre, psi, layers):
    return torch.where(chosen(w, layers), centre + psi * (w - centre), w)


def truncate_layer_by_layer(w, centre, psi, layers):
    told = [psi * one + (1 - psi) * centre if i in layers else one for i, one in enumerate(w.unbind(1))]
    return torch.stack(told, 1)


def moved(target, where=chosen):
    """target(w, centre, psi) in the layers that where(w, layers) says."""
    return lambda w, centre, psi, layers: torch.where(where(w, layers), target(w, centre, psi), w)


def right(w, centre, psi):
    return centre + psi * (w - centre)


def first_layers(w, layers):
    return chosen(w, list(range(len(layers))))


def counted_from_one(w, layers):
    return chosen(w, [layer - 1 for layer in layers])


def truncate_in_place(w, centre, psi, layers):
    w[:, layers] = centre + psi * (w[:, layers] - centre)
    return w


RIGHT = {
    "cuts": [{"draw_cuts": one} for one in (cuts_by_where, cuts_in_loops, cuts_by_bernoulli)],
    "mix": [{"mix": one} for one in (mix_in_loops, mix_by_writing, mix_by_lerp)],
    "truncate": [{"truncate": one} for one in (truncate_by_lerp, truncate_by_where, truncate_layer_by_layer)],
}
WRONG = {
    "cuts": each("draw_cuts",
        ("the same cut", lambda n, layers, mixing: torch.where(torch.rand(n) < mixing, 3, layers)[:1].expand(n)),
        ("all examples have the same cut, 3", lambda n, layers, mixing: torch.full((n,), min(3, layers - 1))),
        ("all examples have the same cut, 6", lambda n, layers, mixing: torch.full((n,), layers)),
        ("a cut of 0 leaves nothing", cuts_of(lambda n, layers: torch.randint(0, layers, (n,)))),
        ("a cut is -1; the smallest is 1", cuts_of(lambda n, layers: torch.randint(-1, layers, (n,)))),
        ("a cut is 7; the largest is 6", cuts_of(lambda n, layers: torch.randint(1, layers + 2, (n,)))),
        ("one that is mixed draws a cut from 1 to 5", cuts_of(lambda n, layers: torch.randint(1, layers + 1, (n,)))),
        ("are exchanged", cuts_of(mixed=lambda n, mixing: torch.rand(n) >= mixing)),
        ("all of them are mixed", lambda n, layers, mixing: torch.randint(1, layers, (n,))),
        ("it should be 70%", cuts_of(mixed=lambda n, mixing: torch.rand(n) < mixing / 2)),
        ("it should be 70%", cuts_of(mixed=lambda n, mixing: torch.randn(n) < mixing)),
        ("the cut 5 never occurs", cuts_of(lambda n, layers: torch.randint(1, layers - 1, (n,)) if layers > 2
                                           else torch.ones(n, dtype=torch.int64))),
        ("the cut 1 never occurs", cuts_of(lambda n, layers: torch.randint(min(2, layers - 1), layers, (n,)))),
        ("is more frequent than", cuts_of(more_early)),
        ("their place in the batch", cuts_of(mixed=first_ones)),
        ("a second call gives the same", seeded),
        ("has dtype float32", lambda *given: cuts_by_where(*given).float()),
        ("has dtype bool", lambda n, layers, mixing: torch.rand(n) < mixing),
        ("has shape (4000, 6); (4000,) is expected", lambda n, layers, mixing: torch.randint(1, layers, (n, layers))),
        ("an int; a torch tensor", lambda n, layers, mixing: int(torch.randint(1, layers, ()).item())),
    ),
    "mix": each("mix",
        ("w and other are exchanged", lambda w, other, cut, layers: mix_in_loops(other, w, cut, layers)),
        ("one layer too late", cut_there(lambda cut, layers: cut + 1)),
        ("one layer too early", cut_there(lambda cut, layers: cut - 1)),
        ("cut where the first one is", cut_there(lambda cut, layers: cut[:1].expand_as(cut))),
        ("all layers have w", lambda w, other, cut, layers: styles(w, layers)),
        ("all layers have other", lambda w, other, cut, layers: styles(other, layers)),
        ("only the layer at the cut", mix_of(exactly)),
        ("counted from the last layer", mix_of(lambda cut, layers: late(cut, layers).flip(1))),
        ("and the cut is one off", mix_of(lambda cut, layers: ~late(cut + 1, layers))),
        ("averaged after the cut", lambda w, *rest: (styles(w, rest[-1]) + mix_in_loops(w, *rest)) / 2),
        ("are averaged; each layer", lambda w, other, cut, layers: styles((w + other) / 2, layers)),
        ("are added after the cut",
         lambda w, other, cut, layers: styles(w, layers) + late(cut, layers) * styles(other, layers)),
        ("zeros stand before the cut", lambda w, *rest: mix_in_loops(0 * w, *rest)),
        ("zeros stand after the cut", mix_of(other_of=torch.zeros_like)),
        ("in reverse order", mix_of(other_of=lambda other: other.flip(0))),
        ("the first one's other", mix_of(other_of=lambda other: other[:1].expand_as(other))),
        ("the result is (n, width, layers)", finished(lambda told: told.transpose(1, 2))),
        ("the result is (layers, n, width)", finished(lambda told: told.transpose(0, 1))),
        ("the result is (n, layers * width)", finished(lambda told: told.flatten(1))),
        ("is None", lambda *given: None),
    ),
    "truncate": each("truncate",
        ("psi and 1 - psi are exchanged", moved(lambda w, c, psi: w + psi * (c - w))),
        ("it moves towards 0", moved(lambda w, c, psi: psi * w)),
        ("all layers are moved", lambda w, c, psi, layers: right(w, c, psi)),
        ("that are not in the list are moved", moved(right, lambda w, layers: ~chosen(w, layers))),
        ("the first layers are moved", moved(right, first_layers)),
        ("layers are counted from 0", moved(right, counted_from_one)),
        ("only the first layer in the list", moved(right, lambda w, layers: chosen(w, layers[:1]))),
        ("the mean of this batch", moved(lambda w, c, psi: right(w, w.mean(0), psi))),
        ("own mean over its layers", moved(lambda w, c, psi: right(w, w.mean(1, keepdim=True), psi))),
        ("whatever psi is", moved(lambda w, c, psi: c.expand_as(w))),
        ("is added to w; it is added to the mean", moved(lambda w, c, psi: w + psi * (w - c))),
        ("the difference is missing", moved(lambda w, c, psi: c + psi * w)),
        ("the mean w is missing", moved(lambda w, c, psi: psi * (w - c))),
        ("the difference has the wrong sign", moved(lambda w, c, psi: c - psi * (w - c))),
        ("psi is squared", moved(lambda w, c, psi: right(w, c, psi**2))),
        ("it is divided by psi", moved(lambda w, c, psi: c + (w - c) / psi if psi else c.expand_as(w))),
        ("become 0; they stay", lambda w, c, psi, layers: chosen(w, layers) * right(w, c, psi)),
        ("become the mean w; they stay", lambda w, c, psi, layers: c + chosen(w, layers) * psi * (w - c)),
        ("only the layers in the list are returned", lambda w, c, psi, layers: right(w[:, layers], c, psi)),
        ("nothing is moved", lambda w, c, psi, layers: w.clone()),
        ("changes its argument number 1 in place", truncate_in_place),
    ),
}  # fmt: skip
