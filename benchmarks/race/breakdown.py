"""Where a step of training and a batch of inference spend their time, beside what the machine can do."""

import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from contenders import data
from contenders.machine import OPERATIONS
from contenders.machine import SIDE as WIDE
from contenders.ours import estimator
from convae.networks.inference import batch_size
from convae.training.loop import training_step
from convae.training.malloc import steady_memory
from convae.training.state import TrainingState
from convae.training.tasks.task import Reconstruction, step_rng
from race.field import CORES
from race.told import Options, Told
from race.training import BATCH, SIDE, job

PRESETS = ("tutorial", "residual")
WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
Timed = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Layer:
    """Layers of one kind and shape, of which a network has some."""

    name: str
    module: nn.Module
    shape: tuple[int, ...]
    first: bool

    def multiplies(self) -> int:
        """Multiply-adds forward."""
        weight = self.module.get_parameter("weight")
        if isinstance(self.module, nn.Linear):
            return weight.numel() * self.shape[0]
        with torch.no_grad():
            made = self.module(torch.zeros(self.shape)).shape
        transposed = isinstance(self.module, nn.ConvTranspose2d)
        places = self.shape if transposed else made
        return int(weight.numel() * places[0] * places[2] * places[3])

    def work(self) -> Timed:
        """Forward, and backward: both gradients, as far as a step needs them."""
        x = torch.rand(self.shape)
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        wanted: list[Tensor] = list(self.module.parameters())
        if not self.first:
            wanted.append(x.requires_grad_())
        y = self.module(x)
        dy = torch.rand_like(y)

        def forward() -> object:
            with torch.no_grad():
                return self.module(x)

        def backward() -> object:
            return torch.autograd.grad(y, wanted, dy, retain_graph=True)

        return {"forward": forward, "backward": backward}


