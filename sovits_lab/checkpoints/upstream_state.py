"""An upstream state dict into our modules, strictly: every key consumed, every shape agreeing, nothing NaN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from sovits_lab.checkpoints.architecture import discriminator_node, gpt_node, periods_for, sovits_node
from sovits_lab.checkpoints.bundle import build
from sovits_lab.checkpoints.matched_architecture import estimator_node, matched_node, vocoder_node
from sovits_lab.checkpoints.matched_names import estimator_names, matched_names, vocoder_names
from sovits_lab.checkpoints.names import NameTable, count, discriminator_names, gpt_names, inverse, sovits_names
from sovits_lab.types import InputError, got
from sovits_lab.weights.tensors import require_like


class Shapes(dict[str, tuple[int, ...]]):
    """Key -> shape; asking for a key that the file lacks is the user's error."""

    source = "checkpoint"

    def __missing__(self, key: str) -> tuple[int, ...]:
        raise got(f"{self.source}: key {key}", "missing", "every key of the name table")


def shapes_of(state: Mapping[str, Tensor], source: str) -> Shapes:
    """Return the shapes of a state dict that was read from `source`."""
    shapes = Shapes({key: tuple(value.shape) for key, value in state.items()})
    shapes.source = source
    return shapes


def _check_keys(state: Mapping[str, Tensor], table: NameTable, source: str) -> None:
    if surplus := sorted(state.keys() - table.keys()):
        raise got(f"{source}: key {surplus[0]}", f"unknown, as {len(surplus) - 1} more", "only keys of the name table")
    if missing := sorted(table.keys() - state.keys()):
        raise got(f"{source}: key {missing[0]}", f"missing, as {len(missing) - 1} more", "every key of the name table")


def load_upstream(
    module: nn.Module, state: Mapping[str, Tensor], table: NameTable, source: str, keep_dtype: bool = False
) -> nn.Module:
    """Fill `module` from upstream's names.

    Args:
        source: named in errors.
        keep_dtype: take the tensors as they are instead of casting them to the module's dtype.

    Raises:
        InputError: naming the file, the key and both shapes.
    """
    _check_keys(state, table, source)
    expected = module.state_dict()
    if unfilled := sorted(expected.keys() - set(table.values())):
        raise got(f"{source}: {inverse(table).get(unfilled[0], unfilled[0])}", "missing", "a value for every parameter")
    for key, value in state.items():
        ours = table[key]
        if ours not in expected:
            raise got(f"{source}: key {key}", "a tensor that the model has no place for", "a model of this version")
        require_like(value, expected[ours], f"{source}: key {key}")
    module.load_state_dict({table[key]: value for key, value in state.items()}, assign=keep_dtype)
    return module


def _required(state: Mapping[str, Tensor], keys: tuple[str, ...], source: str, what: str) -> None:
    for key in keys:
        if key not in state:
            raise got(f"{source}: key {key}", "missing", f"a {what} checkpoint")


def gpt_from(
    state: Mapping[str, Tensor], config: Mapping[str, Any], source: str, keep_dtype: bool = False
) -> nn.Module:
    """Build stage 1 from its state dict (without the prefix `model.`) and the `model` section of its configuration."""
    needed = ("ar_audio_embedding.word_embeddings.weight", "ar_text_embedding.word_embeddings.weight")
    _required(state, (*needed, "bert_proj.weight", "h.layers.0.linear1.weight"), source, "stage 1 (GPT)")
    module = _built("gpt", state, config, source)
    return load_upstream(module, state, gpt_names(state), source, keep_dtype)


SOVITS_KEYS = (
    "ssl_proj.weight",
    "quantizer.vq.layers.0._codebook.embed",
    "ref_enc.spectral.0.fc.weight",
    "ref_enc.temporal.0.conv1.conv.weight",
    "ref_enc.fc.fc.weight",
    "enc_p.ssl_proj.weight",
    "enc_p.text_embedding.weight",
    "enc_p.proj.weight",
    "enc_p.encoder_text.ffn_layers.0.conv_1.weight",
    "enc_p.mrte.c_pre.weight",
    "flow.flows.0.pre.weight",
    "flow.flows.0.enc.cond_layer.weight_v",
    "flow.flows.0.enc.in_layers.0.weight_v",
    "dec.conv_pre.weight",
    "dec.cond.weight",
    "dec.ups.0.weight_v",
    "dec.resblocks.0.convs1.0.weight_v",
)


