"""Convolutions over time with the channels of a frame side by side in memory, for speaking on a CPU.

PyTorch lays `B C L` out row by row. oneDNN then rearranges what each call is given and what it returns, which costs
more the fewer channels there are. Its two-dimensional convolution takes channels-last memory as it is. Values, shapes
and names of weights stay; results differ by rounding.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class ChannelsLastConv1d(nn.Conv1d):
    """A convolution whose weight and output lie channels-last. It takes any input, and such an input without a copy."""

    def forward(self, input: Float[Tensor, "B C L"]) -> Float[Tensor, "B D M"]:
        """Compute what `nn.Conv1d` does, with zeros around the ends."""
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


KINDS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv1d: ChannelsLastConv1d,
    nn.ConvTranspose1d: ChannelsLastConvTranspose1d,
}


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
