"""How each choice of :mod:`convae.config.compatibility` is asked for, and the combinations that the suite
runs."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

from convae.config.compatibility import (
    AXES,
    RULES,
    SEVERAL,
    TASKS,
    allowed,
    check,
    of_loss,
    offered,
)
from convae.errors import InputError
from convae.estimators.registry import ESTIMATORS, estimator_class
from convae.losses import parse_loss

Value = tuple[str, str]  # an axis and one of its values

MEMBERS = {kind.member: kind for kind in map(estimator_class, ESTIMATORS)}
# What a task is asked for by, beside the member of ``fit`` that learns it.
ASKED: dict[str, dict[str, Any]] = {
    "images": {},
    "noise": {"noise": "gaussian:0.3"},
    "shift": {"shift": 0.1},
    "neighbourhood": {"neighbourhood": 1.0},
    "levels": {"level_epochs": 1},
    "levels alone": {"level_epochs": 2, "epochs": 0},
    "denoising": {"learn": "clean", "noise": "gaussian:0.1"},
    "pairs": {"learn": "pairs"},
    "halves": {"learn": "noisy", "noise": "gaussian:0.1"},
    "hidden pixels": {"learn": "noisy"},
    "holes": {"holes": "boxes"},
    "defects": {"method": "defects"},
    "attributes": {"method": "attributes"},
    "likelihood": {"method": "likelihood"},
}
SUM = "0.8*mse+0.2*l1"


class Combination(NamedTuple):
    """What one run of the suite chooses.

    Attributes:
        tasks: one, or several that are learnt together.
        loss: empty for the estimator's own.
        estimator: empty for the first that learns the tasks.
    """

    tasks: tuple[str, ...]
    code: str = "dense"
    path: str = "none"
    bottleneck: str = "plain"
    loss: str = ""
    estimator: str = ""

    @property
    def member(self) -> str:
        """The member of ``fit``; empty where none learns all of the tasks."""
        learn = [n for n in AXES["estimator"] if all(n in TASKS[t].estimators for t in self.tasks)]
        return self.estimator or next(iter(learn), "")

    @property
    def losses(self) -> tuple[str, ...]:
        """Its values of the axis."""
        sums = self.member == "anomaly" and self.tasks != ("likelihood",)
        own = "mse+0.1*ssim" if sums else "mse"
        return of_loss(parse_loss(SUM if self.loss == SEVERAL else self.loss or own))

    @property
    def choice(self) -> dict[str, tuple[str, ...]]:
        """Its values of all axes."""
        return {
            "task": self.tasks,
            "estimator": (self.member,),
            "bottleneck": (self.bottleneck,),
            "code": (self.code,),
            "path": (self.path,),
            "loss": self.losses,
        }

    def pairs(self) -> Iterator[frozenset[Value]]:
        """Each two of its values; of one axis only two tasks, since a loss is one even where it is a sum."""
        values = [(axis, value) for axis, several in self.choice.items() for value in several]
        for one, other in combinations(values, 2):
            if one[0] != other[0] or one[0] == "task":
                yield frozenset((one, other))

    @property
    def goes(self) -> bool:
        """Whether a user can ask for it and is not refused."""
        if not self.member or not all(offered(*one, *other) for one, other in self.pairs()):
            return False
        try:
            check(**self.choice)
        except InputError:
            return False
        return True

    def __str__(self) -> str:
        words = (self.member, *self.tasks, self.code, self.path, self.bottleneck, self.loss)
        return " ".join(word for word in words if word not in ("none", ""))


def parameters(one: Combination) -> dict[str, Any]:
    """What the estimator is given for it."""
    given: dict[str, Any] = {"bottleneck": one.bottleneck}
    for task in one.tasks:
        given |= ASKED[task]
    if one.loss:
        given["loss"] = SUM if one.loss == SEVERAL else one.loss
    if one.path == "skips":
        return given if "holes" in one.tasks else {**given, "blocks": 1}
    if one.member in ("denoiser", "inpainter", "anomaly"):
        if one.tasks != ("attributes",):
            given |= (
                {"preset": "residual", "blocks": 1} if one.code == "dense" else {"preset": "pooled"}
            )
        return given
    if (one.code, one.path) == ("spatial", "none") and one.member != "stacked":
        return {**given, "preset": "pooled"}
    return {**given, "blocks": 1, "code": one.code, "bypass": one.path}


def wanted() -> set[frozenset[Value]]:
    """Every pair that a user can ask for and is not refused."""
    axes = ("task", "bottleneck", "code", "path", "loss")
    found = set[frozenset[Value]]()
    for axis, other_axis in (*combinations(axes, 2), ("task", "task"), ("estimator", "bottleneck")):
        for one in AXES[axis]:
            for other in AXES[other_axis]:
                pair = (axis, one, other_axis, other)
                if (axis, one) != (other_axis, other) and offered(*pair) and allowed(*pair):
                    found.add(frozenset(((axis, one), (other_axis, other))))
    return found


def _needed(candidates: list[Combination], missing: set[frozenset[Value]]) -> list[Combination]:
    """As few of them as it takes to have every missing pair, those with most of them first."""
    pairs = {one: has for one in candidates if (has := set(one.pairs()) & missing) and one.goes}
    chosen = []
    while pairs and (best := max(pairs, key=lambda one: len(pairs[one]))) and pairs[best]:
        chosen.append(best)
        done = pairs.pop(best)
        pairs = {one: left for one, has in pairs.items() if (left := has - done)}
    return chosen


# Each task along each way with each bottleneck.
WHOLE = [
    one
    for task in TASKS
    for code in AXES["code"]
    for path in AXES["path"]
    for bottleneck in AXES["bottleneck"]
    if (one := Combination((task,), code, path, bottleneck)).goes
]
# What is left of the pairs: losses, tasks learnt together, estimators that differ in their defaults.
FURTHER = _needed(
    [
        *(one._replace(loss=loss) for loss in AXES["loss"] for one in WHOLE),
        *(Combination(both) for both in combinations(TASKS, 2)),
        *(one._replace(estimator=name) for name in AXES["estimator"] for one in WHOLE),
    ],
    wanted() - {pair for one in WHOLE for pair in one.pairs()},
)


class Refused(NamedTuple):
    """A pair that does not go together, and how it is asked for all the same."""

    pair: tuple[str, str]
    member: str
    parameters: dict[str, Any]
    sentence: str

    def __str__(self) -> str:
        return f"{self.member} {' '.join(self.pair)}"


def every_refused() -> list[Refused]:
    """All that can be asked of an estimator."""
    found = []
    for rule in RULES:
        for pair in rule.pairs() if rule.forbidden else ():
            values = [(rule.first[0], pair[0]), (rule.second[0], pair[1])]
            asked = [way for value in values if (way := _asked(*value)) is not None]
            if len(asked) == 2:
                given = {name: value for way in asked for name, value in way.items()}
                if "neighbourhood" in pair:
                    given.setdefault("shift", 0.0)  # which it would bring along
                found.append(Refused(pair, _member(values), given, rule.text(*pair)))
    return found


def _asked(axis: str, value: str) -> dict[str, Any] | None:
    """The parameters that ask for a value; None where there are none."""
    if axis == "task":
        return ASKED[value]
    if axis == "path":
        return {"bypass": "pca"} if value == "pca" else None
    if axis == "estimator":
        return {}
    if value == "patterns":
        return {"pattern": 9}
    if axis == "layers":
        return {"preset": "dense"} if value == "dense" else {}
    if axis == "hierarchy":
        return {"bottleneck": "gaussian:levels=2"} if value == "ladder" else {}
    ways = {"loss": SUM if value == SEVERAL else value, "decoder": "nearest"}
    names = {"bottleneck": "bottleneck", "code": "code", "loss": "loss", "output": "output"}
    names |= {"decoder": "up", "augmentation": "augment"}
    return {names[axis]: ways.get(axis, value)} if axis in names else None


def _member(values: list[Value]) -> str:
    """The member of ``fit`` that takes both."""
    tasks = tuple(value for axis, value in values if axis == "task")
    named = [value for axis, value in values if axis == "estimator"]
    return (named or [Combination(tasks or ("images",)).member])[0]
