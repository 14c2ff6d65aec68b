"""An exported voice, run by onnxruntime; torch has no part in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sovits_lab.checkpoints.bundle import build
from sovits_lab.files import read_json, reason_of
from sovits_lab.inference.onnx_export import DURATIONS, FACTS, PARTS, SPEECH, VOICE, import_needed
from sovits_lab.inference.styles import NEUTRAL
from sovits_lab.types import got

Wave = NDArray[np.float32]


class OnnxVoice:
    """What `python -m sovits_lab export format=onnx` wrote.

    Args:
        folder: of the files.
        threads: of onnxruntime.

    Raises:
        InputError: a file or the package is missing, or a file is damaged.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        runtime = import_needed("onnxruntime")
        self.facts: Mapping[str, Any] = read_json(folder / VOICE, "exported voice")
        if lacking := [name for name in FACTS if name not in self.facts]:
            raise got(f"exported voice {folder / VOICE}", f"no {lacking[0]}", "the file that `export` wrote")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.disable_quant_qdq", "1")  # 8 bits are room, not arithmetic
        self.durations, self.speech = (self._opened(runtime, folder / name, options) for name in (DURATIONS, SPEECH))
        self.sample_rate = int(self.facts["sample_rate"])
        self.number = {name: i for i, name in enumerate(self.facts["symbols"])}
        self.frontend = build(self.facts["frontend"])

    @staticmethod
    def _opened(runtime: Any, path: Path, options: Any) -> Any:
        if not path.is_file():
            raise got("exported voice", path.parent, f"{DURATIONS}, {SPEECH} and {VOICE} in it")
        try:
            return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the package's own kinds have no other common base
            raise got(f"exported voice {path}", reason_of(error), "a graph that onnxruntime reads") from error

    def speak(self, text: str, speaker: str | None = None, emotion: str = NEUTRAL, seed: int = 0) -> Wave:
        """Speak one clause or sentence; raises InputError as `say`, or for a text that the front end refuses."""
        return self.say(self.frontend.read(text).phones, speaker, emotion, seed)

    def say(
        self,
        phones: Sequence[str],
        speaker: str | None = None,
        emotion: str = NEUTRAL,
        seed: int = 0,
        noise: NDArray[np.float32] | None = None,
    ) -> Wave:
        """Return the waveform of phones.

        Args:
            phones: names.
            speaker: a name; None is the first.
            emotion: a label.
            seed: of the noise, 0 or more.
            noise: of every sample, in place of the seed's.

        Raises:
            InputError: no phone, an unknown one, an unknown name, a negative seed, more than the voice says at once.
        """
        fed = self._fed(phones, speaker, emotion)
        if seed < 0:
            raise got("seed", seed, "a whole number, 0 or more")
        lasting = self._run(self.durations, fed)
        tokens, most = max(1, round(float(lasting.sum()))), int(self.facts["max_tokens"])
        if tokens > most:
            raise got("text", f"{len(phones)} phones, {tokens} tokens", f"at most {most} tokens; cut the text")
        shape = 1, tokens, int(self.facts["samples_per_token"])
        if noise is None:
            noise = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
        return self._run(self.speech, {**fed, "durations": lasting, "noise": noise.reshape(shape)})[0]

    def _fed(self, phones: Sequence[str], speaker: str | None, emotion: str) -> dict[str, NDArray]:
        known, labels = self.facts["speakers"], self.facts["emotions"]
        if not phones:
            raise got("phones", "none", "at least one")
        if strange := [phone for phone in phones if phone not in self.number]:
            raise got("phone", strange[0], "one of the voice's symbols")
        if speaker is not None and speaker not in known:
            raise got("speaker", speaker, f"one of {', '.join(known)}")
        if labels and emotion not in labels:
            raise got("emotion", emotion, f"one of {', '.join(labels)}")
        who = known[speaker or next(iter(known))]
        vectors = {name: who[name] for name in ("speaker", "baseline")}
        for part in PARTS if labels else ():
            vectors |= {f"{part}_{name}": value for name, value in labels[emotion][part].items()}
        made = {name: np.array([value], dtype=np.float32) for name, value in vectors.items()}
        return {**made, "phones": np.array([[self.number[phone] for phone in phones]])}

    @staticmethod
    def _run(session: Any, values: Mapping[str, NDArray]) -> NDArray[np.float32]:
        names = [one.name for one in session.get_inputs()]
        made: NDArray[np.float32] = session.run(None, {name: values[name] for name in names})[0]
        return made
