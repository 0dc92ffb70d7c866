"""The summary against numbers derived by hand, and against the network itself."""

import json
from collections import Counter

import pytest
import torch

from convae.networks.architecture import CHOICES, Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.presets import PRESETS, make_architecture
from convae.networks.summary import Summary, summarize
from convae.report.svg.architecture import architecture_svg


def tutorial() -> Summary:
    return summarize(make_architecture("tutorial", (1, 28, 28)))


def test_multiply_adds_of_the_tutorial() -> None:
    """Convolutions: positions x inputs x outputs x 9; a transposed one moves over its small map."""
    by_hand = [
        14 * 14 * 1 * 32 * 9,  # convolution to 14 x 14
        7 * 7 * 32 * 64 * 9,  # convolution to 7 x 7
        7 * 7 * 64 * 16,  # dense, there
        16 * 7 * 7 * 64,  # and back
        7 * 7 * 64 * 64 * 9,  # transposed from 7 x 7
        14 * 14 * 64 * 32 * 9,  # transposed from 14 x 14
        28 * 28 * 32 * 1 * 9,  # to the image
    ]
    summary = tutorial()
    assert [r.multiply_adds for r in summary.rows if r.multiply_adds] == by_hand
    assert summary.multiply_adds == sum(by_hand) == 6_704_768


def test_parameters_and_shapes_of_the_tutorial() -> None:
    summary = tutorial()
    assert [(r.shape, r.parameters) for r in summary.rows if r.parameters] == [
        ((32, 14, 14), 320),
        ((64, 7, 7), 18_496),
        ((16,), 50_192),
        ((3136,), 53_312),
        ((64, 14, 14), 36_928),
        ((32, 28, 28), 18_464),
        ((1, 28, 28), 289),
    ]
    assert summary.parameters == 178_001
    of_parts = Counter[str]()
    for row in summary.rows:
        of_parts[row.part] += row.parameters
    assert of_parts["encoder"] + of_parts["code"] == 69_008
    assert of_parts["decoder"] == 108_993
    assert summary.compression_ratio == 784 / 16
    assert summary.weight_bytes == 4 * (178_001 + 16)  # and the scale of the code


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 31, 18), (1, 1, 64), (13, 1, 1)], ids=str)
@pytest.mark.parametrize(
    ("preset", "code"),
    [(p, c) for p in PRESETS for c in CHOICES["code"] if (p, c) != ("dense", "spatial")],
)
def test_rows_are_what_the_network_is(preset: str, code: str, shape: tuple[int, int, int]) -> None:
    a = make_architecture(preset, shape, code=code)
    network = Autoencoder(a).eval()
    summary = summarize(network)
    assert summary == summarize(a)
    assert summary.parameters == sum(p.numel() for p in network.parameters())
    assert summary.parameters == sum(r.parameters for r in summary.rows)
    assert summary.rows[0].shape == summary.rows[-1].shape == shape
    assert [r.shape for r in summary.rows if r.part == "code"][-1] == a.code_shape
    order = [r.part for r in summary.rows]
    assert order == sorted(order, key=["encoder", "code", "decoder"].index)
    shapes: dict[str, tuple[int, ...]] = {}
    for row in summary.rows[1:]:
        if not row.name.startswith("bypass.") and row.name != "output":
            network.get_submodule(row.name).register_forward_hook(
                lambda _m, _i, out, name=row.name: shapes.update({name: tuple(out.shape[1:])})
            )
    with torch.no_grad():
        network(torch.rand(1, *shape))
    assert shapes == {r.name: r.shape for r in summary.rows if r.name in shapes}
    assert len(shapes) >= len(summary.rows) - 4


@pytest.mark.parametrize("down", ["stride", "average", "unshuffle"])
@pytest.mark.parametrize(("blocks", "kernel_size"), [(0, 3), (1, 3), (0, 5), (1, 1)])
def test_the_receptive_field_is_what_gradients_reach(
    down: str, blocks: int, kernel_size: int
) -> None:
    a = Architecture(
        image_shape=(1, 128, 128),
        widths=(4, 4),
        down=down,
        blocks=blocks,
        kernel_size=kernel_size,
        activation="leaky_relu",
        bypass="none",
    )
    encoder = Autoencoder(a).double().encoder
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.copy_(0.1 + 0.1 * torch.rand_like(weight))
    image = torch.zeros(1, 1, 128, 128, dtype=torch.float64, requires_grad=True)
    encoder(image)[0, 0, 16, 16].backward()
    assert image.grad is not None
    rows = image.grad[0, 0].any(1).nonzero()
    columns = image.grad[0, 0].any(0).nonzero()
    reached = tuple(int(side.max() - side.min()) + 1 for side in (rows, columns))
    assert summarize(a).receptive_field == reached


def test_the_rows_of_a_description_can_be_drawn() -> None:
    summary = tutorial()
    drawing = architecture_svg(summary.layers())
    assert "32 × 14 × 14" in drawing
    assert drawing.count("<rect") >= 6
    stored = json.loads(json.dumps(summary.to_dict()))
    assert stored["parameters"] == 178_001
    assert stored["rows"][1]["shape"] == [32, 14, 14]


def test_the_table_is_aligned() -> None:
    lines = str(tutorial()).splitlines()
    assert len({len(line) for line in lines[:-1]}) == 1
    assert lines[0].split() == ["layer", "kind", "output", "parameters", "multiply-adds"]
    assert lines[-2].split() == ["total", "178,001", "6,704,768"]
    assert lines[-1] == (
        "code 16: 49 image values for each of its 16; receptive field 7 x 7 pixels; weights 695.4 KiB"
    )


def test_large_networks_cost_nothing_to_summarize() -> None:
    summary = summarize(
        Architecture(image_shape=(3, 4096, 4096), widths=(2048,) * 6, code="spatial", latent_dim=64)
    )
    assert summary.weight_bytes > 2**30
