import numpy as np
import pytest

from convae.report.pictures.image_map import LARGEST, SMALLEST, Layout, class_name, unit_places


def points(count: int, seed: int = 0) -> np.ndarray:
    drawn: np.ndarray = np.random.default_rng(seed).normal(size=(count, 2))
    return drawn


def pictures(count: int, height: int = 9, width: int = 7) -> np.ndarray:
    drawn: np.ndarray = np.random.default_rng(1).integers(
        0, 99, (count, height, width, 3), np.uint8
    )
    return drawn


@pytest.mark.parametrize("count", [1, 2, 30, 5000])
def test_no_two_pictures_share_a_cell(count: int) -> None:
    layout = Layout(points(count))
    assert len({tuple(cell) for cell in layout.cells.tolist()}) == len(layout.shown) <= count
    assert len(set(layout.shown.tolist())) == len(layout.shown)
    assert (layout.cells >= 0).all()
    assert (layout.cells < [layout.columns, layout.rows]).all()
    assert SMALLEST <= layout.cell <= LARGEST


def test_few_images_are_all_shown_near_their_places() -> None:
    some = points(200)
    layout = Layout(some)
    assert len(layout.shown) == 200
    home = unit_places(some)[0][layout.shown] * [layout.columns, layout.rows]
    assert np.abs(home - (layout.cells + 0.5)).max() <= 7


def test_of_too_many_the_most_central_is_shown() -> None:
    crowd = np.concatenate([points(3000), np.zeros((3000, 2))])
    layout = Layout(crowd)
    away = np.abs(unit_places(crowd)[0] * [layout.columns, layout.rows] % 1 - 0.5).max(axis=1)
    home = (unit_places(crowd)[0] * [layout.columns, layout.rows]).astype(int)
    for index, cell in list(zip(layout.shown, layout.cells, strict=True))[:50]:
        mates = (np.minimum(home, [layout.columns - 1, layout.rows - 1]) == cell).all(axis=1)
        assert away[index] == away[mates].min()


def test_up_is_up_and_outliers_do_not_squeeze_the_others() -> None:
    places, (width, height) = unit_places(np.array([[0.0, 0.0], [1.0, 1.0]]))
    assert places[0, 0] < places[1, 0]
    assert places[0, 1] > places[1, 1]
    assert width == height
    far = np.concatenate([points(1000), [[1e6, 1e6]]])
    places, _ = unit_places(far)
    assert places.min() >= 0
    assert places.max() <= 1
    assert places[:-1].std(axis=0).min() > 0.1


@pytest.mark.parametrize("flat", [np.zeros((5, 2)), np.c_[np.arange(5.0), np.zeros(5)]])
def test_points_on_a_line_or_in_one_place(flat: np.ndarray) -> None:
    places, (width, height) = unit_places(flat)
    assert np.isfinite(places).all()
    assert width <= 2 * height
    assert len(Layout(flat).shown) >= 1


def test_the_picture_holds_what_was_given() -> None:
    layout = Layout(points(12))
    given = np.full((len(layout.shown), 8, 8, 3), 77, np.uint8)
    plain = layout.picture(given)
    side = layout.cell - 2 * 2 - 2
    assert (plain == 77).all(axis=2).sum() == len(given) * side**2
    framed = layout.picture(
        given, classes=np.arange(len(given)) % 2, names=["a\u202eb"], words="twelve images"
    )
    assert framed.shape[0] > plain.shape[0]
    assert framed.shape[1] == plain.shape[1]
    again = Layout(points(12)).picture(given)
    assert (plain == again).all()


@pytest.mark.parametrize("shape", [(1, 200), (200, 1), (64, 64)])
def test_any_shape_of_picture(shape: tuple[int, int]) -> None:
    layout = Layout(points(3))
    assert layout.picture(pictures(3, *shape)).dtype == np.uint8


def test_names_of_classes() -> None:
    assert class_name(1, ["a", "b"]) == "b"
    assert class_name(7, ["a"]) == "7"
    assert len(class_name(0, ["x" * 99])) <= 24
