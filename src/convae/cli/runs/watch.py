"""Watch a folder: a result for each image file that appears, each once, whatever happens in between."""

import contextlib
import gc
import hashlib
import itertools
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from convae.cli.io.output_files import SKIPPED, output_folder, write_skipped
from convae.cli.option_words import in_options
from convae.cli.terminal.output import Voice, plain, warn
from convae.errors import ImageError, InputError
from convae.estimators.anomaly.detector import AnomalyDetector
from convae.estimators.base import ImageEstimator
from convae.filesystem.atomic import remove_leftovers
from convae.filesystem.result_folders import ResultFolder, marked
from convae.filesystem.run_files import current_run, run_files
from convae.filesystem.tables import escape
from convae.images.files.image import Page, ReadLimits
from convae.images.files.writing import write_stack
from convae.images.result_files import check_format
from convae.images.sources.base import Skipped
from convae.images.sources.file_sources import FileSource
from convae.images.sources.masks import open_masks
from convae.serving.applying import Options, apply, check_options, verb_of
from convae.serving.latest_images import LatestImages
from convae.serving.new_files import NewFile, NewFiles, stamp_of
from convae.serving.outcome import Outcome
from convae.serving.watch_journal import NAME, Head, WatchJournal
from convae.serving.watch_results import files_of, refuse_foreign, stack_path, write_files

BATCH = 128  # files that are read together: small images are computed in batches
PATIENCE = 5  # times the time to settle, until a file that cannot be read is given up
VERB = "watch"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, kw_only=True)
class Watching:
    """How a folder is watched.

    Attributes:
        folder: where images appear.
        out: the folder of the results.
        options: of the verb.
        mask: of an inpainter: a mask file for all images, or ``alpha``.
        format: another kind of file; None keeps that of each image.
        interval: seconds between two looks at the folder.
        settle: seconds for which a file must not change.
        until_idle: stop once nothing has happened for so many seconds; None watches until a signal comes.
        move_bad: the folder for files that cannot be used; None leaves them where they are.
        strict: whether files that cannot be used make the exit code 2.
        max_pixels: of the largest image.
    """

    folder: Path
    out: Path
    options: Options
    mask: str | None = None
    format: str | None = None
    interval: float = 1.0
    settle: float = 2.0
    until_idle: float | None = None
    move_bad: Path | None = None
    strict: bool = False
    max_pixels: int | None = None


@dataclass
class Totals:
    """Counts of this run."""

    files: int = 0
    images: int = 0
    bad: int = 0
    anomalous: int = 0


def watch(model: ImageEstimator, path: Path, how: Watching, voice: Voice) -> None:
    """Run ``convae watch``."""
    verb = verb_of(model)
    check_options(model, verb, how.options)
    _check_folders(how)
    head = Head(_checksum(path), verb, repr((how.options, how.mask, how.format)))
    _own_folder(how.out)
    journal = WatchJournal.opened(how.out / NAME, head)
    try:
        with _stoppable() as stopped:
            _Watch(model, verb, how, journal, voice).run(stopped)
    finally:
        journal.close()


def refuse_options(model: ImageEstimator, given: dict[str, bool]) -> None:
    """Refuse options that are for models of another job.

    Args:
        given: for each option, whether it was given without being for this model.

    Raises:
        InputError: one was.
    """
    for option, wrong in given.items():
        if wrong:
            raise InputError(f"{option} is not for this model, which was fitted to {model.job}")


def _check_folders(how: Watching) -> None:
    """Check the folders before anything is loaded.

    Raises:
        InputError: a folder does not exist, or two are the same.
    """
    check_format(how.format, what="--format")
    if not how.folder.is_dir():
        raise InputError(f"FOLDER {how.folder}: there is no such folder")
    for what, other in (("--out", how.out), ("--move-bad", how.move_bad)):
        if other is not None and other.exists() and os.path.samefile(other, how.folder):
            raise InputError(f"{what} {other}: is the folder that is watched; choose another")
    if how.move_bad is not None:
        output_folder(how.move_bad, what="--move-bad")


