"""A native voice as ONNX: two graphs, and a file of what feeds them."""

from __future__ import annotations

import importlib
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sovits_lab.checkpoints.bundle import bundle_folder, read_facts
from sovits_lab.checkpoints.cards import cards_of
from sovits_lab.checkpoints.compact import FEWEST
from sovits_lab.conditioning.conditions import SPEAKER
from sovits_lab.files import write_whole
from sovits_lab.inference.loading import load_voice
from sovits_lab.inference.onnx_graphs import DurationsGraph, SpeechGraph
from sovits_lab.inference.styles import VoiceStyle
from sovits_lab.inference.voice import LoadedVoice
from sovits_lab.models.gpt.parallel import ParallelGpt
from sovits_lab.models.heads.spectral import HarmonicHead
from sovits_lab.models.sovits.acoustic import SoVits
from sovits_lab.types import InputError, got

DURATIONS, SPEECH, VOICE = "durations.onnx", "speech.onnx", "voice.json"
FACTS = ("sample_rate", "samples_per_token", "max_tokens", "symbols", "frontend", "speakers", "emotions")  # of VOICE
PARTS = ("gpt", "sovits")
OPSET = 20  # the first with a gelu of its own
WANTED = "pip install 'sovits-lab[onnx]'"


def export_onnx(bundle: Path, out: Path, small: bool = False) -> list[Path]:
    """Write the graphs of a voice, what feeds them, and the cards of its bundle; return the files.

    Args:
        bundle: a run folder, or the bundle of a voice.
        out: the folder to write.
        small: whether large tensors are kept in 8 bits.

    Raises:
        InputError: a package is missing, or the voice has a part that is no graph.
    """
    onnx = import_needed("onnx")
    import_needed("onnxscript")
    voice = load_voice(bundle)
    gpt, sovits = check_exportable(voice)
    if out.exists() and not (out / VOICE).is_file():
        raise got("export, out", out, "a new folder, or one that was exported before")
    out.mkdir(parents=True, exist_ok=True)
    for name, (graph, values, dynamic) in _graphs(voice, gpt, sovits).items():
        model = _traced(graph, values, dynamic)
        _forget_source(model.graph)
        if small:
            _in_8_bits(onnx, model.graph)
        onnx.checker.check_model(model)
        write_whole(out / name, model.SerializeToString())
    folder = bundle_folder(bundle)
    write_whole(out / VOICE, json.dumps(_facts(voice, gpt, folder), ensure_ascii=False).encode())
    cards = cards_of(bundle)
    for name, text in cards.items():
        write_whole(out / name, text.encode())
    return [out / name for name in (DURATIONS, SPEECH, VOICE, *cards)]


def import_needed(package: str) -> Any:
    """Import a package of the extra `onnx`, or raise an InputError that says how to get it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise InputError(f"onnx: got no package {package}, expected it installed; {WANTED}") from error


def check_exportable(voice: LoadedVoice) -> tuple[ParallelGpt, SoVits]:
    """Return the models of a voice that can be graphs.

    Raises:
        InputError: it has a part that is none.
    """
    gpt, sovits = voice.gpt, voice.sovits
    if not isinstance(gpt, ParallelGpt):
        remedy = "gpt=parallel: it makes all tokens at once, an autoregressive one loops over them"
        raise got("export, gpt", type(gpt).__name__, f"a voice trained with {remedy}")
    if gpt.passes != 1:
        raise got("export, gpt.passes", gpt.passes, "1: every token by itself")
    if not isinstance(sovits, SoVits):
        raise got("export, sovits", type(sovits).__name__, "a voice trained with sovits=conv")
    if not isinstance(sovits.head, HarmonicHead):
        raise got("export, head", type(sovits.head).__name__, "a voice trained with head=nsf_istft")
    if not voice.speakers:
        raise got("export, speakers", "none", "a voice that knows its speakers by name")
    return gpt, sovits


def conditions_by_part(voice: LoadedVoice, style: VoiceStyle) -> dict[str, dict[str, Tensor]]:
    """Return each model's conditions other than the speaker, by name."""
    known = {part: getattr(voice, part).conditions.widths for part in PARTS}
    return {part: {k: v for k, v in getattr(style, part).items() if k in known[part]} for part in PARTS}


