"""Alternating portions: in each round ours beside each peer, and the matrix product beside all.

Single timings on a shared machine differ by a factor of two within minutes. So ours is measured anew beside
each peer, one right after the other, in changing order, and what counts is the median of the ratios.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from contenders.machine import OPERATIONS
from race.field import MACHINE, Contender
from race.workers import ContenderError, Worker
from record import note


@dataclass
class Result:
    """What a race gave.

    Attributes:
        rates: units of work per second of each contender, a value a portion.
        pairs: (ours, theirs) of each peer, a pair a round.
        products: GFLOP/s of the matrix product, a value a round.
        shares: of each contender, units of work for each GFLOP of the matrix product in the same round.
        absent: who could not run, and why.
        started: seconds from the start of each process to its first step.
    """

    rates: dict[str, list[float]] = field(default_factory=dict)
    pairs: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    products: list[float] = field(default_factory=list)
    shares: dict[str, list[float]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)


class Race:
    """Contenders who are ready; the first is ours, and all others are measured beside it.

    Args:
        contenders: who races.
        task: of their modules.
        job: what they are given.
        seconds: that a portion should take.
        unit: what a unit of work counts, in images.
        product: whether the matrix product is measured as well.
    """

    def __init__(
        self,
        contenders: Sequence[Contender],
        task: str,
        job: dict[str, Any],
        *,
        seconds: float,
        unit: int,
        product: bool = True,
    ) -> None:
        self.result, self.unit = Result(), unit
        self.workers: dict[str, Worker] = {}
        self.amounts: dict[str, int] = {}
        for contender in (*([MACHINE] if product else []), *contenders):
            name = contender.name
            note(f"  {name} starts")
            try:
                worker = contender.start("product" if contender is MACHINE else task, **job)
                self.result.started[name] = worker.answer()["elapsed"]
                trial = worker.run(1)
                trial = trial if trial > seconds else min(trial, worker.run(1))
            except ContenderError as error:
                self.absent(name, error)
                continue
            self.workers[name] = worker
            self.amounts[name] = max(1, math.ceil(seconds / trial))
        self.ours = contenders[0].name
        self.result.rates[self.ours] = []  # ours stands first
        if self.ours not in self.workers:
            raise SystemExit(f"convae itself does not run: {self.result.absent[self.ours]}")

    def absent(self, name: str, error: ContenderError) -> None:
        """Go on without one who does not run."""
        note(f"  {name} is absent: {error}")
        self.result.absent[name] = str(error)

    def round(self, number: int) -> None:
        """Ours beside each other, which goes first changing from round to round."""
        if MACHINE.name in self.workers:
            seconds = self.workers[MACHINE.name].run(self.amounts[MACHINE.name])
            rate = self.amounts[MACHINE.name] * OPERATIONS / seconds / 1e9
            self.result.products.append(rate)
        peers = [name for name in self.workers if name not in (self.ours, MACHINE.name)]
        for peer in peers or [self.ours]:
            order = (self.ours, peer) if number % 2 else (peer, self.ours)
            try:
                rates = {name: self.portion(name) for name in dict.fromkeys(order)}
            except ContenderError as error:
                if peer == self.ours:
                    raise
                del self.workers[peer]
                self.absent(peer, error)
                continue
            for name, rate in rates.items():
                self.result.rates.setdefault(name, []).append(rate)
                if self.result.products:
                    share = rate / self.result.products[-1]
                    self.result.shares.setdefault(name, []).append(share)
            if peer != self.ours:
                self.result.pairs.setdefault(peer, []).append((rates[self.ours], rates[peer]))

    def portion(self, name: str) -> float:
        """Images per second over one portion."""
        amount = self.amounts[name]
        return amount * self.unit / self.workers[name].run(amount)

    def end(self) -> Result:
        """Send all home."""
        for worker in self.workers.values():
            worker.end()
        return self.result


def race(
    contenders: Sequence[Contender],
    task: str,
    job: dict[str, Any],
    *,
    rounds: int,
    seconds: float,
    unit: int,
    product: bool = True,
) -> Result:
    """All rounds of a race."""
    running = Race(contenders, task, job, seconds=seconds, unit=unit, product=product)
    try:
        for number in range(rounds):
            running.round(number)
            note(f"  round {number + 1} of {rounds}")
    finally:
        result = running.end()
    return result
