"""The checks of lab 07: what `check("unet")` and its kin try, and what they say of a mistake.

Each exercise is judged by one function below, which the check in the lab calls with one set of inputs
and the grading with others.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturelib.grading.diagnosis import judge_diagnosis
from lecturelib.grading.exercises import exercise
from lecturelib.grading.mistakes import Raised, compare, require, require_finite


def _normal(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=rng)


def _uniform(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.rand(*shape, generator=rng)


# 1. Two ways to tell a network the condition


def _judge_maps(call, n: int, c: int, k: int, h: int, w: int, rng: torch.Generator) -> None:
    x, y = _uniform(n, c, h, w, rng=rng), 0.2 + _normal(n, k, rng=rng)
    maps = torch.einsum("nk,hw->nkhw", y, torch.ones(h, w))
    right = torch.cat((x, maps), 1)
    largest = y.argmax(1).float()[:, None, None, None].expand(-1, -1, h, w)
    corner = torch.zeros_like(maps)
    corner[:, :, 0, 0] = y
    wrong = {
        "the maps stand before the pixels; the pixels come first": torch.cat((maps, x), 1),
        "these are the maps alone; the pixels are missing": maps,
        "these are the pixels alone; the maps are missing": x,
        "every picture has the condition of the first one":
            torch.cat((x, maps[:1].expand_as(maps)), 1),
        "the entries of a condition alternate from pixel to pixel; each map is constant":
            torch.cat((x, y.repeat(1, h * w).view(n, k, h, w)), 1),
        "the conditions of different pictures are mixed":
            torch.cat((x, y.T.reshape(n, k, 1, 1).expand_as(maps)), 1),
        "one map tells which entry is the largest; each entry has a map of its own": torch.cat((x, largest), 1),
        "only the pixel in the corner is told": torch.cat((x, corner), 1),
        "the entries are divided by the number of pixels": torch.cat((x, maps / (h * w)), 1),
        "the entries are rounded": torch.cat((x, maps.round()), 1),
    }  # fmt: skip
    if c == k:
        wrong |= {
            "the maps are added to the pixels; they stand beside them, as channels": x + maps,
            "the pixels are multiplied by the maps; the maps stand beside them, as channels": x * maps,
            "the maps are laid below the picture; channels are dimension 1": torch.cat((x, maps), 2),
            "the maps are laid to the right of the picture; channels are dimension 1": torch.cat((x, maps), 3),
            "the maps are put among the examples; channels are dimension 1": torch.cat((x, maps), 0),
        }
    compare(call("with_condition", x, y), right, wrong, what="the picture with its maps")


@exercise("maps", points=1, hint="A view with two more dimensions, expanded to h x w; torch.cat along dimension 1.")
def maps(call, rng):
    _judge_maps(call, 4, 3, 3, 5, 6, rng)


def _judge_projection(call, n: int, d: int, K: int, rng: torch.Generator) -> None:
    f, w, V = _normal(n, d, rng=rng), _normal(d, rng=rng), _normal(K, d, rng=rng)
    y = torch.randint(K, (n,), generator=rng)
    score, all_classes = torch.einsum("nd,d->n", f, w), torch.einsum("nd,kd->nk", f, V)
    told = all_classes.gather(1, y[:, None])[:, 0]
    rows = torch.stack([V[k] for k in y.tolist()])
    right = score + told
    wrong = {
        "the term with the label is missing": score,
        "the score of the features alone is missing": told,
        "all classes are added up; only the row of the label counts": score + all_classes.sum(1),
        "all classes are averaged; only the row of the label counts": score + all_classes.mean(1),
        "the best class counts; the label's row should": score + all_classes.amax(1),
        "the row of the label is summed without the features": score + rows.sum(1),
        "the product is averaged over the features; it is a sum": score + told / d,
        "the product is divided by the root of d": score + told / d**0.5,
        "the lengths are divided out; it is the plain inner product": score + F.cosine_similarity(rows, f),
        "it is normalised over the classes; it is the plain inner product":
            score + all_classes.log_softmax(1).gather(1, y[:, None])[:, 0],
        "sigma is applied; logits are asked for": right.sigmoid(),
        "every picture meets every label of the batch; each has its own label":
            score[:, None] + torch.einsum("nd,md->nm", f, rows),
        "every picture meets every label, and the scores lie along the wrong dimension":
            score + torch.einsum("nd,md->nm", f, rows),
        "the products are not summed over the features": score[:, None] + rows * f,
        "it is averaged over the batch; each picture has a logit": right.mean(),
        "the two terms are multiplied; add them": score * told,
        "the two terms are subtracted; add them": score - told,
        "the order of the batch is reversed for the labels": score + torch.einsum("nd,nd->n", f, rows.flip(0)),
    }  # fmt: skip
    if n <= K:
        own = torch.einsum("nd,nd->n", f, V[:n])
        wrong["picture i has row i of V; it has the row of its label"] = score + own
    compare(call("projection_logit", f, y, w, V), right, wrong, what="the logit")


@exercise("projection", points=1, hint="V[y] holds the row of each picture's label, (n, d), as the features are.")
def projection(call, rng):
    _judge_projection(call, 6, 5, 9, rng)


# 2. The U-Net

Weights = list[Tensor]
JOINED = {  # step of the way up, from 1, and number of blocks -> which of the maps from the way down, from 0
    "the maps are joined in the order in which they were made; the last one comes first": lambda step, k: step - 1,
    "each map is one too deep: the innermost one is joined with itself": lambda step, k: k - step,
    "the same map, the last but one, is joined each time": lambda step, k: k - 2,
    "the same map, the first, is joined each time": lambda step, k: 0,
    "the same map, the innermost one, is joined each time": lambda step, k: k - 1,
}


def _block(x: Tensor, weight: Tensor, stride: int, up: bool) -> Tensor:
    convolve = F.conv_transpose2d if up else F.conv2d
    return torch.tanh(convolve(x, weight, stride=stride, padding=1))


def _maps_down(x: Tensor, down: Weights, stride: int) -> Weights:
    found = []
    for weight in down:
        found.append(_block(found[-1] if found else x, weight, stride, False))
    return found


def _climbed(found: Weights, up: Weights, stride: int, join: Callable[[Tensor, int], Tensor], start=None) -> Weights:
    """The maps on the way up; join(x, step) is what the block of this step gets."""
    made = [_block(found[-1], up[0], stride, True) if start is None else start]
    for step in range(1, len(up)):
        made.append(_block(join(made[-1], step), up[step], stride, True))
    return made


def _advised(call, *arguments):
    """The student's U-Net; when maps do not fit, what that means."""
    try:
        return call("unet", *arguments)
    except Raised as error:
        words = str(error)
        advice = ""
        if "Sizes of tensors must match" in words:
            advice = "the map that is joined has another size: take the one from the way down that is as large as x"
        elif "channels" in words:
            advice = "up[0] gets the innermost map alone, every later block x and one kept map beside it, as channels"
        raise Raised(f"{words}; {advice}") from None if advice else error


