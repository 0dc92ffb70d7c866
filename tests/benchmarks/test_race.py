"""What the speed benchmark counts and how it takes turns; no test measures time."""

import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from contenders import data
from contenders.plain_networks import plain_network
from convae.networks.autoencoder import Autoencoder
from convae.networks.presets import make_architecture
from race import breakdown, training, workers
from race.field import Contender
from race.figures import exponent, operations, ratios, short, spread
from race.rounds import Race
from race.told import Options, Told
from race.workers import ContenderError, Worker

PRESETS = ("tutorial", "pooled", "residual")


@pytest.mark.parametrize("preset", PRESETS)
def test_the_plain_networks_are_those_of_the_presets(preset: str) -> None:
    network = Autoencoder(make_architecture(preset, (1, 28, 28)))
    plain = plain_network(preset, 28)
    there, here = (sum(p.numel() for p in one.parameters()) for one in (plain, network))
    assert there == here
    assert plain(torch.rand(2, 1, 28, 28)).shape == (2, 1, 28, 28)


def test_the_tutorial_network_plain_computes_the_same() -> None:
    network, plain = (
        Autoencoder(make_architecture("tutorial", (1, 28, 28))),
        plain_network("tutorial", 28),
    )
    with torch.no_grad():
        for mine, theirs in zip(plain.parameters(), network.parameters(), strict=True):
            mine.copy_(theirs)
    x = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(plain(x), network(x).reconstruction)


@pytest.mark.parametrize("preset", PRESETS)
def test_operations_are_those_that_torch_counts(preset: str) -> None:
    a, plain = make_architecture(preset, (1, 28, 28)), plain_network(preset, 28)
    for backward in (False, True):
        with FlopCounterMode(display=False) as counted:
            made = plain(torch.rand(3, 1, 28, 28))
            if backward:
                made.sum().backward()
        assert counted.get_total_flops() == 3 * operations(a, training=backward)


def test_ratios_of_pairs_forget_a_machine_that_slows_down() -> None:
    pairs = [(2 * speed, speed) for speed in (1.0, 0.1, 5.0, 0.01)]
    assert ratios(pairs).median == pytest.approx(2)
    assert ratios(pairs).low == pytest.approx(2)


def test_spread_of_one_value_is_that_value() -> None:
    assert spread([3.0]).low == spread([3.0]).high == 3.0


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power(power: float) -> None:
    sizes = [1.0, 3.0, 10.0, 100.0]
    assert exponent(sizes, [7 * size**power for size in sizes]) == pytest.approx(power)


def test_numbers_are_told_with_three_digits() -> None:
    assert [short(v) for v in (0.0, 0.00123, 1.5, 99.94, 1234.4)] == [
        "0.0",
        "0.00123",
        "1.50",
        "99.9",
        "1,234",
    ]


STEPS = """
from contenders.serving import Gate
gate = Gate(warmup=2)
gate.measures["done"] = lambda: {"done": done}
done = 0
print("noise")
while True:
    done += 1
    gate.step()
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "WORK", tmp_path)
    monkeypatch.setattr(workers, "REST", 0.0)


def started(program: str) -> Worker:
    return Worker([sys.executable, "-c", program], "test", 1, str(workers.BENCHMARKS))


@pytest.mark.usefixtures("work")
def test_a_contender_works_in_portions_and_answers_between_them() -> None:
    worker = started(STEPS)
    assert worker.answer()["amount"] == 2
    assert worker.ask("run", amount=5)["amount"] == 5
    assert worker.ask("done")["done"] == 7
    assert worker.run(1) >= 0
    assert worker.ask("done")["done"] == 8
    worker.end()


@pytest.mark.usefixtures("work")
def test_a_contender_that_fails_says_why() -> None:
    worker = started("raise SystemExit('no such backend')")
    with pytest.raises(ContenderError, match="no such backend"):
        worker.answer()


@pytest.mark.usefixtures("work")
def test_a_race_goes_on_without_those_who_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = {"bad": "raise SystemExit('gone')"}

    def start(self: Contender, task: str, **job: object) -> Worker:
        return started(programs.get(self.module, STEPS))

    monkeypatch.setattr(Contender, "start", start)
    contenders = [Contender(name, name) for name in ("ours", "good", "bad")]
    race = Race(contenders, "train", {}, seconds=0.001, unit=10)
    race.round(0)
    race.round(1)
    result = race.end()
    assert result.absent == {"bad": "gone"}
    assert len(result.pairs["good"]) == 2
    assert set(result.pairs) == {"good"}
    assert len(result.products) == 2


LEARNING = STEPS.replace('"done": done', '"error": 1 / done')


@pytest.mark.usefixtures("work")
def test_those_who_learn_stop_at_the_error_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[tuple[object, ...]] = []

    def start(self: Contender, task: str, **job: object) -> Worker:
        return started(LEARNING.replace('"done"]', '"error"]') if self.name != "bad" else "1 / 0")

    monkeypatch.setattr(Contender, "start", start)
    monkeypatch.setattr(training, "LEARNERS", [Contender(n, n) for n in ("ours", "bad")])
    monkeypatch.setattr(data, "mnist", lambda part: [])
    monkeypatch.setattr(Told, "row", lambda self, *values: rows.append(values))
    monkeypatch.setattr(Told, "write", lambda self: None)
    quick = Options(rounds=1, seconds=1, quick=True, most_images=1, files=1, former="", command="")
    training.error(quick)
    assert [row[:2] for row in rows] == [("ours", "15")]  # 1 / 17 is the first below 0.08


@pytest.mark.parametrize("preset", ["tutorial", "residual"])
def test_the_layers_of_a_breakdown_are_all_there_is_to_multiply(preset: str) -> None:
    a = make_architecture(preset, (1, 28, 28))
    layers = breakdown._layers(Autoencoder(a).eval(), torch.rand(2, 1, 28, 28))
    found = sum(count * layer.multiplies() for layer, count in layers.items())
    linear_path = 2 * 2 * a.latent_dim * 784 if a.bypass != "none" else 0
    assert 2 * found + 2 * linear_path == 2 * operations(a, training=False)
    assert [layer.first for layer in layers] == [True] + [False] * (len(layers) - 1)
    for layer in layers:
        assert set(layer.work()) == {"forward", "backward"}
        gradients = layer.work()["backward"]()
        weights = list(layer.module.parameters())
        assert isinstance(gradients, tuple)
        assert [g.shape for g in gradients][: len(weights)] == [w.shape for w in weights]
        assert len(gradients) == len(weights) + (not layer.first)
