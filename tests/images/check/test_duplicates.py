import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convae.images.check.duplicates import Duplicates, bit_distance
from convae.images.check.image_facts import area_means, facts_of
from convae.images.sources.array_image import array_image

WORD = st.integers(0, 2**64 - 1)


@given(WORD, WORD)
def test_bit_distance(one: int, other: int) -> None:
    found = bit_distance(np.array([one], np.uint64), np.array([other], np.uint64))
    assert found.tolist() == [(one ^ other).bit_count()]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(1, 20))
def test_area_means_keep_the_mean(height: int, width: int, rows: int, columns: int) -> None:
    plane = np.random.default_rng(height * width).random((height, width))
    means = area_means(plane, rows, columns)
    assert means.shape == (rows, columns)
    np.testing.assert_allclose(means.mean(), plane.mean())
    assert means.max() <= plane.max() + 1e-12


def test_area_means_of_whole_blocks() -> None:
    plane = np.arange(16.0).reshape(4, 4)
    blocks = plane.reshape(2, 2, 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(area_means(plane, 2, 2), blocks)


def test_many_pictures_with_planted_copies_are_grouped() -> None:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (3000, 6, 6), np.uint8)
    images = np.kron(coarse, np.ones((1, 4, 4), np.uint8))
    copies = np.clip(images[:50].astype(int) + random.integers(-4, 5, images[:50].shape), 0, 255)
    finder = Duplicates()
    for pixels in [*images, *copies.astype(np.uint8), *images[100:110]]:
        finder.add(facts_of(array_image(pixels, "x")))
    exact, groups = finder.exact(), finder.groups()
    finder.close()
    assert sorted(map(tuple, groups)) == sorted(
        [(i, 3000 + i) for i in range(50)] + [(100 + i, 3050 + i) for i in range(10)]
    )
    assert exact[3050:].tolist() == list(range(100, 110))
    assert (exact[:3050] == np.arange(3050)).all()


def test_a_huge_bucket_is_searched_among_neighbours_only() -> None:
    finder = Duplicates()
    ramp = np.linspace(0, 200, 32)[None, :] + np.zeros((32, 1))
    for index in range(600):  # one and the same hash
        pixels = ramp.copy()
        pixels[index % 32, index // 32] += 50
        finder.add(facts_of(array_image(pixels.astype(np.uint8), "x")))
    finder.groups()
    finder.close()
    assert finder.limited