def _graphs(voice: LoadedVoice, gpt: ParallelGpt, sovits: SoVits) -> dict[str, tuple[nn.Module, dict, dict]]:
    """File -> graph, example values by argument, and their axes that are free."""
    neutral = conditions_by_part(voice, voice.neutral)
    vectors = {part: {k: v[None] for k, v in each.items()} for part, each in neutral.items()}
    speaker = next(iter(voice.speakers.values()))
    phones, tokens = torch.export.Dim("phones", min=1, max=4096), torch.export.Dim("tokens", min=8, max=4096)
    ids = torch.arange(24)[None] % len(voice.symbols)
    shared = {"phones": ids, "speaker": speaker.vector[None]}
    fixed = {part: dict.fromkeys(each) for part, each in vectors.items()}
    size = 2 * voice.hop
    speech = {
        **shared,
        **vectors,
        "durations": torch.full(ids.shape, 2.0),
        "baseline": torch.tensor([speaker.baseline]),
        "noise": torch.zeros(1, 2 * ids.shape[1], size),
    }
    free = {"phones": {1: phones}, "speaker": None}
    return {
        DURATIONS: (DurationsGraph(gpt), {**shared, "gpt": vectors["gpt"]}, {**free, "gpt": fixed["gpt"]}),
        SPEECH: (
            SpeechGraph(gpt, sovits, voice.spec),
            speech,
            {**free, **fixed, "durations": {1: phones}, "baseline": None, "noise": {1: tokens}},
        ),
    }


def _traced(graph: nn.Module, values: dict, dynamic: dict) -> Any:
    with _quiet():
        made = torch.onnx.export(
            graph.eval(), kwargs=values, dynamic_shapes=dynamic, opset_version=OPSET, dynamo=True, verbose=False,
            external_data=False,
        )  # fmt: skip
    assert made is not None
    return made.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporter tells of packages that are not needed and of its own deprecations."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _forget_source(graph: Any) -> None:
    """Remove from every node the name and line of the source file on this machine."""
    for one in (graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        del one.metadata_props[:]
        one.doc_string = ""


def _in_8_bits(onnx: Any, graph: Any) -> None:
    """Keep every large tensor in int8, as packed bundles do, with one scale for each row of its first or second axis:
    that which loses less, since the exporter turns some matrices over.
    """
    nodes, kept = [], []
    for tensor in graph.initializer:
        value = onnx.numpy_helper.to_array(tensor)
        if value.dtype != np.float32 or value.ndim < 2 or value.size < FEWEST:
            kept.append(tensor)
            continue
        axis, (steps, scale) = min(
            ((axis, _rounded(value, axis)) for axis in (0, 1)),
            key=lambda one: np.square(one[1][0] * _along(one[1][1], value.ndim, one[0]) - value).sum(),
        )
        small, scales = f"{tensor.name}.int8", f"{tensor.name}.scale"
        kept += [onnx.numpy_helper.from_array(steps, small), onnx.numpy_helper.from_array(scale, scales)]
        nodes.append(onnx.helper.make_node("DequantizeLinear", [small, scales], [tensor.name], axis=axis))
    whole = [*nodes, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(whole)


def _rounded(value: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Steps in int8, and what the rows of an axis are multiplied by."""
    most = np.abs(value).max(tuple(i for i in range(value.ndim) if i != axis))
    scale = np.maximum(most / 127, np.finfo(np.float32).tiny).astype(np.float32)
    return np.round(value / _along(scale, value.ndim, axis)).astype(np.int8), scale


def _along(scale: NDArray[np.float32], dimensions: int, axis: int) -> NDArray[np.float32]:
    """Numbers of an axis in a shape that multiplies a tensor of so many dimensions."""
    return scale.reshape([-1 if i == axis else 1 for i in range(dimensions)])


def _facts(voice: LoadedVoice, gpt: ParallelGpt, folder: Path) -> dict[str, Any]:
    """What a program without this project needs: numbers of phones, vectors of speakers and emotions."""
    return {
        "format": 1,
        "sample_rate": voice.sample_rate,
        "samples_per_token": 2 * voice.hop,
        "max_tokens": gpt.max_tokens,
        "symbols": _listed(voice.symbols),
        "frontend": read_facts(folder, "voice", ("frontend",))["frontend"],
        "speakers": {
            name: {SPEAKER: one.vector.tolist(), "baseline": list(one.baseline or ())}
            for name, one in voice.speakers.items()
        },
        "emotions": {
            label: {
                part: {k: v.tolist() for k, v in each.items()}
                for part, each in conditions_by_part(voice, style).items()
            }
            for label, style in ((label, voice.emotion(label)) for label in sorted(voice.emotions))
        },
    }


def _listed(symbols: Any) -> Sequence[str]:
    return sorted(symbols, key=symbols.__getitem__)
