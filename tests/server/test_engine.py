"""The line of requests."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest

from convae.errors import ImageError
from convae.images.files.image import ReadLimits
from convae.server import engine as module
from convae.server.admission import Admission
from convae.server.answers import outcomes
from convae.server.engine import MOST, Engine, Job
from convae.server.failures import BusyError
from convae.server.given_images import Given
from convae.server.models import Models
from convae.serving.outcome import Outcome

LATER = float("inf")


@pytest.fixture
def batches() -> list[tuple[int, int]]:
    return []


@pytest.fixture
def engine(batches: list[tuple[int, int]]) -> Iterator[Engine]:
    made = Engine(ReadLimits(), lambda *count: batches.append(count))
    yield made
    made.stop(10)


def job(models: Models, images: list[bytes], *, page: int | None = None, **changes: Any) -> Job:
    model = models.get("denoiser").model
    given = [Given(data=data, page=page) for data in images]
    values: dict[str, Any] = {"key": "a", "deadline": LATER, "model": model, "verb": "denoise"}
    return Job(**{**values, "images": given, **changes})


def code(_: int, outcome: Outcome | ImageError) -> Any:
    return outcome if isinstance(outcome, ImageError) else outcome.pixels.tobytes()  # type: ignore[union-attr]


def test_waiting_requests_are_one_batch_and_each_gets_its_own_result(
    engine: Engine, batches: list[tuple[int, int]], models: Models, images: list[bytes]
) -> None:
    jobs = [job(models, [data], finish=code) for data in images]
    jobs.insert(3, job(models, [b"no image at all", images[0]], finish=code))
    futures = [engine.submit(one) for one in jobs]
    engine.start()
    found = [future.result(60) for future in futures]
    assert batches == [(len(jobs), len(images) + 2)]
    bad, good = found.pop(3)
    assert isinstance(bad, ImageError)
    alone = []
    for data in images:
        model = models.get("denoiser").model
        ((_, outcome),) = outcomes(
            model, "denoise", [Given(data=data)], jobs[0].options, limits=ReadLimits()
        )
        alone.append([code(0, outcome)])
    assert found == alone
    assert good == alone[0][0]


def test_requests_with_other_options_are_apart_and_batches_are_bounded(
    engine: Engine, batches: list[tuple[int, int]], models: Models, images: list[bytes]
) -> None:
    futures = [engine.submit(job(models, images[:1], key=key)) for key in ("a", "b", "a", None)]
    futures += [engine.submit(job(models, images[:1] * (MOST - 2), key="a"))]
    engine.start()
    for future in futures:
        future.result(60)
    assert batches == [(3, MOST), (1, 1), (1, 1)]


def test_a_fault_with_one_request_does_not_spoil_the_others(
    engine: Engine, models: Models, images: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(model: Any, verb: str, given: Any, *rest: Any, **more: Any) -> Any:
        if any(one.page == 7 for one in given):
            raise ZeroDivisionError("of convae")
        return outcomes(model, verb, given, *rest, **more)

    monkeypatch.setattr(module, "outcomes", fails)
    good, bad = job(models, images[:1]), job(models, images[:1], page=7)
    futures = [engine.submit(good), engine.submit(bad)]
    engine.start()
    assert isinstance(futures[0].result(60)[0], Outcome)
    with pytest.raises(ZeroDivisionError):
        futures[1].result(60)
    assert engine.alive


def test_a_request_that_was_given_up_is_not_computed(
    engine: Engine, batches: list[tuple[int, int]], models: Models, images: list[bytes]
) -> None:
    future = engine.submit(job(models, images[:1]))
    late = engine.submit(job(models, images[:1], deadline=0.0))
    future.cancel()
    engine.start()
    with pytest.raises(BusyError, match="waited too long"):
        late.result(60)
    with pytest.raises(CancelledError):
        future.result(60)
    assert batches == []


def test_stopping_refuses_what_waits_and_finishes_what_runs(engine: Engine) -> None:
    running, go = threading.Event(), threading.Event()

    def slow() -> list[int]:
        running.set()
        go.wait(30)
        return [1]

    first = engine.submit(Job(key=None, deadline=LATER, alone=slow))
    engine.start()
    running.wait(30)
    second = engine.submit(Job(key=None, deadline=LATER, alone=lambda: [2]))
    stopping = threading.Thread(target=engine.stop, args=(30,))
    stopping.start()
    with pytest.raises(BusyError, match="stopping"):
        second.result(30)
    go.set()
    assert first.result(30) == [1]
    stopping.join(30)
    with pytest.raises(BusyError, match="stopping"):
        engine.submit(Job(key=None, deadline=LATER, alone=lambda: [3]))


def test_admission_counts_requests_and_bytes() -> None:
    admission = Admission(2, 100)
    admission.enter()
    admission.enter()
    with pytest.raises(BusyError, match="2 requests are being answered; try again in") as found:
        admission.enter()
    assert int(found.value.headers["Retry-After"]) >= 1
    admission.hold(60)
    with pytest.raises(BusyError, match="fill the memory"):
        admission.hold(41)
    admission.leave(60, 0.5)
    admission.enter()
    admission.hold(100)
    assert (admission.requests, admission.bytes) == (2, 100)
