"""Bottlenecks written as text: read back as they were, and refused in one sentence."""

import pytest

from convae.config.bottlenecks import KINDS, Bottleneck, parse_bottleneck
from convae.errors import InputError


@pytest.mark.parametrize(
    "text",
    ["plain", "gaussian", "gaussian:0.5", "l1:2", "kl:0.05", "top-k", "top-k:0.25",
     "vq", "vq:2", "vq:65536", "vq:64,commitment=0.5",
     "gaussian:0.5,free_bits=0.1", "gaussian:free_bits=0.25,warmup=0"],
)  # fmt: skip
def test_a_text_is_read_back(text: str) -> None:
    bottleneck = parse_bottleneck(text)
    assert str(bottleneck) == text
    assert parse_bottleneck(bottleneck) is bottleneck
    assert Bottleneck.from_dict(bottleneck.to_dict()) == bottleneck


def test_levels_and_the_usual_ones() -> None:
    assert parse_bottleneck("gaussian").strength == 1
    assert parse_bottleneck("gaussian:0.5, free_bits = 0.1").free_bits == 0.1
    assert parse_bottleneck("top-k:0.25").architecture == {"bottleneck": "top-k", "active": 0.25}
    assert parse_bottleneck("vq").architecture == {"bottleneck": "vq", "entries": 512}
    assert parse_bottleneck("vq:64").architecture == {"bottleneck": "vq", "entries": 64}
    assert parse_bottleneck("plain").strength == 0
    assert all(parse_bottleneck(kind).architecture["bottleneck"] == kind for kind in KINDS)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("gausian", "unknown bottleneck 'gausian': did you mean 'gaussian'?"),
        ("top-k:2", "its level must be a number above 0, up to 1 (the part of the numbers"),
        ("top-k:0", "its level must be a number above 0"),
        ("gaussian:nan", "its level must be a number above 0"),
        ("plain:1", "it has no level"),
        ("gaussian:much", "level must be a number; got 'much'"),
        ("gaussian:1,freebits=0.1", "did you mean 'free_bits'?"),
        ("gaussian:1,warmup=2", "warmup must be a number from 0 to 1; got 2.0"),
        ("vq:1", "a codebook has a whole number of entries, at least 2; got 1.0"),
        ("vq:2.5", "a codebook has a whole number of entries, at least 2; got 2.5"),
        ("vq:70000", "its level must be a number above 0, up to 65536 (the number of entries"),
        ("vq:64,commitment=-1", "commitment must be a number from 0 to 10000; got -1.0"),
        ("l1:1,commitment=2", "commitment is that of a codebook: use 'vq', or leave it out"),
        (3, "bottleneck must be text such as 'gaussian'"),
    ],
)
def test_what_cannot_be_is_refused(spec: object, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_bottleneck(spec)  # type: ignore[arg-type]
    assert sentence in str(caught.value)


def test_a_table_of_something_else_is_refused() -> None:
    with pytest.raises(InputError, match="must be a table"):
        Bottleneck.from_dict([])
    with pytest.raises(InputError, match="unknown bottleneck setting 'levl'"):
        Bottleneck.from_dict({"levl": 1})
