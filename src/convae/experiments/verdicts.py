"""What an experiment found, in plain sentences; a difference counts if its interval leaves out zero."""

import numpy as np

from convae.experiments.ablation import Ablation
from convae.experiments.schedules import ALONE, BOTH, SCRATCH

APART = 0.1  # costs that differ by more do not agree


def stacking_verdict(found: Ablation) -> str:
    """Whether stacking helped: both ways that use it against training together from scratch."""
    both, alone = (stacking_difference(found, name) for name in (BOTH, ALONE))
    seeds = len(found.seeds)
    brackets = f"; brackets hold 95 % intervals, paired over {seeds} seeds" if seeds > 1 else ""
    return (
        f"{_lead(both, alone)}: at costs that agree to {_percent(_apart(found))}, the test error of '{BOTH}' "
        f"is {_aside(both)} that of '{SCRATCH}'{_interval(both)}, and that of '{ALONE}' {_aside(alone)} "
        f"it{_interval(alone)}{brackets}."
    )


Difference = tuple[float, float, float]


def _lead(both: Difference, alone: Difference) -> str:
    if not np.isfinite(both[1]):
        return "One seed cannot tell whether stacking helps here"
    if min(both[2], alone[2]) < 0:
        return "Stacking helped here"
    if both[1] > 0:
        return "Stacking did not help here"
    return "Stacking made no difference here that these seeds can tell"


def stacking_difference(found: Ablation, name: str) -> Difference:
    """How far the test error of one way is above that of training together from scratch, as a part of it.

    The mean over the seeds, and the 95 % interval of Student's t of the differences seed by seed; infinite
    for a single seed.
    """
    from scipy.special import stdtrit

    ratios = found.trials[name].errors / found.trials[SCRATCH].errors - 1
    count, mean = len(ratios), float(ratios.mean())
    if count < 2:
        return mean, -np.inf, np.inf
    reach = float(stdtrit(count - 1, 0.975) * ratios.std(ddof=1) / np.sqrt(count))
    return mean, mean - reach, mean + reach


def stacking_cautions(found: Ablation) -> list[str]:
    """What weakens the numbers."""
    said = []
    best = min(float(trial.errors.mean()) for trial in found.trials.values())
    if found.baseline.mean() <= best:
        said.append(
            f"Careful: {found.baseline_name}, has a smaller error than all three: they have not learnt what "
            "there is to learn, and more epochs may turn the comparison."
        )
    if _apart(found) > APART:
        said.append(
            f"Careful: costs agree to {_percent(_apart(found))} only, epochs being whole: with more of them "
            "they come nearer."
        )
    return said + left_out(found.left_out, len(found.skipped))


def _apart(found: Ablation) -> float:
    """How far the costs of the ways are from that of the last."""
    return max(abs(float(trial.costs.mean()) - 1) for trial in found.trials.values())


def _aside(difference: Difference) -> str:
    return f"{_percent(abs(difference[0]))} {'below' if difference[0] < 0 else 'above'}"


def _interval(difference: Difference) -> str:
    _, low, high = difference
    return f" ({100 * low:+.1f} % to {100 * high:+.1f} %)" if np.isfinite(low) else ""


def left_out(doubles: int, skipped: int) -> list[str]:
    """Test images that are not used, and images that could not be."""
    said = []
    if doubles:
        said.append(
            f"{doubles:,} test images were left out because they are training images as well."
        )
    if skipped:
        said.append(f"{skipped:,} images could not be used.")
    return said


def _percent(part: float) -> str:
    return f"{100 * part:.1f} %"
