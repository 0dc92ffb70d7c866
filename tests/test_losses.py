"""Losses: conventions, gradients that are right and finite everywhere, and the spec."""

import math
from dataclasses import FrozenInstanceError

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convae import losses
from convae.errors import InputError
from convae.losses import LOSSES, Loss, bce_floor, parse_loss
from convae.metrics import image_quality

# Not the logistic loss: its scale is that of the batch and passes no gradient, and no value is ever sure.
SURE = [name for name in LOSSES if name != "logistic"]
SIZES = [(1, 1), (1, 64), (8, 8), (28, 28), (45, 23)]


def pair(
    shape: tuple[int, ...], seed: int = 0, dtype: torch.dtype = torch.float64
) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(shape, generator=generator, dtype=dtype) for _ in range(2)]


@pytest.mark.parametrize("name", SURE)
@pytest.mark.parametrize("size", SIZES)
def test_one_value_per_image_whatever_the_batch(name: str, size: tuple[int, int]) -> None:
    x, y = pair((3, 2, *size))
    value = LOSSES[name](x, y)
    assert value.shape == (3,)
    assert (value > 0).all()
    alone = torch.cat([LOSSES[name](x[i : i + 1], y[i : i + 1]) for i in range(3)])
    assert torch.allclose(value, alone)


# Not MS-SSIM: the number of its scales follows the size.
@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"ms_ssim"}))
def test_the_size_of_the_image_does_not_change_the_loss(name: str) -> None:
    x, y = (torch.full((1, 1, 16, 16), value) for value in (0.3, 0.6))
    wide, tall = (torch.full((1, 2, 48, 30), value) for value in (0.3, 0.6))
    assert LOSSES[name](x, y).item() == pytest.approx(LOSSES[name](wide, tall).item(), rel=1e-4)


@pytest.mark.parametrize("name", SURE)
@pytest.mark.parametrize("size", SIZES)
def test_identical_images_reach_the_floor(name: str, size: tuple[int, int]) -> None:
    _, y = pair((2, 1, *size))
    loss = parse_loss(name)
    assert torch.allclose(loss(y, y), loss.floor(y), atol=1e-6)


@pytest.mark.parametrize("name", SURE)
@pytest.mark.parametrize("size", [(1, 1), (3, 12), (24, 22)])
def test_the_gradient_is_that_of_the_value(name: str, size: tuple[int, int]) -> None:
    x, y = pair((1, 1, *size), seed=3)
    x = (0.5 * x + 0.5 * y).clamp(0.05, 0.95).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, y), (x,), fast_mode=True)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (48, 48)])
@pytest.mark.parametrize("case", ["same", "black", "opposed", "outside", "binary"])
def test_the_gradient_is_finite_everywhere(name: str, size: tuple[int, int], case: str) -> None:
    _, y = pair((2, 1, *size), dtype=torch.float32)
    if case == "binary":
        y = y.round()
    start = {"same": y, "black": torch.zeros_like(y), "opposed": 1 - y, "outside": 3 * y - 1}
    x = start.get(case, 1 - y).clone().requires_grad_()
    value = LOSSES[name](x, y)
    torch.autograd.backward(value.sum())
    assert value.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_is_computed_in_single(name: str) -> None:
    x, y = pair((2, 1, 16, 16), dtype=torch.bfloat16)
    assert LOSSES[name](x, y).dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(LOSSES[name](x, y), LOSSES[name](x.float(), y.float()))


def test_charbonnier_by_hand() -> None:
    x, y = torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.3)
    assert losses.charbonnier(x, y).item() == pytest.approx(math.hypot(0.3, 1e-3) - 1e-3)


def test_bce_by_hand_and_by_torch() -> None:
    x, y = pair((2, 3, 5, 7))
    expected = torch.nn.functional.binary_cross_entropy(x, y, reduction="none")
    assert torch.allclose(losses.bce(x, y), expected.mean(dim=(1, 2, 3)))
    half = torch.full((1, 1, 2, 2), 0.5)
    assert losses.bce(half, half).item() == pytest.approx(math.log(2))


def test_bce_from_logits_is_that_of_their_sigmoid() -> None:
    logits, y = pair((2, 1, 6, 6))
    logits = (8 * logits - 4).requires_grad_()
    direct, through = losses.bce_with_logits(logits, y), losses.bce(logits.sigmoid(), y)
    assert torch.allclose(direct, through)
    expected = torch.autograd.grad(through.sum(), logits)[0]
    assert torch.allclose(torch.autograd.grad(direct.sum(), logits)[0], expected)


def test_a_saturated_logit_is_pulled_back() -> None:
    logits = torch.full((1, 1, 1, 2), 200.0, requires_grad=True)
    torch.autograd.backward(losses.bce_with_logits(logits, torch.zeros(1, 1, 1, 2)).sum())
    assert logits.grad is not None
    assert logits.grad.tolist() == [[[[0.5, 0.5]]]]


def test_a_pixel_outside_the_unit_range_is_pulled_back_by_bce() -> None:
    x = torch.tensor([-0.5, 1.5]).view(1, 1, 1, 2).requires_grad_()
    torch.autograd.backward(losses.bce(x, torch.full((1, 1, 1, 2), 0.5)).sum())
    assert x.grad is not None
    assert x.grad[0, 0, 0, 0] < 0 < x.grad[0, 0, 0, 1]


