"""Two-way name tables between upstream's state dicts and ours, spelled out key by key for the sizes at hand.

A table is a plain dict, upstream key -> our key. It is generated from counts of layers only, so it can be compared with
any checkpoint: every key must be consumed, and no two keys may meet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

NameTable = dict[str, str]
Pair = tuple[str, str]


def plain_pairs(upstream: str, ours: str, bias: bool = True) -> Iterator[Pair]:
    """Name a layer's weight and bias."""
    for leaf in ("weight", "bias") if bias else ("weight",):
        yield f"{upstream}.{leaf}", f"{ours}.{leaf}"


def normed_pairs(upstream: str, ours: str) -> Iterator[Pair]:
    """Name a weight-normalised layer: upstream keeps torch's old names for magnitude and direction."""
    yield f"{upstream}.bias", f"{ours}.bias"
    yield f"{upstream}.weight_g", f"{ours}.parametrizations.weight.original0"
    yield f"{upstream}.weight_v", f"{ours}.parametrizations.weight.original1"


def bijection(pairs: Iterable[Pair]) -> NameTable:
    """Collect pairs; no name may come twice on either side."""
    table: NameTable = {}
    for upstream, ours in pairs:
        assert upstream not in table, f"{upstream} is named twice"
        table[upstream] = ours
    assert len(set(table.values())) == len(table), "two upstream keys meet in one of ours"
    return table


def count(keys: Iterable[str], pattern: str) -> int:
    """Return one more than the largest number that `pattern`'s group takes among the keys, 0 where nothing matches."""
    found = [int(match[1]) for key in keys if (match := re.match(pattern, key))]
    return max(found) + 1 if found else 0


class Counts(dict[str, int]):
    """How many of everything a model has, read from either side's keys."""

    @classmethod
    def of(cls, keys: Iterable[str], patterns: Mapping[str, Pair]) -> Counts:
        """Count what the patterns find among the keys.

        Args:
            patterns: name -> (regular expression over upstream's keys, the same over ours).
        """
        keys = list(keys)
        return cls({name: max(count(keys, up), count(keys, own)) for name, (up, own) in patterns.items()})


def _gpt_pairs(layers: int) -> Iterator[Pair]:
    yield from plain_pairs("bert_proj", "bert")
    yield "ar_text_embedding.word_embeddings.weight", "phones.weight"
    yield "ar_text_position.alpha", "phone_position.alpha"
    yield "ar_audio_embedding.word_embeddings.weight", "tokens.weight"
    yield "ar_audio_position.alpha", "token_position.alpha"
    yield "ar_predict_layer.weight", "out.weight"
    for i in range(layers):
        up, own = f"h.layers.{i}", f"layers.{i}"
        yield f"{up}.self_attn.in_proj_weight", f"{own}.qkv.weight"
        yield f"{up}.self_attn.in_proj_bias", f"{own}.qkv.bias"
        yield from plain_pairs(f"{up}.self_attn.out_proj", f"{own}.out")
        yield from plain_pairs(f"{up}.linear1", f"{own}.expand")
        yield from plain_pairs(f"{up}.linear2", f"{own}.contract")
        yield from plain_pairs(f"{up}.norm1", f"{own}.attention_norm")
        yield from plain_pairs(f"{up}.norm2", f"{own}.feedforward_norm")


def gpt_names(keys: Iterable[str]) -> NameTable:
    """Return the names of stage 1, without the prefix `model.` that deployed files carry.

    Args:
        keys: of a state dict, under upstream's names or ours.
    """
    counts = Counts.of(keys, {"layers": (r"h\.layers\.(\d+)\.", r"layers\.(\d+)\.")})
    return bijection(_gpt_pairs(counts["layers"]))


def attention_pairs(up: str, own: str) -> Iterator[Pair]:
    """Name the four projections of an attention."""
    for letter, name in zip("qkvo", ("query", "key", "value", "out"), strict=True):
        yield from plain_pairs(f"{up}.conv_{letter}", f"{own}.{name}")


