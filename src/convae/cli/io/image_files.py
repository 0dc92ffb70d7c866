"""Write result images to image files, multi-page TIFFs or one array, in constant memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convae.cli.io.output_files import SKIPPED, result_folder, write_skipped
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.errors import ImageError
from convae.images.dataset.survey import refuse_skipped
from convae.images.result_files import (
    Result,
    Tally,
    check_format,
    refuse_own_folder,
    write_array,
    write_files,
)
from convae.images.sources.base import ImageSource, Skipped
from convae.images.sources.file_sources import FileSource

OnBad = Callable[[ImageError], None]


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How a verb writes images.

    Attributes:
        out: the folder of the results.
        doing: the word for the progress line, such as ``denoising``.
        array: the name of the file to which an array of images is written.
        format: the kind of file to write; None keeps that of each image.
        strict: whether an image that cannot be used is an error.
    """

    out: Path
    doing: str
    array: str
    format: str | None = None
    strict: bool = False


def write_results(
    source: ImageSource, results: Callable[[OnBad], Iterator[Result]], how: Writing, voice: Voice
) -> Tally:
    """Compute the results for a source, and write each under the name of its original.

    Args:
        source: the images.
        results: a function that yields the results in order, and calls its argument with the error of each
            image that cannot be used.
        how: where and how to write.
        voice: prints notes and progress.

    Raises:
        InputError: no image can be used, the format is unknown, or ``out`` is the folder of the images.
        ImageError: with ``strict``, an image cannot be used.
    """
    check_format(how.format, what="--format")
    if how.strict and source.skipped:
        refuse_skipped(source, source.skipped, strict=True, left=len(source))
    refuse_own_folder(source, how.out, what="--out")
    result_folder(how.out)
    for note in source.notes:
        voice.note(note)
    tally = Tally(skipped=list(source.skipped))
    as_files = isinstance(source, FileSource) or how.format is not None

    def on_bad(error: ImageError) -> None:
        if how.strict:
            raise error
        tally.skipped.append(Skipped(error.name, error.reason))

    with counting(voice, how.doing) as progress:

        def counted() -> Iterator[Result]:
            for done in results(on_bad):
                tally.images += 1
                progress(done.index + 1, len(source))
                yield done

        if as_files:
            write_files(source, counted(), how.out, tally, how.format)
        else:
            write_array(source, counted(), how.out / how.array, tally)
    if not tally.images:
        refuse_skipped(source, tally.skipped, strict=False, left=0)
    return tally


def account(tally: Tally, source: ImageSource, out: Path, voice: Voice) -> dict[str, Any]:
    """Print a summary of what was written; return the same for programs."""
    listed = write_skipped(out / SKIPPED, tally.skipped)
    voice.say(
        f"{tally.images:,} image{'s' * (tally.images != 1)} from {source.description} to {tally.files:,} "
        f"file{'s' * (tally.files != 1)} in {out}"
        + (f"; {len(tally.skipped):,} skipped, see {listed}" if listed else "")
    )
    for what, count in sorted(tally.lost.items()):
        voice.note(
            f"{count:,} file{'s' * (count != 1)}: the result cannot hold the {what} of the original"
        )
    for what, count in sorted(tally.elsewhere.items()):
        voice.note(f"{count:,} file{'s' * (count != 1)}: {what}")
    if tally.empty_pages:
        voice.note(
            f"{tally.empty_pages:,} image{'s' * (tally.empty_pages != 1)} of stacks could not be used: an "
            "empty image keeps the place of each"
        )
    return {
        "out": out,
        "images": tally.images,
        "files": tally.files,
        "lost": dict(tally.lost),
        "skipped": [[s.name, s.reason] for s in tally.skipped],
        "skipped_file": listed,
    }
