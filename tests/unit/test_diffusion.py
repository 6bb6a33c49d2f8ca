"""Diffusion and flow matching: schedules, targets, rules of sampling against diffusers', guidance."""

import math
from functools import partial

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from torch import nn

from lecturelib.data.tensors import Data
from lecturelib.models.denoisers import DenoisingTransformer, DenoisingUNet, PointDenoiser
from lecturelib.models.diffusion import Diffusion
from lecturelib.models.flow_matching import FlowMatching
from lecturelib.models.guided import Denoiser
from lecturelib.models.noising import Clean, Epsilon, Velocity, cosine_schedule, linear_schedule
from lecturelib.models.prompted import PromptedTransformer
from lecturelib.models.samplers import Levels, ddim, ddpm, second_order
from lecturelib.training import fit

SCHEDULES = {"linear": linear_schedule, "squaredcos_cap_v2": cosine_schedule}
TARGETS = {"epsilon": Epsilon(), "sample": Clean(), "v_prediction": Velocity()}


class Known(Denoiser):
    """A denoiser that answers with a smooth function of what it is given."""

    def __init__(self, size: int = 2):
        super().__init__()
        self.map = nn.Linear(size, size)

    def forward(self, x, t, *condition):
        return torch.tanh(self.map(x)) * torch.cos(t / 300)[:, None]


