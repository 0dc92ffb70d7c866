"""What a watch has done."""

from pathlib import Path

import pytest

from convae.errors import InputError
from convae.serving.new_files import NewFile
from convae.serving.watch_journal import Head, WatchJournal

HEAD = Head("abc", "denoise", "()")
ONE, TWO = NewFile("a\udcff.png", (10, 20)), NewFile("b.png", (1, 2))


def test_what_is_done_is_known_after_a_restart(tmp_path: Path) -> None:
    journal = WatchJournal.opened(tmp_path / "j", HEAD)
    journal.begin([ONE, TWO])
    journal.finish(ONE, ["a\udcff.png"], [{"score": 1.5}])
    journal.refuse(TWO, "not an image")
    journal.close()
    again = WatchJournal.opened(tmp_path / "j", HEAD)
    assert again.known(ONE.name, ONE.stamp)
    assert again.known(TWO.name, TWO.stamp)
    assert not again.known(ONE.name, (10, 21))
    assert again.bad == {"b.png": "not an image"}
    assert again.files == {"a\udcff.png": "a\udcff.png"}
    assert again.begun == set()
    again.close()


def test_results_of_an_image_may_be_replaced_and_no_others(tmp_path: Path) -> None:
    journal = WatchJournal.opened(tmp_path / "j", HEAD)
    journal.begin([ONE])
    journal.finish(TWO, ["b.png"], [])
    journal.close()
    again = WatchJournal.opened(tmp_path / "j", HEAD)
    assert again.begun == {ONE.name}
    assert again.may_replace("b.png", False, "b.png")
    assert not again.may_replace(ONE.name, True, "b.png")  # it is the result of another image
    assert again.may_replace(ONE.name, True, "a.png")  # an earlier run may have written it
    assert not again.may_replace("c.png", False, "c.png")  # nobody knows whose it is
    again.close()


def test_other_models_and_damaged_journals_are_refused(tmp_path: Path) -> None:
    WatchJournal.opened(tmp_path / "j", HEAD).close()
    with pytest.raises(InputError, match="another model or other options"):
        WatchJournal.opened(tmp_path / "j", Head("other", "denoise", "()"))
    with (tmp_path / "j").open("a") as file:
        file.write('{"event": "done"}\n')
    with pytest.raises(InputError, match="a line is not one of a watch"):
        WatchJournal.opened(tmp_path / "j", HEAD)
