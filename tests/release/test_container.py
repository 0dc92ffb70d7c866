"""The container file copies files that exist, pins what constraints.txt pins, and needs no root."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def instructions() -> list[tuple[str, str]]:
    """The instructions of the file with their arguments, continued lines joined."""
    text = (ROOT / "packaging/Containerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


def arguments(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def copied() -> list[str]:
    """The files and folders that are copied from the source, not from another stage."""
    lines = [rest.split() for rest in arguments("COPY") if not rest.startswith("--from")]
    return [name for line in lines for name in line[:-1]]


def test_only_known_instructions() -> None:
    known = [
        "FROM",
        "ARG",
        "WORKDIR",
        "COPY",
        "RUN",
        "ENV",
        "USER",
        "VOLUME",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    ]
    assert {name for name, _ in instructions()} == set(known)
    assert instructions()[0][0] == "FROM"


def test_what_is_copied_exists_and_is_sent_to_the_builder() -> None:
    lines = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert set(copied()) == sent
    for name in copied():
        assert (ROOT / name).exists(), name
        assert not any(fnmatch(name, line) for line in lines if line.startswith("**"))


def test_both_lists_of_ignored_files_are_the_same() -> None:
    assert (ROOT / ".containerignore").read_bytes() == (ROOT / ".dockerignore").read_bytes()


def test_all_that_the_build_of_the_wheel_reads_is_copied() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    read = set(re.findall(r'^(?:readme|license-files) = \[?"([\w.]+)"', project, flags=re.M))
    assert read == {"README.md", "LICENSE"}
    assert {*read, "pyproject.toml", "src"} <= set(copied())


def test_every_pip_line_is_held_by_the_constraints() -> None:
    pip = [rest for rest in arguments("RUN") if "pip install" in rest]
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert pip
    for line in pip:
        assert "-c constraints.txt" in line
        for pinned in re.findall(r"\S+==\S+", line):
            assert pinned in constraints, pinned
    assert "torch==" in pip[0], "torch comes first: left open it brings CUDA"


def test_the_python_is_one_that_the_project_names() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    images = {line.split()[0] for line in arguments("FROM")}
    (image,) = images  # both stages have the same one: the virtual environment must fit
    python = re.fullmatch(r"python:(\d\.\d+)-slim", image)
    assert python
    assert f"Python :: {python[1]}" in project


@pytest.mark.parametrize(
    ("name", "value"),
    [("ENTRYPOINT", '["convae"]'), ("VOLUME", "/data"), ("USER", "convae"), ("CMD", '["--help"]')],
)
def test_it_runs_the_command_without_root(name: str, value: str) -> None:
    assert arguments(name) == [value]
    order = [found for found, _ in instructions()]
    assert order.index("USER") > len(order) - 1 - order[::-1].index("RUN")  # nothing as root later
    assert arguments("WORKDIR")[-1] == "/data"
