"""The score of restored attributes: its parts one by one, against values computed another way."""

import math

import pytest
import torch

from convae.errors import InputError
from convae.estimators.anomaly.attribute_scorer import (
    PARTS,
    Line,
    Look,
    edges,
    nearest_of,
    parse_parts,
    small,
    unlikeliness,
)
from convae.estimators.anomaly.attributes_method import fit_line


def look_of(parts: torch.Tensor, about: torch.Tensor) -> Look:
    return Look(parts, about, torch.zeros(len(parts), 1, 1, 1), torch.zeros(len(parts)))


def test_the_nearest_is_that_of_all_distances() -> None:
    rng = torch.Generator().manual_seed(1)
    points, queries = (torch.rand(n, 30, generator=rng) for n in (200, 40))
    distances, found = nearest_of(queries, points)
    expected = (torch.cdist(queries.double(), points.double()) / math.sqrt(30)).min(dim=1)
    assert torch.equal(found, expected.indices)
    assert torch.allclose(distances.double(), expected.values, atol=1e-6)
    assert nearest_of(points[:3], points)[0].tolist() == [0, 0, 0]
    assert nearest_of(queries, points[:1])[1].tolist() == [0] * 40


def test_unlikeliness_reads_the_pose_of_each_code() -> None:
    codes = torch.zeros(2, 4, 9)
    assert unlikeliness(codes).tolist() == pytest.approx([math.log(4)] * 2)
    codes[0, range(4), range(4)] = 60.0
    codes[1, range(4), [1, 2, 3, 0]] = 60.0
    assert unlikeliness(codes).tolist() == pytest.approx([0.0, 60.0], abs=1e-4)


def test_small_images_are_means_of_squares() -> None:
    x = torch.rand(2, 3, 28, 20)
    assert small(x).shape == (2, 3 * 14 * 10)
    assert float(small(x)[0, 0]) == pytest.approx(float(x[0, 0, :2, :2].mean()), rel=1e-5)
    assert small(torch.rand(2, 1, 8, 16)).shape == (2, 128)
    assert small(torch.rand(1, 1, 33, 60)).shape == (1, 9 * 15)  # 4x4 each


def test_edges_grow_with_contrast_and_not_with_brightness() -> None:
    x = torch.rand(3, 1, 28, 28)
    assert torch.allclose(edges(2 * x), edges(x) + math.log(2), atol=1e-5)
    assert torch.allclose(edges(x + 0.3), edges(x), atol=1e-4)
    assert bool(torch.isfinite(edges(torch.zeros(1, 1, 8, 8))).all())


def test_the_line_is_that_of_least_squares_where_images_are_many() -> None:
    rng = torch.Generator().manual_seed(2)
    about = torch.randn(4000, generator=rng)
    noise = torch.randn(4000, len(PARTS), generator=rng)
    slopes = torch.arange(len(PARTS)).float() - 2
    line = fit_line([look_of(3 + slopes * about[:, None] + 0.5 * noise, about)])
    assert torch.allclose(line.slope, slopes, atol=0.05)
    assert torch.allclose(line.spread, torch.full((len(PARTS),), 0.5), atol=0.03)
    assert float(line.most) == pytest.approx(float(about.max()))
    measured = line.measure(look_of(3 + slopes * about[:, None], about))
    assert float(measured.abs().max()) < 0.5


def test_few_images_make_no_steep_line() -> None:
    about = torch.tensor([0.0, 1.0])
    line = fit_line([look_of(about[:, None].expand(2, len(PARTS)), about)])
    assert float(line.slope.max()) < 0.3
    alone = fit_line([look_of(torch.ones(1, len(PARTS)), torch.zeros(1))])
    assert alone.slope.tolist() == [0.0] * len(PARTS)
    assert bool((alone.spread > 0).all())


def test_to_be_busier_than_all_normals_excuses_nothing() -> None:
    one = torch.ones(len(PARTS))
    line = Line(
        middle=torch.tensor(0.0), most=torch.tensor(1.0), level=0 * one, slope=one, spread=one
    )
    parts = torch.full((3, len(PARTS)), 2.0)
    measured = line.measure(look_of(parts, torch.tensor([-1.0, 1.0, 50.0])))
    assert measured[:, 0].tolist() == [3.0, 1.0, 1.0]


def test_parts_by_name() -> None:
    assert parse_parts("auto") == PARTS
    assert parse_parts("near + pose") == ("near", "pose")
    with pytest.raises(InputError, match="near"):
        parse_parts("nera")
    with pytest.raises(InputError, match="each part counts once"):
        parse_parts("near+near")
