"""A fit within a time budget: what is decided, said and recorded, and where a budget is refused."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.estimators.conftest import SMALL, blobs, weights

import convae
from convae.errors import InputError
from convae.estimators import budget_plan
from convae.estimators.fit import make_job, start_network
from convae.training.interrupt import TrainingInterrupted
from convae.training.observers import Quiet, Row
from convae.training.time_budget import MOST_EPOCHS, Costs, TimeBudget

IMAGES = blobs(40, 8, 8)
GIVEN: dict[str, Any] = {name: value for name, value in SMALL.items() if name != "epochs"}


class Listener(Quiet):
    """Keeps what is said, and stops a training after its first epoch if asked to."""

    def __init__(self, stop: bool = False) -> None:
        self.messages: list[str] = []
        self.stop = stop

    def message(self, text: str) -> None:
        self.messages.append(text)

    def epoch(self, row: Row) -> None:
        if self.stop and row["epoch"] == 1:
            signal.raise_signal(signal.SIGINT)

    @property
    def plan(self) -> str:
        return next(text for text in self.messages if text.startswith("budget of"))


@pytest.fixture
def steps_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step takes 1 s for 32 images and less for fewer, a narrower network half; nothing else takes time."""

    def measured(training: budget_plan.Training, seconds: float) -> Costs:
        batch = training.job.settings.batch_size
        narrow = training.ready.architecture.widths[0] / 32
        return Costs(step=batch / 32 * narrow, validation=0.0)

    monkeypatch.setattr(budget_plan, "_measured", measured)
    monkeypatch.setattr(budget_plan, "RESERVE", 0.0)
    monkeypatch.setattr(TimeBudget, "spent", lambda self: 0.0)
    monkeypatch.setattr(budget_plan, "_spent", lambda run: 0.0)
    monkeypatch.setattr(TimeBudget, "due", lambda self: False)


def fit(budget: Any, cls: Any = convae.ConvAutoencoder, **more: Any) -> tuple[Any, Listener]:
    heard = Listener()
    model = cls.from_options({**GIVEN, "budget": budget, **more}).fit(IMAGES, observers=[heard])
    return model, heard


@pytest.mark.usefixtures("steps_of_a_second")
def test_the_steps_that_fit_are_decided_said_and_recorded() -> None:
    # 36 images in batches of 16 are 3 steps an epoch; a step is 16/32 * 4/32 = 1/16 s
    model, heard = fit("1.25s")
    assert (model.settings_.steps, model.settings_.epochs) == (20, 7)
    assert [row["planned_steps"] for row in model.history_] == [20] * 8
    assert heard.plan == (
        "budget of 1.25 s, 0.0 s of which are spent: 20 steps (6.7 epochs) in batches of 16, 0.062 s each; "
        "so few steps train a network only a little: a longer budget would help"
    )
    assert model.to_options()["budget"] == "1.25s"


@pytest.mark.usefixtures("steps_of_a_second")
def test_the_same_plan_gives_the_same_model_and_a_file_holds_it(tmp_path: Path) -> None:
    model, _ = fit(2)
    again, _ = fit(2.0)
    assert weights(model) == weights(again)
    model.save(tmp_path / "m.convae")
    loaded = convae.load(tmp_path / "m.convae")
    assert loaded.settings_ == model.settings_
    assert loaded.to_options()["budget"] == 2


@pytest.mark.usefixtures("steps_of_a_second")
def test_a_long_budget_plans_no_more_than_the_most_epochs() -> None:
    model, heard = fit("2h", patience=1, learning_rate=0.0)
    assert model.settings_.epochs == MOST_EPOCHS
    assert f"more than {MOST_EPOCHS} epochs are not planned" in heard.plan


def plan_for(budget: float, **more: Any) -> budget_plan.Training:
    """What is decided for 2000 images with the preset's network, without training it."""
    estimator = convae.ConvAutoencoder.from_options({"budget": budget, "hidden": 4, **more})
    source, config, run = estimator._opened(
        np.repeat(IMAGES, 50, axis=0), groups=None, checkpoint=None, resume=False, observers=[]
    )
    ready = estimator._ready(source, config, run)
    pca = estimator._baseline(ready, config)
    network = start_network(ready, pca)
    learning = estimator._learning(ready, network, config, run)
    job = make_job(config, ready, learning)
    training = budget_plan.Training(ready=ready, network=network, job=job)
    return budget_plan.within_budget(training, config, learning, pca, run)


@pytest.mark.usefixtures("steps_of_a_second")
def test_short_budgets_take_smaller_batches_and_then_a_narrower_network() -> None:
    """Batches of 64 take 2 s, of 32 take 1 s; with widths of 16 half of that, of 8 a quarter."""
    for budget, batch, widths in (
        (620, 64, (32,)),
        (310, 32, (32,)),
        (160, 32, (16,)),
        (80, 32, (8,)),
    ):
        chosen = plan_for(budget)
        assert chosen.job.settings.batch_size == batch
        assert chosen.ready.architecture.widths == widths
        assert (chosen.job.settings.steps or 0) >= budget_plan.LEAST_STEPS
        assert chosen.network.architecture == chosen.ready.architecture
        assert chosen.ready.architecture.latent_dim == 8


