"""Answers to the exercises of lab 07 on networks: the way up of a U-Net, and patches."""

import math

import torch
import torch.nn.functional as F
from common_answers import each


def unet_by_index(x, down, up):
    maps = [x]
    for block in down:
        maps.append(block(maps[-1]))
    made = maps[-1]
    for i, block in enumerate(up):
        made = block(made if i == 0 else torch.cat([made, maps[len(maps) - 1 - i]], 1))
    return made


def unet_of_inputs(x, down, up):
    """What goes into each block is kept, not what comes out."""
    kept = []
    for block in down:
        kept.append(x)
        x = block(x)
    for number, block in enumerate(up):
        x = block(torch.hstack([x, kept[-number]]) if number else x)
    return x


def unet_by_recursion(x, down, up):
    def inside(x, depth):
        low = down[depth](x)
        if depth + 1 < len(down):
            low = torch.cat([inside(low, depth + 1), low], 1)
        return up[len(up) - 1 - depth](low)

    return inside(x, 0)


def unet_of(which=lambda step, k: k - 1 - step, join=lambda x, kept: torch.cat([x, kept], 1), first=True, last=True):
    """which(step, k): the number of the map that is joined."""

    def unet(x, down, up):
        kept = []
        for block in down:
            x = block(x)
            kept.append(x)
        x = up[0](x) if first else x
        for step in range(1, len(up) - (not last)):
            x = up[step](join(x, kept[which(step, len(down))]))
        return x

    return unet


def without_way_up(x, down, up):
    for block in down:
        x = block(x)
    return x


def joined_at_once(x, down, up):
    """The innermost map is joined with itself, the last block gets none."""
    kept = []
    for block in down:
        x = block(x)
        kept.append(x)
    for block in up[:-1]:
        x = block(torch.cat([x, kept.pop()], 1))
    return up[-1](x)


def field_from_the_end(kernels, strides):
    side = 1
    for kernel, stride in zip(kernels[::-1], strides[::-1], strict=True):
        side = (side - 1) * stride + kernel
    return side


def field_by_sum(kernels, strides):
    return 1 + sum((k - 1) * math.prod(strides[:i]) for i, k in enumerate(kernels))


def field_measured(kernels, strides):
    """How many entries of a long row one output of a chain of convolutions depends on."""
    x = torch.zeros(1, 1, 1000, dtype=torch.double, requires_grad=True)
    with torch.enable_grad():
        made = x
        for kernel, stride in zip(kernels, strides, strict=True):
            made = F.conv1d(made, torch.ones(1, 1, kernel, dtype=torch.double), stride=stride)
        (slope,) = torch.autograd.grad(made[0, 0, 0], x)
    found = slope[0, 0].nonzero()
    return int(found.max() - found.min()) + 1


def field_of(change):
    """change(kernel, strides before, stride, strides after) is what a layer adds to 1."""
    return lambda kernels, strides: (
        1 + sum(change(k, strides[:i], strides[i], strides[i + 1 :]) for i, k in enumerate(kernels))
    )


def loss_by_entropy(t, real):
    return F.binary_cross_entropy_with_logits(t, torch.ones_like(t) if real else torch.zeros_like(t))


def loss_by_log_sigmoid(t, real):
    return -F.logsigmoid(t if real else -t).sum() / t.numel()


def loss_of_pictures(t, real):
    """The mean over each picture's patches, then over pictures."""
    sign = -1 if real else 1
    return torch.stack([torch.log1p(torch.exp(-(sign * one).abs())).add((sign * one).clamp(min=0)).mean()
                        for one in t]).mean()  # fmt: skip


def loss_of(change):
    """change(t with the sign that D should make large)."""
    return lambda t, real: change(t if real else -t)


def soft(t):
    return F.softplus(-t)


