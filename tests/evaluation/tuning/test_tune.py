"""A search: the same split for all, trial 0, stopping, resuming, budgets, and what is refused."""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import convae
from convae import (
    AnomalyDetector,
    ConvAutoencoder,
    Denoiser,
    Inpainter,
    InputError,
    StackedAutoencoder,
    VariationalAutoencoder,
)
from convae.errors import ConvaeError
from convae.evaluation.results.tuning import COMPLETE, FAILED, PRUNED
from convae.evaluation.tuning.search_folder import JOURNAL
from convae.evaluation.tuning.tune import tune
from convae.training.observers import Quiet, Row

SMALL: dict[str, Any] = {"widths": (4,), "blocks": 1, "hidden": 8, "latent_dim": 3, "epochs": 1}
TWO = {"batch_size": [8, 16], "ema": [0.9, 0.99]}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def waves(count: int, seed: int = 0, side: int = 8) -> np.ndarray:
    """(count, side, side) uint8 smooth pictures."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    a, b, p = rng.uniform(0.1, 0.9, (3, count, 1, 1))
    return np.asarray(127 + 120 * np.sin(a * x + b * y + 9 * p)).astype(np.uint8)


X = waves(60)


def small(**options: Any) -> ConvAutoencoder:
    return ConvAutoencoder.from_options({**SMALL, **options})


class Watch(Quiet):
    """Keeps messages and counts epochs."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.epochs = 0

    def message(self, text: str) -> None:
        self.said.append(text)

    def epoch(self, row: Row) -> None:
        self.epochs += row["epoch"] > 0


class InterruptedAt(Watch):
    """Raises Ctrl-C in the first epoch of a trial."""

    def __init__(self, trial: int) -> None:
        super().__init__()
        self.trial = trial

    def epoch(self, row: Row) -> None:
        super().epoch(row)
        if any(text.startswith(f"trial {self.trial} (") for text in self.said):
            raise KeyboardInterrupt


def test_trial_0_is_the_defaults_and_the_winner_is_never_worse() -> None:
    watch = Watch()
    found = tune(small(), X, trials=4, search=TWO, observers=[watch])
    first = found.trials[0]
    assert (first.number, first.settings, first.state) == (0, {}, COMPLETE)
    assert [trial.number for trial in found.trials] == [0, 1, 2, 3]
    best, start = found.best.value, first.value
    assert best is not None
    assert start is not None
    assert best <= start
    # 60 images: a fifth kept back, a fifth of the other 48 held out
    assert (found.training_images, found.held_out, found.kept_back) == (38, 10, 12)
    assert found.chosen_on.images == found.held_out
    assert found.confirmed.images == found.kept_back
    assert found.chosen_on.best == pytest.approx(best, rel=1e-6)
    assert any("12 are kept back for the last check" in text for text in watch.said)
    assert found.epochs == 1
    assert found.options["epochs"] == 1
    assert "device" not in found.options
    assert "validation_fraction" not in found.options


def test_no_trial_sees_the_images_kept_back() -> None:
    found = tune(small(), X, trials=2, search=TWO)
    for model in (found.best_model, found.default_model):
        assert len(model.seen_) == found.training_images
        assert model.settings_.seed == 0
    # both models held out the same images
    assert np.array_equal(found.best_model.held_out_, found.default_model.held_out_)


def test_the_same_seed_gives_the_same_search() -> None:
    runs = [tune(small(random_state=3), X, trials=4, search=TWO) for _ in range(2)]
    first, second = ([(t.settings, t.value, t.state) for t in run.trials] for run in runs)
    assert first == second


def test_a_bad_trial_is_stopped_after_an_epoch() -> None:
    rates = {"learning_rate": [0.0, 0.02, 0.021, 0.022, 0.023]}
    watch = Watch()
    start = small(epochs=4, bypass="none")
    found = tune(start, X, trials=9, search=rates, observers=[watch])
    assert found.pruned_by_epoch
    lazy = [trial for trial in found.trials if trial.settings.get("learning_rate") == 0.0]
    late = [trial for trial in lazy if trial.number >= 3]
    assert late, "the sampler never tried it"
    for trial in late:
        assert trial.state == PRUNED
        assert len(trial.curve) < 4
        assert trial.value is None
    assert f"{found.count(PRUNED)} stopped early" in found.verdict()


