"""Split normal images in three, each group in one part: to train, to choose, and to calibrate."""

import math
from typing import NamedTuple

import numpy as np

from convae.errors import InputError
from convae.metrics.conformal import TOLERANCE, check_rate, witnesses_needed
from convae.training.splits_and_batches import generator

USUAL_RATE = 0.01
# If no rate is given, one held-out group may lie above the threshold, provided that the promised rate is at
# most this: above all of them, the threshold is set by a single group, and if that is an odd one, most
# defects are missed. This was chosen on one split of circuit boards, where 70 % of the defective ones were
# found with one group above and 6 % with none; on two other splits it was 71 % and 67 %.
FINE_RATE = 0.1
LEAST_GROUPS = 8
CHOOSE = 0.15  # fraction of the groups to choose and standardise by
# Fraction to calibrate with: by default, and at most if the rate needs more.
CALIBRATE, MOST_CALIBRATE = 0.2, 0.4
ENOUGH = 500  # groups to choose by, and to calibrate with unless the rate needs more


class ThreeParts(NamedTuple):
    """Positions of images, sorted; no group lies in two parts.

    Attributes:
        training: what the network learns from.
        choosing: used to choose weights and scores and to standardise maps.
        calibrating: used to set the threshold, and for nothing else.
        groups: (n,) the group of every image.
        rate: the false-alarm rate that they can promise, or that is to be estimated.
    """

    training: np.ndarray
    choosing: np.ndarray
    calibrating: np.ndarray
    groups: np.ndarray
    rate: float


def split_normals(
    groups: np.ndarray, rate: float | None, seed: int, *, estimated: bool = False
) -> ThreeParts:
    """Split normal images by group.

    Args:
        groups: (n,) the group of each image.
        rate: the false-alarm rate to promise; None takes a rate for which one of the calibrating groups may
            lie above the threshold, see :func:`open_rate`.
        seed: decides which groups go where.
        estimated: whether the rate may be lower than the groups can promise.

    Raises:
        InputError: there are too few groups, or too few for that rate.
    """
    names, group = np.unique(groups, return_inverse=True)
    count = len(names)
    if count < LEAST_GROUPS:
        raise InputError(
            f"at least {LEAST_GROUPS} different normal images (or groups of them) are needed, to train "
            f"on, to choose by and to calibrate with; got {count} of {len(groups)} "
            f"sample{'' if len(groups) == 1 else 's'}"
        )
    witnesses, rate = _witnesses(count, rate, estimated=estimated)
    choosers = min(ENOUGH, max(2, math.ceil(CHOOSE * count)))
    order = generator(seed, 0, 1).permutation(count)
    part = np.zeros(count, int)
    part[order[:witnesses]] = 2
    part[order[witnesses : witnesses + choosers]] = 1
    training, choosing, calibrating = (np.flatnonzero(part[group] == i) for i in range(3))
    return ThreeParts(training, choosing, calibrating, group, rate)


def cross_normals(
    groups: np.ndarray, rate: float | None, seed: int, folds: int, *, estimated: bool = False
) -> list[ThreeParts]:
    """Split normal images by group into folds; each fold calibrates what is fitted on all others.

    Args:
        groups: (n,) the group of each image.
        rate, seed, estimated: as for :func:`split_normals`; all groups together promise the rate.
        folds: number of folds, from 2 to the number of groups.

    Raises:
        InputError: there are too few groups, or too few for that rate.
    """
    names, group = np.unique(groups, return_inverse=True)
    count = len(names)
    least = max(LEAST_GROUPS, folds)
    if count < least:
        raise InputError(
            f"at least {least} different normal images (or groups of them) are needed for {folds} folds; got "
            f"{count}"
        )
    lowest = 1 / (count + 1)
    if rate is None:
        rate = open_rate(count)
    check_rate(rate)
    if witnesses_needed(rate) > count and not estimated:
        raise InputError(
            f"a false-alarm rate of {rate:g} takes {witnesses_needed(rate)} normal images, and there are "
            f"{count} (each group counted once): the lowest rate is 1/{count + 1} = {lowest:.3g}; ask for "
            "that, or for none, or let estimate_tail estimate the threshold"
        )
    found = []
    for outside in np.array_split(generator(seed, 0, 1).permutation(count), folds):
        inside = np.setdiff1d(np.arange(count), outside)
        inside = generator(seed, int(outside[0]), 1).permutation(inside)
        choosers = min(ENOUGH, max(2, math.ceil(CHOOSE * len(inside))))
        part = np.zeros(count, int)
        part[outside], part[inside[:choosers]] = 2, 1
        training, choosing, calibrating = (np.flatnonzero(part[group] == i) for i in range(3))
        found.append(ThreeParts(training, choosing, calibrating, group, rate))
    return found


def open_rate(witnesses: int) -> float:
    """Return the rate to promise by default: one of the held-out groups may lie above the threshold.

    That is 2 / (n + 1), as the new image counts, too. The rate is at least 0.01; where 2 / (n + 1) is more
    than a tenth, it is the lowest that can be promised, with no group above.

    >>> [round(open_rate(n), 3) for n in (8, 19, 40, 99, 500)]
    [0.111, 0.1, 0.049, 0.02, 0.01]
    """
    two = 2 / (witnesses + 1)
    return max(USUAL_RATE, two if two <= FINE_RATE + TOLERANCE else 1 / (witnesses + 1))


def _witnesses(count: int, rate: float | None, *, estimated: bool) -> tuple[int, float]:
    """Return how many of ``count`` groups calibrate, and the rate they promise."""
    default, most = min(ENOUGH, math.ceil(CALIBRATE * count)), math.floor(MOST_CALIBRATE * count)
    if rate is not None:
        check_rate(rate)
    needed = witnesses_needed(USUAL_RATE if rate is None else rate)
    if rate is None:
        witnesses = max(default, needed) if needed <= most else default
        return witnesses, open_rate(witnesses)
    if needed <= most:
        return max(default, needed), rate
    if estimated:
        return most, rate
    raise InputError(
        f"a false-alarm rate of {rate:g} takes {needed} normal images held out to calibrate with, and of "
        f"{count} (each group counted once) {most} can be: the lowest rate they can promise is "
        f"1/{most + 1} = {1 / (most + 1):.3g}; ask for that, or for none, or fit on at least "
        f"{math.ceil(needed / MOST_CALIBRATE)}, or let estimate_tail estimate the threshold"
    )
