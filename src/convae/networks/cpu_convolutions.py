"""Fast convolutions on a CPU.

Values and gradients equal those of ``torch.nn.functional`` up to rounding in float32. The differences in
computation, and the reasons (measured with torch 2.13 on one thread of an AVX2 processor, maps of 7 to 28
pixels a side):

- Nearest-neighbour upsampling and a convolution are computed as one transposed convolution: half the time.
- A ReLU after a convolution is fused with it: one pass less over the largest maps, forward and backward.
- The gradient of the bias is a separate sum. For a transposed convolution oneDNN takes as long for it as
  for the gradient of the weights.
- If a kernel has one input or one output channel, the gradient of its weights is a matrix product with the
  translated copies of that channel, three to four times faster. One output channel is computed as a sum of
  translated products, twice as fast. With three channels oneDNN is as good.

Everything else is a call of oneDNN, on maps in channels-last memory format: for kernels of many channels its
speed comes as near to that of plain matrix products as an im2col product does. The plain functions run where
any of this is unavailable (accelerators, half precision, a torch without oneDNN, exports) and where
operations are observed, as counters of multiplications do.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils._python_dispatch import _get_current_dispatch_mode

Pair = tuple[int, int]


class Geometry(NamedTuple):
    """Stride and padding of a convolution, in pixels (vertical, horizontal).

    Attributes:
        stride, padding: as in ``torch.nn.Conv2d``.
        output_padding: as in ``torch.nn.ConvTranspose2d``, and None for a plain convolution.
    """

    stride: Pair
    padding: Pair
    output_padding: Pair | None = None


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, *, rectify: bool = False
) -> Tensor:
    """Compute a convolution, or a transposed one, of (B, C, H, W).

    Args:
        x: (B, C, H, W).
        weight: (outputs, inputs, height, width); of a transposed convolution (inputs, outputs, ...).
        bias: (outputs,) or None.
        geometry: stride and padding.
        rectify: whether a ReLU follows.

    Returns:
        (B, outputs, H', W').
    """
    x, geometry = one_column(x, weight, geometry)
    if not _is_available(x, weight):
        y = _plain(x, weight, bias, geometry)
        return y.relu() if rectify else y
    if torch.is_grad_enabled():
        result: Tensor = _Convolution.apply(x, weight, bias, geometry, rectify)  # type: ignore[no-untyped-call]
        return result
    return _forward(_channels_last(x), weight, bias, geometry, rectify)


def one_column(x: Tensor, weight: Tensor, g: Geometry) -> tuple[Tensor, Geometry]:
    """Return the same convolution with a horizontal stride of one, where a wider stride has no effect.

    oneDNN 3.12 (torch 2.13, on processors with AVX-512) gives wrong values, some from outside its memory,
    for one input channel, a stride of (1, more) and an output of one column.
    """
    width, padding, kernel = x.shape[3], g.padding[1], weight.shape[3]
    several = g.output_padding is None and weight.shape[1] == 1 and g.stride[0] == 1 < g.stride[1]
    if not several or not kernel <= width + 2 * padding < kernel + g.stride[1]:
        return x, g
    seen = F.pad(x, (padding, padding))[..., :kernel]
    return seen, Geometry((1, 1), (g.padding[0], 0))


def convolve_enlarged(
    x: Tensor, weight: Tensor, bias: Tensor | None, factor: Pair, *, rectify: bool = False
) -> Tensor:
    """Repeat every pixel ``factor`` times, then apply a convolution that keeps the size.

    A kernel covers each pixel several times. If the weights of those places are summed first, a transposed
    convolution gives the same result: 16 multiplications instead of 36 (a kernel of 3, twice the size), and
    the enlarged map is never stored.

    Args:
        x: (B, C, H, W).
        weight: (outputs, C, height, width), both odd.
        bias: (outputs,) or None.
        factor: (vertical, horizontal).
        rectify: whether a ReLU follows.

    Returns:
        (B, outputs, H · factor, W · factor).
    """
    padding = (weight.shape[2] // 2, weight.shape[3] // 2)
    if _is_available(x, weight):
        geometry = Geometry(factor, padding, (0, 0))
        return convolve(x, _summed(weight, factor), bias, geometry, rectify=rectify)
    enlarged = F.interpolate(x, scale_factor=(float(factor[0]), float(factor[1])))
    return convolve(enlarged, weight, bias, Geometry((1, 1), padding), rectify=rectify)


def _summed(weight: Tensor, factor: Pair) -> Tensor:
    """Return the transposed kernel that enlarges and convolves: each side longer by ``factor - 1``."""
    kernel = weight.transpose(0, 1).flip(2, 3)
    for axis, times in zip((2, 3), factor, strict=True):
        shifted = [F.pad(kernel, _one_side(axis, i, times - 1 - i)) for i in range(times)]
        kernel = torch.stack(shifted).sum(dim=0) if times > 1 else kernel
    return kernel.contiguous(memory_format=torch.channels_last)


def _one_side(axis: int, before: int, after: int) -> tuple[int, ...]:
    return (before, after) if axis == 3 else (0, 0, before, after)


def _is_available(x: Tensor, weight: Tensor) -> bool:
    """Whether the fast functions are available for these tensors in the present context."""
    return (
        _FUSED
        and type(x) is Tensor
        and x.device.type == weight.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.numel() > 0
        and bool(torch.backends.mkldnn.enabled)
        and not torch.is_autocast_enabled("cpu")
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        and not torch.compiler.is_compiling()
        and _get_current_dispatch_mode() is None
    )


# Private to torch, but used by its compiler for the same fusion; absent on some platforms.
_FUSED = all(
    hasattr(torch.ops.mkldnn, name)
    for name in ("_convolution_pointwise", "_convolution_transpose_pointwise")
)


def _channels_last(x: Tensor) -> Tensor:
    """Return ``x`` in channels-last format, with strides that state this for one channel, too."""
    x = x.contiguous(memory_format=torch.channels_last)
    _, c, h, w = x.shape
    return x.as_strided(x.shape, (h * w * c, 1, w * c, c))


def _plain(x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry) -> Tensor:
    if g.output_padding is None:
        return F.conv2d(x, weight, bias, g.stride, g.padding)
    return F.conv_transpose2d(x, weight, bias, g.stride, g.padding, g.output_padding)


def _forward(x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry, rectify: bool) -> Tensor:
    if _makes_few(weight, g, 2):
        few = _few_outputs(x, weight, bias, g)
        return few.relu_() if rectify else few
    shift = () if g.output_padding is None else (g.output_padding,)
    run = (
        torch.ops.mkldnn._convolution_transpose_pointwise
        if shift
        else torch.ops.mkldnn._convolution_pointwise
    )
    behind = "relu" if rectify else "none"
    y: Tensor = run(x, weight, bias, g.padding, *shift, g.stride, (1, 1), 1, behind, [], "")
    return y


class _Convolution(torch.autograd.Function):
    """:func:`convolve` with its gradient."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry, rectify: bool
    ) -> Tensor:
        """Compute the result; the gradient of a ReLU needs it again."""
        x = _channels_last(x)
        y = _forward(x, weight, bias, g, rectify)
        ctx.save_for_backward(x, weight, y if rectify else None)
        ctx.geometry = g
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the input, the weights and the bias."""
        x, weight, y = ctx.saved_tensors
        dy = _channels_last(dy)
        if y is not None:
            dy = torch.ops.aten.threshold_backward(dy, y, 0)
        to_input, to_weight, to_bias = ctx.needs_input_grad[:3]
        few = to_weight and _few(weight, ctx.geometry)
        dw = _weight_gradient(dy, x, weight, ctx.geometry) if few else None
        dx, by_onednn = _gradients(dy, x, weight, ctx.geometry, (to_input, to_weight and not few))
        return dx, dw if few else by_onednn, dy.sum((0, 2, 3)) if to_bias else None, None, None


def _gradients(
    dy: Tensor, x: Tensor, weight: Tensor, g: Geometry, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients of the input and of the weights, as far as wanted."""
    if not any(wanted):
        return None, None
    if wanted[0] and g.output_padding is not None:
        # The input's gradient of a transposed convolution is a plain one, maybe one that oneDNN cannot do.
        plain = Geometry(g.stride, g.padding)
        seen, steps = one_column(dy, weight, plain)
        if steps != plain:
            dx = _forward(_channels_last(seen), weight, None, steps, False)
            return dx, _gradients(dy, x, weight, g, (False, wanted[1]))[1]
    shift = g.output_padding or (0, 0)
    dx, dw, _ = torch.ops.aten.convolution_backward(
        dy, x, weight, None, g.stride, g.padding, (1, 1), g.output_padding is not None, shift, 1,
        (*wanted, False),
    )  # fmt: skip
    return dx, dw


