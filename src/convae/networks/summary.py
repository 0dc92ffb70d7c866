"""A network as a table: its layers, their cost, their receptive field, and the compression."""

import copy
import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from convae.networks.activations import ELU, GELU, SiLU
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.bottleneck import DenseBypass, SpatialBypass
from convae.networks.codebook import Codebook
from convae.networks.custom import CustomAutoencoder
from convae.networks.layers import Dense, DepthToSpace, ResidualBlock, SpaceToDepth

Pair = tuple[int, int]
_HEAD = ("layer", "kind", "output", "parameters", "multiply-adds")

_WORDS: dict[type[nn.Module], str] = {
    nn.ReLU: "ReLU",
    nn.LeakyReLU: "leaky ReLU",
    ELU: "ELU",
    GELU: "GELU",
    SiLU: "SiLU",
    nn.Tanh: "tanh",
    nn.Linear: "dense",
    Dense: "dense",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One layer.

    Attributes:
        name: the layer's name in the network (``network.get_submodule(name)``), or ``image``,
            ``bypass.encode``, ``bypass.decode``, ``output`` for what is not a module of its own.
        kind: what it does, in a few words.
        shape: of its result for one image: (C, H, W), or (n,) for a dense layer.
        parameters: number of trainable parameters.
        multiply_adds: per image, of convolutions and matrix products as the textbook computes them (zeros
            of the padding included); 0 for other layers.
        part: ``encoder``, ``code`` (layers that output the code) or ``decoder``.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    part: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The result of :func:`summarize`; ``print`` shows it as a table.

    Attributes:
        rows: the layers in the order of the data.
        image_shape, code_shape: of one image and its code.
        parameters: number of trainable parameters in all.
        multiply_adds: per image, for encoding and decoding.
        receptive_field: (height, width) in pixels of the part of the image that one position of the
            smallest map depends on through the convolutions (more than the image, if that is small).
        compression_ratio: values in an image divided by values in its code.
        weight_bytes: memory of the weights.
    """

    rows: tuple[Row, ...]
    image_shape: tuple[int, int, int]
    code_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    receptive_field: Pair
    compression_ratio: float
    weight_bytes: int

    def layers(self) -> list[dict[str, object]]:
        """Return the rows as mappings.

        :func:`convae.report.svg.architecture.architecture_svg` takes them.
        """
        return [dataclasses.asdict(row) for row in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        table = _table([_HEAD, *self._cells()])
        line = "-" * len(table[0])
        return "\n".join([table[0], line, *table[1:-1], line, table[-1], self._facts()])

    def _repr_html_(self) -> str:
        from convae.report.page.card import Card, render_card
        from convae.report.page.contents import Table

        table = Table(heading="", columns=_HEAD, rows=self._cells())
        return render_card(
            Card(title="Network", sentences=[self._facts()], tables=[table], words=3)
        )

    def _cells(self) -> list[tuple[str, ...]]:
        """Return the table without its head; the last row is the total."""
        body = [
            (r.name, r.kind, _sides(r.shape), f"{r.parameters:,}", f"{r.multiply_adds:,}")
            for r in self.rows
        ]
        return [*body, ("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}")]

    def _facts(self) -> str:
        """Return the code, the receptive field and the memory in one line."""
        height, width = self.receptive_field
        ratio = self.compression_ratio
        return (
            f"code {_sides(self.code_shape)}: {ratio:{',.0f' if ratio >= 100 else '.3g'}} image values "
            f"for each of its {math.prod(self.code_shape):,}; "
            f"receptive field {height} x {width} pixels; weights {_bytes(self.weight_bytes)}"
        )


def summarize(network: Autoencoder | Architecture) -> Summary:
    """Return shapes, parameters and costs of a network, without memory for its weights or running it.

    A custom network is run once, with a copy of its weights. Of its layers, only those appear that are
    modules with one result; the total of the parameters counts all. The receptive field is right if its
    encoder is a sequence of layers.

    >>> from convae.networks.presets import make_architecture
    >>> summary = summarize(make_architecture("tutorial", (1, 28, 28)))
    >>> summary.parameters, summary.receptive_field, summary.compression_ratio
    (178001, (7, 7), 49.0)
    """
    a = network if isinstance(network, Architecture) else network.architecture
    if isinstance(network, CustomAutoencoder):  # its code may need values
        shadow: Autoencoder = copy.deepcopy(network).to("cpu").eval()
        with torch.no_grad():
            rows = _rows(shadow, torch.zeros(1, *a.image_shape))
    else:
        with torch.device("meta"):  # shapes without values
            shadow = Autoencoder(a).eval()
            rows = _rows(shadow, torch.empty(1, a.input_channels, *a.image_shape[1:]))
    parameters = sum(p.numel() for p in shadow.parameters())
    assert a.custom_code or parameters == sum(row.parameters for row in rows)
    return Summary(
        rows=tuple(rows),
        image_shape=a.image_shape,
        code_shape=a.code_shape,
        parameters=parameters,
        multiply_adds=sum(row.multiply_adds for row in rows),
        receptive_field=receptive_field(shadow.encoder),
        compression_ratio=math.prod(a.image_shape) / a.code_size,
        weight_bytes=sum(t.numel() * t.element_size() for t in shadow.state_dict().values()),
    )


def receptive_field(encoder: nn.Module) -> Pair:
    """Return the (height, width) that one position of the encoder's result depends on.

    It is 1 + Σ (kernel - 1) · (product of the strides of all layers before).
    """
    sides, steps = [1, 1], [1, 1]
    for module in encoder.modules():
        kernel, stride = _window(module)
        for axis in (0, 1):
            sides[axis] += (kernel[axis] - 1) * steps[axis]
            steps[axis] *= stride[axis]
    return sides[0], sides[1]


def _window(module: nn.Module) -> tuple[Pair, Pair]:
    """Return (kernel, stride) of a layer with a window; 1 and 1 for all others."""
    if isinstance(module, SpaceToDepth):
        return module.step, module.step
    if isinstance(module, Dense):
        return module.window, module.window
    if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        return _pair(module.kernel_size), _pair(module.stride)
    return (1, 1), (1, 1)


def _rows(network: Autoencoder, image: Tensor) -> list[Row]:
    """Run the network once and record what each layer outputs."""
    a = network.architecture
    rows = [_row("image", "image", tuple(image.shape[1:]), part="encoder")]
    hooks = [module.register_forward_hook(_noting(rows, name)) for name, module in _layers(network)]
    if a.skips or a.base or a.levels > 1:
        network(image)
    else:
        code = network.encode(image)
        if a.custom_code:
            rows[-1] = dataclasses.replace(rows[-1], part="code")
        rows += _bypass_rows(network, "encode")
        network.decode(code, (a.image_shape[1], a.image_shape[2]))
    for hook in hooks:
        hook.remove()
    rows += _bypass_rows(network, "decode")
    if a.custom_code:
        return rows
    cropped = a.map_shape[1] * a.factor[0], a.map_shape[2] * a.factor[1]
    kinds = ["plus what went in"] if a.base else []
    kinds += [a.output] if a.output != "linear" else []
    kinds += ["crop"] if cropped != a.image_shape[1:] else []
    if kinds:
        rows.append(_row("output", ", ".join(kinds), a.image_shape))
    return rows


def _layers(network: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules that become rows: those without submodules, and residual blocks as a whole."""
    for name, module in network.named_children():
        if isinstance(module, nn.Identity | DenseBypass | SpatialBypass):
            continue
        if isinstance(module, ResidualBlock) or not any(module.children()):
            yield prefix + name, module
        else:
            yield from _layers(module, f"{prefix}{name}.")


def _noting(rows: list[Row], name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def note(module: nn.Module, inputs: tuple[Tensor, ...], result: Tensor) -> None:
        if not inputs or not isinstance(inputs[0], Tensor) or not isinstance(result, Tensor):
            return  # of a custom network
        before, after = inputs[0].shape[2:].numel(), result.shape[2:].numel()
        rows.append(
            Row(
                name=name,
                kind=_kind(module),
                shape=tuple(result.shape[1:]),
                parameters=sum(p.numel() for p in module.parameters()),
                multiply_adds=sum(_products(m, before, after) for m in module.modules()),
                part=_part(name),
            )
        )

    return note


def _products(module: nn.Module, before: int, after: int) -> int:
    """Return the multiply-adds: each weight once for each position of the map to which it is applied."""
    if isinstance(module, nn.Conv2d):
        return module.weight.numel() * after
    if isinstance(module, nn.ConvTranspose2d):
        return module.weight.numel() * before
    if isinstance(module, Codebook):  # the distance of each vector from each entry
        return module.total.numel() * after
    return module.weight.numel() if isinstance(module, nn.Linear) else 0


def _bypass_rows(network: Autoencoder, way: str) -> list[Row]:
    bypass, a = network.bypass, network.architecture
    if bypass is None:
        return []
    positions = math.prod(a.code_shape[1:])
    encoding = way == "encode"
    weight = bypass.analysis if encoding else bypass.synthesis
    return [
        Row(
            name=f"bypass.{way}",
            kind="linear path",
            shape=a.code_shape if encoding else a.image_shape,
            parameters=weight.numel() + (0 if encoding else bypass.mean.numel()),
            multiply_adds=weight.numel() * positions,
            part="code" if encoding else "decoder",
        )
    ]


def _row(name: str, kind: str, shape: tuple[int, ...], part: str = "decoder") -> Row:
    return Row(name=name, kind=kind, shape=shape, parameters=0, multiply_adds=0, part=part)


def _part(name: str) -> str:
    if name == "bottleneck":
        return "code"
    if name.startswith("bottleneck."):
        inner = name.split(".")[1]
        parts = {"gather": "encoder", "squeeze": "code", "spread_of": "code", "codebook": "code"}
        return parts.get(inner, "decoder")
    return "decoder" if name.startswith(("refinement.", "ladder.")) else name.split(".")[0]


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        return f"conv {_sides(module.kernel_size)}" + _by("/", _pair(module.stride))
    if isinstance(module, nn.ConvTranspose2d):
        return f"transposed conv {_sides(module.kernel_size)}" + _by("*", _pair(module.stride))
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        word = "max" if isinstance(module, nn.MaxPool2d) else "average"
        return f"{word} pooling" + _by("/", _pair(module.kernel_size))
    if isinstance(module, SpaceToDepth):
        return "space to depth" + _by("/", module.step)
    if isinstance(module, DepthToSpace):
        return "depth to space" + _by("*", module.step)
    if isinstance(module, ResidualBlock):
        return f"residual block {_sides(module.first.kernel_size)}"
    if isinstance(module, Codebook):
        return f"codebook of {len(module.count):,}"
    if isinstance(module, nn.Upsample):
        scale = module.scale_factor
        steps = scale if isinstance(scale, tuple) else (scale, scale)
        named = "" if scale is None else _by("*", (int(steps[0] or 1), int(steps[1] or 1)))
        return f"{module.mode} upsampling{named}"
    if isinstance(module, nn.GroupNorm):
        return "layer norm" if module.num_groups == 1 else "group norm"
    if isinstance(module, nn.BatchNorm2d):
        return "batch norm"
    return _WORDS.get(type(module), type(module).__name__)


def _by(sign: str, step: Pair) -> str:
    """Return `` / 2``, or `` / 1 x 2`` where the sides differ; nothing for 1."""
    if step == (1, 1):
        return ""
    return f" {sign} {step[0] if step[0] == step[1] else _sides(step)}"


def _pair(value: int | tuple[int, ...]) -> Pair:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape)


def _bytes(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.1f} KiB"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Return aligned lines: words to the left, numbers (the last two columns) to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    words = len(widths) - 2
    return [
        "  ".join(
            cell.ljust(width) if i < words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
