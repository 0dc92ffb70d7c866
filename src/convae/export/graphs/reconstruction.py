"""Autoencoders: from images to reconstructions, codes and errors; and their encoder and decoder apart."""

from typing import Any

import numpy as np
from torch import Tensor, nn

from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.export.graphs.framing import Framed
from convae.export.graphs.graph import Answers, Array, Axis, Graph, Slot
from convae.export.graphs.images import RELATIVE, Values, batch_of, image_slot, values_of
from convae.export.graphs.stored import FromStored, ToStored
from convae.networks.autoencoder import Output

EXACT = "exact"


class Prepared(nn.Module):
    """From stored images to those of a network."""

    def __init__(self, values: Values) -> None:
        super().__init__()
        self.from_stored = FromStored(values.scaling)
        self.framed = None
        if values.framing is not None:
            self.framed = Framed(values.framing, values.scaling.dtype)

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, C, h, w) in about [0, 1]."""
        stored = image if self.framed is None else self.framed(image.float())
        clean: Tensor = self.from_stored(stored)
        return clean


class Finished(nn.Module):
    """From a network's images to stored ones, of the size of the image."""

    def __init__(self, values: Values, framed: Framed | None) -> None:
        super().__init__()
        self.to_stored, self.framed = ToStored(values.scaling), framed

    def forward(self, made: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the stored image, and the values before rounding."""
        exact = self.to_stored.exact(made)
        rounded = self.to_stored.rounded(exact)
        if self.framed is not None:
            rounded = self.framed.undo(rounded, (image.shape[-2], image.shape[-1]))
        return self.to_stored.stored(rounded), exact


class Reconstruction(nn.Module):
    """An autoencoder from stored images to stored images, codes and errors."""

    def __init__(self, model: ConvAutoencoder, values: Values) -> None:
        super().__init__()
        self.network, self.prepared = model.network_, Prepared(values)
        self.finished = Finished(values, self.prepared.framed)
        self.has_indices = model.architecture_.bottleneck == "vq"

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs in the order of :func:`reconstruction_graph`."""
        clean = self.prepared(image)
        output: Output = self.network(clean)
        stored, exact = self.finished(output.reconstruction, image)
        error = (output.reconstruction - clean).square().mean(dim=(1, 2, 3))
        found = [stored, output.code, error]
        if self.has_indices:
            assert output.indices is not None
            found.append(output.indices)
        return (*found, exact)


class Encoding(nn.Module):
    """The encoder alone, from stored images to codes."""

    def __init__(self, model: ConvAutoencoder, values: Values) -> None:
        super().__init__()
        self.network, self.prepared = model.network_, Prepared(values)
        self.has_indices = model.architecture_.bottleneck == "vq"

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the codes, and the entries of the codebook if there is one."""
        posterior = self.network.posterior(self.prepared(image))
        if not self.has_indices:
            return (posterior.code,)
        assert posterior.indices is not None
        return posterior.code, posterior.indices


class Decoding(nn.Module):
    """The decoder alone, from codes to stored images of the network's size."""

    def __init__(self, model: ConvAutoencoder, values: Values) -> None:
        super().__init__()
        self.network, self.to_stored = model.network_, ToStored(values.scaling)

    def forward(self, code: Tensor) -> tuple[Tensor, ...]:
        """Return the stored images, and the values before rounding."""
        exact = self.to_stored.exact(self.network.decode(code))
        return self.to_stored.stored(self.to_stored.rounded(exact)), exact


def reconstruction_graph(model: ConvAutoencoder, part: str | None) -> Graph:
    """Return the graph of an autoencoder.

    Args:
        part: ``encoder`` or ``decoder`` for one of them alone; None for both.
    """
    values = values_of(model)
    if part == "encoder":
        return _encoder(model, values)
    if part == "decoder":
        return _decoder(model, values)

    def answer(given: dict[str, Array]) -> Answers:
        stored = batch_of(given["image"])
        done = [(one.pixels, one.error) for one in model.iter_reconstruct(stored)]
        images = np.stack([np.moveaxis(pixels, 2, 0) for pixels, _ in done])
        errors = np.array([error for _, error in done])
        return {"reconstruction": images, "error": errors, **_codes(model, stored)}

    return Graph(
        module=Reconstruction(model, values),
        inputs=(image_slot(values),),
        outputs=(
            values.image_of_size(
                "reconstruction", "the image as the decoder computes it from the code"
            ),
            *_code_slots(model, values),
            values.before_rounding(),
        ),
        answer=answer,
        sizes=values.sizes,
        least=values.least,
        exact=(EXACT,),
    )


def _encoder(model: ConvAutoencoder, values: Values) -> Graph:
    slots = tuple(slot for slot in _code_slots(model, values) if slot.name != "error")
    return Graph(
        module=Encoding(model, values),
        inputs=(image_slot(values),),
        outputs=slots,
        answer=lambda given: _codes(model, batch_of(given["image"])),
        sizes=values.sizes,
        least=values.least,
    )


def _decoder(model: ConvAutoencoder, values: Values) -> Graph:
    a = model.architecture_
    axes: tuple[Axis, ...] = ("batch", *a.code_shape)

    def answer(given: dict[str, Array]) -> Answers:
        codes = given["code"]
        made = list(model.inference_.decode(codes))
        stored = np.stack([model._unit.invert(one[None])[0] for one in made])
        return {"image": stored}

    code = Slot(name="code", dtype="float32", axes=axes, meaning="codes, as the encoder gives them")
    image = Slot(
        name="image",
        dtype=values.scaling.dtype,
        axes=("batch", *a.image_shape),
        meaning="the images that the codes stand for",
        tolerance=values.tolerance,
        rounded=values.scaling.dtype != "float32",
    )
    return Graph(
        module=Decoding(model, values),
        inputs=(code,),
        outputs=(image, values.before_rounding()),
        answer=answer,
        sizes=((1, 1),),
        exact=(EXACT,),
    )


def _codes(model: ConvAutoencoder, stored: Any) -> Answers:
    codes = np.stack(list(model.inference_.encode(model._pixels(stored))))  # type: ignore[arg-type]
    if model.architecture_.bottleneck != "vq":
        return {"code": codes}
    return {"code": codes, "indices": model.indices(stored)}


def _code_slots(model: ConvAutoencoder, values: Values) -> tuple[Slot, ...]:
    a = model.architecture_
    places: tuple[Axis, ...] = a.code_shape[1:]
    if values.any_size:
        places = ("code_height", "code_width")
    slots = [
        Slot(
            name="code",
            dtype="float32",
            axes=("batch", a.latent_dim, *places),
            meaning="the code of each image",
            tolerance=-RELATIVE,
        ),
        Slot(
            name="error",
            dtype="float32",
            axes=("batch",),
            meaning="the mean squared error of each reconstruction, where the values of images are 0 to 1",
            tolerance=1e-4,
        ),
    ]
    if a.bottleneck == "vq":
        slots.append(
            Slot(
                name="indices",
                dtype="int64",
                axes=("batch", *places),
                meaning="the entry of the codebook at each position of the code",
            )
        )
    return tuple(slots)