def _kernels(rng: torch.Generator, size: int, channels: Sequence[int], out: int) -> tuple[Weights, Weights]:
    """Random kernels of the blocks down and up; channels: of the picture, and after each block."""

    def kernel(rows: int, columns: int, seen: int) -> Tensor:
        met = seen * 9 if size == 3 else seen * 4  # about as many values meet in one
        return 1.2 * met**-0.5 * _normal(rows, columns, size, size, rng=rng)

    down = [kernel(b, a, a) for a, b in pairwise(channels)]
    up, seen = [], channels[-1]
    for to in [*channels[-2:0:-1], out]:
        up.append(kernel(seen, to, seen))
        seen = 2 * to
    return down, up


def _judge_flat_unet(call, n: int, k: int, c: int, h: int, w: int, rng: torch.Generator) -> None:
    """Blocks that leave the sides as they are, so that every map fits everywhere and a wrong one can be named."""
    (down, up), x = _kernels(rng, 3, [2, *([c] * k)], c), _normal(n, 2, h, w, rng=rng)
    found = _maps_down(x, down, 1)

    def beside(which: Callable[[int, int], int]) -> Callable[[Tensor, int], Tensor]:
        return lambda made, step: torch.cat((made, found[which(step, k)]), 1)

    def way(step: int, k: int) -> int:
        return k - 1 - step

    path = _climbed(found, up, 1, beside(way))
    wrong = {words: _climbed(found, up, 1, beside(which))[-1] for words, which in JOINED.items()}
    others = {
        "the kept map stands before x; x comes first": lambda made, step: torch.cat((found[way(step, k)], made), 1),
        "x is joined with itself; the map from the way down belongs beside it":
            lambda made, step: torch.cat((made, made), 1),
        "the kept map stands there twice; x belongs there too":
            lambda made, step: torch.cat((found[way(step, k)],) * 2, 1),
        "zeros are joined in place of the kept map": lambda made, step: torch.cat((made, 0 * made), 1),
    }  # fmt: skip
    wrong |= {words: _climbed(found, up, 1, join)[-1] for words, join in others.items()}
    wrong |= {
        "the first block of the way up is left out": _climbed(found, up, 1, beside(way), start=found[-1])[-1],
        "the innermost map is returned; the way up is missing": found[-1],
    }
    if k > 1:
        wrong["the last block of the way up is left out"] = path[-2]
    blocks = call("stack", down, 1), call("stack", up, 1, True)
    what = f"what the U-Net of {k} and {k} blocks makes (here they leave the sides as they are)"
    compare(_advised(call, x, *blocks), path[-1], wrong, what=what)


