"""The device of a network, and the precision of its computations."""

import contextlib
from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import nn

from convae.config.choices import DEVICES
from convae.errors import InputError, unknown_name
from convae.networks.custom import CustomAutoencoder

Network = TypeVar("Network", bound=nn.Module)


def choose_device(name: str) -> torch.device:
    """Return the device of this name; ``auto`` takes an accelerator if there is one.

    Raises:
        InputError: the name is unknown, or ``cuda`` (or ``cuda:1``) is not available.
    """
    kind = name.partition(":")[0]
    if kind not in DEVICES:
        raise unknown_name("device", name, DEVICES)
    try:
        device = torch.device(name if kind != "auto" else "cpu")
    except RuntimeError as error:
        raise InputError(
            f"device {name!r} is none; use device 'cpu', 'cuda' or 'cuda:1'"
        ) from error
    available = torch.cuda.is_available()
    if kind == "auto":
        return torch.device("cuda" if available else "cpu")
    if kind == "cuda" and not available:
        raise InputError(
            f"device {name!r}: no CUDA device is usable here; use device 'cpu' or 'auto'"
        )
    if kind == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"device {name!r}: there are only {torch.cuda.device_count()} here")
    return device


def on_device(network: Network, device: torch.device) -> Network:
    """Move the network to a device, with its kernels in the order (channels last) that is fast everywhere.

    The order is always set: it decides the last bits of a convolution, and a model must give the same results
    before it is saved and after it is loaded. A custom network keeps its order.
    """
    network.to(device)
    if isinstance(
        network, CustomAutoencoder
    ):  # its layers may use view, which needs the plain order
        return network
    for weight in (*network.parameters(), *network.buffers()):
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return network


def fast_bfloat16(device: torch.device) -> bool:
    """Return whether matrix units make bfloat16 several times faster than float32 on this device."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return device.type == "cpu" and supported is not None and bool(supported())


def chosen_precision(device: torch.device, precision: str) -> str:
    """Return the precision that ``auto`` stands for on a device: ``bfloat16`` or ``float32``."""
    if precision == "auto":
        return "bfloat16" if fast_bfloat16(device) else "float32"
    return precision


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Run convolutions and matrix products in the chosen precision; sums and losses stay in float32."""
    half = chosen_precision(device, precision) == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=half)


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """Allow only kernels that give the same result each time; restore the previous settings afterwards."""
    cudnn = torch.backends.cudnn
    before = (cudnn.deterministic, cudnn.benchmark)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before


@contextlib.contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed random numbers of torch without changing the caller's random state.

    Args:
        device: the one whose random numbers are used; None for all.
    """
    devices: list[Any] = list(range(torch.cuda.device_count()))
    if device is not None:
        devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
