"""The conda recipe asks for what pyproject.toml asks for, by the names that conda-forge uses."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import convae

ROOT = Path(__file__).resolve().parents[2]
ON_CONDA = {"torch": "pytorch"}  # all others have the same name there


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    text = (ROOT / "packaging/conda/recipe.yaml").read_text(encoding="utf-8")
    context = yaml.safe_load(text)["context"]
    for name, value in context.items():
        text = text.replace(f"${{{{ {name} }}}}", str(value))
    found: dict[str, Any] = yaml.safe_load(text)
    return found


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return found


def asked(line: str) -> tuple[str, set[str]]:
    """Split a requirement, of pip or of conda, into its name and its bounds."""
    found = re.fullmatch(r"([\w.-]+?)\s*((?:[<>=!~]=?|\d).*)?", line)
    assert found, line
    name, bounds = found[1], found[2] or ""
    return ON_CONDA.get(name, name), set(bounds.replace(" ", "").split(",")) - {""}


def test_run_time_dependencies_and_their_bounds(
    recipe: dict[str, Any], project: dict[str, Any]
) -> None:
    metadata = project["project"]
    wanted = dict(asked(line) for line in metadata["dependencies"])
    wanted["python"] = {metadata["requires-python"]}
    assert dict(asked(line) for line in recipe["requirements"]["run"]) == wanted


def test_it_builds_with_what_the_project_builds_with(
    recipe: dict[str, Any], project: dict[str, Any]
) -> None:
    host = dict(asked(line) for line in recipe["requirements"]["host"])
    for line in project["build-system"]["requires"]:
        name, bounds = asked(line)
        assert host[name] == bounds
    assert {"python", "pip"} <= set(host)


def test_version_command_licence_and_kind_of_package(
    recipe: dict[str, Any], project: dict[str, Any]
) -> None:
    assert recipe["schema_version"] == 1
    assert recipe["package"] == {"name": "convae", "version": convae.__version__}
    assert recipe["build"]["noarch"] == "python"
    (entry,) = recipe["build"]["python"]["entry_points"]
    assert entry == f"convae = {project['project']['scripts']['convae']}"
    assert recipe["about"]["license"] == project["project"]["license"]
    assert recipe["about"]["summary"] == project["project"]["description"]
    assert (ROOT / recipe["about"]["license_file"]).is_file()


def test_all_keys_are_those_of_the_format(recipe: dict[str, Any]) -> None:
    known = {"schema_version", "context", "package", "source", "build", "requirements"}
    assert set(recipe) <= known | {"tests", "about", "extra"}
    assert set(recipe["requirements"]) <= {"build", "host", "run", "run_constraints"}
    assert [sorted(test) for test in recipe["tests"]] == [["python"], ["script"]]


def test_no_variable_is_left(recipe: dict[str, Any]) -> None:
    left = re.findall(r"\$\{\{ (\w+) \}\}", str(recipe))
    assert set(left) == {"PYTHON"}  # the builder sets this one
