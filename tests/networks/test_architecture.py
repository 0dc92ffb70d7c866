"""The description of a network: what it refuses, what it derives, what it stores."""

import json
import math
from typing import Any

import pytest

from convae.errors import InputError
from convae.networks.architecture import CHOICES, Architecture

SHAPE = (1, 16, 16)


def refusal(**values: Any) -> str:
    with pytest.raises(InputError) as caught:
        Architecture(**{"image_shape": SHAPE, **values})
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"image_shape": (28, 28)}, "image_shape must be (channels, height, width); got (28, 28)"),
        ({"image_shape": 5}, "image_shape must be (channels, height, width); got 5"),
        (
            {"image_shape": (0, 8, 8)},
            "image_shape[0] (channels) must be a whole number from 1 to 1,024; got 0",
        ),
        (
            {"image_shape": (1, 8.0, 8)},
            "image_shape[1] (height) must be a whole number from 1 to 65,536; got 8.0",
        ),
        (
            {"image_shape": (1, 8, 2**20)},
            "image_shape[2] (width) must be a whole number from 1 to 65,536; got 1048576",
        ),
        ({"widths": ()}, "widths must name 1 to 12 stages; got ()"),
        ({"widths": "wide"}, "widths must name 1 to 12 stages; got 'wide'"),
        ({"widths": (8,) * 13}, "widths must name 1 to 12 stages"),
        ({"widths": (8, 0)}, "each of widths must be a whole number from 1 to 8,192; got 0"),
        ({"widths": (True,)}, "each of widths must be a whole number from 1 to 8,192; got True"),
        ({"blocks": -1}, "blocks must be a whole number from 0 to 64; got -1"),
        ({"latent_dim": 0}, "latent_dim must be a whole number from 1 to 1,048,576; got 0"),
        ({"latent_dim": "16"}, "latent_dim must be a whole number from 1 to 1,048,576; got '16'"),
        ({"hidden": 1e3}, "hidden must be a whole number from 0 to 8,192; got 1000.0"),
        ({"kernel_size": 33}, "kernel_size must be a whole number from 1 to 31; got 33"),
        ({"kernel_size": 4}, "kernel_size must be odd; got 4"),
        ({"skips": 1}, "skips must be true or false; got 1"),
        (
            {"from_latent_activation": "no"},
            "from_latent_activation must be true or false; got 'no'",
        ),
        *(
            ({name: "nothing"}, f"{name} must be one of {', '.join(known)}; got 'nothing'")
            for name, known in CHOICES.items()
        ),
        (
            {"padding_mode": "reflect", "widths": (8,) * 4},
            "padding_mode 'reflect' with kernel_size 3 needs maps of at least 2 pixels a side, and 4 "
            "stages leave 1: use fewer widths, or padding_mode 'replicate'",
        ),
        (
            {"padding_mode": "circular", "widths": (8,) * 3, "kernel_size": 7},
            "padding_mode 'circular' with kernel_size 7 needs maps of at least 3 pixels a side, and 3 "
            "stages leave 2",
        ),
        (
            {"hidden": 8, "code": "spatial"},
            "hidden requires code 'dense'; with code 'spatial' set it to 0",
        ),
        (
            {"output": "sigmoid"},
            "output 'sigmoid' would bend the linear bypass: use output 'clamp', or bypass 'none'",
        ),
        (
            {"up": "transposed", "padding_mode": "replicate"},
            "transposed convolutions can only pad with zeros: padding_mode 'replicate' needs up "
            "'nearest', 'bilinear' or 'subpixel'",
        ),
        (
            {"image_shape": (1, 4096, 4096), "widths": (64,), "latent_dim": 64},
            "a dense code of 64 values after maps of (64, 2048, 2048) needs more than 1,073,741,824 weights: "
            "use more widths, a smaller latent_dim, or code 'spatial'",
        ),
        (
            {"hidden": 8192, "latent_dim": 2**20},
            "a dense code of 1048576 values after maps of (128, 4, 4) needs more than",
        ),
    ],
)
def test_each_fault_is_said(values: dict[str, Any], text: str) -> None:
    message = refusal(**values)
    assert message.startswith("architecture: ")
    assert text in message


def test_all_faults_are_said_together() -> None:
    message = refusal(blocks=-1, kernel_size=4, latent_dim=0, up="magic", norm="none?")
    for i, name in enumerate(("blocks", "latent_dim", "kernel_size", "up", "norm"), 1):
        assert f"({i}) {name} must be" in message
    both = refusal(output="sigmoid", up="transposed", padding_mode="replicate")
    assert "(1) output 'sigmoid'" in both
    assert "(2) transposed convolutions" in both


def test_a_stored_description_gives_the_same_architecture() -> None:
    a = Architecture(image_shape=(3, 20, 30), widths=(8, 16), code="spatial", latent_dim=4)
    assert Architecture.from_dict(json.loads(json.dumps(a.to_dict()))) == a


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "image_shape is missing"),
        ([1, 2], "must be a table of settings; got [1, 2]"),
        (None, "must be a table of settings; got None"),
        ({"image_shape": [1, 8, 8], "width": [4]}, "did you mean 'widths'?"),
        ({"image_shape": [1, 8, 8], "__class__": "x"}, "unknown architecture setting '__class__'"),
        ({"image_shape": None}, "image_shape must be"),
        ({"image_shape": ["1", "8", "8"]}, "got '1'"),
        ({"image_shape": [1, 8, 8], "widths": [[4]]}, "got [4]"),
        ({"image_shape": [1, 8, 8], "widths": None}, "widths must name"),
        ({"image_shape": [1, 8, 8], "code": ["dense"]}, "code must be one of"),
        ({"image_shape": [1, 8, 8], "latent_dim": float("nan")}, "got nan"),
        ({"image_shape": [1, 8, 8], "blocks": 10**30}, "blocks must be"),
    ],
)
def test_hostile_descriptions_are_refused(values: Any, text: str) -> None:
    with pytest.raises(InputError) as caught:
        Architecture.from_dict(values)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "stages", "strides", "map_shape"),
    [
        ((1, 28, 28), 2, ((2, 2), (2, 2)), (7, 7)),
        ((1, 79, 97), 3, ((2, 2),) * 3, (10, 13)),
        ((1, 1, 64), 2, ((1, 2), (1, 2)), (1, 16)),
        ((1, 1, 1), 2, ((1, 1), (1, 1)), (1, 1)),
        ((1, 3, 40), 3, ((2, 2), (2, 2), (1, 2)), (1, 5)),
    ],
)
def test_a_side_of_one_pixel_is_not_halved_further(
    shape: tuple[int, int, int],
    stages: int,
    strides: tuple[tuple[int, int], ...],
    map_shape: tuple[int, int],
) -> None:
    a = Architecture(image_shape=shape, widths=(8,) * stages, code="spatial", latent_dim=3)
    assert a.strides == strides
    assert a.map_shape == (8, *map_shape)
    assert a.code_shape == (3, *map_shape)
    assert a.code_size == 3 * math.prod(map_shape)
    for side, factor, positions in zip(shape[1:], a.factor, map_shape, strict=True):
        assert (positions - 1) * factor < side <= positions * factor


def test_a_dense_code_has_the_latent_dimension() -> None:
    a = Architecture(image_shape=SHAPE, latent_dim=7)
    assert (a.code_shape, a.code_size) == ((7,), 7)
