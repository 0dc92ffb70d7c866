"""Images of a source in order, read here, in threads or in processes, whatever is quickest.

Which it is depends on the files and on the machine, so a few images are read first and timed.
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

LONG = 2.5  # seconds of reading to come, above which processes are worth their start (0.4 s)
LARGE = 2**18  # bytes of an image, above which handing it over costs more than threads do
MOST_PROCESSES = 16  # more are faster than one process can take over from
PORTION = 0.03  # seconds that a process reads for before it answers
MOST = 64  # images in an answer

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
    """What ``use`` makes of each image, in order; only a few are held at a time.

    Close it where it may be left before its end: processes end with it.

    Args:
        indices: positions in the source.
        use: is given a position and what :meth:`ImageSource.answer` says there; from several threads.
        for_size: as in :meth:`ImageSource.read`.
        most_bytes: how large an image may be to be read with its header; None reads all, without headers.
        quick: reading takes no time: one after the other, here.
        ahead: how many results each thread may be ahead; few where results are large.
    """
    return _Fetch(source, use, for_size, most_bytes, ahead).all(indices, quick=quick)


class _Fetch(Generic[Result]):
    """How to get at an image, whoever reads it."""

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
        self.largest = 0  # image so far, in bytes

    def all(self, indices: Sequence[int], *, quick: bool) -> Generator[Result]:
        """One after the other as long as that is quickest for what is left."""
        if quick:
            yield from map(self.here, indices)
            return
        left, coming = len(indices), iter(indices)
        for index in itertools.islice(coming, 1):  # takes longer than others: decoders are imported
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
        said = self.source.answer(index, self.for_size, self.most_bytes and self.most_bytes())
        if isinstance(said, tuple) and said[1] is not None:
            self.largest = max(self.largest, said[1].pixels.nbytes)
        return self.use(index, said)

    def workers(self, indices: Sequence[int], seconds: float) -> Workers | None:
        """Processes for so many seconds of reading, where they help; one a second at most."""
        if cores() == 1 or self.largest > LARGE or not possible():
            return None
        if self.source.request(indices[0], self.for_size, 0) is None:
            return None
        try:
            return Workers(min(cores(), MOST_PROCESSES, max(2, round(seconds))))
        except OSError:
            return None  # the system gives us no more: threads will do

    def elsewhere(self, indices: Iterator[int], workers: Workers, each: float) -> Iterator[Result]:
        """Read in processes; ``each`` image takes so many seconds."""
        count = max(1, min(MOST, round(PORTION / each)))

        def portions() -> Iterator[list[tuple[int, Request]]]:
            while positions := list(itertools.islice(indices, count)):
                most = LARGE if self.most_bytes is None else min(LARGE, self.most_bytes())
                asked = [self.source.request(i, self.for_size, most) for i in positions]
                yield [(i, r) for i, r in zip(positions, asked, strict=True) if r is not None]

        def told(portion: list[tuple[int, Request]]) -> list[Result]:
            said = workers.answers([request for _, request in portion])
            return [self.checked(i, one) for (i, _), one in zip(portion, said, strict=True)]

        # twice as many threads as processes: one hands an image on while the other waits for the next
        for results in in_threads(told, portions(), workers=2 * len(workers), ahead=1):
            yield from results

    def checked(self, index: int, said: Answer) -> Result:
        """What a process said; what it refused, or what was too large for it, is read here.

        So the answer is the same wherever an image is read, whatever the caller asked of the decoders.
        """
        wanted = self.most_bytes is None or self.most_bytes() > LARGE
        if isinstance(said, ImageError) or (said[1] is None and wanted):
            return self.here(index)
        return self.use(index, said)
