"""The house: imports point one way, light modules stay light, and every room says what is in it."""

import ast
import re
import subprocess
import sys

import pytest
from docs.house import FLOORS, MODULES, PICTURE, TOP, arrows, floor, imported, picture

ROOMS = sorted(name.removesuffix(".__init__") for name in MODULES if name.endswith(".__init__"))


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module: str) -> None:
    if module in TOP:
        return
    # a name of convae itself would come from the top
    above = sorted({name for name in imported(MODULES[module]) if floor(name) < floor(module)})
    assert not above, f"convae.{module} imports from above itself: {', '.join(above)}"


def test_reports_of_plain_data_know_no_models() -> None:
    for module, path in MODULES.items():
        if module.split(".")[0] == "report":
            others = {name.split(".")[0] for name in imported(path)} - {"report"}
            assert others <= {"images", "metrics", "filesystem", "errors"}, (module, others)


def test_modules_do_not_import_each_other_in_circles() -> None:
    """Wherever an import stands: one in a function or for the type checker alone counts, too."""
    edges, done = arrows(), set[str]()

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
    assert PICTURE.read_text(encoding="utf-8") == picture(), "run python docs/house.py"


def test_the_house_has_no_empty_places() -> None:
    rooms = {module.split(".")[0] for module in MODULES} - set(TOP)
    assert {name for rooms_of_floor in FLOORS for name, _ in rooms_of_floor} == rooms


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
