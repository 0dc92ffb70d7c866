"""Text and numbers for reports: unsafe characters made visible, values with few digits."""

import math
import unicodedata
from collections.abc import Sequence

import numpy as np

_ASCII = str.maketrans({"−": "-", "–": "-", "∞": "inf", "²": "2"})
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# Control characters break XML, surrogates break UTF-8, and bidirectional controls can disguise a file
# name; all three become the visible replacement character.
_HIDDEN = {"Cc", "Cs", "Cf"}
_NEVER_XML = {"\ufffe", "\uffff"}
_KEPT = {"\n", "\t", "\u200c", "\u200d"}  # the joiners are part of Persian, Indic and emoji names


def clean(text: object) -> str:
    """Replace every character of ``text`` that cannot be shown, or that hides others, by a visible one.

    >>> clean("cat\\x00\\u202egnp.exe")
    'cat��gnp.exe'
    """
    letters = str(text)
    if letters.isascii() and letters.isprintable():
        return letters
    return "".join(
        "\ufffd" if letter not in _KEPT and _hides(letter) else letter for letter in letters
    )


def shorten(text: str, length: int) -> str:
    """Shorten ``text`` to ``length`` characters in the middle, because file names differ at the end.

    >>> shorten("training/images/0001.png", 14)
    'trainin…01.png'
    """
    if len(text) <= length:
        return text
    tail = max((length - 1) * 6 // 13, 0)
    return text[: max(length - 1 - tail, 0)] + "…" + (text[-tail:] if tail else "")


def number(value: object, digits: int = 3) -> str:
    """Format one value: ``digits`` significant digits, a power of ten only for many zeros.

    >>> number(0.0043156), number(178001), number(2.5e-7), number(None), number(24.318)
    ('0.00432', '178,001', '2.50×10⁻⁷', '–', '24.3')
    """
    if isinstance(value, str | bool | np.bool_):
        return str(value)
    if isinstance(value, int | np.integer):
        return f"{int(value):,}".replace("-", "−")
    if not isinstance(value, float | np.floating):
        return "–" if value is None else str(value)
    real = float(value)
    if not math.isfinite(real):
        return "–" if math.isnan(real) else ("∞" if real > 0 else "−∞")
    if real != 0 and not 1e-4 <= abs(real) < 1e9:
        return _power(real, digits)
    return fixed(real, _decimals(real, digits))


def fixed(value: float, decimals: int) -> str:
    """Format ``value`` with a given number of decimals, thousands separators and a true minus sign.

    >>> fixed(-1234.5, 1)
    '−1,234.5'
    """
    text = f"{value:,.{max(decimals, 0)}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def numbers(values: Sequence[float | None], digits: int = 3, *, distinct: bool = True) -> list[str]:
    """Format a row of values to compare, all with the decimals that the smallest of them needs.

    With ``distinct``, values that differ also read differently, as far as three more digits help.

    >>> numbers([0.00432, 0.019261, None])
    ['0.00432', '0.01926', '–']
    """
    real = [float(v) for v in values if v is not None and math.isfinite(v)]
    sizes = [abs(v) for v in real if v != 0]
    if not sizes or min(sizes) < 1e-4 or max(sizes) >= 1e9:
        return [number(v, digits) for v in values]
    decimals = _decimals(min(sizes), digits)
    for _ in range(3 * distinct):
        if len({fixed(v, decimals) for v in real}) == len(set(real)):
            break
        decimals += 1
    return [
        number(v) if v is None or not math.isfinite(v) else fixed(float(v), decimals)
        for v in values
    ]


def ascii_text(text: str) -> str:
    """Replace the characters of numbers and metrics that some terminal encodings lack.

    >>> ascii_text("R²: −0.5 to ∞, – for none")
    'R2: -0.5 to inf, - for none'
    """
    return text.translate(_ASCII)


def percent(fraction: float | None, digits: int = 3) -> str:
    """Format a fraction of 1 as a percentage.

    >>> percent(0.4312), percent(None)
    ('43.1\\xa0%', '–')
    """
    if fraction is None or not math.isfinite(fraction):
        return "–"
    return f"{number(float(fraction) * 100, digits)}\u00a0%"  # the sign stays on its number's line


def duration(seconds: float | None) -> str:
    """Format seconds as text.

    >>> duration(0.0312), duration(75.2), duration(7384)
    ('0.031 s', '1 min 15 s', '2 h 3 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{number(float(seconds), 2 if seconds < 10 else 3)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def _hides(letter: str) -> bool:
    return unicodedata.category(letter) in _HIDDEN or letter in _NEVER_XML


def _decimals(value: float, digits: int) -> int:
    if value == 0:
        return 0
    return max(digits - 1 - math.floor(math.log10(abs(value))), 0)


def _power(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{max(digits - 1, 0)}e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}".replace("-", "−")
