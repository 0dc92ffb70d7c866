"""Every bottleneck with every job and both kinds of code: they train, save, resume, and repeat themselves."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.estimators.conftest import blobs, weights
from torch import Tensor

import convae
from convae import AnomalyDetector, ConvAutoencoder, Denoiser, Inpainter
from convae.bottlenecks import KINDS, SPARSE
from convae.errors import InputError
from convae.training.interrupt import TrainingInterrupted
from convae.training.loop import Trainer
from convae.training.observers import Moment, Row
from convae.training.task import Draw

SMALL: dict[str, Any] = {"widths": (4, 6), "latent_dim": 4, "epochs": 2, "batch_size": 8}
DENSE: dict[str, Any] = {**SMALL, "preset": "residual", "blocks": 1}
SPATIAL: dict[str, Any] = {**SMALL, "preset": "pooled"}
JOBS: dict[str, tuple[type, dict[str, Any]]] = {
    "nothing, dense": (ConvAutoencoder, {**DENSE, "bypass": "none"}),
    "nothing, spatial": (ConvAutoencoder, SPATIAL),
    "shifts, dense": (ConvAutoencoder, {**DENSE, "bypass": "none", "shift": 0.1}),
    "corruption, dense": (ConvAutoencoder, {**DENSE, "bypass": "none", "noise": "gaussian:0.3"}),
    "corruption, spatial": (ConvAutoencoder, {**SPATIAL, "noise": "salt-and-pepper:0.2 + blur"}),
    "neighbours, dense": (ConvAutoencoder, {**DENSE, "bypass": "none", "neighbourhood": 1.0}),
    "noise, dense": (Denoiser, {**DENSE, "noise": "gaussian:0.1"}),
    "noise, spatial": (Denoiser, {**SPATIAL, "noise": "gaussian:0.1"}),
    "noise, skips": (Denoiser, {**SMALL, "blocks": 1, "noise": "gaussian:0.1"}),
    "blind spots, spatial": (Denoiser, {**SPATIAL, "learn": "noisy"}),
    "holes, dense": (Inpainter, DENSE),
    "holes, spatial": (Inpainter, SPATIAL),
    "holes, skips": (Inpainter, SMALL),
    "defects, skips": (AnomalyDetector, {**SMALL, "blocks": 1, "false_alarm_rate": 0.25}),
    "defects, spatial": (AnomalyDetector, {**SPATIAL, "false_alarm_rate": 0.25}),
    "attributes, dense": (
        AnomalyDetector,
        {**SMALL, "method": "attributes", "latent_dim": 8, "false_alarm_rate": 0.25},
    ),
}
IMAGES = blobs(32, 16, 16)
pairs = pytest.mark.parametrize("bottleneck", KINDS)
jobs = pytest.mark.parametrize("job", JOBS)


def make(job: str, bottleneck: str, **changes: Any) -> Any:
    kind, parameters = JOBS[job]
    return kind(**{**parameters, "bottleneck": bottleneck, **changes})


class Reached:
    """Which parameters have had a gradient in any step."""

    def __init__(self) -> None:
        self.names: dict[str, bool] = {}

    def note(self, trainer: Trainer) -> None:
        for name, parameter in trainer.network.named_parameters():
            seen = parameter.grad is not None and bool(parameter.grad.any())
            self.names[name] = self.names.get(name, False) or seen


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> Reached:
    found, step = Reached(), Trainer.step

    def watched(trainer: Trainer, batch: Tensor, rate: float, chance: Draw) -> Tensor | None:
        losses = step(trainer, batch, rate, chance)
        found.note(trainer)
        return losses

    monkeypatch.setattr(Trainer, "step", watched)
    return found


class Stops:
    """Asks training to stop after the first epoch."""

    def message(self, text: str) -> None:
        pass

    def step(self, moment: Moment) -> None:
        pass

    def epoch(self, row: Row) -> None:
        if row["epoch"] == 1:
            signal.raise_signal(signal.SIGINT)


@jobs
@pairs
def test_gradients_reach_every_parameter(job: str, bottleneck: str, reached: Reached) -> None:
    model = make(job, bottleneck, epochs=3).fit(IMAGES)
    assert model.architecture_.bottleneck == bottleneck
    assert [name for name, seen in reached.names.items() if not seen] == []


@jobs
@pairs
def test_the_same_seed_gives_the_same_and_a_file_gives_it_back(
    job: str, bottleneck: str, tmp_path: Path
) -> None:
    first, again = (make(job, bottleneck).fit(IMAGES) for _ in range(2))
    assert weights(first) == weights(again)
    first.save(tmp_path / "m.convae")
    loaded = convae.load(tmp_path / "m.convae")
    assert weights(loaded) == weights(first)
    assert loaded.get_params()["bottleneck"] == bottleneck
    assert loaded.architecture_ == first.architecture_


@jobs
@pairs
def test_it_resumes_exactly(job: str, bottleneck: str, tmp_path: Path) -> None:
    whole = make(job, bottleneck).fit(IMAGES)
    with pytest.raises(TrainingInterrupted):
        make(job, bottleneck).fit(IMAGES, checkpoint=tmp_path / "s", observers=[Stops()])
    rest = make(job, bottleneck).fit(IMAGES, checkpoint=tmp_path / "s", resume=True)
    assert weights(rest) == weights(whole)


@pairs
@pytest.mark.parametrize("job", ["nothing, dense", "nothing, spatial"])
def test_one_batch_is_learnt_by_heart_and_its_codes_come_out(job: str, bottleneck: str) -> None:
    few = IMAGES[:8]
    more = {"validation_fraction": 0.0, "widths": (16, 16), "batch_size": 8}
    more["latent_dim"] = 64 if bottleneck in SPARSE else 8  # few of them are on
    before = make(job, bottleneck, **{**more, "epochs": 0}).fit(few)
    after = make(job, bottleneck, **{**more, "epochs": 150, "patience": 0}).fit(few)
    assert after.score(few) > 0.3 * before.score(few)  # both are minus an error
    codes = after.transform(few)
    assert codes.shape == (8, after.architecture_.code_size)
    assert after.inverse_transform(codes).shape == few.shape


@pytest.mark.parametrize("job", ["nothing, dense", "nothing, spatial", "holes, skips"])
def test_codes_are_what_their_bottleneck_lets_through(job: str) -> None:
    x = torch.rand(4, 1, 16, 16)
    for bottleneck in KINDS:
        network = make(job, bottleneck).fit(IMAGES).network_.eval()
        a = network.architecture
        given = torch.cat([x] * a.input_channels, dim=1)
        with torch.inference_mode():
            output = network(given)
        code = output.code
        assert (output.log_variance is not None) == (bottleneck == "gaussian")
        if bottleneck in ("l1", "top-k", "winners"):
            assert float(code.min()) >= 0
        if bottleneck == "kl":
            assert 0 < float(code.min()) < float(code.max()) < 1
        if bottleneck == "top-k":
            assert int((code > 0).sum(dim=1).max()) <= a.winners
        if bottleneck == "winners" and code.ndim > 2:
            assert int((code > 0).flatten(2).sum(dim=2).max()) <= 1


def test_noise_moves_codes_by_their_deviation() -> None:
    network = make("nothing, dense", "gaussian").fit(IMAGES).network_.eval()
    x = torch.rand(3, 1, 16, 16)
    with torch.inference_mode():
        still, none = network(x), network(x, torch.zeros(3, 4))
        moved = network(x, torch.ones(3, 4))
        expected = network.decode(still.code + (0.5 * still.log_variance).exp())
    assert torch.equal(still.reconstruction, none.reconstruction)
    assert torch.allclose(moved.reconstruction, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (
            {"bottleneck": "gaussian", "bypass": "pca"},
            "bypass 'pca' leads around a bottleneck of kind",
        ),
        ({"noise": "gausian"}, "did you mean 'gaussian'?"),
        ({"bottleneck": "gausian"}, "did you mean 'gaussian'?"),
        ({"bottleneck": "top-k:3"}, "its level must be a number above 0, up to 1"),
        ({"bottleneck": "kl", "code": "spatial", "neighbourhood": 1}, "works with code 'dense'"),
    ],
)
def test_what_does_not_go_together_is_refused(parameters: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        ConvAutoencoder(**parameters).fit(IMAGES)
    assert sentence in str(caught.value)


def test_partial_fit_keeps_the_bottleneck(reached: Reached) -> None:
    model = make("nothing, dense", "gaussian").partial_fit(IMAGES).partial_fit(IMAGES)
    assert reached.names["bottleneck.spread_of.weight"]  # only the cost of the code leads there
    assert np.isfinite(model.transform(IMAGES)).all()
