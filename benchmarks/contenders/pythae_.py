"""Pythae: its autoencoder around the same encoder and decoder, trained by its trainer."""

import tempfile
from typing import Any

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import AE, AEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor, nn

from contenders import data
from contenders.plain_networks import tutorial
from contenders.plain_torch import tensor
from contenders.serving import Facts, Gate

Job = dict[str, Any]
CODE = 6  # layers of the tutorial network that end with the code


class Encoder(BaseEncoder):
    """Images to codes."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> ModelOutput:
        """(B, 1, side, side) to (B, 16)."""
        return ModelOutput(embedding=self.layers(x))


class Decoder(BaseDecoder):
    """Codes to images."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> ModelOutput:
        """(B, 16) to (B, 1, side, side)."""
        return ModelOutput(reconstruction=self.layers(z))


def network(side: int) -> AE:
    """The tutorial network as Pythae wants it."""
    torch.manual_seed(0)
    layers = list(tutorial(side).children())
    config = AEConfig(input_dim=(1, side, side), latent_dim=16)
    return AE(config, encoder=Encoder(*layers[:CODE]), decoder=Decoder(*layers[CODE:]))


class Passing(TrainingCallback):
    """The gate as a callback."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def on_train_step_end(self, *args: Any, **kwargs: Any) -> None:
        """After every step."""
        self.gate.step()


def trained(model: AE, images: Tensor, job: Job, epochs: int, callbacks: list[Any]) -> AE:
    """The model after so many epochs of Pythae's trainer."""
    config = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(prefix="pythae-"),
        num_epochs=epochs,
        per_device_train_batch_size=job["batch"],
        learning_rate=1e-3,
        optimizer_cls="Adam",
    )
    dataset = BaseDataset(images, torch.zeros(len(images)))
    trainer = BaseTrainer(model, train_dataset=dataset, training_config=config, callbacks=callbacks)
    trainer.train()
    return model


def train(job: Job, gate: Gate) -> None:
    """A unit of work is one step."""
    model = network(job["side"])

    @torch.no_grad()
    def error() -> Facts:
        test = data.tested(job)
        model.eval()
        parts = tensor(test).split(500)
        errors = [(model.reconstruct(part) - part).square().sum() for part in parts]
        model.train()
        return {"error": float(sum(errors)) / test.size}

    gate.measures["error"] = error
    images = tensor(data.images(job["images"], job["side"]))
    trained(model, images, job, 10**6, [Passing(gate)])


@torch.no_grad()
def infer(job: Job, gate: Gate) -> None:
    """A unit of work is one batch of images, from uint8 to uint8."""
    model = network(job["side"]).eval()
    images = data.images(job["images"], job["side"])

    def work(amount: int) -> None:
        for chosen in data.portions(images, amount * job["batch"]):
            made = [model.reconstruct(part) for part in tensor(chosen).split(job["batch"])]
            torch.cat(made).mul(255).round().byte().numpy()

    gate.serve(work)


def fit(job: Job, gate: Gate) -> None:
    """From files to a trained network and a first reconstruction."""
    began = gate.now()
    images = tensor(data.read(job["data"]))
    model = trained(network(images.shape[2]), images, job, job["epochs"], [])
    model.reconstruct(images[:1])
    gate.tell(seconds=gate.now() - began)
