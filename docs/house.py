"""The house: the rooms of convae on their floors, which module imports which, and a picture of both.

python docs/house.py            write docs/house.svg
python docs/house.py --check    exit with 1 if docs/house.svg is not what the imports say
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent
SOURCE, PICTURE = HERE.parent / "src" / "convae", HERE / "house.svg"
TOP = ("__init__", "__main__")  # above all floors
# From top to bottom, each room with a few words: a module imports from its own floor and from those below it.
FLOORS = (
    (("cli", "the command line"), ("server", "HTTP API and page")),
    (("serving", "models at work"),),
    (("model_reports", "reports of models"), ("export", "files for other programs")),
    (("evaluation", "models measured"),),
    (("estimators", "what a user holds"),),
    (("training", "one loop, all tasks"),),
    (("storage", "model files"),),
    (("networks", "torch modules"),),
    (("report", "pages from plain data"), ("config", "what can be set")),
    (("images", "files to tensors and back"), ("corruption", "noise, holes, defects"), ("losses", "")),
    (("filesystem", "whole files or none"), ("metrics", "pure functions"),
     ("embedding", "PCA, neighbours"), ("classical", "without training")),
    (("errors", ""), ("loading", ""), ("version", "")),
)  # fmt: skip
# Every module by its name without ``convae.``; a package is ``images.__init__``.
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts): path
    for path in sorted(SOURCE.rglob("*.py"))
}
WIDTH, ROW, BOX_WIDTH, BOX_HEIGHT = 860, 78, 160, 44
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2433;text-anchor:middle}"
    ".small{font-size:11px;fill:#5b6577}"
    ".box{fill:#eef2f8;stroke:#7b8798}"
    ".arrow{fill:none;stroke:#9aa5b5;stroke-width:1.2}"
)


def floor(module: str) -> int:
    """The number of the floor that a module lives on, from the top; the top itself is -1.

    Raises:
        LookupError: its room stands on no floor.
    """
    room = module.split(".")[0]
    if room in TOP:
        return -1
    for number, rooms in enumerate(FLOORS):
        if room in dict(rooms):
            return number
    raise LookupError(
        f"convae.{module} has no place in the house: give {room} a floor in docs/house.py"
    )


def imported(path: Path) -> Iterator[str]:
    """Every module of convae that a file imports, wherever in it the import stands.

    Raises:
        ValueError: an import is relative, which hides its direction.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}: relative imports hide their direction")
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] == "convae":
                yield _module(name.removeprefix("convae").removeprefix("."))


def _module(name: str) -> str:
    """The module behind ``module``, ``package``, ``module.member`` or ``package.member``."""
    while name and name not in MODULES:
        if f"{name}.__init__" in MODULES:
            return f"{name}.__init__"
        name = name.rpartition(".")[0]
    return name or "__init__"


def arrows() -> dict[str, set[str]]:
    """Each module, and the others that it imports; names of convae itself do not count."""
    return {
        module: set(imported(path)) - {module, "__init__"}
        for module, path in MODULES.items()
        if module not in TOP
    }


def rooms_imported() -> dict[str, set[str]]:
    """Each room or loose module, and the others that it imports."""
    found: dict[str, set[str]] = {}
    for module, others in arrows().items():
        own = module.split(".")[0]
        found.setdefault(own, set()).update({name.split(".")[0] for name in others} - {own})
    return found


def reduced(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """The arrows that do not follow from others."""

    def below(room: str) -> set[str]:
        direct = found.get(room, set())
        return direct.union(*(below(other) for other in direct)) if direct else set()

    return {
        room: {o for o in others if not any(o in below(way) for way in others - {o})}
        for room, others in found.items()
    }


def picture() -> str:
    """The SVG."""
    found = rooms_imported()
    rooms = [name for level in FLOORS for name, _ in level]
    place: dict[str, tuple[float, float]] = {}
    for number, level in enumerate(FLOORS):
        for i, (name, _) in enumerate(level):
            place[name] = (WIDTH * (i + 1) / (len(level) + 1), 34 + number * ROW)
    count = sum(len(others) for others in found.values())
    height = 34 + len(FLOORS) * ROW - 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>The rooms of convae</title><desc>{len(rooms)} rooms and loose modules; {count} arrows "
        "between them, all downwards; arrows that follow from others are left out.</desc>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#9aa5b5"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for room, others in sorted(reduced(found).items()):
        for other in sorted(others):
            parts.append(_arrow(place[room], place[other]))
    for level in FLOORS:
        for name, words in level:
            parts += _box(place[name], name, words)
    return "\n".join([*parts, "</svg>", ""])


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = start, end
    y1, y2 = y1 + BOX_HEIGHT / 2, y2 - BOX_HEIGHT / 2
    middle = (y1 + y2) / 2
    if x1 == x2 and y2 - y1 > ROW:  # around the boxes between
        side = x1 + BOX_WIDTH / 2 + 26
        return (
            f'<path class="arrow" marker-end="url(#head)" d="M{x1 + BOX_WIDTH / 2:.0f} {y1 - 22:.0f}'
            f"C{side:.0f} {y1:.0f} {side:.0f} {y2:.0f} {x2 + BOX_WIDTH / 2:.0f} {y2 + 22:.0f}"
            '"/>'
        )
    return (
        f'<path class="arrow" marker-end="url(#head)" d="M{x1:.0f} {y1:.0f}C{x1:.0f} {middle:.0f} '
        f'{x2:.0f} {middle:.0f} {x2:.0f} {y2:.0f}"/>'
    )


def _box(at: tuple[float, float], name: str, words: str) -> list[str]:
    x, y = at
    left, top = x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2
    box = (
        f'<rect class="box" x="{left:.0f}" y="{top:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" '
        'rx="6"/>'
    )
    if not words:
        return [box, f'<text x="{x:.0f}" y="{y + 4:.0f}">{escape(name)}</text>']
    return [
        box,
        f'<text x="{x:.0f}" y="{y - 3:.0f}">{escape(name)}</text>',
        f'<text class="small" x="{x:.0f}" y="{y + 14:.0f}">{escape(words)}</text>',
    ]


def main(arguments: list[str]) -> int:
    """Write the picture, or check that it is current; gives the exit code."""
    drawn = picture()
    if "--check" in arguments:
        current = PICTURE.is_file() and PICTURE.read_text(encoding="utf-8") == drawn
        if not current:
            print("docs/house.svg is not what the imports say: run python docs/house.py")
        return 0 if current else 1
    PICTURE.write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
