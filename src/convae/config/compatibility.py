"""Compatibility of choices: one table of the choices that cannot be combined, each with its reason.

A model is a choice on each of the axes in :data:`AXES`. Choices can be combined unless a :class:`Rule` says
why two of them cannot. Every estimator checks this table before it reads an image, and so does a network when
it is described. The suite in ``tests/estimators/test_composition.py`` runs every pair that is allowed, and
``docs/variants.md`` shows the two tables that ``python -m convae.config.compatibility`` prints.

>>> allowed("task", "neighbourhood", "code", "spatial")
False
>>> check(task=["noise"], bottleneck=["top-k"], code=["spatial"])
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from convae.config import augmentation
from convae.config.bottlenecks import KINDS, SPARSE
from convae.errors import InputError, raise_faults
from convae.losses import LOSSES, Loss


@dataclass(frozen=True)
class Task:
    """A task that a network can learn, as the table describes it.

    Attributes:
        asked_by: how a user asks for it, for people.
        estimators: the members of ``convae fit`` that learn it.
        codes, paths: values of these axes that a user can choose; others do not occur.
    """

    asked_by: str
    estimators: tuple[str, ...]
    codes: tuple[str, ...] = ("dense", "spatial")
    paths: tuple[str, ...] = ("none", "pca")


CODING = ("autoencoder", "variational", "sparse", "stacked")
RESTORING = ("none", "skips")
TASKS: dict[str, Task] = {
    "images": Task("autoencoder", CODING[:3]),
    "noise": Task("autoencoder with `noise`", CODING),
    "shift": Task("autoencoder with `shift`", CODING),
    "neighbourhood": Task("autoencoder with `neighbourhood`", CODING),
    "levels": Task("stacked autoencoder", ("stacked",)),
    "levels alone": Task("stacked autoencoder with `epochs` 0", ("stacked",)),
    "denoising": Task("denoiser, `learn` clean", ("denoiser",), paths=RESTORING),
    "pairs": Task("denoiser, `learn` pairs", ("denoiser",), paths=RESTORING),
    "halves": Task("denoiser, `learn` noisy, Gaussian noise", ("denoiser",), paths=RESTORING),
    "hidden pixels": Task("denoiser, `learn` noisy, any noise", ("denoiser",), paths=RESTORING),
    "holes": Task("inpainter", ("inpainter",), paths=RESTORING),
    "defects": Task("anomaly detector, `method` defects", ("anomaly",), ("spatial",), RESTORING),
    "attributes": Task(
        "anomaly detector, `method` attributes", ("anomaly",), ("dense",), ("none",)
    ),
    "likelihood": Task("anomaly detector, `method` likelihood", ("anomaly",), paths=("none",)),
}
LEVELS = ("levels", "levels alone")
TOGETHER = ("noise", "shift", "neighbourhood")  # can be learnt together, and with levels
SEVERAL = "a weighted sum"
LIKELIHOODS = ("mse", "l1", "bce", "logistic")
AXES: dict[str, tuple[str, ...]] = {
    "task": tuple(TASKS),
    "estimator": (*CODING, "denoiser", "inpainter", "anomaly"),
    "bottleneck": tuple(KINDS),
    "code": ("dense", "spatial"),
    "path": ("none", "pca", "skips"),  # the path that leads around the code
    "loss": (*LOSSES, SEVERAL),
    "output": ("sigmoid", "linear", "clamp"),
    "hierarchy": ("flat", "ladder"),  # whether a Gaussian code has further latent levels
    # Each stage inverts one of the encoder; other stages; no stages: the image is a sum of patterns.
    "decoder": ("mirrored", "other", "patterns"),
    "augmentation": tuple(augmentation.KINDS),
    "network": ("preset", "custom"),  # whether convae makes encoder and decoder, or is given them
    "layers": ("convolutional", "dense"),  # what the stages are made of
    "use": ("codes", "activity", "indices", "likelihood bound"),
}


def but(axis: str, *values: str) -> tuple[str, ...]:
    """Return all values of an axis except these."""
    return tuple(value for value in AXES[axis] if value not in values)


@dataclass(frozen=True)
class Rule:
    """Two sets of choices that cannot be combined.

    Attributes:
        first, second: an axis and its values.
        sentence: which choices conflict, why, and what to do instead; {0} and {1} are the values.
        forbidden: whether the choice raises an error; if False, the sentence is a remark, and training
            continues.
    """

    first: tuple[str, tuple[str, ...]]
    second: tuple[str, tuple[str, ...]]
    sentence: str
    forbidden: bool = True

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield each value of the first set with each of the second."""
        for one in self.first[1]:
            for other in self.second[1]:
                yield one, other

    def text(self, one: str, other: str) -> str:
        """Return the sentence for a pair."""
        return self.sentence.format(one, other)


