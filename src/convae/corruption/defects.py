"""Synthetic defects, made of nothing but the images of the batch: what an anomaly may look like.

A defect is a shape (spot, patch, field, line) and what fills it: a piece of an image of the batch,
resized, turned and moved; the image itself in another tone (brighter, darker, harsher, flatter); one colour
that images have elsewhere (a missing or an extra part); or the image itself, bent.
Edges are soft. No texture from outside is used, and no picture of a real defect. Where a defect changes
nothing that could be seen, there is none.

>>> batch = torch.linspace(0, 1, 32).expand(4, 1, 32, 32)
>>> damaged, mask = Defects(share=1, most=1).apply(batch, torch.Generator().manual_seed(0))
>>> damaged.shape, mask.shape, bool((damaged == batch).float().mean() > 0.5), bool(mask.any())
(torch.Size([4, 1, 32, 32]), torch.Size([4, 1, 32, 32]), True, True)
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from convae.corruption.defect_shapes import SHAPES, Chance
from convae.errors import InputError, raise_faults, unknown_name
from convae.metrics.difference_maps import smoothed

FILLINGS = ("piece", "tone", "colour", "bend")
WEIGHTED = ("piece", "tone", "colour", "colour", "bend")  # what is drawn from where all are allowed
PIECE_SCALE = (0.6, 1.7)  # of the resized piece
CONTRAST = (0.2, 2.5)  # of the details inside a toned defect
SHIFT = (0.4, 4.0)  # of its brightness, in standard deviations of the image
THIN = ("spot", "line")  # too small for a change of contrast alone to be seen
COVERED = 0.4  # cover from which a pixel belongs to a defect
VISIBLE = 0.02  # change of a pixel, with those around it, below which nothing is seen
AROUND = 1.5  # pixels that are looked at together for that
BEND = (2.0, 10.0)  # pixels at most that a bent defect moves
PATCH = 5  # pixels a side over which a colour is averaged
LOCAL = 1 / 8  # part of the shorter side over which the local brightness is averaged


@dataclass(frozen=True, kw_only=True)
class Defects:
    """How many defects of which kinds are put into an image.

    Attributes:
        share: the fraction of images that are damaged; the others stay as they are, so that a
            network learns to leave good images alone.
        most: a damaged image has from 1 to so many defects.
        shapes: which of :data:`convae.corruption.defect_shapes.SHAPES` are drawn from.
        fillings: which of :data:`FILLINGS` are drawn from.

    Raises:
        InputError: for values that cannot be.
    """

    share: float = 0.8
    most: int = 3
    shapes: tuple[str, ...] = tuple(SHAPES)
    fillings: tuple[str, ...] = FILLINGS

    def __post_init__(self) -> None:
        faults = []
        if not 0 < self.share <= 1:
            faults.append(f"share must be above 0 and at most 1; got {self.share!r}")
        if self.most < 1:
            faults.append(f"most must be at least 1; got {self.most!r}")
        raise_faults("defects", faults)
        for kind, names, known in (
            ("shape", self.shapes, tuple(SHAPES)),
            ("filling", self.fillings, FILLINGS),
        ):
            if not names:
                raise InputError(f"defects need at least one {kind}: {', '.join(known)}")
            for name in names:
                if name not in known:
                    raise unknown_name(kind, name, known)

    def apply(self, batch: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Damage a batch.

        Args:
            batch: (B, C, H, W) in about [0, 1], finite; it is not changed.
            generator: on the CPU; all chance comes from it, on any device.

        Returns:
            The damaged images (B, C, H, W), within the range of [0, 1] and of the batch, and the mask
            (B, 1, H, W) float32, 1 where a defect covers a pixel and changes it visibly.
        """
        rng = Chance(generator)
        lowest, highest = min(0.0, float(batch.min())), max(1.0, float(batch.max()))
        damaged, mask = batch.clone(), torch.zeros_like(batch[:, :1], dtype=torch.float32)
        for i in range(len(batch)):
            if rng.uniform(0, 1) >= self.share:
                continue
            for _ in range(rng.whole(1, self.most)):
                cover = self._put(damaged[i], batch, rng)
                mask[i] = torch.maximum(mask[i], (cover > COVERED).float())
        damaged = damaged.clamp_(lowest, highest)
        mask *= visible(damaged, batch)
        seen = mask.flatten(1).any(dim=1).view(-1, 1, 1, 1)
        return torch.where(seen, damaged, batch), mask

    def _put(self, image: Tensor, batch: Tensor, rng: Chance) -> Tensor:
        """Put a defect into an image (C, H, W) of a batch; gives its cover (H, W)."""
        shape, filling = rng.one_of(self.shapes), self._filling(rng)
        cover = SHAPES[shape](_size(batch), rng).to(batch.device)
        if filling == "bend" and shape != "line":  # a bent line is not to be seen
            image.copy_(bent(image, cover, rng))
            return cover
        source = batch[rng.whole(0, len(batch) - 1)]
        if filling == "piece":
            new = piece(image, source, rng)
        elif filling == "colour":
            new = colour(image if rng.coin() else source, rng)
        else:
            new = tone(image, rng, shifted=shape in THIN)
        image += cover.to(batch.dtype) * (new - image)
        return cover

    def _filling(self, rng: Chance) -> str:
        return rng.one_of([name for name in WEIGHTED if name in self.fillings])


