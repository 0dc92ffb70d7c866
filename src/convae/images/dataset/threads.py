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

WORTH = 6e-4  # seconds for an item above which threads are faster
TRIED = 32  # items whose time is averaged

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int | None = None,
    ahead: int = 4,
    worthwhile: bool | None = True,
) -> Iterator[Result]:
    """Yield ``map(function, items)`` from threads, in order, with at most ``workers * ahead`` unread.

    Threads that mostly run Python take turns and are slower than one thread: two that read headers of files
    from memory process half as many. Files on a network are different.

    Args:
        worthwhile: False computes one item after the other in this thread; None starts so and switches to
            threads when items take longer than ``WORTH`` seconds.

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
    """Yield results from this thread, until several items in a row took too long."""
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