@pytest.mark.usefixtures("steps_of_a_second")
def test_what_is_given_stays() -> None:
    chosen = plan_for(80, batch_size=64, widths=(32,))
    assert chosen.job.settings.batch_size == 64
    assert chosen.ready.architecture.widths == (32,)
    assert chosen.job.settings.steps == 40


def test_a_narrower_network_keeps_its_code_but_not_that_of_skips() -> None:
    dense = convae.make_architecture("residual", (1, 28, 28))
    narrow = budget_plan._narrower(dense, 2)
    assert narrow.widths == tuple(width // 2 for width in dense.widths)
    assert (narrow.latent_dim, narrow.hidden) == (dense.latent_dim, dense.hidden // 2)
    unet = convae.make_architecture("unet", (3, 64, 64))
    assert budget_plan._narrower(unet, 2).latent_dim == unet.widths[-1] // 2
    assert min(budget_plan._narrower(unet, 100).widths) == budget_plan.LEAST_WIDTH


@pytest.mark.parametrize(
    ("cls", "more"),
    [
        (convae.ConvAutoencoder, {"preset": "tutorial"}),
        (convae.VariationalAutoencoder, {}),
        (convae.SparseAutoencoder, {}),
        (convae.Denoiser, {"noise": "gaussian:0.1", "blocks": 1}),
        (convae.Inpainter, {}),
    ],
)
def test_real_measurements_of_every_kind_end_in_a_model(
    cls: Any, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far too short a budget still gives one step at least."""
    monkeypatch.setattr(budget_plan, "_spent", lambda run: 0.0)
    model, heard = fit(0.01, cls, **more)
    assert model.settings_.steps >= 1
    assert heard.plan.startswith("budget of 0.01 s, ")
    assert np.isfinite(model.history_[-1]["validation_loss"])


def test_a_budget_that_is_over_before_the_training_is_answered_with_why() -> None:
    model, heard = fit(1e-6)
    assert model.settings_.steps == 1
    assert any(
        "the budget of 1e-06 s was over before training began: preparing the images took" in text
        for text in heard.messages
    )


@pytest.mark.usefixtures("steps_of_a_second")
def test_a_resumed_fit_keeps_what_was_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = fit(2)
    estimator = convae.ConvAutoencoder.from_options({**GIVEN, "budget": 2})
    with pytest.raises(TrainingInterrupted):
        estimator.fit(IMAGES, checkpoint=tmp_path / "s", observers=[Listener(stop=True)])
    # on a slower machine the plan would be another
    monkeypatch.setattr(budget_plan, "_measured", lambda training, seconds: Costs(9.0, 9.0))
    rest = estimator.fit(IMAGES, checkpoint=tmp_path / "s", resume=True)
    assert weights(rest) == weights(whole)
    assert rest.settings_ == whole.settings_


@pytest.mark.usefixtures("steps_of_a_second")
def test_a_narrowed_fit_is_resumed_with_its_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget_plan, "LEAST_WIDTH", 2)
    given = {**GIVEN, "budget": 2, "widths": None}
    with pytest.raises(TrainingInterrupted):
        convae.ConvAutoencoder.from_options(given).fit(
            IMAGES, checkpoint=tmp_path / "s", observers=[Listener(stop=True)]
        )
    rest = convae.ConvAutoencoder.from_options(given)
    rest.fit(IMAGES, checkpoint=tmp_path / "s", resume=True)
    assert rest.architecture_.widths == (8,)
    assert weights(rest) == weights(convae.ConvAutoencoder.from_options(given).fit(IMAGES))


@pytest.mark.usefixtures("steps_of_a_second")
def test_another_budget_is_another_run(tmp_path: Path) -> None:
    def of(options: dict[str, Any]) -> convae.ConvAutoencoder:
        return convae.ConvAutoencoder.from_options({**GIVEN, **options})

    with pytest.raises(TrainingInterrupted):
        of({"budget": 2}).fit(IMAGES, checkpoint=tmp_path, observers=[Listener(stop=True)])
    with pytest.raises(InputError, match=r"of another run: budget was 2 and is 3"):
        of({"budget": 3}).fit(IMAGES, checkpoint=tmp_path, resume=True)
    with pytest.raises(InputError, match=r"of another run: budget was 2 and is None"):
        of({"epochs": 3}).fit(IMAGES, checkpoint=tmp_path, resume=True)


def test_epochs_and_a_budget_exclude_each_other() -> None:
    with pytest.raises(InputError, match="budget and epochs both decide how long to train"):
        convae.ConvAutoencoder(training={"budget": "10min"}, epochs=3).check_parameters()


@pytest.mark.parametrize("cls", [convae.AnomalyDetector, convae.StackedAutoencoder])
def test_estimators_that_train_several_networks_have_no_budget(cls: Any) -> None:
    with pytest.raises(InputError, match="unknown training setting 'budget'"):
        cls(training={"budget": "10min"}).check_parameters()


@pytest.mark.parametrize("bypass", ["pca", "none"])
def test_partial_fit_ignores_a_budget(bypass: str, tmp_path: Path) -> None:
    with_it = convae.ConvAutoencoder.from_options({**GIVEN, "budget": 0.01, "bypass": bypass})
    without = convae.ConvAutoencoder.from_options({**GIVEN, "bypass": bypass})
    assert weights(with_it.partial_fit(IMAGES)) == weights(without.partial_fit(IMAGES))
    with_it.save(tmp_path / "m.convae")
    assert convae.load(tmp_path / "m.convae").architecture_ == with_it.architecture_
