"""Bottlenecks: constraints on the code between encoder and decoder, written as text.

>>> parse_bottleneck("gaussian"), str(parse_bottleneck("top-k:0.05"))
(Bottleneck(kind='gaussian', level=None, free_bits=0.0, warmup=0.1, levels=1, commitment=1.0), 'top-k:0.05')
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from convae.errors import InputError, raise_faults, unknown_name


class Kind(NamedTuple):
    """The strength (level) of a kind of bottleneck.

    Attributes:
        default: the default.
        most: the largest value; the smallest is above 0.
        meaning: what the value means.
    """

    default: float
    most: float
    meaning: str


FEWEST_ENTRIES, MOST_ENTRIES = 2, 65_536  # of a codebook
KINDS: dict[str, Kind | None] = {
    "plain": None,
    "gaussian": Kind(
        1.0, 1e4, "beta, how much a nat of the code counts, compared with one of the image"
    ),
    "l1": Kind(0.1, 1e4, "how much the mean size of the code counts, as a part of the loss"),
    "kl": Kind(0.05, 0.5, "the part of the images that a number of the code should be on for"),
    "top-k": Kind(0.1, 1.0, "the part of the numbers of a code that may differ from 0"),
    "winners": Kind(0.05, 1.0, "the part of the images that a number of the code may be on for"),
    "vq": Kind(512, MOST_ENTRIES, "the number of entries in the codebook"),
}
SPARSE = ("l1", "kl", "top-k", "winners")
MOST_LEVELS = 12
RATE_ON = 0.5  # a unit whose rate (0 to 1) is above this counts as active
OPTIONS = ("free_bits", "warmup", "levels", "commitment")  # written name=number


@dataclass(frozen=True)
class Bottleneck:
    """A constraint on the code.

    Attributes:
        kind: ``plain`` (no constraint), ``gaussian`` (variational: a distribution near the standard normal
            one), ``l1`` (small values of at least 0), ``kl`` (activation rates near a target), ``top-k``
            (only the largest units of each code), ``winners`` (winner-take-all: each unit is active only for
            the images that activate it most; for a spatial code, only at the strongest position in each
            image), ``vq`` (vector-quantised: the vector at each position of a spatial code is one of the
            entries of a codebook).
        level: the strength, see :data:`KINDS`; None takes the default.
        free_bits: nats in each latent dimension of a Gaussian code that cost nothing (a mean over the batch),
            so that the code is not ignored at the start of training.
        warmup: fraction of the training over which the cost of a Gaussian code rises from 0.
        levels: latent hierarchy levels of a Gaussian code: 1 is the code alone; 2 or 3 add latent variables
            at the next larger maps of the decoder, whose distribution depends on the levels above (a ladder).
        commitment: of a ``vq`` code: weight of the squared distance between the encoder's vectors and their
            entries, as a fraction of the variance of the vectors, compared with the loss of the image.
    """

    kind: str = "plain"
    level: float | None = None
    free_bits: float = 0.0
    warmup: float = 0.1
    levels: int = 1
    commitment: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in KINDS:
            raise unknown_name("bottleneck", self.kind, KINDS)
        raise_faults(f"bottleneck {self.kind}", list(self._faults()))

    def _faults(self) -> list[str]:
        kind, faults = KINDS[self.kind], []
        if kind is None and self.level is not None:
            faults.append("it has no level")
        whole = self.kind != "vq" or self.level in range(FEWEST_ENTRIES, MOST_ENTRIES + 1)
        if not whole and _within(self.level, MOST_ENTRIES):
            faults.append(
                f"a codebook has a whole number of entries, at least {FEWEST_ENTRIES}; got {self.level!r:.40}"
            )
        if kind is not None and self.level is not None and not _within(self.level, kind.most):
            faults.append(
                f"its level must be a number above 0, up to {kind.most:g} ({kind.meaning}); got "
                f"{self.level!r:.40}"
            )
        for name, most in (("free_bits", 100.0), ("warmup", 1.0), ("commitment", 1e4)):
            value = getattr(self, name)
            if value != 0 and not _within(value, most):
                faults.append(f"{name} must be a number from 0 to {most:g}; got {value!r:.40}")
        if type(self.levels) is not int or not 1 <= self.levels <= MOST_LEVELS:
            faults.append(
                f"levels must be a whole number from 1 to {MOST_LEVELS}; got {self.levels!r:.40}"
            )
        elif self.levels > 1 and self.kind != "gaussian":
            faults.append("levels are those of a Gaussian code: use 'gaussian', or leave them out")
        if self.kind != "vq" and self.commitment != type(self).commitment:
            faults.append("commitment is that of a codebook: use 'vq', or leave it out")
        return faults

    @property
    def strength(self) -> float:
        """The level, or its default; 0 for a plain bottleneck."""
        kind = KINDS[self.kind]
        if self.level is not None:
            return self.level
        return 0.0 if kind is None else kind.default

    @property
    def architecture(self) -> dict[str, Any]:
        """Return the fields of :class:`convae.Architecture` that the bottleneck sets."""
        if self.kind in ("top-k", "winners"):
            return {"bottleneck": self.kind, "active": self.strength}
        if self.kind == "vq":
            return {"bottleneck": self.kind, "entries": int(self.strength)}
        if self.levels > 1:
            return {"bottleneck": self.kind, "levels": self.levels}
        return {"bottleneck": self.kind}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Create a bottleneck from the result of :meth:`to_dict`.

        Raises:
            InputError: the values are not a table of settings, or a setting is unknown.
        """
        if not isinstance(values, Mapping):
            raise InputError(f"bottleneck: must be a table of settings; got {values!r:.40}")
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise unknown_name("bottleneck setting", name, known)
        return cls(**values)

    def __str__(self) -> str:
        """Return the text that :func:`parse_bottleneck` parses to an equal bottleneck."""
        named = [
            f"{field.name}={getattr(self, field.name):g}"
            for field in dataclasses.fields(self)
            if field.name in OPTIONS and getattr(self, field.name) != field.default
        ]
        parts = [*([] if self.level is None else [f"{self.level:g}"]), *named]
        return self.kind + (":" + ",".join(parts) if parts else "")


