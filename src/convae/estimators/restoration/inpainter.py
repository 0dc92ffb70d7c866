"""The inpainter, which fills missing pixels of images and leaves every known pixel as it is."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from convae.config.parameters import InpainterParameters
from convae.corruption.holes import Holes, parse_holes
from convae.errors import ImageError, InputError, unknown_name
from convae.estimators.fit import Learning, Ready, Run
from convae.estimators.fit_config import FitConfig
from convae.estimators.restoration.base import Material, RestorerReady, RestoringEstimator
from convae.estimators.restoration.unmasked_damage import (
    DamageThresholds,
    find_damage,
    normal_prominences,
    normal_surprise,
)
from convae.estimators.streaming import OnBad, as_read
from convae.images.dataset.reach import not_finite_reason
from convae.images.dataset.threads import in_threads
from convae.images.files.facts import apart_from_nodata
from convae.images.files.image import Image, Pixels
from convae.images.files.writing import restore_depth
from convae.images.sources.base import ImageSource
from convae.images.sources.masks import Masks, Missing, missing_values, open_masks
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.storage.model_file import StoredModel
from convae.training.checkpoint import CheckpointFolder
from convae.training.display import Verbose, display
from convae.training.observers import Observer
from convae.training.tasks.inpainting import FILLS, FromHoles, with_fill

LOOKED_AT, SIDE = 8, 96  # images, and pixels a side of each, that measure how well holes are filled
# Images, and pixels a side of each, that show which solid patches are normal.
SEARCHED, WIDE = 128, 512
MOST_SEARCHED = 4_000_000  # values of these images in all
CONTRAST = 0.05  # about the error of a classical fill: 26 dB


@dataclass(frozen=True, kw_only=True)
class Inpainted:
    """An image with its holes filled.

    Attributes:
        index: its position in the source.
        image: as it was read, without the alpha channel that was its mask.
        missing: (H, W) where a value was missing in at least one channel, damage included.
        damaged: (H, W) where damage was found that no mask shows.
        pixels: (H, W, C) the filled image, in the dtype that ``image`` has in its file or array. Known values
            are those of ``image``, bit for bit.
        started: (1, C, H, W) the classical fill, in about [0, 1].
        filled: (1, C, H, W) the network's result, known pixels included.
    """

    index: int
    image: Image
    missing: Missing
    damaged: Missing
    pixels: Pixels
    started: Tensor
    filled: Tensor

    @property
    def holes(self) -> None:
        """None: no pixel is missing any more."""


Masked = tuple[int, Image, NDArray[np.bool_], Pixels]


class Inpainter(InpainterParameters, RestoringEstimator):
    """A network that fills holes in images from their surroundings and from what it learnt of such images.

    It learns from whole images, in which it makes holes, sampled anew for every batch. The network sees a
    classical fill and the mask, and adds a correction to the fill, so that it starts as good as the classical
    method. Known pixels come back bit for bit.

    Args:
        holes: the kind of holes to learn from: ``pixels`` (scattered ones, 10 to 90 %), ``boxes``,
            ``strokes``, ``text``, or ``mixed`` (all of these, for holes of any shape). A fraction or a range
            may follow, as in ``"pixels:0.5"`` or ``"boxes:0.1..0.4"``, see :mod:`convae.corruption.holes`.
        fill: the classical fill that the network starts from: ``tension`` (a spline in tension, the best for
            holes of any shape), ``biharmonic`` or ``harmonic``.
        preset: ``fine`` (recommended: convolutions at the full resolution and below, with skips), ``unet``
            (from half the resolution down; learning scattered pixels takes many times as long), or an
            autoencoder without skips: ``residual``, ``tutorial``, ``pooled``.
        bottleneck: how the code is constrained: ``plain`` (not at all), ``gaussian`` (variational), ``l1``,
            ``kl`` or ``top-k`` (sparse), ``vq`` (vector-quantised). A strength may follow a colon; without
            one, the default of that kind applies. See :class:`convae.config.bottlenecks.Bottleneck`.
        patch: side in pixels of the square patches that large images are trained on; None is 64. Images of
            any size are filled whole. Holes much wider than a patch are beyond what the network has seen.
        turn: whether training images are flipped and rotated by quarter turns. None does so for patches, but
            not for whole small images (a rotated digit is another digit).
        loss: as in :class:`convae.ConvAutoencoder`, but for pixels in holes only, and relative to the loss of
            the classical fill there.
        validation_fraction: fraction of the images that is held out to choose the best weights.
        latent_dim, epochs, channels, preparation, training, architecture, device, random_state: as in
            :class:`convae.ConvAutoencoder`.

    Attributes:
        holes_: the holes that it learnt to fill.
        damage_thresholds_: the thresholds of :meth:`find_damage`, see
            :class:`convae.estimators.restoration.unmasked_damage.DamageThresholds`.

    The other attributes are those of :class:`convae.ConvAutoencoder`, except PCA.

    >>> import numpy as np
    >>> y, x = np.mgrid[:16, :16]
    >>> images = np.stack([127 + 100 * np.sin(x / 3 + i) * np.cos(y / 4) for i in range(24)])
    >>> images = images.astype(np.uint8)
    >>> hole = np.zeros((16, 16), bool)
    >>> hole[4:9, 6:12] = True
    >>> filled = Inpainter(epochs=2).fit(images).inpaint(images[:2], hole)
    >>> filled.shape, bool((filled == images[:2])[:, ~hole].all())
    ((2, 16, 16), True)
    """

    job = "fill holes"
    verb = "inpaint"
    member = "inpainter"
    no_target = "makes the holes in X itself: leave y out, and give whole images as X"

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        groups: Sequence[Any] | np.ndarray | None = None,
        checkpoint: CheckpointFolder | str | Path | None = None,
        resume: bool = False,
        observers: Iterable[Observer] = (),
        verbose: Verbose = "auto",
    ) -> Self:
        """Train on whole images of one size or of many.

        Args:
            X: any source, see :meth:`convae.ConvAutoencoder.fit`.
            y: labels (n,), which are ignored. Images raise an error.
            groups, checkpoint, resume, observers, verbose: as in :meth:`convae.ConvAutoencoder.fit`.

        Returns:
            The fitted estimator itself.

        Raises:
            InputError: the data or a parameter is wrong; the message is one sentence.
            TrainingError: the loss stays non-finite.
        """
        self._refuse_target(X, y)
        with display(verbose) as shown:
            source, config, run = self._opened(
                X,
                groups=groups,
                checkpoint=checkpoint,
                resume=resume,
                observers=observers,
                shown=shown,
            )
            return self._trained(source, config, run)

    def inpaint(
        self, X: Any, mask: Any = None, *, invert: bool = False, ensemble: bool = False
    ) -> np.ndarray | list[np.ndarray]:
        """Fill the holes of images; the results have the values, shape and depth of those given.

        Args:
            X: any source.
            mask: the missing pixels, 1 or white: an array ``(h, w)`` or one file for all images, or as many
                masks as there are images, or ``"alpha"`` for the transparent pixels of the images, see
                :func:`convae.images.sources.masks.open_masks`. NaN and nodata pixels are missing, too; with
                None, only they are.
            invert: whether black pixels of the mask are missing instead.
            ensemble: whether to average over eight flips and rotations: slightly better, eight times slower.

        Returns:
            An array in the layout of the training images, such as (n, H, W, C); a list for images of
            different sizes.

        Warns:
            UserWarning: no mask is given and no pixel is missing.
        """
        source = self.open(X)
        masks = open_masks(mask, source, invert=invert)
        images, filled = [], False
        for done in self.iter_inpaint(source, masks, ensemble=ensemble):
            images.append(done.pixels)
            filled = filled or bool(done.missing.any())
        if mask is None and not filled:
            warnings.warn(
                "no pixel is missing in these images, so they come back as they are: give a mask, for "
                "instance one that find_damage finds",
                stacklevel=2,
            )
        if len({image.shape for image in images}) > 1:
            return images
        return self._like_fit(images)

    def find_damage(self, X: Any) -> list[Missing]:
        """Find damaged pixels, (H, W) for each image: a mask to inspect, and to pass to :meth:`inpaint`.

        Damage is of two kinds. The first is solid patches: regions of one colour with a sharp outline, such
        as stains, holes and scratches at least two pixels wide. They are found up to their outline, unless
        most of the training images contain such regions (text, drawings). The second is spots that differ
        more from what their surroundings predict than anything in the held-out images; these are found in
        images that are smooth or similar to each other. Inspect the mask before you use it.

        Args:
            X: any source.
        """
        source = self.open(X)
        found = self.iter_inpaint(source, open_masks(None, source), find_damage=True)
        return [done.damaged for done in found]

    def iter_inpaint(
        self,
        source: ImageSource,
        masks: Masks,
        *,
        find_damage: bool = False,
        ensemble: bool = False,
        on_bad: OnBad | None = None,
    ) -> Iterator[Inpainted]:
        """Yield one :class:`Inpainted` per image, in constant memory.

        Args:
            masks: those of the source.
            find_damage: whether to look for damage that the masks do not show, and to fill it as well.
            on_bad: called for each image that cannot be used, which is then left out; None raises the error.

        Raises:
            ImageError: an image cannot be used, and ``on_bad`` is None.
        """
        check_is_fitted(self, "network_")
        for item in self._masked(source, masks):
            try:
                if isinstance(item, ImageError):
                    raise item
                yield self._one(item, ensemble=ensemble, looking=find_damage)
            except ImageError as error:
                if on_bad is None:
                    raise
                on_bad(error)

    def filled(self, x: Tensor, mask: Tensor, *, ensemble: bool = False) -> tuple[Tensor, Tensor]:
        """Return the classical fill and the network's result.

        Args:
            x: (B, C, H, W) in about [0, 1]; the values in the holes do not matter.
            mask: (B, 1, H, W), 1 where a pixel is missing.
            ensemble: as in :meth:`inpaint`.

        Returns:
            Two tensors (B, C, H, W). At known pixels, the first equals ``x`` and the second is near it.
        """
        shown = with_fill(x, mask, self.fill)
        return shown[:, : x.shape[1]], self._over(shown, ensemble=ensemble)

    def _masked(self, source: ImageSource, masks: Masks) -> Iterator[Masked | ImageError]:
        """Yield (position, image, missing values (H, W, C), pixels as the network takes them) per image."""

        beyond = list[str]()

        def one(i: int) -> Masked | ImageError:
            try:
                image, missing = masks.of(i, source.read(i))
                values = missing_values(image) | missing[..., None]
                if values.all(axis=(0, 1)).any():
                    raise ImageError(
                        image.info.name, "every pixel is missing: there is nothing to fill it from"
                    )
                pixels = self._framed(image)
                self._look_for_beyond(image, pixels, beyond)
                return i, image, values, pixels
            except ImageError as error:
                return error

        yield from in_threads(one, range(len(source)))
        self._tell_of_beyond(beyond)

    def _one(self, item: Masked, *, ensemble: bool, looking: bool) -> Inpainted:
        index, image, values, prepared = item
        missing: Missing = np.asarray(values.any(axis=2))
        x = self._unit(np.ascontiguousarray(np.moveaxis(np.stack([prepared]), 3, 1)))
        mask = torch.from_numpy(missing)[None, None].to(x.device, torch.float32)
        damaged = np.zeros_like(missing)
        if looking:
            damage = find_damage(self._best, x, mask, self.damage_thresholds_)
            mask, damaged = torch.maximum(mask, damage), damage[0, 0].cpu().numpy() > 0
            values, missing = values | damaged[..., None], missing | damaged
        if missing.any():
            started, filled = self.filled(x, mask, ensemble=ensemble)
        else:
            started = filled = x
        if not bool(torch.isfinite(filled).all()):
            raise ImageError(image.info.name, not_finite_reason(prepared))
        new = as_read(self, np.moveaxis(self._unit.invert(filled)[0], 0, 2), image)
        if new.shape != image.pixels.shape:
            have = image.pixels.shape[2]
            raise ImageError(
                image.info.name,
                f"it has {have} channel{'s' * (have != 1)} and the model fills {new.shape[2]}: known pixels "
                "could not stay as they are; convert the image first",
            )
        stored = restore_depth(new, image.info.depth, top=image.info.top)
        pixels = np.where(values, apart_from_nodata(stored, image.info), image.original)
        return Inpainted(
            index=index,
            image=image,
            missing=missing,
            damaged=damaged,
            pixels=pixels,
            started=started,
            filled=filled,
        )

    def _best(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.filled(x, mask)[1]

    # -- fitting --------------------------------------------------------------------------------

    def _config(self) -> FitConfig[Any]:
        config = super()._config()
        p = config.parameters
        config = config.changed(holes=str(parse_holes(p.holes)))
        if p.fill not in FILLS:
            raise unknown_name("fill", p.fill, FILLS)
        return config

    def _tasks(self, config: FitConfig[Any], run: Run) -> tuple[str, ...]:
        return ("holes",)

    def _finished(self, ready: Ready, config: FitConfig[Any], stored: StoredModel) -> StoredModel:
        """Learn what is normal in these images, so that damage can be found."""
        assert isinstance(ready, RestorerReady)
        stored = super()._finished(ready, config, stored)
        self._adopt(stored)
        thresholds = self._damage_thresholds(ready.material.source)
        learnt = {**stored.facts["learnt"], "damage": thresholds.to_dict()}
        return replace(stored, facts={**stored.facts, "learnt": learnt})

    def _damage_thresholds(self, source: ImageSource) -> DamageThresholds:
        """Fit the thresholds: of errors on held-out images, and of solid patches on any images."""
        held_out = self.held_out_
        count = len(source)
        places = np.arange(count) if held_out is None or not len(held_out) else held_out
        judged = list(self._middles(source, places[:LOOKED_AT], SIDE))
        if not judged:
            return DamageThresholds()
        error, worst = normal_surprise(self._best, judged)
        some = np.random.default_rng(0).permutation(count)[:SEARCHED]
        searched = _up_to(MOST_SEARCHED, self._middles(source, some, WIDE))
        prominences = normal_prominences(searched)
        return DamageThresholds(error=error, worst_error=worst, prominences=prominences)

    def _middles(
        self, source: ImageSource, places: NDArray[Any], side: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the middle of each image (1, C, H, W) in about [0, 1], and its missing pixels (1, 1, H, W).

        Args:
            side: largest side of the middle, in pixels.
        """
        for item in self.prepared(source.select(places)):
            if isinstance(item, ImageError):
                continue
            _, image, pixels = item
            top, left = (max(0, (have - side) // 2) for have in pixels.shape[:2])
            middle = np.s_[top : top + side, left : left + side]
            x = self._unit(np.moveaxis(pixels[middle], 2, 0)[None].copy())
            missing: Missing = np.zeros(pixels.shape[:2], np.bool_)
            if image.pixels.shape[:2] == missing.shape:
                missing = np.asarray(missing_values(image).any(axis=2))
            yield x, torch.from_numpy(missing[middle])[None, None].to(x)

    def _learning(
        self, ready: Ready, network: Autoencoder, config: FitConfig[Any], run: Run
    ) -> Learning:
        assert isinstance(ready, RestorerReady)
        if ready.images.shape[1] * ready.images.shape[2] < 2:
            raise InputError(
                "images of a single pixel (1 feature(s) where they are rows) leave nothing to fill it from"
            )
        p, holes = config.parameters, parse_holes(config.parameters.holes)
        turn = ready.material.patches if p.turn is None else p.turn
        task = FromHoles(config.loss, holes, p.fill, turn=turn)
        learnt = {"learn": "holes", "holes": holes.to_dict(), "fill": p.fill}
        return Learning(task, learnt, facts={"learnt": learnt})

    def _architecture(self, *how: Any) -> Architecture:
        """Add contrast to the architecture: the error of a fill is small compared with the image."""
        a = super()._architecture(*how)
        return replace(a, contrast=CONTRAST) if a.base else a

    def _extra_inputs(self, config: FitConfig[Any], material: Material) -> int:
        """Return 1, for the mask."""
        return 1

    def _adopt(self, stored: StoredModel, device: str | None = None) -> Self:
        super()._adopt(stored, device)
        known = stored.facts["learnt"].get("damage", 1.0)
        self.damage_thresholds_ = DamageThresholds.from_dict(known)
        self.holes_ = Holes.from_dict(stored.facts["learnt"]["holes"])
        return self


def _up_to(most: int, images: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images until they have ``most`` values together."""
    total = 0
    for image in images:
        yield image
        total += image[0].numel()
        if total >= most:
            return
