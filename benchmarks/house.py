"""What the code is like, measured on the source: rooms, arrows, circles, calls to a step, files of an option.

``python benchmarks/quality.py house`` writes the section of RESULTS.md.
"""

import ast
import copy
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import numpy as np

import convae
from convae.config.bottlenecks import parse_bottleneck
from convae.config.training import TrainingConfig
from convae.estimators.registry import ESTIMATORS, estimator_class
from convae.losses import parse_loss
from record import Section

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docs.house import MODULES, SOURCE, arrows, rooms_imported  # noqa: E402

OPTIONS = ("ema", "patience", "padding_mode")
# A shape in a docstring: axes in parentheses, such as (B, C, H, W), (n,), (..., h, w), (m, at most k); or ().
_AXIS = r"(?:at most |\*)?(?:\.\.\.|\w+'?)(?: ?[-+*·/] ?\w+)*(?: or \w+)?"
_SHAPE = re.compile(rf"\({_AXIS}(?:,\s{_AXIS})*,?\)")
_ONE_NUMBER = re.compile(r"(?<![\w.\]])\(\)|scalar")
_NAMED_AXES = ("height", "width", "count", "images", "latent_dim", "kinds", "regions", "...")
RUN = 6  # lines
WORDS = ("told", "said", "beside", "usual")


def house() -> None:
    """The table."""
    section = Section("house", "The house: the code measured", ("what", "now"))
    files = list(MODULES.values())
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
    rooms = {module.split(".")[0] for module in MODULES}
    section.row("rooms and loose files at the top, `__init__` and `__main__` included", len(rooms))
    count = sum(len(others) for others in rooms_imported().values())
    section.row("arrows between rooms", count)
    section.row("modules in an import circle, lazy imports counted", _in_circles(arrows()))
    section.row("calls from `ConvAutoencoder.fit` to `optimizer.step`", _calls_to_a_step())
    for option in OPTIONS:
        section.row(f"files whose code names the option `{option}`", _files_naming(trees, option))
    section.row('look-ups `p["..."]` of parameters in a dictionary', _look_ups(trees))
    most = max(len(inspect.signature(estimator_class(kind)).parameters) for kind in ESTIMATORS)
    section.row("most arguments of a constructor", most)
    shapes, errors = _docstrings(trees)
    section.row(
        "public docstrings of what takes or gives tensors or arrays that name shapes", shapes
    )
    section.row("public docstrings of what raises that name the errors", errors)
    section.row("lines in runs of six that stand in two files, without imports", _repeated(trees))
    for what, count in _parsed().items():
        section.row(f"in one fit: {what}", count)
    section.row("files of source", len(files))
    section.row("lines of source", sum(len(path.read_text().splitlines()) for path in files))
    texts = [
        path.read_text() for path in (*files, *(ROOT / "docs").glob("*.md"), ROOT / "README.md")
    ]
    count = sum(
        bool(re.search(rf"\b({'|'.join(WORDS)})\b", line)) for t in texts for line in t.splitlines()
    )
    section.row(f"lines of source and docs with {', '.join(WORDS)}", count)
    section.command = "quality.py house"
    section.write()


