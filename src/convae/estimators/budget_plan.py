"""Plan a fit within a time budget: the number of steps, the batch size and the width, from measured steps."""

import copy
import math
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from convae.embedding.pca import PrincipalComponents
from convae.errors import InputError
from convae.estimators.fit import Learning, Ready, Run, make_job, start_network
from convae.estimators.fit_config import FitConfig
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.training.devices import deterministic
from convae.training.job import Job
from convae.training.loop import training_step
from convae.training.malloc import steady_memory
from convae.training.splits_and_batches import epoch_batches
from convae.training.state import TrainingState
from convae.training.tasks.task import step_rng
from convae.training.time_budget import MOST_EPOCHS, Costs, TimeBudget, now, steps_within
from convae.training.validation import validate

LEAST_STEPS = 300  # fewer train a network only a little: smaller batches and networks are tried
LEAST_BATCH = 32  # a smaller batch is not tried
NARROWER = {"residual": (2, 4), "unet": (2, 4), "fine": (2,)}  # divisors of a preset's widths
LEAST_WIDTH = 8
GAIN = 1.3  # how many times the steps a smaller batch or network must allow
WARM_UP, LEAST_MEASURED, MOST_MEASURED = 2, 3, 12  # steps
MEASURED_SHARE = 0.03  # of the budget, for the measured steps of one network
VALIDATED = 256  # images, by which the time of a validation is measured
RESERVE, MOST_RESERVE = 0.01, 2.0  # for what follows the training: of the budget, and in seconds


@dataclass(frozen=True, kw_only=True)
class Training:
    """A network that is ready to be trained, with its job.

    Attributes:
        ready: the images, with the architecture of the network.
        network: as it starts.
        job: what it is trained on.
        budget: the time that the training must keep; None for any time.
    """

    ready: Ready
    network: Autoencoder
    job: Job
    budget: TimeBudget | None = None


@dataclass(frozen=True)
class _Choice:
    """A training that was measured: how long its parts take, and how many steps the budget is enough for."""

    training: Training
    costs: Costs
    steps: int


def within_budget(
    training: Training,
    config: FitConfig[Any],
    learning: Learning,
    pca: PrincipalComponents | None,
    run: Run,
) -> Training:
    """Return the training that fits into the time that is left of the budget.

    A few steps and a part of the validation are run on a copy of the network. If the time is not enough for
    ``LEAST_STEPS`` steps, smaller batches and then narrower networks are measured, unless these were given.
    A resumed run keeps what was decided when it began.

    Args:
        training: as it is without a budget.
        config: its budget must be set.
        learning: what the network learns.
        pca: which the network starts from; None for none.
        run: says when the fit began.
    """
    assert config.budget is not None
    kept = _recorded(training, config, learning, pca, run) if run.resume else None
    if kept is not None:
        costs = _measured(kept, config.budget)
        return replace(kept, budget=_time_budget(config.budget, costs, run))
    if _spent(run) >= config.budget:
        return _over(training, config.budget, run)
    best = _choice(training, config.budget, run)
    if best.steps < LEAST_STEPS:
        for other in _smaller(best, config, learning, pca):
            choice = _choice(other, config.budget, run)
            if choice.steps >= GAIN * best.steps:
                best = choice
            if best.steps >= LEAST_STEPS:
                break
    chosen, budget = best.training, _time_budget(config.budget, best.costs, run)
    per_epoch = _per_epoch(chosen.job)
    # the other measurements took time, too
    left = budget.left() - best.costs.validation
    steps = max(1, min(steps_within(left, best.costs, per_epoch), MOST_EPOCHS * per_epoch))
    settings = replace(chosen.job.settings, epochs=math.ceil(steps / per_epoch), steps=steps)
    chosen = replace(chosen, job=replace(chosen.job, settings=settings), budget=budget)
    run.observers.message(_sentence(chosen, training, best.costs))
    return chosen


def _spent(run: Run) -> float:
    return now() - run.began


def _over(training: Training, seconds: float, run: Run) -> Training:
    """Return a training of one step: the time is over, and measuring steps would take more of it."""
    settings = replace(training.job.settings, epochs=1, steps=1)
    run.observers.message(
        f"the budget of {seconds:g} s was over before training began: preparing the images took "
        f"{_spent(run):.1f} s; 1 step is trained. Give a longer budget, or fewer images"
    )
    return replace(training, job=replace(training.job, settings=settings))


def _choice(training: Training, seconds: float, run: Run) -> _Choice:
    """Measure a training, and count the steps that it has time for."""
    costs = _measured(training, seconds)
    left = _time_budget(seconds, costs, run).left() - costs.validation  # that of the start
    return _Choice(training, costs, steps_within(left, costs, _per_epoch(training.job)))


def _time_budget(seconds: float, costs: Costs, run: Run) -> TimeBudget:
    reserve = (
        min(RESERVE * seconds, MOST_RESERVE) + costs.validation
    )  # the baseline is measured, too
    return TimeBudget(seconds, run.began, reserve, costs)


