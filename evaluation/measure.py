"""Rows: every judge's word on every recording, one judge at a time; failures become rows with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from evaluation.intelligibility import sequence_errors, worst
from evaluation.items import Row, Sample, Table
from evaluation.judges.contract import JudgeCard, PhoneRecogniser, SpeakerJudge
from evaluation.prosody import RATE, SIGNAL, WORLD, Prosody
from evaluation.prosody import measure as measure_prosody
from evaluation.prosody_alignment import compare
from evaluation.recording import Recording, Unusable, read_recording
from evaluation.speaker import WORST as STRANGER
from evaluation.speaker import Enrolment

Tick = Callable[[int], None]
CLOCK = JudgeCard(name="clock", version="wall", construct="speed", rate=0, deterministic=False)


class Audio:
    """Recordings by path at one rate, each read once."""

    def __init__(self, rate: int = RATE) -> None:
        self.rate = rate
        self._read: dict[Path | None, Recording | Unusable] = {}

    def __call__(self, path: Path | None) -> Recording | Unusable:
        if path not in self._read:
            self._read[path] = read_recording(path, self.rate)
        return self._read[path]


def recordings(samples: Iterable[Sample], parts: Sequence[str]) -> list[tuple[Sample, str, Path | None]]:
    """(sample, part, path) of the outputs, always, and of the true recordings that a sample has."""
    found: list[tuple[Sample, str, Path | None]] = []
    for one in samples:
        for part in parts:
            path = one.wav if part == "output" else getattr(one, part)
            if part == "output" or path is not None:
                found.append((one, part, path))
    return found


def speaker_rows(samples: Sequence[Sample], audio: Audio, judge: SpeakerJudge, enrolment: Enrolment, to: Table) -> None:
    """Similarity to the enrolled speaker, identification among all, and similarity to the speaker of the style clip."""
    wanted = recordings(samples, ("output", "truth"))
    paths = sorted({path for *_, path in wanted if isinstance(audio(path), Recording)}, key=str)
    clips = [audio(path) for path in paths]
    vectors = judge.embed([clip.wav for clip in clips if isinstance(clip, Recording)]) if clips else np.zeros((0, 1))
    embedded = dict(zip(paths, vectors, strict=True))
    name, digest = judge.card.name, judge.card.weight_hash
    for one, part, path in wanted:
        if one.speaker not in enrolment.names:
            to.add(Row(one.id, "similarity", None, name, digest, part, reason="speaker is not enrolled"))
            continue
        if path not in embedded:
            reason = _reason(audio(path))
            to.add(Row(one.id, "similarity", STRANGER, name, digest, part, reason=reason))
            to.add(Row(one.id, "identified", 0.0, name, digest, part, reason=reason))
            continue
        clip, vector = audio(path), embedded[path]
        right = float(enrolment.nearest(vector) == one.speaker)
        note = "shorter than the judge's minimum" if clip_seconds(clip) < judge.card.minimum_seconds else ""
        similarity = enrolment.similarity(vector, one.speaker)
        to.add(Row(one.id, "similarity", similarity, name, digest, part, clip.digest, reason=note))
        to.add(Row(one.id, "identified", right, name, digest, part, clip.digest, reason=note))
        if part == "output" and one.style_speaker and one.style_speaker != one.speaker:
            style = enrolment.similarity(vector, one.style_speaker)
            to.add(Row(one.id, "similarity_style_speaker", style, name, digest, part, clip.digest))


def clip_seconds(clip: Recording | Unusable) -> float:
    """Length of a recording in seconds, 0 for an unusable one."""
    return clip.seconds if isinstance(clip, Recording) else 0.0


def phone_rows(samples: Sequence[Sample], audio: Audio, card: JudgeCard, hears: PhoneRecogniser, to: Table) -> None:
    """Phone error rate of outputs and of true recordings; a recording that appears twice is heard once."""
    wanted = recordings([one for one in samples if one.phones], ("output", "truth"))
    paths = sorted({path for *_, path in wanted if isinstance(audio(path), Recording)}, key=str)
    heard: dict[Path | None, list[str]] = {}
    for start in range(0, len(paths), 32):
        chunk = paths[start : start + 32]
        clips = [clip.wav for clip in map(audio, chunk) if isinstance(clip, Recording)]
        heard.update(zip(chunk, hears.transcribe(clips, audio.rate), strict=True))
    for one, part, path in wanted:
        errors = sequence_errors(one.phones, heard[path]) if path in heard else worst(one.phones)
        reason = "" if path in heard else _reason(audio(path))
        digest = audio(path).digest
        to.add(Row(one.id, "per", errors.rate, card.name, card.weight_hash, part, digest, errors.reference, reason))
    for one in samples:
        if not one.phones:
            to.add(Row(one.id, "per", None, card.name, card.weight_hash, reason="no phones in the manifest"))


def prosody_rows(samples: Sequence[Sample], audio: Audio, to: Table, tick: Tick) -> None:
    """Pitch, level, length of outputs and true recordings, and the agreement of each output with its truth."""
    measured: dict[Path, Prosody] = {}
    for done, (one, part, path) in enumerate(recordings(samples, ("output", "truth", "truth_neutral"))):
        tick(done)
        clip = audio(path)
        if not isinstance(clip, Recording):
            to.add(Row(one.id, "duration", None, SIGNAL.name, of=part, reason=clip.reason))
            continue
        assert path is not None
        if path not in measured:
            measured[path] = measure_prosody(clip.wav)
        _prosody_of(one, part, clip, measured[path], to)
        if part == "truth" and one.wav in measured:
            _agreement(one, measured[one.wav], measured[path], to)


def _prosody_of(one: Sample, part: str, clip: Recording, found: Prosody, to: Table) -> None:
    voiceless = "" if found.f0_median is not None else "fewer than ten voiced frames"
    to.add(Row(one.id, "f0_median", found.f0_median, WORLD.name, of=part, audio=clip.digest, reason=voiceless))
    to.add(Row(one.id, "f0_range", found.f0_range, WORLD.name, of=part, audio=clip.digest, reason=voiceless))
    to.add(Row(one.id, "level", found.level, SIGNAL.name, of=part, audio=clip.digest))
    to.add(Row(one.id, "duration", found.duration, SIGNAL.name, of=part, audio=clip.digest))


def _agreement(one: Sample, output: Prosody, truth: Prosody, to: Table) -> None:
    found = compare(output, truth)
    to.add(Row(one.id, "voicing_agreement", found.voicing, WORLD.name))
    to.add(Row(one.id, "voicing_f1", found.voicing_f1, WORLD.name))
    to.add(Row(one.id, "f0_rmse", found.f0_rmse, WORLD.name, reason=_absent(found.f0_rmse, "no frame voiced in both")))
    lacking = _absent(found.f0_correlation, "too few frames voiced in both, or a constant contour")
    to.add(Row(one.id, "f0_correlation", found.f0_correlation, WORLD.name, reason=lacking))
    to.add(Row(one.id, "mel_cepstral_distance", found.distortion, SIGNAL.name))


def speed_rows(samples: Sequence[Sample], to: Table) -> None:
    """Real-time factor: seconds of computing over seconds of audio, weighted by the audio."""
    for one in samples:
        if one.synthesis_seconds is None or not one.audio_seconds:
            to.add(Row(one.id, "rtf", None, CLOCK.name, reason="no times in the manifest"))
        else:
            rtf = one.synthesis_seconds / one.audio_seconds
            to.add(Row(one.id, "rtf", rtf, CLOCK.name, weight=one.audio_seconds))


def _reason(clip: Recording | Unusable) -> str:
    return clip.reason if isinstance(clip, Unusable) else ""


def _absent(value: float | None, reason: str) -> str:
    return reason if value is None else ""
