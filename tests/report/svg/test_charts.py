"""Every SVG: well-formed, without NaN, with title and description, the same each time."""

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convae.errors import InputError
from convae.report.svg.architecture import architecture_svg
from convae.report.svg.code_scatter import chosen, code_map_svg, selection_note
from convae.report.svg.curves import effective_dimensions, error_histogram_svg, loss_curve_svg
from convae.report.svg.curves import spectrum_svg as spectrum

NAN = float("nan")
SVG = "{http://www.w3.org/2000/svg}"


def check(svg: Any) -> Any:
    root = ElementTree.fromstring(svg)
    assert root.tag == SVG + "svg"
    assert root.findtext(SVG + "title")
    assert root.find(SVG + "desc") is not None
    without_words = re.sub(r">[^<]*<|aria-label=\"[^\"]*\"", "><", svg)
    assert "nan" not in without_words.lower()
    assert not re.search(r'="-?inf', without_words)
    assert "<script" not in svg
    assert not re.search(r"(href|src)=\"(?!data:)", svg)
    return root


def words(root: Any) -> Any:
    return [text.text for text in root.iter(SVG + "text")]


def history(train: Any, validation: Any) -> Any:
    pairs = zip(train, validation, strict=True)
    return [
        {"epoch": k, "train_loss": t, "validation_loss": v} for k, (t, v) in enumerate(pairs, 1)
    ]


def test_loss_curve_marks_the_best_epoch_and_the_baseline() -> None:
    run = history([0.1, 0.02, 0.01], [0.11, 0.03, 0.035])
    root = check(loss_curve_svg(run, baseline=("PCA", 0.0132), loss_name="MSE per pixel"))
    told = words(root)
    assert "best 0.0300 in epoch 2" in told
    assert "PCA 0.0132" in told
    assert "MSE per pixel" in told
    assert "best 0.0350 in epoch 3" in words(check(loss_curve_svg(run, best_epoch=3)))


@pytest.mark.parametrize(
    ("train", "validation"),
    [
        ([], []),
        ([0.5], [0.4]),
        ([0.5], [None]),
        ([NAN, 1.0, 2.0], [NAN, NAN, NAN]),
        ([1.0, NAN, 2.0, 3.0], [None, 0.1, None, float("inf")]),
        ([-3.0, -4.0], [-2.0, -5.0]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([1e-300, 1e300], [1e-12, 1e12]),
    ],
)
def test_loss_curves_of_odd_runs(train: Any, validation: Any) -> None:
    check(loss_curve_svg(history(train, validation), baseline=("PCA", NAN)))
    check(loss_curve_svg(history(train, validation), baseline=("<b>&\x00", 0.1)))


def test_standalone_brings_its_style() -> None:
    run = history([0.1], [0.1])
    assert "<style>" in loss_curve_svg(run)
    assert "<style>" not in loss_curve_svg(run, standalone=False)
    assert "A & B" in words(check(loss_curve_svg(run, heading="A & B")))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(), max_size=30), st.lists(st.floats(), max_size=30))
def test_spectra_and_histograms_of_anything(values: Any, others: Any) -> None:
    check(spectrum(values, pca_variances=others))
    check(error_histogram_svg(values, baseline=("PCA", others)))


def test_effective_dimensions() -> None:
    assert effective_dimensions([1, 1, 1, 1]) == pytest.approx(4)
    assert effective_dimensions([5, 0, 0]) == pytest.approx(1)
    assert effective_dimensions([0, 0]) == 0
    assert effective_dimensions([]) == 0


def test_spectrum_of_large_codes() -> None:
    root = check(spectrum(np.linspace(3, 0, 256)))
    assert "sum so far" in words(root)


@pytest.mark.parametrize("count", [0, 1, 2, 10_000])
def test_code_maps_of_any_size(count: Any) -> None:
    points = np.random.default_rng(0).normal(size=(count, 2))
    svg = code_map_svg(points, labels=np.arange(count) % 3, label_names=["<a>", "b&", "c\x00"])
    root = check(svg)
    assert svg.count("h0") == min(count, 4000)
    assert len(svg) < 100_000
    assert ("<a>" in words(root)) == (count > 0)


def test_selection_is_said() -> None:
    assert selection_note(np.zeros((10_000, 2))) == "4,000 of 10,000 images, evenly chosen."
    assert selection_note(np.zeros((1, 2))) == "1 image."
    points = np.zeros((5, 2))
    points[1] = np.nan
    assert chosen(points).tolist() == [0, 2, 3, 4]


def test_map_steps_are_as_long_across_as_up() -> None:
    svg = code_map_svg(np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0]]))
    places = [tuple(map(float, p)) for p in re.findall(r"M([\d.]+) ([\d.]+)h0", svg)]
    (x0, y0), (x1, _), (_, y1) = places
    assert x1 - x0 == pytest.approx(2 * (y0 - y1), abs=0.3)


@pytest.mark.parametrize("value", [0.0, 1e30, -1e-30])
def test_equal_points(value: Any) -> None:
    check(code_map_svg(np.full((4, 2), value)))


def test_many_classes_share_the_last_colour() -> None:
    labels = np.concatenate([np.arange(40), np.arange(19)])
    root = check(code_map_svg(np.random.default_rng(0).normal(size=(59, 2)), labels=labels))
    assert "21 others" in words(root)
    assert "18" in words(root)


def test_thumbnails_do_not_overlap() -> None:
    rng = np.random.default_rng(0)
    points, pictures = rng.normal(size=(300, 2)), rng.integers(0, 255, (200, 9, 6, 3), np.uint8)
    root = check(code_map_svg(points, labels=["x"] * 300, thumbnails=pictures))
    boxes = [
        [float(image.get(side)) for side in ("x", "y", "width", "height")]
        for image in root.iter(SVG + "image")
    ]
    assert len(boxes) > 20
    for k, (x, y, width, height) in enumerate(boxes):
        for a, b, _, _ in boxes[:k]:
            assert abs(x - a) >= width or abs(y - b) >= height


def test_code_map_faults() -> None:
    with pytest.raises(InputError, match=r"shape \(n, 2\)"):
        code_map_svg(np.zeros((3, 3)))
    with pytest.raises(InputError, match="one for each of 3 points"):
        code_map_svg(np.zeros((3, 2)), labels=[1])


def layers(*shapes: Any) -> Any:
    return [
        {"name": f"l{k}", "kind": "conv 3×3", "shape": shape, "parameters": 10 * k}
        for k, shape in enumerate(shapes)
    ]


def test_architecture_is_an_hourglass() -> None:
    root = check(
        architecture_svg(layers((1, 28, 28), (32, 14, 14), (16,), (32, 14, 14), (1, 28, 28)))
    )
    told = words(root)
    assert "1 × 28 × 28" in told
    assert "code, 20 parameters" in told
    assert "encoder, 10 parameters" in told
    boxes = [r for r in root.iter(SVG + "rect") if r.find(SVG + "title") is not None]
    heights = [float(box.get("height")) for box in boxes]
    assert len(heights) == 5
    assert heights[0] == heights[4] > heights[1] == heights[3] > heights[2]


def test_layers_of_one_shape_are_one_box() -> None:
    root = check(architecture_svg(layers((8, 4, 4), (8, 4, 4), (2,), (8, 4, 4))))
    assert "2 × conv 3×3" in " ".join(str(w) for w in words(root))


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_architectures_of_any_depth(count: Any) -> None:
    check(architecture_svg(layers(*[(k + 1, 1, 64 + k) for k in range(count)])))
    check(architecture_svg([{"name": "<&>\x00"}] * count, heading="x"))
