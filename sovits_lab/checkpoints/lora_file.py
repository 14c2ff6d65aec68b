"""LoRA files of v3 and v4 in upstream's layout: merged into a base, or loaded beside it.

Such a file holds two factors for each adapted layer of the flow and, in full, everything that upstream does not freeze:
reference encoder, bridge, condition network, unused mel projection, codebook, rotation frequencies.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from sovits_lab.checkpoints.matched_names import PEFT, VOCODER, lora_names
from sovits_lab.checkpoints.names import count
from sovits_lab.nn.lora import add_lora
from sovits_lab.types import got
from sovits_lab.weights.tensors import require_weights

LAYERS = r"^flow\.estimator\.blocks\.\d+\.attention\.(query|key|value|out)$"
FACTORS = (".lora_A.default.weight", ".lora_B.default.weight")


def rank_of(lora: Mapping[str, Tensor], source: str) -> int:
    """Return the rank of a LoRA file, the same in all its layers.

    Raises:
        InputError: no factors, or of several ranks.
    """
    ranks = {len(value) for key, value in lora.items() if key.endswith(FACTORS[0])}
    if len(ranks) != 1:
        raise got(f"{source}: ranks of the factors", sorted(ranks), "one rank")
    return ranks.pop()


def check_lora(base: Mapping[str, Tensor], lora: Mapping[str, Tensor], source: str) -> None:
    """Refuse a LoRA file that does not belong to a base.

    Raises:
        InputError: missing, surplus or misshapen entries, by name.
    """
    rank = rank_of(lora, source)
    table = lora_names(lora)
    blocks = count(base, r"cfm\.estimator\.transformer_blocks\.(\d+)\.")
    if (own := count(lora, rf"{PEFT}\.transformer_blocks\.(\d+)\.")) != blocks:
        raise got(f"{source}: adapted blocks", own, f"{blocks}, as the base has: it is the LoRA of another base")
    if surplus := sorted(lora.keys() - table.keys()):
        raise got(f"{source}: key {surplus[0]}", "unknown", "only what a LoRA file holds")
    if missing := sorted(table.keys() - lora.keys()):
        raise got(f"{source}: key {missing[0]}", "missing", "every entry of a LoRA file")
    for key, value in lora.items():
        shape = _expected(base, key, rank, source)
        if tuple(value.shape) != shape:
            raise got(f"{source}: key {key}", f"shape {tuple(value.shape)}", f"{shape}: it is the LoRA of another base")
        require_weights(value, f"{source}: key {key}")


def _expected(base: Mapping[str, Tensor], key: str, rank: int, source: str) -> tuple[int, ...]:
    for place, factor in enumerate(FACTORS):
        if key.endswith(factor):
            rows, columns = base[base_key(key.removesuffix(factor)) + ".weight"].shape
            return (rank, columns) if place == 0 else (rows, rank)
    if base_key(key) not in base:
        raise got(f"{source}: key {key}", "unknown to the base", "the LoRA of this base")
    return tuple(base[base_key(key)].shape)


def base_key(key: str) -> str:
    """Return the base's name of an entry."""
    return key.replace(PEFT, "cfm.estimator")


def merged_state(
    base: Mapping[str, Tensor], lora: Mapping[str, Tensor], alpha: float | None = None
) -> dict[str, Tensor]:
    """Return the base's state dict with a LoRA file merged in: W + (alpha / r) B A, in the base's precision.

    Args:
        base, lora: under upstream's names.
        alpha: None is the rank, as upstream trains.
    """
    made = dict(base)
    for key, value in lora.items():
        if key.endswith(FACTORS[0]):
            name, scale = key.removesuffix(FACTORS[0]), 1.0 if alpha is None else alpha / len(value)
            weight = base_key(name) + ".weight"
            change = scale * (lora[name + FACTORS[1]].float() @ value.float())
            made[weight] = (base[weight].float() + change).to(base[weight].dtype)
        elif not key.endswith(FACTORS[1]):
            made[base_key(key)] = value.to(base[base_key(key)].dtype)
    return made


def adapt(model: nn.Module, lora: Mapping[str, Tensor], source: str) -> nn.Module:
    """Put a LoRA file beside the weights of a model, unmerged: it can be trained on.

    Raises:
        InputError: an entry that the model has no place for.
    """
    add_lora(model, [LAYERS], rank_of(lora, source))
    table, own = lora_names(lora), model.state_dict()
    for key, value in lora.items():
        if table[key] not in own or own[table[key]].shape != value.shape:
            raise got(f"{source}: key {key}", f"shape {tuple(value.shape)}", "the LoRA of this base")
        own[table[key]].copy_(value)
    return model


def without_vocoder(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the generator's entries alone."""
    return {key: value for key, value in state.items() if not key.startswith(VOCODER)}
