"""Collected rarely while modules load, as usual while images are read and afterwards."""

import gc

from convae.cli.gc_tuning import LOADING, USUAL, loaded, loading


def test_rarely_only_until_all_is_loaded() -> None:
    with loading():
        assert gc.get_threshold() == LOADING
        loaded()
        assert gc.get_threshold() == USUAL
    assert gc.get_threshold() == USUAL


def test_as_usual_after_an_error() -> None:
    try:
        with loading():
            raise ValueError
    except ValueError:
        assert gc.get_threshold() == USUAL
