"""Makes the model files of one release, with what they compute, for ``tests/storage/test_old_models.py``.

Run once at each release, with the source of that release::

    PYTHONPATH=src python tests/storage/make_old_models.py tests/storage/old_models/0.2.0

To make the files of an older state, extract its source and put that on ``PYTHONPATH`` instead::

    git archive COMMIT src | tar -x -C older
    PYTHONPATH=older/src python tests/storage/make_old_models.py tests/storage/old_models/NAME

All models are tiny and trained on images that are drawn here. Names of models after the folder choose some; a
kind that the source does not have is left out. For each model, ``expected.npz`` holds what the source
computed of the images in ``expected.npz`` itself, as MODEL.METHOD.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

SIDE, TRAINED, SHOWN = 12, 40, 2
SMALL: dict[str, Any] = {
    "epochs": 1,
    "batch_size": 16,
    "random_state": 0,
    "device": "cpu",
    "precision": "float32",
}
WIDTHS: dict[str, Any] = {"widths": (3, 4), "blocks": 1}
SHORT: dict[str, Any] = {**WIDTHS, "latent_dim": 3, "hidden": 6}
DENSE: dict[str, Any] = {**SHORT, "code": "dense"}
SPATIAL: dict[str, Any] = {**WIDTHS, "latent_dim": 32, "code": "spatial"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "autoencoder-dense": ("ConvAutoencoder", DENSE),
    "autoencoder-spatial": ("ConvAutoencoder", {**SPATIAL, "loss": "0.5*mse+0.5*l1"}),
    "autoencoder-tutorial": (
        "ConvAutoencoder",
        {"preset": "tutorial", "widths": (3, 4), "latent_dim": 3, "loss": "bce"},
    ),
    "autoencoder-pooled": ("ConvAutoencoder", {"preset": "pooled", "widths": (3, 4)}),
    "autoencoder-denoising": ("ConvAutoencoder", {**DENSE, "noise": "gaussian:0.3"}),
    "autoencoder-vq": ("ConvAutoencoder", {**SPATIAL, "bottleneck": "vq:8"}),
    "variational": ("VariationalAutoencoder", DENSE),
    "variational-levels": ("VariationalAutoencoder", {**SHORT, "levels": 2}),
    "sparse": ("SparseAutoencoder", {**SHORT, "latent_dim": 12}),
    "stacked": ("StackedAutoencoder", SHORT),
    "denoiser": ("Denoiser", {**WIDTHS, "noise": "gaussian:0.1", "patch": SIDE}),
    "inpainter": ("Inpainter", {**WIDTHS, "patch": SIDE}),
    "detector-defects": ("AnomalyDetector", WIDTHS),
    "detector-folds": ("AnomalyDetector", {**WIDTHS, "folds": 2}),
    "detector-attributes": ("AnomalyDetector", {**WIDTHS, "method": "attributes", "latent_dim": 8}),
    "detector-likelihood": (
        "AnomalyDetector",
        {**WIDTHS, "latent_dim": 3, "method": "likelihood"},
    ),
}


def drawn(count: int, first: int = 0) -> np.ndarray:
    """Draw images of a disc and a bar at places that depend on the position alone.

    Returns:
        (count, SIDE, SIDE) float32 between 0 and 1.
    """
    rows, columns = np.mgrid[:SIDE, :SIDE]
    images = np.full((count, SIDE, SIDE), 0.1, dtype=np.float32)
    for k, image in enumerate(images, first):
        y, x, radius = 3 + k * 5 % 6, 3 + k * 7 % 7, 2 + k % 2
        image[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = 0.5 + 0.05 * (k % 10)
        image[k * 3 % SIDE, 1 : 4 + k % 4] = 0.9 - 0.03 * (k % 7)
    return images


def results(model: Any, images: np.ndarray) -> dict[str, np.ndarray]:
    """Compute what the model is for.

    Args:
        model: a fitted estimator, of this or of another version.
        images: (n, SIDE, SIDE) float32.

    Returns:
        Arrays by the name of the method.
    """
    kind = type(model).__name__
    if kind == "Denoiser":
        return {"denoise": np.asarray(model.denoise(images))}
    if kind == "Inpainter":
        return {"inpaint": np.asarray(model.inpaint(images, mask()))}
    if kind == "AnomalyDetector":
        return {"score_samples": np.asarray(model.score_samples(images))}
    return {
        "transform": np.asarray(model.transform(images)),
        "reconstruct": np.asarray(model.reconstruct(images)),
    }


def mask() -> np.ndarray:
    """Return a mask (SIDE, SIDE) with a square of missing pixels."""
    missing = np.zeros((SIDE, SIDE), dtype=bool)
    missing[4:7, 5:8] = True
    return missing


def fit(kind: str, options: dict[str, Any]) -> Any:
    """Fit one model with whatever constructor this version of convae has."""
    import convae

    made = getattr(convae, kind)
    every = {**SMALL, **options}
    if hasattr(made, "from_options"):
        return made.from_options(every).fit(drawn(TRAINED))
    return made(**every).fit(drawn(TRAINED))


def main(folder: Path, names: list[str]) -> None:
    """Write the named models (all, if none is named) and add their results to ``expected.npz``."""
    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    images = drawn(SHOWN, first=TRAINED)
    table = folder / "expected.npz"
    expected = dict(np.load(table)) if table.exists() else {"images": images}
    for name in names or CASES:
        kind, options = CASES[name]
        try:
            model = fit(kind, options)
        except (AttributeError, TypeError, ValueError) as error:
            print(f"{name}: left out: {str(error).splitlines()[0][:150]}")
            continue
        model.save(folder / f"{name}.convae")
        for method, values in results(model, images).items():
            expected[f"{name}.{method}"] = values
    np.savez_compressed(table, **expected)
    print(f"{folder}: {sum(file.stat().st_size for file in folder.iterdir()):,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
