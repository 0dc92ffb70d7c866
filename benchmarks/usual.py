"""How everyone trains, for comparisons: Adam at a constant rate, and nothing beside."""

from typing import Any

USUAL: dict[str, Any] = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "schedule": "constant",
    "warmup": 0.0,
    "clip": 0.0,
    "ema": 0.0,
    "validation_fraction": 0.0,
}
TUTORIAL: dict[str, Any] = {
    **USUAL,
    "preset": "tutorial",
    "batch_size": 32,
    "precision": "float32",
}
