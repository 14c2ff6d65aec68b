"""What the dispatcher asks of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from sovits_lab.serving.task import OrderTask


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a loaded bundle without the bundle.

    Attributes:
        name: the folder's.
        hash: of its description, which has those of its tensors.
        sample_rate: Hz of its speech.
        speakers: it knows by name.
        emotions: it knows by name.
        accepts: controls that it was built and trained for.
        prompted: its speaker must be a recording.
        takes_text: it goes on from what is said in the speaker's recording.
        languages: that it reads.
    """

    name: str
    hash: str
    sample_rate: int
    speakers: tuple[str, ...] = ()
    emotions: tuple[str, ...] = ()
    accepts: tuple[str, ...] = ()
    prompted: bool = False
    takes_text: bool = False
    languages: tuple[str, ...] = ()

    def values(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ModelFacts:
        """Return the facts of plain JSON values."""
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**plain)


class ClipStore(Protocol):
    """Recordings by the hash of their bytes, where workers find them."""

    def put(self, digest: str, data: bytes) -> None:
        """Keep a recording for as long as it is used."""

    def get(self, digest: str) -> bytes:
        """Return a recording. Raises InputError where it is gone."""

    def forget(self, digests: list[str]) -> int:
        """Delete recordings; return how many there were."""


class SpeechEngine(Protocol):
    """Speaks orders. Its methods are called on the event loop and return at once; `OrderTask.tell` is the answer."""

    clips: ClipStore

    async def start(self) -> None:
        """Load and warm up; when it returns, the engine is ready or `facts` raises what is wrong."""

    async def stop(self) -> None:
        """End all work."""

    def facts(self) -> ModelFacts:
        """Return what speaks. Raises ProblemError 503 where nothing does, as before the first worker has loaded."""

    def slots(self) -> int:
        """Return how many orders may be in work at once; 0 when no worker lives."""

    def guests(self) -> int:
        """Return how many orders may be in work beyond the slots, of accounts that have none there."""

    def begin(self, task: OrderTask) -> None:
        """Begin an order; it ends by a call of `task.tell` with an ending, whatever happens."""

    def forget_voice(self, digests: list[str]) -> int:
        """Let go of recordings and of all that was derived from them."""

    def describe(self) -> Mapping[str, Any]:
        """Return what the health page says of the workers."""