class Gauss(Denoiser):
    """What is right to say of points from N(mean, deviation^2): the exact mean of v, given x_t."""

    def __init__(self, schedule, mean=1.5, deviation=0.4):
        super().__init__()
        self.schedule, self.mean, self.variance = schedule, mean, deviation**2
        self.still = nn.Parameter(torch.zeros(1))

    def forward(self, x, t, *condition):
        a = self.schedule[t.long()].float()[:, None]
        clean = self.mean + a.sqrt() * self.variance * (x - a.sqrt() * self.mean) / (a * self.variance + 1 - a)
        return (a.sqrt() * x - clean) / (1 - a).sqrt()


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_those_of_diffusers(name):
    theirs = DDPMScheduler(beta_schedule=name).alphas_cumprod
    torch.testing.assert_close(SCHEDULES[name]().float(), theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("target", TARGETS)
def test_targets_agree_on_the_clean_picture(target):
    x, noise, a = torch.randn(5, 3), torch.randn(5, 3), torch.tensor([0.99, 0.8, 0.5, 0.2, 0.01])[:, None]
    noisy, target = a.sqrt() * x + (1 - a).sqrt() * noise, TARGETS[target]
    torch.testing.assert_close(target.clean(target.of(x, noise, a), noisy, a), x, rtol=1e-4, atol=1e-5)


def walked(diffusion, x, scheduler, steps, rule, **options):
    """The states of both walks from the same noise, with the same random numbers."""
    scheduler.set_timesteps(steps)
    ours, theirs, y = [], [], x
    torch.manual_seed(1)
    for t, state, _ in diffusion.walk(x, steps=steps, rule=rule):
        ours.append((t, state))
    torch.manual_seed(1)
    for t in scheduler.timesteps:
        theirs.append((int(t), y))
        y = scheduler.step(diffusion.network(y, t.float().expand(len(y))), t, y, **options).prev_sample
    return ours, [*theirs, (-1, y)]


def assert_same_walk(ours, theirs):
    assert [t for t, _ in ours] == [t for t, _ in theirs]
    for (t, a), (_, b) in zip(ours, theirs, strict=True):
        assert (a - b).abs().max() <= 1e-5 * max(1.0, b.abs().max().item()), f"at t = {t}"


@pytest.fixture(params=TARGETS)
def target(request):
    return request.param


@pytest.fixture(params=SCHEDULES)
def settings(request):
    return {"beta_schedule": request.param, "timestep_spacing": "trailing"}


@torch.no_grad()
@pytest.mark.parametrize("steps", [10, 50])
@pytest.mark.parametrize("rule", ["ddpm", "ddim", "ddim with noise", "second order"])
def test_each_step_is_that_of_diffusers(settings, target, steps, rule):
    torch.manual_seed(0)
    schedule = SCHEDULES[settings["beta_schedule"]]()
    diffusion = Diffusion(Known(), (2,), schedule=schedule, target=TARGETS[target], clip=1.0)
    settings = settings | {"prediction_type": target}
    clipped = settings | {"clip_sample": True, "clip_sample_range": 1.0}
    options = {}
    if rule == "ddpm":
        scheduler, ours = DDPMScheduler(**clipped), ddpm
    elif rule == "second order":
        diffusion.clip = None
        scheduler = DPMSolverMultistepScheduler(**settings, final_sigmas_type="zero", lower_order_final=False)
        ours = second_order
    else:
        eta = 0.0 if rule == "ddim" else 0.7
        scheduler, ours = DDIMScheduler(**clipped), partial(ddim, eta=eta)
        options = {"use_clipped_model_output": True, "eta": eta}
    assert_same_walk(*walked(diffusion, torch.randn(6, 2), scheduler, steps, ours, **options))


def test_ddpm_is_ddim_with_all_its_noise():
    x, clean, levels = torch.randn(4, 3), torch.randn(4, 3), Levels(None, 0.3, 0.6)
    torch.manual_seed(2)
    ancestral = ddpm(x, clean, levels)
    torch.manual_seed(2)
    torch.testing.assert_close(ddim(x, clean, levels, eta=1.0), ancestral)


@torch.no_grad()
@pytest.mark.parametrize(("rule", "error"), [(ddpm, 0.02), (ddim, 0.02), (second_order, 0.005)])
def test_exact_denoiser_is_sampled_right(rule, error):
    torch.manual_seed(0)
    schedule = cosine_schedule()
    made = Diffusion(Gauss(schedule), (1,), schedule=schedule).sample(20_000, steps=200, rule=rule)
    assert made.mean() == pytest.approx(1.5, abs=0.02)
    assert made.std() == pytest.approx(0.4, abs=error + 0.01)


@torch.no_grad()
def test_second_order_needs_fewer_steps():
    torch.manual_seed(0)
    schedule = cosine_schedule()
    diffusion, x = Diffusion(Gauss(schedule), (1,), schedule=schedule), torch.randn(1000, 1)
    *_, (_, right, _) = diffusion.walk(x, steps=1000)

    def error(rule, steps):
        *_, (_, made, _) = diffusion.walk(x, steps=steps, rule=rule)
        return (made - right).square().mean().sqrt().item()

    assert error(second_order, 10) < 0.5 * error(ddim, 10)
    assert error(second_order, 40) < 0.25 * error(second_order, 10)


def test_score_is_the_gradient_of_the_log_density():
    schedule = cosine_schedule()
    diffusion, x, t = Diffusion(Gauss(schedule), (1,), schedule=schedule), torch.randn(9, 1, requires_grad=True), 400
    a = diffusion.schedule[t]
    density = torch.distributions.Normal(1.5 * a.sqrt(), (0.16 * a + 1 - a).sqrt())
    (wanted,) = torch.autograd.grad(density.log_prob(x).sum(), x)
    torch.testing.assert_close(diffusion.score(x, t), wanted, rtol=1e-4, atol=1e-4)


class Coins(Denoiser):
    """The exact v for pixels that are 0 or 1 with probability `share`, all on their own, as the network sees them."""

    def __init__(self, schedule, share):
        super().__init__()
        self.schedule, self.share, self.still = schedule, share, nn.Parameter(torch.zeros(1))

    def forward(self, x, t, *condition):
        a = self.schedule[t.long()].float().view(-1, 1, 1, 1)
        lean = 2 * a.sqrt() * x / (1 - a) + torch.tensor(self.share).logit()  # log odds of +1 against -1
        return (a.sqrt() * x - torch.tanh(lean / 2)) / (1 - a).sqrt()


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_bits_of_an_exact_denoiser_are_the_entropy(share):
    torch.manual_seed(0)
    schedule, x = cosine_schedule(), (torch.rand(4000, 1, 4, 4) < share).float()
    model = Diffusion(Coins(schedule, share), (1, 4, 4), schedule=schedule, centre=0.5, spread=0.5)
    entropy = -sum(p * math.log2(p) for p in (share, 1 - share))
    found = model.bits(x, values=2)
    assert found.mean().item() == pytest.approx(entropy, abs=0.05)
    worse = Diffusion(Coins(schedule, 0.7), (1, 4, 4), schedule=schedule, centre=0.5, spread=0.5)
    assert worse.bits(x, values=2).mean() > found.mean() + 0.05


def test_bits_know_a_centre_of_each_channel():
    torch.manual_seed(0)
    schedule, x, found = cosine_schedule(), (torch.rand(500, 3, 3, 3) < 0.5).float(), []
    for centre in (0.5, torch.full((3, 1, 1), 0.5)):
        torch.manual_seed(0)
        model = Diffusion(Coins(schedule, 0.5), (3, 3, 3), schedule=schedule, centre=centre, spread=centre)
        found.append(model.bits(x, values=2))
    torch.testing.assert_close(*found)
    shifted = torch.tensor([0.5, 0.4, 0.6]).view(3, 1, 1)
    model = Diffusion(Coins(schedule, 0.5), (3, 3, 3), schedule=schedule, centre=shifted, spread=0.5)
    channels = model.inner(x).amax((0, 2, 3))  # what was 1 is no longer 1 in the second and the third
    torch.testing.assert_close(channels, torch.tensor([1.0, 1.2, 0.8]))
    assert model.bits(x, values=2).mean() > found[0].mean()


def test_loss_is_least_for_the_exact_denoiser():
    torch.manual_seed(0)
    schedule = cosine_schedule()
    x = 1.5 + 0.4 * torch.randn(20_000, 1)
    exact = Diffusion(Gauss(schedule), (1,), schedule=schedule).loss(x)["loss"]
    for mean, deviation in ((1.6, 0.4), (1.5, 0.5)):
        torch.manual_seed(0)
        other = Diffusion(Gauss(schedule, mean, deviation), (1,), schedule=schedule)
        assert other.loss(x)["loss"] > exact


@pytest.mark.parametrize("kind", [Diffusion, FlowMatching])
def test_guidance_goes_from_none_to_the_class_and_beyond(kind):
    torch.manual_seed(0)
    network = PointDenoiser(2, (16,), classes=3)
    model, x, label = kind(network, (2,)), torch.randn(5, 2), torch.tensor([0, 1, 2, 0, 1])
    none = network(x, torch.full((5,), 700.0), torch.full((5,), 3))
    own = network(x, torch.full((5,), 700.0), label)
    assert (own - none).abs().max() > 1e-3
    for guidance in (0.0, 1.0, 2.5):
        said = model.say(x, 700.0, label, guidance=guidance)
        torch.testing.assert_close(said, none + guidance * (own - none))


def test_conditions_are_left_out_in_the_share_that_was_asked_for():
    torch.manual_seed(0)
    model = Diffusion(PointDenoiser(2, (8,), classes=3), (2,), drop=0.3)
    (label,) = model.dropped((torch.zeros(5000, dtype=torch.long),))
    assert (label == 3).float().mean() == pytest.approx(0.3, abs=0.03)
    assert Diffusion(PointDenoiser(2, (8,)), (2,)).dropped((label,)) == ()


@pytest.mark.parametrize(("kind", "steps"), [(Diffusion, 30), (FlowMatching, 15)])
def test_two_clusters_are_learned_and_told_apart(kind, steps):
    torch.manual_seed(0)
    label = torch.randint(2, (4000,))
    x = torch.tensor([[-2.0, 0.0], [2.0, 1.0]])[label] + 0.2 * torch.randn(4000, 2)
    model = kind(PointDenoiser(2, (64, 64), classes=2), (2,), spread=2.0)
    fit(model, Data(x, label), 600, batch_size=256, lr=3e-3, progress=False)
    made = model.sample(500, torch.arange(500) % 2, steps=steps)
    for k, centre in enumerate(torch.tensor([[-2.0, 0.0], [2.0, 1.0]])):
        own = made[k::2]
        assert (own.mean(0) - centre).abs().max() < 0.15
        assert own.std(0).max() < 0.5


NETWORKS = {
    "U-Net": (lambda: DenoisingUNet((3, 8, 8), (8, 16), classes=4), 3),
    "U-Net of patches": (lambda: DenoisingUNet((1, 8, 8), (8, 16), patch=2, blocks=2, classes=4), 1),
    "transformer": (lambda: DenoisingTransformer((2, 8, 8), patch=2, width=16, depth=2, heads=2, classes=4), 2),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_answer_in_the_shape_of_x_and_look_at_all_they_are_given(name):
    torch.manual_seed(0)
    make, channels = NETWORKS[name]
    network = make()
    for parameter in network.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))  # their last layers begin at zero
    x, t, label = torch.randn(2, channels, 8, 8, requires_grad=True), torch.tensor([10.0, 900.0]), torch.tensor([0, 1])
    said = network(x, t, label)
    assert said.shape == x.shape
    (slope,) = torch.autograd.grad(said[0, 0, 0, 0], x, retain_graph=True)
    assert slope[0].abs().min() > 0  # each pixel reaches each other one
    assert slope[1].abs().max() == 0  # and no other example
    for other in ((torch.tensor([500.0, 900.0]), label), (t, torch.tensor([2, 1]))):
        moved = network(x, *other)
        assert (moved[0] - said[0]).abs().max() > 1e-4
        torch.testing.assert_close(moved[1], said[1])


