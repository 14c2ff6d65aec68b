"""The vectors that a style encoder must beat: chance, a speaker code, loudness, spectrum, prosody, a speaker judge.

Each encoder maps waveforms at 16 kHz to one vector each. Optional ones say why they are absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.real_speech.clips import RATE
from evaluation.real_speech.prosody_vector import measure_prosody_vector
from sovits_lab.audio.energy import level_dbfs
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.types import InputError

Encode = Callable[[np.ndarray], NDArray[np.float64]]
RANDOM_SIZE = 256


@dataclass(frozen=True)
class Encoder:
    """A named map from a waveform [T] at 16 kHz to a vector [D]. `recipe` changes when the numbers would."""

    name: str
    recipe: str
    encode: Encode


@dataclass(frozen=True)
class Absent:
    """An encoder that cannot run here, and why."""

    name: str
    reason: str


def level_vector(wav: np.ndarray) -> NDArray[np.float64]:
    """Measure the level in dBFS [1]."""
    return np.array([level_dbfs(wav)])


def mel_statistics(wav: np.ndarray) -> NDArray[np.float64]:
    """Compute mean and standard deviation over time of the 80 log-mel bands [160]."""
    mel = log_mel(wav, AudioSpec()).astype(np.float64)
    return np.concatenate([mel.mean(axis=1), mel.std(axis=1)])


def resemblyzer() -> Encoder | Absent:
    """Load Resemblyzer: 256 speaker dimensions, from the wheel's weights."""
    from evaluation.judges.resemblyzer import Resemblyzer

    try:
        judge = Resemblyzer()
    except InputError as error:
        return Absent("Resemblyzer", str(error))
    recipe = f"{judge.card.version} {judge.card.weight_hash}"
    return Encoder("Resemblyzer", recipe, lambda wav: judge.embed([wav])[0].astype(np.float64))


def egemaps() -> Encoder | Absent:
    """Load openSMILE's 88 eGeMAPSv02 functionals, where the (non-commercial) package is installed."""
    if find_spec("opensmile") is None:
        return Absent("eGeMAPS", "openSMILE is not installed (research licence; pip install opensmile)")
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    return Encoder(
        "eGeMAPS",
        f"opensmile {opensmile.__version__}",
        lambda wav: smile.process_signal(wav, RATE).to_numpy(dtype=np.float64)[0],
    )


def ecapa(folder: Path | None) -> Encoder | Absent:
    """Load ECAPA-TDNN from a local folder of weights, where one is given."""
    if folder is None:
        return Absent("ECAPA", "no weights given (ecapa=FOLDER)")
    from evaluation.judges.ecapa import Ecapa

    judge = Ecapa(folder)
    recipe = f"{judge.card.version} {judge.card.weight_hash}"
    return Encoder("ECAPA", recipe, lambda wav: judge.embed([wav])[0].astype(np.float64))


def encoders(ecapa_folder: Path | None = None) -> Iterator[Encoder | Absent]:
    """Load all baselines that listen, cheap ones first."""
    yield Encoder("level", "1", level_vector)
    yield Encoder("mel statistics", "1", mel_statistics)
    yield Encoder("prosody", "1", measure_prosody_vector)
    yield egemaps()
    yield resemblyzer()
    yield ecapa(ecapa_folder)


def random_vectors(n: int) -> NDArray[np.float64]:
    """Draw vectors that know nothing [N, 256]."""
    return np.random.default_rng(0).normal(size=(n, RANDOM_SIZE))


def one_hot_speaker(speakers: Sequence[str] | NDArray[np.str_]) -> NDArray[np.float64]:
    """Make vectors that know the speaker and nothing else [N, speakers]."""
    names, who = np.unique(np.asarray(speakers), return_inverse=True)
    return np.eye(names.size)[who]
