"""Check images and print the findings."""

from collections.abc import Mapping
from typing import Any

from convae.cli.io.data import Data
from convae.cli.terminal.output import Voice, facts
from convae.cli.terminal.progress import counting
from convae.errors import InputError
from convae.images.check.check_up import CheckUp, check_images

MOST_NAMES = 5


def check(data: Data, voice: Voice, *, strict: bool, max_images: int | None) -> None:
    """Run ``convae check``."""
    source = data.open()
    with counting(voice, "checking") as progress:
        found = check_images(source, max_images=max_images, progress=progress)
    for line in lines_of(found):
        voice.answer(line)
    for note in source.notes:
        voice.answer(f"note: {note}")
    voice.result({**found.to_dict(), "notes": source.notes})
    if not found.readable:
        raise InputError(
            f"{found.description}: none of {found.checked:,} images can be read; the reasons are above"
        )
    unusable = len(found.skipped) + len(found.unreadable)
    if strict and (unusable or found.problems):
        raise InputError(
            f"{found.description}: {unusable} files cannot be read and there are {found.problems} "
            "problems, which --strict forbids"
        )


def lines_of(found: CheckUp) -> list[str]:
    """Return the lines of the table, the lists and the advice."""
    rows: dict[str, object] = {
        "images": f"{found.readable:,} readable of {found.checked:,}"
        + (f" checked (of {found.images:,})" if found.checked < found.images else ""),
        "sizes": _counted({f"{h}x{w}": n for (h, w), n in found.sizes}),
        "channels": _counted(found.channels),
        "depths": _counted(found.depths),
        "formats": _counted(found.formats),
        "values": ", ".join(
            f"{low:g} to {high:g} ({k})" for k, (low, high) in found.ranges.items()
        ),
        "classes": _counted(found.classes),
    }
    lines = [found.description, "", *facts({k: v for k, v in rows.items() if v})]
    lists = {
        "cannot be read": [f"{s.name}: {s.reason}" for s in (*found.skipped, *found.unreadable)],
        "groups of duplicates": [_group(group) for group in found.duplicate_groups],
        "constant": list(found.constant),
        "missing pixels": [f"{name}: {count:,}" for name, count in found.missing],
        "converted when read": [f"{what}: {n:,} images" for what, n in found.conversions.items()],
    }
    for name, items in lists.items():
        if items:
            lines += ["", f"{len(items):,} {name}", *(f"  {item}" for item in items[:MOST_NAMES])]
            if len(items) > MOST_NAMES:
                lines.append(f"  and {len(items) - MOST_NAMES:,} more (--json lists all)")
    lines.append("")
    lines += [f"{item.severity}: {item.text}" for item in found.advice] or ["nothing is wrong"]
    return lines


def _counted(counts: Mapping[Any, int]) -> str:
    """Return counts such as ``28x28 (60), 64x64 (2)``; a single kind has no count."""
    shown = [f"{key} ({n:,})" for key, n in list(counts.items())[:6]]
    if len(counts) == 1:
        return str(next(iter(counts)))
    return ", ".join(shown) + (f", and {len(counts) - 6} others" if len(counts) > 6 else "")


def _group(group: Any) -> str:
    names = ", ".join(group.names[:4]) + (", ..." if len(group.names) > 4 else "")
    return f"{'the same' if group.exact else 'nearly the same'}: {names}"
