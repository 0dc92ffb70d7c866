"""The settings that a search may vary, and the range of each: derived from the table of parameters."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convae.config.setting import Setting
from convae.errors import InputError, unknown_name

MOST_OPTIONS = 100
HELD_OUT = 0.2  # of the images that trials get; a fit holds a tenth out

# What is searched for each kind of ``convae fit``. A code's size and constraint are left out: a larger or
# freer code always has a lower error.
SEARCHED: Mapping[str, tuple[str, ...]] = {
    "autoencoder": ("learning_rate", "batch_size", "widths", "blocks", "ema"),
    "variational": ("learning_rate", "batch_size", "widths", "blocks", "ema"),
    "sparse": ("learning_rate", "batch_size", "ema"),
    "stacked": ("learning_rate", "batch_size", "ema"),
    "denoiser": ("learning_rate", "batch_size", "widths", "loss", "ema"),
    "inpainter": ("learning_rate", "batch_size", "widths", "loss", "ema"),
}
_FACTOR = 5.0  # a learning rate is searched from a fifth to five times the default
_WIDTH_FACTORS = (0.5, 1.0, 1.5)
_RANGES: Mapping[str, tuple[float, float, bool]] = {
    "warmup": (0.0, 0.3, False),
    "weight_decay": (1e-4, 1.0, True),
}
_OPTIONS: Mapping[str, tuple[Any, ...]] = {
    "batch_size": (16, 32, 64, 128, 256),
    "blocks": (0, 1, 2, 3),
    "ema": (0.9, 0.97, 0.99, 0.995),
    "loss": ("mse", "l1", "charbonnier"),
    "clip": (0.3, 1.0, 3.0),
    "kernel_size": (3, 5),
}
NO_DETECTOR = (
    "an anomaly detector cannot be tuned: it learns from normal images alone, and without labelled anomalies "
    "nothing says which settings find more of them; 'convae fit anomaly --tune' compares three networks by "
    "synthetic defects"
)
_OTHER_IMAGES = "it changes the images that trials are measured on"
REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("size", "framing", "channels", "image_shape", "strict"), _OTHER_IMAGES),
    "random_state": "a seed that does better is luck, not a better setting",
    "validation_fraction": "all trials are measured on the same held-out images",
    "device": "it changes no result worth choosing by",
    "storage": "it changes no result worth choosing by",
    "neighbours": "it names a file",
    "budget": "all trials have the same epochs",
}
# A trial that varies one of these cannot be compared with others epoch by epoch.
INCOMPARABLE_EPOCHS = frozenset(
    {
        *(
            "epochs",
            "level_epochs",
            "noise",
            "sigma",
            "mean",
            "clip_noise",
            "learn",
            "holes",
            "patch",
        ),
        *("turn", "shift", "neighbourhood", "bottleneck", "levels", "binarise"),
    }
)
LARGER_IS_BETTER = frozenset({"latent_dim", "bottleneck", "code", "hidden", "pattern"})


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A setting that is searched between two numbers.

    Attributes:
        name: the parameter.
        low, high: the ends, both included.
        log: whether equal factors are equally likely; needs ends above 0.
        whole: whether only whole numbers are tried.
    """

    name: str
    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise InputError(
                f"{self.name}: a search needs two increasing numbers; got {self.low:g} and {self.high:g}"
            )
        if self.log and self.low <= 0:
            raise InputError(
                f"{self.name}: a logarithmic search needs ends above 0; got {self.low:g}: give another "
                "lower end, or leave out 'log'"
            )

    def __contains__(self, value: object) -> bool:
        """Whether a value lies between the ends."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high  # type: ignore[operator]

    def __str__(self) -> str:
        return (
            f"{self.name} from {self.low:g} to {self.high:g}{' (logarithmic)' if self.log else ''}"
        )


@dataclass(frozen=True, kw_only=True)
class Options:
    """A setting of which some values are tried.

    Attributes:
        name: the parameter.
        values: the values, at least two.
    """

    name: str
    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(set(self.labels)) <= MOST_OPTIONS:
            raise InputError(
                f"{self.name}: a search needs from 2 to {MOST_OPTIONS} different values; got "
                f"{', '.join(dict.fromkeys(self.labels)) or 'none'}"
            )

    @property
    def labels(self) -> list[str]:
        """The values as text."""
        return [label_of(value) for value in self.values]

    def value_of(self, label: str) -> Any:
        """Return the value of a label."""
        return self.values[self.labels.index(label)]

    def __contains__(self, value: object) -> bool:
        """Whether a value is one of those tried."""
        return label_of(value) in self.labels

    def __str__(self) -> str:
        return f"{self.name} of {' | '.join(self.labels)}"


Dimension = Interval | Options


def label_of(value: object) -> str:
    """Return a value as text: ``32,64`` for widths, ``default`` for None.

    >>> label_of((32, 64)), label_of(0.99), label_of(None), label_of(True)
    ('32,64', '0.99', 'default', 'true')
    """
    if value is None:
        return "default"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def default_dimension(
    one: Setting, *, optimizer: str = "muon", widths: Sequence[int] = ()
) -> Dimension:
    """Return the range that is searched for a setting if none is given.

    Args:
        one: the setting, of the table of the estimator.
        optimizer: decides the range of the learning rate.
        widths: those of the preset, which are halved and made half as wide again.

    Raises:
        InputError: no range is known; the message shows how to give one.
    """
    name = one.name
    if name == "learning_rate":
        from convae.config.training import (
            LEARNING_RATES,
        )  # loads torch, which --help need not wait for

        rate = LEARNING_RATES.get(optimizer, 1e-3)
        return Interval(name=name, low=rate / _FACTOR, high=rate * _FACTOR, log=True)
    if name == "widths" and widths:
        scaled = [tuple(_whole(width * f) for width in widths) for f in _WIDTH_FACTORS]
        return Options(name=name, values=tuple(dict.fromkeys(scaled)))
    if name in _RANGES:
        low, high, log = _RANGES[name]
        return Interval(name=name, low=low, high=high, log=log)
    if name in _OPTIONS:
        return Options(name=name, values=_OPTIONS[name])
    if one.choices:
        return Options(name=name, values=one.choices)
    if one.kind == "flag":
        return Options(name=name, values=(False, True))
    raise InputError(
        f"{one.key}: which values to search is not known: give them, such as '{one.key}=LOW:HIGH' or "
        f"'{one.key}=A|B|C'"
    )


def _whole(width: float) -> int:
    """Return a width as a multiple of 8, from 4."""
    return max(4, round(width / 8) * 8)


def refuse_unsearchable(name: str, known: Mapping[str, Setting]) -> Setting:
    """Return the setting of a name that a search may vary.

    Args:
        name: as in a TOML file.
        known: the settings of the estimator, by their names in TOML files.

    Raises:
        InputError: there is no such setting, or a search must not vary it.
    """
    key = name.strip().replace("-", "_")
    if key not in known:
        raise unknown_name("setting to search", name.strip(), known)
    one = known[key]
    if one.name in REFUSED:
        instead = "" if one.name == "budget" else "; set one value for all trials instead"
        raise InputError(f"{key} cannot be searched: {REFUSED[one.name]}{instead}")
    return one


def parse_dimension(
    text: str, known: Mapping[str, Setting], read: Callable[[Setting, str], Any]
) -> tuple[Setting, Dimension | None]:
    """Parse ``NAME``, ``NAME=LOW:HIGH``, ``NAME=LOW:HIGH:log`` or ``NAME=a|b|c``.

    Args:
        text: as typed.
        known: the settings by name.
        read: parses one value of a setting.

    Returns:
        The setting and its range; None for the range by default.

    Raises:
        InputError: the text is none of these, or a value is wrong for the setting.
    """
    name, given, values = text.partition("=")
    one = refuse_unsearchable(name, known)
    if not given:
        return one, None
    if "|" in values:
        return one, Options(name=one.name, values=tuple(read(one, v) for v in values.split("|")))
    parts = [part.strip() for part in values.split(":")]
    ending = parts.pop().lower() if len(parts) == 3 else ""
    if one.kind in ("int", "float") and len(parts) == 2 and ending in ("", "log", "linear"):
        low, high = (read(one, part) for part in parts)
        if None not in (low, high):
            refuse_out_of_range(one, low, high)
            return one, Interval(
                name=one.name, low=low, high=high, log=ending == "log", whole=one.kind == "int"
            )
    numbers = "NAME=LOW:HIGH, NAME=LOW:HIGH:log or " if one.kind in ("int", "float") else ""
    raise InputError(f"a search of '{one.key}' takes {numbers}NAME=a|b|c; got {text!r}")


def refuse_out_of_range(one: Setting, *values: float) -> None:
    """Refuse numbers beyond the range of a setting.

    Raises:
        InputError: the message states the range.
    """
    for value in values:
        if one.least is not None and one.most is not None and not one.least <= value <= one.most:
            raise InputError(
                f"{one.key} must be from {one.least:g} to {one.most:g}; the search has {value:g}"
            )


def dimension_of(one: Setting, given: Any) -> Dimension:
    """Return the range of a setting from Python: ``(low, high)``, ``(low, high, "log")`` or a list of values.

    Raises:
        InputError: it is none of these.

    >>> from convae.config.parameters import AutoencoderParameters
    >>> from convae.config.setting import settings_of
    >>> known = {one.name: one for one in settings_of(AutoencoderParameters)}
    >>> print(dimension_of(known["learning_rate"], (0.001, 0.1, "log")))
    learning_rate from 0.001 to 0.1 (logarithmic)
    >>> print(dimension_of(known["widths"], [(16, 32), (32, 64)]))
    widths of 16,32 | 32,64
    """
    if isinstance(given, Interval | Options):
        return given
    if isinstance(given, list):
        return Options(
            name=one.name, values=tuple(tuple(v) if isinstance(v, list) else v for v in given)
        )
    ends = given[:2] if isinstance(given, tuple) and len(given) in (2, 3) else ()
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in ends)
    if (
        not ends
        or not numbers
        or given[2:] not in ((), ("log",))
        or one.kind not in ("int", "float")
    ):
        raise InputError(
            f"search: {one.key} takes a list of values"
            + (", (low, high) or (low, high, 'log')" if one.kind in ("int", "float") else "")
            + f"; got {given!r:.80}"
        )
    refuse_out_of_range(one, *ends)
    return Interval(
        name=one.name, low=ends[0], high=ends[1], log=len(given) == 3, whole=one.kind == "int"
    )
