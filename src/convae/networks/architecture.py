"""The description of a network: plain values, checked when built, as a model file stores them."""

import dataclasses
import math
import operator
from dataclasses import dataclass
from typing import Any, Self

from convae.config import compatibility
from convae.config.bottlenecks import FEWEST_ENTRIES, KINDS, MOST_ENTRIES
from convae.config.parameters import ArchitectureSettings
from convae.config.setting import settings_in
from convae.errors import InputError, raise_faults, unknown_name
from convae.networks.stages import (
    MAX_KERNEL,
    MAX_STRIDE,
    PerStage,
    as_per_stage,
    each_stage,
    factor_of,
    gap_faults,
    least_map,
    number_faults,
    strides_of,
)

CHOICES: dict[str, tuple[str, ...]] = {
    **{one.name: one.choices for one in settings_in(ArchitectureSettings) if one.choices},
    "bottleneck": tuple(KINDS),
    "layers": compatibility.AXES["layers"],
}

# A description beyond these limits is a mistake or an attack (a model file may come from anywhere).
MAX_SIDE, MAX_CHANNELS, MAX_WIDTH, MAX_LATENT = 65_536, 1_024, 8_192, 1_048_576
MAX_STAGES, MAX_BLOCKS, MAX_DENSE_WEIGHTS = 12, 64, 2**30
MAX_FINER, MAX_PATTERN, MAX_CUSTOM_CODE = 256, 127, 2**28


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The description of a network's layers; every field can be chosen on its own.

    Attributes:
        image_shape: (channels, height, width) of the images, each side from 1 up. A network with a
            ``spatial`` code also takes other heights and widths; one with a ``dense`` code takes only these.
        widths: channels of each stage, from the image inwards. Each stage divides height and width by its
            stride.
        blocks: residual blocks per stage; 0 makes plain convolutions.
        kernel_size: odd, in pixels: one number for all stages, or one for each, from the image inwards. The
            decoder mirrors them.
        stride: by how much a stage divides height and width, from 1 (keeps them) up: one number for all
            stages but the ``fine`` ones, or one for each. The decoder multiplies by the same numbers in
            reverse order. A side of one pixel is not divided further.
        down: how a stage divides: ``stride`` (strided convolution), ``max`` or ``average`` (pooling windows
            of that stride after the convolution), ``unshuffle`` (space to depth before the convolution:
            nothing is lost, and nothing is computed at the high resolution).
        up: how the decoder multiplies: ``transposed`` convolution, ``nearest`` or ``bilinear`` upsampling
            and a convolution, ``subpixel`` (a convolution to stride² times the channels and a shuffle).
        padding_mode: the values outside the image for convolutions; ``reflect`` and ``circular`` need maps
            larger than the padding.
        code: ``dense`` (one vector for the image) or ``spatial`` (a vector at each position of the
            smallest map).
        latent_dim: latent dimension; for ``spatial``, that of each position.
        hidden: units of one more dense layer on each side of a dense code; 0 for none. Cheap capacity
            where the smallest map is small.
        norm: normalisation inside stages. ``none`` keeps amplitudes, which a reconstruction needs.
        activation: the non-linearity.
        from_latent_activation: in networks without blocks, whether the activation follows the layer that
            leads from the code to the smallest map. Without it that layer is linear, as in the tutorial.
        output: ``sigmoid``, ``linear``, or ``clamp`` (linear while training, then limited to [0, 1]).
        refine: residual blocks that correct the whole reconstruction at the resolution after the first stage
            (half of the image's by default), as the last part of the network; 0 for none. Their weights are
            shared by all positions of an image, so a few thousand natural images suffice to train them, where
            dense layers would overfit.
        bypass: ``pca`` adds a linear path from image to code to image that starts as PCA. The convolutional
            path starts at zero, so training starts at the error of PCA.
        skips: whether the map of each stage of the encoder is added to the decoder's map of the same
            size. Restoring images in detail needs skips; but with them, the code no longer holds all of an
            image.
        inputs: input channels; 0 for as many as the image has. More if a noise level, a mask or a first
            estimate is an input in addition to the image; another number if the image is to be recoloured.
        base: the network computes what to add to the first ``base`` input channels; 0 to compute the
            whole image. 1 (the same grey for all channels) or as many as the image has.
        contrast: the unit of what is added to the base, and of a further input: the difference of each pixel
            of the base from the mean around it. Set it to about the error of the base, for bases whose errors
            are small compared with the brightness of the image. 0 for a unit of 1 and no further input.
        bottleneck: the kind of values in the code. ``plain``: any value. ``gaussian``: the mean of a normal
            distribution, whose variance is an output of the encoder as well. ``l1``: 0 or more. ``kl``: an
            activation rate between 0 and 1. ``top-k``: 0 or more; at each position of the code, all but the
            largest values are 0. ``winners`` (winner-take-all): 0 or more; each unit is 0 for all images
            except those that activate it most, and in a spatial code it keeps only the strongest position of
            an image. ``vq`` (vector-quantised): the vector at each position is one of the entries of a
            codebook; only for a ``spatial`` code.
        entries: of the codebook of a ``vq`` bottleneck.
        active: a fraction. ``top-k``: the fraction of the values (at each position) that are not 0, at
            least one value. ``winners``: the fraction of the images for which a unit is not 0.
        levels: hierarchy levels of a Gaussian code. 1 for the code alone. Each further level adds latent
            variables at the next larger map, with a distribution conditioned on the levels above (a ladder).
            The code itself is the top level.
        finer_dim: latent dimension of each position of each finer hierarchy level.
        pattern: side, in pixels, of the picture that each unit of a ``spatial`` code adds to the image
            wherever it is active. The image is the sum of these pictures, so that each unit stands for a
            visible pattern. The decoder is then this one linear layer, and ``up`` has no effect. 0 for a
            decoder of stages; 7 to 15 for parts of strokes, cells or textures.
        layers: ``convolutional``, or ``dense`` for a network without convolutions: each stage is one dense
            layer of as many units as ``widths`` says, over the whole image. The decoder mirrors it. Then
            ``kernel_size``, ``stride``, ``down``, ``up`` and ``padding_mode`` have no effect.
        fine: how many of the stages, the first ones, keep the full resolution, whatever the stride. What
            differs from pixel to pixel, as scattered holes do, is learnt many times faster there.
        custom_code: ``(n,)`` or ``(n, h, w)``, the shape of the code that a custom encoder gives; empty for
            convae's own layers. With it, the fields that describe layers have no meaning, and the network is
            a :class:`convae.networks.custom.CustomAutoencoder`.

    Raises:
        InputError: for values that cannot be, or cannot be combined, all listed together.
    """

    image_shape: tuple[int, int, int]
    widths: tuple[int, ...] = (64, 128)
    blocks: int = 2
    kernel_size: PerStage = 3
    stride: PerStage = 2
    down: str = "unshuffle"
    up: str = "subpixel"
    padding_mode: str = "zeros"
    code: str = "dense"
    latent_dim: int = 64
    hidden: int = 0
    norm: str = "none"
    activation: str = "relu"
    output: str = "clamp"
    bypass: str = "pca"
    refine: int = 0
    skips: bool = False
    inputs: int = 0
    base: int = 0
    contrast: float = 0.0
    fine: int = 0
    bottleneck: str = "plain"
    active: float = 1.0
    entries: int = 512
    levels: int = 1
    finer_dim: int = 8
    pattern: int = 0
    layers: str = "convolutional"
    # Files without this field hold networks that have the activation.
    from_latent_activation: bool = True
    custom_code: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for field in ("image_shape", "widths", "custom_code"):
            value = getattr(self, field)
            if isinstance(value, list):
                object.__setattr__(self, field, tuple(value))
        for field in ("kernel_size", "stride"):
            object.__setattr__(self, field, as_per_stage(getattr(self, field)))
        raise_faults("architecture", list(_faults(self)))

    @property
    def input_channels(self) -> int:
        """Number of input channels."""
        return self.inputs or self.image_shape[0]

    @property
    def seen_channels(self) -> int:
        """Input channels of the encoder: those of the network, and the contrast of the base."""
        return self.input_channels + (self.base if self.contrast else 0)

    @property
    def kernel_sizes(self) -> tuple[int, ...]:
        """Kernel size of each stage, from the image inwards."""
        return each_stage(self.kernel_size, len(self.widths))

    @property
    def strides(self) -> tuple[tuple[int, int], ...]:
        """(vertical, horizontal) stride of each stage; a side of one pixel is not divided further."""
        if self.layers == "dense":  # the first stage covers the whole image
            return (self.image_shape[1:], *((1, 1),) * (len(self.widths) - 1))
        wanted = each_stage(self.stride, len(self.widths))
        wanted = (1,) * self.fine + wanted[self.fine :]
        return strides_of(self.image_shape[1:], wanted)

    @property
    def takes_any_size(self) -> bool:
        """Whether the network takes images of other sizes than ``image_shape``, too."""
        return self.code == "spatial" and not self.custom_code

    @property
    def factor(self) -> tuple[int, int]:
        """(vertical, horizontal) pixels that one position of the smallest map covers."""
        if len(self.custom_code) == 3:  # rounded down where the map does not divide the image
            (height, width), (_, rows, columns) = self.image_shape[1:], self.custom_code
            return max(1, height // rows), max(1, width // columns)
        return factor_of(self.strides)

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of the smallest map, for images of ``image_shape``."""
        (_, height, width), (fy, fx) = self.image_shape, self.factor
        return self.widths[-1], math.ceil(height / fy), math.ceil(width / fx)

    @property
    def least_map(self) -> tuple[int, int]:
        """The least (height, width) of the smallest map, in positions, that the padding mode needs."""
        if self.layers == "dense":
            return 1, 1
        return least_map(self.padding_mode, self.kernel_sizes, self.strides)

    def check_size(self, height: int, width: int) -> None:
        """Check that images of this size leave maps that can be padded.

        Raises:
            InputError: they are too small.
        """
        (fy, fx), (high, wide) = self.factor, self.least_map
        if -(-height // fy) < high or -(-width // fx) < wide:
            raise InputError(
                f"padding_mode {self.padding_mode!r} needs images larger than "
                f"{(high - 1) * fy}x{(wide - 1) * fx} in this network; got {height}x{width}"
            )

    @property
    def code_shape(self) -> tuple[int, ...]:
        """``(latent_dim,)`` for a dense code, ``(latent_dim, height, width)`` for a spatial one."""
        return self.code_shape_of(self.image_shape[1:])

    def code_shape_of(self, size: tuple[int, int]) -> tuple[int, ...]:
        """Return the code shape for images of this (height, width)."""
        if self.custom_code:
            return self.custom_code
        if self.code == "dense":
            return (self.latent_dim,)
        return (self.latent_dim, *(-(-n // f) for n, f in zip(size, self.factor, strict=True)))

    @property
    def kept_values(self) -> int:
        """Values of a code (at each position) that may differ from 0 in a ``top-k`` bottleneck."""
        return max(1, round(self.active * self.latent_dim))

    @property
    def code_size(self) -> int:
        """Number of values in the code of one image."""
        return math.prod(self.code_shape)

    @property
    def positions(self) -> int:
        """Number of vectors in the code of one image: 1 for a dense code."""
        return self.code_size // self.latent_dim

    @property
    def finer_widths(self) -> tuple[int, ...]:
        """Channels of the maps of the finer hierarchy levels, the coarsest first."""
        return tuple(reversed(self.widths[:-1]))[: self.levels - 1]

    def finer_sizes_of(self, size: tuple[int, int]) -> list[int]:
        """Return the number of latent values of each finer level for this (height, width), coarsest first."""
        fy, fx = self.factor
        height, width = -(-size[0] // fy), -(-size[1] // fx)
        found = []
        for step in list(reversed(self.strides))[: self.levels - 1]:
            height, width = height * step[0], width * step[1]
            found.append(self.finer_dim * height * width)
        return found

    @property
    def starts_elsewhere(self) -> bool:
        """Whether an untrained network outputs PCA's reconstruction or its own input, or is custom."""
        return self.bypass != "none" or self.base > 0 or bool(self.custom_code)

    def sampled_values(self, size: tuple[int, int]) -> int:
        """Return how many values are sampled for an image of this (height, width): code and finer levels."""
        return math.prod(self.code_shape_of(size)) + sum(self.finer_sizes_of(size))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build the architecture from the output of :meth:`to_dict`.

        Raises:
            InputError: for values that are not a dict, unknown names or a missing ``image_shape``.
        """
        if not isinstance(values, dict):
            raise InputError(f"architecture: must be a table of settings; got {values!r:.40}")
        known = {f.name for f in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise unknown_name("architecture setting", name, known)
        if "image_shape" not in values:
            raise InputError("architecture: image_shape is missing")
        return cls(**values)


def _faults(a: Architecture) -> list[str]:
    """Return all that is wrong with the values, so that a user corrects them in one go."""
    faults = [
        *_integer_faults(a),
        *(
            f"{name} must be one of {', '.join(known)}; got {getattr(a, name)!r}"
            for name, known in CHOICES.items()
            if getattr(a, name) not in known
        ),
    ]
    return faults or _combination_faults(a)


def _integer_faults(a: Architecture) -> list[str]:
    faults = []

    def check(name: str, value: object, low: int, high: int) -> None:
        if type(value) is not int or not low <= value <= high:
            faults.append(f"{name} must be a whole number from {low} to {high:,}; got {value!r}")

    if not isinstance(a.image_shape, tuple) or len(a.image_shape) != 3:
        faults.append(f"image_shape must be (channels, height, width); got {a.image_shape!r}")
    else:
        check("image_shape[0] (channels)", a.image_shape[0], 1, MAX_CHANNELS)
        check("image_shape[1] (height)", a.image_shape[1], 1, MAX_SIDE)
        check("image_shape[2] (width)", a.image_shape[2], 1, MAX_SIDE)
    if not isinstance(a.widths, tuple) or not 1 <= len(a.widths) <= MAX_STAGES:
        faults.append(f"widths must name 1 to {MAX_STAGES} stages; got {a.widths!r}")
    else:
        for width in a.widths:
            check("each of widths", width, 1, MAX_WIDTH)
    check("blocks", a.blocks, 0, MAX_BLOCKS)
    check("latent_dim", a.latent_dim, 1, MAX_LATENT)
    check("hidden", a.hidden, 0, MAX_WIDTH)
    check("refine", a.refine, 0, MAX_BLOCKS)
    check("inputs", a.inputs, 0, MAX_CHANNELS)
    check("base", a.base, 0, MAX_CHANNELS)
    check("entries", a.entries, FEWEST_ENTRIES, MOST_ENTRIES)
    check("levels", a.levels, 1, MAX_STAGES)
    check("finer_dim", a.finer_dim, 1, MAX_FINER)
    check("pattern", a.pattern, 0, MAX_PATTERN)
    check("fine", a.fine, 0, len(a.widths) if isinstance(a.widths, tuple) else MAX_STAGES)
    if type(a.contrast) not in (int, float) or not 0 <= a.contrast <= 1:
        faults.append(f"contrast must be a number from 0 to 1; got {a.contrast!r}")
    if type(a.active) not in (int, float) or not 0 < a.active <= 1:
        faults.append(f"active must be a number above 0, up to 1; got {a.active!r}")
    faults += [
        f"{name} must be true or false; got {getattr(a, name)!r}"
        for name in ("skips", "from_latent_activation")
        if type(getattr(a, name)) is not bool
    ]
    faults += _custom_faults(a)
    stages = len(a.widths) if isinstance(a.widths, tuple) else 1
    faults += number_faults("kernel_size", a.kernel_size, stages, MAX_KERNEL, odd=True)
    faults += number_faults("stride", a.stride, stages, MAX_STRIDE, odd=False)
    if a.fine and isinstance(a.stride, tuple):
        faults.append("stride names every stage, so fine must be 0; or set stride to one number")
    return faults


def _custom_faults(a: Architecture) -> list[str]:
    """Check that ``custom_code`` is empty, or the shape of the code of a network without other paths."""
    shape = a.custom_code
    whole = isinstance(shape, tuple) and all(type(n) is int and 1 <= n <= MAX_LATENT for n in shape)
    if not whole or len(shape) not in (0, 1, 3) or math.prod(shape) > MAX_CUSTOM_CODE:
        return [
            f"custom_code must be (n,) or (n, h, w), at most {MAX_CUSTOM_CODE:,} values; got {shape!r:.80}"
        ]
    if not shape:
        return []
    needed = {
        "code": "dense" if len(shape) == 1 else "spatial",
        "latent_dim": shape[0],
        **{"bypass": "none", "refine": 0, "skips": False, "inputs": 0, "base": 0, "pattern": 0},
        **{"hidden": 0, "fine": 0, "levels": 1, "padding_mode": "zeros"},
    }
    return [
        f"{name} must be {value!r} for a custom network with codes {shape}; got {getattr(a, name)!r:.40}"
        for name, value in needed.items()
        if getattr(a, name) != value
    ]


def _combination_faults(a: Architecture) -> list[str]:
    faults = []
    short = [
        (least, got) for least, got in zip(a.least_map, a.map_shape[1:], strict=True) if got < least
    ]
    if short:
        faults.append(
            f"padding_mode {a.padding_mode!r} with kernel_size {a.kernel_size} needs maps of at least "
            f"{short[0][0]} pixels a side, and {len(a.widths)} stages leave {short[0][1]}: use fewer widths, "
            "or padding_mode 'replicate'"
        )
    if a.layers == "dense":
        faults += [
            f"{name} must be 0 in a dense network, which has no convolutions; got {getattr(a, name)}"
            for name in ("blocks", "refine", "fine", "base")
            if getattr(a, name)
        ]
    else:
        strided, transposed = a.down == "stride", a.up == "transposed"
        faults += gap_faults(a.kernel_sizes, a.strides, strided=strided, transposed=transposed)
    if a.hidden and a.code == "spatial":
        faults.append("hidden requires code 'dense'; with code 'spatial' set it to 0")
    faults += compatibility.faults(
        path=[*(["pca"] if a.bypass == "pca" else []), *(["skips"] if a.skips else [])],
        bottleneck=[a.bottleneck],
        code=[a.code],
        output=[a.output],
        hierarchy=["ladder" if a.levels > 1 else "flat"],
        decoder=["patterns"] if a.pattern else [],
        network=["custom" if a.custom_code else "preset"],
        layers=[a.layers],
    )
    if a.custom_code:
        return faults
    if a.pattern:
        faults += _pattern_faults(a)
    if a.levels > 1:
        faults += _level_faults(a)
    if a.up == "transposed" and a.padding_mode != "zeros":
        faults.append(
            f"transposed convolutions can only pad with zeros: padding_mode {a.padding_mode!r} needs "
            "up 'nearest', 'bilinear' or 'subpixel'"
        )
    faults += _input_faults(a)
    sizes = (math.prod(a.map_shape), *([a.hidden] if a.hidden else []), a.latent_dim)
    if a.layers == "dense":
        sizes = (a.seen_channels * math.prod(a.image_shape[1:]), *a.widths[:-1], *sizes)
    if a.code == "dense" and max(map(operator.mul, sizes, sizes[1:])) > MAX_DENSE_WEIGHTS:
        faults.append(
            f"a dense code of {a.latent_dim} values after maps of {a.map_shape} needs more than "
            f"{MAX_DENSE_WEIGHTS:,} weights: use more widths, a smaller latent_dim, or code 'spatial'"
        )
    return faults


def _pattern_faults(a: Architecture) -> list[str]:
    """Check that patterns cover the image and have a centre pixel."""
    largest, smallest = max(a.factor), min(a.factor)
    if a.pattern < largest:
        return [
            f"pattern must be at least {largest}, the pixels a side that a position of the code stands for, "
            f"so that patterns leave no gaps; got {a.pattern}"
        ]
    if smallest == 1 and a.pattern % 2 == 0:
        return [
            f"pattern must be odd where a position of the code stands for one pixel; got {a.pattern}"
        ]
    return []


def _level_faults(a: Architecture) -> list[str]:
    """Check the requirements of a code of several hierarchy levels."""
    faults = []
    if a.bottleneck != "gaussian":
        faults.append(
            f"levels {a.levels} requires bottleneck 'gaussian', because each finer level has a distribution "
            f"conditioned on the levels above; with {a.bottleneck!r} set it to 1"
        )
    if a.levels > len(a.widths):
        faults.append(
            f"levels must be at most {len(a.widths)}, one for each of the stages that widths name; got "
            f"{a.levels}"
        )
    if a.base:
        faults.append(
            "levels above 1 require a code that holds the whole image; a base passes the image around the "
            "code: set levels to 1"
        )
    return faults


def _input_faults(a: Architecture) -> list[str]:
    """Check that the input channels fit the output channels."""
    faults = []
    channels = a.image_shape[0]
    if a.bypass != "none" and (a.input_channels != channels or a.skips or a.base):
        faults.append(
            "bypass 'pca' maps an image to the same image: with other inputs, skips or a base use "
            "bypass 'none'"
        )
    if a.base not in (0, 1, channels) or a.base > a.input_channels:
        faults.append(
            f"base must be 0, 1 or the {channels} channels of the image, and at most the number of inputs; "
            f"got {a.base} of {a.input_channels} inputs"
        )
    if a.base and a.output == "sigmoid":
        faults.append("output 'sigmoid' would distort the base: use output 'clamp' or 'linear'")
    if a.contrast and not a.base:
        faults.append("contrast requires a base; without one set it to 0")
    return faults
