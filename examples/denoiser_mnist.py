"""A denoiser of MNIST in ten lines of code.

python examples/denoiser_mnist.py           one epoch

MNIST is downloaded once, 12 MB, into ~/.cache/convae. If the environment variable CONVAE_DATA_DIR names a
folder with a folder mnist in it, that is taken.
For a first look within seconds: python examples/denoiser_mnist.py digits, which come with scikit-learn.
"""

import sys

import numpy as np

import convae

name = sys.argv[1] if len(sys.argv) > 1 else "mnist"

train = convae.open_source(name, download=True)
clean = convae.open_source(name, split="test").stack()[:1000, ..., 0]  # to measure on

# Noise of the classic tutorial: mean and standard deviation are half of the way from black to white.
noise = {"noise": "gaussian", "sigma": 0.5, "mean": 0.5, "clip_noise": True}
model = convae.Denoiser(**noise, epochs=1, random_state=0).fit(train)

# The same noise on new images. `fit` added it to the training images, anew for each batch.
random = np.random.default_rng(0).normal(0.5 * 255, 0.5 * 255, clean.shape)
noisy = np.clip(clean + random, 0, 255).astype(np.uint8)
denoised = model.denoise(noisy, sigma=0.5)

for what, images in {"noisy": noisy, "denoised": denoised}.items():
    print(f"{what}: mean squared error {np.mean((images / 255 - clean / 255) ** 2):.4f}")
rows = {"noisy": noisy, "denoised": denoised, "clean": clean}
convae.plot_images(rows).save("denoiser_mnist.png", overwrite=True)
