"""Stage `tokens` of a voice that is there already: its own tokens of each text, laid upon the recording in time.

What a code means is known to the voice alone. So the voice says the text itself, and its speech is warped onto the
recording by dynamic time warping of mel cepstra: the recording's tokens are those that the voice would have used where
they would have stood. A voice that knows when it speaks each phone tells the recording's phone times so. Silences are
left out of the warping on both sides: those of the recording, which the text does not tell, are what the voice says at
a comma. Else the first phone would last from the recording's beginning on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sovits_lab.audio.energy import mel_energy
from sovits_lab.audio.silences import silences
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.checkpoints.bundle import read_facts
from sovits_lab.checkpoints.starter import base_folder
from sovits_lab.conditioning.speaker import knows_strangers
from sovits_lab.data.checked import Utterance
from sovits_lab.data.rows import row_named
from sovits_lab.data.store import FeatureStore
from sovits_lab.inference.clips import AudioArray
from sovits_lab.inference.curves import align_by_words
from sovits_lab.inference.request import Request
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.inference.timings import phone_of_frames
from sovits_lab.inference.tokens import generate_tokens
from sovits_lab.inference.utterances import utterances_of
from sovits_lab.inference.waveforms import speech_of
from sovits_lab.types import InputError, got

NEUTRAL = "neutral"
CLIP_SECONDS = 10.0  # of a speaker as whom a voice says a text
ENDS = " .!?…。！？,，"  # of a sentence


class AlignTokens:
    """Tokens of a base for the recordings of other speakers, and how long each phone lasts where the base knows.

    Args:
        base: the voice; None is refused with what to add.
    """

    resumable = False

    def __init__(self, base: str | None = None) -> None:
        self.base = base

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Write `tokens.npy`, `facts.json` and `durations.json` (frames of each phone); needs `inputs["features"]`.

        Raises:
            InputError: no base, or one that reads or hears otherwise than the features were made.
        """
        store = FeatureStore(inputs["features"])
        facts = read_facts(base_folder(self.base), "voice", ("speakers",))
        people = clips_of_speakers(store) if knows_strangers(facts) else {}
        with Synthesizer.load(base_folder(self.base)) as voice:
            refuse_other_features(voice, store)
            pause = pause_token(voice, own_request(voice, store.rows[0], people)) if store.rows else 0
            tokens = np.zeros(sum(row.frames for row in store.rows) // 2, dtype=np.int32)
            durations: dict[str, list[int]] = {}
            for number, row in enumerate(store.rows):
                with row_named(row.id):
                    mel = store.mel(number).T.astype(np.float32)
                    speech = own_speech(voice, own_request(voice, row, people))
                    laid = laid_upon(speech, mel, pause)
                tokens[row.start // 2 : (row.start + row.frames) // 2] = laid.tokens[::2][: row.frames // 2]
                if laid.places is not None and speech.phones == tuple(row.phones):
                    durations[row.id] = np.bincount(laid.places, minlength=len(row.phones)).tolist()
                report.progress(number + 1, len(store.rows), "utterances")
            codes = int(voice.voice.gpt.codes)
        np.save(out / "tokens.npy", tokens)
        (out / "durations.json").write_text(json.dumps(durations), encoding="utf-8")
        facts = {"codes": codes, "used": len(np.unique(tokens))}
        (out / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")


def clips_of_speakers(store: FeatureStore) -> dict[str, AudioArray]:
    """Return some seconds of each speaker's recordings."""
    wavs: dict[str, list[np.ndarray]] = {}
    for number, row in enumerate(store.rows):
        wavs.setdefault(row.speaker, []).append(store.wav(number))
    rate = round(store.hop * store.frames_per_second)
    return {name: AudioArray(np.concatenate(each)[: round(CLIP_SECONDS * rate)], rate) for name, each in wavs.items()}


def own_request(voice: Synthesizer, row: Utterance, people: Mapping[str, AudioArray]) -> Request:
    """Return what a voice says itself in the place of a recording: as its speaker where it knows them by name or
    `people` has a clip.
    """
    loaded = voice.voice
    label = row.emotion if row.emotion in loaded.emotions else NEUTRAL
    known = row.speaker if row.speaker in loaded.speakers else next(iter(loaded.speakers))
    who = known if row.speaker == known else people.get(row.speaker, known)
    return Request(row.text, who, emotion=label, language=row.language or None)


class OwnSpeech(NamedTuple):
    """What a voice says of a text.

    Attributes:
        wav: as many samples as the frames have, at the voice's rate.
        mel: natural-log mels.
        tokens: that of each frame.
        phones: of the text.
        places: which of the phones each frame speaks; None where the voice does not know.
    """

    wav: Float[np.ndarray, " T"]
    mel: Float[np.ndarray, "M L"]
    tokens: Int[np.ndarray, " L"]
    phones: tuple[str, ...]
    places: Int[np.ndarray, " L"] | None


class LaidTokens(NamedTuple):
    """The token of each frame of a recording, and which phone of the text it speaks, where the voice knows."""

    tokens: Int[np.ndarray, " L"]
    places: Int[np.ndarray, " L"] | None


def own_speech(voice: Synthesizer, request: Request) -> OwnSpeech:
    """Let the voice say a request.

    Raises:
        InputError: a text that the voice says nothing of.
    """
    loaded = voice.voice
    plan = utterances_of(request, voice.clips, voice.limits)
    spoken = generate_tokens(loaded, [plan], [request], 1, voice.guard)[0]
    wav = speech_of(voice.clips, request, plan, spoken).wav
    mel = log_mel(wav, loaded.spec)
    tokens: list[int] = []
    places: list[int] = []
    phones: list[str] = []
    timed = True
    for utterance, one in zip(plan, spoken, strict=True):
        pause = round(utterance.pause * loaded.spec.frames_per_second)
        if not len(one.tokens):
            tokens += tokens[-1:] * pause
            places += places[-1:] * pause
            continue
        found = phone_of_frames(loaded, utterance, one.tokens)
        timed = timed and found is not None
        now = [] if found is None else (found + len(phones)).tolist()
        frames = np.repeat(one.tokens.numpy(), 2).tolist()
        tokens += (tokens[-1:] or frames[:1]) * pause + frames  # a pause goes to the phone before it
        places += (places[-1:] or now[:1]) * pause + now
        phones += utterance.phones
    if not tokens:
        raise got("text", request.text, "words that the voice says")
    size = min(len(tokens), mel.shape[1])
    known = np.asarray(places[:size]) if timed else None
    return OwnSpeech(wav[: size * loaded.spec.hop], mel[:, :size], np.asarray(tokens[:size]), tuple(phones), known)


def pause_token(voice: Synthesizer, request: Request) -> int:
    """Return the token of the softest sound in the middle when the voice says a text twice, with a comma between."""
    speech = own_speech(voice, replace(request, text=f"{request.text.rstrip(ENDS)}, {request.text}"))
    middle = slice(len(speech.tokens) // 4, 3 * len(speech.tokens) // 4 + 1)
    levels, tokens = mel_energy(speech.mel[:, middle]), speech.tokens[middle]
    return min(set(tokens.tolist()), key=lambda token: float(levels[tokens == token].mean()))


def laid_upon(speech: OwnSpeech, mel: Float[np.ndarray, "M L"], pause: int) -> LaidTokens:
    """Lay the voice's own speech upon a recording of the same text by warping.

    Args:
        speech: of the voice whose tokens are asked for.
        mel: the recording as the voice hears it, natural-log mels.
        pause: token of the recording's silences, see `pause_token`; they belong to the phone before them.
    """
    sounding, speaking = ~silences(mel), ~silences(speech.mel)
    sources = np.flatnonzero(speaking)
    warped = np.round(align_by_words(mel[:, sounding], speech.mel[:, speaking])).astype(int)
    chosen = sources[np.clip(warped, 0, len(sources) - 1)]
    tokens = np.full(mel.shape[1], pause)
    tokens[sounding] = speech.tokens[chosen]
    if speech.places is None:
        return LaidTokens(tokens, None)
    places = np.zeros(mel.shape[1], dtype=int)
    places[sounding] = speech.places[chosen]
    return LaidTokens(tokens, np.maximum.accumulate(places))


def refuse_other_features(voice: Synthesizer, store: FeatureStore) -> None:
    """Compare how a voice reads and hears with how features were made.

    Raises:
        InputError: otherwise.
    """
    loaded = voice.voice
    names = [name for name, _ in sorted(loaded.symbols.items(), key=lambda item: item[1])]
    if list(store.symbols) != names:
        given = f"{len(store.symbols)} phones of another table"
        raise got("features: symbols", given, f"the {len(names)} that the base reads: frontend= as it was trained with")
    mels = store.mel(0).shape[1]
    if (store.hop, mels) != (loaded.spec.hop, loaded.spec.n_mels):
        given, wanted = f"hop {store.hop}, {mels} mels", f"hop {loaded.spec.hop}, {loaded.spec.n_mels} mels"
        raise InputError(f"features: got {given}, expected {wanted}, as the base hears: audio= as it was trained with")
