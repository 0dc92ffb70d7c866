"""Read images of a source in order: in this thread, in threads or in processes, whichever is fastest.

The fastest way depends on the files and on the machine, so a few images are read first and timed.
"""

import itertools
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Generic, TypeVar

from convae.errors import ImageError
from convae.images.dataset.threads import TRIED, WORTH, cores, in_threads
from convae.images.dataset.worker_processes import Workers, possible
from convae.images.files.image import Answer, Request, Size
from convae.images.sources.base import ImageSource

LONG = 2.5  # seconds of remaining reading above which starting processes pays off (0.4 s)
LARGE = 2**18  # bytes of an image above which threads cost less than passing it on
MOST_PROCESSES = 16  # more are faster than one process can receive from
PORTION = 0.03  # seconds of reading before a process answers
MOST = 64  # maximum number of images in an answer

Result = TypeVar("Result")


def fetched(
    source: ImageSource,
    indices: Sequence[int],
    use: Callable[[int, Answer], Result],
    *,
    for_size: Size | None = None,
    most_bytes: Callable[[], int] | None = None,
    quick: bool = False,
    ahead: int = 16,
) -> Generator[Result]:
    """Yield the results of ``use`` for each image, in order; only a few are held at a time.

    Close the iterator if it may be abandoned before its end: this ends the processes.

    Args:
        indices: positions in the source.
        use: called with a position and the result of :meth:`ImageSource.answer` there; from several threads.
        for_size: as in :meth:`ImageSource.read`.
        most_bytes: maximum size of an image that is read with its header; None reads all, without headers.
        quick: whether reading is very fast, so that images are read one by one in this thread.
        ahead: how many results each thread may be ahead; choose few if results are large.
    """
    return _Fetch(source, use, for_size, most_bytes, ahead).all(indices, quick=quick)


class _Fetch(Generic[Result]):
    """Reads an image, in any thread or process."""

    def __init__(
        self,
        source: ImageSource,
        use: Callable[[int, Answer], Result],
        for_size: Size | None,
        most_bytes: Callable[[], int] | None,
        ahead: int,
    ) -> None:
        self.source, self.use, self.for_size, self.most_bytes = source, use, for_size, most_bytes
        self.ahead = ahead
        self.largest = 0  # bytes of the largest image so far

    def all(self, indices: Sequence[int], *, quick: bool) -> Generator[Result]:
        """Read one by one as long as that is the fastest way for the remaining images."""
        if quick:
            yield from map(self.here, indices)
            return
        left, coming = len(indices), iter(indices)
        for index in itertools.islice(coming, 1):  # slower: decoders are imported
            yield self.here(index)
            left -= 1
        while left > 0:
            spent, tried = 0.0, 0
            while tried < min(TRIED, left) and spent <= TRIED * WORTH:
                began = time.perf_counter()
                result = self.here(next(coming))
                spent, tried = spent + time.perf_counter() - began, tried + 1
                yield result
            left, each = left - tried, spent / tried
            if each * left > LONG and (workers := self.workers(indices, each * left)) is not None:
                with workers:
                    yield from self.elsewhere(coming, workers, each)
                return
            if each > WORTH:
                yield from in_threads(self.here, coming, ahead=self.ahead)
                return

    def here(self, index: int) -> Result:
        """Read in this thread."""
        answered = self.source.answer(index, self.for_size, self.most_bytes and self.most_bytes())
        if isinstance(answered, tuple) and answered[1] is not None:
            self.largest = max(self.largest, answered[1].pixels.nbytes)
        return self.use(index, answered)

    def workers(self, indices: Sequence[int], seconds: float) -> Workers | None:
        """Start processes for so many seconds of reading, if they help; at most one per second."""
        if cores() == 1 or self.largest > LARGE or not possible():
            return None
        if self.source.request(indices[0], self.for_size, 0) is None:
            return None
        try:
            return Workers(min(cores(), MOST_PROCESSES, max(2, round(seconds))))
        except OSError:
            return None  # the system refuses processes: use threads

    def elsewhere(self, indices: Iterator[int], workers: Workers, each: float) -> Iterator[Result]:
        """Read in processes; ``each`` is the time of an image in seconds."""
        count = max(1, min(MOST, round(PORTION / each)))

        def portions() -> Iterator[list[tuple[int, Request]]]:
            while positions := list(itertools.islice(indices, count)):
                most = LARGE if self.most_bytes is None else min(LARGE, self.most_bytes())
                asked = [self.source.request(i, self.for_size, most) for i in positions]
                yield [(i, r) for i, r in zip(positions, asked, strict=True) if r is not None]

        def read(portion: list[tuple[int, Request]]) -> list[Result]:
            answered = workers.answers([request for _, request in portion])
            return [self.checked(i, one) for (i, _), one in zip(portion, answered, strict=True)]

        # twice as many threads as processes: one passes an image on while the other waits for the next
        for results in in_threads(read, portions(), workers=2 * len(workers), ahead=1):
            yield from results

    def checked(self, index: int, answered: Answer) -> Result:
        """Return the answer of a process; images that it refused or found too large are read here.

        So the answer is the same wherever an image is read, whatever options the caller set for the decoders.
        """
        wanted = self.most_bytes is None or self.most_bytes() > LARGE
        if isinstance(answered, ImageError) or (answered[1] is None and wanted):
            return self.here(index)
        return self.use(index, answered)
