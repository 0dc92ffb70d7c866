"""How noisy an image is, from the image alone."""

from torch import Tensor

MEDIAN_OF_NORMAL = 0.6745  # of the absolute value, for a standard deviation of 1


def estimate_noise_level(batch: Tensor) -> Tensor:
    """(B,) the standard deviation of the noise in (B, C, H, W), in the same units.

    From the median absolute value of the finest diagonal details, where images have little of their own:
    the difference of differences over 2 x 2 pixels, divided by 2.

    Source: Donoho, Johnstone 1994, doi:10.1093/biomet/81.3.425.
    """
    if min(batch.shape[2:]) < 2:
        return batch.new_zeros(len(batch))
    rows = batch[..., 1:, :] - batch[..., :-1, :]
    details = (rows[..., 1:] - rows[..., :-1]) / 2
    return details.abs().flatten(1).float().median(dim=1).values / MEDIAN_OF_NORMAL
