"""Converting the pairs with a voice of ours; what another system converted is scored the same way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from evaluation.scoring.samples import Sample
from sovits_lab.audio.files import save_audio
from sovits_lab.inference.conversion_sources import KEEP, conversion_of, read_source
from sovits_lab.inference.conversion_windows import ConversionWindows
from sovits_lab.inference.voice import LoadedVoice
from sovits_lab.reporting import Reporter

WINDOW = 30.0  # seconds: seams are no part of what is measured
TokensOf = Callable[[np.ndarray, int], Tensor]


def convert_all(
    voice: LoadedVoice,
    samples: Sequence[Sample],
    content: Path | TokensOf | None,
    report: Reporter,
    texts: bool = True,
    pitch: str = "transpose",
    labels: bool = False,
) -> None:
    """Write every sample that is not there yet.

    Args:
        voice: who converts.
        samples: see `ConversionSamples`; the reference is the target where the voice has no speaker of that name.
        content: what hears the tokens of a native voice; None for a released one, and for one that lays its own saying
            of the text upon the source.
        report: is told how far it has come.
        texts: tell the voice what the source says.
        pitch: see `Conversion`.
        labels: tell the voice the emotion of the source, where it has one of that name.

    Raises:
        InputError: a clip that cannot be used.
    """
    for done, one in enumerate(samples):
        report.progress(done, len(samples), "recordings converted")
        assert one.wav is not None and one.truth is not None and one.speaker_reference is not None
        if one.wav.is_file():
            continue
        made = conversion_of(
            voice,
            one.truth,
            one.speaker if one.speaker in voice.speakers else one.speaker_reference,
            content,
            text=one.text if texts else None,
            language=one.language,
            emotion=one.emotion if labels and one.emotion in voice.emotions else KEEP,
            pitch=pitch,
            windows=ConversionWindows(WINDOW),
        )
        one.wav.parent.mkdir(parents=True, exist_ok=True)
        rate, neutral = voice.clip_rate, one.style_reference
        moves_from = None if neutral is None else made.prosody_of(read_source(neutral, rate), rate)
        save_audio(one.wav, made.convert(read_source(one.truth, rate), rate, moves_from), voice.sample_rate)
    report.progress(len(samples), len(samples), "recordings converted")
