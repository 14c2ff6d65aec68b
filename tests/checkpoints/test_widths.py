"""HiFi-GAN stages whose widths do not halve evenly (80 -> 40 -> 20 -> 10 -> 5 -> 2), as integer division gives them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sovits_lab.checkpoints.bundle import build
from sovits_lab.checkpoints.upstream_state import sovits_from
from tests.checkpoints.upstream_models import small_sovits_node, upstream_state

RATES, KERNELS = (10, 8, 2, 2, 2), (16, 16, 8, 2, 2)


def _weight(state: Mapping[str, Tensor], name: str) -> Tensor:
    if f"{name}.weight" in state:
        return state[f"{name}.weight"]
    v, g = state[f"{name}.weight_v"], state[f"{name}.weight_g"]
    return g * v / v.flatten(1).norm(dim=1)[:, None, None]


def _published_decoder(state: Mapping[str, Tensor], x: Tensor, condition: Tensor) -> Tensor:
    """The decoder from the tensors' published names alone, without any module of ours."""
    x = F.conv1d(x, _weight(state, "dec.conv_pre"), state["dec.conv_pre.bias"], padding=3)
    x = x + F.conv1d(condition[..., None], _weight(state, "dec.cond"), state["dec.cond.bias"])
    for i, (rate, kernel) in enumerate(zip(RATES, KERNELS, strict=True)):
        up = _weight(state, f"dec.ups.{i}")
        x = F.conv_transpose1d(F.leaky_relu(x, 0.1), up, state[f"dec.ups.{i}.bias"], rate, padding=(kernel - rate) // 2)
        blocks = []
        for j, size in enumerate((3, 7, 11)):
            y, block = x, f"dec.resblocks.{3 * i + j}"
            for k, dilation in enumerate((1, 3, 5)):
                first, second = f"{block}.convs1.{k}", f"{block}.convs2.{k}"
                z = F.conv1d(
                    F.leaky_relu(y, 0.1), _weight(state, first), state[f"{first}.bias"],
                    padding=(size - 1) * dilation // 2, dilation=dilation,
                )  # fmt: skip
                z = F.conv1d(
                    F.leaky_relu(z, 0.1), _weight(state, second), state[f"{second}.bias"], padding=(size - 1) // 2
                )
                y = y + z
            blocks.append(y)
        x = torch.stack(blocks).mean(0)
    return torch.tanh(F.conv1d(F.leaky_relu(x), _weight(state, "dec.conv_post"), padding=3))[:, 0]


@pytest.mark.parametrize(("width", "stages"), [(80, [40, 20, 10, 5, 2]), (56, [28, 14, 7, 3, 1])])
def test_stages_that_halve_unevenly_are_built_and_decode_as_published(width: int, stages: list[int]) -> None:
    node = small_sovits_node("v2")
    node["head"]["channels"] = width
    torch.manual_seed(0)
    made = build(node).eval()
    made.quantizer.initialised.fill_(1)
    for parameter in made.head.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.25)
    state = upstream_state(made)
    assert [state[f"dec.ups.{i}.bias"].shape[0] for i in range(5)] == stages
    config = {"upsample_initial_channel": width, "upsample_rates": RATES, "upsample_kernel_sizes": KERNELS}
    read = sovits_from(state, config, "a file of another width").eval()
    latents, condition = torch.randn(2, 8, 6), torch.randn(2, node["head"]["condition_channels"])
    with torch.no_grad():
        heard = read.head(latents, condition)
        expected = _published_decoder(state, latents, condition)
    assert heard.shape == (2, 6 * 640)
    assert expected.std() > 1e-3
    torch.testing.assert_close(heard, expected, rtol=0, atol=1e-5)
