"""Speaks jobs, a few at a time, as orders of low priority."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sovits_lab.files import StoreError, reason_of, write_whole
from sovits_lab.serving.access.principal import Allowance, Principal
from sovits_lab.serving.asks import SpeechAsk
from sovits_lab.serving.encoding import FORMATS
from sovits_lab.serving.jobs.ledger import JobLedger, SpeechJob
from sovits_lab.serving.order import SpeechFacts
from sovits_lab.serving.problems import ProblemError, problem_of

log = logging.getLogger(__name__)
Changed = TypeVar("Changed")
ATTEMPTS = 5  # of one job; a kill of a worker or of the service is one
LOOK = 0.2  # seconds between looks at the ledger
CLEAN = 60.0  # seconds between deletions of what is kept too long
LONGEST_PAUSE = 30.0  # seconds before a job is tried again
FULL = 5.0  # seconds between attempts to write to a disk that takes nothing
UNBEGUN = (
    "queue_full",
    "too_many_waiting",
    "waited_too_long",
    "not_ready",
    "no_worker",
    "stopping",
    "broker_gone",
    "storage",
)
BROKEN_OFF = ("worker_lost", "not_recorded", "not_signed", "internal")  # what may be the job's own fault


def caller(who: Principal) -> dict[str, Any]:
    """Return a caller as JSON values, to be kept with a job."""
    return {"owner": who.owner, "key_id": who.key_id, "scopes": sorted(who.scopes), "allowance": asdict(who.allowance)}


class SoundFile(NamedTuple):
    """Speech in the format that was asked for, labelled, and its facts."""

    data: bytes
    facts: SpeechFacts


# Who asks, what is asked, the job's id -> the sound.
SpeakJob = Callable[[Principal, SpeechAsk, str], Awaitable[SoundFile]]


class JobRunner:
    """Takes jobs off the ledger and writes their sound below a folder.

    Args:
        speak: speaks one.
        ledger: the jobs.
        folder: of the results.
        kept_seconds: for which results stay.
        at_once: jobs in work.
    """

    def __init__(self, speak: SpeakJob, ledger: JobLedger, folder: Path, kept_seconds: float, at_once: int = 2) -> None:
        self.speak, self.ledger, self.folder = speak, ledger, folder
        self.kept_seconds, self.at_once = kept_seconds, at_once
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Let what was interrupted wait again, and begin."""
        again = await asyncio.to_thread(self.ledger.requeue)
        if again:
            log.warning("jobs begin again", extra={"facts": {"jobs": again}})
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self.at_once)]
        self._tasks.append(asyncio.create_task(self._clean()))

    async def stop(self) -> None:
        """Stop; jobs in work wait for the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def file(self, job: SpeechJob) -> Path:
        """Return where the sound of a job lies."""
        return self.folder / f"{job.id}.{job.outcome.get('format', 'part')}"

    def forget_voice(self, voice_id: str) -> int:
        """Delete all that jobs have spoken with a voice."""
        return sum(self._unlink(job_id) for job_id in self.ledger.drop(voice_id))

    async def _work(self) -> None:
        while True:
            job = await self._kept(self.ledger.take)
            if job is None:
                await asyncio.sleep(LOOK)
                continue
            try:
                await self._speak(job)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                await self._failed(job, error)

    async def _speak(self, job: SpeechJob) -> None:
        if job.attempts > ATTEMPTS:
            detail = f"its work was broken off {ATTEMPTS} times"
            raise ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "broken_off", detail)
        who = Principal(job.owner, job.who["key_id"], frozenset(job.who["scopes"]), Allowance(**job.who["allowance"]))
        ask = SpeechAsk.model_validate(job.ask | {"priority": "low", "stream_format": None})
        data, facts = await self.speak(who, ask, job.id)
        media = FORMATS[ask.response_format].media
        outcome = {"format": ask.response_format, "media": media, "bytes": len(data), "facts": asdict(facts)}
        await asyncio.to_thread(self._write, f"{job.id}.{ask.response_format}", data)
        if not await self._kept(self.ledger.end, job.id, "done", outcome):
            await asyncio.to_thread(self._unlink, job.id)  # it was cancelled, or its voice revoked, meanwhile

    async def _failed(self, job: SpeechJob, error: Exception) -> None:
        problem = problem_of(error)
        if problem.code == "internal":
            log.exception("job %s", job.id, exc_info=error)
        young = time.time() - job.created < self.kept_seconds
        unbegun = problem.code in UNBEGUN and young
        if unbegun or (problem.code in BROKEN_OFF and job.attempts < ATTEMPTS):
            await asyncio.sleep(min(LONGEST_PAUSE, problem.retry_after or 1.0) if problem.code != "internal" else LOOK)
            await self._kept(self.ledger.requeue, job.id, unbegun)
            return
        outcome = {"problem": {"code": problem.code, "detail": problem.detail}}
        await self._kept(self.ledger.end, job.id, "failed", outcome)

    async def _kept(self, change: Callable[..., Changed], *values: Any) -> Changed:
        """Change the ledger, however long that takes: a job that was accepted is not lost by a full disk."""
        while True:
            try:
                return await asyncio.to_thread(change, *values)
            except StoreError as error:
                log.error("jobs wait: %s", error)
                await asyncio.sleep(FULL)

    async def _clean(self) -> None:
        while True:
            for job_id in await self._kept(self.ledger.drop, None, time.time() - self.kept_seconds):
                await asyncio.to_thread(self._unlink, job_id)
            await asyncio.sleep(CLEAN)

    def _write(self, name: str, data: bytes) -> None:
        try:
            write_whole(self.folder / name, data)
        except OSError as error:
            raise StoreError(f"result {name}: cannot be written ({reason_of(error)})") from error

    def _unlink(self, job_id: str) -> int:
        found = list(self.folder.glob(f"{job_id}.*"))
        for file in found:
            file.unlink(missing_ok=True)
        return len(found)
