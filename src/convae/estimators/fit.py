"""Turn a source of images and an estimator's parameters into a trained model."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convae.config.augmentation import KINDS, parse_augmentation, refuse_not_square
from convae.config.compatibility import allowed
from convae.config.training import (
    LEARNING_RATES,
    TrainingConfig,
    default_batch_size,
    default_epochs,
)
from convae.embedding.pca import PrincipalComponents, fit_pca
from convae.errors import InputError
from convae.estimators.fit_config import FitConfig, prepared
from convae.estimators.latent_dim import AUTO, decide_latent_dim, truncated
from convae.estimators.pca_baseline import PCABaseline
from convae.images.dataset.image_set import DARK, ImageSet, prepare, refuse_far_images
from convae.images.dataset.preparation import Preparation
from convae.images.dataset.scaling import FittedScaling, Scaling, fit_scaling
from convae.images.dataset.survey import grouped_reasons
from convae.images.dataset.unit_range import UnitRange
from convae.images.files.image import Pixels
from convae.images.sources.base import ImageSource
from convae.metrics import image_quality
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.bottleneck import block_values
from convae.networks.custom import (
    CustomAutoencoder,
    CustomParts,
    custom_architecture,
    try_out,
)
from convae.networks.presets import make_architecture
from convae.storage.model_file import StoredModel, versions
from convae.training.checkpoint import CheckpointFolder
from convae.training.devices import choose_device, chosen_precision, on_device, seeded
from convae.training.job import EVALUATION_VALUES, Job
from convae.training.loop import train
from convae.training.observers import Observers, Row
from convae.training.splits_and_batches import MAX_HELD_OUT, epoch_batches, hold_out
from convae.training.tasks.augmented import augmented
from convae.training.tasks.code_cost import constrained
from convae.training.tasks.task import Reconstruction, Task
from convae.training.time_budget import now

# With larger batches than the tutorial's, one epoch of its network ends above the tutorial's error.
LARGEST_BATCH = {"tutorial": 32}
FEW_IMAGES = 100  # to train on: augmentation is suggested
OUTLYING = 3.0  # widths of the fitted range: values beyond are reported
STARTED_BY = 256  # training images whose mean brightness is the network's initial output
NOT_BETTER = (
    "no epoch was better than the start, whose weights are kept: train longer, on more images, or with a "
    "lower learning rate"
)
MIN_SPREAD = 1e-4  # of a code that hardly varies; keeps quotients finite


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Images that are ready for training: split, scaled, and with an architecture that fits them.

    Attributes:
        images: the set.
        training, validation: positions in it.
        unit: converts stored values to those of the network.
        architecture: the network.
        custom: the user's encoder and decoder, which stay unchanged; None for convae's own.
        seed: of all random choices.
        crops: how often each image is cropped in an epoch.
        batch_size: the default for these images; None for that of :func:`make_settings`.
        latent_dim_reason: why the latent dimension was chosen, if it was ``auto``.
        pca: the components that it was chosen by; None for none.
    """

    images: ImageSet
    training: np.ndarray
    validation: np.ndarray
    unit: UnitRange
    architecture: Architecture
    custom: CustomParts | None = None
    seed: int
    crops: int = 1
    batch_size: int | None = None
    latent_dim_reason: str = ""
    pca: PrincipalComponents | None = None

    @property
    def measured(self) -> np.ndarray:
        """Positions (n,) of the images that the weights are chosen by: those held out, or else the first."""
        return self.validation if len(self.validation) else self.training[:MAX_HELD_OUT]

    def places(self, positions: np.ndarray) -> np.ndarray:
        """Return positions (n,) of images, once for each of their crops in an epoch: (n * crops,)."""
        return np.concatenate([positions + i * len(self.images) for i in range(self.crops)])

    def batches(self, positions: np.ndarray) -> Iterator[Tensor]:
        """Yield (B, C, H, W) in the network's units, as many images at a time as fit into memory."""
        size = max(1, EVALUATION_VALUES // math.prod(self.images.shape))
        parts = [positions[i : i + size] for i in range(0, len(positions), size)]
        for batch in self.images.batches(parts):
            yield self.unit(batch)

    def chunks(self) -> Iterator[Pixels]:
        """Yield the training images (B, C, H, W) in a seeded random order, in parts that fit into memory."""
        size = max(1, EVALUATION_VALUES // math.prod(self.images.shape))
        return self.images.batches(epoch_batches(self.training, size, self.seed, 0))


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a fit is run, in addition to its parameters.

    Attributes:
        groups: (n,) the group of each image; None where each image is its own.
        checkpoint: where the state of the training is saved; None for nowhere.
        resume: whether to continue from the checkpoint.
        observers: receive messages, steps and epochs.
        began: when the fit began, by :func:`convae.training.time_budget.now`.
        target: of a denoiser: the images as they should look; None for none.
        defects: of a detector: images with real defects; None for none.
    """

    groups: Sequence[Any] | np.ndarray | None = None
    checkpoint: CheckpointFolder | None = None
    resume: bool = False
    observers: Observers
    began: float = field(default_factory=now)
    target: ImageSource | None = None
    defects: ImageSource | None = None


@dataclass(frozen=True)
class Learning:
    """What a network learns.

    Attributes:
        task: what is learnt from each batch.
        identity: plain values that determine what is learnt, in addition to the architecture, the settings
            and the images. A checkpoint is resumed only if they agree.
        facts: what else the model file states of it.
        fresh: whether the training starts anew, even where an interrupted run is resumed.
    """

    task: Task
    identity: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    fresh: bool = False


def train_model(
    kind: str,
    config: FitConfig[Any],
    ready: Ready,
    network: Autoencoder,
    learning: Learning,
    run: Run,
    pca: PrincipalComponents | None = None,
) -> StoredModel:
    """Train one of several networks; ``ImageEstimator._trained`` is the same for a fit of one.

    Args:
        kind: the estimator's class name.
        pca: None for a network that does not start from PCA.
    """
    job = make_job(config, ready, learning)
    history = train(
        network, job, checkpoint=run.checkpoint, resume=run.resume, observers=run.observers
    )
    return stored_model(kind, config, ready, network, job, history, run, learning.facts, pca)


def stored_model(
    kind: str,
    config: FitConfig[Any],
    ready: Ready,
    network: Autoencoder,
    job: Job,
    history: list[Row],
    run: Run,
    facts: dict[str, Any],
    pca: PrincipalComponents | None = None,
) -> StoredModel:
    """Return a trained network with everything that a model file holds of it.

    Args:
        kind: the estimator's class name.
        facts: further plain values that describe the model.
        pca: None for a network that does not start from PCA.
    """
    best = min(history, key=lambda row: _finite(row["validation_loss"]))
    if len(history) > 1 and not best["epoch"]:
        run.observers.warn(NOT_BETTER)
    return StoredModel(
        kind=kind,
        parameters=config.flat(),
        network=network.eval(),
        scaling=ready.unit.scaling,
        plan=ready.images.plan,
        pca=pca or no_components(ready.architecture),
        settings=job.settings,
        seen=np.sort(ready.images.hashes[ready.training]),
        held_out=ready.images.index[ready.validation],
        facts={
            "images": ready.images.source.description,
            "fingerprint": fingerprint_of(ready.images),
            "training_images": len(ready.training),
            "validation_images": len(ready.validation),
            "storage": ready.images.storage,
            "notes": ready.images.notes,
            "skipped": [[s.name, s.reason] for s in ready.images.skipped],
            "history": history,
            "best_epoch": best["epoch"],
            "validation_loss": best["validation_loss"],
            "validation_mse": best["validation_mse"],
            "versions": versions(),
            **({"latent_dim": ready.latent_dim_reason} if ready.latent_dim_reason else {}),
            **facts,
        },
    )


def make_job(config: FitConfig[Any], ready: Ready, learning: Learning | None = None) -> Job:
    """Return the job of training a whole network; without ``learning``, to reconstruct images."""
    learning = learning or Learning(Reconstruction(config.loss))
    task = constrained(learning.task, config.bottleneck, ready.architecture, config.loss)
    return Job(
        images=ready.images,
        training=ready.places(ready.training),
        validation=ready.places(ready.measured),
        unit=ready.unit,
        settings=make_settings(config, ready),
        task=augmented(task, config.training.augment),
        identity={
            "architecture": ready.architecture.to_dict(),
            "images": fingerprint_of(ready.images),
            "bottleneck": config.bottleneck.to_dict(),
            "budget": config.budget,
            **learning.identity,
        },
    )


def make_ready(
    source: ImageSource,
    config: FitConfig[Any],
    run: Run,
    *,
    wanted: Preparation | None = None,
    settle: "Settle | None" = None,
    split: "Split | None" = None,
    crops: int = 1,
) -> Ready:
    """Read the images once, hold some out, fit the scaling on the others, and choose the architecture.

    Args:
        wanted: how the images are prepared; None takes it from the parameters.
        settle: returns the architecture, from the shape of the images and the scaling (None while it is not
            known); None for :func:`settle_architecture`.
        split: returns the positions of training and of validation images, from the group of each image; None
            holds a fraction out.
        crops: number of crops of each image in an epoch, if images are cropped at random.

    Raises:
        InputError: the loss ``logistic`` is used with images that are not 8-bit, or are scaled otherwise than
            by 'dtype'.
    """
    groups = None if run.groups is None else _one_each(source, run.groups)
    settle = settle or partial(settle_architecture, config)

    def settled(shape: tuple[int, int, int]) -> None:
        # Impossible settings raise an error before the images are read.
        refuse_not_square(parse_augmentation(config.training.augment), *shape[1:])
        settle(shape, None)

    images = prepare(source, wanted or prepared(config), settled=settled)
    if images.skipped:
        some = "1 image" if len(images.skipped) == 1 else f"{len(images.skipped):,} images"
        run.observers.warn(f"{some} cannot be used: {grouped_reasons(images.skipped)}")
    for note in images.notes:
        (run.observers.warn if note == DARK else run.observers.message)(note)
    together, seed = images.hashes if groups is None else groups[images.index], config.seed
    if split is None:
        fraction = config.parameters.validation_fraction
        training, validation = hold_out(together, fraction, seed)
    else:
        training, validation = split(together)
    if not len(validation):
        same = len(images) > 1 and len(np.unique(images.hashes)) == 1
        why = ", as all images are the same" if same else ""
        run.observers.warn(f"no images are held out{why}: validation is on training images")
    size = max(1, EVALUATION_VALUES // math.prod(images.shape))
    chunks = images.batches(epoch_batches(training, size, seed, 0))
    unit_loss = config.loss.needs_unit_range or config.architecture.output == "sigmoid"
    asked = config.preparation.scaling
    squeeze = asked == "auto" and unit_loss and images.depth != "uint8"
    fitted = fit_scaling(chunks, images.depth, "minmax" if squeeze else asked)
    scaling = fitted.scaling
    refuse_far_images(images, scaling)
    # With scaling 'minmax', the user has decided.
    if asked != "minmax" and (word := outliers_word(fitted)):
        run.observers.warn(word)
    if config.loss.of_8_bits and (images.depth != "uint8" or not whole_range(scaling)):
        raise InputError(
            f"loss {str(config.loss)!r} is the likelihood of the 256 values of 8-bit images, scaled by "
            f"'dtype'; got {images.depth} images from {scaling.low} to {scaling.high}: take 'mse' or 'l1'"
        )
    ready = Ready(
        images=images,
        training=training,
        validation=validation,
        unit=UnitRange(scaling, choose_device(config.parameters.device)),
        architecture=settle(images.shape, scaling),
        custom=config.custom,
        seed=seed,
        crops=crops,
    )
    return _with_latent_dim(ready, run) if config.parameters.latent_dim == AUTO else ready


def _with_latent_dim(ready: Ready, run: Run) -> Ready:
    """Return images that are ready with the latent dimension that they need."""
    decision = decide_latent_dim(
        ready.architecture,
        ready.unit.device,
        (ready.unit(batch) for batch in ready.chunks()),
        ready.batches(ready.measured),
        held_out=bool(len(ready.validation)),
    )
    run.observers.message(decision.reason)
    number, pca = decision.latent_dim, decision.pca
    a = replace(ready.architecture, latent_dim=number)
    fits = len(pca.mean) == block_values(a)  # large images may pass PCA at another size
    return replace(
        ready,
        architecture=a,
        latent_dim_reason=decision.reason,
        pca=truncated(pca, number) if fits else None,
    )


def decided(config: FitConfig[Any], ready: Ready) -> FitConfig[Any]:
    """Return the parameters with the latent dimension that was decided, as a model file holds them."""
    if config.parameters.latent_dim != AUTO:
        return config
    return config.changed(latent_dim=ready.architecture.latent_dim)


Settle = Callable[[tuple[int, int, int], Scaling | None], Architecture]
Split = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def settle_architecture(
    config: FitConfig[Any], shape: tuple[int, int, int], scaling: Scaling | None
) -> Architecture:
    """Return the preset's architecture with the given parameters, adapted to the loss and the scaling.

    Args:
        shape: (C, H, W) of the images.
        scaling: None while it is not known; everything else is checked.
    """
    p = config.parameters
    if config.custom is not None:
        code = try_out(config.custom, shape, unit_range=config.loss.needs_unit_range)
        return custom_architecture(
            shape, code, output=_custom_output(config, scaling), **config.bottleneck.architecture
        )
    latent_dim = None if p.latent_dim == AUTO else p.latent_dim
    changes = {"latent_dim": latent_dim, **config.architecture.changes()}
    changes |= bottleneck_changes(config)
    output = changes["output"] or make_architecture(p.preset, shape).output
    if changes["output"] is None:
        if config.loss.needs_unit_range:
            output = "sigmoid"  # a cross-entropy needs probabilities
        elif config.loss.of_8_bits:
            output = "linear"  # values beyond [0, 1] are needed to make black or white certain
        elif output == "clamp" and scaling is not None and not whole_range(scaling):
            output = "linear"  # values beyond [0, 1] exist and must be reachable
    return make_architecture(p.preset, shape, **{**changes, "output": output})


def _custom_output(config: FitConfig[Any], scaling: Scaling | None) -> str:
    """Return ``clamp`` where images have the values 0 to 1 only, else ``linear``."""
    beyond = scaling is not None and not whole_range(scaling)
    return "linear" if config.loss.of_8_bits or beyond else "clamp"


def bottleneck_changes(config: FitConfig[Any]) -> dict[str, Any]:
    """Return the changes of the architecture for the bottleneck: a linear bypass would lead around it."""
    changes = config.bottleneck.architecture
    if config.bottleneck.kind != "plain" and config.architecture.bypass is None:
        changes["bypass"] = "none"
    return changes


def fit_baseline(ready: Ready) -> PrincipalComponents:
    """Fit PCA to the training images, with the size of the code."""
    if ready.pca is not None:
        return ready.pca
    baseline = PCABaseline(ready.architecture, ready.unit.device)
    vectors = (baseline.flatten(ready.unit(batch)) for batch in ready.chunks())
    return fit_pca(vectors, ready.architecture.latent_dim)


def no_components(a: Architecture) -> PrincipalComponents:
    """Return an empty PCA, for a network that does not use PCA."""
    length = block_values(a)
    return PrincipalComponents(torch.zeros(length), torch.zeros(0, length), torch.zeros(0))


def baseline_error(ready: Ready, pca: PrincipalComponents, positions: np.ndarray) -> float:
    """Return the mean squared error of PCA on the validation images, for comparison with the model's."""
    baseline = PCABaseline.fitted(ready.architecture, pca, ready.unit.device)
    size = max(1, EVALUATION_VALUES // math.prod(ready.images.shape))
    total = 0.0
    for batch in ready.images.batches(
        [positions[i : i + size] for i in range(0, len(positions), size)]
    ):
        clean = ready.unit(batch)
        with torch.inference_mode():
            total += float(image_quality.mse(baseline.reconstruct(clean), clean).sum())
    return total / len(positions)


def start_network(
    ready: Ready, pca: PrincipalComponents | None = None, *, further: float = 0.0
) -> Autoencoder:
    """Initialise a network from the seed, and from PCA if there is a bypass; copy a custom one.

    Args:
        pca: of the training images; None where there is no bypass.
        further: initial output in channels that are not part of the image.
    """
    if ready.custom is not None:
        parts = ready.custom.copied()
        custom = CustomAutoencoder(ready.architecture, parts, seed=ready.seed)
        return on_device(custom, ready.unit.device)
    with seeded(ready.seed):
        network = Autoencoder(ready.architecture)
    if not ready.architecture.starts_elsewhere or ready.architecture.bottleneck == "vq":
        mean, some = _seen_at_the_start(ready, further)
        network.start_codebook(some)
        network.start_at(mean, some)
    if network.bypass is not None and pca is not None:
        network.bypass.set_components(pca.mean, pca.components)
        spread = pca.variances.sqrt().clamp_min(MIN_SPREAD)
        network.scale[: len(spread)] = spread.view(-1, *network.scale.shape[1:])
    return on_device(network, ready.unit.device)


def _seen_at_the_start(ready: Ready, further: float) -> tuple[Tensor, Tensor]:
    """Return the mean of each channel over some training images, (C,), and the first of them (B, C', H, W).

    Args:
        further: value of channels that are not part of the image.
    """
    first, means = None, list[Tensor]()
    for batch in ready.batches(ready.training[:STARTED_BY]):
        some = batch.float().cpu()  # on the device where the network is created
        first = some if first is None else first
        means.append(some.mean(dim=(2, 3)))
    assert first is not None
    mean = torch.cat(means).mean(dim=0)
    level = mean.new_full((ready.architecture.image_shape[0],), further)
    level[: len(mean)] = mean[: len(level)]
    return level, first


def make_settings(config: FitConfig[Any], ready: Ready) -> TrainingConfig:
    """Return the settings of the training: those given, and defaults that fit the images."""
    count, given = len(ready.training) * ready.crops, config.training
    batch, epochs = given.batch_size or ready.batch_size, config.parameters.epochs
    if batch is None:
        most = LARGEST_BATCH.get(config.parameters.preset, 256)
        batch = default_batch_size(count, math.prod(ready.images.shape), most)
    rate = given.learning_rate
    decided = {
        "epochs": default_epochs(count, batch) if epochs is None else epochs,
        "batch_size": batch,
        "learning_rate": LEARNING_RATES.get(given.optimizer, 1e-3) if rate is None else rate,
        "precision": chosen_precision(ready.unit.device, given.precision),
        "loss": config.loss,
        "seed": ready.seed,
    }
    return TrainingConfig(**{**vars(given), **decided})


def few_images_note(ready: Ready, config: FitConfig[Any], choice: Mapping[str, Any]) -> str | None:
    """Return a note on augmentation where few images are trained on without it; None elsewhere.

    Args:
        choice: values of the axes of :mod:`convae.config.compatibility`; the note leaves out kinds that they
            rule out.
    """
    count = len(ready.training) * ready.crops
    if count >= FEW_IMAGES or config.training.augment is not None:
        return None
    kinds = [
        kind
        for kind in KINDS
        if (kind != "quarter-turns" or ready.images.shape[1] == ready.images.shape[2])
        and all(allowed("augmentation", kind, axis, one) for axis in choice for one in choice[axis])
    ]
    some = "only 1 image is" if count == 1 else f"only {count} images are"
    return (
        f"{some} trained on: augmentation may help. Set augment to changes after which an image could still "
        f"be one of yours, of {', '.join(kinds)}"
    )


def fingerprint_of(images: ImageSet, before: str = "") -> str:
    """Return the SHA-256 of the training images; ``before`` is that of images trained on earlier."""
    values = images.hashes.astype("<u8").tobytes()
    return hashlib.sha256(before.encode() + values).hexdigest()


def _one_each(source: ImageSource, groups: Sequence[Any] | np.ndarray) -> np.ndarray:
    values = np.asarray(groups)
    if values.shape != (len(source),):
        raise InputError(
            f"groups must name the group of each of {len(source)} images; got shape {values.shape}"
        )
    return values


def outliers_word(fitted: FittedScaling) -> str | None:
    """Return a warning if a few values lie so far from all others that a network loses either of them."""
    if not fitted.beyond or max(fitted.beyond) <= OUTLYING:
        return None
    channel = fitted.beyond.index(max(fitted.beyond))
    (low, high), farthest = fitted.most[channel], fitted.farthest[channel]
    found = (
        f"a few values reach {farthest:g}, far outside of the range of almost all others ({low:g} to "
        f"{high:g}), as bright points or hot pixels do: "
    )
    scaling = fitted.scaling
    if scaling.low[channel] <= farthest <= scaling.high[channel]:
        return (
            f"{found}all others share a small part of the network's range, and it learns little of them; "
            "where those few do not matter, fit with loss mse and scaling auto"
        )
    return f"{found}the network may cut or remove them; where they matter, fit with scaling minmax"


def whole_range(scaling: Scaling) -> bool:
    """Return whether 0 and 1 are the ends of the range that images can hold."""
    low, high = scaling.limits()
    unit_floats = scaling.dtype == "float32" and (scaling.low, scaling.high) == ((0.0,), (1.0,))
    return unit_floats or (set(low) == {0.0} and set(high) == {1.0})


def _finite(value: float | None) -> float:
    return math.inf if value is None else value
