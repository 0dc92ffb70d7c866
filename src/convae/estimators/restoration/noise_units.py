"""Noise levels for people, in grey levels of the stored values or of the file type (``25/255``).

The network sees scaled values, and a model file stores noise in their units. Everything that is printed,
written, or given as an option is in the units of the files.
"""

from convae.corruption.noise import Noise
from convae.corruption.noise_kinds import KINDS
from convae.corruption.noise_levels import level_text
from convae.images.dataset.scaling import DTYPE_RANGES, Scaling


def stretch(scaling: Scaling) -> float:
    """Return the ratio of the network's units to fractions of the file type's range."""
    low, high = DTYPE_RANGES[scaling.dtype]
    spans = [b - a for a, b in zip(scaling.low, scaling.high, strict=True)]
    return (high - low) / (sum(spans) / len(spans))


def stored_level(level: float, scaling: Scaling) -> str:
    """Write a noise level given in the network's units for the files: ``25/255``, ``24/65535``, ``0.02``.

    >>> stored_level(0.1, Scaling((0.0,), (255.0,), "uint8"))
    '25.5/255'
    >>> stored_level(0.1, Scaling((200.0,), (440.0,), "uint16"))
    '24/65535'
    """
    return level_text(level / stretch(scaling), scaling.dtype)


def noise_text(noise: Noise, scaling: Scaling) -> str:
    """Write noise given in the network's units as the option ``--noise`` takes it, in the units of the files.

    >>> from convae.corruption.noise import parse_noise
    >>> noise_text(parse_noise("gaussian:0..55/255+jpeg:10..50"), Scaling((0.0,), (255.0,), "uint8"))
    'gaussian:0..55/255+jpeg:10..50'
    """
    stored = noise.rescaled(1 / stretch(scaling))
    pieces = []
    for piece in stored.pieces:
        ends = dict.fromkeys((piece.least, piece.most))
        if KINDS[piece.kind].additive:
            shown = [level_text(end, scaling.dtype) if end else "0" for end in ends]
            pieces.append(f"{piece.kind}:{'..'.join(shown)}")
        else:
            pieces.append(str(piece))
    text = "+".join(pieces)
    return f"{text}, clipped" if noise.clip else text


def used_range(scaling: Scaling) -> str:
    """Return the stored values that the network sees as 0 to 1; an empty text if they are the whole range.

    >>> used_range(Scaling((200.0,), (440.0,), "uint16"))
    '200 to 440'
    """
    low, high = min(scaling.low), max(scaling.high)
    return "" if (low, high) == DTYPE_RANGES[scaling.dtype] else f"{low:g} to {high:g}"
