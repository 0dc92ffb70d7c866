"""New images from sampled codes, or from codes between those of two images."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convae.cli.io.image_files import check_format
from convae.cli.io.output_files import output_file, result_folder
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import counting
from convae.errors import InputError
from convae.estimators.autoencoders.variational import VariationalAutoencoder
from convae.estimators.streaming import iter_images
from convae.images.files.writing import target_of, write_image
from convae.report.pictures.comparison import grid
from convae.report.pictures.pictures import fit_size, save_picture, to_display

MOST_IN_A_PICTURE, COLUMNS = 400, 8
PART = 256  # codes that are sampled and decoded at a time


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The settings of sampling.

    Attributes:
        count: number of images.
        from_: the distribution that codes are sampled from.
        seed: of the random generator.
        format: of the files; None for the default format.
    """

    count: int
    from_: str
    seed: int
    format: str | None


def sample(model: VariationalAutoencoder, out: Path, wanted: Wanted, voice: Voice) -> None:
    """Run ``convae sample``."""
    codes = model.sample_codes(wanted.count, from_=wanted.from_, random_state=wanted.seed)
    _write(model, codes, out, voice, format=wanted.format, seed=wanted.seed)


def interpolate(
    model: VariationalAutoencoder,
    ends: tuple[Path, Path],
    out: Path,
    voice: Voice,
    *,
    steps: int,
    path: str,
    format: str | None,
) -> None:
    """Run ``convae interpolate``."""
    first, last = ends
    for end in ends:
        if end.is_dir():
            raise InputError(f"{end}: is a folder; give the file of one image")
    codes = model.codes_between(str(first), str(last), steps=steps, path=path)
    _write(model, codes, out, voice, format=format)


def traverse(
    model: VariationalAutoencoder,
    image: Path,
    out: Path,
    voice: Voice,
    *,
    numbers: list[int] | None,
    steps: int,
    span: float,
) -> None:
    """Run ``convae traverse``."""
    if image.is_dir():
        raise InputError(f"{image}: is a folder; give the file of one image")
    out = output_file(out, ".png")
    codes = model.codes_along(str(image), numbers=numbers, steps=steps, span=span)
    shaped = codes.reshape(-1, *model.architecture_.code_shape)
    shown = _shown(model, shaped)
    rows = fit_size(shown).reshape(*codes.shape[:2], *fit_size(shown).shape[1:])
    held = model.collapse_.kl
    which = numbers if numbers is not None else [int(np.argmax(np.ptp(c, axis=0))) for c in codes]
    labels = [f"number {number}, {held[number]:.2f} nats" for number in which]
    save_picture(out, grid(list(rows), row_labels=labels, columns=steps))
    voice.say(f"{len(which):,} numbers of the code in {out}")
    voice.result({"out": out, "numbers": which, "nats": [float(held[n]) for n in which]})


def _shown(model: VariationalAutoencoder, codes: np.ndarray, seed: int | None = None) -> np.ndarray:
    """Decode codes to viewable images, uint8 (n, H, W, 3)."""
    units = [
        model.inference_.unit(np.moveaxis(x, 2, 0)[None].copy())[0]
        for x in iter_images(model, codes, seed)
    ]
    return to_display(np.stack([x.cpu().numpy() for x in units]))


def _write(
    model: VariationalAutoencoder,
    codes: np.ndarray,
    out: Path,
    voice: Voice,
    *,
    format: str | None,
    seed: int | None = None,
) -> None:
    """Write the image of each code (n, k): one picture, or a file each; ``seed`` samples finer latents."""
    check_format(format)
    picture = out.suffix.lower() == ".png" and not out.is_dir()
    if picture and len(codes) > MOST_IN_A_PICTURE:
        raise InputError(
            f"{len(codes):,} images are too many for one picture (at most {MOST_IN_A_PICTURE}): give a "
            "folder as --out"
        )
    out = output_file(out, ".png") if picture else result_folder(out)
    shaped = codes.reshape(-1, *model.architecture_.code_shape)
    if picture:
        shown = _shown(model, shaped, seed)
        save_picture(out, grid([fit_size(shown)], columns=min(COLUMNS, len(shown))))
    else:
        with counting(voice, "decoding") as progress:
            for number, pixels in enumerate(iter_images(model, shaped, seed)):
                target = target_of(out / f"{number:06d}", pixels, format=format)
                write_image(target, pixels, format=format)
                progress(number + 1, len(codes))
    voice.say(f"{len(codes):,} image{'s' * (len(codes) != 1)} in {out}")
    voice.result({"out": out, "images": len(codes)})
