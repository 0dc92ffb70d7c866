"""Every reader of convae: its seeds, what is done with an input, and the mutations made for it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing import edits, image_seeds, other_seeds
from fuzzing.case import Reader, Seed
from fuzzing.other_seeds import IMAGES, TINY

_PAGES = 4  # of a file are read
_LARGE = 2 * 2**30  # bytes, for a picture of 100 million pixels and what it is made from


def read_images(path: Path) -> None:
    """Open a file and read its first pages and the last."""
    import convae

    source = convae.open_source(path)
    if source.labels is not None and len(source.labels) != len(source):
        raise AssertionError(f"{len(source.labels)} labels for {len(source)} images")
    for index in sorted({*range(min(_PAGES, len(source))), len(source) - 1}):
        header, image = source.header(index), source.read(index)
        if image.pixels.shape != header.shape or str(image.pixels.dtype) != header.depth:
            raise AssertionError(
                f"{header} promised, {image.pixels.shape} {image.pixels.dtype} read"
            )
    source.fingerprint()


def read_code_file(path: Path) -> None:
    """Count and read all codes."""
    from convae.cli.io.code_reading import count_codes, read_codes

    count_codes(path)
    with read_codes(path) as rows:
        for _ in rows:
            pass


def read_table(path: Path) -> None:
    """Take a table for labels or targets, and for groups."""
    from convae.cli.io.image_tables import read_groups
    from convae.cli.io.labels import read_labels
    from convae.cli.terminal.output import Voice
    from convae.errors import InputError
    from convae.images.sources.open_source import open_source

    source, faults = open_source(IMAGES), list[InputError]()
    for read in (
        lambda: read_labels(str(path), source, Voice(quiet=True)),
        lambda: read_groups(path, source),
    ):
        try:
            read()
        except InputError as error:
            faults.append(error)
    if len(faults) == 2:
        raise faults[0]


def read_model(path: Path) -> None:
    """Describe a model, load it, use it for what it was fitted to do, and write it again."""
    import convae
    from convae.cli.runs.info import describe
    from convae.cli.terminal.output import Voice

    describe(path, Voice(quiet=True))
    model: Any = convae.load(path)
    job = {"denoise": "denoise", "inpaint": "inpaint", "detect": "predict"}.get(
        model.verb, "reconstruct"
    )
    shape = model.image_shape_
    if max(shape) > 64:
        return
    images = np.resize(IMAGES, (2, *shape[1:], shape[0])).astype(model.plan_.depth)
    mask = {"mask": images[..., 0] > 99} if job == "inpaint" else {}
    getattr(model, job)(images, **mask)
    if hasattr(model, "transform"):
        model.transform(images)
    model.save(path.with_name("again.convae"))


def read_checkpoint(path: Path) -> None:
    """Go on from a checkpoint."""
    import convae

    convae.ConvAutoencoder.from_options(TINY).fit(IMAGES, checkpoint=path, resume=True)


def read_configuration(path: Path) -> None:
    """Take a configuration for each kind of model, as far as it is checked before there are images."""
    from convae.cli.runs.fit import checked_estimator
    from convae.cli.settings import collect
    from convae.config.setting import settings_of
    from convae.errors import InputError
    from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
    from convae.estimators.restoration.denoiser import Denoiser

    faults = list[InputError]()
    for estimator in (ConvAutoencoder, Denoiser):
        try:
            checked_estimator(estimator, collect(settings_of(estimator), config=path))
        except InputError as error:
            faults.append(error)
    if len(faults) == 2:
        raise faults[0]


def _images(name: str, make: Any, *own: Any, share: float = 1.0, packed: bool = True) -> Reader:
    """The reader of a kind of image files; ``packed``: their length says little of the number of pixels."""
    memory = {"memory": _LARGE} if packed else {}
    return Reader(
        name, lambda _: image_seeds.seeds_of(make), read_images, tuple(own), share, **memory
    )


READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        _images("png", image_seeds.png, edits.png_chunk, share=2),
        _images("jpeg", image_seeds.jpeg),
        _images("webp", image_seeds.webp),
        _images("gif", image_seeds.gif),
        _images("tiff", image_seeds.tiff, edits.tiff_tag, share=4, packed=False),
        _images("netpbm", image_seeds.netpbm, packed=False),
        _images("others", image_seeds.others, share=2),
        Reader("arrays", other_seeds.arrays, read_images, edits.ARRAYS, 2),
        Reader("codes", other_seeds.codes, read_code_file, (*edits.ARRAYS[:3], edits.csv_cell), 2),
        Reader("tables", other_seeds.tables, read_table, (edits.csv_cell,)),
        Reader(
            "models", other_seeds.models, read_model, (*[edits.resealed] * 4, edits.unsealed), 4
        ),
        Reader(
            "checkpoints",
            other_seeds.checkpoints,
            read_checkpoint,
            (edits.resealed, edits.json_value),
        ),
        Reader(
            "configurations", other_seeds.configurations, read_configuration, (edits.toml_value,)
        ),
    )
}


def load_seeds(reader: Reader, folder: Path) -> list[Seed]:
    """The seeds of a reader, made once a folder so that every process has the same."""
    made = folder / reader.name
    if not made.is_dir():
        work = folder / "making"
        work.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(reader.seeds(work)):
            seed.write(folder / "new" / f"{number:02} {seed.name}{'/' if seed.folder else ''}")
            order = "\n".join([str(int(seed.folder)), *seed.files])
            (folder / "new" / f"{number:02} {seed.name}" / ".order").write_text(order)
        (folder / "new").rename(made)
        shutil.rmtree(work)
    return [_stored(place) for place in sorted(made.iterdir())]


def _stored(place: Path) -> Seed:
    whole, *names = (place / ".order").read_text().split("\n")
    files = {name: (place / name).read_bytes() for name in names}
    return Seed(place.name[3:], files, folder=whole == "1")
