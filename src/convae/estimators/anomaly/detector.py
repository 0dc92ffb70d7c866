"""``AnomalyDetector``: finds images that differ from the normal ones it was fitted on, and where."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, from_numpy

from convae.config.parameters import DetectorParameters
from convae.errors import InputError, ModelFileError, unknown_name
from convae.estimators.anomaly.attributes_method import RestoreAttributes
from convae.estimators.anomaly.cross_scorer import CrossScorer, load_scorer
from convae.estimators.anomaly.defects_method import MendDefects
from convae.estimators.anomaly.fit import (
    LOOKS,
    calibration_extras,
    calibration_facts,
    calibrations_of,
    fit_detector,
    looks_of,
    threshold_of,
)
from convae.estimators.anomaly.likelihood_method import Likelihood
from convae.estimators.anomaly.method import Extras, Judged, MakeMethod, one_by_one
from convae.estimators.anomaly.regions import Region, find_regions
from convae.estimators.base import ImageEstimator
from convae.estimators.fit import Run
from convae.estimators.fit_config import FitConfig, config_of
from convae.estimators.streaming import OnBad, paired
from convae.images.dataset.framing import resize
from convae.images.dataset.preparation import image_hash
from convae.images.files.image import Image, Pixels
from convae.images.sources.base import ImageSource
from convae.images.sources.defect_labels import without_normal
from convae.metrics.conformal import TOLERANCE, Calibration, check_rate, cross_bound
from convae.metrics.drift import Look, look_of, look_rows
from convae.networks.presets import PRESETS, RESTORING
from convae.storage.model_file import StoredModel
from convae.training.checkpoint import CheckpointFolder
from convae.training.display import Verbose, display
from convae.training.observers import Observer

METHODS: dict[str, MakeMethod] = {
    "defects": MendDefects,
    "attributes": RestoreAttributes,
    "likelihood": Likelihood,
}
MOST_FOLDS = 10
# A tensor that only files of early detectors hold, whose score this version cannot compute.
EARLY = "usual.mean"
# In an image that is called anomalous, regions are shown whose value this fraction of normal images reaches.
# Chosen on one split of circuit boards, where three of four such regions lie on a defect, and two of three
# with half of the normal images.
SHOWN_RATE = 0.25
# Defaults of a method, where the parameter is None.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "defects": {"loss": "mse+0.1*ssim", "bottleneck": "plain"},
    "attributes": {"loss": "mse+0.1*ssim", "bottleneck": "plain"},
    "likelihood": {"loss": "mse", "bottleneck": "gaussian"},
}


@dataclass(frozen=True, kw_only=True)
class Detection:
    """The result of a detector for one image.

    Attributes:
        index: its position in the source.
        image: as it was read.
        score: higher for more anomalous.
        p_value: the probability that a normal image has a score at least as high.
        anomalous: whether the p-value is at most the promised false-alarm rate.
        map: (H, W) float32, the size of ``image``: how anomalous each pixel is, in standard deviations above
            normal images.
        regions: the parts that stand out, the highest first.
        nearest: the index of the most similar normal image, among those the model keeps.
        look: its brightness, contrast, sharpness and size.
        trained_on: whether the model was trained on it: its score then says nothing about new images.
    """

    index: int
    image: Image
    score: float
    p_value: float
    anomalous: bool
    map: np.ndarray
    regions: list[Region]
    nearest: int
    look: Look
    trained_on: bool


class AnomalyDetector(OutlierMixin, DetectorParameters, ImageEstimator):
    """A detector that learns from normal images alone and keeps a guaranteed false-alarm rate.

    The normal images are split into three parts; each group lies in one part. The network is trained on the
    first part. Weights and scores are chosen on the second. The threshold is set on the third, which nothing
    else uses. If a new normal image comes from the same distribution as these, the probability that it is
    called anomalous is at most ``false_alarm_rate_``, on average over all sets of images that could have set
    the threshold. With few of them, a single detector can give far more false alarms.

    Args:
        method: how normal images are learnt. ``defects``: synthetic defects are made in normal images from
            pieces of normal images, and the network learns to remove them and to predict where they were. A
            new image is anomalous where the network finds or removes something. ``attributes``: for small
            images of single objects (digits, clothes), where an anomaly is another kind of object. Images are
            rotated, converted to grey and partly erased, and the network learns to restore them.
            ``likelihood``: a variational autoencoder learns the normal images, and the score is minus the
            bound on the log-likelihood of an image. Its score has a statistical meaning, but it is rarely the
            best detector.
        false_alarm_rate: the fraction of normal images that may be called anomalous. A rate of 0.01 needs 99
            held-out normal images (groups), 0.05 needs 19. None takes 2 / (n + 1) with n held-out normal
            images, but at least 0.01: then one of them may lie above the threshold, so that a single odd
            image does not set it. Where n is below 19 (without folds: up to 90 images in all), it takes
            1 / (n + 1).
        estimate_tail: whether a ``false_alarm_rate`` below what the held-out normal images can promise is
            allowed. The threshold is then extrapolated beyond their scores, see
            :meth:`convae.metrics.conformal.Calibration.tail_threshold`: an estimate without a guarantee.
        folds: None splits the normal images in three. A number from 2 to 10 fits as many detectors, each
            without another part of the normal images; the lowest of their scores counts, and all normal
            images calibrate. Use it for few images: with 40, the rate is 2/41 instead of 1/9. Fitting and use
            take as many times as long.
        score_by: the cues that make up the score, joined by ``+``: ``found`` (where the network predicts a
            defect), ``repaired`` (how much it changes an image), ``places`` (how improbable brightness, edges
            and grain are at their place), ``components`` (what 16 principal components do not explain),
            ``nearest`` and ``mean`` (the difference from the nearest and from the mean normal image).
            ``auto`` takes ``components+nearest+places+found``: which cue detects the defects differs between
            sets, so several compete, see :mod:`convae.estimators.anomaly.fusion`. With method ``attributes``:
            ``restored``, ``pose``, ``code``, ``near``, ``alike`` (see
            :mod:`convae.estimators.anomaly.attribute_scorer`); ``auto`` takes all. With method
            ``likelihood``: ``bound`` (of 16 samples; ``auto``) or ``elbo``.
        tune: whether to choose the bottleneck, too, by synthetic defects in normal images; takes about twice
            the time.
        flips: whether to process each image in all four mirrored views and to average the results; takes four
            times the time. Training shows mirrored images in any case, as defects are local.
        size: (height, width) that all images are resized to. None takes the median size of the images,
            reduced where that is more than 655,360 pixels (640 x 1,024). A defect thinner than a pixel of
            that size is lost. The network sees the whole resolution, the other cues at most 256 pixels a
            side.
        preset: the architecture. Methods ``attributes`` and ``likelihood`` use ``residual`` in place of the
            default ``unet``.
        bottleneck: how the code is constrained: ``plain`` (not at all), ``gaussian`` (variational), ``l1``,
            ``kl`` or ``top-k`` (sparse). A strength may follow a colon; without one, the default of that kind
            applies. See :class:`convae.config.bottlenecks.Bottleneck`. None takes the method's: ``gaussian``
            for ``likelihood``, otherwise ``plain``.
        loss: between a restored image and the normal one; None takes ``mse+0.1*ssim``, for ``likelihood``
            ``mse``.
        latent_dim, epochs, channels, preparation, training, architecture, device, random_state: as in
            :class:`convae.ConvAutoencoder`. Where the architecture keeps None, the method decides.

    Attributes:
        false_alarm_rate_: the rate that is promised, or estimated.
        promised_: whether it is promised; False for an estimate beyond what the held-out normals can promise.
        bound_: the highest rate of false alarms there can be, however good or bad the networks are: the
            promised rate, or with ``folds`` a higher one (see :func:`convae.metrics.conformal.cross_bound`);
            None for an estimate.
        calibrated_by_folds_: whether each calibration image was scored by one of several detectors alone; new
            images have the lowest score of all, which is lower.
        offset_: minus the threshold: ``decision_function = score_samples - offset_``.
        calibration_: the :class:`convae.metrics.conformal.Calibration` from the held-out normal images.
        looks_: brightness and similar properties of the calibration images, see
            :func:`convae.metrics.drift.look_rows`; None in older files.
        level_: the value of an anomaly map above which a region stands out; at most a fraction
            ``false_alarm_rate_`` of normal images reach it anywhere.
        anomalous_level_: the same for an image that is called anomalous: a quarter of normal images reach it.
        chosen_: how scores are computed, and what they reached on synthetic defects.
        kept_: (n, H, W, C) uint8, some of the normal images, small, to show the nearest one.

    The other attributes are those of :class:`convae.ConvAutoencoder`, except PCA.

    >>> import numpy as np
    >>> normal = np.random.default_rng(0).integers(90, 110, (40, 16, 16), dtype=np.uint8)
    >>> model = AnomalyDetector(false_alarm_rate=0.1, epochs=1).fit(normal)
    >>> odd = normal[:1].copy()
    >>> odd[0, 4:10, 4:10] = 250
    >>> model.predict(odd), model.anomaly_map(odd).shape
    (array([-1]), (1, 16, 16))
    """

    job = "detect anomalies"
    verb = "detect"
    member = "anomaly"
    no_target = "learns from normal images alone: leave y out"
    framed = True

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        groups: Sequence[Any] | np.ndarray | None = None,
        defects: Any = None,
        checkpoint: CheckpointFolder | str | Path | None = None,
        resume: bool = False,
        observers: Iterable[Observer] = (),
        verbose: Verbose = "auto",
    ) -> Self:
        """Learn the normal images.

        Args:
            X: normal images only: any source, see :meth:`convae.ConvAutoencoder.fit`.
            y: labels (n,), which are ignored. Images raise an error.
            groups: (n,) the group of each image. Images of one group (several shots of one part) stay on one
                side of every split, and count as one normal image for the promised rate.
            defects: a few images with real defects: any source. They help to weight the cues.
                ``chosen_["defects"]`` reports how well they are detected, each by a score fitted without it.
                Only with method ``defects``.
            checkpoint, resume, observers, verbose: as in :meth:`convae.ConvAutoencoder.fit`.

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
                defects=None if defects is None else self.open(defects),
            )
            return self._trained(source, config, run)

    # -- using ----------------------------------------------------------------------------------

    def iter_detect(self, X: Any, *, on_bad: OnBad | None = None) -> Iterator[Detection]:
        """Yield one :class:`Detection` per image, in constant memory.

        Args:
            on_bad: called for each image that cannot be used, which is then left out; None raises the error.
        """
        for index, image, pixels, judged in self._iter_judged(self.open(X), on_bad, originals=True):
            scores, change = (
                resize(one[0][..., None].numpy(), image.pixels.shape[:2])[..., 0]
                for one in (judged.map, judged.change)
            )
            score = float(judged.score)
            anomalous = not score <= -self.offset_  # NaN is not called normal
            yield Detection(
                index=index,
                image=image,
                score=score,
                p_value=float(self.calibration_.p_values(score)),
                anomalous=anomalous,
                map=scores,
                regions=find_regions(
                    scores, self._level_of(scores, anomalous), self.peaks_, change
                ),
                nearest=int(judged.nearest),
                look=self._look(pixels, image.pixels.shape),
                trained_on=self._was_trained_on(pixels),
            )

    def of_fold(self, number: int = 0) -> Self:
        """Return the detector that has not seen a fold of the normal images; without folds, this detector.

        ``held_out_`` are the images that the first has not seen.
        """
        check_is_fitted(self, "network_")
        if not isinstance(self._scorer, CrossScorer):
            return self
        alone = copy.copy(self)
        alone._scorer = self._scorer.scorers[number]
        return alone

    def at(self, *, rate: float | None = None, threshold: float | None = None) -> Self:
        """Return a detector with another threshold that shares the network; this one does not change.

        Args:
            rate: another false-alarm rate that the calibration images can promise; above 0 and below 1.
            threshold: another threshold of the score, without a promise; regions are shown as before.

        Raises:
            InputError: both are given, or the calibration images cannot promise this rate.
        """
        check_is_fitted(self, "network_")
        if rate is not None and threshold is not None:
            raise InputError("rate and threshold exclude each other: give one of them")
        other = copy.copy(self)
        if rate is not None:
            check_rate(rate)
            other._use_rate(float(rate))
        if threshold is not None:
            other.offset_, other.promised_, other.bound_ = -float(threshold), False, None
        return other

    def judge(self, batch: Tensor) -> Judged:
        """Return scores and maps of images (B, C, H, W) in about [0, 1], of the size that the model takes."""
        check_is_fitted(self, "network_")
        return self._scorer(batch)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus the anomaly score, (n,) float64; higher is more normal."""
        found = [-float(judged.score) for *_, judged in self._iter_judged(self.open(X))]
        return np.array(found, dtype=np.float64)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return :meth:`score_samples` minus :attr:`offset_`, (n,): below 0 for an anomaly."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return 1 for a normal image and -1 for an anomaly, (n,), at the promised false-alarm rate."""
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def p_values(self, X: Any) -> np.ndarray:
        """Return the probability, (n,), that a normal image has a score at least as high.

        See :mod:`convae.metrics.conformal`.
        """
        return self.calibration_.p_values(-self.score_samples(X))

    def anomaly_map(self, X: Any) -> np.ndarray | list[np.ndarray]:
        """Return how anomalous each pixel is, (n, H, W) float32, in standard deviations above normal images.

        The scale is the same for all images: 0 is normal, :attr:`level_` stands out. For images of different
        sizes, the result is a list.
        """
        maps = [found.map for found in self.iter_detect(X)]
        if len({found.shape for found in maps}) > 1:
            return maps
        return np.stack(maps) if maps else np.zeros((0, *self.image_shape_[1:]), np.float32)

    def regions(self, X: Any) -> list[list[Region]]:
        """Return the parts of each image that stand out, the highest first; often none in a normal image."""
        return [found.regions for found in self.iter_detect(X)]

    def calibrate(
        self,
        X: Any,
        *,
        groups: Sequence[Any] | np.ndarray | None = None,
        false_alarm_rate: float | None = None,
    ) -> Self:
        """Set a new threshold from other normal images, without training.

        Args:
            X: normal images; those that the model was trained on are left out.
            groups: (n,) the group of each image; each group counts as one normal image.
            false_alarm_rate: the rate to promise. None keeps the previous rate, or takes the lowest that
                these images can promise.

        Raises:
            InputError: no images are left, they are too few for the rate, or ``groups`` has another length
                than X.
        """
        source = self.open(X)
        together = None if groups is None else np.asarray(groups)
        if together is not None and together.shape != (len(source),):
            raise InputError(
                f"groups must name the group of each of {len(source)} images; got {together.shape}"
            )
        used, scores, peaks, looks = [], [], [], []
        for index, _, pixels, judged in self._iter_judged(source):
            if not self._was_trained_on(pixels):
                used.append(index)
                scores.append(float(judged.score))
                peaks.append(float(judged.map.max()))
                looks.append(self._look(pixels, source.header(index).shape))
        if not used:
            raise InputError(
                f"{source.description}: there is no normal image in it that the model was not trained on"
            )
        together = None if together is None else together[used]
        extras = calibration_extras(
            Calibration.of(scores, together), Calibration.of(peaks, together)
        )
        extras[LOOKS] = from_numpy(look_rows(looks, together))
        self._set_calibration(extras, false_alarm_rate)
        return self

    # -- inside ---------------------------------------------------------------------------------

    def _config(self) -> FitConfig[Any]:
        if self.method not in METHODS:
            raise unknown_name("method", self.method, METHODS)
        config = config_of(
            self, self._seed(), presets=PRESETS | RESTORING, defaults=_DEFAULTS[self.method]
        )
        p = config.parameters
        for name in ("tune", "flips", "estimate_tail"):
            if not isinstance(getattr(p, name), bool):
                raise InputError(f"{name} must be True or False; got {getattr(p, name)!r}")
        whole = isinstance(p.folds, int) and not isinstance(p.folds, bool)
        if p.folds is not None and not (whole and 2 <= p.folds <= MOST_FOLDS):
            raise InputError(f"folds must be None or 2 to {MOST_FOLDS}; got {p.folds!r}")
        if p.folds is not None and p.tune:
            raise InputError(
                "folds and tune exclude each other: what is tuned would be chosen by images that calibrate"
            )
        if not isinstance(p.score_by, str):
            raise InputError(f"score_by must be a name; got {p.score_by!r}")
        if p.false_alarm_rate is not None:
            check_rate(p.false_alarm_rate)
        METHODS[p.method](config)
        return config

    def _tasks(self, config: FitConfig[Any], run: Run) -> tuple[str, ...]:
        return (config.parameters.method,)

    def _trained(self, source: ImageSource, config: FitConfig[Any], run: Run) -> Self:
        method = METHODS[config.parameters.method](config)
        if run.defects is not None and not method.learns_defects:
            raise InputError(
                f"defects: method {config.parameters.method!r} does not learn from them; leave them out, or "
                "take method 'defects'"
            )
        if run.defects is not None:
            defects, notes = without_normal(run.defects)
            for note in notes:
                run.observers.message(f"defects: {note}")
            run = replace(run, defects=defects)
        return self._adopt(fit_detector(type(self).__name__, source, config, run, method))

    @classmethod
    def _from_file(cls, path: str | Path, stored: StoredModel, device: str) -> Self:
        if EARLY in stored.extras:
            raise ModelFileError(
                f"{path}: an anomaly detector of an early state of convae 0.1.0, whose score this version "
                "cannot compute: fit it again (convae fit anomaly)"
            )
        return super()._from_file(path, stored, device)

    def _adopt(self, stored: StoredModel, device: str | None = None) -> Self:
        super()._adopt(stored, device)
        channels = stored.plan.channels
        self.image_shape_ = (channels, *self.architecture_.image_shape[1:])
        facts, extras = stored.facts["detector"], stored.extras
        method = METHODS[self.method](self._config())
        self._scorer = load_scorer(method, self.network_, extras, facts)
        self.chosen_ = dict(facts)
        self.kept_ = np.moveaxis(extras["kept"].numpy(), 1, 3)
        self.calibration_, self.peaks_ = calibrations_of(extras)
        self.looks_ = looks_of(extras)
        largest = stored.facts.get("largest_fold")
        self.calibrated_by_folds_ = largest is not None
        self._largest_fold = largest
        self._use_rate(float(stored.facts["false_alarm_rate"]))
        return self

    def _use_rate(self, rate: float) -> None:
        """Set the thresholds that a false-alarm rate needs.

        Raises:
            InputError: the calibration images cannot promise it.
        """
        self.false_alarm_rate_ = rate
        self.promised_ = self.false_alarm_rate_ >= self.calibration_.lowest_rate * (1 - TOLERANCE)
        self.bound_ = None
        if self.promised_:
            largest, witnesses = self._largest_fold, self.calibration_.witnesses
            self.bound_ = rate if largest is None else cross_bound(rate, witnesses, largest)
        self.offset_ = -self._threshold(self.calibration_, self.false_alarm_rate_)
        self.level_ = self._threshold(self.peaks_, self.false_alarm_rate_)
        shown = max(SHOWN_RATE, self.false_alarm_rate_)
        self.anomalous_level_ = min(self.level_, self._threshold(self.peaks_, shown))

    def _iter_judged(
        self, source: ImageSource, on_bad: OnBad | None = None, *, originals: bool = False
    ) -> Iterator[tuple[int, Image, Pixels, Judged]]:
        """Yield (position, image, pixels as prepared, judgement) of each image."""

        def run(images: Iterable[Pixels]) -> Iterator[Judged | None]:
            return self.inference_.each(images, self._scorer, lambda _, judged: one_by_one(judged))

        results = paired(self, source, run, on_bad, originals=originals)
        for (index, image, pixels), judged in results:
            yield index, image, pixels, judged

    def _level_of(self, scores: np.ndarray, anomalous: bool) -> float:
        """Return the threshold of regions.

        An image that is anomalous as a whole shows at least its highest part.
        """
        if not anomalous:
            return self.level_
        return min(self.anomalous_level_, float(np.quantile(scores, 1 - self._scorer.fraction)))

    def _threshold(self, calibration: Calibration, rate: float) -> float:
        return threshold_of(calibration, rate, estimated=self.estimate_tail)

    def _was_trained_on(self, pixels: Pixels) -> bool:
        value = np.uint64(image_hash(pixels))
        at = int(np.searchsorted(self.seen_, value))
        return at < len(self.seen_) and bool(self.seen_[at] == value)

    def _look(self, pixels: Pixels, shape: tuple[int, ...]) -> Look:
        """Measure an image (H, W, C) as prepared, with its shape (h, w, ...) as read."""
        return look_of(self.scaling_.apply(np.moveaxis(pixels, 2, 0)), (shape[0], shape[1]))

    def _set_calibration(self, extras: Extras, rate: float | None) -> None:
        """Set the calibration, at this rate, or at the previous one or the lowest it can promise."""
        calibration, _ = calibrations_of(extras)
        if rate is None:
            lowest = 0.0 if self.estimate_tail else calibration.lowest_rate
            rate = max(self.false_alarm_rate_, lowest)
        measured = calibration_facts(calibration, rate, estimated=self.estimate_tail)
        facts = {**self._stored.facts, **measured}
        facts.pop("largest_fold", None)  # none of the several detectors has seen these images
        self._adopt(replace(self._stored, extras=self._stored.extras | extras, facts=facts))
