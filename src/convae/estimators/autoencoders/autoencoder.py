"""``ConvAutoencoder``: a scikit-learn transformer that encodes images to codes and decodes them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from convae.config.compatibility import check
from convae.config.parameters import AutoencoderParameters, CustomNetworkParameters
from convae.corruption.noise import parse_noise
from convae.embedding.pca import PrincipalComponents
from convae.errors import InputError, raise_faults
from convae.estimators.autoencoders.neighbour_layout import codes_by, neighbour_task
from convae.estimators.autoencoders.quantised_codes import (
    iter_indices,
    stored_use,
    vectors_of,
    with_codebook_use,
)
from convae.estimators.base import ImageEstimator
from convae.estimators.fit import Learning, Ready, Run, baseline_error, fit_baseline
from convae.estimators.fit_config import FitConfig
from convae.estimators.partial_fit import continue_fit
from convae.estimators.registry import load
from convae.estimators.streaming import (
    Reconstructed,
    iter_codes,
    iter_images,
    iter_reconstructions,
)
from convae.estimators.views import CodeViews
from convae.metrics import image_quality
from convae.networks.autoencoder import Autoencoder
from convae.networks.custom import custom_parts
from convae.storage.model_file import CUSTOM, StoredModel
from convae.training.checkpoint import CheckpointFolder
from convae.training.display import Verbose, display
from convae.training.observers import Observer
from convae.training.tasks.corrupted import Corrupted
from convae.training.tasks.task import Reconstruction, Task
from convae.training.tasks.translated import Translated

# Fraction of a side. With neighbourhood, codes hold for new images only if small translations change little.
SHIFT = 1 / 24


class ConvAutoencoder(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CodeViews,
    CustomNetworkParameters,
    ImageEstimator,
):
    """A convolutional autoencoder for a folder of images, an array, or rows of pixels.

    Args:
        preset: the architecture: ``residual`` (recommended), ``tutorial`` (the classic strided network),
            ``pooled`` (pooling and upsampling, a spatial code) or ``dense`` (no convolutions, as a baseline).
        latent_dim: latent dimension: the size of the code (at each position, for a spatial code). None takes
            the preset's: 64, 16, 8. A larger code reconstructs better, a smaller one compresses more.
            ``"auto"`` takes as many as PCA needs to explain 95 % of the variance of the images, noise not
            counted; the fit says how many and why, and ``architecture_.latent_dim`` is the number (see
            :func:`convae.estimators.latent_dim.decide_latent_dim`).
        bottleneck: how the code is constrained: ``plain`` (not at all), ``gaussian`` (variational), ``l1``,
            ``kl`` or ``top-k`` (sparse), ``vq`` (vector-quantised: each vector of a spatial code is one of
            the entries of a codebook). A strength may follow a colon (``"top-k:0.05"``, ``"vq:512"``);
            without one, the default of that kind applies. See :class:`convae.config.bottlenecks.Bottleneck`.
        loss: ``mse``, ``bce``, ``l1``, ``charbonnier``, ``ssim``, ``ms_ssim`` or a weighted sum such as
            ``"0.8*mse+0.2*ssim"``.
        epochs: passes over the images. None chooses about 3,000 steps, so that training works for 20 images
            as for a million.
        size: (height, width) that all images are brought to, by ``framing`` of the preparation. With None,
            all images must have one size.
        channels: 1 converts all images to grey, 3 to RGB. With None, all images must have the same number of
            channels.
        neighbourhood: weight of a term that keeps the codes of similar images together, in addition to the
            reconstruction loss: 0 turns it off, 1 is the standard strength. Use it for maps, with a latent
            dimension of 2 to about 16: similar images then form clusters, at about the same reconstruction
            error. See :class:`convae.training.tasks.keep_neighbours.KeepNeighbours`.
        neighbours: with ``neighbourhood``, the file of an autoencoder whose codes decide which images are
            neighbours. None compares the pixels. Longer codes often capture similarity better.
        shift: largest random translation of the training inputs, as a fraction of a side (0 to 0.25). The
            target is not translated, so codes depend less on exact positions. None takes 1/24 with
            ``neighbourhood``, otherwise 0.
        noise: noise added to the training inputs, sampled anew for every batch; the target stays clean. This
            is the denoising variant, whose codes depend less on details. Examples: ``gaussian:0.3``,
            ``salt-and-pepper:0.2``, ``gaussian:0..0.5+blur``, ``masks:0.6`` (hides patches), see
            :func:`convae.corruption.noise.parse_noise`. Noise levels are in the network's units, 1 from black
            to white. None adds no noise. To remove noise from images use :class:`convae.Denoiser`.
        validation_fraction: fraction of the images that is held out to choose the best weights, at most 5,000
            images. Exact duplicates stay on one side of the split.
        preparation, training, architecture: what is changed rarely, as
            :class:`convae.PreparationSettings` (framing, scaling, storage, ...),
            :class:`convae.TrainingSettings` (batch size, learning rate, optimizer, ema, ...) and
            :class:`convae.ArchitectureSettings` (widths, blocks, padding, ...), or as dictionaries of their
            fields: ``training={"ema": 0.995}``. A grid search names them ``training__ema``. None takes all
            defaults.
        encoder, decoder: a network of your own, as two instances of :class:`torch.nn.Module`; None takes that
            of ``preset``. The encoder takes images (B, C, H, W) in about [0, 1], all of one size, to codes
            (B, n) or (B, n, h, w); the decoder takes codes to images (B, C, H, W). Both are copied and
            trained from the weights that they have; frozen weights (``requires_grad`` False) stay as they
            are. The latent dimension follows from the encoder; ``preset``, ``latent_dim`` and
            ``architecture`` must be left out. With loss ``bce`` the decoder must end with a sigmoid.
        device: ``auto``, ``cpu`` or ``cuda``.
        random_state: seed. None means 0, so that the same call gives the same model.

    Attributes:
        network_: the trained :class:`torch.nn.Module`, for use in your own loop.
        architecture_, settings_: the architecture and the training settings that were used.
        latent_dim_: the latent dimension (that of each position, for a spatial code).
        history_: one row per epoch; epoch 0 is the state before any step.
        pca_: PCA with the same code size, fitted on the same training images.
        best_epoch_, validation_mse_: the epoch that the weights are from, and their mean squared error on the
            held-out images.
        held_out_: positions in X of the held-out images (None in a model from a file).
        codebook_use_: with bottleneck ``vq``, how much of the codebook the held-out images use:
            :class:`convae.metrics.codebook_use.CodebookUse`.
        skipped_, notes_: images left out, with reasons, and conversions that were made.

    >>> import numpy as np
    >>> images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    >>> model = ConvAutoencoder(latent_dim=4, epochs=1).fit(images)
    >>> model.transform(images).shape, model.reconstruct(images).shape
    ((40, 4), (40, 8, 8))
    """

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        groups: Sequence[Any] | np.ndarray | None = None,
        checkpoint: CheckpointFolder | str | Path | None = None,
        resume: bool = False,
        observers: Iterable[Observer] = (),
        verbose: Verbose = "auto",
    ) -> Self:
        """Train on images.

        Args:
            X: a folder, a glob, paths, an array ``(n, h, w)`` or ``(n, h, w, c)``, rows ``(n, pixels)``, a
                file, a torch dataset or the name of a set.
            y: labels (n,), which are ignored. Images raise an error.
            groups: (n,) the group of each image. The images of one group are held out together or not at all.
            checkpoint: folder where the training state is saved: first after 5 seconds of training, then once
                a minute.
            resume: continue from the checkpoint, exactly where the run stopped.
            observers: receive messages, steps and epochs.
            verbose: ``auto`` shows a progress bar on a terminal and in a notebook, and nothing elsewhere or
                where the fit is one of many, as in a grid search. True shows the progress in any case, as
                lines where there can be no bar; ``lines`` writes a line for each epoch, for logs; False
                shows nothing.

        Returns:
            The fitted estimator itself.

        Raises:
            InputError: the data or a parameter is wrong; the message is one sentence.
            TrainingError: the loss stays non-finite.

        Warns:
            FitWarning: something limits the result: images were skipped, none was held out, or no epoch was
                better than the start.
        """
        self._refuse_target(X, y)
        with display(verbose) as shown:
            source, config, run = self._opened(
                X,
                groups=groups,
                checkpoint=checkpoint,
                resume=resume,
                observers=observers,
                shown=shown,
            )
            return self._trained(source, config, run)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Make one more pass over X at a constant learning rate; the first call starts like :meth:`fit`.

        Scaling, PCA and architecture stay as the first call set them. Only the reconstruction is learnt, from
        images with the same ``noise`` and ``shift`` as in a fit.
        """
        self._refuse_target(X, y)
        return continue_fit(self, X, self._task)

    def _config(self) -> FitConfig[Any]:
        config = super()._config()
        p = config.parameters
        if (custom := custom_parts(self.encoder, self.decoder)) is not None:
            raise_faults("encoder and decoder", _not_of_custom(config))
            config = replace(config, custom=custom)
        if p.neighbours is not None and not p.neighbourhood:
            raise InputError(
                "neighbours requires neighbourhood > 0; leave neighbours out, or set that"
            )
        return config if p.noise is None else replace(config, noise=parse_noise(p.noise))

    def _tasks(self, config: FitConfig[Any], run: Run) -> tuple[str, ...]:
        neighbourhood = config.parameters.neighbourhood
        asked = {"noise": config.noise, "shift": _shift(config), "neighbourhood": neighbourhood}
        return tuple(name for name, value in asked.items() if value) or ("images",)

    def _learning(
        self, ready: Ready, network: Autoencoder, config: FitConfig[Any], run: Run
    ) -> Learning:
        p = config.parameters
        task: Task = Reconstruction(config.loss)
        if p.neighbourhood:
            run.observers.message("laying out the training images by their neighbours")
            path = p.neighbours
            by = path and codes_by(load(path, device=ready.unit.device.type), path, ready)
            task = neighbour_task(ready, network, config.loss, p.neighbourhood, by)
        identity = {
            "neighbourhood": float(p.neighbourhood),
            "neighbours": p.neighbours,
            "shift": float(_shift(config)),
            "noise": None if config.noise is None else str(config.noise),
        }
        if config.custom is not None:
            identity |= config.custom.classes()
        return Learning(self._task(task, config), identity)

    def _task(self, task: Task, config: FitConfig[Any]) -> Task:
        """Return a task whose inputs are changed as the parameters ask."""
        shift = _shift(config)
        task = Translated(task, shift) if shift else task
        return task if config.noise is None else Corrupted(task, config.noise)

    def _baseline(self, ready: Ready, config: FitConfig[Any]) -> PrincipalComponents | None:
        """Return PCA; with a budget in any case, so that its time is known before the training."""
        known = super()._baseline(ready, config)
        return fit_baseline(ready) if known is None and config.budget is not None else known

    def _finished(self, ready: Ready, config: FitConfig[Any], stored: StoredModel) -> StoredModel:
        """Fit PCA, unless it is fitted, and measure it for comparison."""
        started = ready.architecture.bypass != "none" or config.budget is not None
        pca = stored.pca if started else fit_baseline(ready)
        error = baseline_error(ready, pca, ready.measured)
        facts = {**stored.facts, "validation_baseline_mse": error}
        if config.custom is not None:
            facts[CUSTOM] = config.custom.classes()
        stored = replace(stored, pca=pca, facts=facts)
        return with_codebook_use(stored, ready) if ready.architecture.bottleneck == "vq" else stored

    def _adopt(self, stored: StoredModel, device: str | None = None) -> Self:
        super()._adopt(stored, device)
        self.latent_dim_ = self.architecture_.latent_dim
        if self.architecture_.bottleneck == "vq":
            self.codebook_use_ = stored_use(stored)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the codes of n images, (n, k) float32 with k values each; spatial codes are flattened.

        Raises:
            InputError: images of different sizes have codes of different sizes.
        """
        check_is_fitted(self, "network_")
        codes = [code.reshape(-1) for _, code in iter_codes(self, self.open(X))]
        if len({len(code) for code in codes}) > 1:
            raise InputError(
                "images of different sizes have codes of different sizes; bring them to one"
            )
        return np.stack(codes) if codes else np.zeros((0, self._n_features_out), np.float32)

    def features(self, X: Any, layer: str) -> np.ndarray:
        """Return the output of one layer, (n, c) float32, averaged over the positions of a map.

        Args:
            X: as for :meth:`transform`.
            layer: a name as ``convae info`` lists them, such as ``encoder.1.2``, or ``encoder.1`` for the
                output of the second stage. An unknown name raises an error that lists all names.
        """
        check_is_fitted(self, "network_")
        rows = [row for _, row in iter_codes(self, self.open(X), layer=layer)]
        return np.stack(rows) if rows else np.zeros((0, 0), np.float32)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Decode codes (n, k) to images with the values, shape and depth of the training images.

        Raises:
            InputError: the codes are not numbers, or do not have the shape (n, code size).
        """
        check_is_fitted(self, "network_")
        try:
            codes = np.asarray(X, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"codes must be numbers (n, {self._n_features_out}): {error}"
            ) from error
        if codes.ndim != 2 or codes.shape[1] != self._n_features_out:
            raise InputError(
                f"codes must be (n, {self._n_features_out}) for this model; got {codes.shape}"
            )
        shaped = codes.reshape(-1, *self.architecture_.code_shape)
        return self._like_fit(list(iter_images(self, shaped)))

    def indices(self, X: Any) -> np.ndarray:
        """Return the codes of n images as entries of the codebook, of a model with bottleneck ``vq``.

        Returns:
            (n, h, w) int64, from 0 to the number of entries - 1: for each position of the spatial code, the
            entry that stands there. :meth:`transform` returns the vectors of the same entries.

        Raises:
            InputError: the model has no codebook, or the images have different sizes.
        """
        check_is_fitted(self, "network_")
        check(use=["indices"], bottleneck=[self.architecture_.bottleneck])
        found = [indices.cpu().numpy() for indices in iter_indices(self, self._pixels(X))]
        if len({one.shape for one in found}) > 1:
            raise InputError(
                "images of different sizes have codes of different sizes; bring them to one"
            )
        shape = (0, *self.architecture_.code_shape[1:])
        return np.stack(found) if found else np.zeros(shape, np.int64)

    def decode_indices(self, indices: Any) -> np.ndarray:
        """Decode codes given as entries of the codebook, of a model with bottleneck ``vq``.

        Args:
            indices: (n, h, w) whole numbers, as :meth:`indices` returns them.

        Returns:
            n images with the values, shape and depth of the training images; for other h and w, of another
            size.

        Raises:
            InputError: the model has no codebook, or these are not such numbers.
        """
        check_is_fitted(self, "network_")
        check(use=["indices"], bottleneck=[self.architecture_.bottleneck])
        codes = vectors_of(self.network_, indices)
        return self._like_fit(list(iter_images(self, codes)))

    def reconstruct(self, X: Any) -> np.ndarray:
        """Encode and decode images, (n, H, W) or (n, H, W, C): the results have the values and depth of X.

        For images of different sizes, or for more images than fit into memory, use ``convae reconstruct``.

        Raises:
            InputError: the images have different sizes.
        """
        check_is_fitted(self, "network_")
        images: list[np.ndarray] = []
        for done in iter_reconstructions(self, self.open(X), errors=False):
            if images and done.pixels.shape != images[0].shape:
                raise InputError(
                    f"{done.image.info.name}: images of different sizes do not fit one array"
                )
            images.append(done.pixels)
        return self._like_fit(images)

    def iter_reconstruct(self, X: Any) -> Iterator[Reconstructed]:
        """Yield one :class:`~convae.estimators.streaming.Reconstructed` per image, in constant memory."""
        check_is_fitted(self, "network_")
        return iter_reconstructions(self, self.open(X))

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the negative mean squared error per value of each image, (n,), on the scale [0, 1]."""
        check_is_fitted(self, "network_")
        pairs = self.inference_.reconstruct(self._pixels(X))
        scores = [-float(image_quality.mse(r[None], clean[None])[0]) for clean, r in pairs]
        return np.array(scores, dtype=np.float64)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of :meth:`score_samples`; higher is better. ``y`` is as in :meth:`fit`."""
        self._refuse_target(X, y)
        return float(np.mean(self.score_samples(X)))

    @property
    def _n_features_out(self) -> int:
        return self.architecture_.code_size

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        tags.non_deterministic = False
        return tags


def _not_of_custom(config: FitConfig[Any]) -> list[str]:
    """Return a sentence for each parameter that describes a network, which a custom one already is."""
    p, given = config.parameters, config.architecture.changes()
    if config.bottleneck.kind == "vq" and given.get("code") == "spatial":
        given.pop("code")  # set by the bottleneck, which is refused with its own reason
    faults = [
        f"architecture: {name} describes a network of convae, not yours: leave it out"
        for name, value in given.items()
        if value is not None
    ]
    if p.latent_dim is not None:
        faults.append(f"latent_dim {p.latent_dim} follows from the encoder: leave it out")
    if p.preset != AutoencoderParameters().preset:
        faults.append(f"preset {p.preset!r} is a network of convae, not yours: leave it out")
    return faults


def _shift(config: FitConfig[Any]) -> float:
    """Return the value of ``shift``, or its default where it is None."""
    p = config.parameters
    if p.shift is not None:
        return float(p.shift)
    return SHIFT if p.neighbourhood else 0.0
