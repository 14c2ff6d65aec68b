"""The body of a request for speech: OpenAI's fields, and ours beside them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator

VOICE = r"^[A-Za-z0-9_.-]{1,64}$"
MOST_LETTERS = 100_000
MOST_SEED = 2**53 - 1  # larger numbers of JSON are not the same to every client
Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
Tag = Literal["emotion", "pause", "rate", "ph"]
MIX = Annotated[dict[str, Annotated[float, Field(ge=0, le=1000)]], Field(min_length=1, max_length=32)]
Curve = Annotated[list[Annotated[float, Field(ge=-200, le=2000)]], Field(min_length=1, max_length=20_000)]


# A wrong name is refused by `SpeechAsk.check_voice` in one sentence, and not by each kind of the union in turn.
Spelled = Annotated[str, WithJsonSchema({"type": "string", "pattern": VOICE})]


class VoiceName(BaseModel):
    """A voice as newer OpenAI clients name it."""

    model_config = ConfigDict(extra="forbid")
    id: str = Field(pattern=VOICE)


class CurveAsk(BaseModel):
    """A curve over time, drawn by hand; straight lines between its points, held at both ends."""

    model_config = ConfigDict(extra="forbid")
    values: list[Annotated[float, Field(ge=-200, le=2000)]] = Field(min_length=1, max_length=2000)
    seconds: list[Annotated[float, Field(ge=0, le=3600)]] = Field(min_length=1, max_length=2000)
    relative: bool = Field(True, description="to what the model says, semitones or dB; else Hz or dB")


class SpeechAsk(BaseModel):
    """What is to be said, by whom, and how.

    The first fields are OpenAI's; the others are ours, and the official client sends them by `extra_body`.
    """

    model_config = ConfigDict(extra="forbid")

    model: str = Field("tts-1", max_length=128, description="the name of the bundle, `tts-1` or `gpt-4o-mini-tts`")
    input: str = Field(min_length=1, max_length=MOST_LETTERS, description="the text; by default it may hold markup")
    voice: Spelled | VoiceName = Field(description="a voice of `GET /v1/audio/voices`")
    instructions: str | None = Field(None, max_length=2000, description="the first emotion named in it is used")
    response_format: Format = "mp3"
    speed: float = Field(1.0, ge=0.25, le=4.0)
    stream_format: Literal["audio", "sse"] | None = Field(None, description="pieces as they are made; else the whole")

    emotion: str | MIX | None = Field(None, description="a label, or weights of several")
    strength: float = Field(1.0, ge=0, le=10, description="0 is neutral, 1 the emotion itself")
    style_reference: str | None = Field(None, pattern=VOICE, description="an enrolled voice whose manner is taken")
    language: str | None = Field(None, pattern="^[a-z]{2,3}$")
    seed: int | None = Field(None, ge=0, le=MOST_SEED, description="the same request with it gives the same sound")
    markup: Literal["strict", "forgiving", "none"] = Field("strict", description="forgiving: a language model wrote it")
    tags: list[Tag] | None = Field(None, max_length=4, description="that are obeyed; all by default")
    guidance: float = Field(1.0, ge=0, le=10)
    pitch_shift: float = Field(0.0, ge=-24, le=24, description="semitones")
    energy_shift: float = Field(0.0, ge=-40, le=40, description="dB")
    f0: Curve | CurveAsk | None = Field(None, description="Hz for each 20 ms, or a curve over time")
    energy: Curve | CurveAsk | None = Field(None, description="dB for each 20 ms, or a curve over time")
    temperature: float | None = Field(None, ge=0, le=10)
    top_k: int | None = Field(None, ge=1, le=100_000)
    top_p: float | None = Field(None, ge=0, le=1)
    sample_rate: int | None = Field(None, ge=8000, le=48_000, description="Hz; the voice's own by default, pcm 24000")
    chunk: int | None = Field(None, ge=1, le=1500, description="stream: tokens of a piece, 25 a second; else clauses")
    priority: Literal["low", "normal", "high"] = "normal"
    allow_light: bool = Field(True, description="a lighter model may speak when the load is too high")

    @field_validator("voice")
    @classmethod
    def check_voice(cls, value: Any) -> Any:
        """Refuse a name that no voice can have."""
        return VoiceName(id=value) if isinstance(value, str) else value

    @property
    def voice_id(self) -> str:
        """The voice that is asked for."""
        return self.voice if isinstance(self.voice, str) else self.voice.id
