"""Ordered work in threads: order, bounds, failures."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convae.images.dataset import threads
from convae.images.dataset.threads import cores, in_threads


@settings(max_examples=30, deadline=None)
@given(
    items=st.lists(st.integers(), max_size=40),
    workers=st.integers(1, 4),
    ahead=st.integers(1, 5),
)
def test_it_is_map(items: list[int], workers: int, ahead: int) -> None:
    results = in_threads(lambda x: x * 2, items, workers=workers, ahead=ahead)
    assert list(results) == [x * 2 for x in items]


def test_results_come_in_order_whoever_is_first() -> None:
    second = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second.wait(10)
        else:
            second.set()
        return item

    assert list(in_threads(work, [0, 1, 2], workers=2)) == [0, 1, 2]


def test_no_more_than_the_window_is_taken_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for i in range(1000):
            taken += 1
            yield i

    results = in_threads(abs, items(), workers=2, ahead=3)
    for done in range(1, 20):
        next(results)
        assert taken <= done + 2 * 3
    results.close()  # type: ignore[attr-defined]
    assert taken < 30


def test_a_failure_comes_at_its_place_and_ends_the_work() -> None:
    done = []

    def work(item: int) -> int:
        if item == 3:
            raise ValueError("the fourth")
        done.append(item)
        return item

    results = in_threads(work, range(1000), workers=2, ahead=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the fourth"):
        next(results)
    assert len(done) < 20
    assert list(results) == []


def test_a_failing_source_of_items_is_passed_on() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    results = in_threads(abs, items(), workers=1, ahead=1)
    assert next(results) == 1
    with pytest.raises(OSError, match="gone"):
        next(results)


def test_no_thread_is_left() -> None:
    before = threading.active_count()
    results = in_threads(abs, range(100), workers=3)
    next(results)
    assert threading.active_count() > before
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_cores() -> None:
    assert cores() >= 1


def test_what_is_not_worth_a_thread_is_done_here_one_by_one() -> None:
    done: list[tuple[int, int]] = []

    def work(item: int) -> int:
        done.append((item, threading.get_ident()))
        return item

    results = in_threads(work, [1, 2, 3], worthwhile=False)
    assert next(results) == 1
    assert done == [(1, threading.get_ident())]
    assert list(results) == [2, 3]
    assert {where for _, where in done} == {threading.get_ident()}


def test_threads_come_in_when_items_turn_out_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))
    cost = [0.0]
    monkeypatch.setattr(
        "convae.images.dataset.threads.time.perf_counter", lambda: next(clock) * cost[0]
    )
    here, places = threading.get_ident(), list[int]()

    def work(item: int) -> int:
        places.append(threading.get_ident())
        return item

    count = 3 * threads.TRIED
    assert list(in_threads(work, range(count), worthwhile=None)) == list(range(count))
    assert set(places) == {here}  # quick, as long as the clock stands still
    places.clear()
    cost[0] = 2 * threads.WORTH
    assert list(in_threads(work, range(count), worthwhile=None)) == list(range(count))
    assert set(places[: threads.TRIED]) == {here}
    assert len(places) == count
    assert here not in places[threads.TRIED :]
