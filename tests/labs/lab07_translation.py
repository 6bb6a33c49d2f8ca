"""Answers to the exercises of lab 07 on pix2pix, CycleGAN and the pool."""

import torch
import torch.nn.functional as F
from common_answers import each


def game_of(t):
    return F.softplus(-t).mean()


def pix2pix_on_the_wide_scale(G, D, condition, x, weight):
    fake = G(condition)
    away = F.l1_loss(2 * fake - 1, 2 * x - 1)
    return F.binary_cross_entropy_with_logits(t := D(fake, condition), torch.ones_like(t)) + weight * away


def pix2pix_by_hand(G, D, condition, x, weight):
    fake = G(condition)
    return 2 * weight * (x - fake).abs().sum() / x.numel() - F.logsigmoid(D(fake, condition)).mean()


def pix2pix_made_twice(G, D, condition, x, weight):
    """The fake is made once for each part; the generator has no noise."""
    return game_of(D(G(condition), condition)) + (2 * weight * (G(condition) - x)).abs().mean()


def pix2pix_of(away=lambda fake, x: 2 * (fake - x).abs().mean(), shown=lambda fake, condition, x: (fake, condition),
               game=game_of, finish=lambda game, away, weight: game + weight * away):  # fmt: skip
    def pix2pix_loss(G, D, condition, x, weight):
        fake = G(condition)
        return finish(game(D(*shown(fake, condition, x))), away(fake, x), weight)

    return pix2pix_loss


def from_the_condition(G, D, condition, x, weight):
    fake = G(condition)
    return game_of(D(fake, condition)) + 2 * weight * (fake - condition).abs().mean()


def both_losses(G, D, condition, x, weight):
    return pix2pix_by_hand(G, D, condition, x, weight) + game_of(D(x, condition))


def under_no_grad(G, D, condition, x, weight):
    with torch.no_grad():
        fake = G(condition)
    return game_of(D(fake, condition)) + 2 * weight * (fake - x).abs().mean()


def with_gradients_left(G, D, condition, x, weight):
    pix2pix_by_hand(G, D, condition, x, weight).backward()
    return pix2pix_by_hand(G, D, condition, x, weight)


def l1(a, b):
    return (a - b).abs().mean()


def cycle_by_names(there, back, x, other):
    second, first = there(x), back(other)
    return F.l1_loss(back(second), x) + F.l1_loss(there(first), other)


def cycle_in_loops(there, back, x, other):
    one = sum((back(there(a[None]))[0] - a).abs().mean() for a in x) / len(x)
    return one + sum((there(back(b[None]))[0] - b).abs().mean() for b in other) / len(other)


def cycle_of(first, second, away=l1, join=lambda a, b: a + b):
    """first(there, back, x, other), second(...) -> a pair each, whose distances are joined."""
    return lambda *given: join(away(*first(*given)), away(*second(*given)))


def there_and_back(there, back, x, other):
    return back(there(x)), x


def back_and_there(there, back, x, other):
    return there(back(other)), other


def cut(there, back, x, other):
    return l1(back(there(x).detach()), x) + l1(there(back(other).detach()), other)


def identity_by_names(there, back, x, other):
    kept, also = back(x), there(other)
    return F.l1_loss(kept, x) + F.l1_loss(also, other)


def keep_first(there, back, x, other):
    return back(x), x


def keep_second(there, back, x, other):
    return there(other), other


def squared(a, b):
    return (a - b).square().mean()


def summed(a, b):
    return (a - b).abs().sum()


def signed(a, b):
    return (a - b).mean()


def swap_in_loops(pool, fakes, slots, older):
    shown, pool = [], pool.clone()
    for fake, slot, old in zip(fakes, slots, older, strict=True):
        shown.append(pool[slot].clone() if old else fake)
        if old:
            pool[slot] = fake
    return torch.stack(shown), pool


def swap_by_where(pool, fakes, slots, older):
    mask = older.view(-1, *[1] * (fakes.ndim - 1))
    after = pool.clone()
    after[slots] = torch.where(mask, fakes, pool[slots])
    return torch.where(mask, pool[slots], fakes), after


def swap_as_list(pool, fakes, slots, older):
    return [*swap_in_loops(pool, fakes, slots, older)]


def swap_of(shown=None, after=None):
    """shown(pool, fakes, slots, older), after(...) in place of what is right."""

    def swap(*given):
        right = swap_by_where(*given)
        return (shown(*given) if shown else right[0]), (after(*given) if after else right[1])

    return swap


def put(pool, places, pictures):
    pool = pool.clone()
    pool[places] = pictures
    return pool


