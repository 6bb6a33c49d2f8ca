"""Answers to the exercises of lab 09 on coupling layers and on exact likelihood."""

import math

import torch
from common_answers import each


def cut(x):
    return x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :]


def joined(a, b):
    return torch.cat([a, b], 1)


def coupling_by_writing(x, network):
    half = x.shape[1] // 2
    s, t = network(x[:, :half])
    z = x.clone()
    z[:, half:] = x[:, half:] * s.exp() + t
    return z, s.sum(1)


def coupling_by_slogdet(x, network):
    a, b = cut(x)
    s, t = network(a)
    scale = torch.exp(s)
    return joined(a, torch.addcmul(t, scale, b)), torch.linalg.slogdet(torch.diag_embed(scale)).logabsdet


def coupling_by_logs(x, network):
    a, b = cut(x)
    s, t = network(a)
    scale = s.exp()
    return torch.hstack((a, scale * b + t)), scale.log().sum(-1)


def forward(moved=lambda b, s, t: b * s.exp() + t, log_det=lambda s, t: s.sum(1), put=joined):
    """moved(b, s, t) is the half that moves, log_det(s, t) what is returned as such, put(a, b) makes z."""

    def coupling(x, network):
        a, b = cut(x)
        s, t = network(a)
        return put(a, moved(b, s, t)), log_det(s, t)

    return coupling


def first_half_moves(x, network):
    a, b = cut(x)
    s, t = network(b)
    return joined(a * s.exp() + t, b), s.sum(1)


def asks_about_b(x, network):
    a, b = cut(x)
    s, t = network(b)
    return joined(a, b * s.exp() + t), s.sum(1)


