"""What errors and documents tell to install can be installed, from a clone as well as from a release."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def optional_packages() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    users = {name: lines for name, lines in extras.items() if name not in ("test", "docs")}
    lines = [line for lines in users.values() for line in lines if not line.startswith("convae[")]
    return {re.split(r"[<>=]", line)[0] for line in lines}


def required(file: Path) -> set[str]:
    """The packages that the errors of a file name, after what needs them."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        name = getattr(getattr(node, "func", None), "id", None)
        if isinstance(node, ast.Call) and name in ("MissingExtraError", "needs_package", "needs"):
            for given in node.args[1:]:
                found |= set(str(given.value).split()) if isinstance(given, ast.Constant) else set()
    return found


def installed(text: str) -> set[str]:
    """What a text tells to install."""
    return set(re.findall(r"pip install (?:-\S+ )*['\"]?([\w.-]+)", text))


def test_errors_name_the_packages_of_the_extras() -> None:
    named = set().union(*map(required, SOURCES))
    advised = set().union(*(installed(file.read_text(encoding="utf-8")) for file in SOURCES))
    assert named >= {"imagecodecs", "pyarrow", "bm3d", "opencv-python-headless"}
    assert named | advised == optional_packages()


def test_documents_install_from_the_clone_or_by_a_package_of_its_own() -> None:
    for document in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        names = installed(document.read_text(encoding="utf-8"))
        assert names <= {".", *optional_packages(), "torch"}, document
