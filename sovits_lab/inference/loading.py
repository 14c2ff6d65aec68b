"""Bundles of both kinds to voices that speak: our own ("voice") and the released family's ("upstream")."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sovits_lab.audio.upstream import SPEC_32K
from sovits_lab.checkpoints.adapters import FOLDER, attach_adapters
from sovits_lab.checkpoints.bundle import allowed_class, build, bundle_folder, few_parts, load_parts, read_facts
from sovits_lab.checkpoints.networks import OuterNetworks
from sovits_lab.inference.bundle_facts import (
    Styles,
    check_models,
    check_node,
    check_nodes,
    check_sites,
    check_widths,
    read_means,
    read_speakers,
    read_words,
)
from sovits_lab.inference.devices import device_of, dtype_of
from sovits_lab.inference.flow_settings import FlowSettings, pack_flow
from sovits_lab.inference.voice import LoadedVoice
from sovits_lab.models.accepts import accepted
from sovits_lab.models.contracts import AcousticModel, SemanticModel
from sovits_lab.models.gpt.packed import Precision, missing, pack
from sovits_lab.models.gpt.sampling import Sampler
from sovits_lab.models.heads.bigvgan import BigVgan
from sovits_lab.models.heads.hifigan import HifiGan
from sovits_lab.models.heads.latent_vocos import LatentVocos
from sovits_lab.nn.channels_last import lay_channels_last, lay_stacks_channels_last
from sovits_lab.types import InputError, got

NEEDS = ("variant", "models", "audio", "frontend", "symbols", "sampling", "speakers", "emotions")
RELEASED_SAMPLING = {"_target_": f"{Sampler.__module__}.{Sampler.__qualname__}"}
RELEASED = "upstream"  # the kind of a bundle that `convert` or fine-tuning makes


def load_voice(
    folder: Path,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    networks: OuterNetworks | None = None,
    precision: Precision = "fp32",
    adapters: Path | None = None,
    flow: FlowSettings | None = None,
) -> LoadedVoice:
    """Read a bundle of either family, or a run folder that holds one under `bundle`.

    Args:
        folder: of the bundle or the run.
        device: where the networks run; None is the CPU.
        dtype: in which precision, by autocast; None is float32.
        networks: what models of the released family hear through.
        precision: of a released model's weights on a CPU: the GPT's, see `pack`, and with bf16 the flow's of v3 and v4.
        adapters: a bundle of style adapters for a model of the released family; None: those that lie beside it, if any.
        flow: how v3 and v4 are integrated; None is as the bundle says.

    Raises:
        InputError: see `sovits_lab.checkpoints.bundle`; adapters of another base; a device that this machine lacks, a
            network that is needed and not named, or named and not needed.
    """
    folder = bundle_folder(folder)
    place, kind, networks = device_of(device), dtype_of(dtype), networks or OuterNetworks()
    if adapters is None and (folder / FOLDER / "bundle.json").is_file():
        adapters = folder / FOLDER
    if precision not in ("fp32", "bf16", "int8"):
        raise got("precision", precision, "fp32, bf16 or int8")
    if is_released(folder):
        voice = _released(folder, place, kind, networks, precision, adapters)
    elif precision != "fp32":
        raise got("precision", precision, "fp32: only released models are packed")
    else:
        voice = _own(folder, place, kind, networks, adapters)
    (flow or FlowSettings()).apply(voice.sovits)
    return voice


def is_released(folder: Path) -> bool:
    """Tell whether a folder holds a bundle of the released family."""
    try:
        return bool(read_facts(folder, RELEASED))
    except InputError:
        return False  # whoever reads it next says what it is


def _own(
    folder: Path, place: torch.device, kind: torch.dtype, networks: OuterNetworks, adapters: Path | None
) -> LoadedVoice:
    facts = read_facts(folder, "voice", NEEDS)
    if not isinstance(facts["variant"], str):
        raise got(f"bundle {folder}: variant", facts["variant"], "a name")
    check_models(facts["models"], f"bundle {folder}: models")
    for name in ("audio", "sampling", "frontend"):
        check_node(facts[name], f"bundle {folder}: {name}")
    speakers = read_speakers(facts["speakers"], f"bundle {folder}: speakers", place)
    symbols = read_words(facts["symbols"], f"bundle {folder}: symbols")
    accepts = read_words(facts.get("accepts") or [], f"bundle {folder}: accepts")
    try:
        with few_parts():
            modules = {part: build(node) for part, node in facts["models"].items()}
    except InputError as error:  # of another version, or changed by hand
        raise InputError(f"bundle {folder}: no models of this version ({error})") from error
    if modules["gpt"].max_tokens < 1:
        raise got(f"bundle {folder}: max_tokens", modules["gpt"].max_tokens, "a positive number")
    check_sites(facts["models"]["sovits"], modules["sovits"], f"bundle {folder}: models.sovits")
    load_parts(folder, modules)
    styles, sampling = facts["emotions"], facts["sampling"]
    means = read_means(styles, f"bundle {folder}: emotions")
    check_widths(
        speakers,
        means,
        {part: (facts["models"][part], modules[part]) for part in ("gpt", "sovits")},
        f"bundle {folder}",
    )
    if adapters is not None:
        styles, sampling = _adapted(adapters, folder, modules, sampling)
        means = read_means(styles, f"bundle {folder}: emotions")
    for module in modules.values() if place.type == "cpu" else ():
        lay_stacks_channels_last(module)
    gpt, sovits = _ready(modules["gpt"], place), _ready(modules["sovits"], place)
    return LoadedVoice(
        variant=facts["variant"],
        spec=build(facts["audio"]),
        frontend=build(facts["frontend"]),
        symbols={name: i for i, name in enumerate(symbols)},
        sampler=build(sampling),
        gpt=gpt,
        sovits=sovits,
        encoder=_ready(modules["speaker"], place) if "speaker" in modules else None,
        speakers=speakers,
        emotions=means,
        accepts=tuple((adapters is None and accepts) or accepted(gpt, sovits)),  # else derived
        device=place,
        dtype=kind,
        **_outer_networks(gpt, sovits, networks, encoded="speaker" in modules),
    )


def prepare_head(head: nn.Module, place: torch.device) -> None:
    """Make a head of the released family ready to speak: weight normalisation folded, on a CPU in fast memory layout.

    BigVGAN's activations filter each channel by itself, along time: its layout stays.
    """
    if isinstance(head, HifiGan | BigVgan):
        head.fold_weight_norm()
    if place.type != "cpu":
        return
    if isinstance(head, HifiGan):
        lay_channels_last(head)
    elif isinstance(head, LatentVocos):
        lay_stacks_channels_last(head)


def _released(
    folder: Path,
    place: torch.device,
    kind: torch.dtype,
    networks: OuterNetworks,
    precision: Precision,
    adapters: Path | None,
) -> LoadedVoice:
    from sovits_lab.checkpoints.upstream_bundle import load_bundle
    from sovits_lab.text.frontend import ReleasedFrontend

    parts = read_facts(folder, RELEASED, ("parts", "symbols"))["parts"]
    if lacking := [part for part in ("gpt", "sovits") if part not in parts]:
        raise got(f"bundle {folder}: parts", sorted(parts), f"also {lacking[0]}; convert takes gpt= and sovits=")
    check_nodes(parts, f"bundle {folder}: parts")
    _check_precision(place, kind, precision)
    pro = allowed_class(parts["sovits"]["reference"]["_target_"]).uses_speaker  # type: ignore[attr-defined]
    networks.require("content")  # before anything large is read
    if pro:
        networks.require("speaker_network")
    bundle = load_bundle(folder)
    styles, sampling = ({}, RELEASED_SAMPLING) if adapters is None else _adapted(adapters, folder, bundle.parts)
    gpt, sovits = _ready(bundle.parts["gpt"], place), _ready(bundle.parts["sovits"], place)
    prepare_head(sovits.head, place)
    if place.type == "cpu":
        pack(gpt, precision)
        pack_flow(sovits, precision)
    dictionary = networks.japanese_dictionary
    frontend = ReleasedFrontend(
        bundle.facts["symbols"], _polyphones(networks), japanese_dictionary=Path(dictionary) if dictionary else None
    )
    return LoadedVoice(
        variant=bundle.facts["version"],
        spec=SPEC_32K,
        frontend=frontend,
        symbols={name: i for i, name in enumerate(frontend.symbols.names)},
        sampler=build(sampling),
        gpt=gpt,
        sovits=sovits,
        encoder=None,
        speakers={},
        emotions=read_means(styles, f"bundle {adapters}: emotions"),
        accepts=accepted(gpt, sovits),
        device=place,
        dtype=kind,
        **_outer_networks(gpt, sovits, networks),
    )


def _adapted(
    adapters: Path, base: Path, models: Mapping[str, Any], sampling: Mapping[str, Any] | None = None
) -> tuple[Styles, Mapping[str, Any]]:
    """Attach adapters; returns the mean styles of each part, a single zero for a part that has none, and the sampling
    that is usual with them."""
    facts = attach_adapters(adapters, base, models)
    labels = sorted({label for means in facts["emotions"].values() for label in means})
    without = {label: [0.0] for label in labels}
    styles = {part: facts["emotions"].get(part, without) for part in ("gpt", "sovits")}
    return styles, facts.get("sampling") or sampling or RELEASED_SAMPLING


def _check_precision(place: torch.device, kind: torch.dtype, precision: Precision) -> None:
    if place.type != "cpu" and precision != "fp32":
        raise got("precision", precision, f"fp32 on {place.type}, which dtype= is for: packing is for CPUs")
    if place.type == "cpu" and kind != torch.float32:
        raise got("dtype", str(kind).removeprefix("torch."), "float32 on a CPU, where precision= packs the weights")
    if place.type == "cpu" and (lack := missing(precision)):
        raise got("precision", precision, f"another on this machine: {precision} needs {lack}")


def _ready(module: Any, place: torch.device) -> Any:
    assert isinstance(module, nn.Module)
    return module.eval().requires_grad_(False).to(place)


def _polyphones(networks: OuterNetworks) -> Any:
    if networks.g2pw is None:
        return None
    from sovits_lab.text.mandarin.g2pw import G2pw

    return G2pw(str(networks.g2pw))


def _outer_networks(
    gpt: SemanticModel, sovits: AcousticModel, networks: OuterNetworks, encoded: bool = False
) -> dict[str, Any]:
    """The networks that these models need beyond their bundle; `encoded`: speaker vectors are its own encoder's."""
    verified = sovits.speaks_from_clip and sovits.takes_vector and not encoded
    if not gpt.takes_prompt and not verified and (encoded or not gpt.bert_channels):
        networks.refuse()
        return {}
    return {
        "content": networks.content_features() if gpt.takes_prompt else None,
        "bert": networks.text_features() if gpt.bert_channels else None,
        "speaker_network": networks.speaker_vectors() if verified else None,
    }
