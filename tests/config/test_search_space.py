"""What a search may vary: ranges derived from the table, texts as typed, and what is refused."""

import pytest

from convae.cli.settings import read_text
from convae.config.config_file import toml_text
from convae.config.durations import parse_duration
from convae.config.parameters import AutoencoderParameters, DenoiserParameters
from convae.config.search_space import (
    REFUSED,
    SEARCHED,
    Interval,
    Options,
    default_dimension,
    dimension_of,
    parse_dimension,
)
from convae.config.setting import settings_of
from convae.config.training import LEARNING_RATES
from convae.errors import InputError
from convae.estimators.registry import ESTIMATORS, estimator_class

KNOWN = {one.key: one for one in settings_of(AutoencoderParameters)}


def parsed(text: str) -> object:
    return parse_dimension(text, KNOWN, read_text)[1]


def test_every_kind_but_the_detector_has_settings_to_search() -> None:
    members = {estimator_class(kind).member: estimator_class(kind) for kind in ESTIMATORS}
    assert set(SEARCHED) == set(members) - {"anomaly"}
    for member, names in SEARCHED.items():
        known = {one.name: one for one in settings_of(members[member])}
        for name in names:
            dimension = default_dimension(known[name], widths=(32, 64))
            assert dimension.name == name
            assert name not in REFUSED


@pytest.mark.parametrize("optimizer", sorted(LEARNING_RATES))
def test_the_range_of_the_learning_rate_is_around_its_default(optimizer: str) -> None:
    found = default_dimension(KNOWN["learning_rate"], optimizer=optimizer)
    assert isinstance(found, Interval)
    assert found.log
    # the geometric middle of the range is the default
    assert (found.low * found.high) ** 0.5 == pytest.approx(LEARNING_RATES[optimizer])


def test_widths_are_scaled_and_whole() -> None:
    found = default_dimension(KNOWN["widths"], widths=(32, 64))
    assert found == Options(name="widths", values=((16, 32), (32, 64), (48, 96)))


def test_choices_of_the_table_are_the_options() -> None:
    found = default_dimension(KNOWN["optimizer"])
    assert isinstance(found, Options)
    assert found.values == KNOWN["optimizer"].choices


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ema", None),
        (
            "learning-rate=0.001:0.1:log",
            Interval(name="learning_rate", low=0.001, high=0.1, log=True),
        ),
        ("ema=0.9:0.99", Interval(name="ema", low=0.9, high=0.99)),
        ("blocks=1:3", Interval(name="blocks", low=1, high=3, whole=True)),
        ("widths=16,32|32,64", Options(name="widths", values=((16, 32), (32, 64)))),
        ("batch_size=auto|32", Options(name="batch_size", values=(None, 32))),
        ("optimizer=adam|muon", Options(name="optimizer", values=("adam", "muon"))),
    ],
)
def test_texts_as_typed(text: str, expected: object) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("learning_rat=1:2", "did you mean 'learning_rate'"),
        ("seed=1|2", "seed cannot be searched: a seed that does better is luck"),
        ("size=8|16", "it changes the images that trials are measured on"),
        ("ema=0.9", "takes NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=a|b|c"),
        ("optimizer=adam", "a search of 'optimizer' takes NAME=a|b|c"),
        ("ema=0.9:0.5", "two increasing numbers"),
        ("weight_decay=0:1:log", "needs ends above 0"),
        ("ema=0.5:1.5", "ema must be from 0 to 0.99999; the search has 1.5"),
        ("optimizer=adam|sdg", "unknown --optimizer 'sdg'"),
        ("batch_size=32|32", "from 2 to 100 different values; got 32"),
    ],
)
def test_texts_that_cannot_be(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words.replace("|", r"\|").replace("(", r"\(")):
        parsed(text)


def test_a_setting_without_a_known_range_says_how_to_give_one() -> None:
    with pytest.raises(InputError, match="'latent_dim=LOW:HIGH' or 'latent_dim=A"):
        default_dimension(KNOWN["latent_dim"])
    noisy = {one.key: one for one in settings_of(DenoiserParameters)}
    with pytest.raises(InputError, match="noise: which values to search is not known"):
        default_dimension(noisy["noise"])


@pytest.mark.parametrize("given", [(1, 2, "lin"), "0.1:0.2", (1,), ("a", "b"), 3])
def test_ranges_of_python_that_cannot_be(given: object) -> None:
    with pytest.raises(InputError, match="search: ema takes a list of values, "):
        dimension_of(KNOWN["ema"], given)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10min", 600), ("1h 30min", 5400), ("2.5", 2.5), (7, 7)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "ten", "10 parsecs", "-5", "0s", "inf", "nan", "10min!"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InputError, match="--budget must be a time above 0, such as 90s"):
        parse_duration(text, "--budget")


def test_settings_as_toml_come_back() -> None:
    import tomllib

    values = {"loss": 'a "quoted" \\ é\n', "widths": (16, 32), "turn": True, "ema": 0.995, "n": 3}
    text = toml_text({**values, "size": None}, ["first", "second\nthird"])
    assert tomllib.loads(text) == {**values, "widths": [16, 32]}
    assert text.startswith("# first\n# second\n# third\n")
    with pytest.raises(InputError, match="cannot hold nan"):
        toml_text({"ema": float("nan")})
