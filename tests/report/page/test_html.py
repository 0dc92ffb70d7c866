import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from convae.errors import InputError
from convae.report.page.contents import CodeMap, DataFacts, Metric, Panel, Report
from convae.report.page.html import render_report, write_report
from convae.report.pictures.comparison import Comparison

HOSTILE = "\"><script>alert(1)</script>\x00\u202e\udcff{{ 7*7 }}</style>&amp;'.png"


class Page(HTMLParser):
    """Collects what a browser would see, and checks that every tag is closed in its order."""

    def __init__(self, text: Any) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.addresses: list[Any] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: Any, attrs: Any) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_startendtag(self, tag: Any, attrs: Any) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: Any) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: Any) -> None:
        self.words.append(data)


def page(report: Any) -> Any:
    text = render_report(report)
    ElementTree.fromstring(text)  # stricter than HTML asks for
    seen = Page(text)
    assert "script" not in seen.tags
    assert all(address.startswith("data:image/png") for address in seen.addresses)
    assert not {"nan", "NaN", "inf", "None"} & {word.strip() for word in seen.words}
    return seen


def comparison(
    count: Any = 3, channels: Any = 1, height: Any = 8, width: Any = 8, **more: Any
) -> Any:
    rng = np.random.default_rng(0)
    pixels = rng.random((count, channels, height, width)).astype(np.float32)
    return Comparison(originals=pixels, reconstructions=1 - pixels, **more)


def full(name: Any = "Trees", count: Any = 30) -> Any:
    rng = np.random.default_rng(0)
    names = [f"{name}{k}" for k in range(count)]
    shown = comparison(count, names=names, errors=rng.random(count))
    epochs = [
        {"epoch": k, "train_loss": 1 / k, "validation_loss": 1.2 / k, "seconds": 2.0}
        for k in range(1, 500)
    ]
    return Report(
        title=name,
        subtitle=name,
        summary=[f"{name} is 43 % below PCA.", name],
        metrics=[
            Metric(name=name, model=0.004, baselines={"PCA": 0.008, name: None}),
            Metric(name="PSNR (dB)", model=21.0, baselines={"PCA": 20.0}, better="higher"),
            Metric(name="SSIM", model=0.5, baselines={"PCA": 0.6}, better="higher"),
        ],
        metrics_note=name,
        history=epochs,
        baseline=(name, 0.01),
        training_facts={name: name, "rate": 0.001, "no": None, "yes": True},
        examples=shown,
        best=shown.select([0]),
        worst=shown.select([1]),
        errors=rng.random(100),
        baseline_errors=(name, rng.random(100)),
        codes=CodeMap(
            points=rng.normal(size=(count, 2)),
            shares=(0.5, 0.2),
            labels=[name] * count,
            thumbnails=shown.originals,
            variances=[3, 2, 1],
            pca_variances=[9, 1, 0.1],
        ),
        layers=[{"name": name, "kind": name, "shape": (1, 8, 8), "parameters": 3}] * 3,
        network_facts={"shape": (1, 8, 8)},
        data=DataFacts(facts={name: 3}, notes=[name], skipped=[(name, name)] * 600),
        settings={name: [1, 2], "nested": {"a": 1.5}},
        versions={name: name},
        command=name,
        python=name,
    )


def test_the_title_is_enough() -> None:
    seen = page(Report(title="Only this"))
    assert "section" not in seen.tags
    assert "Only this" in seen.words


def test_everything_together() -> None:
    seen = page(full())
    headings = ["Results", "Images", "Training", "Codes", "Network", "Data", "Do it again"]
    assert [word for word in seen.words if word in headings] == headings
    said = " ".join(seen.words)
    assert "24 of 30 shown." in said
    assert "All 499 epochs (one in 3)" in said
    assert "600 skipped" in said
    assert "The first 500 are listed." in said
    assert "−50" in said
    assert "+1.00 dB" in said


def test_hostile_names_stay_text() -> None:
    seen = page(full(HOSTILE, count=4))
    said = "".join(seen.words)
    assert "<script>alert(1)</script>" in said
    assert "{{ 7*7 }}" in said
    assert not set(said) & {"\x00", "\u202e", "\udcff"}


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("size", [(1, 1), (1, 64), (97, 131), (400, 300)])
def test_images_of_any_kind(channels: Any, size: Any) -> None:
    seen = page(Report(title="x", examples=comparison(1, channels, *size)))
    assert seen.tags.count("img") == 4
    assert ("Band" in " ".join(seen.words)) == (channels in (2, 9))


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_constant_and_missing_images(value: Any) -> None:
    pixels = np.full((2, 1, 5, 5), value)
    page(Report(title="x", worst=Comparison(originals=pixels, reconstructions=pixels)))