MIRRORED = (
    "a stacked autoencoder is trained level by level, for which each stage of the decoder has to undo one of "
    "the encoder: it needs bypass 'none', refine 0, blocks of at least 1 and up 'subpixel' (those of the "
    "preset residual)"
)
NO_LEVELS = (
    "the levels of a stacked autoencoder are trained without a cost of the code, and bottleneck {0!r} needs "
    "one that keeps the encoder near its codebook: use ConvAutoencoder (convae fit autoencoder), or "
    "bottleneck 'plain'"
)
RULES: tuple[Rule, ...] = (
    Rule(
        ("path", ("pca",)),
        ("bottleneck", but("bottleneck", "plain")),
        "bypass 'pca' leads around a bottleneck of kind {1!r}, which then restricts nothing: use bypass "
        "'none', or bottleneck 'plain'",
    ),
    Rule(
        ("path", ("pca",)),
        ("loss", ("bce",)),
        "bypass 'pca' adds up to images beyond 0 and 1, and loss 'bce' is for probabilities: use bypass "
        "'none', or loss 'mse'",
    ),
    Rule(
        ("path", ("pca",)),
        ("output", ("sigmoid",)),
        "output 'sigmoid' would bend the linear bypass: use output 'clamp', or bypass 'none'",
    ),
    Rule(
        ("path", ("skips",)),
        ("code", ("dense",)),
        "skips are for spatial codes; with code 'dense' leave them out",
    ),
    Rule(
        ("path", ("skips",)),
        ("bottleneck", but("bottleneck", "plain")),
        "skips lead the image around the code, so bottleneck {1!r} restricts the coarsest feature map alone; "
        "for codes that hold the whole image take preset 'residual' or 'pooled'",
        forbidden=False,
    ),
    Rule(
        ("bottleneck", ("vq",)),
        ("code", ("dense",)),
        "bottleneck {0!r} replaces the vector at each position of a spatial code, and a dense code has no "
        "positions: leave out what makes the code dense, or take another bottleneck",
    ),
    Rule(
        ("bottleneck", ("vq",)),
        ("task", ("neighbourhood", "attributes")),
        "bottleneck {0!r} is for spatial codes, and {1} needs one dense vector for each image: take "
        "bottleneck 'plain'",
    ),
    Rule(("bottleneck", ("vq",)), ("task", LEVELS), NO_LEVELS),
    Rule(("bottleneck", ("vq",)), ("estimator", ("stacked",)), NO_LEVELS),
    Rule(
        ("loss", ("bce",)),
        ("output", ("linear", "clamp")),
        "loss 'bce' needs output 'sigmoid', which gives probabilities; got {1!r}: leave output out, or take "
        "loss 'mse'",
    ),
    Rule(
        ("loss", ("bce",)),
        ("task", ("holes", "defects", "attributes")),
        "loss 'bce' is for images made of probabilities, and those of an inpainter or an anomaly detector "
        "are not held between 0 and 1: take l1, mse or charbonnier",
    ),
    Rule(
        ("task", ("hidden pixels",)),
        ("loss", ("bce", "logistic", "ssim", "ms_ssim")),
        "learning from noisy images alone by hidden pixels needs a loss that adds up pixel by pixel from 0, "
        "and {1!r} does not: take mse, l1 or charbonnier, or give a target",
    ),
    Rule(
        ("task", ("halves",)),
        ("loss", ("bce", "logistic", "ssim", "ms_ssim")),
        "noise in a target averages out of a squared error, but not out of loss {1!r}: take loss 'mse', with "
        "which learning from noisy images alone mostly does better",
        forbidden=False,
    ),
    Rule(
        ("task", ("neighbourhood",)),
        ("code", ("spatial",)),
        "neighbourhood needs one code for each image: it works with code 'dense', not 'spatial'",
    ),
    Rule(
        ("task", ("neighbourhood",)),
        ("bottleneck", SPARSE),
        "neighbourhood needs codes of any sign, and those of a bottleneck {1!r} are never negative and have "
        "few active units: take bottleneck 'plain' or 'gaussian', or leave neighbourhood out",
    ),
    Rule(("task", LEVELS), ("path", ("pca",)), MIRRORED),
    Rule(("task", LEVELS), ("decoder", ("other", "patterns")), MIRRORED),
    Rule(
        ("decoder", ("patterns",)),
        ("code", ("dense",)),
        "pattern is what a unit of a spatial code draws at each position, and a dense code has no positions: "
        "use code 'spatial', or leave pattern out",
    ),
    Rule(
        ("decoder", ("patterns",)),
        ("path", ("pca", "skips")),
        "with pattern the code alone draws the image, and {1} leads around the code: use bypass 'none' "
        "and a preset without skips, or leave pattern out",
    ),
    Rule(
        ("decoder", ("patterns",)),
        ("hierarchy", ("ladder",)),
        "finer levels of a Gaussian code join between the stages of a decoder, and a decoder of patterns has "
        "no stages: leave pattern out, or take a code of one level",
    ),
    Rule(
        ("task", ("levels alone",)),
        ("bottleneck", ("gaussian", "l1", "kl")),
        "bottleneck {1!r} adds a cost of the code to the joint training of all levels, and epochs 0 leaves "
        "that training out: set epochs to 1 or more, or take bottleneck 'plain', 'top-k' or 'winners'",
    ),
    Rule(
        ("task", ("levels alone",)),
        ("task", ("shift", "neighbourhood")),
        "{1} is part of the joint training of all levels, and epochs 0 leaves that training out: set epochs "
        "to 1 or more, or leave {1} out",
    ),
    Rule(
        ("estimator", ("variational",)),
        ("bottleneck", but("bottleneck", "gaussian")),
        "a variational autoencoder has a bottleneck 'gaussian', whose codes are distributions; got {1!r}: "
        "for another use ConvAutoencoder (convae fit autoencoder)",
    ),
    Rule(
        ("estimator", ("variational",)),
        ("loss", but("loss", *LIKELIHOODS)),
        "no likelihood belongs to loss {1!r}: new images can be sampled, but the likelihood of given images "
        "cannot be computed; for that train on mse, l1, bce or logistic",
        forbidden=False,
    ),
    Rule(
        ("estimator", ("sparse",)),
        ("bottleneck", but("bottleneck", *SPARSE)),
        f"a sparse autoencoder has a bottleneck of {', '.join(SPARSE)}, which leaves few units active; got "
        "{1!r}: for another use ConvAutoencoder (convae fit autoencoder)",
    ),
    Rule(
        ("use", ("likelihood bound",)),
        ("loss", but("loss", *LIKELIHOODS)),
        "a model trained on {1!r} says nothing about likelihood, since no distribution belongs to that loss: "
        f"train on one of {', '.join(LIKELIHOODS)}",
    ),
    Rule(
        ("task", ("likelihood",)),
        ("bottleneck", but("bottleneck", "gaussian")),
        "method 'likelihood' needs a Gaussian code, and bottleneck {1!r} has no distribution: leave "
        "bottleneck out, or take method 'defects'",
    ),
    Rule(
        ("task", ("likelihood",)),
        ("loss", but("loss", *LIKELIHOODS)),
        "method 'likelihood' needs a loss that a distribution belongs to, and {1!r} has none: take one of "
        f"{', '.join(LIKELIHOODS)}",
    ),
    Rule(
        ("hierarchy", ("ladder",)),
        ("task", LEVELS),
        "finer levels of a Gaussian code lie next to the stages that a stacked autoencoder trains one by "
        "one: use VariationalAutoencoder (convae fit variational), or a code of one level",
    ),
    Rule(
        ("hierarchy", ("ladder",)),
        ("path", ("skips",)),
        "finer levels are of a code that holds the image, and skips lead the image around it: take preset "
        "'residual' or 'pooled', or a code of one level",
    ),
    Rule(
        ("augmentation", ("rotations", "shifts", "brightness")),
        ("task", ("halves", "hidden pixels")),
        "augment {0!r} changes the noise of images, and a denoiser that learns from noisy images alone needs "
        "it as it is: leave it out, or take flips, vertical-flips or quarter-turns",
    ),
    Rule(
        ("augmentation", ("brightness",)),
        ("task", ("pairs",)),
        "augment {0!r} changes an image and its target by the same factor, and what leads from one to the "
        "other may depend on how bright they are: leave it out",
    ),
    Rule(
        ("augmentation", ("rotations",)),
        ("task", ("pairs",)),
        "augment {0!r} interpolates, which weakens the noise of an image: if the pairs are to remove noise, "
        "leave it out",
        forbidden=False,
    ),
    Rule(
        ("augmentation", ("rotations", "brightness")),
        ("loss", ("logistic",)),
        "augment {0!r} makes values between the 256 of 8-bit images, whose likelihood loss {1!r} is: leave "
        "it out, or take another loss",
    ),
    Rule(
        ("network", ("custom",)),
        ("bottleneck", ("gaussian",)),
        "a custom encoder gives one code for each image, and bottleneck 'gaussian' needs a variance, too: "
        "use bottleneck 'plain' or a sparse one, or VariationalAutoencoder without encoder and decoder",
    ),
    Rule(
        ("network", ("custom",)),
        ("bottleneck", ("vq",)),
        "a codebook replaces the vectors of convae's own encoders, and lies between layers that a custom "
        "network does not have: use bottleneck 'plain' or a sparse one, or leave out encoder and decoder",
    ),
    Rule(
        ("network", ("custom",)),
        ("task", ("neighbourhood",)),
        "neighbourhood lays out dense codes at the scale of convae's encoder, and a custom encoder may give "
        "codes of any form and scale: leave out neighbourhood, or encoder and decoder",
    ),
    Rule(
        ("layers", ("dense",)),
        ("code", ("spatial",)),
        "preset 'dense' has no convolutions and one code for the whole image, without positions: use code "
        "'dense' and another bottleneck than 'vq', or another preset where positions are needed",
    ),
    Rule(
        ("layers", ("dense",)),
        ("hierarchy", ("ladder",)),
        "finer levels of a Gaussian code have values at each position of a feature map, and preset 'dense' "
        "has no positions: take another preset, or a code of one level",
    ),
    Rule(
        ("use", ("indices",)),
        ("bottleneck", but("bottleneck", "vq")),
        "codes have indices only where they are entries of a codebook, and bottleneck {1!r} has none: fit "
        "with bottleneck 'vq', or use transform and inverse_transform",
    ),
    Rule(
        ("use", ("activity",)),
        ("bottleneck", ("kl",)),
        "the units of a bottleneck {1!r} do not compete, so there is no activity before they compete: use "
        "transform instead",
    ),
)


