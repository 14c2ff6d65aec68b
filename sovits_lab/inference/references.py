"""Reference clips of a voice, heard once each: who speaks, how, and the contour of F0 and energy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sovits_lab.audio.baseline import FEWEST, baseline, voiced_frames
from sovits_lab.audio.energy import level_dbfs, mel_energy
from sovits_lab.audio.files import load_audio
from sovits_lab.audio.pitch import f0
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.data.batches import stack_mels
from sovits_lab.inference.bounded import BoundedCache
from sovits_lab.inference.curves import Contour, contour_of
from sovits_lab.inference.request import Clips
from sovits_lab.inference.voice import Speaker, Style, Voice
from sovits_lab.types import InputError, got

KEPT = 256  # clips of each kind, the longest of which is about 600 kB as a mel
LONGEST_REFERENCE = 30.0  # seconds; longer clips say nothing more about who or how
SHORTEST_REFERENCE = 0.5
SOFT_DBFS = -40.0  # clips of a corpus are louder


class Melody(NamedTuple):
    """The contour of a clip and its log-mel [M, L], by which time is aligned."""

    contour: Contour
    mel: NDArray[np.float32]


class References:
    """What a voice hears in files; each file is read once.

    Every method raises InputError, naming the file, for one that is no audio, too short or silent. Where a pitch is
    needed, of a speaker and of prosody, it must also have voiced frames; a style may be whispered.
    """

    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self._speakers: BoundedCache[Speaker] = BoundedCache(KEPT)
        self._mels: BoundedCache[NDArray[np.float32]] = BoundedCache(KEPT)
        self._melodies: BoundedCache[Melody] = BoundedCache(KEPT)

    def speaker(self, who: str | Path) -> Speaker:
        """From the name of a training speaker, or a clip of neutral speech."""
        if str(who) in self.voice.speakers or (not Path(who).suffix and not Path(who).exists()):
            return self.voice.speaker(str(who))  # an unknown name raises, naming the speakers
        return self._speakers.get(str(who), lambda: self._heard_speaker(who))

    @torch.no_grad()
    def _heard_speaker(self, who: str | Path) -> Speaker:
        wav = self._wav(who)
        pitch = self._pitch(f"speaker reference {who}", wav)
        mel = log_mel(wav, self.voice.spec)
        vector = self.voice.encoder(torch.from_numpy(mel)[None], torch.ones(1, mel.shape[1], dtype=torch.bool))
        neutral = baseline([voiced_frames(pitch, mel)])
        if neutral is None:
            raise got(f"speaker reference {who}", "hardly any voiced frame", "speech")
        return Speaker(vector[0], neutral)

    def style(self, clips: Clips, emotion: Style | None) -> Style:
        """Of one clip or several, with the label's vector of an emotion beside it where the voice knows labels."""
        paths: Sequence[str | Path] = [clips] if isinstance(clips, str | Path) else list(clips)
        if not paths:
            raise InputError("style: got an empty list, expected one clip or several")
        stacked = stack_mels([self._mel(path).T for path in paths])
        return self.voice.clips(stacked.mel, stacked.mask, emotion)

    def melody(self, path: str | Path) -> Melody:
        """Of a clip whose prosody is followed."""
        return self._melodies.get(str(path), lambda: self._heard_melody(path))

    def _heard_melody(self, path: str | Path) -> Melody:
        wav = self._wav(path)
        mel = log_mel(wav, self.voice.spec)
        return Melody(contour_of(self._pitch(f"prosody {path}", wav), mel_energy(mel)), mel)

    def _mel(self, path: str | Path) -> NDArray[np.float32]:
        return self._mels.get(str(path), lambda: log_mel(self._audible(self._wav(path)), self.voice.spec))

    def _audible(self, wav: NDArray[np.float32]) -> NDArray[np.float32]:
        """A soft clip louder, where gain says nothing: below the floor of log mels its softer half would be gone."""
        missing = SOFT_DBFS - level_dbfs(wav)
        return wav if self.voice.hears_level or missing <= 0 else wav * np.float32(10 ** (missing / 20))

    def _pitch(self, what: str, wav: NDArray[np.float32]) -> NDArray[np.float32]:
        pitch = f0(wav, self.voice.spec.sample_rate, self.voice.spec.hop)
        if (pitch > 0).sum() < FEWEST:
            raise got(what, "hardly any voiced frame", "speech")
        return pitch

    def _wav(self, path: str | Path) -> NDArray[np.float32]:
        wav = load_audio(path, self.voice.spec.sample_rate, max_seconds=LONGEST_REFERENCE)
        if len(wav) < SHORTEST_REFERENCE * self.voice.spec.sample_rate:
            seconds = len(wav) / self.voice.spec.sample_rate
            raise got(f"reference {path}", f"{seconds:.2f} s", f"at least {SHORTEST_REFERENCE} s of speech")
        if np.abs(wav).max() < 1e-4:
            raise got(f"reference {path}", "silence", "speech")
        return wav