def test_a_non_finite_reconstruction_shows_in_its_own_loss() -> None:
    for name, loss in LOSSES.items():
        for bad in (math.nan, math.inf):
            x, y = pair((3, 1, 12, 12))
            x[1, 0, 5, 5] = bad
            assert loss(x, y).isfinite().tolist() == [True, False, True], name


@given(st.floats(0, 1, width=32))
def test_the_bce_floor_is_the_entropy_and_nothing_is_below_it(grey: float) -> None:
    y = torch.full((1, 1, 1, 1), grey, dtype=torch.float64)
    floor = bce_floor(y).item()
    terms = [p * math.log(p) for p in (grey, 1 - grey) if p > 0]
    assert floor == pytest.approx(-sum(terms), abs=1e-12)
    for guess in (0.01, grey, 0.99):
        assert losses.bce(torch.full_like(y, guess), y).item() >= floor - 1e-6


def test_ssim_losses_are_one_minus_the_metrics() -> None:
    x, y = pair((2, 1, 30, 30))
    assert torch.equal(losses.ssim(x, y), 1 - image_quality.ssim(x, y))
    assert torch.equal(losses.ms_ssim(x, y), 1 - image_quality.ms_ssim(x, y))


def test_a_sum_is_weighted() -> None:
    x, y = pair((2, 1, 20, 20))
    loss = parse_loss(" 0.8 * mse +0.2*ssim")
    assert loss.terms == ((0.8, "mse"), (0.2, "ssim"))
    assert torch.allclose(loss(x, y), 0.8 * losses.mse(x, y) + 0.2 * losses.ssim(x, y))
    assert torch.equal(loss.floor(y), torch.zeros(2, dtype=torch.float64))


def test_a_sum_with_bce_knows_its_floor_and_uses_logits() -> None:
    logits, y = pair((2, 1, 20, 20))
    x = logits.sigmoid()
    loss = parse_loss("2*bce+l1")
    assert loss.needs_unit_range
    assert not parse_loss("mse").needs_unit_range
    assert torch.allclose(loss.floor(y), 2 * bce_floor(y))
    expected = 2 * losses.bce_with_logits(logits, y) + losses.l1(x, y)
    assert torch.allclose(loss(x, y, logits), expected)
    assert torch.allclose(loss(x, y), expected)


@given(
    st.lists(
        st.tuples(st.floats(1e-12, 1e12), st.sampled_from(sorted(LOSSES))),
        min_size=1,
        unique_by=lambda term: term[1],
    )
)
def test_a_loss_is_written_and_read_back(terms: list[tuple[float, str]]) -> None:
    loss = Loss(terms=tuple(terms))
    assert parse_loss(str(loss)) == loss
    assert parse_loss(loss) is loss


def test_specs_are_short() -> None:
    assert str(parse_loss("mse")) == "mse"
    assert str(parse_loss("1*mse+1e+2*l1")) == "mse+100.0*l1"


def test_a_loss_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        parse_loss("mse").terms = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("msee", "unknown loss 'msee': did you mean 'mse'?"),
        ("mse+0.5*sim", "unknown loss 'sim': did you mean 'ssim'?"),
        ("", "expected terms like 0.2*ssim"),
        ("mse+", "expected terms like 0.2*ssim"),
        ("*mse", "expected terms like 0.2*ssim"),
        ("half*mse", "the weight of mse must be a number, got 'half'"),
        ("0*mse", "the weight of mse must be a finite number above 0, got 0"),
        ("-1*mse", "the weight of mse must be a finite number above 0, got -1"),
        ("nan*mse", "the weight of mse must be a finite number above 0, got nan"),
        ("inf*mse+inf*l1", r"loss: (1) the weight of mse must be"),
        ("mse+2*mse", "mse stands in it more than once"),
        (None, "loss must be a name such as 'mse'"),
    ],
)
def test_what_cannot_be_a_loss_is_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_loss(spec)
    assert message in str(caught.value)


def test_a_loss_needs_a_term() -> None:
    with pytest.raises(InputError, match="at least one term"):
        Loss(terms=())


def test_logistic_chances_of_all_values_add_up_to_one() -> None:
    values = torch.arange(256).float()[:, None, None, None] / 255
    for mean, scale in ((0.3, 0.02), (-0.2, 0.1), (1.4, 0.3), (0.5, 0.001)):
        cost = losses.logistic_cost(torch.full_like(values, mean), values, scale)
        assert torch.exp(-cost.double()).sum().item() == pytest.approx(1, abs=1e-4)


def test_the_scale_of_logistic_differences_is_found() -> None:
    # Differences drawn by the inverse of the distribution function, scale · log(u / (1 - u)).
    u = torch.rand(1, 1, 400, 400, generator=torch.Generator().manual_seed(0)).clamp(1e-6, 1 - 1e-6)
    for scale in (0.01, 0.05):
        target = 0.5 + scale * (u / (1 - u)).log()
        found = losses.logistic_scale(torch.full_like(target, 0.5), target)
        assert found.item() == pytest.approx(scale, rel=0.02)
    beyond = losses.logistic_scale(torch.full((1, 1, 2, 2), -3.0), torch.zeros(1, 1, 2, 2))
    assert beyond.item() == pytest.approx(losses.LEAST_SCALE)


def test_the_gradient_of_the_logistic_cost_is_that_of_its_value() -> None:
    x, y = pair((1, 1, 3, 12), seed=3)
    y[..., 0], y[..., 1] = 0, 1
    x = x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: losses.logistic_cost(x, y, 0.05), (x,))
