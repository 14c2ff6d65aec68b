"""Reference clips of a voice, heard once each: who speaks, how, and the contour of F0 and energy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sovits_lab.audio.energy import level_dbfs, mel_energy
from sovits_lab.audio.spectrogram import log_mel, mel_frames
from sovits_lab.data.batches import stack_mels
from sovits_lab.inference.bounded import BoundedCache
from sovits_lab.inference.clips import ClipLike, MonoClip, content_of, read_clip
from sovits_lab.inference.curves import Contour, contour_of
from sovits_lab.inference.request import Clips
from sovits_lab.inference.speaker_store import SpeakerStore, speaker_bytes, speaker_of
from sovits_lab.inference.speakers import LONGEST_REFERENCE, SHORTEST_REFERENCE, clip_speaker, pitch_of
from sovits_lab.inference.starter import only_speaker
from sovits_lab.inference.styles import VoiceStyle
from sovits_lab.inference.voice import LoadedVoice, Speaker
from sovits_lab.types import InputError

KEPT = 256  # clips of each kind, the longest of which is about 600 kB as a mel
SOFT_DBFS = -40.0  # clips of a corpus are louder
Value = TypeVar("Value")


class Melody(NamedTuple):
    """The contour of a clip and its log-mel [M, L], by which time is aligned."""

    contour: Contour
    mel: NDArray[np.float32]


@dataclass(frozen=True)
class ClipResult(Generic[Value]):
    """What a model makes of a clip, and the clip's remarks (see `MonoClip`)."""

    value: Value
    remarks: tuple[str, ...]


class VoiceClips:
    """The clips that a voice hears; each content is heard once and kept, whatever its name.

    Every method raises InputError, naming the clip, for one that is no audio, too short or silent. Where a pitch is
    needed, of a speaker and of prosody, it must also have voiced frames; a style may be whispered.
    """

    def __init__(self, voice: LoadedVoice) -> None:
        self.voice = voice
        self.store: SpeakerStore | None = None  # of speakers that outlive this process
        self._speakers: BoundedCache[ClipResult[Speaker]] = BoundedCache(KEPT)
        self._mels: BoundedCache[ClipResult[NDArray[np.float32]]] = BoundedCache(KEPT)
        self._melodies: BoundedCache[ClipResult[Melody]] = BoundedCache(KEPT)

    def clear(self) -> None:
        """Forget every clip."""
        for cache in (self._speakers, self._mels, self._melodies):
            cache.clear()

    def is_name(self, who: ClipLike) -> bool:
        """Return whether a speaker is asked for by name: a known one, or a word that is no file."""
        if not isinstance(who, str | Path):
            return False
        return str(who) in self.voice.speakers or (not Path(who).suffix and not Path(who).exists())

    def speaker(
        self, who: ClipLike | None, text: str | None = None, language: str | None = None
    ) -> ClipResult[Speaker]:
        """Take a speaker from the name of a training speaker, or from a clip of neutral speech.

        Args:
            who: name or clip; None is the voice's only speaker.
            text: what is said in the clip, for a voice that goes on from it.
            language: of that text.
        """
        who = only_speaker(self.voice.speakers) if who is None else who
        if self.is_name(who) and not self.voice.prompted:
            return ClipResult(self.voice.speaker(str(who)), ())  # an unknown name raises, naming the speakers
        if self.voice.gpt.takes_prompt and text is None:
            raise InputError("speaker_text: got nothing, expected what is said in the clip: this voice goes on from it")
        digest = content_of(who)
        return self._speakers.get((digest, text, language), lambda: self._speaker(digest, who, text, language))

    def _speaker(self, digest: str, who: ClipLike, text: str | None, language: str | None) -> ClipResult[Speaker]:
        """The speaker of a clip from the store, or heard now and kept there."""
        if self.store is not None and (kept := self.store.get(digest)) is not None:
            return ClipResult(*speaker_of(kept, self.voice.device))
        result = ClipResult(*clip_speaker(self.voice, who, text, language))
        if self.store is not None and (data := speaker_bytes(result.value, result.remarks)) is not None:
            self.store.put(digest, data)
        return result

    def style(self, clips: Clips, emotion: VoiceStyle | None) -> ClipResult[VoiceStyle]:
        """Take the style of one clip or several, with an emotion's own vector where the voice knows labels."""
        given = clips_of(clips)
        if not given:
            raise InputError("style: got an empty list, expected one clip or several")
        mels = [self._mel(one) for one in given]
        style = self.voice.clips(stack_mels([one.value for one in mels]), emotion)
        return ClipResult(style, tuple(dict.fromkeys(remark for one in mels for remark in one.remarks)))

    def melody(self, clip: ClipLike) -> ClipResult[Melody]:
        """Take the melody of a clip whose prosody is followed."""
        return self._melodies.get(content_of(clip), lambda: self._melody_of(clip))

    def _melody_of(self, given: ClipLike) -> ClipResult[Melody]:
        clip = self._read("prosody", given)
        mel = log_mel(clip.wav, self.voice.spec)
        return ClipResult(Melody(contour_of(pitch_of(clip, self.voice.spec), mel_energy(mel)), mel), clip.remarks)

    def _mel(self, given: ClipLike) -> ClipResult[NDArray[np.float32]]:
        def compute() -> ClipResult[NDArray[np.float32]]:
            clip = self._read("style", given)
            return ClipResult(mel_frames(self._audible(clip.wav), self.voice.spec), clip.remarks)

        return self._mels.get(content_of(given), compute)

    def _audible(self, wav: NDArray[np.float32]) -> NDArray[np.float32]:
        """A soft clip louder, where gain says nothing: below the floor of log mels its softer half would be gone."""
        missing = SOFT_DBFS - level_dbfs(wav)
        return wav if self.voice.level_sensitive or missing <= 0 else wav * np.float32(10 ** (missing / 20))

    def _read(self, role: str, clip: ClipLike) -> MonoClip:
        return read_clip(f"{role} reference", clip, self.voice.spec.sample_rate, SHORTEST_REFERENCE, LONGEST_REFERENCE)


def clips_of(clips: Clips) -> list[ClipLike]:
    """Return one clip or several as a list."""
    return list(clips) if isinstance(clips, list | tuple) else [clips]  # type: ignore[list-item]
