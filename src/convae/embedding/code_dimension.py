"""How many numbers images need: the size of a code from which a larger one explains little more.

The answer is the smallest size whose held-out error is at most 5 % of the variance above the lowest error.
Equivalently, it explains at most 5 percentage points less of the variance than the best size does. The rule
needs no curvature, so noise in the curve moves it little; and it is about the best that is reached, so what
cannot be explained at all, such as noise, does not count.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

TOLERANCE = 0.05  # of the variance
SURE = 4.0  # standard deviations of noise by which something is explained at all


def smallest_sufficient(
    sizes: Sequence[int], errors: Any, variance: float, tolerance: float = TOLERANCE
) -> int:
    """Return the smallest size whose error is at most ``tolerance * variance`` above the lowest.

    Args:
        sizes: (n,) code sizes, ascending.
        errors: (n,) held-out error with each.
        variance: the error of a code of size 0: that of the mean of the images.
        tolerance: a fraction.

    >>> smallest_sufficient([1, 2, 4, 8], [0.6, 0.3, 0.04, 0.01], 1.0)
    4
    """
    values = np.asarray(errors, dtype=np.float64)
    enough = values <= values.min() + tolerance * max(variance, 0.0)
    return int(sizes[int(np.argmax(enough))])


def components_needed(
    variances: Any, total: float, dimension: int, count: int, tolerance: float = TOLERANCE
) -> int:
    """Return how many principal components images need, at least 1.

    The last half of the components is taken for noise: the median of their variances is subtracted from all,
    so that white noise does not count as something to explain. What is left of noise by chance is taken into
    account by its standard deviation, noise * sqrt(2 k / count).

    Args:
        variances: (k,) variance of held-out images along each component, in the order of the components.
        total: variance of the held-out images, all directions together.
        dimension: number of values of an image. With fewer components than this, the variance beyond them is
            spread evenly over the other directions, as noise would be.
        count: number of held-out images, or of blocks of them.
        tolerance: a fraction of the variance that is not noise.

    >>> components_needed([9.0, 5.0, 3.0, 0.1, 0.1, 0.1, 0.1, 0.1], 17.5, 8, 100)
    3
    """
    along = np.asarray(variances, dtype=np.float64)
    if not len(along) or not np.isfinite(along).all():
        return 1
    # The mean of such variances is above their median (Wilson and Hilferty, 1931).
    noise = float(np.median(along[len(along) // 2 :])) / (1 - 2 / (9 * max(count, 1))) ** 3
    if dimension > len(along):
        beyond = max(total - float(along.sum()), 0.0) / (dimension - len(along))
        noise = min(noise, beyond)
    explained = np.cumsum(along - noise)
    most = float(explained.max())
    chance = max(noise, 0.0) * float(np.sqrt(2 * len(along) / max(count, 1)))
    if most <= SURE * chance:
        return 1
    return 1 + int(np.argmax(explained >= (1 - tolerance) * most - 2 * chance))
