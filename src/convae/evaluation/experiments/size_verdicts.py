"""The results of the experiments convolution and code-size in plain sentences."""

from collections.abc import Sequence

import numpy as np

from convae.embedding.code_dimension import TOLERANCE
from convae.evaluation.experiments.code_size import NETWORK, CodeSizes
from convae.evaluation.experiments.code_size import PCA as PCA_OF_SIZE
from convae.evaluation.experiments.convolution import CONVOLUTIONAL, DENSE, PCA, Convolution
from convae.evaluation.experiments.verdicts import left_out


def convolution_verdict(found: Convolution) -> list[str]:
    """Return sentences: where convolutions helped, by how much with each number of images, next to PCA."""
    signs = [_sign(found, number) for number in range(len(found.counts))]
    return [
        _convolution_lead(found, signs),
        *(_of_count(found, number) for number in range(len(found.counts))),
        _next_to_pca(found),
    ]


def _sign(found: Convolution, number: int) -> int:
    """Return -1 where the convolutional network's error is lower, 1 where it is higher, 0 if undecided."""
    _, low, high = found.difference(number)
    return int(low > 0) - int(high < 0)


def _convolution_lead(found: Convolution, signs: Sequence[int]) -> str:
    if len(found.seeds) < 2:
        return "One seed cannot tell whether convolutions help here."
    better = [n for n, sign in zip(found.counts, signs, strict=True) if sign < 0]
    worse = [n for n, sign in zip(found.counts, signs, strict=True) if sign > 0]
    if not better and not worse:
        return "Convolutions made no difference here that these seeds can tell."
    if len(better) == len(signs):
        return "Convolutions helped here, with every number of images."
    if len(worse) == len(signs):
        return "Convolutions did not help here, with any number of images."
    parts = []
    if better:
        parts.append(f"convolutions helped with {_numbers(better)} images")
    if worse:
        parts.append(f"the dense network was better with {_numbers(worse)} images")
    return f"{'; '.join(parts).capitalize()}."


def _of_count(found: Convolution, number: int) -> str:
    mean, low, high = found.difference(number)
    lead = f"With {found.counts[number]:,} images the convolutional network's error is"
    side = "below" if mean < 0 else "above"
    if not np.isfinite(low):
        return f"{lead} {_percent(abs(mean))} {side} the dense one's."
    if low > 0 or high < 0:
        ends = sorted((abs(low), abs(high)))
        return (
            f"{lead} {_percent(abs(mean))} ({_plain_percent(ends[0])} to {_plain_percent(ends[1])}) {side} "
            "the dense one's."
        )
    return (
        f"{lead} not distinguishable from the dense one's: {_percent(abs(mean))} {side} it (from "
        f"{_percent(abs(low))} below to {_percent(abs(high))} above)."
    )


def _next_to_pca(found: Convolution) -> str:
    means = {name: each.mean(axis=1) for name, each in found.errors.items()}
    best = np.minimum(means[CONVOLUTIONAL], means[DENSE])
    wins = [n for n, ours, pca in zip(found.counts, best, means[PCA], strict=True) if pca <= ours]
    if len(wins) == len(found.counts):
        return "PCA of the same size has the smallest error with every number of images."
    if wins:
        return f"PCA of the same size has the smallest error with {_numbers(wins)} images."
    above = [n for n, ours, pca in zip(found.counts, means[CONVOLUTIONAL], means[PCA], strict=True)
             if pca <= ours]  # fmt: skip
    if above:
        return (
            f"PCA of the same size has a smaller error than the convolutional network with {_numbers(above)} "
            "images."
        )
    return "The convolutional network's error is below that of PCA of the same size throughout."


