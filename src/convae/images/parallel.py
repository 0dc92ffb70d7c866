"""Ordered work in threads without queueing more than a few items ahead.

Decoders release the interpreter's lock, so threads use all cores; the bounded window keeps memory
constant however many images there are.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int | None = None,
    ahead: int = 4,
    worthwhile: bool = True,
) -> Iterator[Result]:
    """``map(function, items)`` in threads, results in order, at most ``workers * ahead`` unread.

    Args:
        worthwhile: whether an item takes more than the hundred microseconds that it costs to hand it over;
            False computes one after the other here.

    >>> list(in_threads(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    if not worthwhile:
        yield from map(function, items)
        return
    count = workers or cores()
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(count) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= count * ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