def _makes_few(weight: Tensor, g: Geometry, factor: int) -> bool:
    """Whether the products of a kernel have fewer values than its input, by ``factor``."""
    outputs, inputs, height, width = weight.shape
    fits = g.output_padding is None and g.stride == (1, 1) and _covered(weight, g)
    return fits and factor * outputs * height * width <= inputs


def _covered(weight: Tensor, g: Geometry) -> bool:
    return all(p < k for p, k in zip(g.padding, weight.shape[2:], strict=True))


def _few(weight: Tensor, g: Geometry) -> bool:
    """Whether the gradient of the weights is faster as a matrix product of a few translated channels."""
    one = g.output_padding is None and weight.shape[1] == 1
    return one or _makes_few(weight, g, 1)


def _few_outputs(x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry) -> Tensor:
    """Convolve (B, C, H, W) to few channels: a product for each place of the kernel, then their sum."""
    outputs, inputs, height, width = weight.shape
    pixels = x.permute(0, 2, 3, 1)
    kernel = weight.permute(2, 3, 0, 1).reshape(-1, inputs)
    products = torch.mm(kernel, pixels.reshape(-1, inputs).t())
    products = products.view(height, width, outputs, *pixels.shape[:3])
    sizes = [
        n + 2 * p - k + 1 for n, p, k in zip(x.shape[2:], g.padding, (height, width), strict=True)
    ]
    y = products.new_zeros(outputs, len(x), *sizes)
    if bias is not None:
        y += bias.view(-1, 1, 1, 1)
    for i in range(height):
        for j in range(width):
            (to_y, from_y), (to_x, from_x) = (
                _overlap(k - p, n, size)
                for k, p, n, size in zip((i, j), g.padding, x.shape[2:], sizes, strict=True)
            )
            y[:, :, to_y, to_x] += products[i, j][:, :, from_y, from_x]
    return _channels_last(y.transpose(0, 1))


