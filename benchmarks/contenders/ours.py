"""convae, through its estimators and its training loop."""

import os
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn

from contenders import data
from contenders.plain_torch import tensor
from contenders.serving import Facts, Gate
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import training
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.fit import Learning, Run, fit_baseline, start_network, train_model
from convae.images.sources.open_source import open_source
from convae.training.observers import Observer, Observers, Row, StepProgress
from convae.training.progress import REDRAWN
from convae.training.tasks.task import Reconstruction
from usual import USUAL

Job = dict[str, Any]
ENDLESS = 10**6  # epochs; whoever asks ends the process


class Watch(Observers):
    """The gate as an observer: it looks at the clock only when a portion is done.

    Validation between two epochs is left out: peers have none here.

    Args:
        gate: what lets so many steps through.
        observers: who else watches, as often as users have it.
    """

    def __init__(self, gate: Gate, observers: Sequence[Observer] = ()) -> None:
        super().__init__(observers)
        self.gate = gate
        self.stepped = gate.now()

    def due(self) -> bool:
        """Asked once after every step."""
        self.gate.left -= 1
        self.stepped = self.gate.now()
        return self.gate.left <= 0 or super().due()

    def step(self, moment: StepProgress) -> None:
        """Time to tell, or the last step of a portion."""
        if super().due():
            super().step(moment)
        if self.gate.left <= 0:
            self.gate.close()
        self.stepped = self.gate.now()

    def epoch(self, row: Row) -> None:
        """The validation of an epoch is done."""
        self.gate.idle(self.gate.now() - self.stepped)


def estimator(job: Job, **more: Any) -> ConvAutoencoder:
    """The estimator for a job: with the usual recipe, or with convae's own.

    The variant ``defaults`` has the default network as well, with a code as long as the tutorial's.
    """
    recipe = USUAL if job["variant"] in ("", "progress") else {}
    if job["variant"] == "defaults":
        job = {**job, "preset": "residual"}
        more |= {"latent_dim": 16}
    given = {"preset": job["preset"], "batch_size": job["batch"], "precision": "float32"}
    return ConvAutoencoder.from_options({**recipe, **given, "random_state": 0, **more})


def train(job: Job, gate: Gate) -> None:
    """A unit of work is one step of the training loop; the variant ``progress`` shows its line as well."""

    source = open_source(data.images(job["images"], job["side"]))
    own = job["variant"] in ("own recipe", "defaults")
    epochs = 2 if own and "tested" in job else ENDLESS  # its schedule needs an end
    model = estimator(job, epochs=epochs)
    config = model._config()
    showing: AbstractContextManager[Sequence[Observer]]
    showing = _line() if job["variant"] == "progress" else nullcontext(())
    with showing as observers:
        run = Run(observers=Watch(gate, observers))
        ready = model._ready(source, config, run)
        network = start_network(ready, fit_baseline(ready))
        gate.measures["error"] = lambda: tested(network, job)
        learning = Learning(Reconstruction(config.loss))
        train_model("ConvAutoencoder", config, ready, network, learning, run)


def redraw(job: Job, gate: Gate) -> None:
    """What one redrawing of the progress line costs, in seconds of its thread."""
    spent = []
    with _line() as (line,):
        for step in range(1, 221):
            moment = StepProgress(
                epoch=1, epochs=10, step=step, steps=400, loss=0.1, images=128 * step, seconds=step
            )
            began = time.thread_time()
            line.step(moment)
            line._progress.refresh()  # type: ignore[attr-defined]
            spent.append(time.thread_time() - began)
    gate.tell(redraw=statistics.median(spent[20:]), a_second=REDRAWN)


@contextmanager
def _line() -> Iterator[Sequence[Observer]]:
    """The progress line of the command line, on a terminal that someone reads."""
    terminal, ours = os.openpty()
    os.dup2(ours, 2)
    os.environ["TERM"] = "xterm"
    threading.Thread(target=_read, args=(terminal,), daemon=True).start()
    with training(Voice()) as observers:
        yield observers


def _read(terminal: int) -> None:
    while os.read(terminal, 4096):
        pass


def infer(job: Job, gate: Gate) -> None:
    """A unit of work is one batch of images, from uint8 to uint8."""
    images = data.images(job["images"], job["side"])
    model = estimator(job, epochs=0).fit(images[:512])

    def work(amount: int) -> None:
        for chosen in data.portions(images, amount * job["batch"]):
            model.reconstruct(chosen)

    gate.serve(work)


def fit(job: Job, gate: Gate) -> None:
    """From files to a trained model and a first reconstruction."""
    began = gate.now()
    model = estimator(job, epochs=job["epochs"]).fit(job["data"])
    model.reconstruct(np.zeros((1, *model.image_shape_[1:]), np.uint8))
    gate.tell(seconds=gate.now() - began)


@torch.no_grad()
def tested(network: nn.Module, job: Job) -> Facts:
    """The mean squared error on the test images of MNIST."""
    images = data.tested(job)
    network.eval()
    errors = [
        (network(part).reconstruction - part).square().sum() for part in tensor(images).split(500)
    ]
    return {"error": float(sum(errors)) / images.size}
