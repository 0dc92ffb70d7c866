"""Draw the pictures of lessons 04 to 15: small models, trained here, at work on small images.

python docs/learn/draw_lessons.py                draw all of them; takes about ten minutes on one core
python docs/learn/draw_lessons.py units filled   draw these two
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, median_filter, zoom

import convae
from convae.classical.filling import tension_fill
from convae.report.pictures.comparison import grid
from convae.report.pictures.heatmaps import heat, overlay
from convae.report.pictures.pictures import save_picture, to_display
from convae.report.svg.code_scatter import code_map_svg

PICTURES = Path(__file__).resolve().parent / "pictures"
SIDE, COLUMNS = 72, 10  # pixels to which images are enlarged, and images in a row
SMALL = {"widths": (16, 32), "blocks": 1}  # a quick network, for images of 8x8 pixels
Images = np.ndarray[Any, np.dtype[np.uint8]]


def main(names: list[str]) -> None:
    """Draw the named pictures, or all."""
    for name in names or list(DRAWN):
        DRAWN[name]()
        print(name, flush=True)


# -- images -------------------------------------------------------------------------------------


def digits(split: str = "train") -> Images:
    """Return handwritten digits, (n, 8, 8)."""
    source = convae.open_source("digits", split="test" if split == "test" else "train")
    found: Images = np.stack([source.read(i).pixels[..., 0] for i in range(len(source))])
    return found


def ten_digits() -> tuple[Images, Images]:
    """Return the training images and ten test images, one of each digit."""
    source = convae.open_source("digits", split="test")
    assert source.labels is not None
    first = [int(np.flatnonzero(source.labels == digit)[2]) for digit in range(10)]
    return digits(), digits("test")[first]


def with_noise(images: Images, deviation: float, seed: int = 0, *, mean: float = 0) -> Images:
    """Add Gaussian noise, in grey levels."""
    noise = np.random.default_rng(seed).normal(mean, deviation, images.shape)
    return (images + noise).clip(0, 255).round().astype(np.uint8)


def shapes(count: int, seed: int) -> Images:
    """Draw orange discs and blue squares of the same brightness, (n, 24, 24, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:24, :24]
    images = np.empty((count, 24, 24, 3))
    images[:] = rng.uniform(20, 70, (count, 1, 1, 1))
    for image in images:
        (a, b), (c, d) = rng.uniform((6, 5), (17, 8)), rng.uniform((6, 16), (17, 19))
        image[(y - a) ** 2 + (x - b) ** 2 < 17] = (220, 100, 40)
        image[(abs(y - c) < 4) & (abs(x - d) < 4)] = (70, 140, 230)
        if rng.random() < 0.5:
            image[:] = image[:, ::-1].copy()
    drawn: Images = with_noise(images.astype(np.uint8), 2, seed)
    return drawn


def greyed(images: Images) -> Images:
    """Return the brightness of colour images, (n, h, w)."""
    grey: Images = (images @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)
    return grey


