"""Convolutions over time with the channels of a frame side by side in memory, for speaking on a CPU.

PyTorch lays `B C L` out row by row. oneDNN then rearranges what each call is given and what it returns, which costs
more the fewer channels there are. Its two-dimensional convolution takes channels-last memory as it is. Values, shapes
and names of weights stay; results differ by rounding.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.nn.convolution import ConvBlock, ConvStack
from sovits_lab.nn.modulation import Film


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
        h = _projected(self.enter, x)
        h = h if keep is None else h * keep
        for block in self.blocks:
            h = block(h, mask, condition)
        h = _projected(self.leave, h) if isinstance(self.leave, nn.Conv1d) else h
        return h if keep is None else h * keep


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
STACKS: dict[type[nn.Module], type[nn.Module]] = {ConvBlock: ChannelsLastBlock, ConvStack: ChannelsLastStack}


def lay_channels_last(model: nn.Module) -> None:
    """Let every plain convolution over time of a model compute channels-last.

    Those with parametrised weights or other padding than zeros stay as they are: fold weight normalisation first.
    """
    for module in model.modules():
        kind = KINDS.get(type(module))
        if kind is not None and module.padding_mode == "zeros" and not isinstance(module.padding, str):
            module.__class__ = kind  # as torch's parametrisations do it: parameters, hooks and names stay
            weight = module.weight  # a plain tensor where weight normalisation of a frozen model was folded
            assert isinstance(weight, Tensor)
            weight.data = weight.data.transpose(1, 2).contiguous().transpose(1, 2)


def lay_stacks_channels_last(model: nn.Module) -> None:
    """Let every plain stack of residual blocks of a model, and every other plain convolution, compute channels-last.

    A model that trains, or is exported as a graph, computes as before.
    """
    lay_channels_last(model)
    for module in model.modules():
        if (kind := STACKS.get(type(module))) is not None:
            module.__class__ = kind