def _judge_unet(call, n: int, channels: Sequence[int], out: int, h: int, w: int, rng: torch.Generator) -> None:
    """Blocks that halve and double the sides."""
    (down, up), x = _kernels(rng, 4, channels, out), _normal(n, channels[0], h, w, rng=rng)
    found = _maps_down(x, down, 2)
    right = _climbed(found, up, 2, lambda made, step: torch.cat((made, found[-1 - step]), 1))[-1]
    value = _advised(call, x, call("stack", down, 2), call("stack", up, 2, True))
    compare(value, right, what="what the U-Net makes")


@exercise("unet", points=2, hint="Keep each map on the way down; on the way up take the last one that was not used.")
def unet(call, rng):
    _judge_flat_unet(call, 3, 3, 4, 5, 6, rng)
    _judge_unet(call, 2, [1, 4, 5, 6], 3, 16, 8, rng)


# 3. Patches


def _judge_field(call, kernels: list[int], strides: list[int]) -> None:
    n = len(kernels)
    before = [math.prod(strides[:i]) for i in range(n)]
    grown = sum((k - 1) * b for k, b in zip(kernels, before, strict=True))
    right = grown + 1
    own = 1 + sum((k - 1) * math.prod(strides[: i + 1]) for i, k in enumerate(kernels))
    after = 1 + sum((k - 1) * math.prod(strides[i + 1 :]) for i, k in enumerate(kernels))
    one = 1 + sum((kernels[i] - 1) * (strides[i - 1] if i else 1) for i in range(n))
    added = 1 + sum((kernels[i] - 1) * (sum(strides[:i]) if i else 1) for i in range(n))
    whole = sum(k * b for k, b in zip(kernels, before, strict=True))
    wrong = {
        "the strides are ignored": 1 + sum(k - 1 for k in kernels),
        "a kernel of k pixels adds k - 1 to what is seen already, not k": whole,
        "a kernel adds k - 1 pixels, not k, to the one that it starts from": whole + 1,
        "each layer's own stride counts too; its steps are as long as the strides before it make them": own,
        "the strides after a layer are multiplied; those before it count": after,
        "only the stride just before a layer counts; all before it are multiplied": one,
        "the strides are added up; they are multiplied": added,
        "the one pixel to begin with is missing": grown,
        "the kernels are added up": sum(kernels),
        "the kernels are multiplied": math.prod(kernels),
        "this is how often a patch fits: the product of the strides": math.prod(strides),
        "the last layer is left out": right - (kernels[-1] - 1) * before[-1],
        "the first layer is left out": 1 + sum((kernels[i] - 1) * math.prod(strides[1:i]) for i in range(1, n)),
        "this is the number of pixels in the patch; its side is asked for": right**2,
    }
    what = f"the side of the patch for kernels {kernels} and strides {strides}"
    compare(
        call("receptive_field", list(kernels), list(strides)), float(right), {w: float(v) for w, v in wrong.items()},
        tolerance=1e-6, what=what,
    )  # fmt: skip


@exercise(
    "field",
    points=1,
    hint="Begin with 1 pixel, 1 apart; add (k - 1) times what lies between neighbours, then lengthen that.",
)
def field(call, rng):
    _judge_field(call, [4, 3, 5], [2, 3, 1])
    _judge_field(call, [7], [2])


