"""The named architectures."""

import math
from collections.abc import Callable
from typing import Any

from convae.errors import InputError, unknown_name
from convae.networks.architecture import MAX_STAGES, Architecture

Shape = tuple[int, int, int]
SMALL = 64  # pixels: the longest side of a small image


def _stages(shape: Shape, smallest: int, most: int = MAX_STAGES) -> int:
    """Return how many halvings bring the longer side to at most ``smallest`` positions (at least one)."""
    side, stages = max(shape[1:]), 0
    while side > smallest and stages < most:
        side, stages = -(-side // 2), stages + 1
    return max(stages, 1)


def tutorial(shape: Shape, code: str | None) -> dict[str, Any]:
    """The classic two-stage network: strided and transposed convolutions, dense code, sigmoid.

    With a dense code it is exactly the function of the tutorial, which has no activation around the code.
    """
    return {
        "widths": (32, 64),
        "blocks": 0,
        "down": "stride",
        "up": "transposed",
        "latent_dim": 16,
        "activation": "relu",
        "from_latent_activation": code == "spatial",
        "output": "sigmoid",
        "bypass": "none",
    }


def pooled(shape: Shape, code: str | None) -> dict[str, Any]:
    """Convolution and pooling, upsampling and convolution, a spatial code: takes images of any size."""
    return {
        "widths": (32, 64),
        "blocks": 0,
        "down": "max",
        "up": "nearest",
        "code": "spatial",
        "latent_dim": 8,
        "activation": "relu",
        "output": "sigmoid",
        "bypass": "none",
    }


def _residual_widths(shape: Shape, stages: int) -> tuple[int, ...]:
    narrow = 32 if max(shape[1:]) <= SMALL else 16
    return tuple(min(256, narrow * 2**i) for i in range(stages))


def residual(shape: Shape, code: str | None) -> dict[str, Any]:
    """Residual blocks that never work at the full resolution, and a linear path that starts as PCA.

    A dense code follows maps of at most 8 positions a side and has 64 values (fewer for images
    of fewer than 512 values). A spatial code has 16 values at each block of 8x8 pixels. Natural images (any
    but small grey ones) are refined at the end, at half the resolution.
    """
    spatial = code == "spatial"
    stages = _stages(shape, 1, most=3) if spatial else _stages(shape, 8)
    small = max(shape[1:]) <= SMALL
    return {
        "widths": _residual_widths(shape, stages),
        "blocks": 2,
        "down": "unshuffle",
        "up": "subpixel",
        "latent_dim": 16 if spatial else max(1, min(64, math.prod(shape) // 8)),
        "hidden": 0 if spatial else 256,
        "activation": "silu",
        "output": "clamp",
        "bypass": "pca",
        "refine": 0 if small and shape[0] == 1 else 2,
    }


def dense(shape: Shape, code: str | None) -> dict[str, Any]:
    """Dense layers without any convolution: the baseline that convolutions are compared with.

    Two hidden layers, of 512 and 256 units (fewer for images of fewer than 128 values), lead to a dense code;
    two more lead back. ``widths`` are the units of the hidden layers.
    """
    values = math.prod(shape)
    wide = min(512, 4 * values)
    return {
        "layers": "dense",
        "widths": (wide, wide // 2),
        "blocks": 0,
        "latent_dim": max(1, min(64, values // 8)),
        "activation": "silu",
        "output": "clamp",
        "bypass": "none",
    }


def unet(shape: Shape, code: str | None) -> dict[str, Any]:
    """A network for restoring images in detail: residual blocks with skips, from half the resolution down.

    It starts as the identity on its base and takes images of any size.
    """
    stages = min(3, max(1, math.floor(math.log2(max(2, min(shape[1:]) / 3)))))
    widths = (32, 64, 96)[:stages]
    return {
        "widths": widths,
        "blocks": 2,
        "down": "unshuffle",
        "up": "subpixel",
        "code": "spatial",
        "latent_dim": widths[-1],
        "activation": "relu",
        "output": "clamp",
        "bypass": "none",
        "skips": True,
        "base": shape[0],
    }


def fine(shape: Shape, code: str | None) -> dict[str, Any]:
    """A network for what changes from pixel to pixel, such as scattered holes.

    The first of its plain stages works at full size. The others halve the size and have skips, so that they
    cover the surroundings of wide holes. It also starts as the identity on its base.
    """
    halvings = min(3, max(1, math.floor(math.log2(max(2, min(shape[1:]) / 3)))))
    return {
        "widths": (24, 24, 24, 48, 64, 64)[: 3 + halvings],
        "fine": 3,
        "blocks": 0,
        "down": "unshuffle",
        "up": "subpixel",
        "code": "spatial",
        "latent_dim": 64,
        "activation": "relu",
        "output": "clamp",
        "bypass": "none",
        "skips": True,
        "base": shape[0],
    }


PRESETS: dict[str, Callable[[Shape, str | None], dict[str, Any]]] = {
    "tutorial": tutorial,
    "pooled": pooled,
    "residual": residual,
    "dense": dense,
}
# Settings of convolutions, which the preset 'dense' does not have.
OF_CONVOLUTIONS = (
    "blocks",
    "kernel_size",
    "stride",
    "down",
    "up",
    "padding_mode",
    "refine",
    "pattern",
)
# With skips, image content bypasses the code: for restoring images, not for codes of them.
RESTORING: dict[str, Callable[[Shape, str | None], dict[str, Any]]] = {"unet": unet, "fine": fine}


def make_architecture(preset: str, image_shape: Shape, **changes: Any) -> Architecture:
    """Return the preset's architecture for images of a shape, with single values changed.

    Args:
        preset: one of ``PRESETS`` or ``RESTORING``.
        image_shape: (channels, height, width).
        changes: fields of :class:`Architecture`; ``None`` keeps the preset's value. With a stride or a kernel
            size for each stage, the preset ``residual`` has as many stages.

    Raises:
        InputError: for an unknown preset or field, or values that cannot work together.

    >>> make_architecture("tutorial", (1, 28, 28)).map_shape
    (64, 7, 7)
    """
    known = PRESETS | RESTORING
    if preset not in known:
        raise unknown_name("preset", preset, known)
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise InputError(
            f"image_shape must be (channels, height, width), each at least 1; got {image_shape}"
        )
    chosen = {name: value for name, value in changes.items() if value is not None}
    values = {**known[preset](image_shape, chosen.get("code")), **chosen}
    if values.get("layers") == "dense":
        _refuse_convolutions(preset, chosen)
    stages = max(map(_named_stages, (chosen.get("stride"), chosen.get("kernel_size"))))
    if stages > 1 and preset == "residual" and "widths" not in chosen:
        values["widths"] = _residual_widths(image_shape, stages)
    widths = values["widths"]
    if "fine" in values and "fine" not in chosen and isinstance(widths, tuple | list):
        named = _named_stages(values.get("stride"))  # the user decides for every stage
        values["fine"] = 0 if named else min(values["fine"], max(0, len(widths) - 1))
    # A sigmoid rules out this part of a preset, unless the user asked for it by name.
    if values["output"] == "sigmoid" and "bypass" not in chosen:
        values["bypass"] = "none"
    return Architecture.from_dict({"image_shape": image_shape, **values})


def _named_stages(value: object) -> int:
    """Return for how many stages a setting names a number of its own; 0 for one number for all."""
    return len(value) if isinstance(value, tuple | list) else 0


def _refuse_convolutions(preset: str, chosen: dict[str, Any]) -> None:
    """Raise an error if a setting of convolutions was chosen for a network without any."""
    given = [name for name in OF_CONVOLUTIONS if chosen.get(name)]
    if given:
        raise InputError(
            f"{' and '.join(given)}: preset {preset!r} has no convolutions; leave out {', '.join(given)}, or "
            "take another preset"
        )
