"""How cost grows: with the number of images, with their side, with the batch."""

from collections.abc import Sequence
from typing import Any

from contenders import data
from race.field import CHANNELS_LAST, OURS
from race.figures import exponent, ratios, short, spread
from race.rounds import race
from race.told import Options, Told, times
from race.training import BATCH, SIDE
from race.whole_fits import fits, stored

COUNTS = (1_000, 4_000, 16_000, 64_000, 250_000, 1_000_000)
SIDES = (28, 64, 128, 256, 512, 1024)
BATCHES = (1, 4, 16, 64, 256, 1024)
FEW = 4  # images in a batch of large ones
FIELD = (OURS, CHANNELS_LAST)


def growth(options: Options) -> None:
    """Costs, and the exponents they grow with."""
    told = Told(
        "growth",
        f"Growth: cost against size, {OURS.name} and {CHANNELS_LAST.name}",
        ("what grows", "to", "cost is", "convae", "PyTorch", "convae is faster by (quartiles)"),
        options,
    )
    _images(told, [n for n in COUNTS if n <= options.most_images])
    _sides(told, SIDES[:3] if options.quick else SIDES, options)
    _batches(told, BATCHES[:4] if options.quick else BATCHES, options)
    told.write()


def _images(told: Told, counts: Sequence[int]) -> None:
    """Whole fits of one epoch, the imports left out."""
    costs: dict[str, list[float]] = {who.name: [] for who in FIELD}
    for count in counts:
        name = stored(data.images(count, SIDE), "growing.npy")
        given = {"preset": "tutorial", "data": name, "batch": BATCH, "epochs": 1}
        runs = fits(FIELD, told, 1, **given)
        if len(runs) < len(FIELD):
            break  # more images will not fit either
        for who, facts in runs.items():
            costs[who].append(facts[0]["seconds"])
        ours, theirs = (costs[who.name][-1] for who in FIELD)
        head = ("images of 28x28", f"{count:,}", "s a fit of one epoch")
        told.row(*head, short(ours), short(theirs), f"{theirs / ours:.2f}")
    _told_exponents(told, "number of images", counts, costs)


def _sides(told: Told, sides: Sequence[int], options: Options) -> None:
    """Steps of the pooled network, which takes any size, with batches of a few images."""
    costs: dict[str, list[float]] = {who.name: [] for who in FIELD}
    for side in sides:
        job = {"preset": "pooled", "side": side, "batch": FEW, "images": 16 * FEW, "warmup": 2}
        _measured(told, costs, "side in pixels", str(side), job, options)
    _told_exponents(told, "side (2 is linear in pixels)", sides, costs)


def _batches(told: Told, batches: Sequence[int], options: Options) -> None:
    """Steps of the tutorial network."""
    costs: dict[str, list[float]] = {who.name: [] for who in FIELD}
    for batch in batches:
        count = max(16 * batch, 1024)
        job = {"preset": "tutorial", "side": SIDE, "batch": batch, "images": count, "warmup": 2}
        _measured(told, costs, "images in a batch", str(batch), job, options)
    _told_exponents(told, "batch", batches, costs)


def _measured(
    told: Told,
    costs: dict[str, list[float]],
    what: str,
    size: str,
    job: dict[str, Any],
    options: Options,
) -> None:
    rounds, seconds = min(options.rounds, 5), options.seconds
    result = race(FIELD, "train", job, rounds=rounds, seconds=seconds, unit=1, product=False)
    shown = []
    for who in FIELD:
        if who.name not in result.rates:
            continue
        cost = 1e3 / spread(result.rates[who.name]).median
        costs[who.name].append(cost)
        shown.append(short(cost))
    faster = times(ratios(result.pairs[CHANNELS_LAST.name])) if result.pairs else "-"
    told.row(what, size, "ms a step", *[*shown, "absent"][:2], faster)
    told.absent(result.absent)
    told.values[f"{what}/{size}"] = vars(result)


def _told_exponents(
    told: Told, what: str, sizes: Sequence[float], costs: dict[str, list[float]]
) -> None:
    for who, values in costs.items():
        if len(values) < 2:
            continue
        known = list(sizes[: len(values)])
        overall, last = exponent(known, values), exponent(known[-2:], values[-2:])
        told.remark(
            f"{who}: cost grows as {what} to the power of {overall:.2f}, over the last two sizes "
            f"{last:.2f}."
        )
    told.values[what] = {"sizes": list(sizes), "costs": costs}
