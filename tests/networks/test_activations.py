"""Activations: PyTorch's functions, but one number for one number wherever it stands."""

from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F

from convae.networks.activations import ELU, GELU, SiLU, sigmoid
from convae.networks.architecture import CHOICES
from convae.networks.layers import ACTIVATIONS

Function = Callable[[torch.Tensor], torch.Tensor]
PAIRS: list[tuple[Function, Function]] = [
    (sigmoid, torch.sigmoid), (SiLU(), F.silu), (GELU(), F.gelu), (ELU(), F.elu),
]  # fmt: skip
ALL: list[Function] = [sigmoid, *(kind() for kind in ACTIVATIONS.values())]


@pytest.fixture(autouse=True, params=[1, 2], ids="{} threads".format)
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_equal_to_pytorch(ours: Function, theirs: Function) -> None:
    x = torch.cat([torch.linspace(-120, 120, 4001), torch.tensor([1e9, 0.0, -0.0, 1e-30])])
    with torch.no_grad():
        assert torch.allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-6)
    assert torch.equal(ours(x), theirs(x))  # with gradients the fused function itself


@pytest.mark.parametrize("function", ALL)
def test_the_place_in_a_tensor_does_not_matter(function: Function) -> None:
    x = 3 * torch.randn(70_003, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        together = function(x)
        for shift in (1, 3, 17, 40_000):
            assert torch.equal(function(x.roll(shift)), together.roll(shift))
        for i in range(0, 70_000, 9973):
            assert torch.equal(function(x[i : i + 1].clone()), together[i : i + 1])
            assert torch.equal(function(x[i : i + 37].clone()), together[i : i + 37])


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("values", [64, 640, 131_072, 196_608])
def test_nor_where_the_fused_functions_run(function: Function, values: int) -> None:
    x = 3 * torch.randn(values, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        together = function(x)
        for shift in (1, 3, 17, 61):
            assert torch.equal(function(x.roll(shift)), together.roll(shift))


def test_maps_of_whole_vectors_take_the_fused_function(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def silu(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.numel())
        return x

    monkeypatch.setattr(F, "silu", silu)
    with torch.inference_mode():
        SiLU()(torch.rand(4, 16, 8, 8).to(memory_format=torch.channels_last))
        SiLU()(torch.rand(4, 16, 8, 8)[:, :, 1:])
        SiLU()(torch.rand(1, 3, 5, 7))
    assert seen == [4096]


@pytest.mark.parametrize("function", ALL)
def test_the_argument_is_left_alone(function: Function) -> None:
    x = torch.linspace(-3, 3, 50)
    before = x.clone()
    with torch.no_grad():
        function(x)
    assert torch.equal(x, before)


def test_gradients_flow_in_evaluation_mode_too() -> None:
    for function in ALL:
        x = torch.linspace(-3, 3, 50, requires_grad=True)
        function(x).sum().backward()
        assert x.grad is not None
        assert torch.isfinite(x.grad).all()


def test_every_choice_has_its_function() -> None:
    assert set(ACTIVATIONS) == set(CHOICES["activation"])