def woven(count: int, seed: int) -> Images:
    """Draw woven fabric, (n, 48, 48)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:48, :48]
    images = []
    for _ in range(count):
        a, b = rng.uniform(0, 6.3, 2)
        threads = 50 * np.sin(x / 1.6 + a) * np.sin(y / 1.6 + b)
        light = 15 * gaussian_filter(rng.normal(0, 12, x.shape), 12)
        images.append(125 + threads + light + rng.normal(0, 6, x.shape))
    drawn: Images = np.clip(images, 0, 255).astype(np.uint8)
    return drawn


def with_defects(images: Images) -> Images:
    """Wear a spot, draw a faint scratch, and pull a thread aside."""
    odd = images.astype(float)
    odd[0, 14:24, 20:32] = (odd[0] + gaussian_filter(odd[0], 3))[14:24, 20:32] / 2
    for step in range(20):
        odd[1, 12 + step, 30 - step // 2] += 60
    odd[2, 28:32, 10:38] = odd[2, 26:30, 10:38]
    return odd.clip(0, 255).astype(np.uint8)


# -- pictures -----------------------------------------------------------------------------------


def write(name: str, rows: dict[str, np.ndarray], **options: Any) -> None:
    """Write rows of images, uint8 (n, h, w) or (n, h, w, 3), above each other."""
    shown = [np.repeat(r[..., None], 3, axis=3) if r.ndim == 3 else r for r in rows.values()]
    settings = {"columns": COLUMNS, "side": SIDE, **options}
    save_picture(PICTURES / f"{name}.png", grid(shown, row_labels=list(rows), **settings))


def in_unit(images: Images) -> torch.Tensor:
    """Return (n, 1, h, w) tensors from 0 to 1."""
    return torch.from_numpy(images / 255.0).float()[:, None]


def in_bytes(batch: torch.Tensor) -> Images:
    """Return images (n, h, w) of tensors from 0 to 1."""
    return (batch[:, 0].clamp(0, 1) * 255).round().byte().numpy()


def reconstructions() -> None:
    """Originals, and what PCA and an autoencoder make of codes of eight numbers."""
    train, shown = ten_digits()
    model = convae.ConvAutoencoder(latent_dim=8, epochs=40, random_state=0).fit(train)
    linear = in_bytes(model.baseline_.reconstruct(in_unit(shown)))
    write(
        "reconstructions",
        {
            "original": shown,
            "PCA, 8 numbers": linear,
            "autoencoder, 8 numbers": model.reconstruct(shown),
        },
    )


def denoised() -> None:
    """Digits with the noise of the tutorial, and without."""
    train, shown = ten_digits()
    model = convae.Denoiser(
        noise="gaussian", sigma=0.3, mean=0.3, clip_noise=True, epochs=40, random_state=0
    ).fit(train)
    noisy = with_noise(shown, 0.3 * 255, mean=0.3 * 255)
    median, restored = median_filter(noisy, size=(1, 3, 3)), model.denoise(noisy, sigma=0.3)
    write(
        "denoised",
        {"clean": shown, "noisy": noisy, "median 3x3": median, "denoised": restored},
    )


def filled() -> None:
    """Digits with a hole, filled by a spline and by a network."""
    train, shown = ten_digits()
    mask = np.zeros(shown.shape, bool)
    for i, (row, column) in enumerate(np.random.default_rng(3).integers(1, 5, (10, 2))):
        mask[i, row : row + 3, column : column + 3] = True
    model = convae.Inpainter(holes="boxes:0.3..0.5", epochs=40, random_state=0).fit(train)
    spline = in_bytes(tension_fill(in_unit(shown), torch.from_numpy(mask)[:, None].float()))
    damaged = np.repeat(shown[..., None], 3, axis=3)
    damaged[mask] = (70, 110, 200)
    rows = {"original": shown, "damaged": damaged, "spline": spline}
    write("filled", {**rows, "inpainter": np.asarray(model.inpaint(shown, mask))})


def defects() -> None:
    """Woven fabric with defects, and the heatmap of a detector."""
    model = convae.AnomalyDetector(epochs=12, random_state=0).fit(woven(140, 0))
    bad = with_defects(woven(3, 1))
    images = np.concatenate([bad, woven(1, 2)])
    maps, level = model.anomaly_map(images), model.level_
    rgb = np.repeat(images[..., None], 3, axis=3)
    over = np.stack([overlay(one, found, level) for one, found in zip(rgb, maps, strict=True)])
    captions = [
        f"{'normal' if verdict > 0 else 'anomalous'}\np-value {p:.2f}"
        for verdict, p in zip(model.predict(images), model.p_values(images), strict=True)
    ]
    write(
        "defects",
        {"image": images, "heatmap": heat(np.asarray(maps), level), "both": over},
        captions=captions,
        side=144,
    )


def codes() -> None:
    """Maps of two numbers: PCA, a plain autoencoder, and one that keeps neighbours together."""
    source, test = convae.open_source("digits"), convae.open_source("digits", split="test")
    names = [str(digit) for digit in range(10)]
    plain = convae.ConvAutoencoder(latent_dim=2, epochs=30, architecture=SMALL, random_state=0).fit(
        source
    )
    kept = convae.ConvAutoencoder(
        latent_dim=2, neighbourhood=1, epochs=30, architecture=SMALL, random_state=0
    )
    linear = plain.baseline_.encode(in_unit(digits("test"))).numpy()
    found = {
        "codes_pca": ("PCA", linear),
        "codes_plain": ("plain autoencoder", plain.transform(test)),
        "codes_neighbours": ("with neighbourhood 1", kept.fit(source).transform(test)),
    }
    for name, (heading, points) in found.items():
        svg = code_map_svg(points, labels=test.labels, label_names=names, heading=heading)
        (PICTURES / f"{name}.svg").write_text(svg + "\n", encoding="utf-8")


def variational() -> None:
    """Samples, an interpolation and the traversal of a variational autoencoder."""
    train, shown = ten_digits()
    model = convae.VariationalAutoencoder(
        latent_dim=8, epochs=60, architecture=SMALL, random_state=0
    ).fit(train)
    print(model.collapse_.summary())
    kinds = {"training": train[:COLUMNS], "from the prior": model.sample(COLUMNS, random_state=1)}
    write(
        "samples",
        {**kinds, "from the mixture": model.sample(COLUMNS, from_="mixture", random_state=1)},
    )
    first, last = shown[3:4], shown[6:7]
    share = np.linspace(0, 1, 8)[:, None, None]
    faded = ((1 - share) * first + share * last).round().astype(np.uint8)
    rows = {"pixels blended": faded, "codes blended": model.interpolate(first, last, steps=8)}
    write("interpolation", rows)
    most = np.argsort(-model.collapse_.kl)[:4].tolist()
    ways = model.traverse(shown[3:4], numbers=most, steps=7)
    names = [f"number {number}" for number in most]
    captions = [f"{value:+.1f}" for value in np.linspace(-2, 2, 7)]
    write("traversal", dict(zip(names, ways, strict=True)), captions=captions)


def collapse() -> None:
    """Reconstructions of three weights of the cost of the code; the last one has collapsed."""
    train, shown = ten_digits()
    rows = {"original": shown}
    for beta in (1, 3, 10):
        model = convae.VariationalAutoencoder(
            latent_dim=8,
            bottleneck=f"gaussian:{beta}",
            epochs=20,
            architecture=SMALL,
            random_state=0,
        ).fit(train)
        print(beta, model.collapse_.summary())
        rows[f"beta {beta}: {model.collapse_.active} active"] = model.reconstruct(shown)
    write("collapse", rows)


def robust() -> None:
    """What a plain and a denoising autoencoder make of noisy digits, with codes as large as the image."""
    train, shown = ten_digits()
    noisy = with_noise(shown, 0.3 * 255)
    rows = {"clean": shown, "noisy": noisy}
    for name, noise in (("plain, 64", None), ("denoising, 64", "gaussian:0.3")):
        model = convae.ConvAutoencoder(
            latent_dim=64,
            noise=noise,
            architecture={**SMALL, "bypass": "none"},
            epochs=30,
            random_state=0,
        ).fit(train)
        rows[f"{name} numbers"] = model.reconstruct(noisy)
    write("robust", rows)


def units() -> None:
    """What ten units of a sparse code add, above the images that activate each of them most."""
    train = digits()
    model = convae.SparseAutoencoder(
        latent_dim=128,
        bottleneck="top-k:0.05",
        epochs=50,
        architecture=SMALL,
        random_state=0,
    ).fit(train)
    print(model.sparsity_.summary())
    activity = model.transform(train)
    often = np.argsort(-(activity > 0).sum(axis=0))[:60:6]
    added, strongest = [], []
    for unit in often:
        best = np.argsort(-activity[:, unit])[:3]
        with_unit = torch.from_numpy(activity[best])
        without = with_unit.clone()
        without[:, unit] = 0
        with torch.inference_mode():
            change = model.network_.decode(with_unit) - model.network_.decode(without)
        mean = change.mean(dim=0)
        added.append(to_display((0.5 + mean / (2 * mean.abs().max())).numpy()[None])[0])
        strongest.append(train[best])
    rows = {"the unit adds": np.stack(added)}
    for place, name in enumerate(("strongest image", "second", "third")):
        rows[name] = np.repeat(np.stack(strongest)[:, place, ..., None], 3, axis=3)
    write("units", rows, captions=[f"unit {unit}" for unit in often])


def layers() -> None:
    """Digits reconstructed from each layer of a stack whose layers were trained one by one."""
    train, shown = ten_digits()
    model = convae.StackedAutoencoder(
        latent_dim=8,
        architecture={"widths": (8, 16)},
        level_epochs=12,
        epochs=0,
        random_state=0,
    ).fit(train)
    rows = {"original": shown}
    for level in range(1, model.levels_ + 1):
        values = model.transform(shown, level=level).shape[1]
        rows[f"layer {level}: {values} values"] = model.reconstruct(shown, level=level)
    write("layers", rows)


def coloured() -> None:
    """Grey shapes, coloured by a network that learnt from pairs."""
    train, test = shapes(300, 0), shapes(8, 1)
    model = convae.Denoiser(epochs=20, random_state=0).fit(greyed(train), train)
    write(
        "coloured",
        {"grey": greyed(test), "result": model.denoise(greyed(test)), "truth": test},
        columns=8,
    )


def enlarged() -> None:
    """Digits reduced to 4x4 pixels, enlarged by a spline and by a network."""
    train, shown = ten_digits()
    model = convae.Denoiser(epochs=40, random_state=0).fit(blurred(train), train)
    few = reduced(shown).repeat(2, axis=1).repeat(2, axis=2)
    rows = {"4x4 pixels": few, "cubic spline": blurred(shown)}
    write("enlarged", {**rows, "result": model.denoise(blurred(shown)), "truth": shown})


def reduced(images: Images) -> Images:
    """Halve both sides: the mean of 2x2 pixels."""
    n, high, wide = images.shape
    means = images.reshape(n, high // 2, 2, wide // 2, 2).mean(axis=(2, 4))
    small: Images = means.round().astype(np.uint8)
    return small


def blurred(images: Images) -> Images:
    """Return reduced images, enlarged to their old size by a cubic spline."""
    small = reduced(images).astype(float)
    large = zoom(small, (1, 2, 2), order=3, mode="nearest", grid_mode=True)
    found: Images = large.clip(0, 255).round().astype(np.uint8)
    return found


DRAWN: dict[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        reconstructions, denoised, filled, defects, codes, variational,
        collapse, robust, units, layers, coloured, enlarged,
    )
}  # fmt: skip

if __name__ == "__main__":
    main(sys.argv[1:])
