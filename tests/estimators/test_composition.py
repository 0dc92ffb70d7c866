"""Every pair that goes together: it trains, saves, resumes, repeats itself, and gives its codes."""

import copy
import signal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from tests.estimators.combinations import (
    FURTHER,
    MEMBERS,
    WHOLE,
    Combination,
    parameters,
    wanted,
)
from tests.estimators.conftest import blobs, weights
from torch import Tensor

import convae
from convae.config.bottlenecks import SPARSE
from convae.training import loop
from convae.training.interrupt import TrainingInterrupted
from convae.training.loop import training_step
from convae.training.observers import Row, StepProgress
from convae.training.state import TrainingState
from convae.training.tasks.task import StepRng, Task

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "variants.md"
STEPS = 30
SMALL: dict[str, Any] = {"widths": (4, 6), "latent_dim": 4, "epochs": 2, "batch_size": 8}
# Of single tasks.
OWN: dict[str, dict[str, Any]] = {
    "defects": {"false_alarm_rate": 0.25},
    "attributes": {"false_alarm_rate": 0.25, "latent_dim": 8},
    "likelihood": {"false_alarm_rate": 0.25},
}
IMAGES = blobs(32, 12, 12)
NOISY = blobs(32, 12, 12) // 2 + np.random.default_rng(1).integers(0, 99, (32, 12, 12), np.uint8)
whole = pytest.mark.parametrize("one", WHOLE, ids=str)
codes_alone = [one for one in WHOLE if one.tasks == ("images",) and one.path == "none"]


def make(one: Combination, **changes: Any) -> Any:
    own = {name: value for task in one.tasks for name, value in OWN.get(task, {}).items()}
    return MEMBERS[one.member].from_options({**SMALL, **parameters(one), **own, **changes})


def fit(one: Combination, images: np.ndarray = IMAGES, **changes: Any) -> Any:
    """A model; ``run`` in the changes goes to its fit."""
    run = changes.pop("run", {})
    if one.tasks == ("pairs",):
        return make(one, **changes).fit(NOISY[: len(images)], target=images, **run)
    return make(one, **changes).fit(images, **run)


class Fitted(NamedTuple):
    """A model, which of its parameters had a gradient in any step, and the last step itself."""

    model: Any
    reached: dict[str, bool]
    state: TrainingState
    task: Task
    batch: Tensor
    positions: np.ndarray


@cache
def fitted(one: Combination) -> Fitted:
    """One for all checks."""
    reached: dict[str, bool] = {}
    last: list[Any] = []

    def noting(
        state: TrainingState, task: Task, batch: Tensor, rate: float, rng: StepRng
    ) -> tuple[Tensor, Tensor]:
        taken = training_step(state, task, batch, rate, rng)
        for name, parameter in state.network.named_parameters():
            seen = parameter.grad is not None and bool(parameter.grad.any())
            reached[name] = reached.get(name, False) or seen
        last[:] = state, task, batch, rng.positions
        return taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "training_step", noting)
        return Fitted(fit(one), reached, *last)


class Stops:
    """Asks training to stop after the first epoch."""

    def message(self, text: str) -> None:
        pass

    def step(self, moment: StepProgress) -> None:
        pass

    def epoch(self, row: Row) -> None:
        if row["epoch"] == 1:
            signal.raise_signal(signal.SIGINT)


def test_every_pair_that_is_allowed_is_run() -> None:
    run = {pair for one in (*WHOLE, *FURTHER) for pair in one.pairs()}
    assert wanted() - run == set()


@whole
def test_gradients_reach_every_parameter(one: Combination) -> None:
    model, reached, *_ = fitted(one)
    assert model.architecture_.bottleneck == one.bottleneck
    assert reached
    assert [name for name, seen in reached.items() if not seen] == []


@whole
def test_it_is_what_was_asked_for(one: Combination) -> None:
    a = fitted(one).model.architecture_
    assert (a.code, a.bottleneck) == (one.code, one.bottleneck)
    assert (a.bypass == "pca", a.skips) == (one.path == "pca", one.path == "skips")


@whole
def test_a_file_gives_it_back(one: Combination, tmp_path: Path) -> None:
    model = fitted(one).model
    model.save(tmp_path / "m.convae")
    loaded: Any = convae.load(tmp_path / "m.convae")
    assert weights(loaded) == weights(model)
    assert loaded.get_params()["bottleneck"] == one.bottleneck
    assert loaded.architecture_ == model.architecture_


