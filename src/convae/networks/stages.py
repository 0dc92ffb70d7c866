"""Stride and kernel size of each stage of a network, and the sizes of the maps that follow from them."""

import math
from collections.abc import Iterator, Sequence

Step = tuple[int, int]  # (vertical, horizontal)
PerStage = int | tuple[int, ...]  # one number for all stages, or one for each

MAX_STRIDE, MAX_KERNEL = 16, 31


def as_per_stage(value: object) -> object:
    """Return a list as a tuple, and a list of one number as that number."""
    if isinstance(value, list | tuple):
        return value[0] if len(value) == 1 else tuple(value)
    return value


def each_stage(value: PerStage, count: int) -> tuple[int, ...]:
    """Return one number for each of ``count`` stages.

    >>> each_stage(3, 2), each_stage((5, 3), 2)
    ((3, 3), (5, 3))
    """
    return (value,) * count if isinstance(value, int) else value


def strides_of(size: Step, wanted: Sequence[int]) -> tuple[Step, ...]:
    """Return the (vertical, horizontal) stride of each stage; a side of one pixel is not reduced further.

    Args:
        size: (height, width) of the images.
        wanted: the stride of each stage, from the image inwards.

    >>> strides_of((1, 28), (2, 2))
    ((1, 2), (1, 2))
    """
    height, width = size
    steps = []
    for stride in wanted:
        step = (stride if height > 1 else 1, stride if width > 1 else 1)
        height, width = math.ceil(height / step[0]), math.ceil(width / step[1])
        steps.append(step)
    return tuple(steps)


def factor_of(strides: Sequence[Step]) -> Step:
    """Return the product of the strides, vertical and horizontal."""
    return math.prod(s[0] for s in strides), math.prod(s[1] for s in strides)


def least_map(mode: str, kernels: Sequence[int], strides: Sequence[Step]) -> Step:
    """Return the least (height, width) of the smallest map with which the maps of all stages can be padded.

    Args:
        mode: of the padding, as ``padding_mode`` of ``torch.nn.Conv2d``.
        kernels, strides: of each stage, from the image inwards.
    """
    sides = [1, 1]
    for number, kernel in enumerate(kernels):
        padding = kernel // 2
        side = {"reflect": padding + 1, "circular": padding}.get(mode, 1)
        below = factor_of(strides[number + 1 :])
        sides = [max(s, math.ceil(side / f)) for s, f in zip(sides, below, strict=True)]
    return sides[0], sides[1]


def number_faults(name: str, value: object, count: int, most: int, *, odd: bool) -> Iterator[str]:
    """Yield what is wrong with a setting of the stages.

    Args:
        name: of the setting, for the messages.
        value: of any type.
        count: number of stages.
        most: the largest number; the least is 1.
        odd: whether the numbers must be odd.
    """
    numbers = value if isinstance(value, tuple) else (value,)
    if isinstance(value, tuple) and len(value) != count:
        stages = "the one stage" if count == 1 else f"each of the {count} stages"
        yield (
            f"{name} must be one number, or one for {stages} in widths; got {len(value)} numbers: change "
            f"widths or {name}"
        )
    for number in numbers:
        if type(number) is not int or not 1 <= number <= most:
            yield f"{name} must be a whole number from 1 to {most}; got {number!r}"
        elif odd and number % 2 == 0:
            yield f"{name} must be odd; got {number}"


def gap_faults(
    kernels: Sequence[int], strides: Sequence[Step], *, strided: bool, transposed: bool
) -> Iterator[str]:
    """Yield what is wrong where a kernel is smaller than the stride with which it moves.

    A stride of 2 with a kernel of 1 is allowed, because files of earlier versions may have it.

    Args:
        kernels, strides: of each stage, from the image inwards.
        strided: whether the encoder reduces its maps by strided convolutions.
        transposed: whether the decoder enlarges them by transposed convolutions.
    """
    for number, (kernel, step) in enumerate(zip(kernels, strides, strict=True), 1):
        stride = max(step)
        if kernel >= stride or not (
            (strided and stride > 2) or (transposed and kernel > 1 and stride > 2)
        ):
            continue
        enough = stride + 1 - stride % 2
        yield (
            f"stage {number} has kernel_size {kernel} and stride {stride}: its convolution would leave out "
            f"the pixels between; take a kernel_size of at least {enough}, or down 'unshuffle' and up "
            "'subpixel'"
        )
