"""The denoiser, which learns from clean images, from pairs, or from noisy images alone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from convae.classical.noise_level import estimate_noise_level
from convae.classical.noise_presence import NoisePresence
from convae.config.augmentation import parse_augmentation
from convae.config.compatibility import check, of_loss
from convae.config.parameters import DenoiserParameters
from convae.corruption.noise import Noise, check_levels, parse_noise
from convae.corruption.noise_levels import check_level
from convae.errors import InputError, raise_faults, unknown_name
from convae.estimators.fit import Learning, Ready, Run
from convae.estimators.fit_config import FitConfig
from convae.estimators.labels import holds_images
from convae.estimators.pixel_rows import is_table, row_shape, rows_to_images
from convae.estimators.restoration.base import (
    Material,
    RestorerReady,
    RestoringEstimator,
    material_for,
)
from convae.estimators.restoration.noise_decision import (
    asked_way,
    chosen_way,
    fixed_level,
    holds_floats,
    noise_levels,
)
from convae.estimators.restoration.noise_units import noise_text, stored_level, stretch
from convae.estimators.restoration.restored_images import Restored, iter_restored
from convae.estimators.streaming import OnBad
from convae.images.dataset.pairs import PairSource
from convae.images.sources.base import ImageSource
from convae.images.sources.open_source import open_source
from convae.networks.autoencoder import Autoencoder
from convae.networks.presets import RESTORING
from convae.storage.model_file import StoredModel
from convae.training.checkpoint import CheckpointFolder
from convae.training.display import Verbose, display
from convae.training.observers import Observer
from convae.training.tasks.denoising import (
    FromClean,
    FromNoisyBlind,
    FromNoisyGaussian,
    FromPairs,
    with_level,
)
from convae.training.tasks.task import Task

LEARN = ("auto", "clean", "noisy", "pairs")
USUAL = "gaussian:0..55/255"
# Names of the ways to learn in the table of convae.config.compatibility.
TASK_OF = {"clean": "denoising", "noisy gaussian": "halves", "noisy blind": "hidden pixels"}


class Denoiser(OneToOneFeatureMixin, TransformerMixin, DenoiserParameters, RestoringEstimator):
    """A network that removes noise from images; one model handles all noise levels.

    It learns in one of three ways:

    - From clean images, to which noise is added, sampled anew for every batch.
    - From pairs: noisy images and their targets. A target is a clean image, or a second noisy image of the
      same scene.
    - From noisy images alone. Gaussian noise (``noise="gaussian"``) is split into two independent halves. For
      any other noise that is independent from pixel to pixel, pixels are hidden and the network predicts
      them.

    Args:
        noise: the noise that is added to clean images, or that noisy images have: ``gaussian``,
            ``salt-and-pepper``, ``poisson``, ``speckle``, ``uniform``, ``jpeg``, ``blur``, ``stripes``, or
            several joined by ``+``. A noise level may follow a colon: ``"gaussian:5/255+jpeg:30"``; without
            one, the default of that noise applies. None means ``gaussian`` of every level up to 55/255 for
            clean images, and unknown noise for noisy ones.
        sigma: noise level of Gaussian (or uniform, ...) noise, as a fraction of the range of the file type,
            or in grey levels: ``"25/255"`` for 8-bit images, ``"25/65535"`` for 16-bit ones (for floats, in
            their own values); or a range ``"0..55/255"``. For noisy images, None estimates the level in each
            image.
        mean: a constant that is added along with the noise (the classic MNIST tutorial has 0.5 with ``sigma``
            0.5).
        clip_noise: whether values outside of the scale are set to its ends after noise was added, as a file
            of whole numbers does. Values in between stay.
        learn: ``clean``, ``noisy``, ``pairs`` (requires a target), or ``auto``. ``auto`` chooses pairs if
            there is a target; clean if ``noise`` or ``sigma`` is given; noisy if the images have white noise
            of at least about 2/255 of the range they use (see
            :func:`convae.classical.noise_presence.find_noise`); and clean otherwise. The choice and its
            reason are reported, and stored in ``learn_`` and ``noise_found_``.
        preset: ``unet`` (recommended: residual blocks with skips at half resolution and below), or an
            autoencoder without skips: ``residual``, ``tutorial``, ``pooled``.
        bottleneck: how the code is constrained: ``plain`` (not at all), ``gaussian`` (variational), ``l1``,
            ``kl`` or ``top-k`` (sparse), ``vq`` (vector-quantised). A strength may follow a colon; without
            one, the default of that kind applies. See :class:`convae.config.bottlenecks.Bottleneck`.
        patch: side in pixels of the square patches that large images are trained on; None is 64. Images of
            any size are restored whole.
        turn: whether training images are flipped and rotated by quarter turns. None does so for patches, but
            not for whole small images (a rotated digit is another digit).
        validation_fraction: fraction of the images that is held out to choose the best weights.
        latent_dim, loss, epochs, channels, preparation, training, architecture, device, random_state: as in
            :class:`convae.ConvAutoencoder`.

    Attributes:
        learn_: the way it learnt: ``clean``, ``noisy gaussian``, ``noisy blind`` or ``pairs``.
        noise_: the noise that was added, in the units of the network (None unless it learnt from clean
            images).
        noise_found_: the measurement that decided between clean and noisy, in the same units, see
            :class:`convae.classical.noise_presence.NoisePresence`; None where a parameter decided.

    The other attributes are those of :class:`convae.ConvAutoencoder`, except PCA.

    >>> import numpy as np
    >>> y, x = np.mgrid[:16, :16]
    >>> images = np.stack([127 + 100 * np.sin(x / 3 + i) * np.cos(y / 4) for i in range(24)])
    >>> model = Denoiser(noise="gaussian", sigma=0.1, epochs=2).fit(images.astype(np.uint8))
    >>> model.learn_, model.denoise(images[:2].astype(np.uint8)).shape
    ('clean', (2, 16, 16))
    """

    job = "denoise"
    verb = "denoise"
    member = "denoiser"

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        target: Any = None,
        groups: Sequence[Any] | np.ndarray | None = None,
        checkpoint: CheckpointFolder | str | Path | None = None,
        resume: bool = False,
        observers: Iterable[Observer] = (),
        verbose: Verbose = "auto",
    ) -> Self:
        """Train on images of one size or of many.

        Args:
            X: noisy or clean images: any source, see :meth:`convae.ConvAutoencoder.fit`.
            y: the same as ``target``, in the position where scikit-learn and tutorials have it. Labels (n,)
                are ignored.
            target: the images that the results should look like, matched by name (files) or by number
                (arrays). They may have other channels than X: with grey images and coloured targets, the
                model learns to colour.
            groups, checkpoint, resume, observers, verbose: as in :meth:`convae.ConvAutoencoder.fit`.

        Returns:
            The fitted estimator itself.

        Raises:
            InputError: the data or a parameter is wrong, or both ``y`` and ``target`` hold images; the
                message is one sentence.
            TrainingError: the loss stays non-finite.
        """
        if holds_images(y, X):
            if target is not None:
                raise InputError("y and target both hold images: give the target once")
            target = y
        with display(verbose) as shown:
            source, config, run = self._opened(
                X,
                groups=groups,
                checkpoint=checkpoint,
                resume=resume,
                observers=observers,
                shown=shown,
                target=None if target is None else self._opened_target(target),
            )
            return self._trained(source, config, run)

    def _opened_target(self, target: Any) -> ImageSource:
        """Open the target as a source; rows of pixels are read as :meth:`open` reads those of X."""
        if not is_table(target):
            return open_source(target)
        rows = np.asarray(target.toarray() if hasattr(target, "toarray") else target)
        return open_source(rows_to_images(rows, row_shape(rows.shape[1], None)))

    def denoise(self, X: Any, *, sigma: float | None = None, ensemble: bool = False) -> Any:
        """Remove noise from images; the results have the values, shape and depth of those given.

        Args:
            X: any source.
            sigma: noise level, in the units of the parameter ``sigma``; None estimates it in each image.
                Models without a level map ignore it.
            ensemble: whether to average over eight flips and rotations: slightly better, eight times slower.

        Returns:
            An array in the layout of the training images; a list for images of different sizes.
        """
        images = [done.pixels for done in self.iter_denoise(X, sigma=sigma, ensemble=ensemble)]
        if len({image.shape for image in images}) > 1:
            return images
        return self._like_fit(images)

    def transform(self, X: Any) -> Any:
        """Call :meth:`denoise`, as a step of a pipeline."""
        return self.denoise(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        tags.non_deterministic = False
        return tags

    def iter_denoise(
        self,
        X: Any,
        *,
        sigma: float | None = None,
        ensemble: bool = False,
        on_bad: OnBad | None = None,
    ) -> Iterator[Restored]:
        """Yield one :class:`~convae.estimators.restoration.restored_images.Restored` per image.

        Of a large image, only the image and its result are held whole.

        Args:
            on_bad: called for each image that cannot be used, which is then left out; None raises the error.
        """
        check_is_fitted(self, "network_")
        if sigma is not None:
            check_level(sigma, self.plan_.depth)
        factor = stretch(self.scaling_)
        level = None if sigma is None else torch.tensor(float(sigma * factor)).to(self._unit.device)
        return iter_restored(
            self, self.restored, self.open(X), level, factor, ensemble=ensemble, on_bad=on_bad
        )

    def restored(
        self,
        noisy: Tensor,
        level: Tensor | None = None,
        *,
        ensemble: bool = False,
        whole: bool = False,
    ) -> Tensor:
        """Remove noise from images (B, C, H, W) in the network's units.

        Args:
            level: (B,) the standard deviation of the noise in the same units; None estimates it.
            ensemble: as in :meth:`denoise`.
            whole: process the images in one piece, whatever their size.
        """
        shown = None
        if self.architecture_.input_channels > self.plan_.channels:
            level = estimate_noise_level(noisy) if level is None else level
            shown = partial(with_level, level=level.view(-1, 1, 1, 1))
        return self._over(noisy, ensemble=ensemble, shown=shown, whole=whole)

    # -- fitting --------------------------------------------------------------------------------

    def _config(self) -> FitConfig[Any]:
        config = super()._config()
        p = config.parameters
        if p.learn not in LEARN:
            raise unknown_name("learn", p.learn, LEARN)
        raise_faults(
            "parameters",
            [
                f"{name} must be {what}; got {getattr(p, name)!r}"
                for name, what, good in (
                    ("mean", "a number", isinstance(p.mean, int | float)),
                    ("clip_noise", "True or False", isinstance(p.clip_noise, bool)),
                )
                if not good
            ],
        )
        return replace(config, noise=_noise_of(p))

    def _tasks(self, config: FitConfig[Any], run: Run) -> tuple[str, ...]:
        """Return the way to learn, as far as it is known before the images are inspected."""
        if run.target is not None or config.parameters.learn == "pairs":
            return ("pairs",)
        asked = asked_way(config.parameters)
        return () if asked is None else (TASK_OF[asked[0]],)

    def _material(self, source: ImageSource, config: FitConfig[Any], run: Run) -> Material:
        p, target = config.parameters, run.target
        if target is None and p.learn == "pairs":
            raise InputError("learn 'pairs' needs target: the images as they should look")
        if target is not None and p.learn not in ("auto", "pairs"):
            raise InputError(f"learn {p.learn!r} has no use for a target; leave one of them out")
        if target is None:
            if config.noise is not None and not holds_floats(source):
                check_levels(config.noise)
            return material_for(source, config)
        pairs = PairSource(source, target, channels=p.channels)
        return material_for(pairs, config, pairs.channels)

    def _learning(
        self, ready: Ready, network: Autoencoder, config: FitConfig[Any], run: Run
    ) -> Learning:
        assert isinstance(ready, RestorerReady)
        task, learnt = self._way(ready, config, run)
        return Learning(task, learnt, facts={"learnt": learnt})

    def _way(
        self, ready: RestorerReady, config: FitConfig[Any], run: Run
    ) -> tuple[Task, dict[str, Any]]:
        """Return the task of the way to learn that suits the images, and plain values that describe it."""
        p, material, loss = config.parameters, ready.material, config.loss
        turn = material.patches if p.turn is None else p.turn
        if isinstance(material.source, PairSource):
            run.observers.message("learning from pairs, because there is a target")
            return FromPairs(loss, material.channels[0], turn=turn), {"learn": "pairs"}
        scaling = ready.unit.scaling
        factor, has_map = stretch(scaling), self._extra_inputs(config, material) > 0
        way, why, looked = chosen_way(ready, p)
        kinds = parse_augmentation(config.training.augment)
        check(task=[TASK_OF[way]], loss=of_loss(loss), augmentation=kinds)
        noise = config.noise
        assert noise is not None
        if way == "clean":
            noise = noise if p.noise is None and p.sigma is None else noise.rescaled(factor)
            made = noise_text(noise, scaling)
            run.observers.message(
                f"learning from clean images, to which noise is added ({made}), {why}"
            )
            identity = {"learn": way, "noise": noise.to_dict(), **looked}
            return FromClean(loss, noise, turn=turn, level_map=has_map), identity
        levels = noise_levels(ready)
        if way == "noisy gaussian":
            fixed = fixed_level(p, noise)
            level = levels if fixed is None else torch.full_like(levels, fixed * factor)
            run.observers.message(
                f"learning from noisy images alone, their Gaussian noise (about "
                f"{stored_level(float(level.median()), scaling)}) split in two, {why}"
            )
            task = FromNoisyGaussian(loss, level, turn=turn, level_map=has_map)
            return task, {"learn": way, "level": fixed}
        run.observers.message(f"learning from noisy images alone, by hidden pixels, {why}")
        return FromNoisyBlind(loss, levels, turn=turn, level_map=has_map), {"learn": way, **looked}

    def _extra_inputs(self, config: FitConfig[Any], material: Material) -> int:
        """Return 1 for the map of noise levels, where the levels are known in training."""
        pairs = isinstance(material.source, PairSource)
        return 1 if config.parameters.preset in RESTORING and not pairs else 0

    def _adopt(self, stored: StoredModel, device: str | None = None) -> Self:
        super()._adopt(stored, device)
        learnt = stored.facts["learnt"]
        self.learn_ = str(learnt["learn"])
        self.noise_ = Noise.from_dict(learnt["noise"]) if "noise" in learnt else None
        found = learnt.get("noise_found")
        self.noise_found_ = None if found is None else NoisePresence(**found)
        return self


def _noise_of(p: DenoiserParameters) -> Noise:
    """Return the noise for clean images, in the units of the files."""
    spec = p.noise
    if spec is None:
        spec = "gaussian" if p.sigma is not None else USUAL
    return parse_noise(spec, sigma=p.sigma, mean=p.mean, clip=p.clip_noise, limited=False)