def _own_folder(out: Path) -> None:
    """Mark the folder of results, or go on with one of an earlier watch.

    Raises:
        InputError: it holds results of another verb, or cannot be written to.
    """
    output_folder(out)
    earlier = marked(out)
    if earlier is not None and earlier.verb != VERB:
        raise InputError(
            f"--out {out}: holds the results of an earlier 'convae {earlier.verb}': choose another folder"
        )
    if (run := current_run()) is not None:
        ResultFolder(out, run, what="--out", resume=True, lists=False)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Let the first signal end the watch after the file at hand, and the second one at once."""
    came = list[int]()

    def stop(number: int, _: FrameType | None) -> None:
        came.append(number)
        for one in _SIGNALS:
            signal.signal(one, before[one] or signal.SIG_DFL)

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Watch:
    def __init__(
        self,
        model: ImageEstimator,
        verb: str,
        how: Watching,
        journal: WatchJournal,
        voice: Voice,
    ) -> None:
        self.model, self.verb, self.how, self.journal, self.voice = model, verb, how, journal, voice
        self.totals, self.latest = Totals(), LatestImages()
        # An earlier run may have written results of these without noting it.
        self.unfinished = frozenset(journal.begun)
        self.doubtful: dict[str, float] = {}
        self.limits = (
            ReadLimits() if how.max_pixels is None else ReadLimits.for_pixels(how.max_pixels)
        )
        self.troubled = False
        ignored = [how.out] if how.move_bad is None else [how.out, how.move_bad]
        self.new = NewFiles(how.folder, how.settle, ignored=ignored)

    def run(self, stopped: Callable[[], bool]) -> None:
        """Look, compute and wait, until a signal comes or nothing happens any more.

        Raises:
            InputError: with ``strict``, files could not be used.
        """
        remove_leftovers(self.how.out)
        for name, reason in list(
            self.journal.bad.items()
        ):  # of a run that ended before it moved them
            self._move(NewFile(name, self.journal.done[name]), reason)
        quiet_since = time.monotonic()
        while not stopped():
            ready = self._look()
            for start in range(0, len(ready), BATCH):
                if stopped():
                    break
                with run_files([VERB]):  # the list of a run without end must not grow without end
                    self._batch(ready[start : start + BATCH], stopped)
            now = time.monotonic()
            if ready or self.new.pending or self.doubtful:
                quiet_since = now
            if self.how.until_idle is not None and now - quiet_since >= self.how.until_idle:
                break
            _wait(self.how.interval, stopped)
        self._end()

    def _look(self) -> list[NewFile]:
        try:
            ready = self.new.look(self.journal.known)
        except (InputError, OSError) as error:
            if not self.troubled:
                warn(f"{' '.join(str(error).split())}; waiting for it")
            self.troubled = True
            return []
        self.troubled = False
        now = time.monotonic()
        names = {one.name for one in ready}
        self.doubtful = {n: t for n, t in self.doubtful.items() if n in names}
        return [one for one in ready if now >= self.doubtful.get(one.name, 0.0)]

    def _batch(self, files: Sequence[NewFile], stopped: Callable[[], bool]) -> None:
        """Compute the results of some files, and note each as soon as it is written."""
        self.journal.begin(files)
        by_name = {one.name: one for one in files}
        source = FileSource(
            self.how.folder, list(by_name), description="new files", limits=self.limits
        )
        errors: dict[str, str] = {}

        def on_bad(error: ImageError) -> None:
            position = source.names.index(error.name)
            file = os.path.relpath(source.locate(position)[0], self.how.folder)
            page = "" if error.name == file else f"{error.name}: "
            errors.setdefault(file, f"{page}{error.reason}")

        masks = None
        if self.verb == "inpaint":
            masks = open_masks(self.how.mask, source, invert=self.how.options.invert)
        options = self.how.options
        found = apply(self.model, self.verb, source, options, on_bad, masks=masks)
        left = dict(by_name)
        grouped = itertools.groupby(found, key=lambda item: self._file_of(source, item[0]))
        for name, results in grouped:
            try:
                if self._write(by_name[name], source, results, errors):
                    del left[name]
            except ImageError as error:
                errors.setdefault(name, error.reason)
            if stopped():
                return
        for one in left.values():
            self._bad(one, errors.get(one.name, "gives no result"))

    def _file_of(self, source: FileSource, index: int) -> str:
        return os.path.relpath(source.locate(index)[0], self.how.folder)

    def _write(
        self,
        one: NewFile,
        source: FileSource,
        results: Iterator[tuple[int, Outcome]],
        errors: dict[str, str],
    ) -> bool:
        """Write the results of one file, page by page, and note it; return whether it is done with.

        Raises:
            ImageError: a page cannot be used, or a file is in the way.
        """
        images, files = list[dict[str, Any]](), list[str]()
        first, results = _peeked(results)
        pages = source.pages_of_file(first[0])
        if not self._unchanged(one):
            return True

        def noted() -> Iterator[Outcome]:
            for index, outcome in results:
                images.append(self._facts(source.names[index], outcome))
                yield outcome
            if one.name in errors:
                raise ImageError(one.name, errors[one.name])
            if stamp_of(self.how.folder / one.name) != one.stamp:
                raise ImageError(one.name, "it was changed while it was read")

        if pages > 1 and first[1].pixels is not None and self.how.format is None:
            files = [self._stack(one, noted(), pages)]
        elif pages == 1:
            (outcome,) = noted()
            files = self._files(one, one.name, outcome)
        else:
            for number, outcome in enumerate(noted()):
                files += self._files(one, f"{one.name}[{number}]", outcome)
        self.doubtful.pop(one.name, None)
        self.totals.files += 1
        self.totals.images += len(images)
        self.totals.anomalous += sum(bool(image.get("anomalous")) for image in images)
        self._tell(self.journal.finish(one, files, images))
        return True

    def _unchanged(self, one: NewFile) -> bool:
        """Return whether a file is as it was when it was found; if not, wait until it is complete."""
        if stamp_of(self.how.folder / one.name) == one.stamp:
            return True
        self.new.again(one.name)
        return False

    def _facts(self, name: str, outcome: Outcome) -> dict[str, Any]:
        facts: dict[str, Any] = dict(outcome.facts)
        if outcome.notes:
            facts["notes"] = outcome.notes
        if outcome.detection is not None:
            self.latest.add(outcome.detection)
        found: dict[str, Any] = plain({"image": escape(name), **facts})
        return found

    def _may_replace(self, one: NewFile) -> Callable[[str], bool]:
        begun = one.name in self.unfinished
        return lambda file: self.journal.may_replace(one.name, begun, file)

    def _files(self, one: NewFile, name: str, outcome: Outcome) -> list[str]:
        files = files_of(outcome, name, self.how.out, format=self.how.format)
        return write_files(files, one.name, self.how.out, self._may_replace(one))

    def _stack(self, one: NewFile, pages: Iterator[Outcome], count: int) -> str:
        path = stack_path(one.name, self.how.out)
        relative = os.path.relpath(path, self.how.out)
        refuse_foreign(relative, one.name, self.how.out, self._may_replace(one))
        stack = (
            Page(page.pixels, page.like, page.holes) for page in pages if page.pixels is not None
        )
        write_stack(path, stack, at_most=count)
        return relative

    def _bad(self, one: NewFile, reason: str) -> None:
        """Give up a file that cannot be used, after a second try: it may still be arriving."""
        if not self._unchanged(one):
            return
        if one.name not in self.doubtful:
            self.doubtful[one.name] = time.monotonic() + PATIENCE * self.how.settle
            return
        self._refused(one, reason)

    def _refused(self, one: NewFile, reason: str) -> None:
        self.doubtful.pop(one.name, None)
        self.totals.bad += 1
        reason = in_options(reason)
        entry = self.journal.refuse(one, reason)
        moved = self._move(one, reason)
        self._tell(entry if moved is None else {**entry, "moved_to": os.fspath(moved)})

    def _move(self, one: NewFile, reason: str) -> Path | None:
        """Move a file that cannot be used aside, if that is wanted and it is still the same."""
        folder, path = self.how.move_bad, self.how.folder / one.name
        if folder is None or stamp_of(path) != one.stamp:
            return None
        target = _free(folder / one.name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
        except OSError as error:
            warn(f"{path}: cannot be moved to {target}: {error.strerror or error}")
            return None
        return target

    def _tell(self, entry: dict[str, Any]) -> None:
        """Print the line of a file."""
        print(json.dumps(entry, allow_nan=False), flush=True)

    def _end(self) -> None:
        totals, how = self.totals, self.how
        skipped = [Skipped(name, reason) for name, reason in sorted(self.journal.bad.items())]
        listed = write_skipped(how.out / SKIPPED, skipped)
        text = f"{totals.files:,} file{'s' * (totals.files != 1)} with results in {how.out}"
        if self.verb == "detect":
            text += f", {totals.anomalous:,} of {totals.images:,} images anomalous"
        if totals.bad:
            text += f"; {totals.bad:,} could not be used, see {listed}"
        if not self.voice.json:
            self.voice.note(text)
        values: dict[str, Any] = {
            "event": "summary",
            "out": how.out,
            "files": totals.files,
            "images": totals.images,
            "bad": totals.bad,
            "all_files": len(self.journal.done) - len(self.journal.bad),
            "all_bad": len(self.journal.bad),
            "skipped_file": listed,
        }
        if isinstance(self.model, AnomalyDetector):
            drift = self.latest.drift(self.model)
            if drift.moved:
                self.voice.note(drift.sentence)
            values |= {"anomalous": totals.anomalous, "drift": drift.to_dict()}
        self.voice.result(values)
        gc.freeze()  # searching all of torch for garbage at the end takes seconds
        if how.strict and totals.bad:
            raise InputError(f"{totals.bad:,} files could not be used, see {listed}")


def _wait(seconds: float, stopped: Callable[[], bool]) -> None:
    """Wait, but no longer than until a signal comes."""
    end = time.monotonic() + seconds
    while not stopped() and (left := end - time.monotonic()) > 0:
        time.sleep(min(0.1, left))


def _free(path: Path) -> Path:
    """Return a path that does not exist: with a number, if need be."""
    found, number = path, 1
    while os.path.lexists(found):
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


def _peeked(
    results: Iterator[tuple[int, Outcome]],
) -> tuple[tuple[int, Outcome], Iterator[tuple[int, Outcome]]]:
    """Return the first of some results, and an iterator over all of them."""
    first = next(results)
    return first, itertools.chain((first,), results)
