"""Whether augmentation helps where there are few images: the error on test images, with and without it."""

import time

import numpy as np

import convae
from record import Section, note

COUNTS, SEEDS, EPOCHS, TESTED = (50, 100, 200), (0, 1, 2), 40, 1000
# Changes after which an image could still be one of the set, named before anything was measured.
KINDS = {"mnist": "rotations+shifts", "fashion-mnist": "flips+shifts+brightness"}
NETWORK = {"preset": "tutorial", "latent_dim": 16, "epochs": EPOCHS}


def augmentation() -> None:
    """The table."""
    section = Section(
        "augmentation",
        "Few images, with and without augmentation: MSE on test images",
        (
            "images",
            "number",
            "augment",
            "without",
            "with",
            "with / without",
            "of each seed",
            "CPU s",
        ),
    )
    for name, kinds in KINDS.items():
        source = convae.open_source(name, split="train")
        test = convae.open_source(name, split="test").select(np.arange(TESTED))
        for count in COUNTS:
            began, errors = time.process_time(), np.zeros((len(SEEDS), 2))
            for i, seed in enumerate(SEEDS):
                some = source.select(np.random.default_rng(seed).permutation(len(source))[:count])
                for j, augment in enumerate((None, kinds)):
                    given = {**NETWORK, "augment": augment, "patience": 0, "random_state": seed}
                    model = convae.ConvAutoencoder.from_options(given).fit(some)
                    errors[i, j] = -model.score(test)
                    note(f"  {name} {count} seed {seed} {augment}: {errors[i, j]:.5f}")
            without, with_it = errors.mean(axis=0)
            each = ", ".join(f"{b / a:.2f}" for a, b in errors)
            cpu = time.process_time() - began
            ratio = f"{with_it / without:.2f}"
            section.row(name, count, kinds, without, with_it, ratio, each, cpu)
    section.remarks.append(
        f"The preset tutorial with 16 latent dimensions, {EPOCHS} epochs without early stopping, a tenth of "
        f"the images held out. Means of {len(SEEDS)} seeds, each with other training images; the first "
        f"{TESTED:,} test images. The kinds were chosen by what the images show, not by these errors."
    )
    section.write()