def _overlap(shift: int, there: int, here: int) -> tuple[slice, slice]:
    """Return the slices in which position p here and p + shift there both exist."""
    first, last = max(0, -shift), min(here, there - shift)
    return slice(first, max(first, last)), slice(first + shift, max(first, last) + shift)


def _weight_gradient(dy: Tensor, x: Tensor, weight: Tensor, g: Geometry) -> Tensor:
    """Return the gradient of the weights for one input channel or few output channels."""
    outputs, inputs, height, width = weight.shape
    if inputs == 1:
        columns = _columns(x, (height, width), g, dy.shape[2:])
        dw = torch.mm(columns, dy.permute(0, 2, 3, 1).reshape(-1, outputs))
        return dw.view(height, width, 1, outputs).permute(3, 2, 0, 1)
    rest = (height - 1 - g.padding[0], width - 1 - g.padding[1])
    columns = _columns(dy, (height, width), Geometry((1, 1), rest), x.shape[2:])
    dw = torch.mm(columns, x.permute(0, 2, 3, 1).reshape(-1, inputs))
    return dw.view(height, width, outputs, inputs).flip(0, 1).permute(2, 3, 0, 1)


def _columns(x: Tensor, kernel: Pair, g: Geometry, size: torch.Size) -> Tensor:
    """Gather (B, C, H, W) into (kernel · C, B · size): the inputs at each place of the kernel (im2col)."""
    padded = F.pad(x, (g.padding[1], g.padding[1], g.padding[0], g.padding[0]))
    b, c, dy, dx = padded.stride()
    seen = padded.as_strided(
        (*kernel, x.shape[1], len(x), *size),
        (dy, dx, c, b, g.stride[0] * dy, g.stride[1] * dx),
    )
    return seen.reshape(kernel[0] * kernel[1] * x.shape[1], -1)
