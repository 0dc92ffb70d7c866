"""Draw the house: the rooms of convae on their floors, and which room imports which.

python docs/house.py            write docs/house.svg
python docs/house.py --check    exit with 1 if docs/house.svg is not what the imports say
"""

import ast
import sys
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent
SOURCE, PICTURE = HERE.parent / "src" / "convae", HERE / "house.svg"
FLOORS = (
    (("cli", "the command line"),),
    (("model_reports", "reports of models"),),
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
WIDTH, ROW, BOX_WIDTH, BOX_HEIGHT = 860, 78, 160, 44
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2433;text-anchor:middle}"
    ".small{font-size:11px;fill:#5b6577}"
    ".box{fill:#eef2f8;stroke:#7b8798}"
    ".arrow{fill:none;stroke:#9aa5b5;stroke-width:1.2}"
)


def rooms_imported() -> dict[str, set[str]]:
    """Each room or loose module, and the others that it imports, wherever the import stands."""
    found: dict[str, set[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        own = path.relative_to(SOURCE).with_suffix("").parts[0]
        if own in ("__init__", "__main__"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module == "convae":
                names = [f"convae.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            parts = [name.split(".") for name in names if name.startswith("convae.")]
            others = {part[1] for part in parts if part[1] != own}
            found.setdefault(own, set()).update(others)
    return found


def reduced(arrows: dict[str, set[str]]) -> dict[str, set[str]]:
    """Only the arrows that no longer way says, too."""

    def below(room: str) -> set[str]:
        direct = arrows.get(room, set())
        return direct.union(*(below(other) for other in direct)) if direct else set()

    return {
        room: {o for o in others if not any(o in below(way) for way in others - {o})}
        for room, others in arrows.items()
    }


def picture() -> str:
    """The SVG."""
    arrows = rooms_imported()
    rooms = [name for floor in FLOORS for name, _ in floor]
    strangers = sorted((set(arrows) | set().union(*arrows.values())) - set(rooms))
    if strangers:
        raise SystemExit(f"docs/house.py has no place for {', '.join(strangers)}")
    place: dict[str, tuple[float, float]] = {}
    for number, floor in enumerate(FLOORS):
        for i, (name, _) in enumerate(floor):
            place[name] = (WIDTH * (i + 1) / (len(floor) + 1), 34 + number * ROW)
    count = sum(len(others) for others in arrows.values())
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
    for room, others in sorted(reduced(arrows).items()):
        for other in sorted(others):
            parts.append(_arrow(place[room], place[other]))
    for floor in FLOORS:
        for name, words in floor:
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
    """Write the picture, or check that it is current."""
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