def _entropy(logits: Tensor, real: bool) -> Tensor:
    """The loss of each patch that should be called real, or not."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)), reduction="none")


def _judge_patches(call, n: int, h: int, w: int, rng: torch.Generator) -> None:
    t = 0.4 + 2 * _normal(n, h, w, rng=rng) + _normal(n, 1, 1, rng=rng)
    for real in (True, False):
        each, kind = _entropy(t, real), "real" if real else "not real"
        sign = 1 if real else -1
        right = each.mean()
        wrong = {
            "it asks for the opposite: `real` says what D should say": _entropy(t, not real).mean(),
            "the sign is wrong: this rises when D is right": -right,
            "the sign is wrong, and it asks for the opposite": -_entropy(t, not real).mean(),
            "the logits of all patches are averaged first; the mean is taken over the losses":
                _entropy(t.mean(), real),
            "the logits of each picture are averaged first; every patch has a loss of its own":
                _entropy(t.mean((1, 2)), real).mean(),
            "summed over everything; it is a mean": each.sum(),
            "summed over the patches of a picture; it is a mean over them too": right * h * w,
            "summed over the batch; it is a mean": right * n,
            "each patch has a loss here; return their mean": each,
            "each picture has a loss here; return their mean": each.mean((1, 2)),
            "only one patch of each picture, the middle one, is asked": each[:, h // 2, w // 2].mean(),
            "only one patch of each picture, the first, is asked": each[:, 0, 0].mean(),
            "only the patch that errs most counts": each.amax((1, 2)).mean(),
            "sigma is applied twice: the loss takes the logits": _entropy(t.sigmoid(), real).mean(),
            "D's answers are averaged before the logarithm; the mean is taken over the losses":
                -(sign * t).sigmoid().mean().log(),
            "the logarithm is missing": -(sign * t).sigmoid().mean(),
            "sigma and logarithm are missing": -sign * t.mean(),
            "this is the loss of least squares": (t - float(real)).square().mean(),
            "this is half the loss of least squares": (t - float(real)).square().mean() / 2,
            "it is halved": right / 2,
            "the logarithm has base 2; natural ones are asked for": right / math.log(2),
        }  # fmt: skip
        compare(call("patch_loss", t, real), right, wrong, what=f"the loss of patches that should be called {kind}")
    large = 200 * (-1.0) ** torch.arange(n * h * w).view(n, h, w)
    for real in (True, False):
        value, what = call("patch_loss", large, real), "the loss, for logits of +-200,"
        require_finite(value, what, "sigma is 0 or 1 there, and log 0 is infinite; use F.softplus on the logits")
        compare(value, _entropy(large, real).mean(), what=what)


@exercise("patches", points=1, hint="-log sigma(t) is F.softplus(-t), and -log(1 - sigma(t)) is F.softplus(t).")
def patches(call, rng):
    _judge_patches(call, 3, 4, 5, rng)


# 4. pix2pix


def _painted(weight: Tensor, x: Tensor) -> Tensor:
    return torch.sigmoid(F.conv2d(x, weight, padding=1))


def _judged(weight: Tensor, picture: Tensor, condition: Tensor) -> Tensor:
    return F.conv2d(torch.cat((picture, condition), 1), weight)[:, 0]


@torch.enable_grad()
def _slopes(loss_of: Callable[..., Tensor], *weights: Tensor) -> Tensor:
    """The gradients of a loss for weights, flat; 0 where it does not depend on them."""
    leaves = [w.clone().requires_grad_() for w in weights]
    found = torch.autograd.grad(loss_of(*leaves), leaves, allow_unused=True)
    return torch.cat([(torch.zeros_like(w) if g is None else g).flatten() for g, w in zip(found, weights, strict=True)])


def _gradients_found(value, *weights: Tensor) -> Tensor:
    """What a lab's `..._gradients` gives, flat; 0 where nothing came."""
    held = isinstance(value, list) and len(value) == len(weights)
    require(held, "the lab's own functions for gradients are changed: run their cell as it stands there")
    return torch.cat([(torch.zeros_like(w) if g is None else g).flatten() for g, w in zip(value, weights, strict=True)])


def _l1(a: Tensor, b: Tensor) -> Tensor:
    return F.l1_loss(a, b)


