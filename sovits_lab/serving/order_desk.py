"""From what somebody asks to an order: voices and emotions are looked up, markup is checked, seeds are drawn."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Any, NamedTuple

from sovits_lab.serving.access.principal import Principal
from sovits_lab.serving.asks import CurveAsk, SpeechAsk
from sovits_lab.serving.contracts import RegisteredVoice, UnknownVoiceError, VoiceRegistry
from sovits_lab.serving.dispatcher import SpeechDispatcher
from sovits_lab.serving.engines.contract import ModelFacts
from sovits_lab.serving.marked_text import forgiven_text, plain_text, strict_text
from sovits_lab.serving.order import LONGEST, PRIORITIES, OrderedCurve, VoiceOrder
from sovits_lab.serving.settings import RequestLimits
from sovits_lab.text.markup import TAGS
from sovits_lab.types import InputError, got

MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")  # names that clients send without being told
SEEDS = 2**31
COPIED = ("strength", "language", "guidance", "pitch_shift", "energy_shift", "temperature", "top_k", "top_p",
          "allow_light")  # fmt: skip


class _Voice(NamedTuple):
    """Fields of an order that say who speaks, and the registered voice, where it is one."""

    fields: dict[str, Any]
    registered: RegisteredVoice | None = None


class OrderDesk:
    """Makes orders.

    Args:
        dispatcher: knows the model, and puts recordings where workers find them.
        voices: that were enrolled.
        limits: of one request.
        mark: name of the inaudible mark of all speech.
    """

    def __init__(
        self, dispatcher: SpeechDispatcher, voices: VoiceRegistry, limits: RequestLimits, mark: str = "none"
    ) -> None:
        self.dispatcher, self.voices, self.limits, self.mark = dispatcher, voices, limits, mark

    def order(self, who: Principal, ask: SpeechAsk, request_id: str, letters: int | None = None) -> VoiceOrder:
        """Check what somebody asks for and return the order for it.

        Args:
            who: asks.
            ask: what.
            request_id: of the request.
            letters: of its text at most; None is the limit of what is spoken at once.

        Raises:
            InputError: an unknown voice or emotion with those that there are, wrong markup, too long a text.
            ProblemError: 503, no model is ready.
        """
        most = self.limits.letters if letters is None else letters
        if len(ask.input) > most:
            raise got("input", f"{len(ask.input)} letters", f"at most {most}; longer text is a job or a batch")
        facts = self.dispatcher.facts()
        self.check_model(ask.model, facts)
        voice = self._voice(who, ask.voice_id, facts)
        emotion, style = self._manner(who, ask, voice.registered, facts)
        allowed = who.allowance.priority
        order = VoiceOrder(
            request_id=request_id,
            owner=who.owner,
            key_id=who.key_id,
            text=marked_as_asked(ask, facts),
            voice_id=ask.voice_id,
            style=style,
            emotion=emotion,
            rate=ask.speed,
            seed=secrets.randbelow(SEEDS) if ask.seed is None else ask.seed,
            mark=self.mark,
            markup=self.limits.markup(most),
            f0=curve_of_ask(ask.f0),
            energy=curve_of_ask(ask.energy),
            chunk=ask.chunk if ask.stream_format else None,
            streamed=ask.stream_format is not None and ask.f0 is None and ask.energy is None,
            priority=ask.priority if PRIORITIES[ask.priority] <= PRIORITIES[allowed] else allowed,
            **{name: getattr(ask, name) for name in COPIED},
            **voice.fields,
        )
        if order.estimated_seconds > LONGEST:  # the model would refuse it, after a job was accepted
            given, expected = f"about {order.estimated_seconds:.0f} s of speech", f"at most {LONGEST:g} s"
            raise got("input", given, f"{expected} at once; speak it in parts")
        return order

    def check_model(self, name: str, facts: ModelFacts) -> None:
        """Raise InputError for a model that is not served."""
        if name not in (known := (*MODELS, facts.name)):
            raise got("model", name, f"one of {', '.join(known)}")

    def _voice(self, who: Principal, voice_id: str, facts: ModelFacts) -> _Voice:
        if voice_id in facts.speakers and not facts.prompted:
            return _Voice({"speaker": voice_id})
        try:
            voice = self.voices.get(who.owner, voice_id)
        except UnknownVoiceError:
            raise self._unknown(who, "voice", voice_id, facts.speakers) from None
        clip_text = voice.clip_text if facts.takes_text else None
        return _Voice(
            {"clip": self._kept(voice, voice.clip), "clip_text": clip_text, "consent_id": voice.consent_id}, voice
        )

    def _manner(
        self, who: Principal, ask: SpeechAsk, voice: RegisteredVoice | None, facts: ModelFacts
    ) -> tuple[Any, tuple[str, ...]]:
        """The emotion, and recordings that say how instead of it."""
        emotion = ask.emotion or find_instructed_emotion(ask.instructions or "", facts)
        if ask.style_reference is not None:
            try:
                reference = self.voices.get(who.owner, ask.style_reference)
            except UnknownVoiceError:
                raise self._unknown(who, "style_reference", ask.style_reference, ()) from None
            return emotion, (self._kept(reference, reference.clip),)
        if voice is not None and isinstance(emotion, str) and emotion in voice.styles:
            return None, (self._kept(voice, voice.styles[emotion]),)
        for label in [emotion] if isinstance(emotion, str) else emotion or ():
            if label not in facts.emotions:
                own = sorted(set(facts.emotions) | set(voice.styles if voice is not None else ()))
                raise got("emotion", label, f"one of {', '.join(own)}" if own else "none: this voice knows no labels")
        return emotion, ()

    def _unknown(self, who: Principal, where: str, voice_id: str, speakers: tuple[str, ...]) -> UnknownVoiceError:
        names = [*speakers, *(one.id for one in self.voices.list(who.owner))]
        expected = f"one of {', '.join(names)}" if names else "an enrolled voice, and there is none yet"
        return UnknownVoiceError(f"{where}: got {voice_id!r}, expected {expected}")

    def _kept(self, voice: RegisteredVoice, clip: Path | bytes) -> str:
        """The hash of a recording, which workers find by it. One that was revoked meanwhile is not left there."""
        data = clip if isinstance(clip, bytes) else clip.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        self.dispatcher.keep_clip(voice.id, digest, data)
        try:
            self.voices.get(voice.owner, voice.id)
        except InputError:
            self.dispatcher.forget_voice(voice.id)
            raise
        return digest


def find_instructed_emotion(instructions: str, facts: ModelFacts) -> str | None:
    """Return the first emotion of the voice that instructions in prose name."""
    words = (word.strip(".,;:!?\"'()") for word in instructions.lower().split())
    return next((word for word in words if word in facts.emotions), None)


def marked_as_asked(ask: SpeechAsk, facts: ModelFacts) -> str:
    """Return the text with the markup that its request lets be obeyed. Raises InputError for other tags."""
    allowed = TAGS if ask.tags is None else tuple(ask.tags)
    if ask.markup == "none":
        return plain_text(ask.input)
    if ask.markup == "forgiving":
        return forgiven_text(ask.input, allowed, facts.emotions)[0]
    return strict_text(ask.input, allowed)


def curve_of_ask(given: list[float] | CurveAsk | None) -> OrderedCurve | None:
    """Return a curve as an order holds it."""
    if given is None:
        return None
    if isinstance(given, CurveAsk):
        return OrderedCurve(tuple(given.values), tuple(given.seconds), given.relative)
    return OrderedCurve(tuple(given))
