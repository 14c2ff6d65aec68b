"""The speaker-verification network of the Pro models, from its published checkpoint."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from sovits_lab.checkpoints.names import count
from sovits_lab.checkpoints.upstream_file import unpickled
from sovits_lab.checkpoints.upstream_state import load_upstream, shapes_of
from sovits_lab.conditioning.eres2net import ERes2NetV2, speaker_features
from sovits_lab.files import MOST_WEIGHTS, regular_file
from sovits_lab.types import InputError, got


def read_speaker_network(path: Path) -> ERes2NetV2:
    """Read ERes2NetV2 in eval mode; its widths are taken from the shapes.

    Raises:
        InputError: unreadable, more than tensors, missing, surplus, misshapen or non-finite entries.
    """
    try:
        data = regular_file(path, "checkpoint", MOST_WEIGHTS).read_bytes()
    except OSError as error:
        raise InputError(f"checkpoint {path}: cannot be read ({error.strerror})") from error
    state = unpickled(path, io.BytesIO(data))
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise got(f"checkpoint {path}: key {key!r}", type(value).__name__, "a tensor of ERes2NetV2")
    return speaker_network_from(state, f"checkpoint {path}")


def speaker_network_from(state: Mapping[str, Tensor], source: str) -> ERes2NetV2:
    """Build ERes2NetV2 in eval mode from its state dict; errors as `read_speaker_network`."""
    try:
        network = _shaped(state, source)
    except InputError:
        raise
    except (ValueError, ArithmeticError, IndexError, RuntimeError) as error:
        raise InputError(f"{source}: the tensors' shapes do not make an ERes2NetV2 ({error})") from error
    load_upstream(network, state, {key: key for key in network.state_dict()}, source)
    return network.eval().requires_grad_(False)


def _shaped(state: Mapping[str, Tensor], source: str) -> ERes2NetV2:
    shapes = shapes_of(state, source)
    channels = shapes["conv1.weight"][0]
    return ERes2NetV2(
        blocks=[count(state, rf"layer{stage}\.(\d+)\.") for stage in (1, 2, 3, 4)],
        channels=channels,
        base_width=-(-shapes["layer4.0.convs.0.weight"][0] * 8 // channels),  # the least that gives this width
        scale=count(state, r"layer1\.0\.convs\.(\d+)\."),
        expansion=shapes["layer1.0.conv3.weight"][0] // channels,
        embedding=shapes["seg_1.weight"][0],
    )


def speaker_vectors(path: Path) -> Callable[[Float[Tensor, "B T"]], Float[Tensor, "B V"]]:
    """Return what turns 16 kHz waveforms into the vectors of the Pro models. Errors as `read_speaker_network`."""
    network = read_speaker_network(path)
    return torch.no_grad()(lambda wav: network(speaker_features(wav)))
