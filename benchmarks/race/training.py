"""Steps of training, and the time to a given test error."""

import statistics
from typing import Any

from convae.networks.presets import make_architecture
from race.field import CHANNELS_LAST, COMPILED, KERAS, OURS, OWN_RECIPE, PLAIN, PYTHAE, Contender
from race.figures import operations
from race.rounds import race
from race.told import RATES, Options, Told, rates

BATCH, SIDE = 128, 28
FIELD: dict[str, tuple[Contender, ...]] = {
    "tutorial": (OURS, PLAIN, CHANNELS_LAST, COMPILED, *KERAS, PYTHAE, OWN_RECIPE),
    "pooled": (OURS, PLAIN, CHANNELS_LAST, COMPILED),
    "residual": (OURS, PLAIN, CHANNELS_LAST, COMPILED),
}


def job(preset: str, images: int, warmup: int) -> dict[str, Any]:
    """What every contender is given."""
    return {"preset": preset, "side": SIDE, "batch": BATCH, "images": images, "warmup": warmup}


def train(options: Options) -> None:
    """Steps of training: what the loop makes of a network."""
    told = Told(
        "train",
        "Training: images per second, batches of 128 images of 28x28, float32, Adam",
        ("network", "who", *RATES),
        options,
    )
    # Whole batches of 128, and enough for validation between epochs to be rare.
    images = BATCH * (20 if options.quick else 400)
    for preset, contenders in FIELD.items():
        given = job(preset, images, warmup=2 if options.quick else 10)
        result = race(
            contenders, "train", given, rounds=options.rounds, seconds=options.seconds, unit=BATCH
        )
        count = operations(make_architecture(preset, (1, SIDE, SIDE)), training=True)
        rates(told, (preset,), result, count)
        if result.products:
            product = statistics.median(result.products)
            told.remark(
                f"{preset}: {count / 1e6:.1f} million operations for each image and step; the matrix product "
                f"of the same run: {product:.0f} GFLOP/s."
            )
    told.write()
