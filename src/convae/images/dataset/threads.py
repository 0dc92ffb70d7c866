"""Ordered work in threads without queueing more than a few items ahead.

Decoders release the interpreter's lock, so threads use all cores; the bounded window keeps memory
constant however many images there are.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

WORTH = 6e-4  # seconds for an item, above which threads are quicker
TRIED = 32  # items whose time is looked at together

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
    worthwhile: bool | None = True,
) -> Iterator[Result]:
    """``map(function, items)`` in threads, results in order, at most ``workers * ahead`` unread.

    Threads that mostly run Python take turns, and are slower than one: two that read the headers of files
    from memory read half as many. Files that come over a network are another matter.

    Args:
        worthwhile: False computes one item after the other here, None begins so and goes over to threads
            when items take longer than ``WORTH`` seconds.

    >>> list(in_threads(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    if worthwhile is False:
        yield from map(function, items)
        return
    items = iter(items)
    if worthwhile is None:
        yield from _while_quick(function, items)
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


def _while_quick(function: Callable[[Item], Result], items: Iterator[Item]) -> Iterator[Result]:
    """Results here, until so many items one after the other took too long."""
    spent, count = 0.0, 0
    for item in items:
        began = time.perf_counter()
        result = function(item)
        spent, count = spent + time.perf_counter() - began, count + 1
        yield result
        if count == TRIED:
            if spent > TRIED * WORTH:
                return
            spent, count = 0.0, 0
