"""What the processor of this machine computes quickly."""

from __future__ import annotations

import torch


def multiplies_bf16() -> bool:
    """Return whether the processor has instructions for products of bfloat16; emulated ones are slower than float32."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