def sovits_from(
    state: Mapping[str, Tensor], config: Mapping[str, Any], source: str, keep_dtype: bool = False
) -> nn.Module:
    """Build stage 2's generator from its state dict and the `model` section of its configuration."""
    _required(state, SOVITS_KEYS, source, "stage 2 (SoVITS, v1 to v2ProPlus)")
    module = _built("sovits", state, config, source)
    return load_upstream(module, state, sovits_names(state), source, keep_dtype)


MATCHED_KEYS = (
    *SOVITS_KEYS[: SOVITS_KEYS.index("flow.flows.0.pre.weight")],
    "bridge.0.weight",
    "wns1.enc.cond_layer.weight_v",
    "wns1.enc.in_layers.0.weight_v",
    "linear_mel.weight",
    "cfm.estimator.input_embed.proj.weight",
    "cfm.estimator.rotary_embed.inv_freq",
    "cfm.estimator.text_embed.text_blocks.0.norm.weight",
    "cfm.estimator.transformer_blocks.0.attn.to_q.weight",
    "cfm.estimator.transformer_blocks.0.ff.ff.0.0.weight",
)


def matched_from(
    state: Mapping[str, Tensor],
    config: Mapping[str, Any],
    source: str,
    version: str,
    vocoder: Mapping[str, Any] | None = None,
    keep_dtype: bool = False,
) -> nn.Module:
    """Build stage 2 of v3 or v4 from its state dict; a vocoder's tensors have the prefix `vocoder.`.

    Args:
        config: the generator's `model` section.
        version: v3 or v4, which no tensor tells.
        vocoder: the vocoder's configuration, where its file has one.
    """
    _required(state, MATCHED_KEYS, source, "stage 2 (SoVITS, v3 or v4)")
    module = _made(lambda: matched_node(shapes_of(state, source), config, version, vocoder or {}), "sovits", source)
    return load_upstream(module, state, matched_names(state), source, keep_dtype)


def vocoder_from(state: Mapping[str, Tensor], config: Mapping[str, Any], source: str) -> nn.Module:
    """Build a vocoder alone: BigVGAN of v3 or HiFi-GAN of v4, told apart by their keys."""
    _required(state, ("conv_pre.bias", "ups.0.0.bias" if _periodic(state) else "ups.0.bias"), source, "vocoder")
    module = _made(lambda: vocoder_node(shapes_of(state, source), config), "vocoder", source)
    return load_upstream(module, state, vocoder_names(state), source)


def _periodic(state: Mapping[str, Tensor]) -> bool:
    return any(key.startswith("activation_post.") for key in state)


def estimator_from(state: Mapping[str, Tensor], source: str) -> nn.Module:
    """Build the flow of v3 and v4 alone, keys `estimator.*`."""
    node = {"_target_": "sovits_lab.models.sovits.flow_matching.FlowMatching"}
    field = estimator_node(shapes_of(state, source), "estimator")
    module = _made(lambda: {**node, "estimator": field}, "flow", source)
    return load_upstream(module, state, estimator_names(state), source)


def _made(node: Callable[[], Mapping[str, Any]], part: str, source: str) -> nn.Module:
    try:
        module: nn.Module = build(node())
    except InputError:
        raise
    except (ValueError, AssertionError, ArithmeticError, IndexError, TypeError, RuntimeError, KeyError) as error:
        raise InputError(f"{source}: the tensors' shapes do not make a {part} ({error})") from error
    return module


def discriminator_from(state: Mapping[str, Tensor], source: str, keep_dtype: bool = False) -> nn.Module:
    """Build stage 2's discriminators; the number of members tells the periods."""
    needed = ("discriminators.0.convs.0.weight_v", "discriminators.1.convs.0.weight_v")
    _required(state, needed, source, "discriminator")
    module = _built("discriminator", state, {}, source)
    return load_upstream(module, state, discriminator_names(state), source, keep_dtype)


def _built(part: str, state: Mapping[str, Tensor], config: Mapping[str, Any], source: str) -> nn.Module:
    return _made(lambda: node_of(part, state, config, source), part, source)


def node_of(
    part: str, state: Mapping[str, Tensor], config: Mapping[str, Any], source: str = "checkpoint"
) -> dict[str, Any]:
    """Return the constructor node of a part ("gpt", "sovits", "discriminator"), for the bundle's record."""
    shapes = shapes_of(state, source)
    if part == "discriminator":
        return discriminator_node(shapes, periods_for(count(state, r"discriminators\.(\d+)\.")))
    return gpt_node(shapes, config) if part == "gpt" else sovits_node(shapes, config)
