"""Draw the pictures of the lessons, as SVG that moves without a script.

python docs/learn/draw.py            write docs/learn/pictures/
python docs/learn/draw.py --check    exit with 1 if a picture there is not what this draws
"""

import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "pictures"
sys.path.insert(0, str(HERE.parents[1]))

from docs.learn.drawing import enlarging, errors, patterns, sliding  # noqa: E402

PICTURES: dict[str, Callable[[], str]] = {
    "autoencoder": errors.autoencoder,
    "errors": errors.errors,
    "cross_entropy": errors.cross_entropy_floor,
    "sliding_window": sliding.sliding_window,
    "stride": sliding.stride,
    "padding": sliding.padding,
    "dilation": sliding.dilation,
    "channels": sliding.channels,
    "receptive_field": patterns.receptive_field,
    "receptive_field_stride": patterns.receptive_field_stride,
    "pooling": enlarging.pooling,
    "transposed_stamps": enlarging.transposed_stamps,
    "transposed_ready": enlarging.transposed_ready,
    "transposed_zeros": enlarging.transposed_zeros,
    "transposed_padding": enlarging.transposed_padding,
    "upsampling": enlarging.upsampling,
    "checkerboard": patterns.checkerboard,
    "translation": errors.translation,
}


def outdated() -> list[str]:
    """Return the names of the files that are missing or differ from what is drawn."""
    files = {FOLDER / f"{name}.svg": draw for name, draw in PICTURES.items()}
    return sorted(
        path.name
        for path, draw in files.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != draw()
    )


def main(arguments: list[str]) -> int:
    """Write the pictures, or check that they are current; gives the exit code."""
    if "--check" in arguments:
        names = outdated()
        if names:
            print(
                f"docs/learn/pictures: {', '.join(names)} not current: run python docs/learn/draw.py"
            )
        return 1 if names else 0
    FOLDER.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(draw(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
