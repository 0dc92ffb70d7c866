"""The table of settings, and the order in which they win."""

import inspect
import os
from pathlib import Path

import pytest
from tests.cli.conftest import Command

import convae as package
from convae.cli.settings import MOST_CONFIG, collect, read_config, read_text
from convae.config.experiments import ABLATION, ROBUSTNESS
from convae.config.parameters import AutoencoderParameters, DenoiserParameters, StackedParameters
from convae.config.setting import Setting, settings_of
from convae.errors import InputError
from convae.evaluation.experiments.corrupted_readouts import CORRUPTIONS
from convae.evaluation.experiments.data_parts import MOST
from convae.evaluation.experiments.robustness import code_variants

AUTOENCODER = settings_of(AutoencoderParameters)
STACKED = settings_of(StackedParameters)
DENOISER = settings_of(DenoiserParameters)


def test_a_choice_that_is_left_open_can_be_answered_both_ways() -> None:
    assert collect(DENOISER, pairs=["turn=false"]) == {"turn": False}
    assert collect(DENOISER, pairs=["turn=auto"]) == {"turn": None}


def test_flags_win_over_pairs_and_pairs_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("latent_dim = 5\nepochs = 7\nsize = [32, 48]\nlearning-rate = 1\nseed = 3\n")
    values = collect(
        AUTOENCODER, config=file, pairs=["epochs=8", "widths=4,8"], flags={"epochs": None}
    )
    assert values == {
        "latent_dim": 5,
        "epochs": 8,
        "size": (32, 48),
        "learning_rate": 1.0,
        "random_state": 3,
        "widths": (4, 8),
    }
    assert collect(AUTOENCODER, config=file, flags={"epochs": 9})["epochs"] == 9


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("latent_dim=auto", "auto"),
        ("latent_dim=none", None),
        ("norm=none", "none"),
        ("norm=auto", None),
        ("strict=true", True),
        ("size=3x4", (3, 4)),
        ("seed=5", 5),
    ],
)
def test_a_pair_as_a_value(pair: str, value: object) -> None:
    assert list(collect(AUTOENCODER, pairs=[pair]).values()) == [value]


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("latnt_dim=3", "unknown setting 'latnt_dim': did you mean 'latent_dim'?"),
        ("epochs=many", "--epochs takes a whole number; got 'many'"),
        ("epochs", "--set takes name=value"),
        ("size=3,4,5", "--size takes 2 whole numbers; got (3, 4, 5)"),
        ("optimizer=moun", "unknown --optimizer 'moun': did you mean 'muon'?"),
        ("strict=perhaps", "--strict takes true or false"),
    ],
)
def test_a_wrong_pair_is_answered(pair: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        collect(AUTOENCODER, pairs=[pair])
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("epochs = 'many'", "--epochs takes a whole number; got 'many'"),
        ("epochs = 1.5", "--epochs takes a whole number; got 1.5"),
        ("epochs = true", "--epochs takes a whole number; got True"),
        ("epoch = 3", "unknown setting in"),
        ("epochs = ", "not a TOML file"),
        ("widths = ['a']", "--widths takes whole numbers"),
        ("down = 'strid'", "did you mean 'stride'?"),
    ],
)
def test_a_wrong_file_is_answered(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "my.toml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        collect(AUTOENCODER, config=file)
    assert sentence in str(caught.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        collect(AUTOENCODER, config=tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        collect(AUTOENCODER, config=tmp_path / "binary.toml")


def test_a_number_may_be_whole_where_a_float_is_meant() -> None:
    setting = next(setting for setting in AUTOENCODER if setting.name == "clip")
    assert read_text(setting, "2") == 2.0


def test_all_parameters_are_in_the_help(convae: Command) -> None:
    told = convae("fit", "autoencoder", "--help-all").out
    assert all(setting.option in told for setting in AUTOENCODER)


def test_experiments_take_the_settings_of_what_they_fit(convae: Command) -> None:
    left = {"neighbourhood", "neighbours"}
    assert {s.name for s in ABLATION} == {s.name for s in STACKED} - left
    changed = {s.name for s in ABLATION if s.default != _known(STACKED)[s.name].default}
    assert changed == {"patience"}
    own = {n: p.default for n, p in inspect.signature(code_variants).parameters.items()}
    del own["parameters"]
    known = {s.name: s.default for s in ROBUSTNESS}
    assert own == {name: known.pop(name) for name in own}
    taken = {s.name: s.default for s in AUTOENCODER}
    assert {**known, "noise": None, "bottleneck": "plain", "bypass": None} == {
        name: default for name, default in taken.items() if name not in left
    }
    for verb, table in (("stacking", ABLATION), ("robustness", ROBUSTNESS)):
        told = convae("experiment", verb, "--help-all").out
        assert all(setting.option in told for setting in table)
        assert f"default: {MOST}" in told
    assert all(corruption in "".join(told.split()) for corruption in CORRUPTIONS)


def _known(table: tuple[Setting, ...]) -> dict[str, Setting]:
    return {setting.name: setting for setting in table}


def test_a_config_that_may_never_end_is_refused_unopened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large.toml").write_bytes(b"#" * (MOST_CONFIG + 1))
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(InputError, match="is not a file; give the name of a TOML file"):
            read_config(path)
    with pytest.raises(InputError, match="is larger than 1,048,576 bytes"):
        read_config(tmp_path / "large.toml")


@pytest.mark.parametrize("text", ["widths = " + "[" * 60 + "]" * 60, "widths" + ".a" * 60 + " = 1"])
def test_a_config_nested_beyond_any_setting_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deep.toml"
    path.write_text(text)
    with pytest.raises(InputError, match="nested too deeply: not a file of settings"):
        read_config(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("loss = '" + "9" * 5000 + "'", "--loss takes at most 1,000 characters; got 5,000"),
        ("patience = " + "9" * 3000, "--patience takes a whole number of up to 20 digits"),
    ],
)
def test_what_no_setting_can_be_is_not_repeated(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "long.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        collect(AUTOENCODER, config=path)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("words", "size"),
    [
        (["--size", "24"], (24, 24)),
        (["--size", "24", "32"], (24, 32)),
        (["--size", "24x32"], (24, 32)),
        (["--size=24"], (24, 24)),
        (["--set", "size=24"], (24, 24)),
        (["--set", "size=24x32"], (24, 32)),
    ],
)
def test_a_size_can_be_one_number(
    convae: Command, pictures: Path, tmp_path: Path, words: list[str], size: tuple[int, int]
) -> None:
    out = tmp_path / "m.convae"
    done = convae("fit", "autoencoder", *words, pictures, "--out", out, "--epochs", 0, "--json")
    assert done.code == 0, done.err
    assert package.load(out).image_shape_[1:] == size


def test_a_size_in_a_file_can_be_one_number(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text("size = 24")
    assert collect(AUTOENCODER, config=path)["size"] == (24, 24)
