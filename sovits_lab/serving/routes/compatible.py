"""`/tts` as GPT-SoVITS' `api_v2.py` has it, for its clients; voices are named, files of the server never."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from sovits_lab.serving.asks import VOICE, SpeechAsk
from sovits_lab.serving.problems import ProblemError
from sovits_lab.serving.routes.doors import REFUSED, Caller, RequestId, Service
from sovits_lab.serving.routes.speech import SOUND, speak
from sovits_lab.types import got

router = APIRouter(tags=["GPT-SoVITS"], responses=REFUSED)  # type: ignore[arg-type]
MEDIA = {"wav": "wav", "raw": "pcm", "ogg": "opus", "aac": "aac"}
LANGUAGES = {"all_zh": "zh", "all_ja": "ja", "all_ko": "ko", "all_yue": "yue", "auto": None, "auto_yue": None}
CHUNK = 16  # tokens: upstream's min_chunk_length


class TtsAsk(BaseModel):
    """The fields of upstream's `/tts`. What steers its batches is accepted and has no effect here."""

    model_config = ConfigDict(extra="ignore")

    text: str = Field(min_length=1, max_length=100_000)
    text_lang: str = Field("auto", max_length=16)
    ref_audio_path: str = Field("", max_length=200, description="the id of a voice of `GET /v1/audio/voices`")
    voice: str = Field("", max_length=64, description="the same, under a better name")
    prompt_text: str = Field("", max_length=2000, description="no effect: the voice knows what its recording says")
    top_k: int | None = Field(None, ge=1, le=100)
    top_p: float | None = Field(None, ge=0, le=1)
    temperature: float | None = Field(None, ge=0, le=2)
    speed_factor: float = Field(1.0, ge=0.25, le=4)
    seed: int = Field(-1, ge=-1, le=2**32)
    media_type: Literal["wav", "raw", "ogg", "aac"] = "wav"
    streaming_mode: bool | int = Field(False, description="0 no, 1 clauses, 2 and 3 pieces of tokens")
    emotion: str | None = Field(None, max_length=64)

    def ask(self) -> SpeechAsk:
        """Return the same request in our own terms. Raises InputError for what is no voice or no mode."""
        voice = self.voice or self.ref_audio_path
        if not re.fullmatch(VOICE, voice) or not voice.isascii() or "." in voice:
            expected = "the id of a voice of GET /v1/audio/voices; this service opens no files and no addresses"
            raise got("ref_audio_path", voice[:60], expected)
        mode = int(self.streaming_mode)
        if mode not in (0, 1, 2, 3):
            raise got("streaming_mode", mode, "0, 1, 2 or 3")
        language = LANGUAGES.get(self.text_lang.lower(), self.text_lang.lower())
        if language is not None and not re.fullmatch("[a-z]{2,3}", language):
            raise got("text_lang", self.text_lang, f"auto, a code such as en, or one of {', '.join(LANGUAGES)}")
        return SpeechAsk.model_validate(
            {
                "input": self.text,
                "voice": voice,
                "language": language,
                "speed": self.speed_factor,
                "seed": None if self.seed < 0 else self.seed,
                "top_k": self.top_k,
                "top_p": self.top_p,
                "temperature": self.temperature,
                "emotion": self.emotion,
                "markup": "none",
                "response_format": MEDIA[self.media_type],
                "stream_format": "audio" if mode else None,
                "chunk": CHUNK if mode > 1 else None,
            }
        )


@router.post("/tts", response_class=Response, responses=SOUND)
async def post_tts(ask: TtsAsk, request: Request, who: Caller, service: Service, request_id: RequestId) -> Response:
    """Speak as upstream's `/tts` does."""
    return await _tts(ask, request, who, service, request_id)


@router.get("/tts", response_class=Response, responses=SOUND)
async def get_tts(
    ask: Annotated[TtsAsk, Query()], request: Request, who: Caller, service: Service, request_id: RequestId
) -> Response:
    """Speak as upstream's `/tts` does, with everything in the address."""
    return await _tts(ask, request, who, service, request_id)


async def _tts(ask: TtsAsk, request: Request, who: Any, service: Service, request_id: str) -> Response:
    own = ask.ask()
    if own.response_format == "pcm":  # upstream's raw samples have the model's rate
        rate = await asyncio.to_thread(lambda: service.dispatcher.facts().sample_rate)
        own = own.model_copy(update={"sample_rate": rate})
    return await speak(own, request, who, service, request_id)


@router.get("/control")
@router.get("/set_refer_audio")
@router.get("/set_gpt_weights")
@router.get("/set_sovits_weights")
async def refused(who: Caller) -> None:
    """Refuse what would let a reader of a page change the server."""
    detail = "this service is not steered by addresses: voices are enrolled, the model is the operator's choice"
    raise ProblemError(HTTPStatus.NOT_FOUND, "not_offered", detail)
