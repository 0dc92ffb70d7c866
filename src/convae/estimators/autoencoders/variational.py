"""``VariationalAutoencoder``: codes near a standard normal distribution, from which images are sampled."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from convae.config.parameters import VariationalParameters
from convae.errors import InputError, unknown_name
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.autoencoders.code_densities import COMPONENTS, MOST_CODES, Mixture
from convae.estimators.autoencoders.likelihood_bounds import SMALLEST, bound, log_weights
from convae.estimators.fit import Ready
from convae.estimators.fit_config import FitConfig
from convae.estimators.streaming import iter_images
from convae.losses import Loss, logistic_scale
from convae.networks.autoencoder import Autoencoder, sampled
from convae.storage.model_file import StoredModel
from convae.training.splits_and_batches import epoch_batches
from convae.training.tasks.binarised import Binarised
from convae.training.tasks.code_cost import ACTIVE, CodeUse
from convae.training.tasks.task import Task

FROM = ("prior", "gaussian", "mixture")
PATHS = ("linear", "spherical")
SHOWN = 8  # latent dimensions that are traversed by default


class Collapse(NamedTuple):
    """Information in each latent dimension, measured on the images that the weights were chosen by.

    Attributes:
        kl: (k,) the KL divergence of each latent dimension in nats, averaged over the images.
        variance: (k,) the variance of its posterior mean over the images.
        finer: the KL divergence in nats of each finer latent level, the coarsest first; empty for a code of
            one level.
    """

    kl: np.ndarray
    variance: np.ndarray
    finer: np.ndarray = np.zeros(0)

    @property
    def active(self) -> int:
        """The number of latent dimensions that are used."""
        return int((self.variance > ACTIVE).sum())

    def summary(self) -> str:
        """Return a one-line summary, with advice where the code is ignored."""
        line = f"The code holds {self.kl.sum():.1f} nats an image in {self.active} of {len(self.kl)} numbers."
        if len(self.finer):
            line += f" Finer levels hold {', '.join(f'{nats:.1f}' for nats in self.finer)} nats."
        if self.active == 0:
            line += (
                " It is ignored: every image is decoded alike. Let each number hold something for free "
                "(bottleneck 'gaussian:1,free_bits=0.1'), or let the code cost less (gaussian:0.1)."
            )
        return line


class VariationalAutoencoder(VariationalParameters, ConvAutoencoder):
    """An autoencoder whose codes follow a known distribution, so that new images can be sampled.

    The encoder gives a normal distribution for each latent dimension, and the decoder is trained on codes
    sampled from it. The training objective weighs two costs: the divergence of that distribution from the
    standard normal one, and the negative log-likelihood of the image. The loss decides the likelihood:
    ``mse`` is a Gaussian whose variance is optimal at every step (nothing to tune), ``l1`` likewise a Laplace
    distribution, ``logistic`` the discretised logistic distribution over the 256 values of 8-bit images, in
    colour or grey, and ``bce`` a Bernoulli distribution for black and white images.

    Args:
        bottleneck: ``gaussian``. β (if it is not 1), ``free_bits`` and ``warmup`` follow a colon:
            ``"gaussian:0.5,free_bits=0.1"``; see :class:`convae.config.bottlenecks.Bottleneck`.
        levels: number of latent hierarchy levels: 1, or 2 or 3 for a hierarchical code (a ladder). The code
            is the top level. Each further level adds latent variables at the next larger map, whose
            distribution depends on the levels above. At most as many levels as ``widths`` has stages. With
            more levels, images become sharper, and training and sampling take longer. None takes the value in
            ``bottleneck``, or 1 if there is none.
        binarise: whether to take grey values as probabilities of white and to sample black and white pixels
            anew for every batch (dynamic binarisation); requires ``loss="bce"``.
        all others: as in :class:`convae.ConvAutoencoder`. There is no linear path around the code.

    Attributes:
        collapse_: the information in each latent dimension: :class:`Collapse`.
        scale_: the width of the likelihood: the mean loss per value, or for ``logistic`` its scale.
        densities_: the densities fitted to the codes of training images: ``gaussian`` and ``mixture``.

    The other attributes are those of :class:`convae.ConvAutoencoder`.

    >>> import numpy as np
    >>> y, x = np.mgrid[:16, :16]
    >>> images = np.stack([127 + 100 * np.sin(x / 3 + i) * np.cos(y / 4) for i in range(40)])
    >>> model = VariationalAutoencoder(latent_dim=4, epochs=2).fit(images.astype(np.uint8))
    >>> model.sample(3).shape, model.log_likelihood(images[:2].astype(np.uint8), samples=8).shape
    ((3, 16, 16), (2,))
    """

    job = "reconstruct, encode and draw new images"
    verb = "sample"
    member = "variational"

    def sample(
        self, n: int = 1, *, from_: str = "prior", random_state: int | None = None
    ) -> np.ndarray:
        """Sample new images, (n, H, W) or (n, H, W, C), with the values and depth of the training images.

        Args:
            n: number of images.
            from_: distribution that the codes are sampled from: ``prior`` (standard normal), ``gaussian`` or
                ``mixture`` (both fitted to the codes of training images, and mostly better). Finer levels are
                sampled from their distribution given the code.
            random_state: seed; None is 0.

        Raises:
            InputError: ``n`` is not a whole number of at least 1, or ``from_`` is unknown.
        """
        codes = self.sample_codes(n, from_=from_, random_state=random_state)
        shaped = codes.reshape(-1, *self.architecture_.code_shape)
        seed = 0 if random_state is None else random_state
        return self._like_fit(list(iter_images(self, shaped, seed)))

    def sample_codes(
        self, n: int = 1, *, from_: str = "prior", random_state: int | None = None
    ) -> np.ndarray:
        """Sample codes as :meth:`sample` does, (n, k) float32.

        Raises:
            InputError: as :meth:`sample`.
        """
        check_is_fitted(self, "network_")
        if type(n) is not int or n < 1:
            raise InputError(f"n must be a whole number of at least 1; got {n!r}")
        if from_ not in FROM:
            raise unknown_name("from_", from_, FROM)
        rng = np.random.default_rng(0 if random_state is None else random_state)
        if from_ == "prior":
            codes: np.ndarray = rng.standard_normal((n, self._n_features_out), np.float32)
            return codes
        return self.densities_[from_].draw(n, rng)

    def interpolate(
        self, first: Any, last: Any, *, steps: int = 8, path: str = "linear"
    ) -> np.ndarray:
        """Interpolate between two images, (steps, H, W) or (steps, H, W, C); both ends are included.

        Args:
            first, last: sources of one image each.
            steps: number of images in all, at least 2.
            path: ``linear``, or ``spherical`` (the codes on the path are about as long as those at its ends).

        Raises:
            InputError: a source does not hold exactly one image, ``steps`` is below 2, or ``path`` is
                unknown.
        """
        return self.inverse_transform(self.codes_between(first, last, steps=steps, path=path))

    def codes_between(
        self, first: Any, last: Any, *, steps: int = 8, path: str = "linear"
    ) -> np.ndarray:
        """Return the codes of :meth:`interpolate`, (steps, k) float32.

        Args:
            first, last, steps, path: as for :meth:`interpolate`.

        Raises:
            InputError: as for :meth:`interpolate`.
        """
        if type(steps) is not int or steps < 2:
            raise InputError(f"steps must be a whole number of at least 2; got {steps!r}")
        if path not in PATHS:
            raise unknown_name("path", path, PATHS)
        return between(self._code_of("first", first), self._code_of("last", last), steps, path)

    def traverse(
        self,
        X: Any,
        *,
        numbers: Sequence[int] | None = None,
        steps: int = 7,
        span: float = 2.0,
    ) -> np.ndarray:
        """Vary single latent dimensions of an image, one at a time, and decode the results.

        Args:
            X: a source of one image.
            numbers: the latent dimensions to vary, counted from 0; None takes the eight that hold most, by
                :attr:`collapse_`.
            steps: images for each latent dimension, at least 2.
            span: each goes from -span to span, in standard deviations of the prior.

        Returns:
            (len(numbers), steps, H, W) or (..., H, W, C), in the values and depth of the training images.

        Raises:
            InputError: X does not hold exactly one image, or ``numbers``, ``steps`` or ``span`` are out of
                range.
        """
        codes = self.codes_along(X, numbers=numbers, steps=steps, span=span)
        images = self.inverse_transform(codes.reshape(-1, codes.shape[-1]))
        return images.reshape(*codes.shape[:2], *images.shape[1:])

    def codes_along(
        self,
        X: Any,
        *,
        numbers: Sequence[int] | None = None,
        steps: int = 7,
        span: float = 2.0,
    ) -> np.ndarray:
        """Return the codes of :meth:`traverse`, (n, steps, k) float32 for n latent dimensions.

        Args:
            X, numbers, steps, span: as for :meth:`traverse`.

        Raises:
            InputError: as for :meth:`traverse`.
        """
        if type(steps) is not int or steps < 2:
            raise InputError(f"steps must be a whole number of at least 2; got {steps!r}")
        if not isinstance(span, int | float) or not 0 < span < math.inf:
            raise InputError(f"span must be a number above 0; got {span!r}")
        code = self._code_of("X", X)
        if numbers is None:
            numbers = np.argsort(-self.collapse_.kl, kind="stable")[:SHOWN].tolist()
        wrong = [n for n in numbers if type(n) is not int or not 0 <= n < len(code)]
        if wrong or not len(numbers):
            raise InputError(
                f"numbers must be one or more of 0 to {len(code) - 1}; got {list(numbers)!r:.60}"
            )
        found = np.tile(code, (len(numbers), steps, 1))
        for row, number in enumerate(numbers):
            found[row, :, number] = np.linspace(-span, span, steps)
        return found

    def combine(self, plus: Sequence[Any], minus: Sequence[Any] = ()) -> np.ndarray:
        """Decode a sum of codes: those of ``plus`` minus those of ``minus``.

        For a source of several images, the mean of their codes is used, which mostly gives a clearer
        direction: ``combine([face, with_glasses], [without_glasses])``.

        Args:
            plus, minus: lists of sources, each of one image or several.

        Returns:
            One image (H, W) or (H, W, C).

        Raises:
            InputError: ``plus`` is empty.
        """
        if not len(plus):
            raise InputError("plus needs one source of images at least")
        total = sum(self.transform(x).mean(axis=0) for x in plus)
        total = total - sum(self.transform(x).mean(axis=0) for x in minus)
        image: np.ndarray = self.inverse_transform(total[None])[0]
        return image

    def uncertainty(
        self, X: Any, *, samples: int = 16, random_state: int | None = None
    ) -> np.ndarray:
        """Return the standard deviation of reconstructions from several sampled codes, value by value.

        Args:
            X: any source of images of one size.
            samples: codes sampled for each image, at least 2.
            random_state: seed; None is 0.

        Returns:
            (n, C, H, W) float32, standard deviations in the network's units (1 from black to white).

        Raises:
            InputError: ``samples`` is not a whole number of at least 2.
        """
        check_is_fitted(self, "network_")
        if type(samples) is not int or samples < 2:
            raise InputError(f"samples must be a whole number of at least 2; got {samples!r}")
        generator = torch.Generator().manual_seed(0 if random_state is None else random_state)

        def of(batch: Tensor) -> Tensor:
            size = (batch.shape[-2], batch.shape[-1])
            shape = (len(batch), self.architecture_.sampled_values(size))
            images = [
                self.network_(
                    batch, torch.randn(shape, generator=generator).to(batch.device)
                ).reconstruction
                for _ in range(samples)
            ]
            return torch.stack(images).float().std(dim=0, correction=0)

        parts = [far.cpu() for _, far in self.inference_.batches(self._pixels(X), of)]
        found: np.ndarray = torch.cat(parts).numpy()
        return found

    def _code_of(self, name: str, X: Any) -> np.ndarray:
        """Return the code (code size,) of the one image of a source."""
        codes = self.transform(X)
        if len(codes) != 1:
            raise InputError(f"{name} must be one image; got {len(codes)}")
        code: np.ndarray = codes[0]
        return code

    def log_likelihood(
        self, X: Any, *, samples: int = 100, random_state: int | None = None
    ) -> np.ndarray:
        """Return the importance-weighted bound on log p of each image, (n,) in nats; higher is more likely.

        For ``mse`` and ``l1`` it is the logarithm of a density of values in [0, 1], which is above 0 for
        images that are reconstructed well. For ``bce`` it is the log-probability of black and white pixels,
        for ``logistic`` that of 8-bit values. Minus the bound, divided by log 2 and by the number of values
        of an image, is the number of bits per value.

        Args:
            X: any source.
            samples: codes sampled for each image (K): 1 gives an estimate of the evidence lower bound, more
                samples give a tighter bound. Bounds with different K are not comparable.
            random_state: seed; None is 0.

        Raises:
            InputError: the model was trained on a loss that is not a likelihood, or ``samples`` is not a
                whole number of at least 1.
        """
        return self.bounds(X, samples=samples, random_state=random_state)[0]

    def bounds(
        self, X: Any, *, samples: int = 100, random_state: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return both bounds of each image, (n,) each: the importance-weighted bound and the ELBO.

        Args:
            X, samples, random_state: as for :meth:`log_likelihood`.

        Raises:
            InputError: as for :meth:`log_likelihood`.
        """
        check_is_fitted(self, "network_")
        if type(samples) is not int or samples < 1:
            raise InputError(f"samples must be a whole number of at least 1; got {samples!r}")
        loss = str(self.settings_.loss)
        generator = torch.Generator().manual_seed(0 if random_state is None else random_state)

        def of(batch: Tensor) -> Both:
            drawn = log_weights(
                self.network_, batch, samples, loss=loss, scale=self.scale_, generator=generator
            )
            return Both(*bound(drawn))

        found = [both for _, both in self.inference_.batches(self._pixels(X), of)]
        tight, elbo = (torch.cat([part[i] for part in found]).cpu().numpy() for i in (0, 1))
        return tight, elbo

    # -- fitting --------------------------------------------------------------------------------

    def _config(self) -> FitConfig[Any]:
        config = super()._config()
        p, bottleneck = config.parameters, config.bottleneck
        if p.levels is not None:
            if bottleneck.levels not in (1, p.levels):
                raise InputError(
                    f"levels {p.levels!r} and bottleneck {p.bottleneck!r} contradict each other; leave one "
                    "of them out"
                )
            bottleneck = replace(bottleneck, levels=p.levels)
            config = replace(config.changed(bottleneck=str(bottleneck)), bottleneck=bottleneck)
        if type(p.binarise) is not bool:
            raise InputError(f"binarise must be true or false; got {p.binarise!r}")
        if p.binarise and p.loss != "bce":
            raise InputError(
                f"binarise samples black and white pixels and requires loss 'bce'; got {p.loss!r}"
            )
        return config

    def _task(self, task: Task, config: FitConfig[Any]) -> Task:
        task = super()._task(task, config)
        return Binarised(task) if config.parameters.binarise else task

    def _finished(self, ready: Ready, config: FitConfig[Any], stored: StoredModel) -> StoredModel:
        """Measure the use of the code and fit the densities.

        The use is measured on the images that the weights were chosen by; the densities are fitted to the
        codes of training images.
        """
        stored = super()._finished(ready, config, stored)
        network = stored.network.eval()
        extras = _judged(ready, network, config.loss)
        codes = _drawn_codes(ready, network)
        for name, components in (("gaussian", 1), ("mixture", COMPONENTS)):
            extras |= Mixture.fit(codes, components, ready.seed).extras(name)
        facts = {**stored.facts, "code": _collapse(extras).summary()}
        return replace(stored, facts=facts, extras={**stored.extras, **extras})

    def _adopt(self, stored: StoredModel, device: str | None = None) -> Self:
        super()._adopt(stored, device)
        extras = stored.extras
        self.collapse_ = _collapse(extras)
        self.scale_ = float(extras["code.scale"])
        self.densities_ = {
            name: Mixture.from_extras(extras, name) for name in ("gaussian", "mixture")
        }
        return self


