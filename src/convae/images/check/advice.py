"""Advice of the check-up on its findings: short sentences, problems first."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from convae.images.check.findings import Advice, CheckUp, Tally

_ODD_BITS = range(9, 16)  # camera depths that are stored in 16 bits


def advise(found: CheckUp, tally: Tally) -> tuple[Advice, ...]:
    """Return all the advice that the findings call for."""
    rules: tuple[Callable[[CheckUp, Tally], Iterator[Advice]], ...] = (
        _reading, _sizes, _channels, _depths, _scaling, _empty, _repeated, _changed,
    )  # fmt: skip
    found_advice = [advice for rule in rules for advice in rule(found, tally)]
    return tuple(sorted(found_advice, key=lambda advice: advice.severity != "problem"))


def _problem(text: str) -> Advice:
    return Advice("problem", text)


def _note(text: str) -> Advice:
    return Advice("note", text)


def _reading(found: CheckUp, tally: Tally) -> Iterator[Advice]:
    bad, left = len(found.unreadable), len(found.skipped)
    if not found.readable:
        yield _problem("No image can be read: there is nothing to train on.")
    elif bad:
        yield _note(f"Cannot be read: {_images(bad)}, to be skipped (--strict stops instead).")
    if left:
        yield _note(f"Left out while listing: {left}, each with its reason.")
    if found.checked < found.images:
        yield _note(f"Looked at {found.checked} of {_images(found.images)} only.")
    if 0 < found.readable < 20:
        yield _note(
            f"Very few: {_images(found.readable)}. The result will fit them and little else."
        )


def _sizes(found: CheckUp, tally: Tally) -> Iterator[Advice]:
    if len(found.sizes) < 2:
        return
    height, width = _median_size(found)
    most, count = found.sizes[0]
    yield _problem(
        f"The images have {len(found.sizes)} sizes (most often {most[0]}x{most[1]}, {count} times): "
        f"choose one, for example --size {height} {width} --framing resize."
    )


def _channels(found: CheckUp, tally: Tally) -> Iterator[Advice]:
    if len(found.channels) < 2:
        return
    few = set(found.channels) <= {1, 2, 3, 4}
    cure = (
        "give --channels 1 (grey) or --channels 3 (colour)"
        if few
        else "keep one kind in the folder"
    )
    yield _problem(f"The images have different channels ({_counted(found.channels)}): {cure}.")


def _depths(found: CheckUp, tally: Tally) -> Iterator[Advice]:
    read = tally.read_as
    if "float32" in read and len(read) > 1:
        yield _problem(
            f"Float images among integer ones ({_counted(read)}) have no common scale: "
            "keep one kind in the folder."
        )
    elif len(read) > 1:
        yield _note(
            f"8-bit and 16-bit images are mixed ({_counted(read)}): 8-bit ones are widened to 16."
        )


def _scaling(found: CheckUp, tally: Tally) -> Iterator[Advice]:
    for depth, (low, high) in found.ranges.items():
        if depth == "uint8":
            yield from _scaling_8(found, tally, high)
        elif depth == "uint16":
            yield from _scaling_16(high)
        else:
            yield from _scaling_float(tally, low, high)


def _scaling_8(found: CheckUp, tally: Tally, high: float) -> Iterator[Advice]:
    tiny, count = tally.up_to_one["uint8"], tally.read_as["uint8"]
    if 0 < high <= 1:
        yield _problem(
            "All 8-bit values are 0 or 1: these are masks, or floats in 0..1 cast to integers."
        )
    elif tiny:
        yield _problem(
            f"{tiny} of {count} 8-bit images hold only 0 and 1: masks, or floats cast to integers."
        )
    elif tally.most_values == 2 and high > 1 and set(found.depths) != {"bool"}:
        yield _note(
            "Each 8-bit image has two values only: masks or text; --loss bce may suit them."
        )
    elif 2 < tally.most_values <= 16 and high <= 32:
        yield _note(
            f"The 8-bit values end at {high:g} with at most {tally.most_values} values an image: "
            "label images, or stretched wrongly?"
        )


def _scaling_16(high: float) -> Iterator[Advice]:
    bits = int(high).bit_length() if high == high else 0
    if 0 < bits <= 8:
        yield _problem(
            f"The 16-bit values end at {high:g}: these are 8-bit images stored in 16 bits."
        )
    elif bits in _ODD_BITS:
        yield _note(
            f"The 16-bit values end at {high:g}, as {bits}-bit cameras give them: the scale is fitted to "
            "what is there."
        )


def _scaling_float(tally: Tally, low: float, high: float) -> Iterator[Advice]:
    small, count = tally.up_to_one["float32"], tally.read_as["float32"]
    if high != high:
        return
    if 0 < small < count and high > 2:
        yield _problem(
            f"{small} of {count} float images end at 1 or below and the others go to {high:g}: "
            "some may have been divided by their range and some not."
        )
    elif 2 < high <= 255 and low >= 0:
        yield _note(
            f"Float values in {low:g}..{high:g} look like 8-bit values: the scale is fitted to them."
        )


def _empty(found: CheckUp, tally: Tally) -> Iterator[Advice]:
    plain = len(found.constant) - len(found.black)
    if found.black:
        yield _note(f"Black (zero everywhere): {_images(len(found.black))}.")
    if plain:
        yield _note(f"The same value everywhere: {_images(plain)}.")
    if found.readable and len(found.constant) == found.readable:
        yield _problem("Every image is constant: there is nothing to learn.")
    if found.missing:
        pixels = sum(count for _, count in found.missing)
        yield _problem(
            f"Missing pixels (NaN, infinity or nodata): {pixels} in {_images(len(found.missing))}; "
            "fill them, or leave those images out."
        )


def _repeated(found: CheckUp, tally: Tally) -> Iterator[Advice]:
    groups = found.duplicate_groups
    if not groups:
        return
    inside = sum(len(group.indices) for group in groups)
    exact = sum(group.exact for group in groups)
    yield _note(
        f"Repeated: {_images(inside)} in {len(groups)} group(s), {exact} of them with equal pixels. A random "
        "split puts copies on both sides: remove them, or split by group."
    )
    if tally.limited:
        yield _note(
            "Many images look alike; only the most alike were compared for near duplicates."
        )
    if crossing := sum(len(group.splits) > 1 for group in groups):
        yield _problem(
            f"Duplicates in both train and test folders: {crossing} group(s). This is a leak."
        )
    if crossing := sum(len(group.labels) > 1 for group in groups if len(group.splits) < 2):
        yield _problem(f"Duplicates in more than one class: {crossing} group(s).")


def _changed(found: CheckUp, tally: Tally) -> Iterator[Advice]:
    for what, count in found.conversions.items():
        yield _note(f"{what[:1].upper()}{what[1:]}: {_images(count)}.")


def _median_size(found: CheckUp) -> tuple[int, int]:
    shapes = np.repeat([size for size, _ in found.sizes], [n for _, n in found.sizes], axis=0)
    height, width = np.median(shapes, axis=0)
    return int(height), int(width)


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _counted(counts: Mapping[int, int] | Mapping[str, int]) -> str:
    return ", ".join(f"{count} of {value}" for value, count in counts.items())