def _judge_pix2pix(call, n: int, c: int, h: int, w: int, weight: float, rng: torch.Generator) -> None:
    painter, judge = 0.5 * _normal(c, c, 3, 3, rng=rng), 0.6 * _normal(1, 2 * c, 3, 3, rng=rng)
    condition, x = _uniform(n, c, h, w, rng=rng), _uniform(n, c, h, w, rng=rng)
    fake = _painted(painter, condition)

    def asked(picture: Tensor, beside: Tensor, real: bool = True) -> Tensor:
        return _entropy(_judged(judge, picture, beside), real).mean()

    game, away = asked(fake, condition), _l1(fake, x)
    far = 2 * weight * away
    right = game + far
    wrong = {
        "the factor 2 is missing: on the scale from -1 to 1 all distances are twice as large": game + weight * away,
        "the factor 2 is there twice": game + 2 * far,
        "the difference is squared": game + weight * F.mse_loss(2 * fake, 2 * x),
        "the difference is squared, and the scale is that from 0 to 1": game + weight * F.mse_loss(fake, x),
        "the difference is squared after its mean": game + weight * (2 * away).square(),
        "the difference is summed; it is a mean over all entries": game + far * x.numel(),
        "the difference is summed over each picture; it is a mean over all entries": game + far * x[0].numel(),
        "the weight stands at the game; it belongs to the distance": weight * game + 2 * away,
        "the weight stands at both; it belongs to the distance alone": weight * (game + 2 * away),
        "the weight is missing": game + 2 * away,
        "the game is missing": far,
        "the distance is missing": game,
        "the two are subtracted; add them": game - far,
        "it is the distance from the condition; the target is meant": game + 2 * weight * _l1(fake, condition),
        "the signs of the differences are kept, so that they cancel; take absolute values":
            game + 2 * weight * (fake - x).mean(),
        "the generator asks to be found out: it should ask D to say real": asked(fake, condition, False) + far,
        "this is the saturating loss": far - asked(fake, condition, False),
        "D is shown the target; it has to judge the fake": asked(x, condition) + far,
        "D sees the fake in both places; the condition belongs beside it": asked(fake, fake) + far,
        "D sees the condition in both places; the fake comes first": asked(condition, condition) + far,
        "D sees the target beside the fake; the condition belongs there": asked(fake, x) + far,
        "D gets the condition first and the fake second; the picture comes first": asked(condition, fake) + far,
        "D is shown the fake without its condition (zeros stand there)": asked(fake, 0 * condition) + far,
        "D gets the fake on the scale from -1 to 1; it moves pictures there itself, if it wants to":
            asked(2 * fake - 1, condition) + far,
        "the discriminator's loss is added": right + asked(x, condition),
        "the mean logit is raised; use `patch_loss`": far - _judged(judge, fake, condition).mean(),
    }  # fmt: skip
    D = call("Judge", judge)
    value = call("pix2pix_loss", call("Painter", painter), D, condition, x, weight)
    compare(value, right, wrong, what="the generator's loss")

    def parts(p: Tensor) -> tuple[Tensor, Tensor]:
        made = _painted(p, condition)
        return _entropy(_judged(judge, made, condition), True).mean(), 2 * weight * _l1(made, x)

    named = {
        "none flows; do not detach the fake or make it under no_grad": torch.zeros(painter.numel()),
        "none flows through D; do not detach what D judges": _slopes(lambda p: parts(p)[1], painter),
        "none flows from the distance; do not detach the fake there": _slopes(lambda p: parts(p)[0], painter),
    }
    flow = _slopes(lambda p: sum(parts(p)), painter)
    named["a backward() inside `pix2pix_loss` leaves gradients behind; it only computes the loss"] = 2 * flow
    found = call("pix2pix_gradients", call("Painter", painter), D, condition, x, weight)
    compare(
        _gradients_found(found, painter), flow, named, what="the value is right, but the gradient for the generator"
    )


@exercise("pix2pix", points=2, hint="Make the fake once: D judges it beside its condition, and it is compared with x.")
def pix2pix(call, rng):
    _judge_pix2pix(call, 3, 2, 6, 7, 5.0, rng)


# 5. There and back


