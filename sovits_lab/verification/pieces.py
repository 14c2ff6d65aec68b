"""From tokens to audio in pieces, in turn and side by side, and the join, against their fixtures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from sovits_lab.audio.overlap_join import overlap_joined
from sovits_lab.audio.upstream import denormalised, normalised
from sovits_lab.checkpoints.matched_names import VOCODER
from sovits_lab.models.sovits.matching import MatchingSynthesizer, Noise
from sovits_lab.models.sovits.mel_windows import (
    WINDOWS_V3,
    WINDOWS_V4,
    Reference,
    WindowSizes,
    batched_pieces,
    reference_of,
    spans,
)
from sovits_lab.models.sovits.solvers import EulerShortcut
from sovits_lab.verification.fixture import Fixture
from sovits_lab.verification.matched import FEATURES, matched_model, published_features
from sovits_lab.verification.stored import under, whole_weights
from sovits_lab.verification.vocoders import LOUD_MEL

MEL, AUDIO = 1e-3, 1e-4


def verify_pieces(fixture: Fixture) -> None:
    """Verify features, every case in turn and side by side, the lengths at the released sizes, and the join."""
    weights = whole_weights(fixture)
    vocoder = {f"{VOCODER}{key}": value for key, value in under(weights, VOCODER).items()}
    model = matched_model(fixture, {**under(weights, "s2."), **vocoder})
    model.solver = EulerShortcut(int(fixture.facts["sample_steps"]))
    with torch.no_grad():
        spoken = _spoken(fixture, model)
        for case, sizes in fixture.facts["windows"].items():
            model.windows = WindowSizes(sizes["T_ref"], sizes["T_chunk"], int(fixture.facts["overlapped_len"]))
            _in_turn(fixture, model, case, spoken)
            _side_by_side(fixture, model, case, spoken)
        _at_other_speeds(fixture, model, spoken)
    released = WINDOWS_V3 if fixture.facts["version"] == "v3" else WINDOWS_V4
    for i, facts in enumerate(fixture.facts.get("released_windows", [])):
        _lengths(fixture, released, i, facts)
    _joins(fixture)
    fixture.leftovers()


def _spoken(fixture: Fixture, model: MatchingSynthesizer) -> dict[str, Any]:
    """Features of the reference and of each sentence, and the reference's mel."""
    version = fixture.facts["version"]
    voice = model.reference.average([fixture["in.refer_spec"]])

    def features(tokens: Tensor, phones: Tensor, speed: float = 1.0) -> Tensor:
        return published_features(model, version, tokens[None], phones[None], voice, speed)

    before = features(fixture["in.prompt_semantic"], fixture["in.prompt_phones"])
    mel = normalised(model.to_mel(fixture["in.raw_audio"]))
    targets = [
        features(*pair) for pair in zip(fixture.indexed("in.semantic"), fixture.indexed("in.phones"), strict=True)
    ]
    fixture.close("out.fea_ref", before, atol=FEATURES)
    fixture.close("out.fea_todo", targets[0], atol=FEATURES)
    fixture.close("out.mel_ref_normalised", mel, atol=LOUD_MEL)
    return {"mel": mel, "before": before, "targets": targets, "features": features}


