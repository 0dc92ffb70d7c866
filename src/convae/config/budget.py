"""A time budget as text: ``90s``, ``10min``, ``2h``, or a plain number of seconds.

>>> parse_budget("10min"), parse_budget("1.5 h"), parse_budget(90)
(600.0, 5400.0, 90.0)
"""

import math
import re

from convae.errors import InputError

UNITS = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}
MOST_SECONDS = 1e7  # about four months


def parse_budget(value: object) -> float | None:
    """Return a time budget in seconds; None for None.

    Args:
        value: a number of seconds, or a number with the unit ``s``, ``min`` or ``h``.

    Raises:
        InputError: it is no such time, not above 0, or longer than 10 million seconds.
    """
    if value is None:
        return None
    seconds = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and (
        found := re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h|)", value.strip())
    ):
        seconds = float(found[1]) * UNITS[found[2]]
    if not 0 < seconds <= MOST_SECONDS:
        raise InputError(
            "budget must be a time above 0, such as 90s, 10min or 2h (a plain number is in seconds); got "
            f"{value!r:.40}"
        )
    return seconds
