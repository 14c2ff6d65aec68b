"""A second device without a GPU: tensors that say they are there, and fail beside tensors that are not.

A `Moved` tensor holds an ordinary one and computes with it, so code that looks at values works too. What mixes a moved
tensor with another one fails as on a GPU; numbers (tensors without an axis on the processor) mix freely, as there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = torch.device("meta")  # the one other device that every build of torch can name


class Moved(Tensor):
    """A tensor on `DEVICE`."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Moved:
        made: Any = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, inner.shape, inner.stride(), inner.storage_offset(), dtype=inner.dtype, device=DEVICE,
            requires_grad=inner.requires_grad,
        )  # fmt: skip
        made.inner = inner
        return made  # type: ignore[no-any-return]

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Moved({self.inner!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        return computed(func, args, dict(kwargs or {}))

    def numpy(self, *, force: bool = False) -> Any:
        """As a GPU's tensor: not without `.cpu()`."""
        raise TypeError("can't convert a tensor of another device to numpy: use Tensor.cpu() first")


# Operations that a GPU takes with lengths or sizes on the processor.
BESIDE = ("copy_", "_local_scalar_dense", "_pack_padded_sequence", "_pack_padded_sequence_backward", "gru", "lstm")


def computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The operation on what the tensors hold; its result is moved where an operand was, or where it is asked to be."""
    name = func.overloadpacket.__name__
    flat = [value for value in _pytree.tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
    moved = any(isinstance(value, Moved) for value in flat)
    asked = kwargs.get("device")
    if asked is not None:
        kwargs["device"] = torch.device("cpu")
        moved = torch.device(asked).type == DEVICE.type
    elif moved and name not in BESIDE:
        others = [value for value in flat if not isinstance(value, Moved) and value.dim()]
        if others and not (name in ("index", "index_put", "index_put_") and isinstance(args[0], Moved)):
            shapes = [tuple(value.shape) for value in others]
            raise RuntimeError(f"{name}: tensors of two devices, {DEVICE} and cpu {shapes}")
    inside = _pytree.tree_map(lambda value: value.inner if isinstance(value, Moved) else value, (args, kwargs))
    made = func(*inside[0], **inside[1])
    if name.endswith("_") and not name.endswith("__"):
        return args[0]
    if name == "_pack_padded_sequence":  # sizes stay on the processor
        return Moved(made[0]), made[1]
    return _pytree.tree_map(lambda value: Moved(value) if moved and isinstance(value, Tensor) else value, made)


class _Second(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        return computed(func, args, dict(kwargs or {}))


@contextmanager
def second_device() -> Iterator[None]:
    """Within, tensors can be made on `DEVICE` and moved there."""
    with pytest.MonkeyPatch.context() as patch, _Second():
        patch.setattr(torch, "stft", _stft)
        patch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which knows no such device
        yield


def _stft(
    x: Tensor, n_fft: int, hop_length: int, win_length: int = 0, window: Any = None, center: bool = True, **_: Any
) -> Tensor:
    """A transform like torch's, which turns the axes of a tensor in place as a `Moved` one cannot."""
    x = nn.functional.pad(x, (n_fft // 2, n_fft // 2)) if center else x
    margin = n_fft - len(window)
    window = nn.functional.pad(window, (margin // 2, margin - margin // 2))
    return torch.fft.rfft(x.unfold(-1, n_fft, hop_length) * window).transpose(-2, -1)


def move(module: nn.Module) -> None:
    """Put a module's weights on `DEVICE`, as a trainer does."""
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                part._parameters[name] = nn.Parameter(Moved(parameter.detach()), parameter.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = Moved(buffer)
        if hasattr(part, "_device"):
            part._device = DEVICE
