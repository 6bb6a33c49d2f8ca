"""Answers to the exercises of lab 06 on R1, turns and rounds."""

import copy

import torch
import torch.nn.functional as F
from common_answers import each


def soft(t):
    return F.softplus(t)


def slope_of(D, real, of=lambda t: t.sum(), **keep):
    """The gradient of of(logits) for the examples."""
    x = real.clone().requires_grad_()
    return torch.autograd.grad(of(D(x)), x, **(keep or {"create_graph": True}))[0]


def r1_with_ones(D, real, gamma):
    x = real.clone().requires_grad_(True)
    logits = D(x)
    (g,) = torch.autograd.grad(logits, x, torch.ones_like(logits), create_graph=True)
    return 0.5 * gamma * torch.einsum("ni,ni->n", g, g).mean()


def r1_in_loops(D, real, gamma):
    found = []
    for row in real:
        x = row[None].clone().requires_grad_()
        (g,) = torch.autograd.grad(D(x).squeeze(), x, create_graph=True)
        found.append(g.norm() ** 2)
    return gamma * torch.stack(found).mean() / 2


def r1_by_func(D, real, gamma):
    g = torch.func.vmap(torch.func.grad(lambda x: D(x).sum()))(real)
    return gamma / 2 * g.flatten(1).square().sum(1).mean()


def r1_of(change, **keep):
    """change(slopes, gamma) -> the penalty."""
    return lambda D, real, gamma: change(slope_of(D, real, **keep), gamma)


def lengths(g):
    return g.square().sum(1).sqrt()


def usual(g, gamma):
    return gamma / 2 * g.square().sum(1).mean()


def by_backward(D, real, gamma):
    x = real.clone().requires_grad_()
    D(x).sum().backward(create_graph=True)
    return usual(x.grad, gamma)


def of_the_parameters(D, real, gamma):
    gradients = torch.autograd.grad(D(real).sum(), list(D.parameters()), create_graph=True)
    return gamma / 2 * sum(g.square().sum() for g in gradients)


def D_turn(game, real, z, loss=None, clear=True, fakes=lambda G, z: G(z).detach(), end=None):
    loss = loss or (lambda r, f: soft(-r).mean() + soft(f).mean())
    value = loss(game.D(real), game.D(fakes(game.G, z)))
    if clear:
        game.for_D.zero_grad()
    value.backward()
    game.for_D.step()
    if end:
        end(game)


def G_turn(game, z, loss=None, clear=True, fakes=lambda G, z: G(z), end=None):
    loss = loss or (lambda f: soft(-f).mean())
    value = loss(game.D(fakes(game.G, z)))
    if clear:
        game.for_G.zero_grad()
    value.backward()
    game.for_G.step()
    if end:
        end(game)


def D_turn_without_detach(game, real, z):
    """The other player's gradients are left behind, and cleared by its own turn."""
    D_turn(game, real, z, fakes=lambda G, z: G(z))


def D_turn_without_graph(game, real, z):
    with torch.no_grad():
        fake = game.G(z)
    loss = F.binary_cross_entropy_with_logits(game.D(real), torch.ones(len(real), 1))
    loss = loss + F.binary_cross_entropy_with_logits(game.D(fake), torch.zeros(len(z), 1))
    game.D.zero_grad(set_to_none=False)
    loss.backward()
    game.for_D.step()


def G_turn_by_inputs(game, z):
    game.for_G.zero_grad()
    soft(-game.D(game.G(z))).mean().backward(inputs=list(game.G.parameters()))
    game.for_G.step()
    return game


def D_of(loss):
    return lambda game, real, z: D_turn(game, real, z, loss)


def G_of(loss):
    return lambda game, z: G_turn(game, z, loss)


def D_turn_of_both(game, real, z):
    game.for_G.zero_grad()
    D_turn(game, real, z, fakes=lambda G, z: G(z), end=lambda game: game.for_G.step())


def G_turn_of_both(game, z):
    game.for_D.zero_grad()
    G_turn(game, z, end=lambda game: game.for_D.step())


def cleared_at_the_end(game, real, z):
    """What the generator's turn leaves in the discriminator is still there."""
    D_turn(game, real, z, clear=False, end=lambda game: game.for_D.zero_grad())


