"""The values of parameters from flags, from ``--set`` and from TOML files.

Precedence, lowest to highest: the estimator's defaults, ``--config FILE.toml``, ``--set name=value``, flags.
"""

import math
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from convae.config.setting import Setting
from convae.errors import InputError, brief, damage, unknown_name
from convae.filesystem.run_files import reading

Values = dict[str, Any]
MOST_CONFIG = 2**20  # bytes of a TOML file
MOST_TEXT = 1000  # characters of a value
LARGEST_COUNT = 10**20
MOST_NESTED = 20  # depth of nested lists and tables in a file of settings


class Word(click.ParamType[Any]):
    """The type of an option whose value :func:`read_text` parses."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        shown = {"int": "N", "float": "X", "text": "NAME", "ints": "N,N,..."}
        self.name = setting.metavar or shown.get(setting.kind, setting.kind.upper())

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse text into a value; return anything else as it is (it is converted already)."""
        return read_text(self.setting, value) if isinstance(value, str) else value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[Any]:
        """Return the choices that begin with ``incomplete``."""
        from click.shell_completion import CompletionItem

        fits = [c for c in self.setting.choices if c.startswith(incomplete)]
        return [CompletionItem(choice) for choice in fits]


def read_text(setting: Setting, text: str) -> Any:
    """Parse a value given as text, by a flag or by ``--set``.

    Raises:
        InputError: the text is no such value; names the option, what it takes and what it got.
    """
    word = text.strip()
    unset = setting.default is None and word.lower() in ("auto", "none", "")
    if unset and word not in (*setting.choices, *setting.words):
        return None
    if word in setting.words:
        return word
    try:
        value = _READ[setting.kind](word)
    except ValueError:
        raise _fault(setting, repr(text)) from None
    return check_value(setting, value)


def check_value(setting: Setting, value: Any) -> Any:
    """Check a value, as a TOML file holds it, and return it in the type of the setting.

    Raises:
        InputError: the value is of another type, too long, too large or not among the choices.
    """
    if value is None:
        return None
    # Refused here, because later messages repeat values in full.
    if isinstance(value, str) and len(value) > MOST_TEXT:
        raise InputError(
            f"{setting.option} takes at most {MOST_TEXT:,} characters; got {len(value):,}"
        )
    if type(value) is int and setting.kind == "int" and abs(value) > LARGEST_COUNT:
        raise InputError(f"{setting.option} takes a whole number of up to 20 digits")
    if isinstance(value, str) and value in setting.words:
        return value
    if setting.choices and value not in setting.choices:
        raise unknown_name(setting.option, value, setting.choices)
    if setting.kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 2**1000 else math.inf
    if setting.kind == "ints":
        if type(value) is int:
            value = (value,)
        if setting.values and isinstance(value, list | tuple) and len(value) == 1:
            value = tuple(value) * setting.values  # size = 64 is a square
        if not isinstance(value, list | tuple) or not all(type(n) is int for n in value):
            raise _fault(setting, repr(value))
        if setting.values and len(value) != setting.values:
            raise _fault(setting, repr(value))
        return tuple(value)
    if type(value) is not _TYPES[setting.kind]:
        raise _fault(setting, repr(value))
    return value


_READ: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "text": str,
    "flag": lambda word: {"true": True, "yes": True, "1": True, "false": False, "no": False,
                          "0": False}.get(word.lower(), word),
    "ints": lambda word: tuple(int(part) for part in re.split(r"[,x\s]+", word.strip("()[]"))),
}  # fmt: skip
_TYPES: dict[str, type] = {"int": int, "float": float, "text": str, "flag": bool}
_TAKES = {
    "int": "a whole number",
    "float": "a number",
    "text": "text",
    "flag": "true or false",
    "ints": "whole numbers",
}


def _fault(setting: Setting, got: str) -> InputError:
    takes = f"{setting.values} {_TAKES['ints']}" if setting.values else _TAKES[setting.kind]
    takes = " or ".join([takes, *setting.words])
    return InputError(f"{setting.option} takes {takes}; got {brief(got)}")


def collect(
    table: Sequence[Setting],
    *,
    config: Path | None = None,
    pairs: Iterable[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> Values:
    """Collect the given parameters; flags override pairs, and pairs override the file.

    Args:
        config: a TOML file of keys and values.
        pairs: texts ``name=value``.
        flags: values by their names in the table; None for a flag that was not given.

    Raises:
        InputError: the file cannot be read, a name is unknown (the message names the nearest known one), a
            pair has no ``=``, or a value is of the wrong kind.
    """
    known = {setting.key: setting for setting in table}
    values: Values = {}
    for key, value in read_config(config).items() if config else ():
        setting = _known(known, key, f"setting in {config}")
        values[setting.name] = check_value(setting, value)
    for pair in pairs:
        key, found, text = pair.partition("=")
        if not found:
            raise InputError(f"--set takes name=value, such as latent_dim=32; got {pair!r}")
        setting = _known(known, key.strip(), "setting")
        values[setting.name] = read_text(setting, text)
    values |= {name: value for name, value in (flags or {}).items() if value is not None}
    return values


def read_config(path: Path) -> Values:
    """Read the keys and values of a TOML file.

    A pipe or device is refused before it is opened, because it may never end.

    Raises:
        InputError: the path is not a file, or the file is too large, damaged, not TOML or nested too deeply.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"--config {path}: is not a file; give the name of a TOML file")
    if path.exists() and path.stat().st_size > MOST_CONFIG:
        raise InputError(
            f"--config {path}: is larger than {MOST_CONFIG:,} bytes: not a file of settings"
        )
    reading(path)
    with damage(path, "a TOML file"):
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not a TOML file: it is not UTF-8 text") from error
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{path}: not a TOML file: {brief(error)}") from error
    if _is_deep(values):
        raise InputError(
            f"{path}: its lists and tables are nested too deeply: not a file of settings"
        )
    return values


def _is_deep(values: object) -> bool:
    """Return whether values are nested deeper than ``MOST_NESTED``; messages could not show them."""
    level = [values]
    for _ in range(MOST_NESTED):
        nested = (one for one in level if isinstance(one, dict | list))
        level = [
            part for one in nested for part in (one.values() if isinstance(one, dict) else one)
        ]
    return any(isinstance(one, dict | list) for one in level)


def _known(known: Mapping[str, Setting], key: str, kind: str) -> Setting:
    plain = key.replace("-", "_")
    plain = {"random_state": "seed"}.get(plain, plain)
    if plain not in known:
        raise unknown_name(kind, key, known)
    return known[plain]
