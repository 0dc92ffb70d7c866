"""Read tables with one value for each image by its name: groups and labels."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from convae.errors import InputError, brief
from convae.filesystem.tables import TableReader, from_cell, read_table
from convae.report.plain_text import printable

if TYPE_CHECKING:
    from convae.images.sources.base import ImageSource


def read_groups(path: Path, source: "ImageSource") -> list[str]:
    """Return the group of each image of a source, from a CSV file with the columns name and group.

    Raises:
        InputError: the file cannot be read, lacks images, or lists an image in two groups.
    """
    _, known = read_by_name(path, "--groups", {"group": "the columns name and group"})
    groups = values_of(source.names, known)
    missing = [name for name, group in zip(source.names, groups, strict=True) if group is None]
    if missing:
        raise InputError(
            f"--groups {path}: {len(missing)} of {len(source)} images have no group, such as "
            f"{printable(missing[0])}: name them as 'convae check' does, relative to the folder"
        )
    return [str(group) for group in groups]


def read_by_name(path: Path, option: str, columns: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Return the values of one column of a CSV file by name; empty cells are left out.

    Args:
        path: the file.
        option: the option that names the file, for messages.
        columns: the columns that are allowed, each with its description for messages. The file must have
            exactly one of them.

    Returns:
        The column, and its values by name.

    Raises:
        InputError: the file cannot be read, lacks these columns, or has two values for one name.
    """
    wanted = ("name", *columns)
    with read_table(path, wanted, label=f"{option} {path}") as rows:
        column = _column(rows, columns)
        name, value = (rows.column(wanted) for wanted in ("name", column))
        assert name is not None
        assert value is not None
        pairs = ((from_cell(c[name]), from_cell(c[value]), rows.line) for c in rows)
        return column, _once(pairs, rows.label, column)


def values_of(names: Iterable[str], known: dict[str, str]) -> list[str | None]:
    """Return the value of each name, or None; in the user's own tables names may be unescaped."""
    return [known.get(name, known.get(from_cell(name))) for name in names]


def _column(rows: TableReader, columns: dict[str, str]) -> str:
    found = [name for name in columns if rows.column(name) is not None]
    if rows.column("name") is None or len(found) != 1:
        raise InputError(
            f"{rows.label}: must have {', or '.join(columns.values())}; it has "
            f"{brief(', '.join(rows.names) or 'none', 400)}"
        )
    return found[0]


def _once(rows: Iterable[tuple[str, str, int]], what: str, column: str) -> dict[str, str]:
    """Return the values by name.

    Raises:
        InputError: a name is there twice with two values.
    """
    known, lines = dict[str, str](), dict[str, int]()
    for name, given, line in rows:
        value = given.strip()
        if not value:
            continue
        if known.setdefault(name, value) != value:
            raise InputError(
                f"{what}: the {column} of {brief(name)} is {brief(known[name])} in line {lines[name]} and "
                f"{brief(value)} in line {line}: keep one of the two lines"
            )
        lines.setdefault(name, line)
    return known
