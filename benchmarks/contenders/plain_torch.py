"""PyTorch as everyone writes it: a network of ``torch.nn``, a DataLoader, Adam, the usual five lines.

A job's ``variant`` is ``eager``, ``channels-last``, ``channels-last glorot`` (with other first weights),
``compiled`` (which is channels-last too) or, for inference, ``frozen``: scripted, frozen and fused.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from contenders import data
from contenders.plain_networks import plain_network
from contenders.serving import Facts, Gate

Job = dict[str, Any]


def train(job: Job, gate: Gate) -> None:
    """A unit of work is one step."""
    torch.manual_seed(0)
    network = arranged(plain_network(job["preset"], job["side"]), job)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loader = DataLoader(
        TensorDataset(tensor(data.images(job["images"], job["side"]))),
        batch_size=job["batch"],
        shuffle=True,
    )
    gate.measures["error"] = lambda: tested(network, job)
    while True:
        for (batch,) in loader:
            step(network, optimizer, moved(batch, job))
            gate.step()


@torch.inference_mode()
def infer(job: Job, gate: Gate) -> None:
    """A unit of work is one batch of images, from uint8 to uint8."""
    network = arranged(plain_network(job["preset"], job["side"]).eval(), job)
    if job["variant"] == "frozen":
        scripted = torch.jit.script(network)
        network = torch.jit.optimize_for_inference(torch.jit.freeze(scripted))
    images = data.images(job["images"], job["side"])

    def work(amount: int) -> None:
        for chosen in data.portions(images, amount * job["batch"]):
            loader = DataLoader(TensorDataset(tensor(chosen)), batch_size=job["batch"])
            made = [network(moved(batch, job)) for (batch,) in loader]
            torch.cat(made).mul(255).round().byte().numpy()

    gate.serve(work)


def fit(job: Job, gate: Gate) -> None:
    """From files to a trained network and a first reconstruction."""
    began = gate.now()
    torch.manual_seed(0)
    images = tensor(data.read(job["data"]))
    network = arranged(plain_network(job["preset"], images.shape[2]), job)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loader = DataLoader(TensorDataset(images), batch_size=job["batch"], shuffle=True)
    for _ in range(job["epochs"]):
        for (batch,) in loader:
            step(network, optimizer, moved(batch, job))
    with torch.inference_mode():
        network.eval()(images[:1])
    gate.tell(seconds=gate.now() - began)


def step(network: nn.Module, optimizer: torch.optim.Optimizer, batch: Tensor) -> None:
    """One batch."""
    optimizer.zero_grad()
    loss = F.mse_loss(network(batch), batch)
    loss.backward()
    optimizer.step()


def tensor(images: Any) -> Tensor:
    """(n, side, side) uint8 to (n, 1, side, side) float32 in [0, 1]."""
    return torch.from_numpy(images).unsqueeze(1).float() / 255


def arranged(network: nn.Module, job: Job) -> nn.Module:
    """The network in the layout of the variant, with Glorot's weights or compiled if it says so."""
    if job["variant"].endswith("glorot"):
        network.apply(glorot)
    if job["variant"] != "eager":
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if job["variant"] == "compiled":
        network.compile()
    return network


def glorot(layer: nn.Module) -> None:
    """The first weights that Keras gives a layer."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)


def moved(batch: Tensor, job: Job) -> Tensor:
    """The batch in the layout of the variant."""
    if job["variant"] == "eager":
        return batch
    return batch.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def tested(network: nn.Module, job: Job) -> Facts:
    """The mean squared error on the test images of MNIST."""
    images = data.tested(job)
    network.eval()
    parts = tensor(images).split(500)
    errors = [F.mse_loss(network(moved(part, job)), part, reduction="sum") for part in parts]
    network.train()
    return {"error": float(sum(errors)) / images.size}