def convolution_cautions(found: Convolution) -> list[str]:
    """Return what the intervals mean, what the two networks cost, and what limits the results."""
    costs = [
        c.multiplications / d.multiplications
        for c, d in zip(found.plans[CONVOLUTIONAL], found.plans[DENSE], strict=True)
    ]
    seconds = found.seconds[CONVOLUTIONAL].sum() / max(found.seconds[DENSE].sum(), 1e-9)
    more = (
        f"{np.mean(costs):.2g} times the multiplications and {seconds:.2g} times the processor time"
    )
    sentences = [
        "Brackets hold 95 % intervals over the seeds; both networks of a seed are trained on the same images."
        if len(found.seeds) > 1
        else "With one seed there are no intervals.",
        f"Both networks make the same number of steps. The convolutional one takes {more} of the dense one.",
    ]
    last = {name: float(each[-1].mean()) for name, each in found.errors.items()}
    if last[PCA] <= min(last[CONVOLUTIONAL], last[DENSE]):
        sentences.append(
            f"Careful: with {found.counts[-1]:,} images PCA has a smaller error than both networks: they "
            "have not learnt what there is to learn, and more steps may turn the comparison."
        )
    return sentences + left_out(found.left_out, len(found.skipped))


def code_size_verdict(found: CodeSizes) -> list[str]:
    """Return the answer to how many numbers the images need, and what it means."""
    ours, pca = _needed(found, NETWORK), _needed(found, PCA_OF_SIZE)
    return [
        f"These images need {ours} with this autoencoder, and {pca} with PCA.",
        f"This is the smallest size tried that explains at most {100 * TOLERANCE:.0f} percentage points less "
        "of the variance of the images than the best size does.",
        *(
            _of_size(found, size)
            for size in dict.fromkeys((found.needed(NETWORK), found.sizes[-1]))
        ),
    ]


def _needed(found: CodeSizes, name: str) -> str:
    """Return ``about 16 numbers (8 to 16 over 3 seeds)``."""
    size, each = found.needed(name), found.needed_by_seed(name)
    text = f"{size:,} number{'s' * (size != 1)}"
    if size == found.sizes[-1] and len(found.sizes) > 1:
        text = f"{text} or more"
    elif size > 1:
        text = f"about {text}"
    if min(each) != max(each):
        text += f" ({min(each):,} to {max(each):,} over {len(each)} seeds)"
    return text


def _of_size(found: CodeSizes, size: int) -> str:
    number = found.sizes.index(size)
    variance = max(float(found.variance.mean()), 1e-300)
    ours, pca = (float(found.errors[name][number].mean()) for name in (NETWORK, PCA_OF_SIZE))
    return (
        f"With {size:,} number{'s' * (size != 1)} the autoencoder explains {_percent(1 - ours / variance)} "
        f"of the variance, and PCA {_percent(1 - pca / variance)}."
    )


def code_size_cautions(found: CodeSizes) -> list[str]:
    """Return what limits the results."""
    sentences = []
    last = found.sizes[-1]
    if len(found.sizes) > 1 and found.needed(NETWORK) == last:
        sentences.append(
            f"The error still falls at {last:,}, the largest size tried: try larger sizes for the best one."
        )
    worse = [
        size
        for size, ours, pca in zip(
            found.sizes, found.errors[NETWORK].mean(axis=1), found.errors[PCA_OF_SIZE].mean(axis=1),
            strict=True,
        )
        if pca < ours
    ]  # fmt: skip
    if worse:
        sentences.append(
            f"PCA has the smaller error with codes of {_numbers(worse)}: the autoencoder has not learnt what "
            "there is to learn, and more steps or more images may change its answer."
        )
    return sentences + left_out(found.left_out, len(found.skipped))


def _numbers(values: Sequence[int]) -> str:
    """Return ``100, 300 and 1,000``."""
    words = [f"{value:,}" for value in values]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _percent(part: float) -> str:
    return f"{_plain_percent(part)} %"


def _plain_percent(part: float) -> str:
    return f"{100 * part:.0f}" if abs(part) >= 0.095 else f"{100 * part:.1f}"
