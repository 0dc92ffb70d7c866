"""The scores of anomaly detectors, by each of their methods, for whole batches at once."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from convae.errors import InputError
from convae.estimators.anomaly.attribute_scorer import AttributeScorer
from convae.estimators.anomaly.cross_scorer import CrossScorer
from convae.estimators.anomaly.defect_scorer import MIRRORS, NETWORK, DefectScorer
from convae.estimators.anomaly.fusion import LEAST_VALUE, Fusion, soft_maximum
from convae.estimators.anomaly.likelihood_method import BLUR, SAMPLES, LikelihoodScorer
from convae.estimators.anomaly.method import Scorer
from convae.estimators.autoencoders.likelihood_bounds import AT_ONCE, log_density
from convae.export.graphs.cues import AreaMean, Size, cue_graph, enlarged_to
from convae.metrics.difference_maps import colour_difference, resized, smoothed
from convae.networks.autoencoder import sampled
from convae.training.tasks.flips_and_turns import from_view, to_view


class FusionGraph(nn.Module):
    """:class:`convae.estimators.anomaly.fusion.Fusion`."""

    middle: Tensor
    spread: Tensor
    cue_spread: Tensor
    kind_spread: Tensor
    weights: Tensor
    discriminant: Tensor | None

    def __init__(self, fusion: Fusion) -> None:
        super().__init__()
        for name in ("middle", "spread", "cue_spread", "kind_spread", "weights"):
            self.register_buffer(name, getattr(fusion, name).float().cpu())
        weights = fusion.discriminant
        self.register_buffer("discriminant", None if weights is None else weights.double().cpu())
        kinds = fusion.kinds.tolist()
        self.members = [
            [i for i, one in enumerate(kinds) if one == k] for k in range(max(kinds) + 1)
        ]

    def score(self, values: Tensor) -> Tensor:
        """Return the scores (B,) of values (B, M, POOLINGS)."""
        cues = ((values - self.middle) / self.spread).mean(dim=2) / self.cue_spread
        kinds = self._by_kind(cues) / self.kind_spread
        if self.discriminant is None:
            return soft_maximum(self.weights * kinds)
        kinds = kinds.double()
        further = torch.log1p((LEAST_VALUE - kinds).clamp_min(0))
        return ((kinds.clamp_min(LEAST_VALUE) - further) @ self.discriminant).float()

    def map(self, standardised: Tensor) -> Tensor:
        """Combine maps (B, M, H, W) in standard deviations into one map (B, 1, H, W)."""
        groups = self._by_kind(standardised)
        return soft_maximum(self.weights.view(-1, 1, 1) * groups, dim=1)[:, None]

    def _by_kind(self, cues: Tensor) -> Tensor:
        parts = [torch.stack([cues[:, i] for i in one], dim=1).mean(dim=1) for one in self.members]
        return torch.stack(parts, dim=1)


class DefectGraph(nn.Module):
    """:class:`convae.estimators.anomaly.defect_scorer.DefectScorer`."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, scorer: DefectScorer, size: Size) -> None:
        super().__init__()
        viewer, normal = scorer.viewer, scorer.normal
        self.network, self.viewer, self.size = viewer.network, viewer, size
        self.small, self.names = viewer.small, viewer.recipe.cues
        self.shrunk = AreaMean(size, viewer.small)
        wanted = [cue for cue in normal.cues if cue.name in self.names]
        self.cues = nn.ModuleDict({cue.name: cue_graph(cue, viewer.small) for cue in wanted})
        self.fusion = FusionGraph(normal.fusion)
        for name in ("mean", "deviation"):
            known = getattr(normal.standards, name).float().cpu()
            self.register_buffer(name, resized(known[None], size))

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores (B,) and maps (B, 1, H, W) of images (B, C, H, W)."""
        maps = self._maps(batch)
        score = self.fusion.score(self.viewer.values(maps))
        shown = (self.viewer.shown(maps, self.size) - self.mean) / self.deviation
        return score, self.fusion.map(shown)

    def _maps(self, batch: Tensor) -> Sequence[Tensor]:
        seen, small = self._by_network(batch), self.shrunk(batch)
        made = {name: seen[:, i : i + 1] for i, name in enumerate(NETWORK)}
        for name, cue in self.cues.items():
            one = cue(small)
            made[name] = enlarged_to(one, (one.shape[-2], one.shape[-1]), self.small)
        return [made[name] for name in self.names]

    def _by_network(self, batch: Tensor) -> Tensor:
        """Return the logit of a defect and the change of each pixel, (B, 2, H, W), in one piece."""
        views = range(MIRRORS if self.viewer.flips else 1)
        seen = [
            from_view(self.viewer._whole(to_view(batch, view).contiguous()), view) for view in views
        ]
        return torch.stack(seen).sum(dim=0) / len(seen)


class AttributeGraph(nn.Module):
    """:class:`convae.estimators.anomaly.attribute_scorer.AttributeScorer`."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, scorer: AttributeScorer, size: Size) -> None:
        super().__init__()
        self.network, self.scorer = scorer.looker.network, scorer
        known = scorer.standards.for_size(size)
        self.register_buffer("mean", known.mean.float().cpu())
        self.register_buffer("deviation", known.deviation.float().cpu())

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores (B,) and maps (B, 1, H, W) of images (B, C, H, W)."""
        look = self.scorer.looker(batch)
        parts = self.scorer.line.measure(look)
        chosen = torch.stack([parts[:, i] for i in self.scorer.chosen], dim=1)
        return chosen.mean(dim=1), (look.map - self.mean) / self.deviation


class LikelihoodGraph(nn.Module):
    """:class:`convae.estimators.anomaly.likelihood_method.LikelihoodScorer`.

    Every image is scored with the same random numbers, which are constants here.
    """

    noise: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, scorer: LikelihoodScorer, size: Size) -> None:
        super().__init__()
        a = scorer.network.architecture
        self.network, self.loss, self.part = scorer.network, scorer.loss, scorer.part
        self.scale = float(scorer.extras["likelihood.scale"])
        known = scorer.standards.for_size(size)
        self.register_buffer("mean", known.mean.float().cpu())
        self.register_buffer("deviation", known.deviation.float().cpu())
        values = a.image_shape[0] * size[0] * size[1]
        self.register_buffer("noise", _noise(a.sampled_values(size), values))
        self.own = a.code_size

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores (B,) and maps (B, 1, H, W) of images (B, C, H, W)."""
        weights = self._log_weights(batch).double()
        found = weights.mean(dim=0)
        if self.part != "elbo":
            found = soft_mean(weights)
        values = batch.shape[1] * batch.shape[2] * batch.shape[3]
        restored = self.network(batch).reconstruction
        error = smoothed(colour_difference(restored, batch), BLUR)
        return -found.float() / values, (error - self.mean) / self.deviation

    def _log_weights(self, images: Tensor) -> Tensor:
        """Return log p(x, z) - log q(z | x) of each sample, (SAMPLES, B)."""
        seen = self.network.encode_with_maps(images)
        log_variance = seen.posterior.log_variance
        assert log_variance is not None
        flat = self.noise[:, None].expand(SAMPLES, images.shape[0], -1).flatten(0, 1)
        shown, every = images.repeat(SAMPLES, 1, 1, 1), seen.repeated(SAMPLES)
        decoded = self.network.decode_with_maps(shown, every, flat)
        code = sampled(every.posterior, flat[:, : self.own]).float().flatten(1)
        spread = flat[:, : self.own].square() + log_variance.float().flatten(1).repeat(SAMPLES, 1)
        ratio = 0.5 * (spread - code.square()).sum(dim=1)
        if decoded.finer_log_ratio is not None:
            ratio = ratio + decoded.finer_log_ratio
        density = log_density(self.loss, shown, decoded.reconstruction.float(), self.scale)
        return (density + ratio).view(SAMPLES, -1)


