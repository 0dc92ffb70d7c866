"""Optimizers: what orthogonalising does, who gets which share, state that comes back bit for bit."""

import pytest
import torch
from tests.training.small_run import digest, make_job, make_network
from torch import Tensor, nn

from convae.config.choices import OPTIMIZERS
from convae.config.training import TrainingConfig
from convae.training.devices import on_device
from convae.training.optimizers import (
    ADAM_SHARE,
    Adam,
    Muon,
    Optimizer,
    forget_gradients,
    make_optimizers,
    optimizer_tensors,
    orthogonalize,
    restore_optimizers,
    set_rate,
)


@pytest.mark.parametrize("shape", [(16, 16), (8, 40), (40, 8), (1, 9), (9, 1), (64, 288)])
def test_singular_values_become_about_one(shape: tuple[int, int]) -> None:
    rank = min(shape)
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    matrix = u @ torch.diag(torch.logspace(0, -1.5, rank)) @ v * 17
    result = orthogonalize(matrix)
    values = torch.linalg.svdvals(result)
    assert result.shape == shape
    assert result.dtype == torch.float32
    assert float(values.min()) > 0.6
    assert float(values.max()) < 1.3
    # The directions stay: what comes out is near U Vᵀ.
    alignment = float((result * (u @ v)).sum() / (result.norm() * (u @ v).norm()))
    assert alignment > 0.97


def test_orthogonalizing_ignores_the_scale_and_takes_zero() -> None:
    matrix = torch.randn(6, 10)
    torch.testing.assert_close(
        orthogonalize(matrix), orthogonalize(matrix * 1e-6), atol=0.05, rtol=0
    )
    assert not orthogonalize(torch.zeros(4, 5)).any()


def test_muon_by_hand() -> None:
    """One step: the average is 0.05 g, the look-ahead 0.0975 g, and its orthogonal matrix that of g."""
    weight = nn.Parameter(torch.ones(6, 3))
    gradient = torch.randn(6, 3)
    weight.grad = gradient.clone()
    optimizer = Muon([weight], lr=0.1, weight_decay=0.5)
    optimizer.step()
    # Processors with matrix units orthogonalise in bfloat16, here and there alike.
    orthogonal = orthogonalize(gradient * 0.0975, half=optimizer.half)
    expected = torch.ones(6, 3) * (1 - 0.1 * 0.5) - 0.1 * 2**0.5 * orthogonal
    torch.testing.assert_close(weight.detach(), expected)


def test_muon_skips_weights_without_a_gradient() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    Muon([weight], lr=1.0).step()
    assert torch.equal(weight.detach(), torch.ones(2, 2))


def test_matrices_go_to_muon_all_else_to_adamw() -> None:
    job = make_job()
    network = make_network(job)
    muon, adamw = make_optimizers(network, job.settings)
    names = {id(p): n for n, p in network.named_parameters()}
    first = {names[id(p)] for p in muon.weights}
    second = {names[id(p)] for p in adamw.weights}
    assert first | second == set(names.values())
    assert not first & second
    assert all(network.get_parameter(n).ndim >= 2 for n in first)
    assert not any(n.startswith("bypass.") for n in first)
    assert {n for n in second if n.endswith("weight")} == set()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_rate_is_shared_out(optimizer: str) -> None:
    job = make_job(optimizer=optimizer)
    optimizers = make_optimizers(make_network(job), job.settings)
    set_rate(optimizers, 0.5)
    rates = [o.lr for o in optimizers]
    assert rates == ([0.5, 0.5 * ADAM_SHARE] if optimizer == "muon" else [0.5])
    set_rate(optimizers, 0.25)
    assert optimizers[0].lr == 0.25


