"""Checks the wheel and the source archive in a folder: ``python tests/release/archives.py dist``."""

import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

from convae.version import __version__

# What the archive of the source must have, next to the package: what its tests read.
SOURCE = (
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE",
    "Makefile",
    "constraints.txt",
    ".containerignore",
    ".dockerignore",
    "packaging/Containerfile",
    "packaging/conda/recipe.yaml",
    "docs/stability.md",
    "docs/house.py",
    "benchmarks/quality.py",
    "tests/conftest.py",
    "tests/storage/test_old_models.py",
)
NEVER = ("__pycache__", ".venv", ".git/", ".pyc", "/dist/", "/build/")


def main(folder: Path) -> int:
    """Print what is wrong, a line each; return 1 if there is something."""
    wheels, sources = sorted(folder.glob("*.whl")), sorted(folder.glob("*.tar.gz"))
    if len(wheels) != 1 or len(sources) != 1:
        print(f"{folder}: must hold one wheel and one .tar.gz; run make package", file=sys.stderr)
        return 1
    faults = [*wheel_faults(wheels[0]), *source_faults(sources[0])]
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{wheels[0].name}, {sources[0].name}: {len(faults)} faults")
    return bool(faults)


def wheel_faults(path: Path) -> list[str]:
    """What is wrong with a wheel: its name, its files, its metadata."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        info = f"convae-{__version__}.dist-info"
        if f"{info}/METADATA" not in names:
            return [f"{path.name}: {info}/METADATA is missing: another version?"]
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        points = archive.read(f"{info}/entry_points.txt").decode()
    wanted = {f"{info}/licenses/LICENSE", *package_files()}
    faults = [f"{name} is missing" for name in sorted(wanted - set(names))]
    faults += [f"{n} does not belong there" for n in names if not n.startswith(("convae/", info))]
    faults += [f"{name} does not belong there" for name in names if _is_waste(name)]
    if metadata["Version"] != __version__:
        faults.append(f"the version is {metadata['Version']}, not {__version__}")
    if metadata["License-Expression"] != "Apache-2.0":
        faults.append("the licence is not Apache-2.0")
    if "convae = convae.cli:main" not in points:
        faults.append("the command convae is missing")
    return [f"{path.name}: {fault}" for fault in faults]


def source_faults(path: Path) -> list[str]:
    """What is wrong with a source archive: its name and its files."""
    top = f"convae-{__version__}/"
    with tarfile.open(path) as archive:
        names = archive.getnames()
    if path.name != f"{top[:-1]}.tar.gz" or any(not name.startswith(top) for name in names):
        return [f"{path.name}: must be {top[:-1]}.tar.gz with one folder {top}"]
    wanted = {*SOURCE, *(f"src/{name}" for name in package_files())}
    missing = sorted(wanted - {name.removeprefix(top) for name in names})
    faults = [f"{name} is missing" for name in missing]
    faults += [f"{name} does not belong there" for name in names if _is_waste(name)]
    return [f"{path.name}: {fault}" for fault in faults]


def package_files() -> set[str]:
    """The files of the package, as a wheel names them; py.typed and templates are among them."""
    source = Path(__file__).resolve().parents[2] / "src"
    found = {f.relative_to(source).as_posix() for f in source.rglob("*") if f.is_file()}
    return {name for name in found if name.startswith("convae/") and not _is_waste(name)}


def _is_waste(name: str) -> bool:
    return any(part in f"/{name}" for part in NEVER)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
