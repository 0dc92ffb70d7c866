"""Training and test images: none in both, groups on one side, and what is too little is refused."""

import numpy as np
import pytest

from convae.errors import InputError
from convae.evaluation.experiments.data_parts import take_apart
from convae.images.dataset.preparation import Preparation
from convae.images.sources.open_source import open_source

IMAGES = np.random.default_rng(0).integers(0, 256, (100, 8, 8), dtype=np.uint8)
ANY = Preparation()


def pixels(source: object) -> set[bytes]:
    opened = open_source(source)
    return {opened.read(i).pixels.tobytes() for i in range(len(opened))}


def test_a_fifth_is_held_out_doubles_on_one_side() -> None:
    doubled = np.repeat(IMAGES[:50], 2, axis=0)
    parts = take_apart(open_source(doubled), None, ANY, seed=3)
    assert (len(parts.training), len(parts.test)) == (80, 20)
    assert not pixels(parts.training) & pixels(parts.test)
    assert sorted([*parts.places, *parts.test_places]) == list(range(100))
    again = take_apart(open_source(doubled), None, ANY, seed=3)
    assert again.test_places.tolist() == parts.test_places.tolist()
    other = take_apart(open_source(doubled), None, ANY, seed=4)
    assert other.test_places.tolist() != parts.test_places.tolist()


def test_groups_are_on_one_side_and_named_for_the_training_images() -> None:
    groups = np.arange(100) // 10
    parts = take_apart(open_source(IMAGES), None, ANY, groups=groups)
    assert parts.groups is not None
    assert parts.groups.tolist() == groups[parts.places].tolist()
    assert not set(parts.groups) & set(groups[parts.test_places])


def test_test_images_that_are_training_images_are_left_out() -> None:
    parts = take_apart(open_source(IMAGES[:60]), open_source(IMAGES[50:]), ANY)
    assert (len(parts.training), len(parts.test), parts.left_out) == (60, 40, 10)
    assert parts.test_places.tolist() == list(range(10, 50))


def test_of_many_images_a_random_choice_is_taken() -> None:
    parts = take_apart(open_source(IMAGES[:60]), open_source(IMAGES[60:]), ANY, most=30)
    assert (len(parts.training), len(parts.test)) == (30, 30)
    assert parts.places.tolist() != list(range(30))
    fewer = take_apart(open_source(IMAGES), None, ANY, most=30)
    assert (len(fewer.training), len(fewer.test)) == (24, 6)


def test_epochs_grow_less_the_more_images_there_are() -> None:
    parts = take_apart(open_source(IMAGES), None, ANY)
    assert parts.epochs(None, 0.1) >= parts.epochs(1, 0.1) >= 5


def test_what_cannot_be_compared_is_refused() -> None:
    small = np.zeros((30, 4, 4), np.uint8)
    with pytest.raises(InputError, match="its images are 4x4 and those to train on 8x8"):
        take_apart(open_source(IMAGES), open_source(small), ANY)
    with pytest.raises(InputError, match=r"3 channels \(RGB\) for a model of 1 channel"):
        take_apart(open_source(IMAGES), open_source(np.stack([IMAGES] * 3, axis=3)), ANY)
    with pytest.raises(InputError, match="100 test images are training images as well"):
        take_apart(open_source(IMAGES), open_source(IMAGES), ANY)
    with pytest.raises(InputError, match="8 images to train on and 2 to measure on are too few"):
        take_apart(open_source(IMAGES[:10]), None, ANY)
    with pytest.raises(InputError, match="groups must name the group of each of 100 images"):
        take_apart(open_source(IMAGES), None, ANY, groups=[1, 2])
    with pytest.raises(InputError, match="of two groups at least"):
        take_apart(open_source(IMAGES), None, ANY, groups=["a"] * 100)