def encoder_pairs(up: str, own: str, layers: int) -> Iterator[Pair]:
    """Name the layers of an encoder with relative positions."""
    for i in range(layers):
        yield f"{up}.attn_layers.{i}.emb_rel_k", f"{own}.attentions.{i}.relative_keys"
        yield f"{up}.attn_layers.{i}.emb_rel_v", f"{own}.attentions.{i}.relative_values"
        yield from attention_pairs(f"{up}.attn_layers.{i}", f"{own}.attentions.{i}")
        for leaf in ("gamma", "beta"):
            yield f"{up}.norm_layers_1.{i}.{leaf}", f"{own}.attention_norms.{i}.{leaf}"
            yield f"{up}.norm_layers_2.{i}.{leaf}", f"{own}.feedforward_norms.{i}.{leaf}"
        yield from plain_pairs(f"{up}.ffn_layers.{i}.conv_1", f"{own}.feedforwards.{i}.expand")
        yield from plain_pairs(f"{up}.ffn_layers.{i}.conv_2", f"{own}.feedforwards.{i}.contract")


def wavenet_pairs(up: str, own: str, layers: int) -> Iterator[Pair]:
    """Name the layers of a WaveNet."""
    yield from normed_pairs(f"{up}.cond_layer", f"{own}.condition")
    for i in range(layers):
        yield from normed_pairs(f"{up}.in_layers.{i}", f"{own}.gates.{i}")
        yield from normed_pairs(f"{up}.res_skip_layers.{i}", f"{own}.leaves.{i}")


STACKS = {"encoder_ssl": "content_encoder", "encoder_text": "phone_encoder", "encoder2": "out_encoder"}
SOVITS_COUNTS: dict[str, Pair] = {
    **{
        own: (rf"enc_p\.{up}\.attn_layers\.(\d+)\.", rf"prior\.{own}\.attentions\.(\d+)\.")
        for up, own in STACKS.items()
    },
    "posterior": (r"enc_q\.enc\.in_layers\.(\d+)\.", r"posterior\.wavenet\.gates\.(\d+)\."),
    "flows": (r"flow\.flows\.(\d+)\.", r"flow\.never\.(\d+)\."),
    "couplings": (r"flow\.never\.(\d+)\.", r"flow\.couplings\.(\d+)\."),
    "flow_layers": (r"flow\.flows\.0\.enc\.in_layers\.(\d+)\.", r"flow\.couplings\.0\.wavenet\.gates\.(\d+)\."),
    "stages": (r"dec\.ups\.(\d+)\.", r"head\.upsamples\.(\d+)\."),
    "resblocks": (r"dec\.resblocks\.(\d+)\.", r"head\.never\.(\d+)\."),
    "blocks": (r"dec\.never\.(\d+)\.", r"head\.stages\.0\.blocks\.(\d+)\."),
    "pairs": (r"dec\.resblocks\.0\.convs1\.(\d+)\.", r"head\.stages\.0\.blocks\.0\.dilated\.(\d+)\."),
}


def prior_pairs(counts: Counts) -> Iterator[Pair]:
    """Yield upstream's and our name of each tensor of the prior."""
    yield from plain_pairs("enc_p.ssl_proj", "prior.enter")
    yield "enc_p.text_embedding.weight", "prior.phones.weight"
    for up, own in STACKS.items():
        yield from encoder_pairs(f"enc_p.{up}", f"prior.{own}", counts[own])
    yield from attention_pairs("enc_p.mrte.cross_attention", "prior.cross.attention")
    for up, own in (("c_pre", "content"), ("text_pre", "phones"), ("c_post", "out")):
        yield from plain_pairs(f"enc_p.mrte.{up}", f"prior.cross.{own}")
    yield from plain_pairs("enc_p.proj", "prior.project")


def _head_pairs(counts: Counts) -> Iterator[Pair]:
    yield from plain_pairs("dec.conv_pre", "head.pre")
    yield from plain_pairs("dec.cond", "head.condition")
    yield from plain_pairs("dec.conv_post", "head.post", bias=False)
    blocks = counts["blocks"] or counts["resblocks"] // max(counts["stages"], 1)
    for i in range(counts["stages"]):
        yield from normed_pairs(f"dec.ups.{i}", f"head.upsamples.{i}")
        for j in range(blocks):
            up, own = f"dec.resblocks.{blocks * i + j}", f"head.stages.{i}.blocks.{j}"
            for k in range(counts["pairs"]):
                yield from normed_pairs(f"{up}.convs1.{k}", f"{own}.dilated.{k}")
                yield from normed_pairs(f"{up}.convs2.{k}", f"{own}.plain.{k}")


