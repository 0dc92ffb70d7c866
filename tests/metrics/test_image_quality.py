"""Metrics: values against scikit-image and NumPy, conventions, and the streaming totals."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from convae.errors import InputError
from convae.metrics import image_quality

Array = npt.NDArray[np.float64]
Metric = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

SIZES = [(1, 1), (1, 64), (2, 3), (8, 8), (11, 11), (12, 40), (28, 28), (79, 97), (131, 200)]
METRICS: list[Metric] = [
    image_quality.mse,
    image_quality.mae,
    image_quality.psnr,
    image_quality.ssim,
    image_quality.ms_ssim,
]


def pair(
    shape: tuple[int, ...],
    seed: int = 0,
    noise: float = 0.1,
    dtype: torch.dtype = torch.float64,
) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    target = rng.random(shape)
    reconstruction = target + noise * rng.standard_normal(shape)
    return torch.tensor(reconstruction, dtype=dtype), torch.tensor(target, dtype=dtype)


def skimage_ssim(x: torch.Tensor, y: torch.Tensor) -> float:
    value = structural_similarity(
        x.numpy(),
        y.numpy(),
        channel_axis=0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
    )
    return float(value)


@pytest.mark.parametrize("size", [size for size in SIZES if min(size) >= 11])
@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_that_of_scikit_image(size: tuple[int, int], channels: int) -> None:
    x, y = pair((3, channels, *size))
    expected = [skimage_ssim(a, b) for a, b in zip(x, y, strict=True)]
    assert image_quality.ssim(x, y).numpy() == pytest.approx(expected, abs=1e-9)
    single = image_quality.ssim(x.float(), y.float())
    assert single.dtype == torch.float32
    assert single.numpy() == pytest.approx(expected, abs=1e-5)


def test_ssim_in_float32_is_exact_on_flat_bright_images() -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.full((1, 1, 64, 64), 0.95) + 1e-3 * torch.rand(1, 1, 64, 64, generator=generator)
    x = y + 1e-3 * torch.rand(y.shape, generator=generator)
    assert image_quality.ssim(x, y).item() == pytest.approx(
        skimage_ssim(x[0].double(), y[0].double()), abs=2e-5
    )


def numpy_ms_ssim(x: Array, y: Array, weights: Sequence[float]) -> float:
    """The formula again, one channel, with a full two-dimensional window."""
    distance = np.arange(11) - 5.0
    window = np.exp(-(distance[:, None] ** 2 + distance[None] ** 2) / 4.5)
    window /= window.sum()

    def blur(image: Array) -> Array:
        views = np.lib.stride_tricks.sliding_window_view(image, (11, 11))
        return np.asarray((views * window).sum(axis=(2, 3)))

    value = 1.0
    for scale, weight in enumerate(weights):
        mx, my = blur(x), blur(y)
        vx, vy = blur(x * x) - mx**2, blur(y * y) - my**2
        factor = (2 * (blur(x * y) - mx * my) + 9e-4) / (vx + vy + 9e-4)
        if scale == len(weights) - 1:
            factor = factor * (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
        value *= factor.mean() ** weight
        if scale == len(weights) - 1:
            break
        half = (x.shape[0] // 2, 2, x.shape[1] // 2, 2)
        x, y = x.reshape(half).mean(axis=(1, 3)), y.reshape(half).mean(axis=(1, 3))
    return float(value)


@pytest.mark.parametrize("size", [(192, 176), (32, 64), (16, 16)])
def test_ms_ssim_is_its_formula(size: tuple[int, int]) -> None:
    x, y = pair((2, 2, *size), noise=0.3)
    weights = image_quality.ms_ssim_weights(*size)
    expected = [
        np.mean([numpy_ms_ssim(a.numpy(), b.numpy(), weights) for a, b in zip(x, y, strict=True)])
        for x, y in zip(x, y, strict=True)
    ]
    assert image_quality.ms_ssim(x, y).numpy() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("side", "scales"), [(1, 1), (8, 1), (20, 1), (21, 2), (28, 2), (41, 3), (160, 4), (161, 5)]
)
def test_ms_ssim_has_the_scales_that_fit(side: int, scales: int) -> None:
    weights = image_quality.ms_ssim_weights(side, side + 7)
    assert len(weights) == scales
    assert sum(weights) == pytest.approx(1)


def test_ms_ssim_with_one_scale_is_ssim() -> None:
    x, y = pair((2, 1, 16, 16))
    assert torch.allclose(image_quality.ms_ssim(x, y), image_quality.ssim(x, y))


def test_opposed_structure_gives_the_least_ms_ssim_and_a_negative_ssim() -> None:
    _, y = pair((1, 1, 64, 64))
    assert image_quality.ssim(1 - y, y).item() < -0.5
    assert image_quality.ms_ssim(1 - y, y).item() == pytest.approx(image_quality.MS_FLOOR)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_takes_every_size(metric: Metric, size: tuple[int, int]) -> None:
    x, y = pair((2, 3, *size))
    value = metric(x, y)
    assert value.shape == (2,)
    assert value.isfinite().all()
    assert torch.allclose(value, metric(y, x))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_identical_images(size: tuple[int, int], dtype: torch.dtype) -> None:
    x, _ = pair((2, 2, *size), dtype=dtype)
    assert image_quality.mse(x, x).tolist() == image_quality.mae(x, x).tolist() == [0, 0]
    assert image_quality.psnr(x, x).tolist() == [math.inf, math.inf]
    assert torch.allclose(image_quality.ssim(x, x), torch.ones(2, dtype=dtype))
    assert torch.allclose(image_quality.ms_ssim(x, x), torch.ones(2, dtype=dtype))


def test_one_pixel_compares_luminance_alone() -> None:
    x, y = torch.full((1, 1, 1, 1), 0.2), torch.full((1, 1, 1, 1), 0.8)
    assert image_quality.ssim(x, y).item() == pytest.approx((0.32 + 1e-4) / (0.68 + 1e-4))


def test_psnr_by_hand() -> None:
    x, y = torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.5)
    assert image_quality.psnr(x, y).item() == pytest.approx(10 * math.log10(4))
    assert image_quality.psnr(x, y, data_range=255).item() == pytest.approx(
        10 * math.log10(4 * 255**2)
    )


@pytest.mark.parametrize("data_range", [0.0, -1.0, math.nan, math.inf])
def test_psnr_refuses_a_range_that_is_none(data_range: float) -> None:
    with pytest.raises(InputError, match="data_range must be a finite number above 0"):
        image_quality.psnr(*pair((1, 1, 4, 4)), data_range=data_range)


def test_data_range_scales_ssim() -> None:
    x, y = pair((2, 1, 40, 40))
    assert torch.allclose(
        image_quality.ssim(255 * x, 255 * y, data_range=255), image_quality.ssim(x, y)
    )
    assert torch.allclose(
        image_quality.ms_ssim(255 * x, 255 * y, data_range=255), image_quality.ms_ssim(x, y)
    )


@pytest.mark.parametrize("metric", METRICS)
def test_an_image_depends_on_no_other(metric: Metric) -> None:
    x, y = pair((4, 1, 20, 20))
    alone = torch.cat([metric(x[i : i + 1], y[i : i + 1]) for i in range(4)])
    assert torch.allclose(metric(x, y), alone)
    y[2, 0, 3, 3] = math.nan
    assert metric(x, y).isnan().tolist() == [False, False, True, False]


@pytest.mark.parametrize("metric", METRICS)
def test_half_precision_is_computed_in_single(metric: Metric) -> None:
    x, y = pair((2, 1, 16, 16), dtype=torch.float16)
    value = metric(x, y)
    assert value.dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(metric(x, y), value)
    assert torch.equal(metric(x.float(), y.float()), value)


def test_shapes_must_agree() -> None:
    with pytest.raises(
        InputError, match=r"shape \(B, C, H, W\), got \(2, 1, 4, 4\) and \(2, 4, 4\)"
    ):
        image_quality.mse(torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4))


@pytest.mark.parametrize("size", SIZES)
def test_both_ways_to_blur_agree(size: tuple[int, int]) -> None:
    maps, _ = pair((2, 3, *size))
    rows, columns = (image_quality._window(min(11, side), maps) for side in size)
    by_convolution = image_quality._blur_by_convolution(maps, rows, columns)
    by_matrix = image_quality._band(rows, size[0]) @ maps @ image_quality._band(columns, size[1]).T
    assert torch.allclose(by_convolution, by_matrix)
    assert torch.allclose(by_convolution, image_quality._blur(maps))


@given(st.integers(0, 10_000), st.floats(0, 100))
@settings(max_examples=25, deadline=None)
def test_ssim_stays_in_its_range(seed: int, noise: float) -> None:
    x, y = pair((1, 1, 13, 17), seed=seed, noise=noise, dtype=torch.float32)
    assert -1 <= image_quality.ssim(x, y).item() <= 1
    assert 0 < image_quality.ms_ssim(x, y).item() <= 1


def test_totals_are_those_of_one_batch() -> None:
    x, y = pair((7, 2, 24, 24))
    totals = image_quality.MetricTotals()
    per_image = [totals.update(x[i : i + 3], y[i : i + 3]) for i in (0, 3, 6)]
    psnr = torch.cat([values["psnr"] for values in per_image])
    assert torch.allclose(psnr, image_quality.psnr(x, y))
    assert totals.count == 7
    assert totals.totals() == pytest.approx(
        {
            "mse": image_quality.mse(x, y).mean().item(),
            "mae": image_quality.mae(x, y).mean().item(),
            "psnr_mean": psnr.mean().item(),
            "psnr_pooled": -10 * math.log10((x - y).square().mean().item()),
            "ssim": image_quality.ssim(x, y).mean().item(),
            "ms_ssim": image_quality.ms_ssim(x, y).mean().item(),
        }
    )
    assert list(totals.totals()) == list(image_quality.METRIC_NAMES)


def test_pooled_psnr_weighs_pixels_and_mean_psnr_weighs_images() -> None:
    totals = image_quality.MetricTotals(("mse", "psnr_mean", "psnr_pooled"))
    totals.update(torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 0.1))
    totals.update(torch.zeros(1, 1, 3, 1), torch.ones(1, 1, 3, 1))
    assert totals.totals() == pytest.approx(
        {
            "mse": (0.01 + 1) / 2,
            "psnr_mean": (20 + 0) / 2,
            "psnr_pooled": -10 * math.log10((0.01 + 3) / 4),
        }
    )


def test_a_perfect_image_makes_only_the_mean_psnr_infinite() -> None:
    totals = image_quality.MetricTotals(("psnr_mean", "psnr_pooled"))
    y = torch.zeros(2, 1, 4, 4)
    x = y.clone()
    x[1] = 0.1
    totals.update(x, y)
    assert totals.totals() == pytest.approx({"psnr_mean": math.inf, "psnr_pooled": 23.0103})


def test_images_with_missing_pixels_are_counted_and_left_out() -> None:
    x, y = pair((3, 1, 12, 12))
    expected = image_quality.mse(x, y)[:2].mean().item()
    y[2, 0, 0, 0] = math.nan
    totals = image_quality.MetricTotals()
    values = totals.update(x, y)
    assert values["mse"].isnan().tolist() == [False, False, True]
    assert (totals.count, totals.undefined) == (2, 1)
    assert totals.totals()["mse"] == pytest.approx(expected)


def test_no_image_gives_no_value() -> None:
    assert all(math.isnan(value) for value in image_quality.MetricTotals().totals().values())


def test_unknown_total_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown metric 'psnr_pool': did you mean 'psnr_pooled'"):
        image_quality.MetricTotals(("psnr_pool",))