def test_a_prompt_is_looked_at_word_by_word_and_padding_is_not():
    torch.manual_seed(0)
    network = PromptedTransformer((2, 4, 4), vocabulary=9, words=5, patch=2, width=16, depth=2, heads=2)
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    x, t = torch.randn(1, 2, 4, 4), torch.tensor([300.0])
    said = network(x, t, torch.tensor([[3, 1, 4, 0, 0]]))
    assert said.shape == x.shape
    for other in ([3, 1, 5, 0, 0], [1, 3, 4, 0, 0], [3, 1, 0, 0, 0], [0, 0, 0, 0, 0]):
        assert (network(x, t, torch.tensor([other])) - said).abs().max() > 1e-4
    assert network.nothing((torch.tensor([[3, 1, 4, 0, 0]]),))[0].tolist() == [[0, 0, 0, 0, 0]]
    each, whole = network.text(torch.tensor([[3, 1, 4, 0, 0]]))
    network.text.words.weight.data[0] += 1  # what stands for no word may be anything
    after, total = network.text(torch.tensor([[3, 1, 4, 0, 0]]))
    torch.testing.assert_close(each, after)
    torch.testing.assert_close(whole, total)
    assert each[0, 3:].abs().max() == 0


def test_a_prompted_diffusion_makes_what_is_asked_for():
    torch.manual_seed(0)
    words = torch.tensor([[1, 0], [2, 0], [1, 3], [2, 3]])[torch.randint(4, (1500,))]
    sign, size = 2.0 * (words[:, 0] == 2) - 1, 1.0 + (words[:, 1] == 3)  # "2" is bright, "3" doubles it
    x = (0.3 * sign * size).view(-1, 1, 1, 1) + 0.05 * torch.randn(1500, 1, 2, 2)
    network = PromptedTransformer((1, 2, 2), vocabulary=4, words=2, patch=1, width=32, depth=2, heads=2)
    model = Diffusion(network, (1, 2, 2))
    fit(model, Data(x, words), 400, batch_size=128, lr=3e-3, progress=False)
    asked = torch.tensor([[1, 0], [2, 0], [1, 3], [2, 3]])
    made = model.sample(80, asked.repeat(20, 1), steps=10).mean((1, 2, 3)).view(20, 4).mean(0)
    torch.testing.assert_close(made, torch.tensor([-0.3, 0.3, -0.6, 0.6]), atol=0.12, rtol=0)


def test_errors_say_what_to_do():
    model = Diffusion(PointDenoiser(2, (8,), classes=3), (2,))
    with pytest.raises(ValueError, match="steps is 0"):
        model.sample(1, torch.zeros(1, dtype=torch.long), steps=0)
    with pytest.raises(ValueError, match="3 conditions are needed"):
        model.sample(3)
    with pytest.raises(ValueError, match="must fall"):
        Diffusion(PointDenoiser(2), (2,), schedule=torch.linspace(0.1, 0.9, 10))
    with pytest.raises(ValueError, match="divisible by 4"):
        DenoisingUNet((1, 6, 6), (8, 16), patch=2)
    with pytest.raises(ValueError, match="divisible by 4"):
        DenoisingTransformer((1, 6, 6), patch=4)
    with pytest.raises(ValueError, match="width is 33"):
        PointDenoiser(2, width=33)
