"""What a client sends over the WebSocket."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from sovits_lab.serving.asks import MIX, MOST_SEED, VOICE, Tag

CONTEXT = r"^[A-Za-z0-9_.-]{1,64}$"
ContextId = Annotated[str, Field(pattern=CONTEXT)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")
    context_id: ContextId = "default"


class SessionUpdate(BaseModel):
    """Says with whose voice and how everything is spoken that is appended afterwards."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["session.update"]
    voice: str = Field(pattern=VOICE)
    emotion: str | MIX | None = None
    strength: float = Field(1.0, ge=0, le=10)
    language: str | None = Field(None, pattern="^[a-z]{2,3}$")
    seed: int | None = Field(None, ge=0, le=MOST_SEED)
    markup: Literal["strict", "forgiving", "none"] = "forgiving"
    tags: list[Tag] = Field(["emotion", "pause"], max_length=4)
    sample_rate: int | None = Field(None, ge=8000, le=48_000)
    chunk: int | None = Field(8, ge=1, le=250)


class AppendText(_Message):
    """Adds text to a context, which is made by its first text."""

    type: Literal["input_text.append"]
    text: str = Field(max_length=4096)


class FlushText(_Message):
    """Wishes to hear what was appended, although its sentence has not ended."""

    type: Literal["input_text.flush"]


class EndText(_Message):
    """Says that no more text comes; the context ends when all is spoken."""

    type: Literal["input_text.end"]


class CancelContext(_Message):
    """Stops a context at once; everything of it is freed."""

    type: Literal["cancel"]


ClientMessage = SessionUpdate | AppendText | FlushText | EndText | CancelContext
READER: TypeAdapter[ClientMessage] = TypeAdapter(Annotated[ClientMessage, Field(discriminator="type")])
