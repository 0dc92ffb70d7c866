"""What a network computes on the way: any layer of it, by the name that its summary shows."""

from collections.abc import Callable

from torch import Tensor, nn

from convae.errors import unknown_name
from convae.networks.autoencoder import Autoencoder
from convae.networks.summary import summarize

BEFORE_THE_CODE = ("encoder.", "bottleneck.gather", "bottleneck.squeeze")


def layer_names(network: Autoencoder) -> list[str]:
    """The layers that :func:`pooled_layer` can read, in the order of the data, and whole stages."""
    known = {name for name, _ in network.named_modules()}
    stages = [f"encoder.{i}" for i in range(len(network.encoder))]
    layers = [row.name for row in summarize(network).rows if row.name in known]
    return [*stages, *(name for name in layers if name not in stages)]


def pooled_layer(network: Autoencoder, name: str) -> Callable[[Tensor], Tensor]:
    """A function from images (B, inputs, H, W) to what one layer makes of them.

    Args:
        name: one of :func:`layer_names`.

    Returns:
        a function that gives (B, c): a map (B, c, h, w) is averaged over its positions.

    Raises:
        InputError: for an unknown name, with the known ones.
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
    """The same without the average: (B, c) or (B, c, h, w), of any module of the network."""
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