def coupling_in_place(x, network):
    s, t = network(x[:, : x.shape[1] // 2])
    x[:, x.shape[1] // 2 :] = x[:, x.shape[1] // 2 :] * s.exp() + t
    return x, s.sum(1)


def uncoupled_by_writing(z, network):
    half, x = z.shape[1] // 2, z.clone()
    s, t = network(z[:, :half])
    x[:, half:] = (z[:, half:] - t) / s.exp()
    return x


def uncoupled_in_two_terms(z, network):
    a, b = cut(z)
    s, t = network(a)
    return torch.column_stack((a, b * (-s).exp() - t * (-s).exp()))


def backward(moved=lambda b, s, t: (b - t) / s.exp(), put=joined):
    def uncoupled(z, network):
        a, b = cut(z)
        return put(a, moved(b, *network(a)))

    return uncoupled


def first_half_back(z, network):
    a, b = cut(z)
    s, t = network(b)
    return joined((a - t) / s.exp(), b)


def asks_about_moved(z, network):
    a, b = cut(z)
    s, t = network(b)
    return joined(a, (b - t) / s.exp())


def density_by_distribution(z, log_dets):
    return torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1) + torch.stack(log_dets).sum(0)


def density_in_loops(z, log_dets):
    total = -(z * z).sum(1) / 2 - z.shape[1] * math.log(math.sqrt(2 * math.pi))
    for one in log_dets:
        total = total + one
    return total


def density_by_matrix(z, log_dets):
    normal = torch.distributions.MultivariateNormal(torch.zeros(z.shape[1]), torch.eye(z.shape[1]))
    return normal.log_prob(z) + torch.stack(log_dets, 1).sum(1)


def log_p(squares=lambda z: 0.5 * z.square().sum(1), constant=lambda z: z.shape[1] / 2 * math.log(2 * math.pi),
          dets=lambda log_dets: sum(log_dets), then=lambda found: found):  # fmt: skip
    return lambda z, log_dets: then(dets(log_dets) - squares(z) - constant(z))


def bits_by_width(log_p, d, values):
    return -(log_p - d * math.log(values)) / (d * math.log(2))


def bits_by_torch(log_p, d, values):
    return torch.log2(torch.tensor(float(values))) - log_p / d / torch.log(torch.tensor(2.0))


def bits_each(log_p, d, values):
    return torch.tensor([math.log2(values) - one * math.log2(math.e) / d for one in log_p.tolist()])


TWO = math.log(2)
RIGHT = {
    "coupling": [{"coupling": one} for one in (coupling_by_writing, coupling_by_slogdet, coupling_by_logs)],
    "inverse": [{"uncoupled": one} for one in (uncoupled_by_writing, uncoupled_in_two_terms)],
    "density": [{"log_density": one} for one in (density_by_distribution, density_in_loops, density_by_matrix)],
    "bits": [{"bits": one} for one in (bits_by_width, bits_by_torch, bits_each)],
}
WRONG = {
    "coupling": each("coupling",
        ("s and t are exchanged", forward(lambda b, s, t: b * t.exp() + s, lambda s, t: t.sum(1))),
        ("this is the way back", forward(lambda b, s, t: (b - t) / s.exp(), lambda s, t: -s.sum(1))),
        ("the shift is added before the scale", forward(lambda b, s, t: (b + t) * s.exp())),
        ("the shift is taken away", forward(lambda b, s, t: b * s.exp() - t)),
        ("the shift is missing", forward(lambda b, s, t: b * s.exp())),
        ("the scale is missing", forward(lambda b, s, t: b + t)),
        ("the scale is s; it is the exponential", forward(lambda b, s, t: b * s + t)),
        ("the scale is 1 + s", forward(lambda b, s, t: b * (1 + s) + t)),
        ("it is divided by exp(s)", forward(lambda b, s, t: b / s.exp() + t)),
        ("the half that stays is missing", forward(put=lambda a, b: b)),
        ("a stays first", forward(put=lambda a, b: joined(b, a))),
        ("a is replaced by zeros", forward(put=lambda a, b: joined(0 * a, b))),
        ("the first half moves", first_half_moves),
        ("the network is asked about b", asks_about_b),
        ("the sign of the log-determinant", forward(log_det=lambda s, t: -s.sum(1))),
        ("the log-determinant is a mean", forward(log_det=lambda s, t: s.mean(1))),
        ("the log-determinant is divided by d", forward(log_det=lambda s, t: s.sum(1) / (2 * s.shape[1]))),
        ("summed over the batch too", forward(log_det=lambda s, t: s.sum())),
        ("averaged over the batch", forward(log_det=lambda s, t: s.sum(1).mean())),
        ("summed over the batch; sum over the half", forward(log_det=lambda s, t: s.sum(0))),
        ("is not summed", forward(log_det=lambda s, t: s)),
        ("(n,) is meant", forward(log_det=lambda s, t: s.sum(1, keepdim=True))),
        ("this is the determinant; its logarithm", forward(log_det=lambda s, t: s.exp().prod(1))),
        ("the scales are summed; their logarithms", forward(log_det=lambda s, t: s.exp().sum(1))),
        ("a shift does not stretch", forward(log_det=lambda s, t: (s + t).sum(1))),
        ("is the sum of the shifts", forward(log_det=lambda s, t: t.sum(1))),
        ("the log-determinant is 0", forward(log_det=lambda s, t: 0 * s.sum(1))),
        ("the signs of s are lost", forward(log_det=lambda s, t: s.abs().sum(1))),
        ("the log-determinant is cut off", forward(log_det=lambda s, t: s.detach().sum(1))),
        ("z is cut off", forward(lambda b, s, t: (b * s.exp() + t).detach())),
        ("2 values are expected", lambda x, network: coupling_by_writing(x, network)[0]),
        ("changes its argument number 1 in place", coupling_in_place),
    ),
    "inverse": each("uncoupled",
        ("this is the way forward", backward(lambda b, s, t: b * s.exp() + t)),
        ("undo it first", backward(lambda b, s, t: b / s.exp() - t)),
        ("it is multiplied by exp(s)", backward(lambda b, s, t: (b - t) * s.exp())),
        ("the shift is added", backward(lambda b, s, t: (b + t) / s.exp())),
        ("s and t are exchanged", backward(lambda b, s, t: (b - s) / t.exp())),
        ("it is divided by s;", backward(lambda b, s, t: (b - t) / s)),
        ("it is divided by 1 + s", backward(lambda b, s, t: (b - t) / (1 + s))),
        ("the scale is not undone", backward(lambda b, s, t: b - t)),
        ("the shift is not undone", backward(lambda b, s, t: b / s.exp())),
        ("nothing is undone", lambda z, network: z.clone()),
        ("the half that stays is missing", backward(put=lambda a, b: b)),
        ("a stays first", backward(put=lambda a, b: joined(b, a))),
        ("t - b in place of b - t", backward(lambda b, s, t: (t - b) / s.exp())),
        ("replaced by zeros", backward(put=lambda a, b: joined(0 * a, b))),
        ("asked about the half that was moved", asks_about_moved),
        ("the first half is moved back", first_half_back),
        ("is a tuple", lambda z, network: (uncoupled_by_writing(z, network), z[:, 0])),
    ),
    "density": each("log_density",
        ("the log-determinants are taken away", log_p(dets=lambda d: -sum(d))),
        ("the log-determinants are missing", log_p(dets=lambda d: 0 * d[0])),
        ("averaged over the layers", log_p(dets=lambda d: sum(d) / len(d))),
        ("the first layer alone", log_p(dets=lambda d: d[0])),
        ("the last layer alone", log_p(dets=lambda d: d[-1])),
        ("averaged over the batch; each point", log_p(dets=lambda d: sum(d).mean())),
        ("the log-determinants are summed over the batch", log_p(dets=lambda d: sum(d).sum())),
        ("the determinants are added", log_p(dets=lambda d: sum(one.exp() for one in d))),
        ("d/2 log 2 pi is missing", log_p(constant=lambda z: 0)),
        ("d/2 log 2 pi is added", log_p(constant=lambda z: -z.shape[1] / 2 * math.log(2 * math.pi))),
        ("log 2 pi is taken once", log_p(constant=lambda z: 0.5 * math.log(2 * math.pi))),
        ("it is d log 2 pi", log_p(constant=lambda z: z.shape[1] * math.log(2 * math.pi))),
        ("it is n/2 log 2 pi", log_p(constant=lambda z: len(z) / 2 * math.log(2 * math.pi))),
        ("it is log pi", log_p(constant=lambda z: z.shape[1] / 2 * math.log(math.pi))),
        ("it is 2 pi; its logarithm", log_p(constant=lambda z: z.shape[1] / 2 * 2 * math.pi)),
        ("the half of the squares is missing", log_p(lambda z: z.square().sum(1))),
        ("the squares are added", log_p(lambda z: -0.5 * z.square().sum(1))),
        ("the squares are averaged", log_p(lambda z: 0.5 * z.square().mean(1))),
        ("the squares are summed over the batch too", log_p(lambda z: 0.5 * z.square().sum())),
        ("the length of z", log_p(lambda z: 0.5 * z.norm(dim=1))),
        ("this is -log p", log_p(then=lambda found: -found)),
        ("this is p; its logarithm", log_p(then=torch.exp)),
        ("it is averaged over the batch", log_p(then=torch.mean)),
        ("it is summed over the batch", log_p(then=torch.sum)),
        ("returns a tensor without gradient", lambda z, d: density_in_loops(z.detach(), d)),
    ),
    "bits": each("bits",
        ("the density is added", lambda p, d, v: p / d / TWO + math.log2(v)),
        ("log2(values) is taken away", lambda p, d, v: -p / d / TWO - math.log2(v)),
        ("many bits mean a small probability", lambda p, d, v: p / d / TWO - math.log2(v)),
        ("the width of a grey value", lambda p, d, v: -p / d / TWO),
        ("missing, and the sign is wrong", lambda p, d, v: p / d / TWO),
        ("in bits it is log2(values)", lambda p, d, v: -p / d / TWO + math.log(v)),
        ("it is not divided by d", lambda p, d, v: -p / TWO + math.log2(v)),
        ("this is for the whole picture", lambda p, d, v: d * bits_by_width(p, d, v)),
        ("log2(values) is multiplied by d", lambda p, d, v: -p / d / TWO + d * math.log2(v)),
        ("log2(values) is divided by d", lambda p, d, v: -p / d / TWO + math.log2(v) / d),
        ("the nats are not turned into bits", lambda p, d, v: -p / d + math.log2(v)),
        ("this is in nats", lambda p, d, v: -p / d + math.log(v)),
        ("it is multiplied by log 2", lambda p, d, v: -p / d * TWO + math.log2(v)),
        ("values - 1 stands", lambda p, d, v: -p / d / TWO + math.log2(v - 1)),
        ("values stands there", lambda p, d, v: -p / d / TWO + v),
        ("the logarithm of 10", lambda p, d, v: -p / d / math.log(10) + math.log10(v)),
        ("it is averaged over the batch", lambda p, d, v: bits_by_width(p, d, v).mean()),
        ("it is summed over the batch", lambda p, d, v: bits_by_width(p, d, v).sum()),
    ),
}  # fmt: skip
