"""The codebook of a vector-quantised code: each vector of a map becomes the nearest of a few entries."""

import math

import torch
from torch import Tensor, nn

from convae.networks.architecture import Architecture

DECAY = 0.8  # of the averages, a step; the encoder leaves slower entries behind
USES = 4  # mean uses of an entry, over which it is decided whether it is dead
DEAD = 0.05  # an entry that is used less than this, where 1 is the mean of all, is dead
FRESH = 0.06  # use of an entry at the start: if the first batches do not use it, it is soon dead
ROUNDS = 10  # of k-means at the start
MOST_PAIRS = 2**23  # of vectors and entries that are compared at once
LEAST = 1e-6  # count of an entry that is not used, so that it stays where it is
SMALLEST = 1e-12  # keeps quotients finite
STEPS = 2**20  # of an error, so that sums of errors are exact on every device


class Codebook(nn.Module):
    """The entries of a vector-quantised code.

    Entries are not trained by gradients. Each follows the mean of the vectors that it replaces, a moving
    average over the last steps: entry k is ``total[k] / count[k]``. Entries that hardly any vector is near to
    are *dead*; this is decided over more steps (``use``, where 1 is the mean of all entries). In training,
    they are moved to vectors of the batch, which are chosen in proportion to their squared distance from
    their own entries, as k-means++ does. No random numbers are involved: the choice takes vectors at even
    intervals of the summed distances. A resumed run therefore repeats an uninterrupted one.

    Averages over weights (``ema``) average ``count`` and ``total``, and their quotient is the mean of the
    entries weighted by use. An entry that was dead has a small count, so the average follows its move at
    once.

    Source: van den Oord, Vinyals, Kavukcuoglu, "Neural discrete representation learning", 2017, appendix A.1;
    Zheng and Vedaldi, "Online clustered codebook", 2023, for dead entries.
    """

    count: Tensor
    total: Tensor
    use: Tensor

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.register_buffer("count", torch.ones(a.entries))
        self.register_buffer("total", torch.randn(a.entries, a.latent_dim))
        self.register_buffer("use", torch.ones(a.entries))

    @property
    def entries(self) -> Tensor:
        """The entries, (K, d)."""
        return self.total / self.count.clamp_min(SMALLEST)[:, None]

    def nearest(self, raw: Tensor) -> Tensor:
        """Return the entries nearest to the vectors (B, d, h, w), as indices (B, h, w) int64."""
        vectors = raw.detach().float().movedim(1, 3)
        return nearest(vectors.flatten(0, 2), self.entries).view(vectors.shape[:3])

    def forward(self, raw: Tensor, indices: Tensor) -> Tensor:
        """Replace vectors by entries; the entries then follow the vectors, in training.

        Args:
            raw: (B, d, h, w) the vectors.
            indices: (B, h, w) int64 the entries that replace them.

        Returns:
            (B, d, h, w) the entries. In training, the gradient passes to ``raw`` as if nothing had been
            replaced (straight-through).
        """
        code = self.vectors_of(indices)
        if not self.training:
            return code
        raw = raw.float()
        self.follow(raw.detach().movedim(1, 3).flatten(0, 2), indices.flatten())
        return code + (raw - raw.detach())

    def vectors_of(self, indices: Tensor) -> Tensor:
        """Return the code (B, d, h, w) of indices (B, h, w)."""
        return self.entries[indices].movedim(3, 1)

    @torch.no_grad()
    def start(self, vectors: Tensor) -> None:
        """Start the entries at the k-means centres of vectors (n, d)."""
        for values in self.buffers():
            values.zero_()
        self._revive(vectors, (vectors - vectors.mean(dim=0)).square().sum(dim=1))
        for _ in range(ROUNDS):
            self.follow(vectors, nearest(vectors, self.entries), decay=0.0)
        self.use.fill_(FRESH)

    @torch.no_grad()
    def follow(self, vectors: Tensor, indices: Tensor, decay: float | None = None) -> None:
        """Move the entries towards the means of the vectors that they replace, and revive dead ones.

        Nothing changes if a vector is not finite.

        Args:
            vectors: (n, d).
            indices: (n,) the entry that replaces each.
            decay: the fraction of the averages that is kept; None takes :data:`DECAY`.
        """
        before = [values.clone() for values in self.buffers()]
        errors = (vectors - self.entries[indices]).square().sum(dim=1)
        count, total = _sums(vectors, indices, len(self.count))
        fast = 1 - (DECAY if decay is None else decay)
        slow = 1 - math.exp(-len(vectors) / (USES * len(self.count)))
        self.count.lerp_(count, fast)
        self.total.lerp_(total, fast)
        mean = len(vectors) / len(self.count)
        self.use.lerp_(count / mean, fast if decay is not None else min(fast, slow))
        kept = (LEAST / self.count.clamp_min(SMALLEST)).clamp_min(1)
        self.count.mul_(kept)
        self.total.mul_(kept[:, None])
        self._revive(vectors, errors)
        finite = torch.isfinite(errors.sum())
        for now, old in zip(self.buffers(), before, strict=True):
            now.copy_(torch.where(finite, now, old))

    def _revive(self, vectors: Tensor, errors: Tensor) -> None:
        """Move dead entries to vectors (n, d), in proportion to their squared errors (n,)."""
        mean = len(vectors) / len(self.count)
        dead = self.use < DEAD
        # whole numbers, whose sums do not depend on the order; at least 1, so that there is always a choice
        weights = (errors / errors.max().clamp_min(SMALLEST) * STEPS).nan_to_num().long() + 1
        ends = weights.cumsum(dim=0)
        places = (dead.cumsum(dim=0) - 0.5) / dead.sum().clamp_min(1) * ends[-1]
        chosen = torch.searchsorted(ends.double(), places.double(), right=True)
        moved = vectors[chosen.clamp(0, len(vectors) - 1)] * mean
        self.total.copy_(torch.where(dead[:, None], moved, self.total))
        self.count.copy_(torch.where(dead, mean, self.count))
        self.use.copy_(torch.where(dead, 1.0, self.use))


def nearest(vectors: Tensor, entries: Tensor) -> Tensor:
    """Return the index (n,) of the entry (K, d) nearest to each vector (n, d); the first of equals."""
    half = entries.square().sum(dim=1) / 2
    parts = torch.split(vectors, max(1, MOST_PAIRS // len(entries)))
    with torch.autocast("cpu" if vectors.is_meta else vectors.device.type, enabled=False):
        # the largest z·e - |e|²/2 is the smallest |z - e|²
        return torch.cat([torch.addmm(-half, part, entries.T).argmax(dim=1) for part in parts])


def _sums(vectors: Tensor, indices: Tensor, entries: int) -> tuple[Tensor, Tensor]:
    """Return the number of vectors (n, d) of each entry, (K,), and their sum, (K, d).

    The sums are matrix products, which give the same result each time on every device.
    """
    count, total = vectors.new_zeros(entries), vectors.new_zeros(entries, vectors.shape[1])
    numbers = torch.arange(entries, device=vectors.device)[:, None]
    size = max(1, MOST_PAIRS // entries)
    with torch.autocast(vectors.device.type, enabled=False):
        parts = zip(torch.split(vectors, size), torch.split(indices, size), strict=True)
        for part, which in parts:
            belongs = (which == numbers).to(vectors.dtype)
            count += belongs.sum(dim=1)
            total += belongs @ part
    return count, total
