"""The denoiser: from clean images, from pairs, or from noisy images alone."""

from collections.abc import Iterable, Iterator, Sequence
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
from convae.config.bottlenecks import Bottleneck
from convae.config.compatibility import check, of_loss
from convae.corruption.noise import Noise, check_levels, parse_noise
from convae.corruption.noise_levels import Level, check_level
from convae.errors import InputError, raise_faults, unknown_name
from convae.estimators.fit import Ready, Run
from convae.estimators.fit_config import Parameters
from convae.estimators.labels import holds_images
from convae.estimators.pixel_rows import is_table, row_shape, rows_to_images
from convae.estimators.restoration.base import (
    Material,
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
from convae.losses import Loss, parse_loss
from convae.networks.presets import RESTORING
from convae.storage.model_file import StoredModel
from convae.training.checkpoint import CheckpointFolder
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
# The ways to learn, as the table of what goes with what calls them.
TASK_OF = {"clean": "denoising", "noisy gaussian": "halves", "noisy blind": "hidden pixels"}


class Denoiser(OneToOneFeatureMixin, TransformerMixin, RestoringEstimator):
    """Takes the noise out of images; one model for all levels of noise.

    It learns in one of three ways. From clean images, to which it adds noise of its own, drawn anew for
    every batch. From pairs: noisy images and what they should look like (clean ones, or a second noisy
    picture of the same thing). From noisy images alone: if their noise is Gaussian (``noise="gaussian"``)
    by splitting it in two independent halves, else by hiding pixels and asking what they were, which
    suits any noise that is independent from pixel to pixel.

    Args:
        noise: what is added to clean images, or what noisy ones have: ``gaussian``, ``salt-and-pepper``,
            ``poisson``, ``speckle``, ``uniform``, ``jpeg``, ``blur``, ``stripes``, several joined by
            ``+``, each with a level after a colon if it is not the usual one: ``"gaussian:5/255+jpeg:30"``.
            None is ``gaussian`` of every level up to 55/255 for clean images, and unknown for noisy ones.
        sigma: the level of Gaussian (or uniform, ...) noise as a fraction of what the file type can hold,
            or in grey levels: ``"25/255"`` for 8-bit images, ``"25/65535"`` for 16-bit ones (for floats in
            their own values); or a range ``"0..55/255"``. For noisy images None estimates it in each.
        mean: added along with the noise (the classic MNIST tutorial has 0.5 with ``sigma`` 0.5).
        clip: whether noisy images end at black and white, as files of whole numbers do.
        learn: ``clean``, ``noisy``, ``pairs`` (needs a target), or ``auto``: pairs if there is a target,
            clean if a noise was named, else noisy if the images have white noise of about 2/255 of the
            range they use (see :func:`convae.classical.noise_presence.find_noise`), else clean. What was
            chosen and why is reported, and in ``learn_`` and ``noise_found_``.
        preset: ``unet`` (residual blocks with skips at half resolution and below: the one to choose), or
            an autoencoder without skips: ``residual``, ``tutorial``, ``pooled``.
        latent_dim, widths, blocks, kernel_size, down, up, padding_mode, norm, activation: single parts of
            the architecture, see :class:`convae.Architecture`; None keeps the preset's.
        bottleneck: what keeps a code from holding everything: ``plain``, ``gaussian`` (variational), ``l1``,
            ``kl`` or ``top-k`` (sparse), each with a level after a colon if it is not the usual one, see
            :class:`convae.config.bottlenecks.Bottleneck`.
        patch: side in pixels of the squares that large images are trained on; None is 64. Images of
            any size are restored whole.
        turn: whether training images are flipped and turned; None does so with patches, not with
            whole small images (a digit turned over is another digit).
        channels, scaling, storage, strict, epochs, batch_size, learning_rate, optimizer, schedule,
            warmup, weight_decay, clip_gradient, ema, loss, precision, patience, validation_fraction, device,
            random_state: as in :class:`convae.ConvAutoencoder`.

    Attributes:
        learn_: how it learnt: ``clean``, ``noisy gaussian``, ``noisy blind`` or ``pairs``.
        noise_: the noise that was added, in the units of the network (None for pairs and blind spots).
        noise_found_: what decided between clean and noisy, in the same units, see
            :class:`convae.classical.noise_presence.NoisePresence`; None where a parameter did.
        and those of :class:`convae.ConvAutoencoder`, but PCA.

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

    def __init__(
        self,
        *,
        noise: str | Noise | None = None,
        sigma: Level | None = None,
        mean: float = 0.0,
        clip_noise: bool = False,
        learn: str = "auto",
        preset: str = "unet",
        latent_dim: int | None = None,
        widths: Sequence[int] | None = None,
        blocks: int | None = None,
        kernel_size: int | None = None,
        down: str | None = None,
        up: str | None = None,
        padding_mode: str | None = None,
        norm: str | None = None,
        activation: str | None = None,
        bottleneck: str | Bottleneck = "plain",
        patch: int | None = None,
        turn: bool | None = None,
        channels: int | None = None,
        scaling: str = "auto",
        storage: str = "auto",
        strict: bool = False,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        optimizer: str = "muon",
        schedule: str = "cosine",
        warmup: float = 0.05,
        weight_decay: float = 0.0,
        clip: float = 1.0,
        ema: float = 0.99,
        loss: str | Loss = "mse",
        precision: str = "auto",
        patience: int = 15,
        validation_fraction: float = 0.1,
        device: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.noise = noise
        self.sigma = sigma
        self.mean = mean
        self.clip_noise = clip_noise
        self.learn = learn
        self.preset = preset
        self.latent_dim = latent_dim
        self.widths = widths
        self.blocks = blocks
        self.kernel_size = kernel_size
        self.down = down
        self.up = up
        self.padding_mode = padding_mode
        self.norm = norm
        self.activation = activation
        self.bottleneck = bottleneck
        self.patch = patch
        self.turn = turn
        self.channels = channels
        self.scaling = scaling
        self.storage = storage
        self.strict = strict
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.schedule = schedule
        self.warmup = warmup
        self.weight_decay = weight_decay
        self.clip = clip
        self.ema = ema
        self.loss = loss
        self.precision = precision
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.device = device
        self.random_state = random_state

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
    ) -> Self:
        """Train on images of one size or of many.

        Args:
            X: noisy or clean images: any source, see :meth:`convae.ConvAutoencoder.fit`.
            y: the same as ``target``, in the place where scikit-learn and tutorials have it. Labels (n,)
                are ignored.
            target: what the images should look like, matched by name (files) or number (arrays). They may
                have other channels than X: with grey images and coloured targets it learns to colour.
            groups, checkpoint, resume, observers: as in :meth:`convae.ConvAutoencoder.fit`.

        Raises:
            InputError: what is wrong with the data or a parameter, in one sentence.
            TrainingError: if the loss stays non-finite.
        """
        if holds_images(y, X):
            if target is not None:
                raise InputError("y and target both hold images: give the target once")
            target = y
        self._target = None if target is None else self._opened_target(target)
        try:
            return self._fit(
                X, groups=groups, checkpoint=checkpoint, resume=resume, observers=observers
            )
        finally:
            del self._target

    def _opened_target(self, target: Any) -> ImageSource:
        """The target as a source; rows of pixels as :meth:`open` reads those of X."""
        if not is_table(target):
            return open_source(target)
        rows = np.asarray(target.toarray() if hasattr(target, "toarray") else target)
        return open_source(rows_to_images(rows, row_shape(rows.shape[1], None)))

    def denoise(self, X: Any, *, sigma: float | None = None, ensemble: bool = False) -> Any:
        """Images without their noise, in the values, shape and depth of those given.

        Args:
            X: any source.
            sigma: the level of the noise, in the units of the parameter ``sigma``; None estimates it in
                each image. Models without a level map ignore it.
            ensemble: whether to average over eight flips and turns: a little better, eight times slower.

        Returns:
            an array as X was one; a list for images of different sizes.
        """
        images = [done.pixels for done in self.iter_denoise(X, sigma=sigma, ensemble=ensemble)]
        if len({image.shape for image in images}) > 1:
            return images
        return self._like_fit(images)

    def transform(self, X: Any) -> Any:
        """:meth:`denoise` as a step of a pipeline."""
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
        """One :class:`~convae.estimators.restoration.restored_images.Restored` an image; of a large image
        only itself and its result are held whole.

        Args:
            on_bad: is told of images that cannot be used, which are then left out; None raises.
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
        """(B, C, H, W) in the network's units without their noise.

        Args:
            level: (B,) the deviation of the noise in the same units; None estimates it.
            ensemble: as in :meth:`denoise`.
            whole: in one piece, whatever the size.
        """
        shown = None
        if self.architecture_.input_channels > self.plan_.channels:
            level = estimate_noise_level(noisy) if level is None else level
            shown = partial(with_level, level=level.view(-1, 1, 1, 1))
        return self._over(noisy, ensemble=ensemble, shown=shown, whole=whole)

    # -- fitting --------------------------------------------------------------------------------

    def _parameters(self) -> Parameters:
        p = super()._parameters()
        if p["learn"] not in LEARN:
            raise unknown_name("learn", p["learn"], LEARN)
        raise_faults(
            "parameters",
            [
                f"{name} must be {what}; got {p[name]!r}"
                for name, what, good in (
                    ("mean", "a number", isinstance(p["mean"], int | float)),
                    ("clip_noise", "True or False", isinstance(p["clip_noise"], bool)),
                )
                if not good
            ],
        )
        self._noise(p)
        p["noise"] = None if p["noise"] is None else str(self.noise)
        return p

    def _tasks(self, p: Parameters) -> tuple[str, ...]:
        """The way to learn, as far as it is known before the images are looked at."""
        if self._target is not None or p["learn"] == "pairs":
            return ("pairs",)
        asked = asked_way(p)
        return () if asked is None else (TASK_OF[asked[0]],)

    def _noise(self, p: Parameters) -> Noise:
        """The noise for clean images, in the units of the files."""
        spec = self.noise
        if spec is None:
            spec = "gaussian" if p["sigma"] is not None else USUAL
        return parse_noise(
            spec, sigma=p["sigma"], mean=p["mean"], clip=p["clip_noise"], limited=False
        )

    def _train(self, source: ImageSource, p: Parameters, run: Run) -> StoredModel:
        target = self._target
        if target is None and p["learn"] == "pairs":
            raise InputError("learn 'pairs' needs target: the images as they should look")
        if target is not None and p["learn"] not in ("auto", "pairs"):
            raise InputError(f"learn {p['learn']!r} has no use for a target; leave one of them out")
        if target is None:
            if not holds_floats(source):
                check_levels(self._noise(p))
            return self._fit_restorer(material_for(source, p), p, run)
        pairs = PairSource(source, target, channels=p["channels"])
        return self._fit_restorer(material_for(pairs, p, pairs.channels), p, run)

    def _task(
        self, ready: Ready, material: Material, p: Parameters, run: Run
    ) -> tuple[Task, dict[str, Any]]:
        turn = material.patches if p["turn"] is None else bool(p["turn"])
        loss = parse_loss(p["loss"])
        if isinstance(material.source, PairSource):
            run.observers.message("learning from pairs, because there is a target")
            return FromPairs(loss, material.channels[0], turn=turn), {"learn": "pairs"}
        scaling = ready.unit.scaling
        factor, told = stretch(scaling), self._extra_inputs(p) > 0
        way, why, looked = chosen_way(ready, p)
        task: Task
        check(task=[TASK_OF[way]], loss=of_loss(loss))
        if way == "clean":
            noise = self._noise(p)
            noise = noise if self.noise is None and p["sigma"] is None else noise.rescaled(factor)
            made = noise_text(noise, scaling)
            run.observers.message(f"learning from clean images with made noise ({made}), {why}")
            identity = {"learn": way, "noise": noise.to_dict(), **looked}
            return FromClean(loss, noise, turn=turn, level_map=told), identity
        levels = noise_levels(ready)
        if way == "noisy gaussian":
            fixed = fixed_level(p, self._noise(p))
            level = levels if fixed is None else torch.full_like(levels, fixed * factor)
            run.observers.message(
                f"learning from noisy images alone, their Gaussian noise (about "
                f"{stored_level(float(level.median()), scaling)}) split in two, {why}"
            )
            task = FromNoisyGaussian(loss, level, turn=turn, level_map=told)
            return task, {"learn": way, "level": fixed}
        run.observers.message(f"learning from noisy images alone, by hidden pixels, {why}")
        task = FromNoisyBlind(loss, levels, turn=turn, level_map=told)
        return task, {"learn": way, **looked}

    def _extra_inputs(self, p: Parameters) -> int:
        """One for the level of the noise, where it is known in training."""
        return 1 if p["preset"] in RESTORING and self._target is None else 0

    def _adopt(self, stored: StoredModel, device: str | None = None) -> Self:
        super()._adopt(stored, device)
        learnt = stored.facts["learnt"]
        self.learn_ = str(learnt["learn"])
        self.noise_ = Noise.from_dict(learnt["noise"]) if "noise" in learnt else None
        found = learnt.get("noise_found")
        self.noise_found_ = None if found is None else NoisePresence(**found)
        return self