class _StoredNoise:
    """The noise of call n: rows n, n + 1, ... of the stored one, tiled along time."""

    def __init__(self, noise: Tensor, rows: int = 1) -> None:
        self.stored, self.rows, self.calls = noise, rows, 0

    def __call__(self, frames: int) -> Tensor:
        index = (self.calls + torch.arange(self.rows)) % len(self.stored)
        self.calls += 1
        rows = self.stored[index]
        return rows.repeat(1, 1, -(-frames // rows.shape[2]))[..., :frames]


def _calls(fixture: Fixture, name: str, made: list[tuple[int, int]]) -> None:
    """Frames and prompts of the calls."""
    stored = [(call["fea"][1], call["prompt"][2]) for call in fixture.facts.get("calls", {}).get(name, [])]
    if stored:
        fixture.number(f"calls of {name}", float(stored != made), 0.0, 0)


def _in_turn(fixture: Fixture, model: MatchingSynthesizer, case: str, spoken: Mapping[str, Any]) -> None:
    opening = reference_of(spoken["mel"], spoken["before"], model.windows.reference)
    calls: list[tuple[int, int]] = []
    mel = denormalised(_continued(model, spoken["targets"][0], opening, fixture["in.noise"], calls))
    _calls(fixture, case, calls)
    fixture.close(f"{case}.out.mel", mel, atol=MEL)
    if f"{case}.out.audio" in fixture:
        fixture.close(f"{case}.out.audio", model.head(mel)[0], atol=AUDIO)


def _continued(
    model: MatchingSynthesizer, features: Tensor, opening: Reference, noise: Tensor, calls: list[tuple[int, int]]
) -> Tensor:
    stored: Noise = _StoredNoise(noise)

    def counted(frames: int) -> Tensor:
        calls.append((frames, 0))
        return stored(frames)

    pieces = list(model.pieces(features, opening, counted))
    calls[:] = [(frames, frames - piece.shape[2]) for (frames, _), piece in zip(calls, pieces, strict=True)]
    return torch.cat(pieces, dim=2)


def _side_by_side(fixture: Fixture, model: MatchingSynthesizer, case: str, spoken: Mapping[str, Any]) -> None:
    opening = reference_of(spoken["mel"], spoken["before"], model.windows.reference)
    targets = spoken["targets"]
    rows = len(batched_pieces(torch.cat(targets, dim=2), *_sizes(model, opening)).features)
    mel, _ = model.side_by_side(torch.cat(targets, dim=2), opening, _StoredNoise(fixture["in.noise"], rows))
    frames = model.windows.call
    _calls(fixture, f"{case}.batched", [(frames, opening.frames)])
    if f"{case}.batched.out.mel" in fixture:
        fixture.close(f"{case}.batched.out.mel", denormalised(mel), atol=MEL)
    lengths = [target.shape[2] for target in targets]
    made = model.joined(torch.cat(targets, dim=2), opening, _StoredNoise(fixture["in.noise"], rows), lengths)
    for i, wav in enumerate(made.wavs):
        fixture.close(f"{case}.batched.out.audio.{i}", wav, atol=AUDIO)
    if case in fixture.facts.get("sola_index", {}):
        fixture.number(f"shifts of {case}", float(list(made.shifts) != fixture.facts["sola_index"][case]), 0.0, 0)
    samples = fixture.facts.get("batched_audio_samples", {}).get(case)
    if samples:
        fixture.number(f"samples of {case}", float([len(w) for w in made.wavs] != samples["returned"]), 0.0, 0)


def _sizes(model: MatchingSynthesizer, opening: Reference) -> tuple[int, int]:
    return model.windows.call - opening.frames, model.windows.overlap


def _at_other_speeds(fixture: Fixture, model: MatchingSynthesizer, spoken: Mapping[str, Any]) -> None:
    """The case of a short reference at other speeds, where the fixture has any."""
    keys = [k for k in fixture.arrays if k.startswith("speed") and k.endswith(".out.mel")]
    if not keys:
        return
    sizes = fixture.facts["windows"]["short_reference"]
    model.windows = WindowSizes(sizes["T_ref"], sizes["T_chunk"], int(fixture.facts["overlapped_len"]))
    opening = reference_of(spoken["mel"], spoken["before"], model.windows.reference)
    for key in keys:
        name, calls = key.removesuffix(".out.mel"), list[tuple[int, int]]()
        speed = float(name.removeprefix("speed"))
        features = spoken["features"](fixture["in.semantic.0"], fixture["in.phones.0"], speed)
        mel = _continued(model, features, opening, fixture["in.noise"], calls)
        _calls(fixture, name, calls)
        fixture.close(key, denormalised(mel), atol=MEL)


def _lengths(fixture: Fixture, sizes: WindowSizes, i: int, facts: Mapping[str, Any]) -> None:
    """Frames of every call at the released sizes, by arithmetic alone."""
    mels, features = facts["reference_mel_frames"], facts["reference_feature_frames"]
    opening = reference_of(torch.zeros(1, 1, mels), torch.zeros(1, 1, features), sizes.reference).frames
    target = facts["target_feature_frames"]
    made, stored = list(_planned_calls(sizes, opening, target)), facts["sequential"]["calls"]
    wrong = made != [(call["fea"][1], call["prompt"]) for call in stored]
    fixture.number(f"released window {i}: calls in turn", float(wrong), 0.0, 0)
    rate = int(fixture.facts["upsample_rate"])
    fixture.number(f"released window {i}: samples", target * rate, facts["sequential"]["samples"], 0)
    pieces = batched_pieces(torch.zeros(1, 1, target), sizes.call - opening, sizes.overlap).features
    call, frames = facts["batched"]["calls"][0], pieces.shape[0] * pieces.shape[2]
    given = ([pieces.shape[0], pieces.shape[2] + opening], opening)
    fixture.number(f"released window {i}: batch", float(given != (call["fea"], call["prompt"])), 0.0, 0)
    fixture.number(f"released window {i}: mel frames", frames, facts["batched"]["mel_frames_to_vocoder"], 0)


def _planned_calls(sizes: WindowSizes, opening: int, target: int) -> Iterator[tuple[int, int]]:
    before = opening
    for begin, end in spans(target, sizes.call - opening):
        yield before + end - begin, before
        before = min(opening, end - begin)


def _joins(fixture: Fixture) -> None:
    facts = fixture.facts.get("sola")
    pieces = fixture.indexed("sola.out.prepared_fragment")
    if not facts or not pieces:
        return
    fixture.seen.update(f"sola.out.prepared_fragment.{i}" for i in range(len(pieces)))
    joined = overlap_joined(pieces, facts["overlap_len"], facts["search_len"])
    fixture.close("sola.out.joined", joined.wav, atol=AUDIO)
    fixture.number("shifts of the join", float(list(joined.shifts) != facts["found"]), 0.0, 0)
    near = overlap_joined(pieces, facts["overlap_len"], 50)
    fixture.close("sola.out.joined_search50", near.wav, atol=AUDIO)
    if "found_search50" in facts:
        fixture.number("shifts within 50", float(list(near.shifts) != facts["found_search50"]), 0.0, 0)
    fixture.close("sola.out.single", overlap_joined(pieces[:1], facts["overlap_len"]).wav, atol=AUDIO)
