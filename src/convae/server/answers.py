"""Apply a model to images that came as bytes, exactly as the command line applies it to files.

Nothing here knows of HTTP. The network computes in batches of one fixed size, so the result for an image is
the same to the last bit whatever images of other requests are computed together with it.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from convae.errors import ImageError, InputError
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.autoencoders.variational import VariationalAutoencoder
from convae.estimators.base import ImageEstimator
from convae.estimators.streaming import iter_images
from convae.images.files.image import ReadLimits
from convae.server.given_images import Given, GivenImages, GivenMasks
from convae.serving.applying import Options, apply
from convae.serving.outcome import Outcome

MOST_SAMPLES = 400


def outcomes(
    model: ImageEstimator,
    verb: str,
    given: Sequence[Given],
    options: Options,
    *,
    limits: ReadLimits,
) -> Iterator[tuple[int, Outcome | ImageError]]:
    """Yield (position, result) of each image, as they are computed; an image that cannot be used: its error.

    Args:
        model: as loaded from its file.
        verb: one that takes images and that the model can do.
        given: the images, of one request or of several.
        options: of the verb.
        limits: the limits for one image.

    Raises:
        InputError: an option does not suit the model.
    """
    source = GivenImages(given, limits)
    masks = GivenMasks(given, limits, invert=options.invert, alpha=options.alpha)
    bad: list[ImageError] = []
    for index, outcome in apply(model, verb, source, options, bad.append, masks=masks):
        yield from _errors(bad, given)
        yield index, outcome
    yield from _errors(bad, given)


def _errors(bad: list[ImageError], given: Sequence[Given]) -> Iterator[tuple[int, ImageError]]:
    """Yield the collected errors under the names that the client knows, and forget them."""
    for error in bad:
        index = int(error.name)
        yield index, ImageError(given[index].name, error.reason)
    bad.clear()


def decoded(model: ConvAutoencoder, codes: np.ndarray) -> list[Outcome]:
    """Return the image of each code.

    Args:
        codes: (k,), (n, k) or, of a spatial code, (c, h, w) or (n, c, h, w); numbers.

    Raises:
        InputError: the codes do not have the model's shape, or hold NaN or infinite values.
    """
    shape = model.architecture_.code_shape
    size = math.prod(shape)
    numbers = "x".join(map(str, shape))
    if codes.dtype.kind not in "fiu":
        raise InputError(f"codes must be numbers; got {codes.dtype}")
    flat = codes.shape[-1:] == (size,) and codes.ndim in (1, 2)
    spatial = len(shape) == 3 and codes.shape[-3:] == shape and codes.ndim in (3, 4)
    if not (flat or spatial) or not codes.size:
        raise InputError(
            f"codes must be {numbers} numbers each for this model, one code or a list of codes; got "
            f"{'x'.join(map(str, codes.shape)) or 'a single number'}"
        )
    shaped = codes.astype(np.float32).reshape(-1, *shape)
    if not np.isfinite(shaped).all():
        raise InputError("codes must be finite numbers; got NaN or infinity")
    images = iter_images(model, shaped)
    return [Outcome(facts={"shape": list(pixels.shape)}, pixels=pixels) for pixels in images]


def sampled(model: VariationalAutoencoder, count: int, *, density: str, seed: int) -> list[Outcome]:
    """Return new images, the same as ``convae sample`` writes.

    Args:
        count: number of images, 1 to :data:`MOST_SAMPLES`.
        density: the distribution of the codes: ``prior``, ``gaussian`` or ``mixture``.
        seed: of the random generator, 0 or more.

    Raises:
        InputError: ``count`` is out of range, or the distribution is unknown.
    """
    if not 1 <= count <= MOST_SAMPLES:
        raise InputError(f"count must be 1 to {MOST_SAMPLES}; got {count}")
    codes = model.sample_codes(count, from_=density, random_state=seed)
    shaped = codes.reshape(-1, *model.architecture_.code_shape)
    images = iter_images(model, shaped, seed)
    return [Outcome(facts={"shape": list(pixels.shape)}, pixels=pixels) for pixels in images]
