"""What bottlenecks add to a loss: against torch's own distributions, and what they leave alone."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from convae.config.bottlenecks import parse_bottleneck
from convae.losses import parse_loss
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Output
from convae.training.tasks.code_cost import (
    CodeUse,
    Sparse,
    Variational,
    constrained,
    kl_from_standard,
)
from convae.training.tasks.task import Example, Reconstruction, StepRng, Task

IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
DENSE = Architecture(
    image_shape=(1, 8, 8), widths=(4,), latent_dim=3, bypass="none", bottleneck="gaussian"
)


def rng(progress: float = 1.0) -> StepRng:
    return StepRng(torch.Generator().manual_seed(0), np.arange(6), progress)


def task_of(text: str, loss: str = "mse", a: Architecture = DENSE) -> Task:
    said = parse_loss(loss)
    return constrained(Reconstruction(said), parse_bottleneck(text), a, said)


def said(mean: float = 0.3, log_variance: float = -0.4, error: float = 0.1) -> Output:
    generator = torch.Generator().manual_seed(1)
    code = mean * torch.randn((6, 3), generator=generator)
    spread = log_variance * torch.rand((6, 3), generator=generator)
    noise = error * torch.randn(IMAGES.shape, generator=generator)
    return Output((IMAGES + noise).clamp(0.01, 0.99), code, spread)


def cost(output: Output) -> Tensor:
    """(6,) nats, by torch."""
    assert output.log_variance is not None
    own = Normal(output.code, (0.5 * output.log_variance).exp())
    return kl_divergence(own, Normal(0.0, 1.0)).sum(dim=1)


def test_the_divergence_is_torchs() -> None:
    output = said()
    assert output.log_variance is not None
    ours = kl_from_standard(output.code, output.log_variance).sum(dim=1)
    assert torch.allclose(ours, cost(output), atol=1e-6)


def test_with_a_cross_entropy_the_loss_is_minus_the_bound_per_value() -> None:
    task, output = task_of("gaussian", "bce"), said()
    black_and_white = (IMAGES > 0.5).float()
    example = task.example(black_and_white, rng())
    told = Bernoulli(output.reconstruction).log_prob(black_and_white).sum(dim=(1, 2, 3))
    assert torch.allclose(task.losses(output, example), (cost(output) - told) / 64, atol=1e-5)


def test_with_a_squared_error_the_variance_is_the_best_one() -> None:
    """Minus the log likelihood of the Gaussian whose variance is the mean squared error of the batch."""
    task, output = task_of("gaussian"), said()
    example = task.example(IMAGES, rng())
    variance = float((output.reconstruction - IMAGES).square().mean())
    told = Normal(output.reconstruction, math.sqrt(variance)).log_prob(IMAGES).mean()
    mean = float(task.losses(output, example).mean())
    assert mean == pytest.approx(float(cost(output).mean()) / 64 - float(told), abs=1e-5)


def test_its_gradient_is_that_of_the_best_variance() -> None:
    reconstruction = (0.5 * IMAGES).requires_grad_()
    task = task_of("gaussian")
    output = Output(reconstruction, torch.zeros(6, 3), torch.zeros(6, 3))
    task.losses(output, task.example(IMAGES, rng())).mean().backward()
    again = (0.5 * IMAGES).requires_grad_()
    (0.5 * (again - IMAGES).square().mean().log()).backward()
    assert reconstruction.grad is not None
    assert again.grad is not None
    assert torch.allclose(reconstruction.grad, again.grad, atol=1e-6)


def test_beta_rises_and_counts() -> None:
    output = said()
    whole, half = task_of("gaussian:1,warmup=0.2"), task_of("gaussian:2,warmup=0.2")

    def of(task: Task, progress: float) -> Tensor:
        return task.losses(output, task.example(IMAGES, rng(progress)))

    nothing = of(whole, 0.0)
    assert torch.allclose(of(whole, 1.0) - nothing, cost(output) / 64, atol=1e-6)
    assert torch.allclose(of(whole, 0.1) - nothing, 0.5 * cost(output) / 64, atol=1e-6)
    assert torch.allclose(of(half, 1.0) - nothing, 2 * cost(output) / 64, atol=1e-6)


def test_free_bits_cost_no_gradient_below_and_all_of_it_above() -> None:
    code = torch.tensor([[0.01, 3.0, 0.0]]).repeat(6, 1).requires_grad_()
    task = task_of("gaussian:1,free_bits=0.5,warmup=0")
    output = Output(IMAGES * 0.9, code, torch.zeros(6, 3))
    task.losses(output, task.example(IMAGES, rng())).sum().backward()
    assert code.grad is not None
    assert not code.grad[:, 0].any()
    assert torch.allclose(code.grad[:, 1], torch.full((6,), 3.0 / 64))


@pytest.mark.parametrize("code", ["dense", "spatial"])
def test_codes_are_drawn_by_the_draw_alone(code: str) -> None:
    a = Architecture(image_shape=(1, 8, 8), widths=(4, 4), latent_dim=3, bypass="none", code=code,
                     bottleneck="gaussian")  # fmt: skip
    task = task_of("gaussian", a=a)
    first, again = (task.example(IMAGES, rng()).noise for _ in range(2))
    assert first is not None
    assert again is not None
    assert torch.equal(first, again)
    assert tuple(first.shape) == (6, a.code_size)


def example_of(task: Task) -> Example:
    return task.example(IMAGES, rng())


def test_l1_does_not_depend_on_the_size_of_codes_but_on_how_many_are_on() -> None:
    task = task_of("l1:1")
    assert isinstance(task, Sparse)
    spread, single = torch.ones(6, 4), torch.tensor([[4.0, 0, 0, 0]]).repeat(6, 1)
    plain = Reconstruction(parse_loss("mse")).losses(Output(IMAGES * 0.5, spread), example_of(task))

    def added(code: Tensor) -> Tensor:
        return task.losses(Output(IMAGES * 0.5, code), example_of(task)) - plain

    assert torch.allclose(added(spread), added(100 * spread), atol=1e-6)
    assert torch.allclose(added(spread), plain.mean().expand(6), atol=1e-6)  # |z| is its rms
    assert torch.allclose(added(single), 0.5 * plain.mean().expand(6), atol=1e-6)


def test_kl_is_nothing_at_the_target_and_the_divergence_elsewhere() -> None:
    task = task_of("kl:0.1")

    def added(rate: float) -> float:
        output = Output(IMAGES * 0.5, torch.full((6, 4), rate))
        plain = Reconstruction(parse_loss("mse")).losses(output, example_of(task))
        return float(((task.losses(output, example_of(task)) - plain) / plain.mean()).mean())

    divergence = kl_divergence(Bernoulli(torch.tensor(0.1)), Bernoulli(torch.tensor(0.4)))
    assert added(0.1) == pytest.approx(0, abs=1e-6)
    assert added(0.4) == pytest.approx(float(divergence), abs=1e-5)


@pytest.mark.parametrize("text", ["plain", "top-k:0.5"])
def test_bottlenecks_that_cost_nothing_leave_the_task_alone(text: str) -> None:
    loss = parse_loss("mse")
    task = Reconstruction(loss)
    assert constrained(task, parse_bottleneck(text), DENSE, loss) is task
    assert isinstance(task_of("gaussian"), Variational)


def quantised(scale: float = 1.0) -> Output:
    """Two images of two positions: vectors at (0, 0), (2, 1), (0, 0), (3, 0); entries at (0, 0), (2, 0)."""
    raw = scale * torch.tensor([[[0.0, 2.0], [0.0, 1.0]], [[0.0, 3.0], [0.0, 0.0]]])[:, :, None]
    entries = scale * torch.tensor([[[0.0, 2.0], [0.0, 0.0]], [[0.0, 2.0], [0.0, 0.0]]])[:, :, None]
    images = IMAGES[:2]
    return Output(images + 0.1, entries, raw=raw.requires_grad_(), indices=torch.zeros(2, 1, 2))


@pytest.mark.parametrize("scale", [1.0, 50.0])
def test_commitment_is_relative_to_the_loss_and_to_the_variance_of_the_code(
    scale: float,
) -> None:
    """The mean of the entries is (1, 0): the vectors are 1, 1 + 1, 1 and 4 from it, squared: 2 on average.

    In each image one of the two vectors is 1 from its entry, squared: 1/2 on average, a quarter of 2. The
    loss of the image is 0.1² = 0.01. So the result is 0.01 + 0.01 * 0.5 * (1 - 1/4) * 1/4 = 0.0109375, at
    every scale of the code.
    """
    task, output = task_of("vq:2,commitment=0.5"), quantised(scale)
    example = task.example(IMAGES[:2], rng())
    losses = task.losses(output, example)
    assert losses.tolist() == pytest.approx([0.0109375, 0.0109375])
    losses.sum().backward()
    assert output.raw is not None
    gradient = output.raw.grad
    assert gradient is not None
    # towards the entries, and nowhere else
    assert torch.equal(gradient != 0, output.raw != output.code)
    assert bool((gradient[output.raw > output.code] > 0).all())


def test_without_commitment_the_loss_is_that_of_the_image() -> None:
    task, output = task_of("vq:2,commitment=0"), quantised()
    losses = task.losses(output, task.example(IMAGES[:2], rng()))
    assert losses.tolist() == pytest.approx([0.01, 0.01])


def test_where_all_have_one_entry_commitment_pulls_nowhere() -> None:
    """Otherwise it would make the code of every image the same, and it would stay so."""
    task, output = task_of("vq:2"), quantised()
    alike = output._replace(code=torch.full_like(output.code, 9.0))
    losses = task.losses(alike, task.example(IMAGES[:2], rng()))
    assert losses.tolist() == pytest.approx([0.01, 0.01])


def test_a_code_that_is_everywhere_the_same_leaves_the_loss_finite() -> None:
    task, output = task_of("vq:2"), quantised()
    alike = output._replace(code=torch.zeros_like(output.code), raw=torch.zeros(2, 2, 1, 2))
    losses = task.losses(alike, task.example(IMAGES[:2], rng()))
    assert losses.tolist() == pytest.approx([0.01, 0.01])


def test_the_use_of_a_codebook_is_summed_over_batches() -> None:
    """Entries 0, 0, 1, 1 and then 3, 3, 3, 3: rates 1/4, 1/4 and 1/2, a perplexity of 2^1.5."""
    use = CodeUse()
    for indices in ([[0, 0, 1, 1]], [[3, 3, 3, 3]]):
        use.add(quantised()._replace(indices=torch.tensor(indices)))
    assert use.row() == {"used_entries": 3, "perplexity": pytest.approx(2**1.5)}