def two_steps(game, real, z):
    D_turn(game, real, z)
    game.for_D.step()


def without_step(game, real, z):
    game.for_D.zero_grad()
    (soft(-game.D(real)).mean() + soft(game.D(game.G(z).detach())).mean()).backward()


def G_turn_without_step(game, z):
    game.for_G.zero_grad()
    soft(-game.D(game.G(z))).mean().backward()


def other_noise(G, z):
    return G(torch.randn(z.shape))


def round_by_index(game, reals, noise):
    for i in range(len(reals)):
        D_turn(game, reals[i], noise[i])
    G_turn(game, noise[len(reals)])


def round_of(order):
    """order(k): pairs (which real batch, or None for the generator; which noise)."""

    def play_round(game, reals, noise):
        for i, j in order(len(reals)):
            if i is None:
                G_turn(game, noise[j])
            else:
                D_turn(game, reals[i], noise[j])

    return play_round


def mixed(k, noise=None):
    return [turn for i in range(k) for turn in ((i, i), (None, i if noise is None else noise))]


def at_once(game, reals, noise):
    for i in range(len(reals) - 1):
        D_turn(game, reals[i], noise[i])
    old = copy.deepcopy(game.D)
    D_turn(game, reals[-1], noise[-2])
    game.for_G.zero_grad()
    soft(-old(game.G(noise[-1]))).mean().backward()
    game.for_G.step()


def own(k):
    return [(i, i) for i in range(k)]