def breakdown(options: Options) -> None:
    """Each kind of layer alone, the rest, and the whole, in turns with the matrix product."""
    told = Told(
        "breakdown",
        f"Where the time goes: a training step of {BATCH} images, and inference on as many",
        (
            *("network", "part", "forward ms", "backward ms", "both ms"),
            *("GFLOP", "of the product"),
        ),
        options,
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(CORES)
    try:
        with steady_memory():
            for preset in PRESETS:
                _training(told, preset, options)
                _inference(told, preset, options)
    finally:
        torch.set_num_threads(threads)
    told.remark(
        "Layers alone, of one shape together; the rest is what stands between them: activations, sums, the "
        "loss, norm of the gradient, optimizer, and in inference from the array of images and back into one. "
        "GFLOP as the textbook counts them; of the product: against a matrix product of the same rounds. The "
        "first layer's input needs no gradient."
    )
    told.write()


def _training(told: Told, preset: str, options: Options) -> None:
    images = data.images(BATCH, SIDE)
    model = estimator(job(preset, BATCH, 0) | {"variant": ""}, epochs=0).fit(images)
    network = model.network_.train()
    batch = model.inference_.unit(images[:, None])
    state, rng = (
        TrainingState(network, model.settings_),
        step_rng(0, 0, 0, torch.arange(BATCH).numpy()),
    )
    task = Reconstruction(model.settings_.loss)
    layers = _layers(network, batch)
    work = {"whole": lambda: training_step(state, task, batch, 1e-3, rng), **_all(layers)}
    ms = _medians(work, options)
    _tell(told, f"{preset}, training", layers, ms, ("forward", "backward"), 1.0)


def _inference(told: Told, preset: str, options: Options) -> None:
    images = data.images(10 * BATCH, SIDE)
    model = estimator(job(preset, BATCH, 0) | {"variant": ""}, epochs=0).fit(images[:BATCH])
    size = batch_size(SIDE * SIDE)
    layers = _layers(model.network_.eval(), model.inference_.unit(images[:size, None]))
    work = {"whole": lambda: model.reconstruct(images), **_all(layers, ("forward",))}
    ms = _medians(work, options)
    ms["whole"] /= 10
    _tell(told, f"{preset}, inference", layers, ms, ("forward",), BATCH / size)


def _layers(network: nn.Module, batch: Tensor) -> Counter[Layer]:
    """The layers with weights, equal ones counted, in the order in which a batch meets them."""
    found: dict[tuple[Any, ...], Layer] = {}
    counts: Counter[Layer] = Counter()

    def seen(module: nn.Module, given: tuple[Tensor, ...], _: object) -> None:
        shape, weight = tuple(given[0].shape), tuple(module.get_parameter("weight").shape)
        stride = getattr(module, "stride", ())
        key = (type(module), weight, stride, shape)
        layer = found.setdefault(key, Layer(_named(module, shape), module, shape, not found))
        counts[layer] += 1

    hooks = [m.register_forward_hook(seen) for m in network.modules() if isinstance(m, WEIGHTED)]
    with torch.no_grad():
        network(batch)
    for hook in hooks:
        hook.remove()
    return counts


def _named(module: nn.Module, shape: tuple[int, ...]) -> str:
    if isinstance(module, nn.Linear):
        return f"linear {module.in_features} to {module.out_features}"
    assert isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    kind = "transposed " if isinstance(module, nn.ConvTranspose2d) else ""
    stride = f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
    sides = f"{module.kernel_size[0]}x{module.kernel_size[1]}"
    return (
        f"{kind}convolution {sides}{stride}, {module.in_channels} to {module.out_channels} on "
        f"{shape[2]}x{shape[3]}"
    )


def _all(layers: Counter[Layer], parts: tuple[str, ...] = ("forward", "backward")) -> Timed:
    return {
        f"{layer.name}/{part}": run
        for layer in layers
        for part, run in layer.work().items()
        if part in parts
    }


def _medians(work: Timed, options: Options) -> dict[str, float]:
    """Milliseconds of each, and of the matrix product: medians of rounds in which all take turns."""
    a, b, c = (torch.rand(WIDE, WIDE) for _ in range(3))
    work = {"product": lambda: torch.mm(a, b, out=c), **work}
    seconds: dict[str, list[float]] = {name: [] for name in work}
    repeats = {name: max(1, round(0.05 / _once(run))) for name, run in work.items()}
    for _ in range(options.rounds):
        for name, run in work.items():
            began = time.perf_counter()
            for _ in range(repeats[name]):
                run()
            seconds[name].append((time.perf_counter() - began) / repeats[name])
    return {name: 1e3 * statistics.median(values) for name, values in seconds.items()}


def _once(run: Callable[[], object]) -> float:
    run()
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _tell(
    told: Told,
    head: str,
    layers: Counter[Layer],
    ms: dict[str, float],
    parts: tuple[str, ...],
    scale: float,
) -> None:
    """Rows for the layers, their sum, the rest and the whole.

    Args:
        scale: batches of the layers in the whole.
    """
    rate = OPERATIONS / 1e6 / ms["product"]  # GFLOP a second
    total_ms = total_gflop = 0.0
    for layer, count in layers.items():
        times = {p: scale * count * ms[f"{layer.name}/{p}"] for p in parts}
        passes = 3 - layer.first if "backward" in parts else 1
        gflop = scale * 2e-9 * count * layer.multiplies() * passes
        spent = sum(times.values())
        shown = [f"{times[p]:.2f}" if p in times else "-" for p in ("forward", "backward")]
        many = f"{count} times " if count > 1 else ""
        share = f"{1e3 * gflop / spent / rate:.0%}"
        told.row(head, many + layer.name, *shown, f"{spent:.2f}", f"{gflop:.2f}", share)
        total_ms, total_gflop = total_ms + spent, total_gflop + gflop
    whole = ms["whole"]
    none = ("-", "-")
    told.row(head, "the rest", *none, f"{whole - total_ms:.2f}", "-", "-")
    reached = f"{1e3 * total_gflop / whole / rate:.0%}"
    told.row(head, "the whole", *none, f"{whole:.2f}", f"{total_gflop:.2f}", reached)
    least = 1e3 * total_gflop / rate
    told.row(head, "at the product's rate", *none, f"{least:.2f}", f"{total_gflop:.2f}", "100%")
    told.values[head] = ms
