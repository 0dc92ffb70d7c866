"""Encode images to a file of codes, in constant memory."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from convae.cli.io.code_writing import Coded, write_codes
from convae.cli.io.output_files import SKIPPED, named_after, write_skipped
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.errors import ImageError, InputError
from convae.estimators.base import ImageEstimator
from convae.estimators.streaming import iter_codes, made_by
from convae.images.dataset.survey import refuse_skipped
from convae.images.sources.base import ImageSource, Skipped


def encode(
    model: ImageEstimator,
    source: ImageSource,
    out: Path,
    voice: Voice,
    *,
    layer: str | None = None,
    strict: bool = False,
) -> None:
    """Run ``convae encode``."""
    made = made_by(model, layer)
    skipped = list(source.skipped)
    if strict and skipped:
        refuse_skipped(source, skipped, strict=True, left=len(source))
    for note in source.notes:
        voice.note(note)

    def on_bad(error: ImageError) -> None:
        if strict:
            raise error
        skipped.append(Skipped(error.name, error.reason))

    labels, names = source.labels, source.names
    with counting(voice, "encoding") as progress:

        def coded() -> Iterator[Coded]:
            for index, code in iter_codes(model, source, on_bad, layer):
                progress(index + 1, len(source))
                yield Coded(
                    name=names[index],
                    label=None if labels is None else int(labels[index]),
                    code=code,
                    checksum=source.checksum(index),
                    model=made,
                )

        rows = coded()
        first = next(rows, None)
        if first is None:
            refuse_skipped(source, skipped, strict=False, left=0)
            raise InputError(f"{source.description}: there are no images in it")
        count = write_codes(out, itertools.chain([first], rows), first)
    listed = write_skipped(named_after(out, SKIPPED), skipped)
    shape = "x".join(map(str, first.code.shape))
    voice.say(
        f"{count:,} codes of {shape} numbers in {out}"
        + (
            f"; {len(skipped):,} image{'s' * (len(skipped) != 1)} skipped, see {listed}"
            if listed
            else ""
        )
    )
    voice.result(
        {
            "out": out,
            "images": count,
            "code_shape": first.code.shape,
            "layer": layer,
            "model": made,
            "skipped": [[s.name, s.reason] for s in skipped],
            "skipped_file": listed,
        }
    )
