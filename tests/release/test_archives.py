"""The check of the archives notices what is missing and what does not belong there."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.release.archives import SOURCE, main, package_files, source_faults, wheel_faults

import convae

INFO = f"convae-{convae.__version__}.dist-info"
METADATA = f"Version: {convae.__version__}\nLicense-Expression: Apache-2.0\n\n"
POINTS = "[console_scripts]\nconvae = convae.cli:main\n"


def wheel(folder: Path, *, without: str = "", extra: str = "", metadata: str = METADATA) -> Path:
    path = folder / f"convae-{convae.__version__}-py3-none-any.whl"
    files = dict.fromkeys({*package_files(), f"{INFO}/licenses/LICENSE"}, "")
    files |= {f"{INFO}/METADATA": metadata, f"{INFO}/entry_points.txt": POINTS}
    files |= {extra: ""} if extra else {}
    files.pop(without, None)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def source(folder: Path, *, without: str = "", extra: str = "") -> Path:
    top = f"convae-{convae.__version__}"
    names = {*SOURCE, *(f"src/{name}" for name in package_files())} - {without}
    with tarfile.open(folder / f"{top}.tar.gz", "w:gz") as archive:
        for name in (*names, *([extra] if extra else [])):
            archive.addfile(tarfile.TarInfo(f"{top}/{name}"), io.BytesIO())
    return folder / f"{top}.tar.gz"


def test_good_archives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wheel_faults(wheel(tmp_path)) == []
    assert source_faults(source(tmp_path)) == []
    assert main(tmp_path) == 0
    assert "0 faults" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["convae/py.typed", f"{INFO}/licenses/LICENSE"])
def test_a_wheel_without_a_file(name: str, tmp_path: Path) -> None:
    assert [f.partition(": ")[2] for f in wheel_faults(wheel(tmp_path, without=name))] == [
        f"{name} is missing"
    ]


@pytest.mark.parametrize("name", ["tests/test_errors.py", "convae/__pycache__/errors.pyc"])
def test_a_wheel_with_more_than_the_package(name: str, tmp_path: Path) -> None:
    (fault,) = wheel_faults(wheel(tmp_path, extra=name))
    assert fault.endswith(f"{name} does not belong there")


def test_a_wheel_of_another_version(tmp_path: Path) -> None:
    other = METADATA.replace(convae.__version__, "9.9.9")
    (fault,) = wheel_faults(wheel(tmp_path, metadata=other))
    assert "the version is 9.9.9" in fault


def test_a_source_archive_without_what_its_tests_read(tmp_path: Path) -> None:
    (fault,) = source_faults(source(tmp_path, without="constraints.txt"))
    assert fault.endswith("constraints.txt is missing")


def test_no_archives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path) == 1
    assert "run make package" in capsys.readouterr().err