def visible(damaged: Tensor, batch: Tensor) -> Tensor:
    """(B, 1, H, W) float32, 1 where images (B, C, H, W) differ so much that it is seen."""
    change = (damaged - batch).abs().amax(dim=1, keepdim=True).float()
    return (smoothed(change, AROUND) > VISIBLE).float()


def colour(source: Tensor, rng: Chance) -> Tensor:
    """One colour (C, 1, 1) that ``source`` (C, H, W) has somewhere: of a pixel, or of a small patch."""
    height, width = _size(source)
    y, x = rng.whole(0, height - 1), rng.whole(0, width - 1)
    half = PATCH // 2 if rng.coin() else 0
    place = source[:, max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1]
    return place.mean(dim=(1, 2), keepdim=True)


def bent(image: Tensor, cover: Tensor, rng: Chance) -> Tensor:
    """The image (C, H, W) moved a few pixels where it is covered, and less towards the outline."""
    height, width = _size(image)
    angle, far = rng.uniform(0, 2 * math.pi), rng.log_uniform(*BEND)
    soft = smoothed(cover[None, None].float(), 2.0)[0, 0] * far
    move = torch.stack(
        [soft * math.cos(angle) * 2 / width, soft * math.sin(angle) * 2 / height], -1
    )
    straight = torch.eye(2, 3, device=image.device)[None]
    grid = F.affine_grid(straight, [1, 1, height, width], align_corners=False) + move
    moved = F.grid_sample(image[None].float(), grid, padding_mode="reflection", align_corners=False)
    return torch.where(soft > 0, moved[0].to(image.dtype), image)  # elsewhere it would be rounded


def piece(image: Tensor, source: Tensor, rng: Chance) -> Tensor:
    """What ``source`` shows elsewhere, at another size and angle, as a filling for ``image``.

    Args:
        image, source: (C, H, W).

    Returns:
        (C, H, W). In half of the draws it takes on the local brightness of the image, so that only
        the texture is foreign; in the others its own comes along.
    """
    height, width = _size(image)
    scale = rng.log_uniform(*PIECE_SCALE)
    quarter = rng.whole(0, 3) * math.pi / 2 if rng.coin() else 0.0
    angle = quarter + rng.uniform(-0.3, 0.3)
    flip = -1.0 if rng.coin() else 1.0
    cos, sin, ratio = math.cos(angle) / scale, math.sin(angle) / scale, height / width
    move = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
    affine = [[flip * cos, -sin * ratio, move[0]], [flip * sin / ratio, cos, move[1]]]
    theta = torch.tensor([affine], dtype=torch.float32, device=image.device)
    grid = F.affine_grid(theta, [1, 1, height, width], align_corners=False)
    moved = F.grid_sample(
        source[None].float(), grid, padding_mode="reflection", align_corners=False
    )[0].to(image.dtype)
    if rng.coin():
        moved = moved - local_mean(moved) + local_mean(image)
    return moved


def tone(image: Tensor, rng: Chance, *, shifted: bool = False) -> Tensor:
    """The image (C, H, W) brighter or darker, with harsher or flatter details, or both.

    Args:
        shifted: whether it must be brighter or darker.
    """
    kind = rng.one_of(("shift", "both") if shifted else ("shift", "contrast", "both"))
    contrast = 1.0 if kind == "shift" else rng.log_uniform(*CONTRAST)
    mean = local_mean(image)
    filling = mean + (image - mean) * contrast
    if kind != "contrast":
        sign = -1.0 if rng.coin() else 1.0
        spread = max(VISIBLE, float(image.float().std(correction=0)))
        filling = filling + sign * rng.log_uniform(*SHIFT) * spread * _tint(image, rng)
    return filling


def local_mean(image: Tensor) -> Tensor:
    """(C, H, W) the brightness around each pixel: means over squares, smoothly joined."""
    side = max(1, round(LOCAL * min(_size(image))))
    coarse = F.avg_pool2d(image[None], side, ceil_mode=True, count_include_pad=False)
    return F.interpolate(coarse, size=_size(image), mode="bilinear", align_corners=False)[0]


def _tint(image: Tensor, rng: Chance) -> Tensor:
    """(C, 1, 1) how much of a shift each channel takes: all alike, or in half of the draws not."""
    channels = len(image)
    if channels == 1 or rng.coin():
        parts = [1.0] * channels
    else:
        parts = [rng.uniform(0, 1.5) for _ in range(channels)]
    return torch.tensor(parts, dtype=image.dtype, device=image.device).view(-1, 1, 1)


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[-2], images.shape[-1]
