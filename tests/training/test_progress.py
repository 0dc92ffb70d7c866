"""Progress: how long it will take, also of several runs after one another, and what logs are told."""

import threading

from convae.training.observers import StepProgress
from convae.training.progress import Heartbeat, Messages, Pace, PlainTraining


def test_the_time_left_follows_from_what_is_done() -> None:
    clock = iter((0.0, 10.0, 20.0))
    pace = Pace(lambda: next(clock))
    assert [pace.left(done) for done in (0.0, 0.25, 0.5)] == [None, 30.0, 20.0]


def test_the_next_run_is_timed_anew() -> None:
    clock = iter((0.0, 10.0, 50.0, 51.0))
    pace = Pace(lambda: next(clock))
    assert [pace.left(done) for done in (0.5, 1.0)] == [None, 0.0]
    assert [pace.left(done) for done in (0.2, 0.6)] == [None, 1.0]


def test_logs_of_many_fits_have_messages_alone() -> None:
    said: list[str] = []
    watch = Messages(said.append)
    watch.message("a fit")
    watch.epoch({"epoch": 1})
    assert said == ["a fit"]


def test_silence_is_broken_by_how_far_it_is() -> None:
    said: list[str] = []
    twice = threading.Event()

    def write(text: str) -> None:
        said.append(text)
        if len(said) >= 2:
            twice.set()

    beat = Heartbeat(write, every=0.001)
    beat.text = lambda: "half-way"
    with beat:
        assert twice.wait(60)
    assert set(said) == {"half-way"}
    count = len(said)
    assert beat._ended.is_set()
    assert len(said) == count  # nothing comes after the end


def test_what_a_silent_training_is_at() -> None:
    lines = PlainTraining(lambda _: None)
    assert lines.text().startswith("reading and preparing images, ")
    lines.step(
        StepProgress(epoch=2, epochs=9, step=30, steps=400, loss=0.125, images=1, seconds=1.0)
    )
    assert lines.text().startswith("epoch 2/9, step 30 of 400  loss 0.125")
