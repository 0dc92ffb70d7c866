"""The results of experiments in plain sentences; a difference counts if its interval excludes zero."""

from collections.abc import Callable, Sequence

import numpy as np

from convae.evaluation.experiments.ablation import Ablation
from convae.evaluation.experiments.corrupted_readouts import CLEAN, Reading, Robustness
from convae.evaluation.experiments.schedules import ALONE, BOTH, SCRATCH
from convae.evaluation.probe.readouts import Score
from convae.evaluation.probe.representations import PCA, PIXELS
from convae.metrics.resampling import between, student_interval

APART = 0.1  # costs that differ by a larger fraction do not agree


def stacking_verdict(found: Ablation) -> str:
    """State whether stacking helped: both ways that use it, compared with joint training from scratch."""
    both, alone = (stacking_difference(found, name) for name in (BOTH, ALONE))
    seeds, apart = len(found.seeds), _apart(found)
    brackets = f"; brackets hold 95 % intervals, paired over {seeds} seeds" if seeds > 1 else ""
    costs = (
        f"agree to {_percent(apart)}" if apart <= APART else f"differ by up to {_percent(apart)}"
    )
    return (
        f"{_lead(both, alone, apart)}: at costs that {costs}, the test error of '{BOTH}' is {_aside(both)} "
        f"that of '{SCRATCH}'{_interval(both)}, and that of '{ALONE}' {_aside(alone)} it{_interval(alone)}"
        f"{brackets}."
    )


Difference = tuple[float, float, float]


def _lead(both: Difference, alone: Difference, apart: float) -> str:
    if apart > APART:
        return "Costs differ too much to tell whether stacking helps here"
    if not np.isfinite(both[1]):
        return "One seed cannot tell whether stacking helps here"
    if min(both[2], alone[2]) < 0:
        return "Stacking helped here"
    if both[1] > 0:
        return "Stacking did not help here"
    return "Stacking made no difference here that these seeds can tell"


def stacking_difference(found: Ablation, name: str) -> Difference:
    """Return the relative excess of one way's test error over that of joint training from scratch.

    It is the mean over the seeds with the 95 % interval of Student's t of the differences paired by seed; the
    interval is infinite for a single seed.
    """
    ratios = found.trials[name].errors / found.trials[SCRATCH].errors - 1
    return float(ratios.mean()), *student_interval(ratios)


def stacking_cautions(found: Ablation) -> list[str]:
    """Return what limits the results."""
    sentences = []
    best = min(float(trial.errors.mean()) for trial in found.trials.values())
    if found.baseline.mean() <= best:
        sentences.append(
            f"Careful: {found.baseline_name}, has a smaller error than all three: they have not learnt what "
            "there is to learn, and more epochs may turn the comparison."
        )
    if _apart(found) > APART:
        sentences.append(
            "Careful: costs differ because epochs are whole, or because a way stopped early: more epochs "
            "bring them nearer, and so does training without early stopping."
        )
    return sentences + left_out(found.left_out, len(found.skipped))


def _apart(found: Ablation) -> float:
    """Return how far the costs of the ways are from that of the last."""
    return max(abs(float(trial.costs.mean()) - 1) for trial in found.trials.values())


def _aside(difference: Difference) -> str:
    return f"{_percent(abs(difference[0]))} {'below' if difference[0] < 0 else 'above'}"


def _interval(difference: Difference) -> str:
    _, low, high = difference
    return f" ({100 * low:+.1f} % to {100 * high:+.1f} %)" if np.isfinite(low) else ""


# -- robustness -----------------------------------------------------------------------------------------


def robustness_verdict(found: Robustness) -> list[str]:
    """Return sentences: which codes score higher than the first on corrupted images, and on clean ones.

    A code is better by a read-out if the interval of its paired differences, of the means over all
    corruptions, is above zero.
    """
    first, *others = found.codes
    better = [name for name in others if _sign(_signs(found, _corrupted, name)) == 1]
    count = len(found.readings[0].scores) - 1
    lead = (
        f"More robust than {first} codes here: {_and(better)}"
        if better
        else f"No codes are more robust than {first} ones here"
    )
    readers = [_reader(reading) for reading in found.readings]
    beyond = [name for name in (PCA, PIXELS) if _above_all(found, _corrupted, name) == readers]
    lead += f"; above them all: {_and(beyond)}." if beyond else "."
    over = f"Over {count} corruptions" if count > 1 else "On corrupted images"
    return [
        lead,
        f"{over}{_compared(found, _corrupted)}.",
        f"On clean images{_compared(found, _clean)}.",
    ]


