"""docs/stability.md says what the code does; the version stands in one place and is the same everywhere."""

import re
import tomllib
from pathlib import Path

import pytest
from tests.storage.make_old_models import CASES

import convae
from convae import ConvAutoencoder
from convae.cli import main as cli
from convae.storage.model_file import FORMAT

ROOT = Path(__file__).resolve().parents[2]
STABILITY = (ROOT / "docs/stability.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def section(heading: str) -> str:
    return STABILITY.partition(f"# {heading}\n")[2].partition("\n#")[0]


def test_the_names_are_those_of_the_package() -> None:
    listed = section("Names in Python").partition("```text\n")[2].partition("```")[0].split()
    assert sorted(listed) == sorted(convae.__all__)
    assert len(listed) == len(set(listed))


def test_the_exit_codes_are_those_of_the_command_line() -> None:
    described = (cli.__doc__ or "") + (__import__("convae.cli.main", fromlist=["x"]).__doc__ or "")
    codes = re.findall(r"^\| ([\d, ]+) \|", section("Exit codes"), flags=re.M)
    for code in re.findall(r"\d+", ",".join(codes)):
        assert re.search(rf"\b{code}\b", described), code


def test_the_format_of_model_files_is_the_present_one() -> None:
    assert f"format number in its header, which is {FORMAT} " in section("Model files")


def test_a_moved_argument_is_answered_as_the_page_says() -> None:
    with pytest.raises(TypeError, match="ema is a part of training: write training=") as caught:
        ConvAutoencoder(ema=0.9)  # type: ignore[call-arg]
    shown = section("When a name changes").replace("\n  ", " ")
    assert str(caught.value).removeprefix("ConvAutoencoder: ").partition(", or")[0] in shown


def test_a_former_verb_is_answered_as_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["ablate", "images"]) == 2
    answer = "there is no verb 'ablate': write convae experiment stacking"
    assert answer in capsys.readouterr().err
    assert answer in section("When a name changes")


def test_the_supported_versions_are_those_of_the_metadata() -> None:
    table = section("Python and dependencies")
    assert f"| Python | {PROJECT['requires-python'].removeprefix('>=')} and newer |" in table
    (torch,) = [line for line in PROJECT["dependencies"] if line.startswith("torch")]
    assert f"| PyTorch | {torch.removeprefix('torch>=')} and newer |" in table


def test_the_version_is_the_same_everywhere() -> None:
    version = convae.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    recipe = (ROOT / "packaging/conda/recipe.yaml").read_text(encoding="utf-8")
    assert f'version: "{version}"' in recipe
    assert (ROOT / f"docs/release-notes/{version}.md").is_file()


def test_every_estimator_has_a_model_that_is_kept() -> None:
    from convae.estimators.registry import ESTIMATORS

    assert {kind for kind, _ in CASES.values()} == set(ESTIMATORS)