def swap_in_place(pool, fakes, slots, older):
    shown = fakes.clone()
    shown[older] = pool[slots[older]]
    pool[slots[older]] = fakes[older]
    return shown, pool


def fakes_in_place(pool, fakes, slots, older):
    after = put(pool, slots[older], fakes[older])
    fakes[older] = pool[slots[older]]
    return fakes, after


def written_first(pool, fakes, slots, older):
    pool, shown = pool.clone(), fakes.clone()
    pool[slots[older]] = fakes[older]
    shown[older] = pool[slots[older]]
    return shown, pool


def without_slots(pool, fakes, slots, older):
    return swap_by_where(pool, fakes, torch.arange(len(fakes)), older)


RIGHT = {
    "pix2pix": [{"pix2pix_loss": one} for one in (pix2pix_on_the_wide_scale, pix2pix_by_hand, pix2pix_made_twice)],
    "cycle": [
        *({"cycle_loss": one} for one in (cycle_by_names, cycle_in_loops)),
        {"identity_loss": identity_by_names},
    ],
    "pool": [{"swap": one} for one in (swap_in_loops, swap_by_where, swap_as_list)],
}
WRONG = {
    "pix2pix": each("pix2pix_loss",
        ("the factor 2 is missing", pix2pix_of(l1)),
        ("the factor 2 is there twice", pix2pix_of(lambda a, b: 4 * l1(a, b))),
        ("the difference is squared", pix2pix_of(lambda a, b: 4 * squared(a, b))),
        ("that from 0 to 1", pix2pix_of(squared)),
        ("squared after its mean", pix2pix_of(lambda a, b: (2 * l1(a, b)) ** 2)),
        ("the difference is summed; it", pix2pix_of(lambda a, b: 2 * summed(a, b))),
        ("summed over each picture", pix2pix_of(lambda a, b: 2 * (a - b).abs().flatten(1).sum(1).mean())),
        ("the weight stands at the game", pix2pix_of(finish=lambda g, a, w: w * g + a)),
        ("the weight stands at both", pix2pix_of(finish=lambda g, a, w: w * (g + a))),
        ("the weight is missing", pix2pix_of(finish=lambda g, a, w: g + a)),
        ("the game is missing", pix2pix_of(finish=lambda g, a, w: w * a)),
        ("the distance is missing", pix2pix_of(finish=lambda g, a, w: g)),
        ("are subtracted", pix2pix_of(finish=lambda g, a, w: g - w * a)),
        ("the distance from the condition", from_the_condition),
        ("so that they cancel", pix2pix_of(lambda a, b: 2 * signed(a, b))),
        ("asks to be found out", pix2pix_of(game=lambda t: F.softplus(t).mean())),
        ("the saturating loss", pix2pix_of(game=lambda t: -F.softplus(t).mean())),
        ("D is shown the target", pix2pix_of(shown=lambda f, c, x: (x, c))),
        ("D sees the fake in both places", pix2pix_of(shown=lambda f, c, x: (f, f))),
        ("D sees the condition in both places", pix2pix_of(shown=lambda f, c, x: (c, c))),
        ("D sees the target beside the fake", pix2pix_of(shown=lambda f, c, x: (f, x))),
        ("the picture comes first", pix2pix_of(shown=lambda f, c, x: (c, f))),
        ("without its condition", pix2pix_of(shown=lambda f, c, x: (f, torch.zeros_like(c)))),
        ("raised TypeError", pix2pix_of(shown=lambda f, c, x: (f,))),
        ("D gets the fake on the scale", pix2pix_of(shown=lambda f, c, x: (2 * f - 1, c))),
        ("the discriminator's loss is added", both_losses),
        ("the mean logit is raised", pix2pix_of(game=lambda t: -t.mean())),
        ("none flows; do not detach the fake", under_no_grad),
        ("none flows through D", pix2pix_of(shown=lambda f, c, x: (f.detach(), c))),
        ("none flows from the distance", pix2pix_of(lambda a, b: 2 * l1(a.detach(), b))),
        ("leaves gradients behind", with_gradients_left),
        ("is a float", lambda *given: pix2pix_by_hand(*given).item()),
    ),
    "cycle": [
        *each("cycle_loss",
            ("only pictures of the first domain", lambda *given: l1(*there_and_back(*given))),
            ("only pictures of the second domain", lambda *given: l1(*back_and_there(*given))),
            ("it is halved", cycle_of(there_and_back, back_and_there, join=lambda a, b: (a + b) / 2)),
            ("are subtracted", cycle_of(there_and_back, back_and_there, join=lambda a, b: a - b)),
            ("the difference is squared", cycle_of(there_and_back, back_and_there, squared)),
            ("the difference is summed", cycle_of(there_and_back, back_and_there, summed)),
            ("it is doubled", cycle_of(there_and_back, back_and_there, lambda a, b: 2 * l1(a, b))),
            ("twice the same way", cycle_of(lambda t, b, x, o: (t(t(x)), x), lambda t, b, x, o: (b(b(o)), o))),
            ("in the wrong order", cycle_of(lambda t, b, x, o: (t(b(x)), x), lambda t, b, x, o: (b(t(o)), o))),
            ("nothing comes back", cycle_of(lambda t, b, x, o: (t(x), x), lambda t, b, x, o: (b(o), o))),
            ("this is the identity loss", cycle_of(keep_first, keep_second)),
            ("is compared with the translation",
             cycle_of(lambda t, b, x, o: (b(t(x)), t(x)), lambda t, b, x, o: (t(b(o)), b(o)))),
            ("so that they cancel", cycle_of(there_and_back, back_and_there, signed)),
            ("both ways start from x", cycle_of(there_and_back, lambda t, b, x, o: (t(b(x)), x))),
            ("both ways start from other", cycle_of(back_and_there, lambda t, b, x, o: (b(t(o)), o))),
            ("a picture of the other domain",
             cycle_of(lambda t, b, x, o: (b(t(x)), o), lambda t, b, x, o: (t(b(o)), x))),
            ("these are no pairs", cycle_of(lambda t, b, x, o: (t(x), o), lambda t, b, x, o: (b(o), x))),
            ("what came back of the other", lambda t, b, x, o: l1(b(t(x)), t(b(o)))),
            ("through the second translation", cut),
            ("none flows; nothing may be detached", lambda *given: cycle_by_names(*given).detach()),
        ),
        *each("identity_loss",
            ("the wrong generators", cycle_of(lambda t, b, x, o: (t(x), x), lambda t, b, x, o: (b(o), o))),
            ("only `back` is asked", lambda *given: l1(*keep_first(*given))),
            ("only `there` is asked", lambda *given: l1(*keep_second(*given))),
            ("it is halved", cycle_of(keep_first, keep_second, join=lambda a, b: (a + b) / 2)),
            ("the difference is squared", cycle_of(keep_first, keep_second, squared)),
            ("it is doubled", cycle_of(keep_first, keep_second, lambda a, b: 2 * l1(a, b))),
            ("this is the cycle loss", cycle_by_names),
            ("both generators get x", cycle_of(keep_first, lambda t, b, x, o: (t(x), x))),
            ("both generators get other", cycle_of(keep_second, lambda t, b, x, o: (b(o), o))),
            ("the difference is summed", cycle_of(keep_first, keep_second, summed)),
            ("so that they cancel", cycle_of(keep_first, keep_second, signed)),
            ("pictures of the other domain", cycle_of(lambda t, b, x, o: (b(x), o), lambda t, b, x, o: (t(o), x))),
        ),
    ],
    "pool": each("swap",
        ("`older` is taken the other way round", lambda p, f, s, o: swap_by_where(p, f, s, ~o)),
        ("the new fakes are shown everywhere", swap_of(lambda p, f, s, o: f)),
        ("read it before you write into it", written_first),
        ("older ones are shown everywhere", swap_of(lambda p, f, s, o: p[s])),
        ("the pool stays as it was", swap_of(after=lambda p, f, s, o: p)),
        ("all new fakes enter the pool", swap_of(after=lambda p, f, s, o: put(p, s, f))),
        ("fakes that are shown enter the pool", swap_of(after=lambda p, f, s, o: put(p, s[~o], f[~o]))),
        ("it has place slots[i]", without_slots),
        ("in the wrong order", lambda p, f, s, o: swap_by_where(p, f, s.flip(0), o)),
        ("the wrong fakes enter the pool", swap_of(after=lambda p, f, s, o: put(p, s[o], f[: int(o.sum())]))),
        ("the places are cleared", swap_of(after=lambda p, f, s, o: put(p, s[o], 0.0))),
        ("the batch keeps its size", swap_of(lambda p, f, s, o: p[s[o]])),
        ("in its own place of the batch", swap_of(lambda p, f, s, o: torch.cat([p[s[o]], f[~o]]))),
        ("changes its argument number 1 in place", swap_in_place),
        ("changes its argument number 2 in place", fakes_in_place),
        ("2 values are expected", lambda p, f, s, o: swap_by_where(p, f, s, o)[0]),
        ("has shape (9, 2, 3); (6, 2, 3) is expected", lambda p, f, s, o: swap_by_where(p, f, s, o)[::-1]),
    ),
}  # fmt: skip
