"""The one table of parameters: every parameter of every estimator, with its default, range, choices and help.

The estimators inherit these dataclasses, so that their constructors are the table. The command line makes its
options of it, and TOML files take its names. It loads nothing: ``convae --help`` reads it.

Few parameters are arguments of their own; the others are fields of :class:`ArchitectureSettings`,
:class:`TrainingSettings` and :class:`PreparationSettings`, which are one argument each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convae.config.augmentation import parse_augmentation
from convae.config.choices import DEVICES, OPTIMIZERS, PRECISIONS, SCHEDULES
from convae.config.durations import parse_duration
from convae.config.setting import (
    group_of,
    make_plain,
    python_only,
    range_faults,
    setting,
    settings_in,
    table,
)
from convae.errors import raise_faults, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import nn

    from convae.config.bottlenecks import Bottleneck
    from convae.corruption.holes import Holes
    from convae.corruption.noise import Noise
    from convae.corruption.noise_levels import Level
    from convae.losses import Loss

WHAT, IMAGES, HOW = "What to train", "Images", "How to train"
NETWORK = "Network (override the preset)"
NOISE, HOLES, DETECTION = "Noise", "Holes", "Detection"

CODING_PRESETS = ("residual", "tutorial", "pooled", "dense")
RESTORING_PRESETS = ("unet", "fine")
ALL_PRESETS = (*RESTORING_PRESETS, *CODING_PRESETS)
THE_PRESETS = "the preset's"
LOSS_HELP = "The training loss: mse, bce, l1, charbonnier, ssim, ms_ssim, or a sum such as 0.8*mse+0.2*ssim."
BOTTLENECK_HELP = (
    "Constraint on the code: plain (none), gaussian (variational), l1, kl, top-k or winners (sparse: few "
    "active units), or vq (each vector of a spatial code is one of the entries of a codebook). A strength "
    "may follow: top-k:0.1, vq:512 (the number of entries)."
)
LATENT_DIM_HELP = (
    "Latent dimension: how many numbers the code has (a spatial code: at each position)."
)
LATENT_DIMS = "at most 64 with residual (16 if spatial) and dense, 16 with tutorial, 8 with pooled"
WITH_SKIPS_HELP = (
    "The network: unet (recommended) or fine, with skips that pass details around the code; or residual, "
    "tutorial, pooled or dense, autoencoders whose code all details must pass."
)
MOST_COUNT = 2**32 - 1  # epochs, images


@dataclass(frozen=True, kw_only=True)
class ArchitectureSettings:
    """Changes of the preset's network; None keeps what the preset has.

    :class:`convae.Architecture` describes each field.

    >>> ArchitectureSettings(widths=(16, 32), blocks=1).blocks
    1
    """

    widths: Sequence[int] | None = setting(
        None, "Channels of each stage, such as 32,64.", group=NETWORK, unset=THE_PRESETS
    )
    blocks: int | None = setting(None, "Blocks in each stage.", group=NETWORK, unset=THE_PRESETS)
    kernel_size: int | Sequence[int] | None = setting(
        None,
        "Side of the convolution kernels in pixels, odd: one number for all stages, or one for each, such as "
        "5,3.",
        group=NETWORK, unset=THE_PRESETS, metavar="N[,N,...]",
    )  # fmt: skip
    stride: int | Sequence[int] | None = setting(
        None,
        "By how much each stage divides height and width: one number for all stages, or one for each, such "
        "as 3,2; 1 keeps the size.",
        group=NETWORK, unset="2", metavar="N[,N,...]",
    )  # fmt: skip
    down: str | None = setting(
        None,
        "How the encoder divides height and width.",
        group=NETWORK,
        unset=THE_PRESETS,
        choices=("stride", "max", "average", "unshuffle"),
    )
    up: str | None = setting(
        None,
        "How the decoder multiplies height and width.",
        group=NETWORK,
        unset=THE_PRESETS,
        choices=("transposed", "nearest", "bilinear", "subpixel"),
    )
    padding_mode: str | None = setting(
        None,
        "Padding beyond the edges of an image.",
        group=NETWORK,
        unset=THE_PRESETS,
        choices=("zeros", "reflect", "replicate", "circular"),
    )
    norm: str | None = setting(
        None,
        "Normalisation layers.",
        group=NETWORK,
        unset=THE_PRESETS,
        choices=("none", "batch", "group", "layer"),
    )
    activation: str | None = setting(
        None,
        "The nonlinearity.",
        group=NETWORK,
        unset=THE_PRESETS,
        choices=("relu", "leaky_relu", "elu", "gelu", "silu", "tanh"),
    )
    code: str | None = setting(
        None,
        "Form of the code: one vector for the whole image (dense), or a map with one vector at each position "
        "(spatial). With bottleneck vq it is spatial.",
        group=NETWORK,
        unset=THE_PRESETS,
        choices=("dense", "spatial"),
    )
    hidden: int | None = setting(
        None,
        "Units of an additional dense layer before a dense code, and of another one after it; 0 for none.",
        group=NETWORK,
        unset=THE_PRESETS,
    )
    output: str | None = setting(
        None,
        "The last operation of the decoder.",
        group=NETWORK,
        unset="by the loss and the images",
        choices=("sigmoid", "linear", "clamp"),
    )
    bypass: str | None = setting(
        None,
        "pca adds a linear path from image to code and back, which starts as PCA. By default residual has "
        "it, except with another bottleneck than plain or with output sigmoid.",
        group=NETWORK,
        unset=THE_PRESETS,
        choices=("none", "pca"),
    )
    refine: int | None = setting(
        None,
        "Residual blocks at the end of the decoder, which correct the whole reconstruction at the "
        "resolution after the first stage (half of the image's by default); 0 for none.",
        group=NETWORK,
        unset=THE_PRESETS,
    )
    pattern: int | None = setting(
        None,
        "Decode a spatial code by one linear layer: each unit adds its pattern, N x N pixels, to the image "
        "wherever it is active.",
        group=NETWORK, unset=THE_PRESETS,
    )  # fmt: skip

    def __post_init__(self) -> None:
        make_plain(self)
        for name in ("kernel_size", "stride"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) == 1:
                object.__setattr__(self, name, value[0])

    def changes(self) -> dict[str, Any]:
        """Return the fields by name, those that keep the preset's included (None)."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How the weights are trained, apart from the loss and the number of epochs.

    Attributes:
        batch_size: images in a step; None takes 8 to 256, by the number and size of the images. The images of
            an epoch are spread evenly over its steps.
        learning_rate: the highest rate of the schedule; None takes 0.02 for ``muon``, 0.001 for the others.
            With ``muon`` it applies to matrices and kernels; biases and the bypass are trained by AdamW with
            a twentieth of it.
        optimizer: ``muon`` (orthogonalised momentum), ``adamw`` or ``adam``.
        schedule: ``cosine`` (to zero) or ``constant``, both after the warm-up.
        warmup: fraction of all steps over which the rate rises from zero.
        weight_decay: decoupled decay per unit of learning rate; with ``adam`` an L2 term of the gradient.
        clip: largest norm of the gradient of all weights; 0 for no limit.
        ema: decay of the averaged weights: the fraction of the average that each step keeps; 0 uses the last
            weights. The average is validated and saved.
        patience: stop after this many epochs without a better validation loss; 0 never stops early. Small
            sets overfit long before their last epoch; large ones never do.
        precision: ``bfloat16`` computes most of the step in half precision, ``float32`` nothing; ``auto``
            takes ``bfloat16`` where the processor multiplies it several times faster.
        budget: the time that the fit may take, such as ``"90s"``, ``"10min"``, ``"2h"`` or a number of
            seconds. Steps, batch size and width are then chosen by measured steps, and the learning rate
            falls to zero when the time is over. The result depends on the speed of the machine. None sets no
            limit; with a budget, leave ``epochs`` out.
        augment: random changes of the training images, anew in every epoch, joined by ``+``: ``flips``,
            ``vertical-flips``, ``quarter-turns`` (square images only), ``rotations`` (up to 15 degrees),
            ``shifts`` (up to a twelfth of a side), ``brightness`` (by a factor from 0.8 to 1.25). Choose
            those after which an image could still be one of your images; they help most where there are few.
            None changes nothing.

    Raises:
        InputError: values are out of their ranges, all listed together.

    >>> TrainingSettings(ema=0.995).optimizer
    'muon'
    """

    batch_size: int | None = setting(
        None,
        "Images per step.",
        group=HOW,
        unset="8 to 256, by images and preset",
        least=1,
        most=MOST_COUNT,
    )
    learning_rate: float | None = setting(
        None,
        "Highest learning rate of the schedule.",
        group=HOW,
        unset="0.02 for muon, 0.001 for the others",
        least=0.0,
        most=10.0,
    )
    optimizer: str = setting("muon", "The optimizer.", group=HOW, choices=OPTIMIZERS)
    schedule: str = setting(
        "cosine",
        "How the learning rate changes during training.",
        group=HOW,
        choices=SCHEDULES,
    )
    warmup: float = setting(
        0.05,
        "Fraction of all steps during which the learning rate rises.",
        group=HOW,
        least=0.0,
        most=1.0,
    )
    weight_decay: float = setting(0.0, "Decoupled weight decay.", group=HOW, least=0.0, most=10.0)
    clip: float = setting(
        1.0,
        "Clip the norm of the gradient at this value; 0 for no limit.",
        group=HOW,
        least=0.0,
        most=1e6,
    )
    ema: float = setting(
        0.99,
        "Decay of the exponential moving average of the weights; 0 for no average.",
        group=HOW,
        least=0.0,
        most=0.99999,
    )
    patience: int = setting(
        15,
        "Stop after this many epochs without a better validation loss; 0 never stops early.",
        group=HOW,
        least=0,
        most=MOST_COUNT,
    )
    precision: str = setting(
        "auto", "Floating-point format of the computation.", group=HOW,
        choices=PRECISIONS,
    )  # fmt: skip
    budget: str | float | None = setting(
        None,
        "Time that the fit may take, such as 90s, 10min or 2h, in place of --epochs: steps, batch size and "
        "width are chosen by measured steps. The evaluation and the report after the fit take additional "
        "time.",
        group=HOW,
        metavar="TIME",
        unset="no limit",
        common=True,
    )
    augment: str | None = setting(
        None,
        "Change the training images at random, for small sets: flips, vertical-flips, quarter-turns, "
        "rotations (by up to 15 degrees), shifts, brightness, or several joined by +. Choose changes after "
        "which an image could still be one of yours.",
        group=HOW,
        metavar="NAME+NAME",
        unset="none",
    )

    def __post_init__(self) -> None:
        make_plain(self)
        refuse_unknown_choices(self)
        parse_augmentation(self.augment)
        if self.budget is not None:
            parse_duration(self.budget)
        raise_faults("training", range_faults(self))


@dataclass(frozen=True, kw_only=True)
class PreparationSettings:
    """How images are read and prepared, apart from their size and their channels.

    Attributes:
        framing: how images are brought to ``size``: ``resize``, ``crop``, ``pad`` or ``random-crop``.
        scaling: how stored values are scaled to about [0, 1]: ``auto``, ``dtype`` or ``minmax``, see
            :meth:`convae.images.dataset.scaling.Scaling.fit`.
        storage: where the images are kept during training: ``auto``, ``resident``, ``cached`` or
            ``streamed``.
        strict: whether an unreadable image raises an error. If False, such images are skipped.
        image_shape: (height, width) or (channels, height, width) of the images, where X holds rows of
            flattened pixels. None assumes square images where the number of pixels allows it.
    """

    framing: str = setting(
        "resize",
        "How to bring images to --size.",
        group=IMAGES,
        choices=("resize", "crop", "pad", "random-crop"),
    )
    scaling: str = setting(
        "auto",
        "How stored values are scaled to about 0 to 1: by the range of their type (dtype) or by the values "
        "of the training images (minmax).",
        group=IMAGES,
        choices=("auto", "dtype", "minmax"),
    )
    storage: str = setting(
        "auto",
        "Where images are kept during training: in memory (resident), in a temporary file (cached), or "
        "nowhere: they are read each time (streamed).",
        group=IMAGES,
        choices=("auto", "resident", "cached", "streamed"),
    )
    strict: bool = setting(
        False, "Stop at an image that cannot be read, instead of skipping it.", group=IMAGES
    )
    image_shape: tuple[int, ...] | None = setting(
        None, "Shape of the images in a .npy file of flattened rows: H,W or C,H,W.",
        group=IMAGES, metavar="H,W", unset="a square",
    )  # fmt: skip

    def __post_init__(self) -> None:
        make_plain(self)


def refuse_unknown_choices(values: Any) -> None:
    """Raise an error if a field of a table holds a name that it does not know.

    Raises:
        InputError: the message names the known ones and the nearest.
    """
    for one in settings_in(values):
        value = getattr(values, one.name)
        if one.choices and value not in one.choices and (value is not None or one.default):
            raise unknown_name(one.name, value, one.choices)


# A class has the fields of the bases that it names last first: so the arguments that matter come first.
@table
class _First:
    preset: str = setting(
        "residual",
        "The network: residual (recommended), tutorial (the network of the Keras tutorial), pooled (has a "
        "spatial code, and takes images of any size after training) or dense (no convolutions: a baseline).",
        group=WHAT,
        choices=CODING_PRESETS,
        common=True,
    )
    latent_dim: int | str | None = setting(
        None,
        f"{LATENT_DIM_HELP} auto takes as many as PCA needs to explain 95 % of the variance of the images, "
        "noise not counted.",
        group=WHAT, unset=LATENT_DIMS, common=True, words=("auto",), metavar="N|auto",
    )  # fmt: skip
    bottleneck: str | Bottleneck | None = setting(
        "plain",
        BOTTLENECK_HELP,
        group=WHAT,
        metavar="KIND[:STRENGTH]",
    )
    loss: str | Loss | None = setting("mse", LOSS_HELP, group=WHAT, metavar="NAME", common=True)
    epochs: int | None = setting(
        None,
        "Passes over the images.",
        group=WHAT,
        unset="as many as make about 3,000 batches",
        least=0,
        most=MOST_COUNT,
        common=True,
    )
    channels: int | None = setting(
        None, "Convert all images: 1 to grey, 3 to RGB.", group=IMAGES, unset="as they are",
        common=True,
    )  # fmt: skip


@table
class _Last:
    preparation: PreparationSettings | Mapping[str, Any] | None = group_of(PreparationSettings)
    training: TrainingSettings | Mapping[str, Any] | None = group_of(TrainingSettings)
    architecture: ArchitectureSettings | Mapping[str, Any] | None = group_of(ArchitectureSettings)
    random_state: int | None = setting(
        None,
        "Seed of the initial weights, the order of images and the choice of held-out images.",
        group=WHAT,
        flag="--seed",
        unset="0",
        common=True,
    )
    device: str = setting(
        "auto", "Where to compute.", group=WHAT, choices=DEVICES
    )  # fmt: skip


@table
class CommonParameters(_Last, _First):
    """The parameters of all estimators."""

    NOT_OFFERED: ClassVar[frozenset[str]] = frozenset()  # of the fields of settings
    DEFAULTS: ClassVar[Mapping[str, Any]] = {}  # of fields of settings, where they are None


@table
class _Sized(_First):
    size: tuple[int, int] | None = setting(
        None, "Bring all images to this height and width.", group=IMAGES, values=2, metavar="H W",
        unset="all images have one size", common=True,
    )  # fmt: skip


@table
class _Validated(_First):
    validation_fraction: float = setting(
        0.1, "Fraction of the images held out to choose the best weights and to measure the model.",
        group=IMAGES,
    )  # fmt: skip


@table
class _Coding(_Validated, _Sized):
    noise: str | Noise | None = setting(
        None,
        "Add noise to the input images, but not to the targets, so that codes depend less on noise: "
        "gaussian:0.3, salt-and-pepper:0.2, gaussian:0..0.5+blur; or hide parts of them: masks:0.6.",
        group=WHAT,
        metavar="KIND[:LEVEL]",
        unset="none",
        common=True,
    )
    shift: float | None = setting(
        None,
        "Translate input images at random by up to this fraction of a side, so that codes depend less on "
        "where things are.",
        group=WHAT,
        metavar="FRACTION",
        unset="1/24 with neighbourhood, else 0",
        least=0.0,
        most=0.25,
    )
    neighbourhood: float = setting(
        0.0,
        "Weight of a term that gives similar images similar codes (UMAP's objective): 0 for none, 1 for a "
        "map with --latent-dim 2.",
        group=WHAT,
        least=0.0,
        most=100.0,
    )
    neighbours: str | Path | None = setting(
        None, "With --neighbourhood: find neighbours by the codes of this model.", group=WHAT,
        metavar="MODEL", unset="the images",
    )  # fmt: skip


@table
class AutoencoderParameters(CommonParameters, _Coding):
    """The parameters of ``ConvAutoencoder`` that Python and the command line have."""


@table
class CustomNetworkParameters(AutoencoderParameters):
    """The parameters of ``ConvAutoencoder`` in Python, which can be given a network, too."""

    encoder: nn.Module | None = python_only()
    decoder: nn.Module | None = python_only()


@table
class VariationalParameters(AutoencoderParameters):
    """The parameters of ``VariationalAutoencoder``."""

    bottleneck: str | Bottleneck | None = setting(
        "gaussian",
        "Weight of the cost of the code (beta): gaussian:0.5 halves it, gaussian:1,free_bits=0.1 makes the "
        "first 0.1 nats of each latent dimension free, gaussian:1,warmup=0.3 raises it from 0 over the first "
        "30 % of training.",
        group=WHAT,
        metavar="gaussian[:BETA]",
        common=True,
    )
    levels: int | None = setting(
        None,
        "Number of levels of a hierarchical code (a ladder), such as 2 or 3. The code is the top level; each "
        "further level adds latent dimensions at every position of the decoder's next larger feature map.",
        group=WHAT,
        metavar="N",
        unset="1",
    )
    binarise: bool = setting(
        False,
        "With --loss bce: take grey values as probabilities of white, and sample the pixels anew for every "
        "batch.",
        group=WHAT,
    )  # fmt: skip


@table
class SparseParameters(AutoencoderParameters):
    """The parameters of ``SparseAutoencoder``."""

    bottleneck: str | Bottleneck | None = setting(
        "top-k",
        "Which units stay active: top-k:0.05 keeps the largest 5 % of each code, winners:0.05 keeps each "
        "unit for the 5 % of images that activate it most, l1:0.1 makes units small on average, kl:0.05 "
        "makes each active for about 5 % of the images.",
        group=WHAT,
        metavar="KIND[:STRENGTH]",
        common=True,
    )
    latent_dim: int | None = setting(
        256, "Latent dimension; few units are active for an image.", group=WHAT, common=True
    )  # fmt: skip


@table
class StackedParameters(AutoencoderParameters):
    """The parameters of ``StackedAutoencoder``."""

    NOT_OFFERED = frozenset({"budget"})  # several networks are trained, one after the other
    DEFAULTS: ClassVar[Mapping[str, Any]] = {"bypass": "none", "refine": 0}

    epochs: int | None = setting(
        None,
        "Epochs of joint training of all layers afterwards; 0 leaves out joint training.",
        group=WHAT,
        unset="as many as make about 3,000 batches",
        least=0,
        most=MOST_COUNT,
        common=True,
    )
    level_epochs: int | Sequence[int] | None = setting(
        None,
        "Epochs in which each layer is trained on its own: one number for all layers, or one for each layer, "
        "from the first stage to the code.",
        group=WHAT, metavar="N[,N,...]", unset="half of --epochs, divided among the layers", common=True,
    )  # fmt: skip


@table
class _Noisy:
    noise: str | Noise | None = setting(
        None,
        "Noise to add to clean images: gaussian, salt-and-pepper, poisson, speckle, uniform, jpeg, blur, "
        "stripes, or several: gaussian:5/255+jpeg:30. If the images are noisy already, give --learn noisy; "
        "--noise gaussian then states that their noise is Gaussian.",
        group=NOISE,
        metavar="KIND[:LEVEL]",
        unset="gaussian:0..55/255 of the range of values in use",
        common=True,
    )
    sigma: Level | None = setting(
        None,
        "Standard deviation of the noise as a fraction of the range of the file type, a number or a range: "
        "25/255 or 0..55/255 for 8-bit images, 400/65535 for 400 grey levels of 16-bit images.",
        group=NOISE,
        metavar="LEVEL",
        unset="25/255 (speckle: 0.2) with --noise; estimated in each image with --learn noisy",
        common=True,
    )
    mean: float = setting(
        0.0,
        "Mean of the added noise: a constant that is added to every pixel with it.",
        group=NOISE,
    )
    clip_noise: bool = setting(
        False,
        "After adding noise, set values outside of the scale to its ends (0 and 255 of 8-bit images), as a "
        "file of whole numbers does; all values in between stay.",
        group=NOISE,
    )
    learn: str = setting(
        "auto",
        "What the images are: clean (noise is added to them), noisy (there are no others), or one side of "
        "pairs (--target). auto: pairs with --target, clean with --noise or --sigma; otherwise it measures "
        "whether the images are noisy.",
        group=NOISE, choices=("auto", "clean", "noisy", "pairs"),
    )  # fmt: skip


@table
class _Holed:
    holes: str | Holes = setting(
        "mixed",
        "Kind of holes made in training: pixels (scattered), boxes, strokes (of a brush), text, or mixed "
        "(all of these). An amount may follow: the missing part (pixels:0.5), or a side, a width or a height "
        "as a part of the image's shorter side (boxes:0.1..0.4).",
        group=HOLES,
        metavar="KIND[:AMOUNT]",
        common=True,
    )
    fill: str = setting(
        "tension",
        "Classical fill that the network corrects, an interpolation of the known pixels: tension (for holes "
        "of any shape), biharmonic or harmonic.",
        group=HOLES, choices=("tension", "biharmonic", "harmonic"),
    )  # fmt: skip


@table
class _Patched(_Validated):
    patch: int | None = setting(
        None,
        "Train on square patches of this side in pixels, cut from the images at random places. Results are "
        "computed for whole images.",
        group=IMAGES,
        unset="64; whole images if all have one size, of at most 96 pixels a side",
        common=True,
    )
    turn: bool | None = setting(
        None,
        "Train on mirrored images and on images rotated by 90, 180 and 270 degrees, too.",
        group=IMAGES, unset="yes with patches, no with whole images",
    )  # fmt: skip


@table
class RestorerParameters(CommonParameters, _Patched):
    """The parameters that all estimators share that restore images."""

    NOT_OFFERED = frozenset(
        {"framing", "image_shape", "code", "hidden", "output", "bypass", "refine", "pattern"}
    )

    preset: str = setting("unet", WITH_SKIPS_HELP, group=WHAT, choices=ALL_PRESETS, common=True)
    latent_dim: int | None = setting(None, LATENT_DIM_HELP, group=WHAT, unset=THE_PRESETS)
    loss: str | Loss | None = setting("mse", LOSS_HELP, group=WHAT, metavar="NAME")


@table
class DenoiserParameters(RestorerParameters, _Noisy):
    """The parameters of ``Denoiser``."""


@table
class InpainterParameters(RestorerParameters, _Holed):
    """The parameters of ``Inpainter``."""

    preset: str = setting(
        "fine",
        "The network: fine (recommended) or unet, with skips that pass details around the code, from full or "
        "from half resolution down; or residual, tutorial, pooled or dense, autoencoders whose code all "
        "details must pass.",
        group=WHAT, choices=ALL_PRESETS, common=True,
    )  # fmt: skip


@table
class _Detecting:
    false_alarm_rate: float | None = setting(
        None,
        "Largest fraction of new normal images that may be called anomalous, on average over the sets of "
        "images that could have set the threshold.",
        group=DETECTION,
        metavar="RATE",
        common=True,
        unset="2 / (n + 1), but at least 0.01, with n images for the threshold (about a fifth); 1 / (n + 1) "
        "where n is below 19 (up to 90 images in all)",
    )
    estimate_tail: bool = setting(
        False,
        "Allow a --false-alarm-rate for which there are too few normal images: the threshold is then "
        "estimated from the highest scores of those that are held out, without a guarantee. With few images "
        "there are several times as many false alarms.",
        group=DETECTION,
    )
    folds: int | None = setting(
        None,
        "For few images: fit N detectors (2 to 10), each without a different part of the images, so that all "
        "images contribute to the threshold. The lowest of their N scores counts. Takes N times as long.",
        group=DETECTION,
        metavar="N",
        unset="none: the images are split in three once",
        common=True,
    )
    method: str = setting(
        "defects",
        "How normal images are learnt: by repairing synthetic defects (defects, for most images); by "
        "restoring rotation, colour and erased parts (attributes, for small images of single objects, where "
        "an anomaly is another kind of object); or by a variational autoencoder, which estimates how "
        "probable an image is (likelihood).",
        group=DETECTION,
        choices=("defects", "attributes", "likelihood"),
        common=True,
    )
    score_by: str = setting(
        "auto",
        "Components of the score, joined by +: found (where the network detects a defect), repaired (how "
        "much it changes the image), and the differences from normal images: places, components, nearest, "
        "mean; auto takes components+nearest+places+found. With --method attributes: restored, pose, code, "
        "near, alike; auto takes all. With --method likelihood: bound (auto) or elbo.",
        group=DETECTION,
        metavar="NAME+NAME",
    )
    tune: bool = setting(
        False,
        "Try three networks for a short time, with and without skips, and take the one that detects "
        "synthetic defects best. Takes about twice as long.",
        group=DETECTION,
    )
    flips: bool = setting(
        False,
        "Average what the network finds over four mirrored views of an image. Takes four times as long.",
        group=DETECTION,
    )  # fmt: skip


@table
class DetectorParameters(CommonParameters, _Sized, _Detecting):
    """The parameters of ``AnomalyDetector``."""

    NOT_OFFERED = frozenset(
        {"framing", "code", "hidden", "output", "bypass", "refine", "pattern", "augment", "budget"}
    )

    preset: str = setting("unet", WITH_SKIPS_HELP, group=WHAT, choices=ALL_PRESETS)
    latent_dim: int | None = setting(None, LATENT_DIM_HELP, group=WHAT, unset=THE_PRESETS)
    bottleneck: str | Bottleneck | None = setting(
        None,
        BOTTLENECK_HELP,
        group=WHAT,
        metavar="KIND[:STRENGTH]",
        unset="plain; gaussian for likelihood",
    )
    loss: str | Loss | None = setting(
        None, LOSS_HELP, group=WHAT, metavar="NAME", unset="mse+0.1*ssim; mse for likelihood"
    )
    epochs: int | None = setting(
        None,
        "Passes over the images.",
        group=WHAT,
        unset="as many as make about 1,500 batches; 160 for attributes, 3,000 for likelihood",
        least=0,
        most=MOST_COUNT,
        common=True,
    )
    size: tuple[int, int] | None = setting(
        None, "Bring all images to this height and width.", group=IMAGES, values=2, metavar="H W",
        unset="the median size of the images, 655,360 pixels at most", common=True,
    )  # fmt: skip
