"""Reconstructing images with a network that is trained."""

from convae.networks.presets import make_architecture
from race.field import (
    CHANNELS_LAST,
    COMPILED,
    ENGINES,
    FROZEN,
    KERAS,
    OURS,
    PLAIN,
    PYTHAE,
    Contender,
)
from race.figures import operations
from race.rounds import race
from race.told import RATES, Options, Told, rates
from race.training import BATCH, SIDE, job

FIELD: dict[str, tuple[Contender, ...]] = {
    "tutorial": (OURS, PLAIN, CHANNELS_LAST, COMPILED, FROZEN, *ENGINES, *KERAS, PYTHAE),
    "pooled": (OURS, PLAIN, CHANNELS_LAST, FROZEN, *ENGINES),
    "residual": (OURS, PLAIN, CHANNELS_LAST, FROZEN, *ENGINES),
}


def inference(options: Options) -> None:
    """``reconstruct``: an array of uint8 images to an array of uint8 images."""
    told = Told(
        "inference",
        "Inference: images per second from uint8 arrays of 28x28 to uint8 reconstructions, float32",
        ("network", "who", *RATES),
        options,
    )
    for preset, contenders in FIELD.items():
        given = job(preset, images=BATCH * 100, warmup=2)
        result = race(
            contenders, "infer", given, rounds=options.rounds, seconds=options.seconds, unit=BATCH
        )
        count = operations(make_architecture(preset, (1, SIDE, SIDE)), training=False)
        rates(told, (preset,), result, count)
    told.remark(f"Peers take batches of {BATCH}; convae chooses its own.")
    told.write()