def test_settings_that_change_the_curves_stop_no_trial() -> None:
    found = tune(small(), X, trials=2, search={"epochs": [1, 2]})
    assert not found.pruned_by_epoch
    assert any("No trial was stopped early" in text for text in found.caveats())


@pytest.mark.parametrize("network", ["dense", "custom"])
def test_only_what_a_network_has_is_searched_by_default(network: str) -> None:
    values, shape = X[0].size, (1, *X.shape[1:])
    custom = {
        "encoder": nn.Sequential(nn.Flatten(), nn.Linear(values, 3)),
        "decoder": nn.Sequential(nn.Linear(3, values), nn.Unflatten(1, shape)),
    }
    chosen: dict[str, Any] = custom if network == "custom" else {"preset": "dense"}
    found = tune(ConvAutoencoder(epochs=1, **chosen), X, trials=2)
    assert all(trial.state != FAILED for trial in found.trials)
    widths = set() if network == "custom" else {"widths"}
    assert set(found.trials[1].settings) == {"learning_rate", "batch_size", "ema"} | widths


def test_a_trial_that_cannot_be_fitted_is_a_result() -> None:
    # 4 halvings are more than images of 8 x 8 pixels with reflected edges allow
    search = {"widths": [(4,), (4, 4, 4, 4, 4, 4, 4)]}
    found = tune(small(padding_mode="reflect"), X, trials=5, search=search)
    failed = [trial for trial in found.trials if trial.state == FAILED]
    assert failed
    assert all(len(trial.settings["widths"]) == 7 and trial.reason for trial in failed)
    assert f"{len(failed)} failed" in found.verdict()


def test_an_interrupted_search_continues_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = tune(small(), X, trials=5, search=TWO, folder=tmp_path / "whole")
    folder = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        tune(small(), X, trials=5, search=TWO, folder=folder, observers=[InterruptedAt(3)])
    assert {"best.toml", "best.convae", "defaults.convae", "trials.csv"} <= {
        path.name for path in folder.iterdir()
    }
    found = tune(small(), X, trials=5, search=TWO, folder=folder, resume=True)
    assert [(t.settings, t.value, t.state) for t in found.trials] == [
        (t.settings, t.value, t.state) for t in whole.trials
    ]
    assert found.confirmed.to_dict() == whole.confirmed.to_dict()
    assert (folder / "best.toml").read_text() == (tmp_path / "whole" / "best.toml").read_text()


def test_a_killed_run_leaves_a_file_that_can_be_read(tmp_path: Path) -> None:
    tune(small(), X, trials=2, search=TWO, folder=tmp_path)
    journal = tmp_path / JOURNAL
    with journal.open("ab") as file:
        file.write(b'{"op_code": 4, "worker')  # a line that was being written
    (tmp_path / f"{JOURNAL}.lock").touch()
    found = tune(small(), X, trials=3, search=TWO, folder=tmp_path, resume=True)
    assert len(found.trials) == 3
    again = tune(small(), X, trials=3, search=TWO, folder=tmp_path, resume=True)
    assert [trial.value for trial in again.trials] == [trial.value for trial in found.trials]


def test_a_winner_that_was_not_saved_is_fitted_again(tmp_path: Path) -> None:
    found = tune(small(), X, trials=4, search=TWO, folder=tmp_path)
    text = (tmp_path / JOURNAL).read_text().splitlines()
    kept = [line for line in text if '"saved"' not in line]
    (tmp_path / JOURNAL).write_text("\n".join(kept) + "\n")
    (tmp_path / "best.convae").unlink()
    again = tune(small(), X, trials=4, search=TWO, folder=tmp_path, resume=True)
    assert again.chosen_on.best == pytest.approx(found.chosen_on.best)


def test_in_memory_ctrl_c_returns_what_there_is() -> None:
    found = tune(small(), X, trials=9, search=TWO, observers=[InterruptedAt(2)])
    assert len(found.trials) == 2


