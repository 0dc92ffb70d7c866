"""Noise of one or several kinds: described by text, stored as plain values, sampled with a generator.

>>> noise = parse_noise("gaussian", sigma="25/255")
>>> noisy, level = noise.apply(torch.full((2, 1, 8, 8), 0.5), torch.Generator().manual_seed(0))
>>> noisy.shape, level.flatten()
(torch.Size([2, 1, 8, 8]), tensor([0.0980, 0.0980]))
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Generator, Tensor

from convae.corruption.noise_kinds import KINDS, LARGEST, Kind
from convae.corruption.noise_levels import Level, parse_level
from convae.errors import InputError, raise_faults, unknown_name

MOST_PIECES = 8
LARGEST_PATCH = 65_536


@dataclass(frozen=True)
class Piece:
    """One kind of noise, its level sampled for each image between ``least`` and ``most``.

    Attributes:
        kind: one of :data:`convae.corruption.noise_kinds.KINDS`, which define what a level means.
        least: the smallest level.
        most: the largest level; the same for noise of one level.
        mean: added to every pixel along with additive noise.
        patch: side in pixels of the patches of ``masks``; 0 for an eighth of the shorter side of an image, at
            least 2 pixels.

    Raises:
        InputError: for an unknown kind or a level that the kind cannot have.
    """

    kind: str
    least: float
    most: float
    mean: float = 0.0
    patch: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in KINDS:
            raise unknown_name("noise", self.kind, KINDS)
        raise_faults(f"noise {self.kind}", _faults(self, KINDS[self.kind]))

    def levels(self, images: int, generator: Generator) -> Tensor:
        """Sample a level for each image, (B, 1, 1, 1) float32 on the CPU."""
        parts = torch.rand((images, 1, 1, 1), generator=generator, dtype=torch.float64)
        return parts.apply_(self.between).float()

    def between(self, part: float) -> float:
        """Return the level at a position of the range, from 0 to 1."""
        if not KINDS[self.kind].logarithmic or self.least == self.most:
            return self.least + (self.most - self.least) * part
        level: float = self.least * (self.most / self.least) ** part
        return level

    def apply(self, batch: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Add noise to (B, C, H, W); return the result and the deviations, as :meth:`Noise.apply` does."""
        kind = KINDS[self.kind]
        level = self.levels(len(batch), generator).to(batch.device)
        patch = {"patch": self.patch} if kind.patched else {}
        noisy = kind.make(batch, level, generator, **patch)
        if kind.additive:
            return noisy + self.mean, level
        change = (noisy - batch).square().mean(dim=(1, 2, 3), keepdim=True)
        return noisy, change.sqrt()

    def __str__(self) -> str:
        ends = dict.fromkeys((self.least, self.most))
        patch = f"@{self.patch}" if self.patch else ""
        return f"{self.kind}:{'..'.join(f'{end:.4g}' for end in ends)}{patch}"