def _collapse(extras: Mapping[str, Tensor]) -> Collapse:
    finer = extras.get("code.finer", torch.zeros(0))
    return Collapse(extras["code.kl"].numpy(), extras["code.variance"].numpy(), finer.numpy())


def _judged(ready: Ready, network: Autoencoder, loss: Loss) -> dict[str, Tensor]:
    """Measure the cost and use of each latent dimension, and the mean loss of images from sampled codes."""
    generator = torch.Generator().manual_seed(ready.seed)
    a, use, widths = network.architecture, CodeUse(), []
    numbers = a.sampled_values(a.image_shape[1:])
    with torch.inference_mode():
        for batch in ready.batches(ready.measured):
            noise = torch.randn(len(batch), numbers, generator=generator)
            output = network(batch, noise.to(batch.device))
            use.add(output)
            image = output.reconstruction.float()
            width = logistic_scale(image, batch) if loss.of_8_bits else loss(image, batch).mean()
            widths.append((len(batch), width.cpu()))
    levels = torch.split(use.finer, a.finer_sizes_of(a.image_shape[1:])) if a.levels > 1 else ()
    mean = sum(count * width for count, width in widths) / use.images
    return {
        "code.kl": use.kl,
        "code.finer": torch.tensor([float(level.sum()) for level in levels]),
        "code.variance": use.variance,
        "code.scale": torch.as_tensor(mean).clamp_min(SMALLEST),
    }