def _smaller(
    tried: _Choice, config: FitConfig[Any], learning: Learning, pca: PrincipalComponents | None
) -> Iterator[Training]:
    """Yield trainings with shorter steps: with smaller batches, then with narrower networks, too."""
    training, wanted = tried.training, LEAST_STEPS / max(1, tried.steps)
    batch = training.job.settings.batch_size
    if config.training.batch_size is None and batch > LEAST_BATCH:
        batch = max(LEAST_BATCH, batch // 2 ** math.ceil(math.log2(wanted)))
        yield _with_batch(training, batch)
    if config.architecture.widths is not None:
        return
    for divisor in NARROWER.get(config.parameters.preset, ()):
        with suppress(InputError):  # the other parts of the network do not allow these widths
            ready = replace(
                training.ready, architecture=_narrower(training.ready.architecture, divisor)
            )
            network = start_network(ready, pca)
            narrow = Training(ready=ready, network=network, job=make_job(config, ready, learning))
            yield _with_batch(narrow, batch)


def _with_batch(training: Training, batch: int) -> Training:
    settings = replace(training.job.settings, batch_size=batch)
    return replace(training, job=replace(training.job, settings=settings))


def _narrower(a: Architecture, divisor: int) -> Architecture:
    """Return the architecture with a fraction of its channels; the size of a code for people stays.

    Raises:
        InputError: the other parts of the network do not allow these widths.
    """
    widths = tuple(min(width, max(LEAST_WIDTH, width // divisor)) for width in a.widths)
    latent = widths[-1] if a.skips and a.latent_dim == a.widths[-1] else a.latent_dim
    return replace(a, widths=widths, latent_dim=latent, hidden=a.hidden // divisor)


def _measured(training: Training, seconds: float) -> Costs:
    """Run some steps and a part of the validation on a copy of a network, and return how long they take."""
    job, settings = training.job, training.job.settings
    state = TrainingState(copy.deepcopy(training.network), settings)
    order = epoch_batches(job.training, settings.batch_size, settings.seed, 0)
    order = [order[i % len(order)] for i in range(WARM_UP + MOST_MEASURED)]
    part = replace(job, validation=job.validation[:VALIDATED])
    with deterministic(), steady_memory():
        began, steps = time.monotonic(), 0
        for number, batch in enumerate(job.images.batches(order, (settings.seed, 0))):
            rng = step_rng(settings.seed, 0, number, order[number], progress=0.0)
            losses, _ = training_step(state, job.task, job.unit(batch), 0.0, rng)
            losses.sum().item()  # waits for an accelerator
            if number + 1 == WARM_UP:
                began = time.monotonic()
            steps = number + 1 - WARM_UP
            late = time.monotonic() - began > MEASURED_SHARE * seconds
            if steps >= LEAST_MEASURED and late:
                break
        step = (time.monotonic() - began) / steps
        began = time.monotonic()
        validate(state, part)
        validation = (time.monotonic() - began) * len(job.validation) / len(part.validation)
    return Costs(step, validation)


def _recorded(
    training: Training,
    config: FitConfig[Any],
    learning: Learning,
    pca: PrincipalComponents | None,
    run: Run,
) -> Training | None:
    """Return the training as it was decided when an interrupted run began; None if none was decided."""
    if run.checkpoint is None or not run.checkpoint.has_state():
        return None
    identity = run.checkpoint.load()[1].get("identity")
    if not isinstance(identity, dict) or not identity.get("steps"):
        return None
    ready = training.ready
    if identity.get("architecture") != _as_stored(ready.architecture):
        architecture = Architecture.from_dict(identity["architecture"])
        ready = replace(ready, architecture=architecture)
        network = start_network(ready, pca)
        training = Training(ready=ready, network=network, job=make_job(config, ready, learning))
    decided = {name: identity[name] for name in ("epochs", "steps", "batch_size")}
    settings = replace(training.job.settings, **decided)
    return replace(training, job=replace(training.job, settings=settings))


def _as_stored(a: Architecture) -> dict[str, Any]:
    return {n: list(v) if isinstance(v, tuple) else v for n, v in a.to_dict().items()}


def _per_epoch(job: Job) -> int:
    return math.ceil(len(job.training) / job.settings.batch_size)


def _sentence(chosen: Training, default: Training, costs: Costs) -> str:
    """Return what was decided, in one sentence."""
    settings, budget = chosen.job.settings, chosen.budget
    assert budget is not None
    steps = settings.steps or 0
    epochs = steps / _per_epoch(chosen.job)
    parts = [
        f"budget of {budget.seconds:g} s, {budget.spent():.1f} s of which are spent: {_many(steps, 'step')} "
        f"({epochs:.1f} epochs) in batches of {settings.batch_size}, {costs.step:.3f} s each"
    ]
    widths = chosen.ready.architecture.widths
    if widths != default.ready.architecture.widths:
        shown = ", ".join(map(str, widths))
        parts.append(f"the network is narrower than the preset's (widths {shown})")
    if epochs == MOST_EPOCHS:
        parts.append(f"more than {MOST_EPOCHS} epochs are not planned")
    if steps < LEAST_STEPS:
        parts.append("so few steps train a network only a little: a longer budget would help")
    return "; ".join(parts)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