@dataclass(frozen=True)
class Noise:
    """Pieces of noise, one after the other.

    Attributes:
        pieces: the kinds of noise, applied to an image in this order.
        clip: whether values are clipped to [0, 1], as those of an 8-bit file are.

    Raises:
        InputError: for no pieces or too many, or a ``clip`` that is not a bool.
    """

    pieces: tuple[Piece, ...]
    clip: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "pieces", tuple(self.pieces))
        faults = []
        if not 1 <= len(self.pieces) <= MOST_PIECES:
            faults.append(f"it must have 1 to {MOST_PIECES} kinds; got {len(self.pieces)}")
        if not isinstance(self.clip, bool):
            faults.append(f"clip must be true or false; got {self.clip!r:.40}")
        raise_faults("noise", faults)

    def apply(self, batch: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Add newly sampled noise to images.

        Args:
            batch: (B, C, H, W) clean images in about [0, 1].
            generator: on the CPU; the same state gives the same noise.

        Returns:
            the noisy images, (B, C, H, W) of the same dtype and device, and the deviation of each from its
            clean image, (B, 1, 1, 1): the sampled standard deviation for additive noise, the root of the mean
            squared change for other kinds, and the root of the sum of squares for several kinds.
        """
        noisy, variance = batch.float(), batch.new_zeros((len(batch), 1, 1, 1), dtype=torch.float32)
        for piece in self.pieces:
            noisy, deviation = piece.apply(noisy, generator)
            variance = variance + deviation.square()
        if self.clip:
            noisy = noisy.clamp(0, 1)
        return noisy.to(batch.dtype), variance.sqrt().to(batch.dtype)

    @property
    def ranged(self) -> bool:
        """Whether images have noise of different levels."""
        return any(piece.least < piece.most for piece in self.pieces)

    def fixed(self, part: float) -> "Noise":
        """Return the noise at one position of its ranges, from 0 (the least levels) to 1 (the most)."""
        pieces = [
            dataclasses.replace(p, least=p.between(part), most=p.between(part)) for p in self.pieces
        ]
        return Noise(tuple(pieces), self.clip)

    def rescaled(self, factor: float) -> "Noise":
        """Return the same noise for images whose values are ``factor`` times as far apart.

        For images that are stretched before the network sees them: 25/255 of an 8-bit range is 50/255 of one
            half
        of it. Only additive noise has the unit of the values.
        """
        pieces = [
            dataclasses.replace(
                p, least=p.least * factor, most=p.most * factor, mean=p.mean * factor
            )
            if KINDS[p.kind].additive
            else p
            for p in self.pieces
        ]
        return Noise(tuple(pieces), self.clip)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the noise from the output of :meth:`to_dict`.

        Raises:
            InputError: for unknown or missing names.
        """
        _check_names("noise", values, cls)
        pieces = values.get("pieces")
        if not isinstance(pieces, list | tuple):
            raise InputError(f"noise: pieces must be a list; got {pieces!r:.40}")
        for piece in pieces:
            _check_names("noise piece", piece, Piece)
            if missing := {"kind", "least", "most"} - set(piece):
                raise InputError(f"noise piece: {', '.join(sorted(missing))} is missing")
        return cls(tuple(Piece(**piece) for piece in pieces), values.get("clip", False))

    def __str__(self) -> str:
        text = " + ".join(map(str, self.pieces))
        return f"{text}, clipped" if self.clip else text


def parse_noise(
    spec: "str | Noise",
    *,
    sigma: Level | None = None,
    mean: float = 0.0,
    clip: bool = False,
    limited: bool = True,
) -> Noise:
    """Parse the description of noise.

    Args:
        spec: kinds joined by ``+``, each with or without a level: ``gaussian``,
            ``gaussian:0..55/255+stripes:5/255``, ``salt-and-pepper:0.05``, ``poisson:10..100``,
            ``jpeg:10..40``, ``masks:0.6``, ``masks:0.6@4``. A level is a number, a fraction or a range, from
            which a level is sampled for each image. The side of the patches of ``masks`` in pixels may follow
            an ``@``. Levels of additive noise are in the unit of the image: the distance from black to
            white is 1. A :class:`Noise` is returned as it is.
        sigma: the level of the first kind that is measured by a standard deviation and has no level of
            its own; a number, text as above, or a pair.
        mean: of the first additive kind.
        clip: whether values are clipped to [0, 1].
        limited: whether additive noise above 1 is refused, see :func:`check_levels`.

    Raises:
        InputError: for an unknown kind, a level that the kind cannot have, and a ``sigma`` or ``mean``
            that applies to nothing in ``spec``.

    >>> str(parse_noise("gaussian:0..55/255 + jpeg:30"))
    'gaussian:0..0.2157 + jpeg:30'
    """
    if isinstance(spec, Noise):
        return spec
    if not isinstance(spec, str):
        raise InputError(f"noise must be text such as 'gaussian:25/255'; got {spec!r:.60}")
    named = [tuple(part.strip() for part in text.partition(":")) for text in spec.split("+")]
    for kind, _, _ in named:
        if kind not in KINDS:
            raise unknown_name("noise", kind, KINDS)
    levels: list[Level | None] = [level if colon else None for _, colon, level in named]
    if sigma is not None:
        levels[_first(spec, sigma, [KINDS[k].sigma and not colon for k, colon, _ in named])] = sigma
    pieces = [_piece(kind, level) for (kind, _, _), level in zip(named, levels, strict=True)]
    if mean:
        place = [KINDS[kind].additive for kind, _, _ in named]
        if True not in place:
            raise InputError(f"noise {spec!r}: a mean is for additive noise such as gaussian")
        pieces[place.index(True)] = dataclasses.replace(pieces[place.index(True)], mean=mean)
    noise = Noise(tuple(pieces), clip)
    if limited:
        check_levels(noise)
    return noise


def _first(spec: str, sigma: Level, takes: list[bool]) -> int:
    """Return the index of the piece to which ``sigma`` applies."""
    if True in takes:
        return takes.index(True)
    known = ", ".join(name for name, kind in KINDS.items() if kind.sigma)
    raise InputError(
        f"sigma {sigma!r:.40} has no place in noise {spec!r:.80}: it is for {known}, without a level of "
        "their own; other levels follow their kind after a colon, as in jpeg:20"
    )


def _piece(name: str, level: Level | None) -> Piece:
    kind, patch = KINDS[name], 0
    if kind.patched and isinstance(level, str):
        level, at, side = (part.strip() for part in level.partition("@"))
        if at and not (side.isascii() and side.isdigit() and 0 < int(side) <= LARGEST_PATCH):
            raise InputError(
                f"noise {name}: the side of a patch must be a whole number of pixels from 1 to "
                f"{LARGEST_PATCH:,}, as in {name}:0.6@4; got {side!r:.40}"
            )
        patch = int(side) if at else 0
        level = level or None
    if level is None:
        return Piece(name, *kind.default, patch=patch)
    least, most = parse_level(level, f"the level of {name}")
    return Piece(name, least, most, patch=patch)


def check_levels(noise: Noise) -> None:
    """Refuse additive noise above 1, which was probably meant in grey levels.

    Raises:
        InputError: for such a level; the message states the correct form.

    >>> check_levels(parse_noise("gaussian:25/255"))
    """
    for piece in noise.pieces:
        if KINDS[piece.kind].additive and piece.most > 1:
            raise InputError(
                f"the level of {piece.kind} must lie between 0 and 1, where 1 leads from black to white; "
                f"got {_ends(piece)}: for 8-bit images write {_ends(piece, '/255')}, for 16-bit images "
                f"{_ends(piece, '/65535')}"
            )


def _ends(piece: Piece, unit: str = "") -> str:
    """Return the level as text; with a unit, as it was probably meant: ``25/255``."""
    ends = dict.fromkeys((piece.least, piece.most))
    return "..".join(f"{end:g}{unit}" if end else "0" for end in ends)


def _check_names(what: str, values: object, cls: type) -> None:
    if not isinstance(values, Mapping):
        raise InputError(f"{what}: must be a table of settings; got {values!r:.40}")
    known = [field.name for field in dataclasses.fields(cls)]
    for name in values:
        if name not in known:
            raise unknown_name(f"{what} setting", name, known)


def _faults(piece: Piece, kind: Kind) -> list[str]:
    for value in (piece.least, piece.most):
        if not _is_number(value) or not kind.least <= value <= kind.most:
            return [
                f"its level must be a number from {kind.least:g} to {kind.most:g} ({kind.meaning}); got "
                f"{value!r:.40}"
            ]
    faults = []
    if piece.least > piece.most:
        faults.append(f"its least level {piece.least:g} is above its most {piece.most:g}")
    if not _is_number(piece.mean) or not abs(piece.mean) <= LARGEST:
        faults.append(f"its mean must be a number; got {piece.mean!r:.40}")
    elif piece.mean and not kind.additive:
        faults.append("a mean is for additive noise such as gaussian")
    if type(piece.patch) is not int or not 0 <= piece.patch <= LARGEST_PATCH:
        faults.append(
            f"patch must be a whole number of pixels up to {LARGEST_PATCH:,}; got {piece.patch!r:.40}"
        )
    elif piece.patch and not kind.patched:
        faults.append("a patch is for masks")
    return faults


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