def _drawn_codes(ready: Ready, network: Autoencoder) -> np.ndarray:
    """Return codes (n, k) of training images, sampled as in training."""
    generator = torch.Generator().manual_seed(ready.seed)
    (some,) = epoch_batches(ready.training, len(ready.training), ready.seed, 0)
    codes = []
    with torch.inference_mode():
        for batch in ready.batches(some[:MOST_CODES]):
            posterior = network.posterior(batch)
            noise = torch.randn(posterior.code.shape, generator=generator).to(batch.device)
            codes.append(sampled(posterior, noise).float().flatten(1).cpu().numpy())
    return np.concatenate(codes)


class Both(NamedTuple):
    """The importance-weighted bound and the ELBO, (B,) each."""

    tight: Tensor
    elbo: Tensor


def between(first: np.ndarray, last: np.ndarray, steps: int, path: str) -> np.ndarray:
    """Return codes (steps, k) on the path from one code, (k,), to another."""
    parts = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    lengths = np.linalg.norm(first), np.linalg.norm(last)
    cosine = float(first @ last) / max(float(lengths[0] * lengths[1]), 1e-12)
    angle = np.arccos(np.clip(cosine, -1, 1))
    if path == "linear" or np.sin(angle) < 1e-6:
        straight: np.ndarray = (1 - parts) * first + parts * last
        return straight
    curved: np.ndarray = (
        np.sin((1 - parts) * angle) * first + np.sin(parts * angle) * last
    ) / np.sin(angle)
    return curved.astype(np.float32)
