"""Enrolling voices with consent, and revoking them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Path, Query, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from sovits_lab.serving.access.principal import Principal
from sovits_lab.serving.asks import VOICE
from sovits_lab.serving.contracts import ChallengeAnswer, RegisteredVoice, UnknownVoiceError, VoiceUpload
from sovits_lab.serving.problems import ProblemError
from sovits_lab.serving.routes.doors import REFUSED, RequestId, Service, Writer
from sovits_lab.serving.service import SpeechService
from sovits_lab.types import InputError, got

router = APIRouter(prefix="/v1/voices", tags=["voices"], responses=REFUSED)  # type: ignore[arg-type]
VoiceId = Annotated[str, Path(pattern=VOICE)]
Words = Annotated[str, Form(max_length=2000)]


class ChallengeQuery(BaseModel):
    """What may be asked of a sentence; a misspelt name is refused."""

    model_config = ConfigDict(extra="forbid")
    language: Literal["en", "zh"] = Field("en", description="of the sentence")


class RevokeQuery(BaseModel):
    """What may be said of a revocation; a misspelt name is refused."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field("revoked by its owner", max_length=200)


def shown(voice: RegisteredVoice) -> dict[str, Any]:
    """Return what a reply says of an enrolled voice."""
    return {
        "id": voice.id,
        "name": voice.name,
        "clip_sha256": voice.clip_hash,
        "emotions": sorted(voice.styles),
        "languages": list(voice.languages),
        "consent_id": voice.consent_id,
        "created": voice.created,
        "remarks": list(voice.remarks),
    }


@router.post("", status_code=HTTPStatus.CREATED)
async def enrol(
    who: Writer,
    service: Service,
    request_id: RequestId,
    clip: UploadFile,
    name: Annotated[str, Form(min_length=1, max_length=80)],
    consent: Annotated[str, Form(min_length=1, max_length=4000, description="JSON: who, purpose, until, version")],
    text: Annotated[str | None, Form(max_length=2000, description="what the recording says")] = None,
    languages: Words = "",
    challenge: UploadFile | None = None,
    challenge_id: Annotated[str, Form(max_length=64, description="of the sentence that `challenge` says")] = "",
    styles: list[UploadFile] | None = None,
) -> dict[str, Any]:
    """Enrol a voice from a recording and its owner's consent. A file of `styles` is named by its emotion: `sad.wav`."""
    agreed = consent_of(consent)
    upload = VoiceUpload(
        name=name,
        clip=await clip.read(),
        consent=agreed,
        text=text or None,
        styles=await styles_of(styles or []),
        languages=tuple(languages.replace(",", " ").split()),
        challenge=await answer_of(service, who, challenge, challenge_id),
    )
    await note(service, "enrol_begun", who, "", "", request_id)  # nothing is kept that could not be recorded
    voice = await service.enrol(who.owner, upload)
    try:
        await note(service, "enrol", who, voice.id, voice.consent_id, request_id)
    except ProblemError:
        await asyncio.to_thread(service.voices.revoke, who.owner, voice.id, "its enrolment could not be recorded")
        raise
    return shown(voice)


@router.post("/challenges", status_code=HTTPStatus.CREATED)
async def draw_challenge(who: Writer, service: Service, asked: Annotated[ChallengeQuery, Query()]) -> dict[str, Any]:
    """Draw a sentence that the owner of a voice must say, for this key, for some minutes, and for one use."""
    drawn = await asyncio.to_thread(service.challenges.draw, who.key_id, asked.language)
    return {"object": "challenge", **asdict(drawn)}


@router.get("")
async def enrolled(who: Writer, service: Service) -> dict[str, Any]:
    """List this account's voices."""
    found = await asyncio.to_thread(service.voices.list, who.owner)
    return {"voices": [shown(one) for one in found]}


@router.get("/{voice_id}")
async def one(voice_id: VoiceId, who: Writer, service: Service) -> dict[str, Any]:
    """Describe one of this account's voices."""
    try:
        return shown(await asyncio.to_thread(service.voices.get, who.owner, voice_id))
    except UnknownVoiceError as error:
        raise ProblemError(HTTPStatus.NOT_FOUND, "unknown_voice", str(error)) from error


@router.delete("/{voice_id}", status_code=HTTPStatus.OK)
async def revoke(
    voice_id: VoiceId, who: Writer, service: Service, request_id: RequestId, asked: Annotated[RevokeQuery, Query()]
) -> dict[str, Any]:
    """Revoke a voice: its recording, vectors and cached speech are deleted, and it is never spoken with again."""
    try:
        await asyncio.to_thread(service.voices.revoke, who.owner, voice_id, asked.reason)
    except UnknownVoiceError as error:
        raise ProblemError(HTTPStatus.NOT_FOUND, "unknown_voice", str(error)) from error
    await note(service, "revoke", who, voice_id, "", request_id, "the voice is revoked, but that cannot be recorded")
    return {"id": voice_id, "revoked": True}


async def note(
    service: SpeechService,
    kind: str,
    who: Principal,
    voice_id: str,
    consent_id: str,
    request_id: str,
    refusal: str = "the enrolment cannot be recorded",
) -> None:
    """Record what was done with a voice. Raises ProblemError 503 with `refusal` where that is not possible."""
    event = {"kind": kind, "request_id": request_id, "owner": who.owner, "key_id": who.key_id, "voice_id": voice_id,
             "consent_id": consent_id}  # fmt: skip
    await service.noted(event, refusal)


async def answer_of(
    service: SpeechService, who: Principal, challenge: UploadFile | None, challenge_id: str
) -> ChallengeAnswer | None:
    """Return what was said to a drawn sentence, or None where nothing was; the sentence is used up by it."""
    if challenge is None and not challenge_id:
        return None
    if challenge is None:
        raise got("challenge", "no recording", "one of the sentence that `challenge_id` names")
    if not challenge_id:
        raise got("challenge_id", "nothing", "the id of a sentence from POST /v1/voices/challenges; no other is taken")
    drawn = await asyncio.to_thread(service.challenges.take, who.key_id, challenge_id)
    return ChallengeAnswer(await challenge.read(), drawn.sentence, drawn.language)


async def styles_of(files: list[UploadFile]) -> dict[str, bytes]:
    """Return recordings by the emotions that their files are named after. Raises InputError for two of one emotion."""
    found: dict[str, bytes] = {}
    for one in files:
        emotion = (one.filename or "").partition(".")[0]
        if emotion in found:
            raise got("styles", f"two recordings of {emotion[:32]!r}", "one of each emotion")
        found[emotion] = await one.read()
    return found


def consent_of(text: str) -> dict[str, str]:
    """Return the fields of a consent record from JSON. Raises InputError for anything else."""
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError("consent: got no JSON, expected an object with who, purpose, until and version") from error
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InputError("consent: got something else, expected a JSON object of texts: who, purpose, until, version")
    return {str(key): str(value) for key, value in found.items()}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names stand once: what somebody agreed to must not depend on which of two was read."""
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise got("consent", f"{twice[:40]!r} twice", "every field once")
    return dict(pairs)
