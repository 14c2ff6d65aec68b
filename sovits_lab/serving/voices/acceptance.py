"""May this recording be somebody's voice? The checks of `voice check`, with the limits of a service."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple

from sovits_lab.audio.clip_checks import ClipFinding, Embed, check_clip
from sovits_lab.audio.files import resample
from sovits_lab.corpora.transcripts import Transcriber, check_transcript
from sovits_lab.serving.contracts import ChallengeAnswer, RefusedClipError
from sovits_lab.serving.voices.challenges import words_differ
from sovits_lab.serving.voices.uploads import UploadedClip, decode_upload
from sovits_lab.types import got

SECONDS = (3.0, 30.0)
LOWEST_RATE = 16_000
SAME_PERSON = 0.5  # cosine of CAM++ vectors of two recordings; docs/provenance.md says how often it errs
OTHER_WORDS = 0.25  # share of letters that differ; of two drawn sentences 1 pair in 1,000 (zh) to 20,000 (en) is closer
NETWORK_RATE = 16_000


class AcceptedClip(NamedTuple):
    """A recording that passed, and what another one would do better, in words."""

    clip: UploadedClip
    remarks: tuple[str, ...]


class ClipAcceptance:
    """Decides on uploads.

    Args:
        embed: speaker vectors of recordings at 16 kHz; without them speakers are neither counted nor compared.
        transcribe: a recogniser; without it a text is not compared.
    """

    def __init__(self, embed: Embed | None = None, transcribe: Transcriber | None = None) -> None:
        self.embed, self.transcribe = embed, transcribe

    def accept(
        self,
        what: str,
        data: bytes,
        text: str | None = None,
        language: str | None = None,
        seconds: tuple[float, float] = SECONDS,
    ) -> AcceptedClip:
        """Decode and check a recording.

        Args:
            what: its role, for messages.
            data: bytes of an audio file.
            text: what is said in it, or None.
            language: of the text.
            seconds: least and most length.

        Raises:
            RefusedClipError: with every reason.
        """
        clip = decode_upload(what, data, seconds[1])
        found = check_clip(clip.wav, clip.sample_rate, self.embed)
        if text is not None and self.transcribe is not None:
            found.append(check_transcript(clip.mono, clip.sample_rate, text, self.transcribe, language))
        reasons = _reasons(found, seconds)
        if reasons:
            raise RefusedClipError(f"{what}: " + "; ".join(reasons))
        return AcceptedClip(clip, tuple(_in_words(one) for one in found if one.verdict == "doubtful"))

    def same_person(self, clip: UploadedClip, answer: ChallengeAnswer) -> float:
        """Compare a recording of a drawn sentence with the clip, and return the cosine of their speakers.

        Raises:
            RefusedClipError: another sentence, or another speaker.
            InputError: this service can neither hear words nor tell speakers apart.
        """
        if self.embed is None or self.transcribe is None:
            raise got(
                "challenge", "a recording", "none: this service has no weights to judge it (campplus, whisper-base)"
            )
        spoken = self.accept("challenge", answer.recording, seconds=(1.0, SECONDS[1])).clip
        hypothesis = self.transcribe(resample(spoken.mono, spoken.sample_rate, NETWORK_RATE), answer.language)
        if words_differ(answer.sentence, hypothesis, answer.language) > OTHER_WORDS:
            raise RefusedClipError(f"challenge: heard {hypothesis.strip()[:120]!r}, expected {answer.sentence!r}")
        wavs = [resample(one.mono, one.sample_rate, NETWORK_RATE) for one in (clip, spoken)]
        first, second = self.embed(wavs)
        likeness = float(first @ second)
        if likeness < SAME_PERSON:
            raise RefusedClipError(
                f"challenge: likeness {likeness:.2f}, expected the voice of the clip, at least {SAME_PERSON}"
            )
        return likeness


def installed_acceptance() -> ClipAcceptance:
    """Return the checks with the networks that are installed: CAM++ and Whisper base."""
    from sovits_lab.conditioning.campplus import installed_ears
    from sovits_lab.corpora.transcripts import whisper_transcriber
    from sovits_lab.weights import present

    transcribe = whisper_transcriber() if present("whisper-base") and find_spec("faster_whisper") else None
    return ClipAcceptance(installed_ears(), transcribe)


def _reasons(found: Sequence[ClipFinding], seconds: tuple[float, float]) -> list[str]:
    """Why a recording is refused: what is bad, a length out of the limits, a low rate."""
    reasons = []
    for one in found:
        if one.name == "length" and not seconds[0] <= one.value <= seconds[1]:
            reasons.append(f"length {one.value:.2f} s, expected {seconds[0]:g} to {seconds[1]:g} s")
        elif one.name == "rate" and one.value < LOWEST_RATE:
            reasons.append(f"rate {one.value:.0f} Hz, expected at least {LOWEST_RATE}")
        elif one.verdict == "bad":
            reasons.append(_in_words(one))
    return reasons


def _in_words(one: ClipFinding) -> str:
    return f"{one.name} {one.value:.3g} {one.unit}: {one.advice}"