@pytest.mark.parametrize(("optimizer", "change"), [("adam", 0.01), ("adamw", 0.001)])
def test_weight_decay_is_part_of_the_gradient_or_decoupled(optimizer: str, change: float) -> None:
    """With no other gradient Adam's first step is the rate, AdamW's is rate x decay x weight."""
    settings = TrainingConfig(optimizer=optimizer, weight_decay=0.1, learning_rate=0.01)
    network = nn.Linear(2, 2)
    nn.init.ones_(network.weight)
    (chosen,) = make_optimizers(network, settings)
    for weight in network.parameters():
        weight.grad = torch.zeros_like(weight)
    chosen.step()
    torch.testing.assert_close(network.weight.detach(), torch.full((2, 2), 1 - change))


@pytest.mark.parametrize("decoupled", [True, False])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_is_that_of_pytorch(decoupled: bool, decay: float) -> None:
    shapes = [(3, 4), (5,), (), (2, 3, 3, 3)]
    mine = [nn.Parameter(torch.randn(shape)) for shape in shapes]
    theirs = [nn.Parameter(weight.detach().clone()) for weight in mine]
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    reference = kind(theirs, lr=0.02, betas=(0.9, 0.99), weight_decay=decay, fused=True)
    tested = Adam(mine, lr=0.02, betas=(0.9, 0.99), weight_decay=decay, decoupled=decoupled)
    for number in range(4):
        for one, other in zip(mine, theirs, strict=True):
            one.grad = torch.randn(one.shape)
            other.grad = one.grad.clone()
        if number == 1:  # a weight without a gradient keeps its own count of steps
            mine[1].grad = theirs[1].grad = None
        reference.step()
        tested.step()
    assert all(torch.equal(one, other) for one, other in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("code", ["dense", "spatial"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_state_comes_back_bit_for_bit(optimizer: str, code: str) -> None:
    """Also where kernels are in another memory order than the tensors that come from a file."""
    job = make_job(optimizer=optimizer, weight_decay=0.01)
    clean = job.unit(job.images.batch(job.training))
    one, two = make_network(job, code=code), make_network(job, code=code)

    def steps(network: nn.Module, optimizers: list[Optimizer], count: int) -> None:
        for _ in range(count):
            forget_gradients(optimizers)
            (network(clean).reconstruction - clean).square().mean().backward()
            for each in optimizers:
                each.step()

    mine = make_optimizers(one, job.settings)
    steps(one, mine, 3)
    stored = {n: t.clone().contiguous() for n, t in optimizer_tensors(mine).items()}
    theirs = make_optimizers(two, job.settings)
    two.load_state_dict({n: t.clone().contiguous() for n, t in one.state_dict().items()})
    restore_optimizers(theirs, stored)
    restored = optimizer_tensors(theirs)
    assert list(restored) == list(stored)
    assert all(torch.equal(restored[name], stored[name]) for name in stored)
    steps(one, mine, 3)
    steps(two, theirs, 3)
    assert digest(one) == digest(two)


def test_restored_state_is_a_copy_in_the_order_of_its_weight() -> None:
    network = on_device(nn.Conv2d(4, 4, 3), torch.device("cpu"))
    settings = TrainingConfig(optimizer="adamw", learning_rate=1e-3)
    (optimizer,) = make_optimizers(network, settings)
    stored: dict[str, Tensor] = {
        "0.0.exp_avg": torch.rand(4, 4, 3, 3),
        "0.0.step": torch.tensor(2.0),
    }
    restore_optimizers([optimizer], stored)
    average = optimizer.state[0]["exp_avg"]
    assert average.stride() == network.weight.stride()
    assert torch.equal(average, stored["0.0.exp_avg"])
    average.zero_()
    assert stored["0.0.exp_avg"].any()


@pytest.mark.parametrize("name", ["9.0.step", "0.99.step", "0.x.step", "step"])
def test_state_of_another_network_does_not_fit(name: str) -> None:
    job = make_job()
    optimizers = make_optimizers(make_network(job), job.settings)
    with pytest.raises((IndexError, ValueError)):
        restore_optimizers(optimizers, {name: torch.zeros(())})
