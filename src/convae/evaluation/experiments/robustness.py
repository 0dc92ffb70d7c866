"""Which codes are still useful when images are corrupted: plain, denoising, sparse or variational ones?"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from convae.corruption.noise import Noise
from convae.errors import InputError
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.autoencoders.sparse import SparseAutoencoder
from convae.estimators.autoencoders.variational import VariationalAutoencoder
from convae.estimators.fit_config import prepared
from convae.evaluation.experiments.corrupted_readouts import (
    CORRUPTIONS,
    Models,
    Robustness,
    in_classes_of,
    parse_corruptions,
    read_robustness,
    refuse_one_class,
)
from convae.evaluation.experiments.data_parts import MOST, Parts, take_apart
from convae.evaluation.probe.probe import Target
from convae.training.observers import Observer, Once

PLAIN, DENOISING, SPARSE, VARIATIONAL = "plain", "denoising", "sparse", "variational"
NOISE = "gaussian:0..0.5"  # noise for training the denoising autoencoder


def code_variants(
    *,
    noise: str | Noise = NOISE,
    sparse: str = "top-k",
    sparse_dim: int = 256,
    variational: str = "gaussian",
    **parameters: Any,
) -> dict[str, ConvAutoencoder]:
    """Return the four autoencoders to compare, not fitted yet: the same network with one difference each.

    Args:
        noise: added to the input of the denoising autoencoder.
        sparse: the bottleneck of the sparse one.
        sparse_dim: its latent dimension.
        variational: the bottleneck of the variational one.
        parameters: of all four, by the names that the command line has (``widths``, ``ema``). By default
            there is no linear path, because the sparse and the variational autoencoder cannot have one.
    """
    common: dict[str, Any] = {"bypass": "none", **parameters}
    sparse_only = {"latent_dim": sparse_dim, "bottleneck": sparse}
    return {
        PLAIN: ConvAutoencoder.from_options(common),
        DENOISING: ConvAutoencoder.from_options({**common, "noise": noise}),
        SPARSE: SparseAutoencoder.from_options({**common, **sparse_only}),
        VARIATIONAL: VariationalAutoencoder.from_options({**common, "bottleneck": variational}),
    }


def probe_robustness(
    X: Any,
    target: Target,
    *,
    test: Any = None,
    test_target: Target | None = None,
    models: Models | None = None,
    corruptions: Sequence[str] = CORRUPTIONS,
    groups: Sequence[Any] | np.ndarray | None = None,
    most: int = MOST,
    seed: int = 0,
    observers: Iterable[Observer] = (),
) -> Robustness:
    """Fit autoencoders and read-outs on clean images, and measure on clean and corrupted test images.

    Args:
        X: images to fit on, any source.
        target: what to predict from the code of each.
        test, test_target: images to measure on and their target; None holds a fifth of X out.
        models: name -> unfitted model; the first is the reference for the others. None takes
            :func:`code_variants`. ``epochs`` None takes about 1,000 steps.
        corruptions: noises as :func:`convae.corruption.noise.parse_noise` reads them, in the network's units.
        groups: (n,) of the images of X; images of one group are all in training or all in test.
        most: images to use of each source; from a larger source a random selection is taken.
        seed: of the split, the selections, the corruptions and the resampling; models have their own.
        observers: receive messages, steps and epochs.

    Raises:
        InputError: with too few images, a single class, test images without a target, or test images of other
            classes.

    >>> import numpy as np
    >>> images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    >>> models = code_variants(latent_dim=4, sparse_dim=16, widths=(4,), blocks=1, epochs=1)
    >>> found = probe_robustness(images, Target(values=np.arange(60) % 2), models=models)
    >>> found.codes, found.tested_on
    (('plain', 'denoising', 'sparse', 'variational'), 12)
    """
    parse_corruptions(corruptions)
    chosen = dict(models or code_variants())
    checked = {name: model._config() for name, model in chosen.items()}
    name, first = next(iter(chosen.items()))
    source = clone(first).open(X, reset=True)
    other = None if test is None else clone(first).open(test, reset=True)
    of_test = target if other is None else test_target
    if of_test is None:
        raise InputError("test images need a target of their own: give test_target with test")
    for images, values in ((source, target), (other or source, of_test)):
        if len(images) != len(values.values):
            raise InputError(
                f"{images.description}: {len(images)} images and a target of {len(values.values)}: it must "
                "have one value for each"
            )
    preparing = prepared(checked[name])
    parts = take_apart(source, other, preparing, groups=groups, most=most, seed=seed)
    known = replace(target, values=target.values[parts.places])
    truth = replace(of_test, values=of_test.values[parts.test_places])
    refuse_one_class(known, in_classes_of(known, truth))
    fitted, watch = {}, Once(observers)
    for name, model in chosen.items():
        fitted[name] = _fitted(name, model, parts, watch)
    watch.message(f"reading {len(fitted)} codes of {len(parts.test):,} test images")
    training, tested = (parts.training, known), (parts.test, truth)
    found = read_robustness(fitted, training, tested, corruptions=corruptions, seed=seed)
    return replace(found, left_out=parts.left_out, skipped=parts.skipped)


def _fitted(name: str, model: ConvAutoencoder, parts: Parts, watch: Observer) -> ConvAutoencoder:
    config, epochs = model._config(), model.epochs
    if epochs is None:
        epochs = parts.epochs(config.training.batch_size, model.validation_fraction)
    watch.message(f"training for {name} codes, {epochs} epochs")
    fresh: ConvAutoencoder = clone(model).set_params(epochs=epochs)
    return fresh.fit(parts.training, groups=parts.groups, observers=[watch], verbose=False)