def _judge_cycle(call, n: int, m: int, c: int, h: int, w: int, rng: torch.Generator) -> None:
    there, back = (0.6 * _normal(c, c, 3, 3, rng=rng) for _ in range(2))
    x, other = _uniform(n, c, h, w, rng=rng), _uniform(m, c, h, w, rng=rng)

    def to(a: Tensor) -> Tensor:
        return _painted(there, a)

    def fro(a: Tensor) -> Tensor:
        return _painted(back, a)

    first, second = _l1(fro(to(x)), x), _l1(to(fro(other)), other)
    right, stays = first + second, _l1(fro(x), x) + _l1(to(other), other)
    squares = F.mse_loss(fro(to(x)), x) + F.mse_loss(to(fro(other)), other)
    wrong = {
        "only pictures of the first domain go there and back; those of the second go, too": first,
        "only pictures of the second domain go there and back; those of the first go, too": second,
        "it is halved; the two means are added": right / 2,
        "the two are subtracted; add them": first - second,
        "the difference is squared": squares,
        "the difference is summed; it is a mean": first * x.numel() + second * other.numel(),
        "it is doubled; here pictures stay on the scale from 0 to 1": 2 * right,
        "both are translated twice the same way": _l1(to(to(x)), x) + _l1(fro(fro(other)), other),
        "the translators are used in the wrong order: x goes `there` first, other goes `back` first":
            _l1(to(fro(x)), x) + _l1(fro(to(other)), other),
        "nothing comes back: a translation is compared with what it was made from":
            _l1(to(x), x) + _l1(fro(other), other),
        "this is the identity loss": stays,
        "what came back is compared with the translation; what went is meant":
            _l1(fro(to(x)), to(x)) + _l1(to(fro(other)), fro(other)),
        "the signs of the differences are kept, so that they cancel; take absolute values":
            (fro(to(x)) - x).mean() + (to(fro(other)) - other).mean(),
        "both ways start from x": first + _l1(to(fro(x)), x),
        "both ways start from other": second + _l1(fro(to(other)), other),
    }  # fmt: skip
    kept = {
        "it is applied to the wrong generators: `there` makes pictures of the second domain, so it should keep `other`":
            _l1(to(x), x) + _l1(fro(other), other),
        "only `back` is asked to keep what is of its domain; `there` is, too": _l1(fro(x), x),
        "only `there` is asked to keep what is of its domain; `back` is, too": _l1(to(other), other),
        "it is halved; the two means are added": stays / 2,
        "the difference is squared": F.mse_loss(fro(x), x) + F.mse_loss(to(other), other),
        "it is doubled; here pictures stay on the scale from 0 to 1": 2 * stays,
        "this is the cycle loss": right,
        "both generators get x": _l1(fro(x), x) + _l1(to(x), x),
        "both generators get other": _l1(fro(other), other) + _l1(to(other), other),
        "the difference is summed; it is a mean":
            _l1(fro(x), x) * x.numel() + _l1(to(other), other) * other.numel(),
        "the signs of the differences are kept, so that they cancel; take absolute values":
            (fro(x) - x).mean() + (to(other) - other).mean(),
    }  # fmt: skip
    if n == m:
        wrong |= {
            "what came back is compared with a picture of the other domain, which has nothing to do with it":
                _l1(fro(to(x)), other) + _l1(to(fro(other)), x),
            "the translations are compared with pictures of the other domain: these are no pairs":
                _l1(to(x), other) + _l1(fro(other), x),
            "what came back of one domain is compared with what came back of the other":
                _l1(fro(to(x)), to(fro(other))),
        }  # fmt: skip
        kept["the results are compared with pictures of the other domain"] = _l1(fro(x), other) + _l1(to(other), x)
    networks = call("Painter", there), call("Painter", back)
    compare(call("cycle_loss", *networks, x, other), right, wrong, what="the cycle loss")
    compare(call("identity_loss", *networks, x, other), stays, kept, what="the identity loss")

    def loss_of(t: Tensor, b: Tensor, cut: bool = False) -> Tensor:
        middle, between = _painted(t, x), _painted(b, other)
        middle, between = (middle.detach(), between.detach()) if cut else (middle, between)
        return _l1(_painted(b, middle), x) + _l1(_painted(t, between), other)

    named = {
        "none flows; nothing may be detached, or made under no_grad": torch.zeros(there.numel() + back.numel()),
        "none flows through the second translation into the first; do not detach what lies between them":
            _slopes(lambda t, b: loss_of(t, b, True), there, back),
    }  # fmt: skip
    flow = _slopes(loss_of, there, back)
    named["a backward() inside `cycle_loss` leaves gradients behind; it only computes the loss"] = 2 * flow
    found = call("cycle_gradients", call("Painter", there), call("Painter", back), x, other)
    what = "the value of the cycle loss is right, but its gradient"
    compare(_gradients_found(found, there, back), flow, named, what=what)


