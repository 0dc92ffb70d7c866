"""The stacked autoencoder: levels learn one by one, below them nothing moves, and a broken run goes on."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.estimators.conftest import blobs, weights

import convae
from convae import ConvAutoencoder, StackedAutoencoder
from convae.corruption.noise import parse_noise
from convae.errors import InputError
from convae.losses import parse_loss
from convae.training.interrupt import TrainingInterrupted
from convae.training.loop import training_step
from convae.training.observers import Row, StepProgress
from convae.training.state import TrainingState
from convae.training.tasks.stacked_layers import (
    FromBelow,
    StackLayer,
    codes_of_layer,
    images_of_layer,
)
from convae.training.tasks.task import VALIDATION, step_rng

SMALL: dict[str, Any] = {
    "widths": (8, 12), "blocks": 1, "latent_dim": 6, "batch_size": 16, "random_state": 0,
    "patience": 0,
}  # fmt: skip
IMAGES = blobs(64, 18, 14)  # not multiples of 4


@pytest.fixture(scope="module")
def greedy() -> StackedAutoencoder:
    return StackedAutoencoder.from_options({"level_epochs": 25, "epochs": 0, **SMALL}).fit(IMAGES)


class Stops:
    """Asks training to stop after so many epochs of whatever level."""

    def __init__(self, epochs: int) -> None:
        self.left = epochs

    def message(self, text: str) -> None:
        pass

    def step(self, moment: StepProgress) -> None:
        pass

    def epoch(self, row: Row) -> None:
        self.left -= row["epoch"] > 0
        if not self.left:
            signal.raise_signal(signal.SIGINT)


def test_every_level_learns_and_has_codes_of_its_own(greedy: StackedAutoencoder) -> None:
    assert greedy.levels_ == len(greedy.level_histories_) == 3
    for history in greedy.level_histories_:
        assert len(history) == 26
        assert history[-1]["validation_loss"] < 0.7 * history[0]["validation_loss"]
    shapes = [greedy.transform(IMAGES, level=level).shape for level in (1, 2, 3)]
    assert shapes == [(64, 8 * 10 * 8), (64, 12 * 5 * 4), (64, 6)]
    assert np.array_equal(greedy.transform(IMAGES), greedy.transform(IMAGES, level=3))


def test_levels_come_back_as_images_the_outer_ones_better(greedy: StackedAutoencoder) -> None:
    levels = [greedy.reconstruct(IMAGES, level=level) for level in (1, 2, 3)]
    assert all(image.shape == IMAGES.shape and image.dtype == np.uint8 for image in levels)
    errors = [np.square(image.astype(float) - IMAGES).mean() for image in levels]
    assert errors[0] < errors[2]
    told = list(greedy.iter_levels(IMAGES[:3]))
    assert [len(images) for _, images in told] == [3, 3, 3]
    for level, whole in enumerate(levels):
        assert np.abs(told[0][1][level][0] * 255 - whole[0]).max() < 1


def test_codes_and_images_of_levels_are_the_networks_own_way(greedy: StackedAutoencoder) -> None:
    network = greedy.network_.eval()
    x = torch.rand(2, 1, 18, 14)
    with torch.inference_mode():
        maps = network.encoder.maps(torch.nn.functional.pad(x, (0, 2, 0, 2), mode="replicate"))
        assert torch.allclose(codes_of_layer(network, x, 2), maps[1], atol=1e-6)
        restored = network.bottleneck.decode(network.bottleneck.encode(maps[1]).code)
        through = images_of_layer(network, restored, 2, (18, 14))
        assert torch.allclose(through, network(x).reconstruction, atol=1e-5)


def test_while_a_level_learns_the_others_stay() -> None:
    network = (
        ConvAutoencoder.from_options({"bypass": "none", "epochs": 0, **SMALL}).fit(IMAGES).network_
    )
    before = {name: value.clone() for name, value in network.state_dict().items()}
    settings = (
        ConvAutoencoder.from_options({"bypass": "none", "epochs": 0, **SMALL}).fit(IMAGES).settings_
    )
    task = FromBelow(network, 2, parse_loss("mse"), None)
    state = TrainingState(StackLayer(network, 2), settings)
    rng = step_rng(0, 0, 0, np.arange(4))
    training_step(state, task, torch.rand(4, 1, 18, 14), 0.01, rng)
    assert state.network.training
    assert all(module.training for module in state.network.modules())
    assert not network.encoder[0].training  # what is below stays as in use
    changed = {name for name, v in network.state_dict().items() if not torch.equal(v, before[name])}
    assert changed
    assert {name.split(".")[0] + "." + name.split(".")[1] for name in changed} == {
        "encoder.1",
        "decoder.0",
    }


def test_noise_is_on_what_is_shown_at_every_level(greedy: StackedAutoencoder) -> None:
    network, x = greedy.network_, torch.rand(4, 1, 18, 14)
    for number in (1, 2, 3):
        noisy = FromBelow(network, number, parse_loss("mse"), parse_noise("gaussian:0.3"))
        example = noisy.example(x, step_rng(0, VALIDATION, 0, np.arange(4)))
        with torch.no_grad():
            assert torch.equal(example.target, codes_of_layer(network, x, number - 1))
        assert not torch.equal(example.input, example.target)


def test_joint_training_goes_on_from_the_levels(greedy: StackedAutoencoder) -> None:
    both = StackedAutoencoder.from_options({"level_epochs": 25, "epochs": 5, **SMALL}).fit(IMAGES)
    assert both.history_[0]["validation_mse"] == pytest.approx(
        greedy.history_[0]["validation_mse"], rel=1e-6
    )
    assert both.score(IMAGES) > greedy.score(IMAGES)


@pytest.mark.parametrize("stop", [2, 4, 8])
def test_a_run_resumes_exactly_in_a_level_and_after_them(stop: int, tmp_path: Path) -> None:
    def make() -> StackedAutoencoder:
        return StackedAutoencoder.from_options({"level_epochs": 2, "epochs": 3, **SMALL})

    whole = make().fit(IMAGES)
    with pytest.raises(TrainingInterrupted):
        make().fit(IMAGES, checkpoint=tmp_path / "s", observers=[Stops(stop)])
    rest = make().fit(IMAGES, checkpoint=tmp_path / "s", resume=True)
    assert weights(rest) == weights(whole)
    assert [len(h) for h in rest.level_histories_] == [3, 3, 3]


def test_a_file_keeps_the_levels(greedy: StackedAutoencoder, tmp_path: Path) -> None:
    greedy.save(tmp_path / "s.convae")
    loaded = convae.load(tmp_path / "s.convae")
    assert isinstance(loaded, StackedAutoencoder)
    assert loaded.level_histories_ == greedy.level_histories_
    assert np.array_equal(loaded.transform(IMAGES, level=2), greedy.transform(IMAGES, level=2))


@pytest.mark.parametrize("bottleneck", ["gaussian", "top-k", "l1"])
def test_it_goes_with_other_bottlenecks(bottleneck: str) -> None:
    model = StackedAutoencoder.from_options(
        {"level_epochs": 1, "epochs": 1, "bottleneck": bottleneck, **SMALL}
    ).fit(IMAGES)
    assert model.architecture_.bottleneck == bottleneck
    assert np.isfinite(model.transform(IMAGES)).all()


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"preset": "tutorial"}, "each stage of the decoder has to undo one of the encoder"),
        ({"bypass": "pca"}, "needs bypass 'none'"),
        ({"level_epochs": (1, 2)}, "one for each of the 3 levels"),
        ({"level_epochs": -1}, "level_epochs must be a whole number of at least 0"),
        ({"level_epochs": "2"}, "level_epochs must be a whole number of at least 0"),
    ],
)
def test_what_cannot_be_stacked_is_refused(parameters: dict[str, Any], sentence: str) -> None:
    given = {"widths": (8, 12), "latent_dim": 6, "epochs": 1, **parameters}
    with pytest.raises(InputError) as caught:
        StackedAutoencoder.from_options(given).fit(IMAGES)
    assert sentence in str(caught.value)


def test_a_level_that_is_not_there(greedy: StackedAutoencoder) -> None:
    wrong: tuple[Any, ...] = (0, 4, 1.0, "code")
    for level in wrong:
        with pytest.raises(InputError, match="level must be a whole number from 1 to 3"):
            greedy.transform(IMAGES, level=level)


def test_what_epochs_cost_is_known_before_anything_is_trained() -> None:
    model = StackedAutoencoder.from_options({"epochs": 1, **SMALL})
    levels, joint = model.epoch_costs(IMAGES)
    assert len(levels) == 3
    assert joint > max(levels) > 0
    assert model.epoch_costs(IMAGES.reshape(64, -1)[:, :144]) != (levels, joint)  # rows of 12x12
    assert not hasattr(model, "network_")
    fewer, _ = model.epoch_costs(IMAGES, groups=np.repeat([0, 1], 32))
    assert fewer[0] < levels[0]  # half of the images are held out
    with pytest.raises(InputError, match="bypass 'none'"):
        StackedAutoencoder.from_options({"bypass": "pca", **SMALL}).epoch_costs(IMAGES)
