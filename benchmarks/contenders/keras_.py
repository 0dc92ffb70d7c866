"""Keras 3 as its users write it: ``compile``, ``fit``, ``predict``.

A job's ``variant`` is the backend, ``tensorflow`` or ``torch``; ``torch-channels-first`` changes the layout
that Keras keeps images in to the one of PyTorch's layers.
"""

import os
from typing import Any

import numpy as np

from contenders import data
from contenders.serving import Facts, Gate

Job = dict[str, Any]


def started(job: Job) -> Any:
    """The library, on the backend of the variant."""
    backend, _, layout = job["variant"].partition("-")
    os.environ["KERAS_BACKEND"] = backend
    import keras

    keras.utils.set_random_seed(0)
    if layout:
        keras.config.set_image_data_format("channels_first")
    return keras


def network(keras: Any, side: int) -> Any:
    """The tutorial network, compiled for training.

    The tutorial's last layer is a transposed convolution of stride 1, which is a convolution with its kernel
    rotated by half a turn; Keras gets the convolution that all others have.
    """
    layers = keras.layers
    first = keras.config.image_data_format() == "channels_first"
    small = side // 4
    conv = {"padding": "same", "activation": "relu"}
    model = keras.Sequential(
        [
            keras.Input((1, side, side) if first else (side, side, 1)),
            layers.Conv2D(32, 3, strides=2, **conv),
            layers.Conv2D(64, 3, strides=2, **conv),
            layers.Flatten(),
            layers.Dense(16),
            layers.Dense(64 * small * small),
            layers.Reshape((64, small, small) if first else (small, small, 64)),
            layers.Conv2DTranspose(64, 3, strides=2, **conv),
            layers.Conv2DTranspose(32, 3, strides=2, **conv),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse")
    return model


def array(keras: Any, images: np.ndarray) -> np.ndarray:
    """(n, side, side) uint8 to float32 in [0, 1], with an axis of one channel."""
    axis = 1 if keras.config.image_data_format() == "channels_first" else 3
    return np.expand_dims(images.astype(np.float32) / 255, axis)


def train(job: Job, gate: Gate) -> None:
    """A unit of work is one step."""
    keras = started(job)
    model = network(keras, job["side"])

    passing = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: gate.step())

    def error() -> Facts:
        test = data.tested(job)
        clean = array(keras, test)
        parts = np.array_split(clean, 20)
        errors = [np.square(model.predict_on_batch(part) - part).sum() for part in parts]
        return {"error": float(sum(errors)) / clean.size}

    gate.measures["error"] = error
    x = array(keras, data.images(job["images"], job["side"]))
    model.fit(
        x, x, batch_size=job["batch"], epochs=10**6, verbose=0, callbacks=[passing], shuffle=True
    )


def infer(job: Job, gate: Gate) -> None:
    """A unit of work is one batch of images, from uint8 to uint8."""
    keras = started(job)
    model = network(keras, job["side"])
    images = data.images(job["images"], job["side"])

    def work(amount: int) -> None:
        for chosen in data.portions(images, amount * job["batch"]):
            made = model.predict(array(keras, chosen), batch_size=job["batch"], verbose=0)
            np.rint(made * 255).astype(np.uint8)

    gate.serve(work)


def fit(job: Job, gate: Gate) -> None:
    """From files to a trained network and a first reconstruction."""
    keras = started(job)
    began = gate.now()
    images = data.read(job["data"])
    model = network(keras, images.shape[1])
    x = array(keras, images)
    model.fit(x, x, batch_size=job["batch"], epochs=job["epochs"], verbose=0)
    model.predict(x[:1], verbose=0)
    gate.tell(seconds=gate.now() - began)