def _in_circles(ways: dict[str, set[str]]) -> int:
    """How many modules reach themselves."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        left = [start]
        while left:
            for other in ways.get(left.pop(), set()) - seen:
                seen.add(other)
                left.append(other)
        return seen

    return sum(module in reached(module) for module in ways)


def _calls_to_a_step() -> int:
    """Calls between the outermost fit and the first step of an optimizer."""
    from convae.training import optimizers

    depth = 0
    plain = optimizers.Adam.step

    def noting(self: optimizers.Adam) -> None:
        nonlocal depth
        if not depth:
            frame: FrameType | None = sys._getframe(1)
            while frame is not None:
                if (
                    "convae" in frame.f_code.co_filename
                    and "contextlib" not in frame.f_code.co_filename
                ):
                    depth += 1
                if frame.f_code.co_name == "fit":
                    break
                frame = frame.f_back
        plain(self)

    optimizers.Adam.step = noting  # type: ignore[method-assign]
    try:
        images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
        convae.ConvAutoencoder(latent_dim=2, epochs=1, training={"optimizer": "adam"}).fit(images)
    finally:
        optimizers.Adam.step = plain  # type: ignore[method-assign]
    return depth


def _repeated(trees: dict[Path, ast.Module]) -> str:
    """The fraction of lines in runs of six lines that another file has, too."""
    lines: dict[Path, list[str]] = {}
    for path, tree in trees.items():
        imports: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                imports |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        texts = enumerate(map(str.strip, path.read_text(encoding="utf-8").splitlines()), 1)
        lines[path] = [t for i, t in texts if t and not t.startswith("#") and i not in imports]
    places: dict[tuple[str, ...], set[tuple[Path, int]]] = {}
    for path, texts_of_file in lines.items():
        for start in range(len(texts_of_file) - RUN + 1):
            run = tuple(texts_of_file[start : start + RUN])
            places.setdefault(run, set()).add((path, start))
    again = {
        (path, start + i)
        for found in places.values()
        if len({path for path, _ in found}) > 1
        for path, start in found
        for i in range(RUN)
    }
    return f"{100 * len(again) / sum(map(len, lines.values())):.2f} %"


def _parsed() -> dict[str, int]:
    """How often one small fit parses its loss and its bottleneck, and builds its settings."""
    codes = {
        parse_loss.__code__: "the loss is parsed",
        parse_bottleneck.__code__: "the bottleneck is parsed",
        TrainingConfig.__post_init__.__code__: "the settings are built",
    }
    counts = dict.fromkeys(codes.values(), 0)

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in codes:
            counts[codes[frame.f_code]] += 1

    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    model = convae.ConvAutoencoder(latent_dim=2, epochs=1)
    sys.setprofile(note)
    try:
        model.fit(images)
    finally:
        sys.setprofile(None)
    return counts


def _files_naming(trees: dict[Path, ast.Module], option: str) -> int:
    """Files whose code names an option; docstrings and comments, which may take it as an example, apart."""
    return sum(
        bool(re.search(rf"\b{option}\b", ast.unparse(_without_docstrings(tree))))
        for tree in trees.values()
    )


def _without_docstrings(tree: ast.Module) -> ast.Module:
    bare = copy.deepcopy(tree)
    for node in ast.walk(bare):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
            ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return bare


def _look_ups(trees: dict[Path, ast.Module]) -> int:
    """Subscripts by a text of something called p, parameters or given."""
    count = 0
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
                named = node.value.id in ("p", "parameters", "given")
                key = node.slice
                count += named and isinstance(key, ast.Constant) and isinstance(key.value, str)
    return count


def _docstrings(trees: dict[Path, ast.Module]) -> tuple[str, str]:
    """The parts of public functions whose docstrings name shapes, and errors."""
    shapes: list[bool] = []
    errors: list[bool] = []
    for function in _public(trees):
        text = ast.get_docstring(function) or ""
        if _takes_or_gives_arrays(function):
            shapes.append(_names_shapes(text))
        if any(map(_is_raise, ast.walk(function))):
            errors.append("Raises:" in text or "InputError" in text)
    return _part(shapes), _part(errors)


def _takes_or_gives_arrays(function: ast.FunctionDef) -> bool:
    """Whether an argument or the result is an array; state dicts are not: their shapes are the network's."""
    typed = ast.unparse(function.args)
    if function.returns:
        typed += ast.unparse(function.returns)
    typed = re.sub(r"(dict|Mapping)\[str, (torch\.)?Tensor\]", "", typed)
    return bool(re.search(r"\b(Tensor|ndarray|Array|Pixels)\b", typed))


def _names_shapes(text: str) -> bool:
    """Whether a docstring holds a shape.

    >>> [_names_shapes(text) for text in ("(B, C, H, W) floats", "``(h, w)``", "(n,)", "a (): the mean")]
    [True, True, True, True]
    >>> [_names_shapes(text) for text in ("(the default)", "(foo, bar)", "f()", "(2 g + c)")]
    [False, False, False, False]
    """
    for found in _SHAPE.findall(text):
        axes = [axis.strip() for axis in found.strip("()").split(",")]
        known = any(len(axis) == 1 or axis in _NAMED_AXES for axis in axes)
        if len(axes) > 1 and known:
            return True
    return bool(_ONE_NUMBER.search(text))


def _is_raise(node: ast.AST) -> bool:
    """Whether a statement raises an error; abstract methods, with NotImplementedError, raise none."""
    if not isinstance(node, ast.Raise) or node.exc is None:
        return False
    return ast.unparse(node.exc) != "NotImplementedError"


def _part(hits: list[bool]) -> str:
    return f"{100 * sum(hits) / len(hits):.0f} % of {len(hits)}"


def _public(trees: dict[Path, ast.Module]) -> Iterator[ast.FunctionDef]:
    for path, tree in trees.items():
        if path.relative_to(SOURCE).parts[0] == "cli":
            continue
        for node in tree.body:
            inner = node.body if isinstance(node, ast.ClassDef) and node.name[0] != "_" else [node]
            for function in inner:
                if isinstance(function, ast.FunctionDef) and not function.name.startswith("_"):
                    yield function
