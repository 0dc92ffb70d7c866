"""A file that gives other answers than the model is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convae.errors import InputError
from convae.export.graphs.graph import Answers, Array, Graph, Slot
from convae.export.parity import compared


class Half(nn.Module):
    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (image.float() / 2,)


def answers(given: dict[str, Array]) -> Answers:
    return {"half": given["image"].astype(np.float32) / 2}


def graph(**changes: object) -> Graph:
    image = Slot(
        name="image", dtype="uint8", axes=("batch", 1, "height", "width"), meaning="images"
    )
    half = Slot(name="half", dtype="float32", axes=image.axes, meaning="halves", tolerance=0.01)
    made = Graph(
        module=Half(),
        inputs=(image,),
        outputs=(half,),
        answer=answers,
        sizes=((6, 7), (9, 5)),
        facts={"input_range": [0.0, 255.0]},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def off_by(amount: float) -> object:
    def run(given: dict[str, Array]) -> Answers:
        return {"half": answers(given)["half"] + np.float32(amount)}

    return run


def test_small_differences_are_measured() -> None:
    found = compared(graph(), off_by(0.005), "a test")  # type: ignore[arg-type]
    assert found.images == 8
    assert found.sizes == [(6, 7), (9, 5)]
    assert found.differences["half"] == pytest.approx(0.005, rel=0.01)
    assert "half 0.005" in found.sentence()


def test_large_differences_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"no file was written: run by a test, its half differs .* 0\.02"
    ):
        compared(graph(), off_by(0.02), "a test")  # type: ignore[arg-type]


def test_nan_where_the_model_has_none_is_refused() -> None:
    with pytest.raises(InputError, match="no file was written"):
        compared(graph(), off_by(float("nan")), "a test")  # type: ignore[arg-type]


def test_another_shape_is_refused() -> None:
    def run(given: dict[str, Array]) -> Answers:
        return {"half": answers(given)["half"][..., :-1]}

    with pytest.raises(InputError, match="its half has the shape"):
        compared(graph(), run, "a test")


def decisions(score: float, near: bool) -> Graph:
    def answer(given: dict[str, Array]) -> Answers:
        count = len(given["image"])
        wanted = np.full(count, score > 0)
        other = ~wanted if near else wanted
        return {"odd": wanted, "odd.low": wanted, "odd.high": other}

    odd = Slot(name="odd", dtype="bool", axes=("batch",), meaning="decisions")
    return graph(outputs=(odd,), answer=answer)


def test_a_decision_that_differs_is_refused_unless_rounding_explains_it() -> None:
    def run(given: dict[str, Array]) -> Answers:
        return {"odd": np.zeros(len(given["image"]), bool)}

    with pytest.raises(InputError, match="no file was written"):
        compared(decisions(1.0, near=False), run, "a test")
    assert compared(decisions(1.0, near=True), run, "a test").decisions == (0, 0)
    assert compared(decisions(-1.0, near=False), run, "a test").decisions == (8, 0)


def test_values_are_compared_before_they_are_rounded() -> None:
    class Rounded(nn.Module):
        def forward(self, image: Tensor) -> tuple[Tensor, ...]:
            exact = image.float() * 0.9
            return exact.round().to(torch.uint8), exact

    image = graph().inputs[0]
    both = (
        replace(image, name="made", rounded=True, tolerance=0.01),
        replace(image, name="exact", dtype="float32", tolerance=0.01),
    )

    def answer(given: dict[str, Array]) -> Answers:
        return {"made": np.rint(given["image"] * np.float32(0.9)).astype(np.uint8)}

    def run(given: dict[str, Array]) -> Answers:
        exact = given["image"] * np.float32(0.9) + np.float32(0.2)
        return {"made": np.rint(exact).astype(np.uint8), "exact": exact}

    tested = graph(module=Rounded(), outputs=both, answer=answer, exact=("exact",))
    with pytest.raises(InputError, match=r"its exact differs from the model's own by up to 0\.2"):
        compared(tested, run, "a test")
