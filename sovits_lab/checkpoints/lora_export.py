"""The LoRA file of a v3 or v4 that was adapted and merged: the factors are found as the difference from the base."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from sovits_lab.checkpoints.lora_file import FACTORS, base_key, without_vocoder
from sovits_lab.checkpoints.matched_names import lora_names
from sovits_lab.checkpoints.upstream_bundle import load_bundle, stored_tensors
from sovits_lab.checkpoints.upstream_file import LORA_HEADERS
from sovits_lab.files import write_whole
from sovits_lab.types import got

RANK = 32  # upstream's default


def separated_state(
    base: Mapping[str, Tensor], tuned: Mapping[str, Tensor], rank: int, source: str
) -> dict[str, Tensor]:
    """Return the LoRA file that turns a base into a tuned model, the inverse of `merged_state`.

    The factors are the best of their rank (Eckart and Young 1936): B A with B = U sqrt(S), A = sqrt(S) V.

    Args:
        base, tuned: under upstream's names, without vocoder.
        rank: of the factors.
        source: what messages call the tuned model.

    Raises:
        InputError: another architecture, a change of higher rank, or a change where such a file has no place.
    """
    for key in sorted(base.keys() | tuned.keys()):
        if key not in base or key not in tuned or base[key].shape != tuned[key].shape:
            raise got(f"{source}: key {key}", "not as in lora_base", "an adaptation of lora_base")
    made: dict[str, Tensor] = {}
    table = lora_names(base)
    adapted = {name: f"{base_key(name)}.weight" for name in _layers(table)}
    for name, weight in adapted.items():
        down, up = _factors(base[weight].float(), tuned[weight], rank, f"{source}: key {weight}")
        made |= {name + FACTORS[0]: down, name + FACTORS[1]: up}
    made |= {key: tuned[base_key(key)] for key in table if not key.endswith(FACTORS)}
    held = {*adapted.values(), *(base_key(key) for key in table)}
    for key in sorted(base.keys() - held):
        if not torch.equal(base[key].float(), tuned[key].float()):
            raise got(
                f"{source}: key {key}", "another value than in lora_base", "the same: a LoRA file has no place for it"
            )
    return {key: value.detach().half().contiguous() for key, value in made.items()}


def _layers(table: Mapping[str, str]) -> list[str]:
    return [key.removesuffix(FACTORS[0]) for key in table if key.endswith(FACTORS[0])]


def _factors(base: Tensor, tuned: Tensor, rank: int, where: str) -> tuple[Tensor, Tensor]:
    """A and B of a change; what is left must be no more than the rounding of the tuned weight."""
    change = tuned.float() - base
    if not 1 <= rank <= min(change.shape):
        raise got("rank", rank, f"1 to {min(change.shape)}")
    u, s, v = torch.linalg.svd(change, full_matrices=False)
    root = s[:rank].sqrt()
    down, up = root[:, None] * v[:rank], u[:, :rank] * root
    left, rounding = float(s[rank:].norm()), torch.finfo(tuned.dtype).eps * float(tuned.float().norm())
    if left > rounding:
        raise got(
            f"{where}: change", f"of a higher rank than {rank}", "rank= of the adaptation, and the base it adapts"
        )
    return down, up


def export_lora(folder: Path, base: Path, out: Path, rank: int = RANK) -> Path:
    """Write `lora.pth` of a tuned bundle as upstream saves it, with its header.

    Args:
        folder: the tuned bundle, merged.
        base: the bundle that its training began with.
        out: the folder to write to.
        rank: of the adaptation.

    Raises:
        InputError: bundles of two versions, or of a version without LoRA files; see `separated_state`.
    """
    versions = [load_bundle(each).facts["version"] for each in (base, folder)]
    for name, version in zip(("lora_base", "bundle"), versions, strict=True):
        if version not in LORA_HEADERS:
            raise got(f"{name}: version", version, " or ".join(LORA_HEADERS))
    if versions[0] != versions[1]:
        raise got(f"lora_base {base}: version", versions[0], f"{versions[1]}, as the bundle has")
    before, after = (without_vocoder(stored_tensors(each)["sovits"]) for each in (base, folder))
    lora = separated_state(before, after, rank, f"bundle {folder}")
    stream = io.BytesIO()
    torch.save({"weight": lora, "config": {"model": {"version": versions[1]}}, "info": "", "lora_rank": rank}, stream)
    header = LORA_HEADERS[versions[1]]
    stream.getbuffer()[: len(header)] = header
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "lora.pth", stream.getvalue())
    return out / "lora.pth"