def test_empty_parts_are_left_out() -> None:
    empty = comparison(0)
    report = Report(title="x", examples=empty, codes=CodeMap(), history=[], errors=[1.0])
    assert "section" not in page(report).tags


def test_dim_images_are_said_to_be_stretched() -> None:
    pixels = np.linspace(0, 0.01, 400).reshape(1, 1, 20, 20)
    report = Report(title="x", examples=Comparison(originals=pixels, reconstructions=pixels))
    assert "use little of their range" in " ".join(page(report).words)


def test_a_worse_model_is_said_to_be_worse() -> None:
    metric = Metric(name="MSE", model=0.02, baselines={"PCA": 0.01})
    text = render_report(Report(title="x", metrics=[metric]))
    assert '<td class="wins">0.0100</td><td class="bad">+100' in text
    with pytest.raises(InputError, match="better must be one of"):
        Metric(name="x", model=1.0, better="bigger")


def test_metrics_without_values() -> None:
    rows = [Metric(name="a", model=None), Metric(name="b", model=np.nan, baselines={"PCA": 0.0})]
    page(Report(title="x", metrics=[*rows, Metric(name="c", model=1, baselines={"PCA": 0.0})]))


def test_the_file_is_the_same_each_time(tmp_path: Any) -> None:
    first = write_report(tmp_path / "a.html", full())
    second = write_report(tmp_path / "b.html", full())
    assert first.read_bytes() == second.read_bytes()
    assert "http://www.w3.org/2000/svg" in first.read_text(encoding="utf-8")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_real_images(shared_data: Any, tmp_path: Any) -> None:
    from PIL import Image

    mosaic = np.asarray(Image.open(shared_data / "cifar10_lossless5k" / "test_0.png"))
    tiles = mosaic[:64, :128].reshape(2, 32, 4, 32, 3).transpose(0, 2, 4, 1, 3)
    pixels = tiles.reshape(8, 3, 32, 32) / 255
    part = Comparison(originals=pixels, reconstructions=np.round(pixels * 8) / 8)
    path = write_report(tmp_path / "cifar.html", Report(title="x", examples=part))
    assert 20_000 < path.stat().st_size < 200_000


def test_intervals_stand_below_their_values_and_decide_what_is_good() -> None:
    def row(low: float) -> Metric:
        return Metric(
            name="accuracy",
            model=0.9,
            baselines={"PCA": 0.8},
            better="higher",
            intervals={"model": (low, 0.95), "PCA": (0.75, 0.85)},
        )

    clear, chance = (render_report(Report(title="t", metrics=[row(low)])) for low in (0.88, 0.84))
    assert "<small>0.880 to 0.950</small>" in clear
    assert "<small>0.750 to 0.850</small>" in clear
    assert '<td class="good">' in clear
    assert '<td class="good">' not in chance
    page(Report(title="t", metrics=[row(0.8)]))


@pytest.mark.parametrize("count", [2, 30])
def test_panels_show_every_row_of_every_image(count: int) -> None:
    rows = {
        what: np.full((count, 8, 12, 3), value, np.uint8)
        for what, value in (("before <", 9), ("after", 200))
    }
    names = [f"{i}.png" for i in range(count)]
    panel = Panel(
        heading="Filled", rows=rows, names=names, texts=["30 dB"] * count, note="By hand."
    )
    text = render_report(Report(title="x", panels=[panel]))
    page(Report(title="x", panels=[panel]))
    shown = min(count, 24)
    assert text.count('title="after"') == text.count('title="before &lt;"') == shown
    assert text.count("<b>30 dB</b>") == shown
    assert "Each image: before &lt;, after. By hand." in text
    assert ("24 of 30 shown" in text) == (count == 30)


def test_panels_of_rows_that_do_not_fit_are_refused() -> None:
    rows = {"a": np.zeros((2, 8, 8, 3), np.uint8), "b": np.zeros((3, 8, 8, 3), np.uint8)}
    with pytest.raises(InputError, match="one shape"):
        Panel(heading="x", rows=rows)
    with pytest.raises(InputError, match="texts must be 2 or none, got 1"):
        Panel(heading="x", rows={"a": rows["a"]}, texts=["one"])
