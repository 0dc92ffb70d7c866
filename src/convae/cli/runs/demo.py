"""The demonstration: fit on digits, measure on digits by other writers, write a report."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch

from convae.cli.gc_tuning import loaded
from convae.cli.io.output_files import HISTORY, named_after, result_folder, write_history
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import training
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.evaluation.reconstruction import evaluate
from convae.evaluation.results.shown import evaluation_lines
from convae.images.sources.open_source import open_source
from convae.model_reports.autoencoder import report_of
from convae.report.page.folder import write_folder
from convae.report.page.heading import Occasion
from convae.training.progress import duration

LATENT = 16
_PYTHON = """import convae
model = convae.ConvAutoencoder(latent_dim=16, epochs={epochs}).fit("digits")
codes = model.transform("digits")        # (1437, 16)
back = model.inverse_transform(codes)    # (1437, 8, 8)
model.save("digits.convae")"""
_NEXT = """Now with your own images:
  convae check my_images
  convae fit autoencoder my_images --out my.convae
  convae reconstruct my.convae my_images --out reconstructed"""


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread: images this small are done before a second thread starts."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def demonstrate(out: Path, voice: Voice, *, epochs: int, seed: int, device: str) -> None:
    """Run ``convae demo``."""
    loaded()
    result_folder(out)
    voice.say("Training an autoencoder that squeezes each 8x8 digit into 16 numbers ...")
    model = ConvAutoencoder(latent_dim=LATENT, epochs=epochs, random_state=seed, device=device)
    with training(voice) as observers, one_thread():
        model.fit(open_source("digits"), observers=observers, verbose=False)
    path = out / "digits.convae"
    model.save(path)
    history = write_history(named_after(path, HISTORY), model.history_)
    test = open_source("digits", split="test")
    measured = evaluate(model, test)
    occasion = Occasion(
        title="Handwritten digits",
        subtitle="What 16 numbers can say of an 8 × 8 image: the demonstration of convae",
        measured_on=f"{measured.images:,} digits that training never saw",
        command="convae demo",
        python=_PYTHON.format(epochs=epochs),
        seed=seed,
    )
    page = write_folder(out, report_of(model, measured, test, occasion))
    seconds = sum(row["seconds"] for row in model.history_)
    voice.say(f"Done in {duration(seconds)}. On {measured.images} digits that it has never seen:")
    voice.say()
    for line in evaluation_lines(measured, ""):
        voice.say(line)
    voice.say()
    voice.say(f"Model:    {path}")
    voice.say(f"Report:   {page}   <- open it in a browser")
    voice.say()
    voice.say(_NEXT)
    voice.result(
        {
            "model": path,
            "report": page,
            "history": history,
            "seconds": seconds,
            "evaluation": measured.values(),
        }
    )