RIGHT = {
    "unet": [{"unet": one} for one in (unet_by_index, unet_of_inputs, unet_by_recursion)],
    "field": [{"receptive_field": one} for one in (field_from_the_end, field_by_sum, field_measured)],
    "patches": [{"patch_loss": one} for one in (loss_by_entropy, loss_by_log_sigmoid, loss_of_pictures)],
}
WRONG = {
    "unet": each("unet",
        ("in the order in which they were made", unet_of(lambda step, k: step - 1)),
        ("the innermost one is joined with itself", unet_of(lambda step, k: k - step)),
        ("the last but one, is joined each time", unet_of(lambda step, k: k - 2)),
        ("the first, is joined each time", unet_of(lambda step, k: 0)),
        ("the innermost one, is joined each time", unet_of(lambda step, k: -1)),
        ("the kept map stands before x", unet_of(join=lambda x, kept: torch.cat([kept, x], 1))),
        ("x is joined with itself", unet_of(join=lambda x, kept: torch.cat([x, x], 1))),
        ("the kept map stands there twice", unet_of(join=lambda x, kept: torch.cat([kept, kept], 1))),
        ("zeros are joined", unet_of(join=lambda x, kept: torch.cat([x, torch.zeros_like(x)], 1))),
        ("the first block of the way up is left out", unet_of(first=False)),
        ("the last block of the way up is left out", unet_of(last=False)),
        ("the way up is missing", without_way_up),
        ("as channels", unet_of(join=lambda x, kept: x + kept)),
        ("as channels", unet_of(join=lambda x, kept: x)),
        ("as channels", unet_of(join=lambda x, kept: torch.cat([x, kept], 2))),
        ("as channels", joined_at_once),
    ),
    "field": each("receptive_field",
        ("the strides are ignored", field_of(lambda k, before, s, after: k - 1)),
        ("adds k - 1 to what is seen already", lambda ks, ss: field_of(
            lambda k, before, s, after: k * math.prod(before))(ks, ss) - 1),
        ("adds k - 1 pixels, not k", field_of(lambda k, before, s, after: k * math.prod(before))),
        ("own stride counts too", field_of(lambda k, before, s, after: (k - 1) * math.prod([*before, s]))),
        ("after a layer are multiplied", field_of(lambda k, before, s, after: (k - 1) * math.prod(after))),
        ("only the stride just before", field_of(lambda k, before, s, after: (k - 1) * (before or [1])[-1])),
        ("the strides are added up", field_of(lambda k, before, s, after: (k - 1) * (sum(before) or 1))),
        ("the one pixel to begin with", lambda ks, ss: field_by_sum(ks, ss) - 1),
        ("the kernels are added up", lambda ks, ss: sum(ks)),
        ("the kernels are multiplied", lambda ks, ss: math.prod(ks)),
        ("the product of the strides", lambda ks, ss: math.prod(ss)),
        ("the last layer is left out", lambda ks, ss: field_by_sum(ks[:-1], ss)),
        ("the first layer is left out", lambda ks, ss: field_by_sum(ks[1:], ss[1:])),
        ("its side is asked for", lambda ks, ss: field_by_sum(ks, ss) ** 2),
        ("one number is expected", lambda ks, ss: [field_by_sum(ks, ss)] * 2),
    ),
    "patches": each("patch_loss",
        ("it asks for the opposite", lambda t, real: loss_by_entropy(t, not real)),
        ("the sign is wrong: this rises", lambda t, real: -loss_by_entropy(t, real)),
        ("the sign is wrong, and it asks", lambda t, real: -loss_by_entropy(t, not real)),
        ("the logits of all patches are averaged", loss_of(lambda t: soft(t.mean()))),
        ("the logits of each picture are averaged", loss_of(lambda t: soft(t.mean((1, 2))).mean())),
        ("summed over everything", loss_of(lambda t: soft(t).sum())),
        ("summed over the patches of a picture", loss_of(lambda t: soft(t).sum((1, 2)).mean())),
        ("summed over the batch", loss_of(lambda t: soft(t).mean((1, 2)).sum())),
        ("each patch has a loss", loss_of(soft)),
        ("each picture has a loss", loss_of(lambda t: soft(t).mean((1, 2)))),
        ("the middle one", loss_of(lambda t: soft(t[:, t.shape[1] // 2, t.shape[2] // 2]).mean())),
        ("the first, is asked", loss_of(lambda t: soft(t[:, 0, 0]).mean())),
        ("that errs most", loss_of(lambda t: soft(t).amax((1, 2)).mean())),
        ("sigma is applied twice", lambda t, real: loss_by_entropy(t.sigmoid(), real)),
        ("averaged before the logarithm", loss_of(lambda t: -t.sigmoid().mean().log())),
        ("the logarithm is missing", loss_of(lambda t: -t.sigmoid().mean())),
        ("sigma and logarithm are missing", loss_of(lambda t: -t.mean())),
        ("this is the loss of least squares", lambda t, real: (t - float(real)).square().mean()),
        ("half the loss of least squares", lambda t, real: (t - float(real)).square().mean() / 2),
        ("it is halved", lambda t, real: loss_by_entropy(t, real) / 2),
        ("base 2", lambda t, real: loss_by_entropy(t, real) / math.log(2)),
        ("should be called not real is wrong: it asks for the opposite", lambda t, real: loss_by_entropy(t, True)),
        ("log 0 is infinite", loss_of(lambda t: -t.sigmoid().log().mean())),
        ("is wrong", loss_of(lambda t: -(t.sigmoid() + 1e-8).log().mean())),
    ),
}  # fmt: skip
