"""Voices of Kokoro-82M (hexgrad, Apache-2.0), led in their tempo by the network and in all else by WORLD.

The int8 network comes with five Japanese voices in packages; told phones of English they speak it, with an accent of
their own. Each further voice is a table of style vectors, one for each number of letters, in a file of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from sovits_lab.corpora.natural_phones import SpelledPhone
from sovits_lab.corpora.natural_style import NaturalSpeech, NaturalStyle, moved_f0, tilt_of
from sovits_lab.files import load_archive, read_json, regular_file
from sovits_lab.types import InputError, got
from sovits_lab.weights import locate

RATE, WIDTH = 24_000, 256
NETWORK, LETTERS, VOICES = "kokoro-v1.0.int8.onnx", "vocab.json", "voices_ja.npz"
FRAME_MS = 5.0
MOST_BYTES = 4_000_000  # of a voice file; a table of 510 rows has 522 240


class KokoroVoice:
    """Speak letters of Kokoro's alphabet. It does not tell where phones are.

    Args:
        name: of a voice in the packages, such as `jm_kumo`, or of a file `NAME.bin` in `folder`.
        folder: of voice files, rows of 256 little-endian floats.
        source: `kokoro`, or a folder with the network.
    """

    def __init__(self, name: str, folder: str | None = None, source: str = "kokoro") -> None:
        self.name, self.folder, self.source = name, folder, source

    @cached_property
    def table(self) -> Float32[np.ndarray, "N D"]:
        """Style vectors by number of letters, the first for one.

        Raises:
            InputError: there is no voice of that name, or its file is no such table.
        """
        path = Path(self.folder) / f"{self.name}.bin" if self.folder else None
        if path is not None and path.is_file():
            raw = regular_file(path, "voice of Kokoro", MOST_BYTES).read_bytes()
            if not raw or len(raw) % (4 * WIDTH):
                raise got(f"voice {path}", f"{len(raw)} bytes", f"rows of {WIDTH} floats")
            return np.frombuffer(raw, dtype="<f4").reshape(-1, WIDTH).astype(np.float32)
        known = load_archive(self._weights / VOICES, "voices of Kokoro")
        if self.name not in known:
            where = f" or files NAME.bin in {self.folder}" if self.folder else "; corpus.voices_folder adds others"
            raise got("corpus=natural, voice", self.name, f"heart, {', '.join(sorted(known))}{where}")
        return known[self.name].reshape(-1, WIDTH).astype(np.float32)

    def say(self, spelled: Sequence[SpelledPhone], style: NaturalStyle, seed: int) -> NaturalSpeech:
        """Return the phones spoken in a style; `seed` is not used, nothing here is drawn.

        Raises:
            InputError: the weights are not installed.
        """
        return NaturalSpeech(resynthesised(self.speak(spelled, style.rate), RATE, style), RATE, ())

    def speak(self, spelled: Sequence[SpelledPhone], rate: float = 1.0) -> Float32[np.ndarray, " T"]:
        """Return the phones as the network alone speaks them, at a tempo.

        Raises:
            InputError: the weights are not installed, or a letter is not of their alphabet.
        """
        letters = "".join(each.letters for each in spelled)
        if strange := sorted(set(letters) - self._letters.keys()):
            raise got("letters for Kokoro", " ".join(strange), f"letters of {LETTERS}")
        ids = [self._letters[letter] for letter in letters]
        row = self.table[min(len(ids), len(self.table)) - 1]
        given = {
            "tokens": np.array([[0, *ids, 0]], dtype=np.int64),
            "style": row[None],
            "speed": np.array([rate], dtype=np.float32),
        }
        return np.asarray(network(self._weights / NETWORK).run(None, given)[0], dtype=np.float32).reshape(-1)

    @cached_property
    def _weights(self) -> Path:
        return locate("corpus=natural, voice", self.source, (NETWORK, LETTERS, VOICES))

    @cached_property
    def _letters(self) -> dict[str, int]:
        found = read_json(self._weights / LETTERS, "letters of the voice")
        letters: dict[str, int] = found.get("vocab", found)
        return letters


@cache
def network(path: Path) -> Any:
    """Return the network, one for all voices of a process.

    Raises:
        InputError: onnxruntime is not installed, or the file is no network.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise got("corpus=natural", "no package onnxruntime", "pip install 'sovits-lab[natural]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime raises a dozen kinds; all mean the same to the user
        raise InputError(f"corpus=natural: {path} is not Kokoro's network ({error})") from error


def resynthesised(wav: Float32[np.ndarray, " T"], rate: int, style: NaturalStyle) -> Float32[np.ndarray, " N"]:
    """Return speech with F0, tilt and breath of a style, by WORLD (Morise et al. 2016); N is T in whole frames.

    Every style goes through it, neutral too: what the vocoder does to the sound is then no sign of an emotion.
    """
    import pyworld

    x = wav.astype(np.float64)
    f0, times = pyworld.harvest(x, rate, frame_period=FRAME_MS)
    envelope = pyworld.cheaptrick(x, f0, times, rate)
    noise = pyworld.d4c(x, f0, times, rate)
    bins = envelope.shape[1]
    envelope = envelope * np.exp(2 * tilt_of(bins, rate, style.tilt_db))
    noise = np.clip(noise * 10 ** (style.breath_db / 20), 0.0, 1.0)
    return pyworld.synthesize(moved_f0(f0, style), envelope, noise, rate, FRAME_MS).astype(np.float32)