RIGHT = {
    "penalty": [{"r1": one} for one in (r1_with_ones, r1_in_loops, r1_by_func)],
    "turns": [
        {"discriminator_turn": D_turn_without_detach},
        {"discriminator_turn": D_turn_without_graph},
        {"generator_turn": G_turn_by_inputs},
    ],
    "round": [{"play_round": round_by_index}],
}
WRONG = {
    "penalty": each("r1",
        ("the factor 1/2 is missing", r1_of(lambda g, gamma: 2 * usual(g, gamma))),
        ("gamma is missing", r1_of(lambda g, gamma: usual(g, 1))),
        ("gamma is squared", r1_of(lambda g, gamma: usual(g, gamma**2))),
        ("the factor gamma / 2 is missing", r1_of(lambda g, gamma: usual(g, 2))),
        ("are not squared", r1_of(lambda g, gamma: gamma / 2 * lengths(g).mean())),
        ("averaged before it is squared", r1_of(lambda g, gamma: gamma / 2 * lengths(g).mean() ** 2)),
        ("averaged over the batch before", r1_of(lambda g, gamma: gamma / 2 * g.mean(0).square().sum())),
        ("summed over the batch", r1_of(lambda g, gamma: gamma / 2 * g.square().sum())),
        ("over the coordinates too", r1_of(lambda g, gamma: gamma / 2 * g.square().mean())),
        ("the mean logit", lambda D, real, gamma: usual(slope_of(D, real, torch.mean), gamma)),
        ("this is the gradient penalty", r1_of(lambda g, gamma: gamma * (lengths(g) - 1).square().mean())),
        ("half of gamma times", r1_of(lambda g, gamma: gamma / 2 * (lengths(g) - 1).square().mean())),
        ("the slope of D = sigma", lambda D, real, gamma: usual(slope_of(D, real, lambda t: t.sigmoid().sum()), gamma)),
        ("the slope of log D", lambda D, real, gamma: usual(slope_of(D, real, lambda t: -soft(-t).sum()), gamma)),
        ("the logits are squared", lambda D, real, gamma: gamma / 2 * D(real).square().mean()),
        ("for the parameters of D", of_the_parameters),
        ("without their squares", r1_of(lambda g, gamma: gamma / 2 * g.sum(1).mean())),
        ("taken at 0", lambda D, real, gamma: usual(slope_of(D, 0 * real), gamma)),
        ("return their mean", r1_of(lambda g, gamma: gamma / 2 * g.square().sum(1))),
        ("create_graph=True", r1_of(usual, retain_graph=True)),
        ("create_graph=True", r1_of(lambda g, gamma: usual(g.detach(), gamma))),
        ("left behind in D", by_backward),
        ("the penalty is a float", lambda D, real, gamma: usual(slope_of(D, real), gamma).item()),
    ),
    "turns": [
        *each("discriminator_turn",
            ("it climbs", D_of(lambda r, f: -soft(-r).mean() - soft(f).mean())),
            ("real and fake are exchanged", D_of(lambda r, f: soft(r).mean() + soft(-f).mean())),
            ("only the real examples", D_of(lambda r, f: soft(-r).mean())),
            ("only the fakes", D_of(lambda r, f: soft(f).mean())),
            ("the generator's loss", D_of(lambda r, f: soft(-f).mean())),
            ("summed over the batch", D_of(lambda r, f: soft(-r).sum() + soft(f).sum())),
            ("the loss is halved", D_of(lambda r, f: (soft(-r).mean() + soft(f).mean()) / 2)),
            ("it takes two steps", two_steps),
            ("fakes stand where", D_of(lambda r, f: soft(-f).mean() + soft(f).mean())),
            ("real examples stand where", D_of(lambda r, f: soft(-r).mean() + soft(r).mean())),
            ("moves the generator, too", D_turn_of_both),
            ("does not move the discriminator", without_step),
            ("zero_grad() before backward()", lambda game, real, z: D_turn(game, real, z, clear=False)),
            ("noise of its own", lambda *given: D_turn(*given, fakes=lambda G, z: other_noise(G, z).detach())),
        ),
        *each("generator_turn",
            ("it climbs", G_of(lambda f: -soft(-f).mean())),
            ("the saturating loss", G_of(lambda f: -soft(f).mean())),
            ("it helps to be found out", G_of(lambda f: soft(f).mean())),
            ("summed over the batch", G_of(lambda f: soft(-f).sum())),
            ("Wasserstein", G_of(lambda f: -f.mean())),
            ("the loss is halved", G_of(lambda f: soft(-f).mean() / 2)),
            ("it takes two steps", G_of(lambda f: 2 * soft(-f).mean())),
            ("moves the discriminator, too", G_turn_of_both),
            ("does not move the generator", G_turn_without_step),
            ("did detach() or no_grad cut", lambda game, z: G_turn(game, z, fakes=lambda G, z: G(z).detach())),
            ("zero_grad() before backward()", lambda game, z: G_turn(game, z, clear=False)),
            ("noise of its own", lambda game, z: G_turn(game, z, fakes=other_noise)),
        ),
        ("not one after the other", {"discriminator_turn": cleared_at_the_end}),
    ],
    "round": each("play_round",
        ("the generator moves first", round_of(lambda k: [(None, k), *own(k)])),
        ("both move at once", at_once),
        ("the generator's turn is missing", round_of(own)),
        ("the discriminator's turns are missing", round_of(lambda k: [(None, k)])),
        ("of the discriminator's last turn", round_of(lambda k: [*own(k), (None, k - 1)])),
        ("has noise[0]; its own", round_of(lambda k: [*own(k), (None, 0)])),
        ("noise[i] belongs to reals[i]", round_of(lambda k: [*((i, i + 1) for i in range(k)), (None, 0)])),
        ("the generator moves twice", round_of(lambda k: [*own(k), (None, k), (None, k)])),
        ("one turn; it has k", round_of(lambda k: [(0, 0), (None, k)])),
        ("one turn, with the last batch", round_of(lambda k: [(k - 1, k - 1), (None, k)])),
        ("all have noise[0]", round_of(lambda k: [*((i, 0) for i in range(k)), (None, k)])),
        ("all have reals[0];", round_of(lambda k: [*((0, i) for i in range(k)), (None, k)])),
        ("all have reals[0] and noise[0]", round_of(lambda k: [*([(0, 0)] * k), (None, k)])),
        ("from the last to the first", round_of(lambda k: [*own(k)[::-1], (None, k)])),
        ("after each of the discriminator's turns", round_of(lambda k: mixed(k, k))),
        ("with its noise", round_of(lambda k: mixed(k))),
        ("the generator moves k times", round_of(lambda k: [*own(k), *([(None, k)] * k)])),
        ("the last batch is left out", round_of(lambda k: [*own(k)[:-1], (None, k)])),
        ("moves no player", round_of(lambda k: [])),
    ),
}  # fmt: skip
