"""Memory that steps use again: the same results, with and without glibc."""

import ctypes

import pytest
import torch

from convae.training import malloc
from convae.training.malloc import steady_memory


def allocate() -> float:
    """Large blocks come and go."""
    return sum(float(torch.ones(2**20).sum()) for _ in range(3))


def test_memory_comes_and_goes_as_before() -> None:
    with steady_memory():
        assert allocate() == 3 * 2**20
    assert allocate() == 3 * 2**20


def test_an_error_inside_passes_through() -> None:
    with pytest.raises(KeyError, match="inside"), steady_memory():
        raise KeyError("inside")


@pytest.mark.parametrize("error", [OSError, TypeError, None])
def test_other_systems_do_without(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception] | None
) -> None:
    def library(name: str | None) -> object:
        if error is not None:
            raise error
        return object()

    monkeypatch.setattr(ctypes, "CDLL", library)
    assert malloc._glibc() is None
    with steady_memory():
        assert allocate() == 3 * 2**20