def parse_bottleneck(spec: "str | Bottleneck") -> Bottleneck:
    """Parse the text of a bottleneck: a kind, with or without a level.

    Args:
        spec: ``plain``, ``gaussian``, ``gaussian:0.5``, ``gaussian:1,free_bits=0.1``, ``gaussian:levels=3``,
            ``l1:0.2``, ``kl:0.05``, ``top-k:0.1``, ``winners:0.05``, ``vq:512``, ``vq:64,commitment=0.5``. A
            :class:`Bottleneck` is returned unchanged.

    Raises:
        InputError: the kind is unknown, or its level is out of range.
    """
    if isinstance(spec, Bottleneck):
        return spec
    if not isinstance(spec, str):
        raise InputError(
            f"bottleneck must be text such as 'gaussian' or 'top-k:0.1'; got {spec!r:.60}"
        )
    kind, colon, rest = (part.strip() for part in spec.partition(":"))
    if not colon or kind not in KINDS:
        return Bottleneck(kind)
    values: dict[str, Any] = {}
    for part in rest.split(","):
        name, equals, number = (text.strip() for text in part.rpartition("="))
        name = name if equals else "level"
        if name not in ("level", *OPTIONS):
            raise unknown_name(f"bottleneck {spec!r:.60}: setting", name, OPTIONS)
        try:
            values[name] = int(number) if name == "levels" else float(number)
        except ValueError:
            raise InputError(
                f"bottleneck {spec!r:.60}: {name} must be a {'whole ' * (name == 'levels')}number; got "
                f"{number!r:.40}"
            ) from None
    return Bottleneck(kind, **values)


def on_above(kind: str) -> float:
    """Return the value above which a unit counts as active, in a bottleneck of this kind."""
    return RATE_ON if kind == "kl" else 0.0


def _within(value: object, most: float) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 < value <= most  # type: ignore[arg-type,operator]
