"""Progress: how long it will take, also of several runs after one another, and what logs are told."""

from convae.cli.progress import Messages, Pace


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
