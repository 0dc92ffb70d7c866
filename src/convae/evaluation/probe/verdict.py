"""Is the autoencoder worth it? One plain sentence from a probe, and the limits of the result."""

from collections.abc import Sequence

from convae.evaluation.probe.probe import Measure, Probe
from convae.evaluation.probe.representations import MODEL, PCA, PIXELS, RANDOM
from convae.evaluation.results.scores import omissions
from convae.metrics.resampling import between

RIVALS = (PCA, RANDOM)  # of the same dimension as the code


def verdict(probe: Probe) -> str:
    """Return the sentence, by the judged read-outs, against the better of PCA and a random encoder.

    A difference counts if the interval of the paired differences excludes zero.
    """
    judged = [measure for measure in probe.measures if measure.judged]
    won, lost = ([m for m in judged if _sign(m) == sign] for sign in (1, -1))
    if won and lost:
        return (
            f"It depends on what reads the codes: they are better for {_told(won)}, worse for {_told(lost)}"
            f"{_pixels(judged)}."
        )
    if won:
        return f"Yes, it is worth it here: the codes are better for {_told(won)}{_others(won, judged)}."
    if lost:
        return f"No, it is not worth it here: the codes are worse for {_told(lost)}{_others(lost, judged)}."
    return (
        f"There is no clear gain here: the differences are within chance for {_told(judged)}"
        f"{_pixels(judged)}."
    )


def cautions(probe: Probe) -> list[str]:
    """Return what limits the results."""
    sentences = []
    if probe.seen:
        sentences.append(
            f"Careful: the model was trained on {probe.seen:,} of these images, and its codes may suit them "
            "better than new ones; there are too few others."
        )
    return sentences + omissions(probe.left_out, len(probe.skipped))


def rival_of(measure: Measure) -> str:
    """Return the better of the other representations of the same dimension."""
    return max(RIVALS, key=lambda name: measure.scores[name].value)


def difference(measure: Measure) -> tuple[float, float, float]:
    """Return how far the model is above its rival, and the interval of the difference."""
    ours, theirs = measure.scores[MODEL], measure.scores[rival_of(measure)]
    return ours.value - theirs.value, *between(ours.samples - theirs.samples)


def _sign(measure: Measure) -> int:
    """Return 1 if the codes are better, -1 if they are worse, 0 if undecided."""
    _, low, high = difference(measure)
    return int(low > 0) - int(high < 0)


def _told(measures: Sequence[Measure]) -> str:
    """Return ``5 nearest neighbours (accuracy 0.951, PCA 0.930)``."""
    parts = []
    for measure in measures:
        reader, _, what = measure.name.partition(", ")
        reader = f"a {reader}" if reader.endswith("classifier") else reader
        rival = rival_of(measure)
        values = (
            f"{what} {measure.scores[MODEL].value:.3f}, {rival} {measure.scores[rival].value:.3f}"
        )
        parts.append(f"{reader} ({values})")
    return " and ".join(parts)


def _others(counted: Sequence[Measure], judged: Sequence[Measure]) -> str:
    """Describe the read-outs that show no difference, and the pixels."""
    rest = [measure for measure in judged if measure not in counted]
    same = f", and within chance the same for {_told(rest)}" if rest else ""
    return same + _pixels(judged)


def _pixels(judged: Sequence[Measure]) -> str:
    values = " and ".join(f"{measure.scores[PIXELS].value:.3f}" for measure in judged)
    return f"; raw pixels reach {values}"
