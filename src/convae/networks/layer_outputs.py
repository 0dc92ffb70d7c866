"""Intermediate outputs of a network: any layer, by its name in the summary."""

from collections.abc import Callable

from torch import Tensor, nn

from convae.errors import unknown_name
from convae.networks.autoencoder import Autoencoder
from convae.networks.custom import CustomAutoencoder
from convae.networks.summary import summarize

BEFORE_THE_CODE = ("encoder.", "bottleneck.gather", "bottleneck.squeeze")


def layer_names(network: Autoencoder) -> list[str]:
    """Return the names that :func:`pooled_layer` knows: whole stages, and layers in the order of the data."""
    known = {name for name, _ in network.named_modules()}
    custom = isinstance(network, CustomAutoencoder)
    stages = [] if custom else [f"encoder.{i}" for i in range(len(network.encoder))]
    layers = [row.name for row in summarize(network).rows if row.name in known]
    return [*stages, *(name for name in layers if name not in stages)]


def pooled_layer(network: Autoencoder, name: str) -> Callable[[Tensor], Tensor]:
    """Return a function from images (B, inputs, H, W) to the output of one layer.

    Args:
        name: one of :func:`layer_names`.

    Returns:
        a function that gives (B, c): a map (B, c, h, w) is averaged over its positions.

    Raises:
        InputError: for an unknown name; the message lists the known ones.
    """
    names = layer_names(network)
    if name not in names:
        raise unknown_name("layer", name, names)
    whole = layer(network, name)

    def read(images: Tensor) -> Tensor:
        result = whole(images)
        return result.flatten(2).mean(dim=2) if result.ndim > 2 else result

    return read


def layer(network: Autoencoder, name: str) -> Callable[[Tensor], Tensor]:
    """Return a function from images to the output of any module, not averaged: (B, c) or (B, c, h, w)."""
    module = network.get_submodule(name)
    run = network.encode if name.startswith(BEFORE_THE_CODE) else network

    def read(images: Tensor) -> Tensor:
        kept: list[Tensor] = []

        def keep(module: nn.Module, inputs: tuple[Tensor, ...], result: Tensor) -> None:
            kept.append(result)

        hook = module.register_forward_hook(keep)
        try:
            run(images)
        finally:
            hook.remove()
        return kept[0]

    return read
