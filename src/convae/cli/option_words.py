"""Translate messages of the Python API for the command line: replace arguments by options.

Messages name arguments in a few forms only: ``latent_dim``, ``channels=1``, ``size=(64, 64)``,
``code 'spatial'``, ``epochs must be ...``. This module translates all of them in one place.
"""

import re
from functools import cache


def in_options(text: str) -> str:
    """Return a message with the options of ``convae fit`` in place of the arguments of estimators.

    >>> in_options("training: (1) epochs must be 0 or more; (2) batch_size must be 1 or more")
    'training: (1) --epochs must be 0 or more; (2) --batch-size must be 1 or more'
    >>> in_options("choose one, for example size=(48, 64), or fit with code 'spatial'")
    'choose one, for example --size 48 64, or fit with --code spatial'
    >>> in_options("a/channels=1/b.png: no such file")
    'a/channels=1/b.png: no such file'

    A list of known names stays: they are names as ``--set`` and ``--config`` take them.

    >>> in_options("unknown setting 'epoch'. Known: batch_size, epochs")
    "unknown setting 'epoch'. Known: batch_size, epochs"
    """
    text, known, names = text.partition("Known: ")
    options, patterns = _known()
    given, quoted, subject, number, plain = patterns
    text = given.sub(lambda found: _with_value(options[found[1]], found[2]), text)
    text = quoted.sub(lambda found: f"{options[found[1]]} {found[2]}", text)
    text = subject.sub(lambda found: found[1] + options[found[2]], text)
    text = number.sub(lambda found: f"{options[found[1]]} {found[2]}", text)
    return plain.sub(lambda found: options[found[1]], text) + known + names


def _with_value(option: str, value: str) -> str:
    """Return an option with its value: ``--size 48 64``, ``--strict``, ``--no-turn``."""
    if value in ("True", "False"):
        return option if value == "True" else f"--no-{option[2:]}"
    return f"{option} {value.strip('()').replace(',', ' ').replace('  ', ' ')}".replace("'", "")


@cache
def _known() -> tuple[dict[str, str], tuple[re.Pattern[str], ...]]:
    """Return the option of each argument, and the patterns by which messages name arguments."""
    from convae.config import parameters
    from convae.config.experiments import CODE_SIZE, CONVOLUTION
    from convae.config.setting import settings_of

    tables = [one for name, one in vars(parameters).items() if name.endswith("Parameters")]
    settings = [setting for table in tables for setting in settings_of(table)]
    options = {setting.name: setting.option for setting in (*settings, *CONVOLUTION, *CODE_SIZE)}
    names = "|".join(sorted(options, key=len, reverse=True))
    long = "|".join(sorted((name for name in options if "_" in name), key=len, reverse=True))
    alone = r"(?<![\w/.='\"-])"  # not part of a path, of quoted text or of an option
    return options, (
        re.compile(rf"{alone}({names})=(\([^()]*\)|'[^']*'|[\w.-]*\w)(?!/)"),
        re.compile(rf"(?<!unknown )(?<!you ){alone}({names}) '([^']*)'"),
        re.compile(rf"(^|[:;] |\) )({names})(?= (?:must|takes|needs|requires)\b)"),
        re.compile(rf"{alone}(epochs|levels|patience) (\d+)\b"),
        re.compile(rf"{alone}({long})(?![\w/.='\"-])"),
    )
