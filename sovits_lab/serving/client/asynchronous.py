"""The client for programs with an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx

from sovits_lab.serving.client.live import speak_pieces
from sovits_lab.serving.client.replies import SpokenFile, check_reply, live_session, read_file, speech_body


class AsyncVoiceClient:
    """Speaks through a service.

    >>> async with AsyncVoiceClient("http://127.0.0.1:8000", key) as client:             # doctest: +SKIP
    ...     await client.speak("The river is cold.", "ann", emotion="sad", response_format="wav")

    Every method raises ServiceError for a refusal, and httpx.HTTPError where the service is not reached.

    Args:
        url: of the service.
        key: an API key or a token.
        timeout: seconds.
    """

    def __init__(self, url: str, key: str, timeout: float = 120.0) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {key}"}
        self._http = httpx.AsyncClient(base_url=url, headers=self._headers, timeout=timeout)

    async def __aenter__(self) -> AsyncVoiceClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.aclose()

    async def voices(self) -> list[dict[str, Any]]:
        """List the voices, each with what it can do."""
        found: list[dict[str, Any]] = check_reply(await self._http.get("/v1/audio/voices")).json()["voices"]
        return found

    async def speak(self, text: str, voice: str, **more: Any) -> SpokenFile:
        """Speak a text into a file."""
        return read_file(await self._http.post("/v1/audio/speech", json=speech_body(text, voice, more)))

    async def stream(self, text: str, voice: str, **more: Any) -> AsyncIterator[bytes]:
        """Yield the bytes of the sound as they are made: 16-bit samples at 24 kHz unless `more` says otherwise."""
        body = speech_body(text, voice, {"response_format": "pcm", "stream_format": "audio", "chunk": 8} | more)
        async with self._http.stream("POST", "/v1/audio/speech", json=body) as reply:
            if reply.is_error:
                await reply.aread()
            async for data in check_reply(reply).aiter_raw():
                yield data

    async def stream_text(self, pieces: AsyncIterable[str], voice: str, **more: Any) -> AsyncIterator[bytes]:
        """Speak while the text is written, as by a language model: yield 16-bit samples at 24 kHz.

        A sentence is spoken once it is whole, the first clause sooner. The service makes no more than five seconds
        beyond what can have been heard; leaving the loop stops it.

        Args:
            pieces: of the text, of any length.
            voice: whose.
            more: what `session.update` takes: emotion, strength, language, seed, markup, tags, sample_rate, chunk.
        """
        sound = speak_pieces(self._url, self._headers, pieces, live_session(voice, more))
        async with aclosing(sound):
            async for samples in sound:
                yield samples

    async def speak_later(self, text: str, voice: str, key: str, **more: Any) -> str:
        """Give in a long text and return the id of its job; the same `key` again is the same job."""
        headers = {"Idempotency-Key": key}
        body = speech_body(text, voice, more)
        return str(check_reply(await self._http.post("/v1/audio/jobs", json=body, headers=headers)).json()["id"])

    async def job(self, job_id: str) -> dict[str, Any]:
        """Return how a job stands."""
        found: dict[str, Any] = check_reply(await self._http.get(f"/v1/audio/jobs/{job_id}")).json()
        return found

    async def wait(self, job_id: str, look: float = 1.0) -> bytes:
        """Wait until a job has ended and return its sound. Raises RuntimeError where it has failed."""
        while (found := await self.job(job_id))["status"] in ("queued", "running"):
            await asyncio.sleep(look)
        if found["status"] != "done":
            raise RuntimeError(f"job {job_id}: {found['status']} ({found.get('problem', {}).get('detail', '')})")
        return bytes(check_reply(await self._http.get(found["url"])).content)