@exercise("cycle", points=2, hint="x goes `there`, then `back`, and is compared with x; other the other way round.")
def cycle(call, rng):
    _judge_cycle(call, 3, 3, 2, 6, 5, rng)


# 6. A pool of older fakes


def _put(pool: Tensor, places: Tensor, pictures: Tensor) -> Tensor:
    """The pool with pictures in some of its places."""
    return pool.index_copy(0, places, pictures)


def _judge_swap(call, size: int, n: int, shape: tuple[int, ...], rng: torch.Generator) -> None:
    pool, fakes = _normal(size, *shape, rng=rng), 5 + _normal(n, *shape, rng=rng)
    while True:
        slots = torch.randperm(size, generator=rng)[:n]
        if n == 1 or not torch.equal(slots, torch.arange(n)):
            break
    older = (torch.arange(n) % 2 == 0)[torch.randperm(n, generator=rng)]
    mask = older.view(-1, *[1] * len(shape))
    old = pool.index_select(0, slots)
    shown, inverted = old * mask + fakes * ~mask, fakes * mask + old * ~mask
    new = _put(pool, slots[older], fakes[older])
    first = torch.arange(n)
    wrong = {
        "`older` is taken the other way round: True stands for an older one":
            (inverted, new),
        "the new fakes are shown everywhere; read the pool, and read it before you write into it": (fakes, new),
        "older ones are shown everywhere; where `older` is False the new fake is": (old, new),
        "the pool stays as it was: a new fake takes the place of the older one that is shown": (shown, pool),
        "all new fakes enter the pool; only those do for which an older one is shown":
            (shown, _put(pool, slots, fakes)),
        "fakes that are shown enter the pool; those enter for which an older one is shown":
            (shown, _put(pool, slots[~older], fakes[~older])),
        "fake i has place i of the pool; it has place slots[i]":
            (pool[:n] * mask + fakes * ~mask, _put(pool, first[older], fakes[older])),
        "the places of the pool are taken in the wrong order":
            (old.flip(0) * mask + fakes * ~mask, _put(pool, slots.flip(0)[older], fakes[older])),
        "the wrong fakes enter the pool: fake i belongs in place slots[i]":
            (shown, _put(pool, slots[older], fakes[: int(older.sum())])),
        "the places are cleared, and no fake enters": (shown, _put(pool, slots[older], 0 * fakes[older])),
        "these are only the older ones; the batch keeps its size": (old[older], new),
        "the older ones come first, then the new ones; each stands in its own place of the batch":
            (torch.cat((old[older], fakes[~older])), new),
    }  # fmt: skip
    compare(call("swap", pool, fakes, slots, older), (shown, new), wrong, what="what `swap` returns (shown, pool)")
    nobody = torch.zeros(n, dtype=torch.bool)
    value = call("swap", pool, fakes, slots, nobody)
    compare(value, (fakes, pool), what="what `swap` returns when no older one is asked for")
    compare(call("swap", pool, fakes, slots, ~nobody), (old, _put(pool, slots, fakes)),
            what="what `swap` returns when only older ones are asked for")  # fmt: skip


@exercise("pool", points=1, hint="Read the older ones first; then write into a copy of the pool.")
def pool_of_fakes(call, rng):
    _judge_swap(call, 9, 6, (2, 3), rng)


# 7. Four broken programs

_CAUSES = (
    "condition unseen", "cut gradient", "frozen network", "identity too strong", "old fakes", "one direction",
    "patch too small", "rates too different", "weight too large", "wrong pairs",
)  # fmt: skip
_EVIDENCE = {
    "P": "its fakes are good points of the grid, and its pairs are in order. How far does the logit of its D move when "
         "the same point is shown with another row?",
    "Q": "its D looks at point and condition. What did it learn of them? Compare the conditions with the points that "
         "it was given as real.",
    "R": "the rows are right. Which of the three answers do its fakes give, and which one is nearest to all three on "
         "average?",
    "S": "how far is each of its networks from where it began, and which of the two cycle errors falls?",
}  # fmt: skip
# hashes: nobody should read the answer in passing
_RIGHT = {"P": "4c8d5b50", "Q": "b825803d", "R": "5867583c", "S": "45ebd741"}


@exercise("diagnosis", points=4)
def diagnosis(call, rng):
    judge_diagnosis(call, "lab07", _CAUSES, _RIGHT, _EVIDENCE)
