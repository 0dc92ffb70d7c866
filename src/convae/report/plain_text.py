"""Text for terminals and logs: harmless characters, and tables of aligned columns."""

import re
from collections.abc import Sequence

# C0 and C1 control characters except tab and newline; marks that reverse the direction of text; surrogates,
# which no encoding can print (bytes of a name that are no text)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: str) -> str:
    """Return ``text`` with escaped control characters: a file name must not control the terminal.

    >>> print(harmless("a\\x1b[2Jb.png".encode().decode("unicode_escape")))
    a\\x1b[2Jb.png
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def aligned(rows: Sequence[Sequence[str]], *, right: bool = True) -> list[str]:
    """Format rows of cells as lines of a table: the first column aligned left, the others right.

    >>> aligned([("", "model", "PCA"), ("MSE", "0.1", "0.25")])
    ['     model   PCA', 'MSE    0.1  0.25']
    """
    widths = [max(len(row[k]) for row in rows if k < len(row)) for k in range(max(map(len, rows)))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(widths[k]) if right and k else cell.ljust(widths[k])
            for k, cell in enumerate(row)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def in_python(text: str) -> str:
    """Return a sentence with the arguments of Python in place of options of the command line.

    >>> in_python("train longer (--epochs), or with a smaller code (--latent-dim)")
    'train longer (epochs), or with a smaller code (latent_dim)'
    """
    text = text.replace("'convae calibrate'", "calibrate()")
    return re.sub(r"(?<![\w-])--([a-z][a-z-]*)", lambda found: found[1].replace("-", "_"), text)


def printable(name: str) -> str:
    """Return a file name as text that any file can hold: bytes that are not UTF-8 become ``\\udcff``.

    >>> printable("a\\udcff.png")
    'a\\\\udcff.png'
    """
    return name.encode("utf-8", "backslashreplace").decode()
