"""Convolutions over time with the channels of a frame side by side in memory, for speaking on a CPU.

PyTorch lays `B C L` out row by row. oneDNN then rearranges what each call is given and what it returns, which costs
more the fewer channels there are. Its two-dimensional convolution takes channels-last memory as it is. Values, shapes
and names of weights stay; results differ by rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.nn.convolution import ConvBlock, ConvStack
from sovits_lab.nn.modulation import Film
from sovits_lab.nn.packed_convolution import ConvolutionSteps, PackedWeight, can_pack, convolve

ROOM = 16  # frames, to a multiple of which a row is filled up


class ChannelsLastConv1d(nn.Conv1d):
    """A convolution whose weight and output lie channels-last. It takes any input, and such an input without a copy."""

    def forward(self, input: Float[Tensor, "B C L"]) -> Float[Tensor, "B D M"]:
        """Compute what `nn.Conv1d` does, with zeros around the ends."""
        if torch.compiler.is_exporting():
            return super().forward(input)
        assert not isinstance(self.padding, str), "padding is a number of zeros"
        x, weight = input[:, :, None], self.weight[:, :, None]
        stride, padding, dilation = (1, *self.stride), (0, *self.padding), (1, *self.dilation)
        return F.conv2d(x, weight, self.bias, stride, padding, dilation, self.groups)[:, :, 0]


class PackedConv1d(ChannelsLastConv1d):
    """A convolution that keeps its weight as oneDNN takes it: of few frames, so that the order of the weight counts."""

    def forward(self, input: Float[Tensor, "B C L"]) -> Float[Tensor, "B D M"]:
        """Compute what `nn.Conv1d` does, with zeros around the ends."""
        if not can_pack(input, self.weight):
            return super().forward(input)
        return convolve(input[:, :, None], self.weight[:, :, None], self.bias, self.steps, self.packed)[:, :, 0]

    @cached_property
    def packed(self) -> PackedWeight:
        """The weight as oneDNN takes it."""
        return PackedWeight()

    @cached_property
    def steps(self) -> ConvolutionSteps:
        """Stride, padding and dilation over one row of frames."""
        assert not isinstance(self.padding, str), "padding is a number of zeros"
        return ConvolutionSteps((1, *self.stride), (0, *self.padding), (1, *self.dilation), self.groups)


class ChannelsLastConvTranspose1d(nn.ConvTranspose1d):
    """A transposed convolution whose weight and output lie channels-last."""

    def forward(self, input: Float[Tensor, "B C L"], output_size: list[int] | None = None) -> Float[Tensor, "B D M"]:
        """Compute what `nn.ConvTranspose1d` does; the size follows from stride and padding alone."""
        assert not isinstance(self.padding, str), "padding is a number of zeros"
        x, weight = input[:, :, None], self.weight[:, :, None]
        stride, padding, dilation = (1, *self.stride), (0, *self.padding), (1, *self.dilation)
        more = (0, *self.output_padding)
        return F.conv_transpose2d(x, weight, self.bias, stride, padding, more, self.groups, dilation)[:, :, 0]


class ChannelsLastBlock(ConvBlock):
    """A residual block whose frames stay side by side from one operation to the next."""

    def forward(
        self, x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"], condition: Float[Tensor, "B G"] | None = None
    ) -> Float[Tensor, "B C L"]:
        if self.training or torch.compiler.is_exporting():
            return super().forward(x, mask, condition)
        keep = padding_of(mask, x)
        h = self.conv(x if keep is None else x * keep).transpose(1, 2)
        branch = self._modulated(h, condition).transpose(1, 2)
        return x + branch if keep is None else (x + branch) * keep

    def beside_room(
        self, x: Float[Tensor, "B C L"], frames: int, condition: Float[Tensor, "B G"] | None
    ) -> Float[Tensor, "B C L"]:
        """Return the block of the first `frames` frames; those behind them are set to zero in place."""
        x[:, :, frames:] = 0
        return x + self._modulated(self.conv(x).transpose(1, 2), condition).transpose(1, 2)

    def _modulated(self, h: Float[Tensor, "B L C"], condition: Float[Tensor, "B G"] | None) -> Float[Tensor, "B L C"]:
        """Norm, modulation and GELU; gain and shift of one row go into those of the norm."""
        norm = self.norm.norm
        if type(self.modulation) is not Film or len(h) > 1:
            return self.modulation(norm(h), condition, F.gelu)
        gain, shift = (each[0, :, 0] for each in self.modulation.prepare(condition))
        return F.gelu(F.layer_norm(h, norm.normalized_shape, norm.weight * gain, norm.bias * gain + shift, norm.eps))


class ChannelsLastStack(ConvStack):
    """A stack of such blocks; its projections are products of matrices."""

    def forward(
        self, x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"], condition: Float[Tensor, "B G"] | None = None
    ) -> Float[Tensor, "B D L"]:
        if self.training or torch.compiler.is_exporting():
            return super().forward(x, mask, condition)
        keep = padding_of(mask, x)
        if keep is None and len(x) == 1 and can_pack(x, self.enter.weight):
            return self._beside_room(x, condition)
        h = _projected(self.enter, x)
        h = h if keep is None else h * keep
        for block in self.blocks:
            h = block(h, mask, condition)
        h = _projected(self.leave, h) if isinstance(self.leave, nn.Conv1d) else h
        return h if keep is None else h * keep

    def _beside_room(self, x: Float[Tensor, "1 C L"], condition: Float[Tensor, "1 G"] | None) -> Float[Tensor, "1 D L"]:
        """One row with room behind it: oneDNN makes a kernel for each length that it meets, so let there be few."""
        frames = x.shape[2]
        h = self.enter(F.pad(x.transpose(1, 2), (0, 0, 0, -frames % ROOM)).transpose(1, 2))
        for block in self.blocks:
            assert isinstance(block, ChannelsLastBlock), "laid out with its stack"
            h = block.beside_room(h, frames, condition)
        return self.leave(h)[:, :, :frames]


def padding_of(mask: Bool[Tensor, "B L"], like: Tensor) -> Float[Tensor, "B 1 L"] | None:
    """Return ones where positions are real, zeros elsewhere; None where all of them are."""
    return None if mask.all() else mask[:, None].to(like.dtype)


def _projected(conv: nn.Conv1d, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B D L"]:
    """A convolution of one frame, which torch would compute by its slowest way."""
    return F.linear(x.transpose(1, 2), conv.weight[:, :, 0], conv.bias).transpose(1, 2)


KINDS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv1d: ChannelsLastConv1d,
    nn.ConvTranspose1d: ChannelsLastConvTranspose1d,
}
STACKS: dict[type[nn.Module], type[nn.Module]] = {
    **KINDS,
    nn.Conv1d: PackedConv1d,
    ConvBlock: ChannelsLastBlock,
    ConvStack: ChannelsLastStack,
}


def lay_channels_last(model: nn.Module) -> None:
    """Let every plain convolution over time of a model compute channels-last.

    Those with parametrised weights or other padding than zeros stay as they are: fold weight normalisation first.
    """
    _lay(model, KINDS)


def lay_stacks_channels_last(model: nn.Module) -> None:
    """Let every plain stack of residual blocks of a model, and every other plain convolution, compute channels-last.

    A model that trains, or is exported as a graph, computes as before.
    """
    _lay(model, STACKS)


def _lay(model: nn.Module, kinds: Mapping[type[nn.Module], type[nn.Module]]) -> None:
    for module in model.modules():
        if (kind := kinds.get(type(module))) is None or not _is_plain(module):
            continue
        module.__class__ = kind  # as torch's parametrisations do it: parameters, hooks and names stay
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            weight = module.weight  # a plain tensor where weight normalisation of a frozen model was folded
            assert isinstance(weight, Tensor)
            weight.data = weight.data.transpose(1, 2).contiguous().transpose(1, 2)


def _is_plain(module: nn.Module) -> bool:
    """Whether it has zeros around the ends, if it has any."""
    padded = getattr(module, "padding_mode", "zeros"), getattr(module, "padding", 0)
    return padded[0] == "zeros" and not isinstance(padded[1], str)
