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

CHOICES: dict[str, tuple[str, ...]] = {
    **{one.name: one.choices for one in settings_in(ArchitectureSettings) if one.choices},
    "bottleneck": tuple(KINDS),
}

# A description beyond these limits is a mistake or an attack (a model file may come from anywhere).
MAX_SIDE, MAX_CHANNELS, MAX_WIDTH, MAX_LATENT = 65_536, 1_024, 8_192, 1_048_576
MAX_STAGES, MAX_BLOCKS, MAX_KERNEL, MAX_DENSE_WEIGHTS = 12, 64, 31, 2**30
MAX_FINER, MAX_PATTERN = 256, 127


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The description of a network's layers; every field can be chosen on its own.

    Attributes:
        image_shape: (channels, height, width) of the images, each side from 1 up. A network with a
            ``spatial`` code also takes other heights and widths; one with a ``dense`` code takes only these.
        widths: channels of each stage, from the image inwards. Each stage halves height and width, except for
            the ``fine`` ones.
        blocks: residual blocks per stage; 0 makes plain convolutions.
        kernel_size: odd, in pixels.
        down: how a stage halves: ``stride`` (strided convolution), ``max`` or ``average`` (pooling after
            the convolution), ``unshuffle`` (space to depth before the convolution: nothing is lost, and
            nothing is computed at the high resolution).
        up: how the decoder doubles: ``transposed`` convolution, ``nearest`` or ``bilinear`` upsampling
            and a convolution, ``subpixel`` (a convolution to four times the channels and a shuffle).
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
        refine: residual blocks that correct the whole reconstruction at half its resolution, as the last
            part of the network; 0 for none. Their weights are shared by all positions of an image, so a few
            thousand natural images suffice to train them, where dense layers would overfit.
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
        fine: how many of the stages, the first ones, keep the full resolution instead of halving it. What
            differs from pixel to pixel, as scattered holes do, is learnt many times faster there.

    Raises:
        InputError: for values that cannot be, or cannot be combined, all listed together.
    """

    image_shape: tuple[int, int, int]
    widths: tuple[int, ...] = (64, 128)
    blocks: int = 2
    kernel_size: int = 3
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
    # Files without this field hold networks that have the activation.
    from_latent_activation: bool = True

    def __post_init__(self) -> None:
        for field in ("image_shape", "widths"):
            value = getattr(self, field)
            if isinstance(value, list):
                object.__setattr__(self, field, tuple(value))
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
    def strides(self) -> tuple[tuple[int, int], ...]:
        """(vertical, horizontal) reduction of each stage; a side of one pixel is not halved further."""
        _, height, width = self.image_shape
        steps = [(1, 1)] * self.fine
        for _ in self.widths[self.fine :]:
            step = (2 if height > 1 else 1, 2 if width > 1 else 1)
            height, width = math.ceil(height / step[0]), math.ceil(width / step[1])
            steps.append(step)
        return tuple(steps)

    @property
    def factor(self) -> tuple[int, int]:
        """(vertical, horizontal) pixels that one position of the smallest map covers."""
        return math.prod(s[0] for s in self.strides), math.prod(s[1] for s in self.strides)

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of the smallest map, for images of ``image_shape``."""
        (_, height, width), (fy, fx) = self.image_shape, self.factor
        return self.widths[-1], math.ceil(height / fy), math.ceil(width / fx)

    @property
    def smallest_side(self) -> int:
        """The least side of the smallest map, in positions, that the padding mode needs."""
        padding = self.kernel_size // 2
        return {"reflect": padding + 1, "circular": padding}.get(self.padding_mode, 1)

    def check_size(self, height: int, width: int) -> None:
        """Check that images of this size leave maps that can be padded.

        Raises:
            InputError: they are too small.
        """
        (fy, fx), side = self.factor, self.smallest_side
        if -(-height // fy) < side or -(-width // fx) < side:
            raise InputError(
                f"padding_mode {self.padding_mode!r} needs images larger than "
                f"{(side - 1) * fy}x{(side - 1) * fx} in this network; got {height}x{width}"
            )

    @property
    def code_shape(self) -> tuple[int, ...]:
        """``(latent_dim,)`` for a dense code, ``(latent_dim, height, width)`` for a spatial one."""
        return self.code_shape_of(self.image_shape[1:])

    def code_shape_of(self, size: tuple[int, int]) -> tuple[int, ...]:
        """Return the code shape for images of this (height, width)."""
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
        """Whether an untrained network already outputs PCA's reconstruction or its own input."""
        return self.bypass != "none" or self.base > 0

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
    check("kernel_size", a.kernel_size, 1, MAX_KERNEL)
    if type(a.kernel_size) is int and a.kernel_size % 2 == 0:
        faults.append(f"kernel_size must be odd; got {a.kernel_size}")
    return faults


def _combination_faults(a: Architecture) -> list[str]:
    faults = []
    smallest, needed = min(a.map_shape[1:]), a.smallest_side
    if smallest < needed:
        faults.append(
            f"padding_mode {a.padding_mode!r} with kernel_size {a.kernel_size} needs maps of at least "
            f"{needed} pixels a side, and {len(a.widths)} stages leave {smallest}: use fewer widths, "
            "or padding_mode 'replicate'"
        )
    if a.hidden and a.code == "spatial":
        faults.append("hidden requires code 'dense'; with code 'spatial' set it to 0")
    faults += compatibility.faults(
        path=[*(["pca"] if a.bypass == "pca" else []), *(["skips"] if a.skips else [])],
        bottleneck=[a.bottleneck],
        code=[a.code],
        output=[a.output],
        hierarchy=["ladder" if a.levels > 1 else "flat"],
        decoder=["patterns"] if a.pattern else [],
    )
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