def allowed(axis: str, value: str, other_axis: str, other: str) -> bool:
    """Return whether no rule forbids this pair, in either order."""
    named = {(axis, value), (other_axis, other)}
    return not any(
        rule.forbidden and {(rule.first[0], one), (rule.second[0], two)} == named
        for rule in RULES
        for one, two in rule.pairs()
    )


def offered(axis: str, value: str, other_axis: str, other: str) -> bool:
    """Return whether a user can choose this pair, allowed or not."""
    if "task" not in (axis, other_axis):
        return True
    if axis != "task":
        axis, value, other_axis, other = other_axis, other, axis, value
    if other_axis == "task":
        both = {value, other}
        return both <= set(TOGETHER) or len(both & set(TOGETHER)) == len(both & set(LEVELS)) == 1
    fields = {"estimator": "estimators", "code": "codes", "path": "paths"}
    return other_axis not in fields or other in getattr(TASKS[value], fields[other_axis])


def faults(**chosen: Iterable[str]) -> list[str]:
    """Return a sentence for each rule that forbids the choices.

    Args:
        chosen: values of the axes, by their names; several where a task combines several. Axes that are left
            out, or have no value yet, are not checked.
    """
    return [sentence for rule, sentence in _hits(chosen) if rule.forbidden]


def remarks(**chosen: Iterable[str]) -> list[str]:
    """Return remarks on an allowed choice; arguments as for :func:`faults`."""
    return [sentence for rule, sentence in _hits(chosen) if not rule.forbidden]


