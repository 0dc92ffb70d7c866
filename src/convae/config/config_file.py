"""A file of settings in TOML, as ``--config`` reads it."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from convae.errors import InputError


def toml_text(values: Mapping[str, Any], comments: Sequence[str] = ()) -> str:
    """Return settings as TOML, one ``name = value`` a line, below some lines of comment.

    Args:
        values: text, numbers, truth values and lists of these, by name; None is left out.
        comments: lines without ``#``.

    Raises:
        InputError: TOML has no such value.

    >>> print(toml_text({"widths": (16, 32), "loss": "mse", "ema": 0.99, "size": None}, ["made here"]))
    # made here
    widths = [16, 32]
    loss = "mse"
    ema = 0.99
    <BLANKLINE>
    """
    lines = [f"# {line}".rstrip() for text in comments for line in text.splitlines() or [""]]
    lines += [f"{name} = {_value(v)}" for name, v in values.items() if v is not None]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, str):
        # TOML's basic strings have the escapes of JSON, but no surrogates.
        return json.dumps(value.encode("utf-8", "replace").decode(), ensure_ascii=False).replace(
            "\x7f", "\\u007f"
        )
    raise InputError(f"a file of settings cannot hold {value!r:.60}")
