"""The house: imports point one way, light modules stay light, and every room says what is in it."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "src"

# From top to bottom: a module imports from its own line and from those below it, never from above.
HOUSE: tuple[tuple[str, ...], ...] = (
    ("__init__", "__main__"),
    ("cli",),
    ("server",),
    ("model_reports",),
    ("evaluation",),
    ("estimators",),
    ("export",),
    ("training",),
    ("storage",),
    ("networks",),
    ("report", "config"),
    ("images", "losses", "corruption"),
    ("filesystem", "metrics", "embedding", "classical"),
    ("errors", "version", "loading"),
)

MODULES = {
    ".".join(path.relative_to(ROOT / "convae").with_suffix("").parts): path
    for path in sorted((ROOT / "convae").rglob("*.py"))
}
ROOMS = sorted(name.removesuffix(".__init__") for name in MODULES if name.endswith(".__init__"))


def floor(module: str) -> int:
    """The line of the house that a module lives on; the most exact name counts."""
    names = {name: i for i, line in enumerate(HOUSE) for name in line}
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if (name := ".".join(parts[:length])) in names:
            return names[name]
    raise AssertionError(f"convae.{module} has no place in the house")


def imported(path: Path) -> Iterator[str]:
    """Every module of convae that a file imports, wherever in it, without the ``convae.``."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide their direction"
            base = node.module or ""
            names = [f"{base}.{alias.name}" for alias in node.names]
        for name in names:
            if name == "convae" or name.startswith("convae."):
                yield known(name.removeprefix("convae").removeprefix("."))


def known(name: str) -> str:
    """The module behind ``module``, ``package``, ``module.member`` or ``package.member``."""
    while name and name not in MODULES and f"{name}.__init__" not in MODULES:
        name = name.rpartition(".")[0]
    return name or "__init__"


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module: str) -> None:
    if module in ("__init__", "__main__"):
        return
    own = floor(module)
    # ``from convae import metrics`` names a module; a name of convae itself would be the top floor.
    above = sorted({name for name in imported(MODULES[module]) if floor(name) < own})
    assert not above, f"convae.{module} imports from above itself: {', '.join(above)}"


def test_reports_of_plain_data_know_no_models() -> None:
    for module, path in MODULES.items():
        if module.split(".")[0] == "report":
            others = {name.split(".")[0] for name in imported(path)} - {"report"}
            assert others <= {"images", "metrics", "filesystem", "errors"}, (module, others)


def test_modules_do_not_import_each_other_in_circles() -> None:
    """Wherever an import stands: one in a function or for the type checker alone counts, too."""
    edges = {module: set(imported(path)) - {module, "__init__"} for module, path in MODULES.items()}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"a circle: {' -> '.join([*way, module])}"
        if module not in done:
            for other in sorted(edges.get(module, set())):
                visit(other, (*way, module))
            done.add(module)

    for module in edges:
        visit(module, ())


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_names_its_modules(room: str) -> None:
    document = ast.get_docstring(ast.parse(MODULES[f"{room}.__init__"].read_text())) or ""
    words = set(re.findall(r"\w+", document))
    below = {name.removeprefix(f"{room}.") for name in MODULES if name.startswith(f"{room}.")}
    inside = {name.split(".")[0] for name in below} - {"__init__"}
    assert not inside - words, f"convae.{room} does not name {', '.join(sorted(inside - words))}"


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module: str) -> None:
    document = ast.get_docstring(ast.parse(MODULES[module].read_text())) or ""
    assert document.split("\n")[0].rstrip().endswith((".", ":", "?")) or "\n\n" not in document


def test_the_picture_of_the_house_is_current() -> None:
    command = [sys.executable, str(ROOT.parent / "docs" / "house.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


HEAVY = ("torch", "numpy", "PIL", "sklearn", "scipy", "tifffile", "safetensors", "rich", "jinja2")


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("convae", HEAVY),
        ("convae.errors", HEAVY),
        ("convae.cli", HEAVY),
        ("convae.images.files.reading", ("torch", "sklearn", "tifffile", "imagecodecs")),
        ("convae.images.files.writing", ("torch", "sklearn", "tifffile", "imagecodecs")),
        ("convae.images.sources.open_source", ("torch", "sklearn", "tifffile")),
        ("convae.images.check.check_up", ("torch", "sklearn")),
        ("convae.report", ("torch", "sklearn")),
    ],
)
def test_light_modules_stay_light(module: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_forbidden_everywhere() -> None:
    """No pickle, no torch.load or torch.save, no eval: nothing that a file holds is ever executed."""
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in (("torch", "load"), ("torch", "save")), (
                    path
                )
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
                taboo = {"pickle", "joblib", "dill", "torchvision", "shelve", "marshal"}
                assert not taboo & {name.split(".")[0] for name in names}, path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec"), path