def check(**chosen: Iterable[str]) -> None:
    """Raise an error for choices that cannot be combined; arguments as for :func:`faults`.

    Raises:
        InputError: one sentence for each fault: which choices conflict, why, and what to do instead.
    """
    found = faults(**chosen)
    if len(found) == 1:
        raise InputError(found[0])
    raise_faults("what was chosen does not go together", found)


def of_loss(loss: Loss) -> tuple[str, ...]:
    """Return the values of the axis ``loss`` that a loss has: its terms, and whether they are weighted."""
    terms = tuple(name for _, name in loss.terms)
    return terms if terms == (str(loss),) else (SEVERAL, *terms)


def _hits(chosen: Mapping[str, Iterable[str]]) -> Iterator[tuple[Rule, str]]:
    """Yield each rule that applies to the choices once, with its sentence for the first such pair."""
    given, found = {axis: tuple(values) for axis, values in chosen.items()}, set[str]()
    for rule in RULES:
        ones, others = given.get(rule.first[0], ()), given.get(rule.second[0], ())
        hits = (rule.text(*pair) for pair in rule.pairs() if pair[0] in ones and pair[1] in others)
        sentence = next(hits, None)
        if sentence is not None and sentence not in found:
            found.add(sentence)
            yield rule, sentence


# -- the table, for people ----------------------------------------------------------------------

