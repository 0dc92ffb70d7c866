"""The line of requests, and the one thread that computes.

Requests for the same model, verb and options that are waiting at the same time are computed as one batch: a
network takes the same time for one small image as for a hundred, because its batches have a fixed size.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from convae.errors import ConvaeError, ImageError, InputError
from convae.estimators.base import ImageEstimator
from convae.images.files.image import ReadLimits
from convae.server.answers import outcomes
from convae.server.failures import BusyError
from convae.server.given_images import Given
from convae.serving.applying import Options
from convae.serving.outcome import Outcome

MOST = 128  # images of several requests in one batch

Finished = list[Any]


@dataclass(kw_only=True, eq=False)
class Job:
    """The work of one request.

    Attributes:
        key: requests with equal keys may be computed together; None computes it alone.
        model, verb, options, images: what to do; without images, ``alone`` does it.
        finish: makes of the result for an image what the answer needs of it, at once, so that large arrays
            are not kept.
        alone: does the work of a request without images.
        future: receives the list of what ``finish`` returned, in the order of the images.
        deadline: when waiting has taken too long, on the clock ``time.monotonic``.
    """

    key: Hashable | None
    deadline: float
    model: ImageEstimator | None = None
    verb: str = ""
    options: Options = field(default_factory=Options)
    images: list[Given] = field(default_factory=list)
    finish: Callable[[int, Outcome | ImageError], Any] = lambda _, outcome: outcome
    alone: Callable[[], Finished] | None = None
    future: "Future[Finished]" = field(default_factory=Future)


class Engine:
    """Computes jobs in a thread of its own, in the order in which they came.

    Args:
        limits: the limits for one image.
        on_batch: called with the number of requests and of images of each batch.
    """

    def __init__(
        self, limits: ReadLimits, on_batch: Callable[[int, int], None] = lambda *_: None
    ) -> None:
        self._limits, self._on_batch = limits, on_batch
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="convae-compute", daemon=True)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Refuse what still waits, and wait up to some seconds for what is being computed."""
        with self._changed:
            self._stopped = True
            left, self._waiting = list(self._waiting), deque()
            self._changed.notify_all()
        for job in left:
            _fail(job, BusyError("the server is stopping", 5))
        if self._thread is not None:
            self._thread.join(seconds)

    def submit(self, job: Job) -> "Future[Finished]":
        """Put a job at the end of the line; cancel its future to take it out again.

        Raises:
            BusyError: 503, the server is stopping.
        """
        with self._changed:
            if self._stopped:
                raise BusyError("the server is stopping", 5)
            self._waiting.append(job)
            self._changed.notify()
        return job.future

    @property
    def waiting(self) -> int:
        """The number of jobs in line."""
        return len(self._waiting)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while (jobs := self._next()) is not None:
            ready = [job for job in jobs if _starts(job)]
            if ready:
                self._on_batch(len(ready), sum(len(job.images) for job in ready))
                self._compute(ready)

    def _next(self) -> list[Job] | None:
        """Wait for a job; return it with those behind it that can be computed together with it."""
        with self._changed:
            while not self._waiting and not self._stopped:
                self._changed.wait()
            if self._stopped:
                return None
            first = self._waiting.popleft()
            together, count = [first], len(first.images)
            if first.key is None:
                return together
            kept: deque[Job] = deque()
            for job in self._waiting:
                if job.key == first.key and count + len(job.images) <= MOST:
                    together.append(job)
                    count += len(job.images)
                else:
                    kept.append(job)
            self._waiting = kept
            return together

    def _compute(self, jobs: list[Job]) -> None:
        try:
            done = self._together(jobs)
        except BaseException as error:
            if len(jobs) > 1 and not isinstance(error, InputError):
                for job in jobs:  # one request must not spoil the others
                    self._compute([job])
                return
            for job in jobs:
                _fail(job, error)
            return
        for job, finished in zip(jobs, done, strict=True):
            job.future.set_result(finished)

    def _together(self, jobs: list[Job]) -> list[Finished]:
        first = jobs[0]
        if first.alone is not None:
            return [first.alone()]
        assert first.model is not None
        places = [(job, i) for job in jobs for i in range(len(job.images))]
        given = [job.images[i] for job, i in places]
        done: list[Finished] = [[None] * len(job.images) for job in jobs]
        number = {id(job): k for k, job in enumerate(jobs)}
        found = outcomes(first.model, first.verb, given, first.options, limits=self._limits)
        for position, outcome in found:
            job, i = places[position]
            done[number[id(job)]][i] = _finished(job, i, outcome)
        return done


def _finished(job: Job, place: int, outcome: Outcome | ImageError) -> Any:
    """Return what a job makes of a result; an error of one request is its result, and not that of others."""
    try:
        return job.finish(place, outcome)
    except Exception as error:
        return error


def _starts(job: Job) -> bool:
    """Return whether a job is still wanted; one that has waited too long gets an error."""
    if not job.future.set_running_or_notify_cancel():
        return False
    if time.monotonic() > job.deadline:
        _fail(job, BusyError("the request has waited too long", 5))
        return False
    return True


def _fail(job: Job, error: BaseException) -> None:
    if not job.future.done():
        wrapped = error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
        job.future.set_exception(wrapped)


__all__ = ["MOST", "ConvaeError", "Engine", "Job"]
