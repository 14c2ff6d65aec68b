"""From the runner to its loggers: each thing once, and a logger that breaks costs its dashboard, not the training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sovits_lab.tracking.contract import RunInfo, RunLogger, finished_key, media_key, record_key
from sovits_lab.types import InputError


class LoggerRelay:
    """Tells every logger what it has not yet been told.

    A continued training repeats the steps after its last checkpoint, with the same values: they are passed on once.

    Args:
        loggers: the loggers.
        say: how the user hears of one.
    """

    def __init__(self, loggers: Iterable[RunLogger], say: Callable[[str], None]):
        self._say = say
        self._sent: dict[RunLogger, dict[str, int]] = {logger: {} for logger in loggers}

    def open(self, run: RunInfo) -> None:
        """Open every logger.

        Raises:
            InputError: a logger lacks what it needs.
        """
        known = dict(self._sent)

        def begin(logger: RunLogger) -> None:
            line = logger.open(run)
            known[logger].update(logger.known())
            if line:
                self._say(line)

        self._each(begin)

    def metrics(self, record: Mapping[str, Any]) -> None:
        """Hand a record of metrics to every logger that has not had it."""
        self._once(record_key(record), record["step"], lambda logger: logger.metrics(record))

    def media(self, stage: str, message: Mapping[str, Any], places: Sequence[Path]) -> None:
        """Pass a file on; it lies in one of `places`, as a stage's folder may get its final name at any moment."""

        def show(logger: RunLogger) -> None:
            for path in (place / message["path"] for place in places):
                if path.exists():
                    try:
                        return logger.media(stage, {**message, "path": str(path)})
                    except Exception:
                        if path.exists():  # else the folder was renamed at this moment
                            raise
            raise FileNotFoundError(message["path"])

        self._once(media_key(stage, message), message["step"], show)

    def finished(self, stage: str, folder: Path) -> None:
        """Pass on that a stage is whole."""
        self._once(finished_key(stage), 1, lambda logger: logger.finished(stage, folder))

    def close(self, status: int) -> None:
        """End every logger."""
        self._each(lambda logger: logger.close(status))
        self._sent.clear()

    def _once(self, key: str, step: int, act: Callable[[RunLogger], None]) -> None:
        behind = [logger for logger, steps in self._sent.items() if step > steps.get(key, -1)]
        for logger in behind:
            self._sent[logger][key] = step
        self._each(act, behind)

    def _each(self, act: Callable[[RunLogger], None], loggers: Iterable[RunLogger] | None = None) -> None:
        for logger in list(self._sent if loggers is None else loggers):
            try:
                act(logger)
            except InputError:
                raise
            except Exception as error:
                del self._sent[logger]
                name = type(logger).__name__
                why = " ".join(str(error).split())
                self._say(f"{name} gave up ({type(error).__name__}: {why}); metrics.jsonl goes on")
