"""Lines by a small language model in this process: Gemma 3 270M by llama.cpp, the extra `writer`.

It is a base model, which follows no instructions but goes on with what it reads. So it reads the scene as a script and
goes on where the character speaks; its line ends with its first sentence. Emotion and strength stay the story's. What
it writes goes through the same guard as a server's, and the baseline writes where it is late or out of its part.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from sovits_lab.dialogue.guard import LineGuard
from sovits_lab.dialogue.model_writer import PATIENCE, fallen_back
from sovits_lab.dialogue.writer import LineWriter, Situation, WrittenLine
from sovits_lab.weights.locate import locate

WEIGHTS = "gemma-3-270m-q4_k_m.gguf"
CONTEXT, LONGEST = 1024, 48  # tokens that are read, and written
SENTENCE = re.compile(r"[.!?…]+[\"”’]*(?=\s|$)|[。！？]")
CLAUSE = re.compile(r"[,;:.!?…—](?=\s|$)|[，；：。！？]")
LINES_SHOWN = 8  # lines of the scene that are read


class GoesOn(Protocol):
    """A model that goes on with a text."""

    def go_on(self, text: str, seed: int, enough: Callable[[str], bool]) -> str:
        """Return what follows, up to the end of its line or until `enough` says of what is there that it is."""


class LocalWriter:
    """Lets a model go on with the scene as a script; `baseline` writes where its line cannot be spoken.

    Args:
        model: goes on with a text; one line is written at a time.
        baseline: writes in its place.
        forbidden: words that are never spoken.
        patience: seconds for a line, waiting for others included.

    Attributes:
        clause_at: when the first clause of the last line was there (`time.perf_counter`), for measurements.
    """

    def __init__(
        self, model: GoesOn, baseline: LineWriter, forbidden: Sequence[str] = (), patience: float = PATIENCE
    ) -> None:
        self.model, self.baseline, self.forbidden, self.patience = model, baseline, tuple(forbidden), patience
        self.clause_at = 0.0
        self._writing = threading.Lock()

    def write(self, situation: Situation, cancelled: Callable[[], bool] | None = None) -> WrittenLine:
        """Return the model's line, or the baseline's with the reason why."""
        if not situation.wanted:
            return self.baseline.write(situation, cancelled)
        until, gone = time.monotonic() + self.patience, cancelled or _never
        if not self._writing.acquire(timeout=self.patience):
            return fallen_back(self.baseline, situation, "the model was busy", cancelled)
        try:
            written = self._written(situation, lambda: gone() or time.monotonic() > until)
        except (RuntimeError, ValueError) as error:  # the story goes on
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            return fallen_back(self.baseline, situation, reason, cancelled)
        finally:
            self._writing.release()
        guard = LineGuard(situation.language, forbidden=self.forbidden)
        text = guard.cleaned(first_sentence(written))
        late = "cancelled" if gone() else "the model was too slow" if time.monotonic() > until else ""
        if reason := late or guard.reason(text):
            return fallen_back(self.baseline, situation, reason, cancelled)
        return WrittenLine(text, source="model")

    def _written(self, situation: Situation, over: Callable[[], bool]) -> str:
        self.clause_at = 0.0

        def enough(text: str) -> bool:
            if not self.clause_at and CLAUSE.search(text):
                self.clause_at = time.perf_counter()
            return over() or SENTENCE.search(text) is not None

        return self.model.go_on(script_of(situation), situation.seed, enough)


def script_of(situation: Situation) -> str:
    """Return the scene as a script that stops where the character speaks."""
    who, manner = situation.character, situation.manner
    scene = [f"{speaker or 'NARRATOR'}: {text}" for speaker, text in situation.history[-LINES_SHOWN:]]
    if situation.player:
        scene.append(f"PLAYER: {' '.join(situation.player.split())}")
    about = f"A film script. Every line is one short spoken sentence.\n{who.name}: {' '.join(who.persona.split())}"
    return "\n".join([about, "", *scene, f"{who.name} ({manner.emotion}):"])


def first_sentence(text: str) -> str:
    """Return a text up to the end of its first sentence."""
    found = SENTENCE.search(text)
    return text if found is None else text[: found.end()]


class LlamaModel:
    """Gemma 3 270M run by llama.cpp, in threads of its own.

    Args:
        threads: of the processor.

    Raises:
        InputError: its weights are not installed.
    """

    def __init__(self, threads: int = 1) -> None:
        import xllamacpp

        path = locate("writer=local", "gemma-3-270m", (WEIGHTS,)) / WEIGHTS
        asked = xllamacpp.CommonParams()
        asked.model.path, asked.n_ctx, asked.n_parallel, asked.verbosity = str(path), CONTEXT, 1, 0
        asked.cpuparams.n_threads = asked.cpuparams_batch.n_threads = threads
        self._server = xllamacpp.Server(asked)

    def go_on(self, text: str, seed: int, enough: Callable[[str], bool]) -> str:
        """Return what follows a text, at most `LONGEST` tokens of one line."""
        so_far = ""

        def take(chunk: str | bytes | Mapping[str, Any]) -> bool:
            nonlocal so_far
            found = json.loads(chunk) if isinstance(chunk, str | bytes) else chunk
            so_far += "".join(str(one.get("text") or "") for one in found.get("choices", ()))
            return enough(so_far)  # true ends it

        how = {"max_tokens": LONGEST, "temperature": 0.7, "top_p": 0.9, "seed": seed % 2**31, "stop": ["\n"]}
        self._server.handle_completions({"prompt": text, "stream": True, "cache_prompt": True, **how}, take)
        return so_far


def _never() -> bool:
    return False
