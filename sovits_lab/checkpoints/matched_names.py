"""Two-way name tables of v3 and v4: the generator, its two vocoders, and LoRA files.

A vocoder comes in a file of its own; in a state dict of the whole model its keys carry the prefix `vocoder.`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sovits_lab.checkpoints.names import (
    STACKS,
    Counts,
    NameTable,
    Pair,
    bijection,
    normed_pairs,
    plain_pairs,
    prior_pairs,
    reference_pairs,
    wavenet_pairs,
)

VOCODER = "vocoder."
ADAPTED = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "out"}  # what LoRA files adapt
PEFT = "cfm.base_model.model.estimator"  # where peft keeps the estimator while it is adapted
FIELD_COUNTS: dict[str, Pair] = {
    "blocks": (r".*transformer_blocks\.(\d+)\.", r"(?:flow\.)?estimator\.blocks\.(\d+)\."),
    "condition_blocks": (r".*text_blocks\.(\d+)\.", r"(?:flow\.)?estimator\.condition\.blocks\.(\d+)\."),
    "wns": (r"wns1\.enc\.in_layers\.(\d+)\.", r"network\.wavenet\.gates\.(\d+)\."),
    **{
        own: (rf"enc_p\.{up}\.attn_layers\.(\d+)\.", rf"prior\.{own}\.attentions\.(\d+)\.")
        for up, own in STACKS.items()
    },
}
VOCODER_COUNTS: dict[str, Pair] = {
    "stages": (r"ups\.(\d+)\.", r"upsamples\.(\d+)\."),
    "resblocks": (r"resblocks\.(\d+)\.", r"never\.(\d+)\."),
    "blocks": (r"never\.(\d+)\.", r"stages\.0\.blocks\.(\d+)\."),
    "pairs": (r"resblocks\.0\.convs1\.(\d+)\.", r"stages\.0\.blocks\.0\.dilated\.(\d+)\."),
}


def _estimator_pairs(up: str, own: str, counts: Counts) -> Iterator[Pair]:
    for theirs, name in (("time_embed", "time"), ("d_embed", "step")):
        yield from plain_pairs(f"{up}.{theirs}.time_mlp.0", f"{own}.{name}.expand")
        yield from plain_pairs(f"{up}.{theirs}.time_mlp.2", f"{own}.{name}.out")
    for i in range(counts["condition_blocks"]):
        text, block = f"{up}.text_embed.text_blocks.{i}", f"{own}.condition.blocks.{i}"
        named = (("dwconv", "depthwise"), ("norm", "norm"), ("pwconv1", "expand"), ("pwconv2", "contract"))
        for theirs, name in named:
            yield from plain_pairs(f"{text}.{theirs}", f"{block}.{name}")
        for leaf in ("gamma", "beta"):
            yield f"{text}.grn.{leaf}", f"{block}.response.{leaf}"
    yield from plain_pairs(f"{up}.input_embed.proj", f"{own}.enter")
    yield from plain_pairs(f"{up}.input_embed.conv_pos_embed.conv1d.0", f"{own}.positions.first")
    yield from plain_pairs(f"{up}.input_embed.conv_pos_embed.conv1d.2", f"{own}.positions.second")
    yield f"{up}.rotary_embed.inv_freq", f"{own}.rotary.frequencies"
    for i in range(counts["blocks"]):
        theirs, block = f"{up}.transformer_blocks.{i}", f"{own}.blocks.{i}"
        yield from plain_pairs(f"{theirs}.attn_norm.linear", f"{block}.modulate")
        for layer, name in ADAPTED.items():
            yield from plain_pairs(f"{theirs}.attn.{layer}", f"{block}.attention.{name}")
        yield from plain_pairs(f"{theirs}.ff.ff.0.0", f"{block}.expand")
        yield from plain_pairs(f"{theirs}.ff.ff.2", f"{block}.contract")
    yield from plain_pairs(f"{up}.norm_out.linear", f"{own}.modulate_out")
    yield from plain_pairs(f"{up}.proj_out", f"{own}.out")


def estimator_names(keys: Iterable[str]) -> NameTable:
    """Return the names of a flow alone (`estimator.*` on both sides)."""
    return bijection(_estimator_pairs("estimator", "estimator", Counts.of(keys, FIELD_COUNTS)))


def _network_pairs(layers: int) -> Iterator[Pair]:
    yield from plain_pairs("bridge.0", "network.bridge")
    yield from plain_pairs("wns1.pre", "network.pre")
    yield from wavenet_pairs("wns1.enc", "network.wavenet", layers)
    yield from plain_pairs("wns1.proj", "network.out")
    yield from plain_pairs("linear_mel", "unused_mel")


def _codebook_pairs() -> Iterator[Pair]:
    codebook = {"inited": "initialised", "cluster_size": "usage", "embed": "codebook", "embed_avg": "sums"}
    for up, own in codebook.items():
        yield f"quantizer.vq.layers.0._codebook.{up}", f"quantizer.{own}"


def matched_names(keys: Iterable[str]) -> NameTable:
    """Return the names of the generator of v3 and v4, and of a vocoder where there is one.

    Args:
        keys: of a state dict, under upstream's names or ours.
    """
    keys = list(keys)
    counts = Counts.of(keys, FIELD_COUNTS)

    def pairs() -> Iterator[Pair]:
        yield from plain_pairs("ssl_proj", "content")
        yield from _codebook_pairs()
        yield from reference_pairs(verified=False)
        yield from prior_pairs(counts)
        yield from _network_pairs(counts["wns"])
        yield from _estimator_pairs("cfm.estimator", "flow.estimator", counts)
        vocoder = [k.removeprefix(p) for k in keys for p in (VOCODER, "head.") if k.startswith(p)]
        for up, own in vocoder_names(vocoder).items() if vocoder else ():
            yield f"{VOCODER}{up}", f"head.{own}"

    return bijection(pairs())


def lora_names(keys: Iterable[str]) -> NameTable:
    """Return the names of a LoRA file: what its training saves beside the two factors of every adapted layer.

    Args:
        keys: of such a file, or of our model while it is adapted.
    """
    counts = Counts.of(keys, FIELD_COUNTS)

    def pairs() -> Iterator[Pair]:
        yield from reference_pairs(verified=False)
        yield from _codebook_pairs()
        yield from _network_pairs(counts["wns"])
        yield f"{PEFT}.rotary_embed.inv_freq", "flow.estimator.rotary.frequencies"
        for i in range(counts["blocks"]):
            for layer, name in ADAPTED.items():
                up, own = f"{PEFT}.transformer_blocks.{i}.attn.{layer}", f"flow.estimator.blocks.{i}.attention.{name}"
                for theirs, leaf in (("lora_A", "a"), ("lora_B", "b")):
                    yield f"{up}.{theirs}.default.weight", f"{own}.parametrizations.weight.0.{leaf}"

    return bijection(pairs())


def _layer_pairs(up: str, own: str, normed: bool, bias: bool = True) -> Iterator[Pair]:
    pairs = normed_pairs(up, own) if normed else plain_pairs(up, own)
    yield from (pair for pair in pairs if bias or not pair[0].endswith(".bias"))


def _periodic_pairs(up: str, own: str) -> Iterator[Pair]:
    yield f"{up}.act.alpha", f"{own}.snake.alpha"
    yield f"{up}.act.beta", f"{own}.snake.beta"
    yield f"{up}.upsample.filter", f"{own}.up"
    yield f"{up}.downsample.lowpass.filter", f"{own}.down"


def vocoder_names(keys: Iterable[str]) -> NameTable:
    """Return the names of a vocoder: BigVGAN of v3, with weight norm or without, or HiFi-GAN of v4.

    Args:
        keys: of a state dict, under upstream's names or ours.
    """
    keys = list(keys)
    counts = Counts.of(keys, VOCODER_COUNTS)
    periodic = any(".act." in key or ".snake." in key for key in keys)
    normed = any(key.endswith(("weight_g", "weight.original0")) for key in keys)
    post_bias = any(key in ("conv_post.bias", "post.bias") for key in keys)
    blocks = counts["blocks"] or counts["resblocks"] // max(counts["stages"], 1)

    def pairs() -> Iterator[Pair]:
        yield from _layer_pairs("conv_pre", "pre", normed and periodic)
        yield from _layer_pairs("conv_post", "post", normed and periodic, post_bias)
        if periodic:
            yield from _periodic_pairs("activation_post", "activation")
        for i in range(counts["stages"]):
            yield from _layer_pairs(f"ups.{i}.0" if periodic else f"ups.{i}", f"upsamples.{i}", normed)
            for j in range(blocks):
                up, own = f"resblocks.{blocks * i + j}", f"stages.{i}.blocks.{j}"
                for k in range(counts["pairs"]):
                    yield from _layer_pairs(f"{up}.convs1.{k}", f"{own}.dilated.{k}", normed)
                    yield from _layer_pairs(f"{up}.convs2.{k}", f"{own}.plain.{k}", normed)
                for k in range(2 * counts["pairs"] if periodic else 0):
                    yield from _periodic_pairs(f"{up}.activations.{k}", f"{own}.activations.{k}")

    return bijection(pairs())