def soft_mean(weights: Tensor) -> Tensor:
    """Return the logarithm of the mean of exponentials over the first axis."""
    most = weights.amax(dim=0, keepdim=True)
    return (weights - most).exp().mean(dim=0).log() + most[0]


def _noise(numbers: int, values: int) -> Tensor:
    """Return the random numbers (SAMPLES, n) of an image with so many values, as the model samples them."""
    rng = torch.Generator().manual_seed(0)
    part = max(1, AT_ONCE // values)
    counts = [min(part, SAMPLES - done) for done in range(0, SAMPLES, part)]
    return torch.cat([torch.randn((count, 1, numbers), generator=rng) for count in counts])[:, 0]


class CrossGraph(nn.Module):
    """:class:`convae.estimators.anomaly.cross_scorer.CrossScorer`: the lowest of several scores counts."""

    def __init__(self, scorer: CrossScorer, size: Size) -> None:
        super().__init__()
        self.scorers = nn.ModuleList(scorer_graph(one, size) for one in scorer.scorers)

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores (B,) and maps (B, 1, H, W) of images (B, C, H, W)."""
        scores, maps = zip(*(one(batch) for one in self.scorers), strict=True)
        return torch.stack(scores).amin(dim=0), torch.stack(maps).amin(dim=0)


def scorer_graph(scorer: Scorer, size: Size) -> nn.Module:
    """Return the module of a detector's score, for images of one size.

    Raises:
        InputError: the score is of a kind that cannot be exported.
    """
    if isinstance(scorer, CrossScorer):
        return CrossGraph(scorer, size)
    if isinstance(scorer, DefectScorer):
        return DefectGraph(scorer, size)
    if isinstance(scorer, AttributeScorer):
        return AttributeGraph(scorer, size)
    if isinstance(scorer, LikelihoodScorer):
        return LikelihoodGraph(scorer, size)
    raise InputError(f"a detector with a {type(scorer).__name__} cannot be exported")
