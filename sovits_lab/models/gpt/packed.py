"""Decoders packed for generation on a CPU: one token is bound by reading weights, so they are stored as read best.

| precision | weights | one row | several rows |
|---|---|---|---|
| `fp32` | float32 | the fused step | oneDNN, reordered once |
| `bf16` | bfloat16, reordered once | oneDNN | oneDNN |
| `int8` | 8 bits, one scale for each output, except for the projection to logits | the fused step | ATen, bfloat16 in |

Activations are float32 between products; in the fused step they are never rounded to less, but `int8` keeps keys and
values in 8 bits, one scale for each position and head. The prefix of `int8` is multiplied in bfloat16 where the
processor has instructions for it, else in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float, Int8
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.models.gpt.decoder import PrefixDecoder
from sovits_lab.nn.processor import multiplies_bf16
from sovits_lab.types import got

Precision = Literal["fp32", "bf16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "int8")
LARGEST = 127
FEW_ROWS = 4  # with more, such as a prefix, unpacking the weights once is faster than the 8-bit product


def missing(precision: Precision) -> str:
    """Return what this machine lacks for a precision, in a few words; "" where it has everything."""
    if precision == "int8":
        return "" if hasattr(torch.ops.aten, "_weight_int8pack_mm") else "a build of torch with 8-bit products"
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not available or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return "a build of torch with oneDNN"
    if precision == "bf16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return "a processor with AVX-512 (BW, VL, DQ) or AVX-NE-CONVERT, without which oneDNN packs no bfloat16"
    return ""


def supported(precision: Precision) -> bool:
    """Return whether this build of torch has the kernels, and this processor their instructions."""
    return not missing(precision)


def quantized_rows(weight: Float[Tensor, "N D"]) -> tuple[Int8[Tensor, "N D"], Float[Tensor, " N"]]:
    """Quantize to symmetric 8-bit rows q and scales s with weight ~ s q."""
    scale = (weight.abs().amax(1) / LARGEST).clamp(min=1e-12)
    return (weight / scale[:, None]).round().clamp(-LARGEST, LARGEST).to(torch.int8).contiguous(), scale


class ReorderedLinear(nn.Module):
    """A linear layer in oneDNN's blocked layout.

    Args:
        linear: the layer to pack; it is not kept.
        dtype: float32 or bfloat16.
        rows: how many rows most calls will have.
    """

    def __init__(self, linear: nn.Linear, dtype: torch.dtype, rows: int) -> None:
        super().__init__()
        weight = linear.weight.detach().to(dtype)
        self.dtype = dtype
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
        self.bias = None if linear.bias is None else linear.bias.detach().to(dtype)

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B N"]:
        y = torch.ops.mkldnn._linear_pointwise(x.to(self.dtype), self.weight, self.bias, "none", [], "")
        return y.to(x.dtype)


class Int8Linear(nn.Module):
    """A linear layer with 8-bit weights; activations are not quantized.

    Args:
        linear: the layer to pack; it is not kept.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight, scale = quantized_rows(linear.weight.detach())
        self.scale = scale
        self.bias = None if linear.bias is None else linear.bias.detach().clone()
        self.unpacked = torch.bfloat16 if multiplies_bf16() else torch.float32  # for prefixes

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B N"]:
        if x.dim() > 2 or len(x) > FEW_ROWS:
            whole = F.linear(x.to(self.unpacked), self.weight.to(self.unpacked))  # numbers up to 127 are exact in both
            y = whole.to(x.dtype) * self.scale
            return y if self.bias is None else y + self.bias
        y = torch.ops.aten._weight_int8pack_mm(x.bfloat16(), self.weight, self.scale.bfloat16())
        return y.to(x.dtype) if self.bias is None else self.bias + y


def pack(decoder: PrefixDecoder, precision: Precision, rows: int = 1) -> PrefixDecoder:
    """Prepare a decoder in place for one way of generating; afterwards it can only generate.

    Args:
        precision: see the module's table.
        rows: the batch that decoding will have.

    Raises:
        InputError: kernels that this build of torch lacks, or instructions that this processor lacks.
    """
    if lack := missing(precision):
        others = ", ".join(other for other in PRECISIONS if supported(other))
        raise got("precision", precision, f"one of {others} on this machine: {precision} needs {lack}")
    decoder.requires_grad_(False).eval()
    if precision == "int8":
        _replace(decoder, Int8Linear)
    elif precision == "bf16" or rows > 1:
        dtype = torch.float32 if precision == "fp32" else torch.bfloat16
        _replace(decoder, lambda linear: ReorderedLinear(linear, dtype, rows))
        decoder.out = ReorderedLinear(decoder.out, dtype, rows)  # type: ignore[assignment]
    if precision != "bf16" and rows == 1:
        from sovits_lab.models.gpt.fused import FusedStep  # numba takes a moment to load

        decoder.one_row = FusedStep(decoder.layers, decoder.out)
    return decoder


def _replace(decoder: PrefixDecoder, packed: Callable[[nn.Linear], nn.Module]) -> None:
    for layer in decoder.layers:
        for name in ("qkv", "out", "expand", "contract"):
            setattr(layer, name, packed(getattr(layer, name)))
