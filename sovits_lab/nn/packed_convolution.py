"""A convolution over channels-last memory whose weight oneDNN keeps in its own order, for speaking on a CPU.

`F.conv2d` rearranges the weight at every call, which takes as long as the products of a hundred frames, and computes
shorter input by another way than oneDNN. Which order is fastest depends on the length of the input, so a weight is kept
in each order that was asked for so far, two or three. Values are those of oneDNN's own convolution, to the bit.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MOST_SHAPES = 4096  # of input, whose orders are remembered
MOST_ORDERS = 4  # of one weight; seen were one or two
_NEEDED = ("_convolution_pointwise", "_reorder_convolution_weight", "_get_mkldnn_serialized_md")


class ConvolutionSteps(NamedTuple):
    """Stride, padding and dilation over height and time, and the groups."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int


class PackedWeight:
    """The weight of one convolution in the orders that were asked for.

    Attributes:
        orders: by oneDNN's own description of the order.
    """

    def __init__(self) -> None:
        self.orders: dict[Order, Tensor] = {}
        self._state: tuple[int, int] | None = None

    def __reduce__(self) -> tuple[type[PackedWeight], tuple[()]]:
        """Copy and pickle without the orders, which are found again."""
        return type(self), ()

    def ordered(self, weight: Tensor, shape: torch.Size, steps: ConvolutionSteps) -> Tensor | None:
        """Return the weight `D C/groups 1 K` for an input of this shape; None where that would be too many orders."""
        state = weight.data_ptr(), 0 if weight.is_inference() else weight._version
        if state != self._state:  # it has other values by now
            self.orders, self._state = {}, state
        asked = weight.shape, shape, steps, torch.get_num_threads()
        order = _ORDERS.get(asked)
        found = None if order is None else self.orders.get(order)
        if found is None and len(self.orders) < MOST_ORDERS:
            found, order = _in_order(weight, shape, steps)
            if len(_ORDERS) >= MOST_SHAPES:
                _ORDERS.clear()
            _ORDERS[asked] = order
            found = self.orders.setdefault(order, found)
        return found


Order = tuple[int, ...]
_ORDERS: dict[tuple[torch.Size, torch.Size, ConvolutionSteps, int], Order] = {}
_KNOWN: dict[Order, Order] = {}
_GAPS = frozenset({27, 79, 105})  # words of a description behind fields of 32 bits, which nobody sets


def _in_order(weight: Tensor, shape: torch.Size, steps: ConvolutionSteps) -> tuple[Tensor, Order]:
    """The weight as oneDNN wants it for an input of this shape, and what that order is."""
    stride, padding, dilation, groups = steps
    made = torch.ops.mkldnn._reorder_convolution_weight(weight, padding, stride, dilation, groups, list(shape))
    words = torch.ops.mkldnn._get_mkldnn_serialized_md(made).view(torch.int32).tolist()
    order = tuple(word for place, word in enumerate(words) if place not in _GAPS)
    return made, _KNOWN.setdefault(order, order)  # one object for all shapes of an order: it has 190 numbers


def can_pack(x: Tensor, weight: Tensor) -> bool:
    """Return whether a product of these is oneDNN's to make: plain float32 on a CPU, without gradients or autocast."""
    return (
        _AVAILABLE
        and not torch.is_grad_enabled()
        and type(x) is Tensor
        and type(weight) in (Tensor, nn.Parameter)
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.numel() > 0
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, steps: ConvolutionSteps, packed: PackedWeight) -> Tensor:
    """Compute the convolution of `B C 1 L` with `D C/groups 1 K`, `B D 1 M`, channels-last, of what `can_pack`."""
    ordered = packed.ordered(weight, x.shape, steps)
    if ordered is None:
        return F.conv2d(x, weight, bias, *steps)
    stride, padding, dilation, groups = steps
    return torch.ops.mkldnn._convolution_pointwise(x, ordered, bias, padding, stride, dilation, groups, "none", [], "")


_AVAILABLE = torch._C._has_mkldnn and all(hasattr(torch.ops.mkldnn, name) for name in _NEEDED)