def reference_pairs(verified: bool) -> Iterator[Pair]:
    """Name the reference encoder, with the speaker branch of the Pro models."""
    own = "reference.style"
    yield from plain_pairs("ref_enc.spectral.0.fc", f"{own}.spectral.0")  # 1, 2, 4, 5 are activations and dropouts
    yield from plain_pairs("ref_enc.spectral.3.fc", f"{own}.spectral.1")
    for i in range(2):
        yield from plain_pairs(f"ref_enc.temporal.{i}.conv1.conv", f"{own}.temporal.{i}.conv")
    for up, name in (("w_qs", "query"), ("w_ks", "key"), ("w_vs", "value"), ("fc", "out")):
        yield from plain_pairs(f"ref_enc.slf_attn.{up}", f"{own}.attention.{name}")
    yield from plain_pairs("ref_enc.fc.fc", f"{own}.out")
    if verified:
        yield from plain_pairs("sv_emb", "reference.speaker")
        yield from plain_pairs("ge_to512", "reference.narrow")
        yield "prelu.weight", "reference.activation.weight"


def _sovits_pairs(counts: Counts, verified: bool) -> Iterator[Pair]:
    yield from plain_pairs("ssl_proj", "content")
    codebook = {"inited": "initialised", "cluster_size": "usage", "embed": "codebook", "embed_avg": "sums"}
    for up, own in codebook.items():
        yield f"quantizer.vq.layers.0._codebook.{up}", f"quantizer.{own}"
    yield from reference_pairs(verified)
    yield from prior_pairs(counts)
    if counts["posterior"]:
        yield from plain_pairs("enc_q.pre", "posterior.pre")
        yield from plain_pairs("enc_q.proj", "posterior.project")
        yield from wavenet_pairs("enc_q.enc", "posterior.wavenet", counts["posterior"])
    for step in range(counts["couplings"] or (counts["flows"] + 1) // 2):
        up, own = f"flow.flows.{2 * step}", f"flow.couplings.{step}"  # odd places hold the flips
        yield from plain_pairs(f"{up}.pre", f"{own}.pre")
        yield from plain_pairs(f"{up}.post", f"{own}.post")
        yield from wavenet_pairs(f"{up}.enc", f"{own}.wavenet", counts["flow_layers"])
    yield from _head_pairs(counts)


def sovits_names(keys: Iterable[str]) -> NameTable:
    """Return the names of stage 2's generator, v1 to v2ProPlus; without posterior where there is none.

    Args:
        keys: of a state dict, under upstream's names or ours.
    """
    keys = list(keys)
    verified = any(key.startswith(("sv_emb.", "reference.speaker.")) for key in keys)
    return bijection(_sovits_pairs(Counts.of(keys, SOVITS_COUNTS), verified))


def _discriminator_pairs(layers: list[int]) -> Iterator[Pair]:
    for i, convolutions in enumerate(layers):
        up, own = f"discriminators.{i}", f"members.{i}"
        for k in range(convolutions):
            yield from normed_pairs(f"{up}.convs.{k}", f"{own}.convs.{k}")
        yield from normed_pairs(f"{up}.conv_post", f"{own}.post")


def discriminator_names(keys: Iterable[str]) -> NameTable:
    """Return the names of stage 2's discriminators.

    Args:
        keys: of a state dict, under upstream's names or ours.
    """
    keys = list(keys)
    members = count(keys, r"(?:discriminators|members)\.(\d+)\.")
    layers = [count(keys, rf"(?:discriminators|members)\.{i}\.convs\.(\d+)\.") for i in range(members)]
    return bijection(_discriminator_pairs(layers))


def inverse(table: Mapping[str, str]) -> NameTable:
    """Return the table from our names to upstream's."""
    return {ours: upstream for upstream, ours in table.items()}
