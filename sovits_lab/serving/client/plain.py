"""The client for plain programs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpx

from sovits_lab.serving.client.live import in_thread, speak_pieces, without_loop
from sovits_lab.serving.client.replies import SpokenFile, check_reply, live_session, read_file, speech_body


class VoiceClient:
    """Speaks through a service.

    >>> with VoiceClient("http://127.0.0.1:8000", key) as client:             # doctest: +SKIP
    ...     client.speak("The river is cold.", "ann", emotion="sad", response_format="wav")

    Every method raises ServiceError for a refusal, and httpx.HTTPError where the service is not reached.

    Args:
        url: of the service.
        key: an API key or a token.
        timeout: seconds.
    """

    def __init__(self, url: str, key: str, timeout: float = 120.0) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=self._headers, timeout=timeout)

    def __enter__(self) -> VoiceClient:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def voices(self) -> list[dict[str, Any]]:
        """List the voices, each with what it can do."""
        found: list[dict[str, Any]] = check_reply(self._http.get("/v1/audio/voices")).json()["voices"]
        return found

    def speak(self, text: str, voice: str, **more: Any) -> SpokenFile:
        """Speak a text into a file."""
        return read_file(self._http.post("/v1/audio/speech", json=speech_body(text, voice, more)))

    def stream(self, text: str, voice: str, **more: Any) -> Iterator[bytes]:
        """Yield the bytes of the sound as they are made: 16-bit samples at 24 kHz unless `more` says otherwise."""
        body = speech_body(text, voice, {"response_format": "pcm", "stream_format": "audio", "chunk": 8} | more)
        with self._http.stream("POST", "/v1/audio/speech", json=body) as reply:
            if reply.is_error:
                reply.read()
            yield from check_reply(reply).iter_raw()

    def stream_text(self, pieces: Iterable[str], voice: str, **more: Any) -> Iterator[bytes]:
        """Speak while the text is written; see `AsyncVoiceClient.stream_text`.

        `pieces` are awaited in a thread, so leaving the loop waits for the piece under way.
        """
        session = live_session(voice, more)
        yield from without_loop(speak_pieces(self._url, self._headers, in_thread(pieces), session))

    def speak_later(self, text: str, voice: str, key: str, **more: Any) -> str:
        """Give in a long text and return the id of its job; the same `key` again is the same job."""
        headers = {"Idempotency-Key": key}
        body = speech_body(text, voice, more)
        return str(check_reply(self._http.post("/v1/audio/jobs", json=body, headers=headers)).json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """Return how a job stands."""
        found: dict[str, Any] = check_reply(self._http.get(f"/v1/audio/jobs/{job_id}")).json()
        return found

    def wait(self, job_id: str, look: float = 1.0) -> bytes:
        """Wait until a job has ended and return its sound. Raises RuntimeError where it has failed."""
        while (found := self.job(job_id))["status"] in ("queued", "running"):
            time.sleep(look)
        if found["status"] != "done":
            raise RuntimeError(f"job {job_id}: {found['status']} ({found.get('problem', {}).get('detail', '')})")
        return bytes(check_reply(self._http.get(found["url"])).content)
