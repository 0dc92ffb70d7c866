"""Encode images and write the codes to a file, in constant memory."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from convae.cli.io.code_writing import Coded, write_codes
from convae.cli.io.output_files import SKIPPED, named_after
from convae.cli.runs.skipping import Skipping
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.errors import InputError
from convae.estimators.base import ImageEstimator
from convae.estimators.streaming import iter_codes, made_by
from convae.images.sources.base import ImageSource


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
    skipping = Skipping(source, strict)
    for note in source.notes:
        voice.note(note)

    labels, names = source.labels, source.names
    with counting(voice, "encoding") as progress:

        def coded() -> Iterator[Coded]:
            for index, code in iter_codes(model, source, skipping, layer):
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
            skipping.refuse_all()
            raise InputError(f"{source.description}: there are no images in it")
        count = write_codes(out, itertools.chain([first], rows), first)
    shape = "x".join(map(str, first.code.shape))
    images = " images" if len(skipping.skipped) != 1 else " image"
    end = skipping.write(named_after(out, SKIPPED), images)
    voice.say(f"{count:,} codes of {shape} numbers in {out}{end}")
    voice.result(
        {
            "out": out,
            "images": count,
            "code_shape": first.code.shape,
            "layer": layer,
            "model": made,
            **skipping.values(),
        }
    )