Taking = Callable[[Reading, str], Score]  # selects the score of a code in a read-out


def _corrupted(reading: Reading, code: str) -> Score:
    return reading.corrupted(code)


def _clean(reading: Reading, code: str) -> Score:
    return reading.scores[CLEAN][code]


def _under(corruption: str) -> Taking:
    return lambda reading, code: reading.scores[corruption][code]


def robustness_difference(reading: Reading, take: Taking, code: str, against: str) -> Difference:
    """Return how far one code is above another by a read-out, and the interval of the difference."""
    ours, theirs = take(reading, code), take(reading, against)
    return ours.value - theirs.value, *between(ours.samples - theirs.samples)


def _signs(found: Robustness, take: Taking, code: str, against: str = "") -> dict[str, int]:
    """Return for each read-out 1 where a code is better than another, -1 where worse, 0 if undecided.

    The other is the first code by default.
    """
    signs = {}
    for reading in found.readings:
        _, low, high = robustness_difference(reading, take, code, against or found.codes[0])
        signs[_reader(reading)] = int(low > 0) - int(high < 0)
    return signs


def _sign(signs: dict[str, int]) -> int:
    """Return 1 for better by a read-out and worse by none, -1 for the reverse, else 0."""
    return int(max(signs.values()) > 0) + int(min(signs.values()) < 0) * -1


def _compared(found: Robustness, take: Taking) -> str:
    """Describe the first code by each read-out, then compare the other codes, PCA and the pixels with it."""
    first, *others = found.codes
    what = found.readings[0].name.partition(", ")[2]
    reached = _and(
        [f"{take(reading, first).value:.3f} by {_reader(reading)}" for reading in found.readings]
    )
    parts = [f" {first} codes reach an {what} of {reached}"]
    for name in others:
        part = f"{name} codes {_in_words(_signs(found, take, name))} ({_values(found, take, name)})"
        parts.append(part + (_exceptions(found, name) if take is _corrupted else ""))
    for name in (PCA, PIXELS):
        best = _above_all(found, take, name)
        part = f"{name} {_values(found, take, name)}"
        parts.append(part + (f", above every code by {_and(best)}" if best else ""))
    return "; ".join(parts)


def _above_all(found: Robustness, take: Taking, name: str) -> list[str]:
    """Return the read-outs by which one representation is better than every code."""
    above = [_signs(found, take, name, code) for code in found.codes]
    return [reader for reader in above[0] if all(signs[reader] > 0 for signs in above)]


def _in_words(signs: dict[str, int]) -> str:
    """Return ``are better by a linear classifier``; read-outs are named unless all agree."""
    if len(set(signs.values())) == 1:
        return {1: "are better", -1: "are worse", 0: "are no different within chance"}[_sign(signs)]
    phrases = [
        f"{word} by {_and([reader for reader, sign in signs.items() if sign == wanted])}"
        for word, wanted in (("better", 1), ("worse", -1))
        if wanted in signs.values()
    ]
    return f"are {_and(phrases)}"


def _exceptions(found: Robustness, name: str) -> str:
    """Name the corruptions under which a comparison differs from that over all corruptions."""
    over = _sign(_signs(found, _corrupted, name))
    phrases = []
    for word, wanted in (("better", 1), ("worse", -1)):
        under = [
            corruption
            for corruption in found.readings[0].scores
            if corruption != CLEAN and _sign(_signs(found, _under(corruption), name)) == wanted
        ]
        if under and over != wanted:
            phrases.append(f", {word} under {_and(under)}")
    return "".join(phrases)


def _reader(reading: Reading) -> str:
    name = reading.name.partition(", ")[0]
    return f"a {name}" if name.endswith("classifier") else name


def _values(found: Robustness, take: Taking, name: str) -> str:
    return " and ".join(f"{take(reading, name).value:.3f}" for reading in found.readings)


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def robustness_cautions(found: Robustness) -> list[str]:
    """Return what limits the results."""
    sentences = [
        "Intervals are over test images; each model was trained once, and another seed moves the figures too."
    ]
    return sentences + left_out(found.left_out, len(found.skipped))


# -- both -----------------------------------------------------------------------------------------------


def left_out(doubles: int, skipped: int) -> list[str]:
    """Return sentences on test images that were left out and images that could not be used."""
    sentences = []
    if doubles:
        sentences.append(
            f"{doubles:,} test images were left out because they are training images as well."
        )
    if skipped:
        sentences.append(f"{skipped:,} images could not be used.")
    return sentences


def _percent(part: float) -> str:
    return f"{100 * part:.1f} %"
