"""Which tensors of an adapted model are its adapters', and which are the base's."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from sovits_lab.nn.lora import LowRank

OWN = "adapters."


def own_names(model: nn.Module) -> Iterator[str]:
    """Yield the names of the adapters' tensors in the model's state: those of the slot, and low-rank weights."""
    low_rank = tuple(f"{name}." for name, module in model.named_modules() if isinstance(module, LowRank))
    for name in model.state_dict():
        if name.startswith((OWN, *low_rank)):
            yield name


def own_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the adapters' tensors by name."""
    state = model.state_dict()
    return {name: state[name] for name in own_names(model)}


def share_of(model: nn.Module) -> float:
    """Return the adapters' number of values as a share of the base's; reference encoders count."""
    own = set(own_names(model))
    sizes = {name: value.numel() for name, value in model.state_dict().items()}
    adapters = sum(size for name, size in sizes.items() if name in own)
    return adapters / max(1, sum(sizes.values()) - adapters)
