"""Notebooks as they are committed: without outputs, counts, and what one machine says of itself.

python tests/notebooks.py examples            write every notebook of the folder in this form
python tests/notebooks.py examples --check    exit with 1 if one has another form
"""

import json
import sys
from pathlib import Path
from typing import Any

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def tidied(text: str) -> str:
    """Return the text of a notebook without outputs, counts and metadata; the same cells, one line a line."""
    notebook = json.loads(text)
    cells = [_cell(cell, number) for number, cell in enumerate(notebook["cells"], start=1)]
    whole = {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _cell(cell: dict[str, Any], number: int) -> dict[str, Any]:
    source = cell["source"]
    lines = "".join(source) if isinstance(source, list) else source
    same: dict[str, Any] = {
        "cell_type": cell["cell_type"],
        "id": f"cell-{number:02}",
        "metadata": {},
        "source": lines.strip().splitlines(keepends=True),
    }
    if cell["cell_type"] == "code":
        same |= {"execution_count": None, "outputs": []}
    return dict(sorted(same.items()))


def main(arguments: list[str]) -> int:
    check = "--check" in arguments
    folder = Path(next(one for one in arguments if not one.startswith("--")))
    untidy = []
    for path in sorted(folder.glob("*.ipynb")):
        text = path.read_text(encoding="utf-8")
        if (tidy := tidied(text)) != text:
            untidy.append(path)
            if not check:
                path.write_text(tidy, encoding="utf-8")
    for path in untidy:
        print(f"{path}: {'has outputs or metadata' if check else 'tidied'}")
    return bool(untidy and check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