def test_a_search_of_other_images_or_settings_is_not_continued(tmp_path: Path) -> None:
    tune(small(), X, trials=1, search=TWO, folder=tmp_path)
    for changed, images, words in (
        (small(latent_dim=2), X, "settings was"),
        (small(), waves(60, seed=1), "images was"),
    ):
        with pytest.raises(InputError, match=f"holds another search: {words}"):
            tune(changed, images, trials=2, search=TWO, folder=tmp_path, resume=True)
    with pytest.raises(InputError, match="search was"):
        tune(small(), X, trials=2, search=["ema"], folder=tmp_path, resume=True)
    with pytest.raises(InputError, match="holds a search already"):
        tune(small(), X, trials=2, search=TWO, folder=tmp_path)
    with pytest.raises(InputError, match="there is no search to go on with"):
        tune(small(), X, folder=tmp_path / "none", resume=True)
    with pytest.raises(InputError, match="resume needs the folder"):
        tune(small(), X, resume=True)
    (tmp_path / JOURNAL).write_bytes(b"no journal\n[1, 2]\n")
    with pytest.raises(ConvaeError, match="the file of a search"):
        tune(small(), X, trials=2, search=TWO, folder=tmp_path, resume=True)


def test_the_images_kept_back_are_used_once_for_each_winner(tmp_path: Path) -> None:
    found = tune(small(), X, trials=3, search=TWO, folder=tmp_path)
    again = tune(small(), X, trials=3, search=TWO, folder=tmp_path, resume=True)
    assert found.confirmations == again.confirmations == 1
    assert not any("were used" in text for text in found.caveats())


def test_a_budget_ends_the_search_but_not_trial_0() -> None:
    found = tune(small(), X, budget=1e-6, search=TWO)
    assert len(found.trials) == 1
    assert "keep the defaults" in found.verdict()
    assert found.confirmed.difference.value == 0


@pytest.mark.parametrize(
    "estimator",
    [
        VariationalAutoencoder.from_options({**SMALL, "hidden": None}),
        StackedAutoencoder.from_options({**SMALL, "level_epochs": (1,)}),
        Denoiser.from_options({"widths": (4, 8), "blocks": 1, "epochs": 1, "sigma": 0.1}),
        Inpainter.from_options({"widths": (4, 8), "blocks": 1, "epochs": 1}),
    ],
    ids=lambda one: type(one).__name__,
)
def test_every_kind_has_a_figure_of_its_own(estimator: Any) -> None:
    found = tune(estimator, waves(40, side=16), trials=2)
    names = {"variational": "ELBO", "denoiser": "PSNR", "inpainter": "squared error in the holes"}
    assert found.figure.name == names.get(found.kind, "squared error")
    assert math.isfinite(found.confirmed.best)
    best, start = found.best.value, found.trials[0].value
    assert best is not None
    assert start is not None
    assert found.figure.sign * best <= found.figure.sign * start


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="an anomaly detector cannot be tuned: it learns from"):
        tune(AnomalyDetector(), X)
    with pytest.raises(InputError, match="20 are the least in all"):
        tune(small(), X[:12], trials=1)
    with pytest.raises(InputError, match="trials must be a whole number of at least 1; got 0"):
        tune(small(), X, trials=0)
    with pytest.raises(InputError, match="validation_fraction must be above 0"):
        tune(small(validation_fraction=0.0), X, trials=1)
    with pytest.raises(InputError, match="seed cannot be searched"):
        tune(small(), X, search={"seed": [0, 1]})
    with pytest.raises(InputError, match="budget cannot be searched: all trials have the same epo"):
        tune(small(), X, search={"budget": ["1s", "2s"]})
    with pytest.raises(InputError, match="leave out the estimator's budget; tune"):
        tune(ConvAutoencoder(training={"budget": "5s"}), X)
    with pytest.raises(InputError, match="loss cannot be searched for a variational"):
        tune(VariationalAutoencoder(), X, search={"loss": ["mse", "bce"]})
    with pytest.raises(InputError, match="search names no setting"):
        tune(small(), X, search={})


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"the extra 'tune'\) needs the package optuna"):
        convae.tune(small(), X)


def test_groups_stay_together() -> None:
    groups = np.arange(60) // 3
    found = tune(small(), X, trials=1, search=TWO, groups=groups)
    assert found.kept_back % 3 == found.held_out % 3 == 0
