"""``StackedAutoencoder``: layers trained one by one, each on the codes of the layer below, then together."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from convae.config.parameters import StackedParameters
from convae.errors import InputError
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.fit import (
    Learning,
    Ready,
    Run,
    fingerprint_of,
    make_job,
    make_ready,
    make_settings,
)
from convae.estimators.fit_config import FitConfig
from convae.networks.autoencoder import Autoencoder
from convae.storage.model_file import StoredModel
from convae.training.devices import on_device, seeded
from convae.training.flop_count import epoch_cost
from convae.training.job import Job
from convae.training.loop import train
from convae.training.observers import Observers, Row
from convae.training.tasks.augmented import augmented
from convae.training.tasks.stacked_layers import (
    FromBelow,
    StackLayer,
    codes_of_layer,
    images_of_layer,
    layer_count,
)

SHARE = 2  # all layers together are trained for 1/SHARE of the joint epochs


class StackedAutoencoder(StackedParameters, ConvAutoencoder):
    """An autoencoder trained layer by layer, each on the codes of the layer below, and then as a whole.

    Layer 1 is the outermost stage; the last layer is the code. The result is an ordinary network: every
    command that takes an autoencoder takes it. The argument ``level`` of the methods is the number of a
    layer.

    Args:
        level_epochs: epochs of each layer before all are trained together, from the first layer to the code:
            one number for all layers, or one for each. None shares half of the joint epochs among the layers,
            at least one epoch each.
        epochs: epochs of the joint training that follows; 0 keeps the layers as they were trained one by one.
        noise: noise added to the inputs of every layer, too. Without noise, a layer whose code is larger than
            the one below has nothing to leave out.
        all others: as in :class:`convae.ConvAutoencoder`. Each stage of the decoder must invert one of the
            encoder: bypass 'none', up 'subpixel', blocks of at least 1.

    Attributes:
        level_histories_: the training history of each layer on its own.
        levels_: the number of layers, the code included.

    The other attributes are those of :class:`convae.ConvAutoencoder`.

    >>> import numpy as np
    >>> images = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    >>> model = StackedAutoencoder(
    ...     architecture={"widths": (4, 8)}, latent_dim=4, level_epochs=1, epochs=1
    ... ).fit(images)
    >>> model.levels_, model.transform(images, level=1).shape, model.transform(images).shape
    (3, (40, 256), (40, 4))
    """

    job = "reconstruct and encode, level by level"
    verb = "levels"
    member = "stacked"

    @property
    def levels_(self) -> int:
        """The number of layers: the stages and the code."""
        check_is_fitted(self, "network_")
        return layer_count(self.network_)

    def transform(self, X: Any, level: int | None = None) -> np.ndarray:
        """Return the codes of a layer, (n, k) float32 with k values each.

        Args:
            X: any source.
            level: the number of the layer, from 1 to :attr:`levels_`; None is the last, the code.

        Raises:
            InputError: there is no such layer.
        """
        level = self._level(level)
        if level == self.levels_:
            return super().transform(X)

        def of(batch: Tensor) -> Tensor:
            return codes_of_layer(self.network_, batch, level).flatten(1)

        parts = [rows.float().cpu() for _, rows in self.inference_.batches(self._pixels(X), of)]
        found: np.ndarray = torch.cat(parts).numpy()
        return found

    def reconstruct(self, X: Any, level: int | None = None) -> np.ndarray:
        """Reconstruct images, (n, H, W) or (n, H, W, C), from their codes of a layer, in the values of X.

        From a layer below the code, the results have the size that the network works at.

        Raises:
            InputError: there is no layer ``level``.
        """
        level = self._level(level)
        if level == self.levels_:
            return super().reconstruct(X)

        def of(batch: Tensor) -> Tensor:
            return self._from_layer(batch, level)

        images = []
        for _, made in self.inference_.batches(self._pixels(X), of):
            images += list(np.moveaxis(self._unit.invert(made), 1, 3))
        return self._like_fit(images)

    def iter_levels(self, X: Any) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Yield each image and its reconstruction from each layer, (C, H, W) float32 in about [0, 1]."""
        levels = range(1, self.levels_ + 1)

        def of(batch: Tensor) -> Tensor:
            return torch.stack([self._from_layer(batch, level) for level in levels], dim=1)

        for batch, reconstructions in self.inference_.batches(self._pixels(X), of):
            for clean, images in zip(
                batch.cpu().numpy(), reconstructions.cpu().numpy(), strict=True
            ):
                yield clean, list(images)

    def _from_layer(self, batch: Tensor, level: int) -> Tensor:
        """Reconstruct images (B, C, H, W) from the codes of a layer."""
        if level == self.levels_:
            image: Tensor = self.network_(batch).reconstruction
            return image
        codes = codes_of_layer(self.network_, batch, level)
        return images_of_layer(self.network_, codes, level, (batch.shape[-2], batch.shape[-1]))

    def _level(self, level: int | None) -> int:
        most = self.levels_
        if level is None:
            return most
        if type(level) is not int or not 1 <= level <= most:
            raise InputError(
                f"level must be a whole number from 1 to {most}, the code; got {level!r}"
            )
        return level

    def epoch_costs(
        self, X: Any, *, groups: Sequence[Any] | np.ndarray | None = None
    ) -> tuple[list[int], int]:
        """Return the cost of one training epoch: of each layer by itself, and of all layers together.

        The cost is the number of multiplications, as :func:`convae.training.flop_count.epoch_cost` counts
        them. Nothing is trained.

        Args:
            X: any source.
            groups: (n,) the group of each image, as in a fit.
        """
        config = self._config()
        run = Run(groups=groups, observers=Observers([]))
        ready = make_ready(clone(self).open(X, reset=True), config, run)
        with seeded(ready.seed):
            network = on_device(Autoencoder(ready.architecture), ready.unit.device)
        levels = [
            epoch_cost(StackLayer(network, number), _level_job(ready, network, number, config, 1))
            for number in range(1, layer_count(network) + 1)
        ]
        return levels, epoch_cost(network, make_job(config, ready))

    # -- fitting --------------------------------------------------------------------------------

    def _config(self) -> FitConfig[Any]:
        config = super()._config()
        epochs_of_levels(config.parameters.level_epochs, 1, 1)
        return config

    def _tasks(self, config: FitConfig[Any], run: Run) -> tuple[str, ...]:
        further = [task for task in super()._tasks(config, run) if task != "images"]
        return ("levels alone" if config.parameters.epochs == 0 else "levels", *further)

    def _learning(
        self, ready: Ready, network: Autoencoder, config: FitConfig[Any], run: Run
    ) -> Learning:
        """Train the layers one by one, and return what all of them learn together."""
        histories = _train_layers(ready, network, config, run)
        # A run that was interrupted while single layers were trained has no state of the joint training yet.
        fresh = run.checkpoint is not None and not run.checkpoint.has_state()
        learning = super()._learning(ready, network, config, run)
        return replace(learning, facts={"levels": histories}, fresh=fresh)

    def _finished(self, ready: Ready, config: FitConfig[Any], stored: StoredModel) -> StoredModel:
        stored = super()._finished(ready, config, stored)
        return replace(stored, facts={"levels": [], **stored.facts})  # none before a partial fit

    def _adopt(self, stored: StoredModel, device: str | None = None) -> Any:
        super()._adopt(stored, device)
        self.level_histories_ = stored.facts["levels"]
        return self