COLUMNS = [
    (axis, value)
    for axis in ("code", "path", "bottleneck")
    for value in AXES[axis]
    if value != "none"
]


def tables() -> tuple[str, str]:
    """Return two tables in Markdown: the combinations of each task, and all rules."""
    head = ["what is learnt", *(f"`{value}`" for _, value in COLUMNS)]
    rows = [
        [task.asked_by, *(_cell(name, axis, value) for axis, value in COLUMNS)]
        for name, task in TASKS.items()
    ]
    reasons = [[_named(rule.first), _named(rule.second), _reason(rule)] for rule in RULES]
    return _table(head, rows), _table(["this", "with", "message"], reasons)


def _cell(task: str, axis: str, value: str) -> str:
    if not offered("task", task, axis, value):
        return ""
    return "yes" if allowed("task", task, axis, value) else "no"


def _named(side: tuple[str, tuple[str, ...]]) -> str:
    axis, values = side
    if axis == "task":
        return "; ".join(TASKS[value].asked_by for value in values)
    return f"{axis} {', '.join(f'`{value}`' for value in values)}"


def _reason(rule: Rule) -> str:
    sentence = rule.text(*next(rule.pairs()))
    return sentence if rule.forbidden else f"(warning only) {sentence}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write("\n".join(tables()))
