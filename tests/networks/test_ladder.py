"""Finer levels of a variational code: their cost, their draws, and what they need."""

import math
from typing import Any

import pytest
import torch

from convae.errors import InputError
from convae.networks.autoencoder import Autoencoder
from convae.networks.ladder import Rung
from convae.networks.presets import make_architecture
from convae.networks.summary import summarize


def network(levels: int = 3, **changes: Any) -> Autoencoder:
    torch.manual_seed(0)
    values = {"widths": (4, 6, 8), "blocks": 1, "bypass": "none", "latent_dim": 5, "hidden": 0}
    architecture = make_architecture(
        "residual", (1, 16, 16), **{**values, "bottleneck": "gaussian", "levels": levels, **changes}
    )
    made = Autoencoder(architecture)
    with torch.no_grad():  # away from the start, at which both distributions are the standard one
        for value in made.parameters():
            value.add_(0.1 * torch.randn_like(value))
    return made


@pytest.mark.parametrize("changes", [{}, {"code": "spatial"}, {"up": "nearest", "blocks": 0}])
def test_as_many_numbers_are_drawn_as_the_description_says(changes: dict[str, Any]) -> None:
    made = network(**changes)
    a = made.architecture
    assert a.finer_sizes_of((16, 16)) == [8 * 4 * 4, 8 * 8 * 8]
    count = a.sampled_values((16, 16))
    assert count == a.code_size + 8 * 80
    images, noise = torch.rand(3, 1, 16, 16), torch.randn(3, count)
    output = made(images, noise)
    assert output.finer_kl.shape == (3, 8 * 80)
    assert (output.finer_kl >= -1e-5).all()
    assert output.finer_log_ratio.shape == (3,)
    with pytest.raises(RuntimeError):
        made(images, noise[:, :-1])


def test_the_mean_log_ratio_of_draws_is_minus_the_divergence() -> None:
    # E_q[log p - log q] = -KL(q ‖ p), for the level that both depend on no sample: the first.
    made = network(levels=2)
    a, rung = made.architecture, made.ladder[0]  # type: ignore[index]
    assert isinstance(rung, Rung)
    x, seen = (torch.randn(1, a.widths[-2], 8, 8) for _ in range(2))
    draws = 4000
    noise = torch.randn(draws, 8, 8, 8)
    step = rung(x.expand(draws, -1, -1, -1), seen.expand(draws, -1, -1, -1), noise)
    error = step.log_ratio.std() / math.sqrt(draws)
    assert step.log_ratio.mean().item() == pytest.approx(
        -step.kl[0].sum().item(), abs=4 * error.item()
    )


def test_both_distributions_are_the_standard_one_at_the_start() -> None:
    architecture = make_architecture(
        "residual", (1, 16, 16), widths=(4, 6), bypass="none", bottleneck="gaussian", levels=2
    )
    torch.manual_seed(0)
    made = Autoencoder(architecture)
    images, noise = torch.rand(2, 1, 16, 16), torch.randn(2, architecture.sampled_values((16, 16)))
    output = made(images, noise)
    assert torch.equal(output.finer_kl, torch.zeros_like(output.finer_kl))
    assert output.finer_log_ratio.abs().max() < 1e-4


def test_a_code_alone_is_decoded_by_what_is_likely_under_it() -> None:
    made = network(levels=2).eval()
    a = made.architecture
    code, noise = torch.randn(2, 5), torch.randn(2, a.finer_sizes_of((16, 16))[0])
    assert made.decode(code).shape == (2, 1, 16, 16)
    assert not torch.equal(made.decode(code), made.decode(code, noise=noise))
    assert torch.equal(made.decode(code), made.decode(code, noise=0 * noise))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bottleneck": "l1"}, "levels 3 requires bottleneck 'gaussian'"),
        ({"levels": 4}, "levels must be at most 3, one for each of the stages"),
        ({"skips": True, "code": "spatial"}, "skips lead the image around it"),
        ({"levels": 0}, "levels must be a whole number from 1"),
        ({"finer_dim": 0}, "finer_dim must be a whole number from 1"),
    ],
)
def test_what_a_ladder_cannot_stand_on_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        network(**changes)


def test_a_summary_counts_every_level() -> None:
    made = network()
    found = summarize(made)
    assert found.parameters == sum(p.numel() for p in made.parameters())
    levels = {row.name.split(".")[1]: row.part for row in found.rows if "ladder." in row.name}
    assert levels == {"0": "decoder", "1": "decoder"}