def _train_layers(
    ready: Ready, network: Autoencoder, config: FitConfig[Any], run: Run
) -> list[list[Row]]:
    """Train the layers of a network one by one; return the history of each."""
    count = layer_count(network)
    joint = make_settings(config, ready).epochs
    epochs = epochs_of_levels(config.parameters.level_epochs, count, joint)
    histories = []
    for number in range(1, count + 1):
        run.observers.message(f"training level {number} of {count} on the codes below it")
        job = _level_job(ready, network, number, config, epochs[number - 1])
        own = None if run.checkpoint is None else run.checkpoint.part(f"level-{number}")
        resume = run.resume and own is not None and own.has_state()
        level = StackLayer(network, number)
        histories.append(
            train(level, job, checkpoint=own, resume=resume, keep=True, observers=run.observers)
        )
    return histories


def _level_job(
    ready: Ready, network: Autoencoder, number: int, config: FitConfig[Any], epochs: int
) -> Job:
    """Return the training job of one layer."""
    return Job(
        images=ready.images,
        training=ready.places(ready.training),
        validation=ready.places(ready.measured),
        unit=ready.unit,
        settings=replace(make_settings(config, ready), epochs=epochs),
        task=augmented(
            FromBelow(network, number, config.loss, config.noise), config.training.augment
        ),
        identity={
            "architecture": ready.architecture.to_dict(),
            "images": fingerprint_of(ready.images),
            "level": number,
            "noise": None if config.noise is None else str(config.noise),
        },
    )


def epochs_of_levels(given: Any, levels: int, joint: int) -> list[int]:
    """Return the epochs of each layer.

    ``given`` holds one number for all layers or one for each; None shares half of the ``joint`` epochs among
    the layers.

    Raises:
        InputError: ``given`` is no such number, or has the wrong length.
    """
    if given is None:
        return [max(1, joint // (SHARE * levels))] * levels
    several = given if isinstance(given, tuple) else (given,)
    if any(type(n) is not int or n < 0 for n in several) or not several:
        raise InputError(
            f"level_epochs must be a whole number of at least 0, or one for each level; got {given!r}"
        )
    if len(several) == 1:
        return list(several) * levels
    if levels > 1 and len(several) != levels:
        raise InputError(
            f"level_epochs must be one number, or one for each of the {levels} levels (the stages and the "
            f"code); got {len(several)}"
        )
    return list(several)
