"""From settings to a service."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sovits_lab.checkpoints.bundle import bundle_folder
from sovits_lab.files import reason_of
from sovits_lab.serving.access.gate import AccessGate
from sovits_lab.serving.access.keys import ApiKeys
from sovits_lab.serving.access.limits import UsageLimits
from sovits_lab.serving.access.tokens import JwtTokens, NoTokens
from sovits_lab.serving.contracts import Unmarked
from sovits_lab.serving.dispatcher import LoadPolicy, SpeechDispatcher
from sovits_lab.serving.engines.models import BundleModel
from sovits_lab.serving.jobs.ledger import JobLedger
from sovits_lab.serving.jobs.signing import LinkSigner
from sovits_lab.serving.metrics import ServiceMetrics
from sovits_lab.serving.order_desk import OrderDesk
from sovits_lab.serving.queue import QueueLimits
from sovits_lab.serving.service import SpeechService
from sovits_lab.serving.settings import HttpSettings, RequestLimits, built, record
from sovits_lab.serving.tracing import traces_of
from sovits_lab.serving.voices.challenges import VoiceChallenges
from sovits_lab.serving.voices.vectors import ModelVectors, VoiceVectors
from sovits_lab.types import got


def keys_of(folder: Path) -> ApiKeys:
    """Return the keys of a service's folder."""
    return ApiKeys(folder / "keys.sqlite")


def checked_switch(value: object, where: str) -> bool:
    """Return a setting that is true or false. Raises InputError for anything else."""
    if not isinstance(value, bool):
        raise got(where, value, "true or false")
    return value


def make_service(settings: Mapping[str, Any]) -> SpeechService:
    """Build a service from composed settings; nothing is loaded or started yet.

    Raises:
        InputError: a setting that does not fit, or no bundle where this process speaks.
    """
    folder = Path(settings["folder"])
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # voices, keys and results are nobody else's
    except OSError as error:
        raise got("folder", str(folder), f"one that can be made and written ({reason_of(error)})") from error
    serving = settings["serving"]
    limits = record(RequestLimits, settings["limits"], "limits")
    http = record(HttpSettings, settings["http"], "http")
    metrics = ServiceMetrics()
    loading = dict(serving.get("loading") or {})
    if loading:  # here, not in a worker elsewhere
        bundle_folder(Path(settings["bundle"]))
    vectors = VoiceVectors(folder / "vectors.sqlite")
    load = partial(BundleModel, settings["bundle"], vectors=partial(ModelVectors, vectors), **loading)
    engine = built(serving["engine"], "serving.engine", load=load)
    dispatcher = SpeechDispatcher(
        engine,
        built(settings["light"], "light"),
        record(QueueLimits, settings["queue"], "queue"),
        record(LoadPolicy, settings["load"], "load"),
        metrics,
        vectors,
        traces_of(settings["traces"]),
    )
    voices = built(settings["voices"], "voices", folder=folder)
    audit = built(settings["audit"], "audit", folder=folder)
    marker = built(settings["marker"], "marker")
    if isinstance(marker, Unmarked):
        audit.append({"kind": "setting", "request_id": "", "owner": "", "key_id": "", "marker": "none"})
    tokens = JwtTokens(**settings["tokens"]) if settings["tokens"]["jwks"] else NoTokens()
    return SpeechService(
        dispatcher=dispatcher,
        desk=OrderDesk(dispatcher, voices, limits, marker.name),
        voices=voices,
        challenges=VoiceChallenges(folder / "challenges.sqlite"),
        marker=marker,
        audit=audit,
        access=AccessGate([keys_of(folder), tokens], UsageLimits(serving["counters"])),
        metrics=metrics,
        http=http,
        limits=limits,
        ledger=JobLedger(folder / "jobs.sqlite"),
        signer=LinkSigner.of(folder, http.secret),
        folder=folder,
        log_texts=checked_switch(settings["log_texts"], "log_texts"),
    )