@whole
def test_the_same_seed_gives_the_same_also_when_it_is_interrupted(
    one: Combination, tmp_path: Path
) -> None:
    with pytest.raises(TrainingInterrupted):
        fit(one, run={"checkpoint": tmp_path / "s", "observers": [Stops()]})
    rest = fit(one, run={"checkpoint": tmp_path / "s", "resume": True})
    assert weights(rest) == weights(fitted(one).model)


@whole
def test_one_batch_is_learnt(one: Combination) -> None:
    state, task = copy.deepcopy((fitted(one).state, fitted(one).task))
    state.network.requires_grad_(True)
    losses = []
    steps = 4 * STEPS if one.bottleneck == "vq" else STEPS  # its entries follow the encoder
    for _ in range(steps):  # the same images, with the same noise, holes or defects each time
        rng = StepRng(torch.Generator().manual_seed(1), fitted(one).positions, 1.0)
        rate = state.settings.learning_rate
        loss, finite = training_step(state, task, fitted(one).batch, rate, rng)
        assert finite
        losses.append(float(loss.mean()))
    # Which codes win changes from step to step, and the loss with them.
    last = float(np.median(losses[-5:])) if one.bottleneck in ("winners", "vq") else losses[-1]
    # a spatial PCA says such small images nearly as they are from the start
    assert last < max(losses[0] - 0.05 * abs(losses[0]), 1e-3)


@pytest.mark.parametrize("one", FURTHER, ids=str)
def test_the_other_pairs_train_and_repeat_themselves(one: Combination) -> None:
    first, again = (fit(one, epochs=parameters(one).get("epochs", 1)) for _ in range(2))
    assert np.isfinite(first.history_[-1]["validation_loss"])
    assert weights(first) == weights(again)
    assert first.architecture_.bottleneck == one.bottleneck


@whole
def test_codes_are_what_their_bottleneck_lets_through(one: Combination) -> None:
    network = fitted(one).model.network_.eval()
    a = network.architecture
    given = torch.cat([torch.rand(4, 1, 12, 12)] * a.input_channels, dim=1)
    with torch.inference_mode():
        output = network(given)
    code = output.code
    assert (output.log_variance is not None) == (one.bottleneck == "gaussian")
    if one.bottleneck in ("l1", "top-k", "winners"):
        assert float(code.min()) >= 0
    if one.bottleneck == "kl":
        assert 0 < float(code.min()) < float(code.max()) < 1
    if one.bottleneck == "top-k":
        assert int((code > 0).sum(dim=1).max()) <= a.kept_values
    if one.bottleneck == "winners" and code.ndim > 2:
        assert int((code > 0).flatten(2).sum(dim=2).max()) <= 1
    if one.bottleneck == "vq":
        assert torch.equal(code, network.bottleneck.codebook.vectors_of(output.indices))


@pytest.mark.parametrize("one", codes_alone, ids=str)
def test_one_batch_is_learnt_by_heart_and_its_codes_come_out(one: Combination) -> None:
    few = IMAGES[:8]
    more = {"validation_fraction": 0.0, "widths": (16, 16), "batch_size": 8}
    more["latent_dim"] = 64 if one.bottleneck in SPARSE else 8  # few of them are on
    if one.bottleneck == "winners":  # a twentieth of eight images is one
        more["bottleneck"] = "winners:0.5"
    before = fit(one, few, **{**more, "epochs": 0})
    after = fit(one, few, **{**more, "epochs": 150, "patience": 0})
    assert after.score(few) > 0.3 * before.score(few)  # both are minus an error
    codes = after.transform(few)
    assert codes.shape == (8, after.architecture_.code_size)
    assert after.inverse_transform(codes).shape == few.shape


def test_noise_moves_codes_by_their_deviation() -> None:
    one = Combination(("images",), bottleneck="gaussian")
    network = fitted(one).model.network_.eval()
    x = torch.rand(3, 1, 12, 12)
    with torch.inference_mode():
        still, none = network(x), network(x, torch.zeros(3, 4))
        moved = network(x, torch.ones(3, 4))
        expected = network.decode(still.code + (0.5 * still.log_variance).exp())
    assert torch.equal(still.reconstruction, none.reconstruction)
    assert torch.allclose(moved.reconstruction, expected, atol=1e-6)


def test_the_document_says_how_many_were_run() -> None:
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    assert (
        f"The tests train small networks in {len(WHOLE) + len(FURTHER):,} combinations, which contain all "
        f"{len(wanted()):,} allowed pairs." in text
    )
