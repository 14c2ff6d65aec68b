"""Emotional HTS voices for Open JTalk: Japanese by persons who acted, any text in any of their emotions.

A voice is a file of a few hundred kilobytes for one person in one emotion, `NAME-EMOTION.htsvoice` or
`NAME_EMOTION.htsvoice`. The engine is in the package pyopenjtalk-plus (extra `ja`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sovits_lab.corpora.japanese_grammar import japanese_sentences
from sovits_lab.corpora.settings import within
from sovits_lab.corpora.spoken import Spoken, TextCorpus
from sovits_lab.files import regular_file
from sovits_lab.types import got

SUFFIX = ".htsvoice"
MOST_BYTES = 64_000_000
FULL_SCALE = 32_768.0  # what the engine's samples are relative to
LIMITS = {"rate": (0.3, 3.0), "pitch": (-12, 12), "gain_db": (-40, 40)}
SAME = {"normal": "neutral"}  # emotions as voices call them
_NAME = re.compile(r"(.+)[-_]([a-z]+)")


@dataclass(frozen=True)
class HtsStyle:
    """What is added to how a person acted an emotion.

    Attributes:
        rate: tempo, 1 is the voice's own.
        pitch: shift of F0, semitones.
        gain_db: level.
    """

    rate: float = 1.0
    pitch: float = 0.0
    gain_db: float = 0.0

    def vary(self, jitter: HtsStyle, generator: np.random.Generator) -> HtsStyle:
        """Move each setting by at most its jitter, evenly, within the limits."""
        width = asdict(jitter)
        moved = {name: value + width[name] * generator.uniform(-1, 1) for name, value in asdict(self).items()}
        return HtsStyle(**{name: min(max(value, LIMITS[name][0]), LIMITS[name][1]) for name, value in moved.items()})


class HtsCorpus(TextCorpus):
    """A stage that speaks the corpus; phone times are not known.

    Args:
        root: folder below which the voices lie.
        settings: arguments of `SpokenCorpus`.
    """

    language = "ja"
    style_class = HtsStyle
    trial: ClassVar[tuple[str, ...]] = (
        "隣の人は先週、公園で古い写真を見つけました。", "どうして先生はパンを食べませんか？",
        "駅前の桜は、とてもきれいです。",
    )  # fmt: skip

    def __init__(self, root: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.root = Path(root).expanduser()
        for name, style in self.emotions.items():
            for key, (least, most) in LIMITS.items():
                within(f"corpus.emotions.{name}.{key}", getattr(style, key), least, most)

    def sentences(self, count: int, seed: int) -> list[str]:
        return japanese_sentences(count, seed)

    def licence(self, voice: str) -> str:
        """Return what says it: the voices bring a text of their own."""
        return "that of the voice; see COPYRIGHT.txt beside it"

    def check_voices(self) -> None:
        known = voices_below(self.root)
        engine()
        for name, role in self.roles.items():
            for voice in role.chosen():
                if voice not in known:
                    raise got(f"corpus.roles.{name}.voices", voice, f"one of {', '.join(sorted(known))}")
                needed = set(self.emotions if role.test_speakers else role.emotions)
                if missing := sorted(needed - known[voice].keys()):
                    raise got(f"corpus.root {self.root}, emotions of {voice}", sorted(known[voice]), f"also {missing}")

    def say(self, voice: str, text: str, emotion: str, style: HtsStyle) -> Spoken:
        path = voices_below(self.root)[voice][emotion]
        return spoken_by(regular_file(path, "HTS voice", MOST_BYTES), text, style)


def voices_below(root: Path) -> Mapping[str, Mapping[str, Path]]:
    """Return for each person the files of their emotions.

    Raises:
        InputError: no folder, or no voice in it.
    """
    if not root.is_dir():
        raise got("corpus.root", root, "a folder with HTS voices, NAME-EMOTION.htsvoice")
    return _voices(root.resolve())


@lru_cache(maxsize=4)
def _voices(root: Path) -> Mapping[str, Mapping[str, Path]]:
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(root.rglob(f"*{SUFFIX}")):
        if (named := _NAME.fullmatch(path.stem)) is not None:
            found.setdefault(named[1], {})[SAME.get(named[2], named[2])] = path
    if not found:
        raise got(f"corpus.root {root}", "no HTS voice", "files NAME-EMOTION.htsvoice below it")
    return found


@lru_cache(maxsize=1)
def engine() -> Any:
    """Return the module of the synthesiser.

    Raises:
        InputError: it is not installed.
    """
    try:
        import pyopenjtalk
        from pyopenjtalk import htsengine
    except ImportError as error:
        raise got("corpus=hts", "no package pyopenjtalk-plus", "pip install 'sovits-lab[ja]'") from error
    assert htsengine.HTSEngine is not None
    return pyopenjtalk


def spoken_by(path: Path, text: str, style: HtsStyle) -> Spoken:
    """Speak a text by a voice file, in a fresh engine: nothing that was said before is left in it.

    Raises:
        InputError: the package is not installed, or the file is no voice.
    """
    labels = engine().extract_fullcontext(text)
    try:
        voice = engine().htsengine.HTSEngine(str(path).encode())
    except Exception as error:  # whatever the engine raises means the same to the user
        raise got(f"HTS voice {path}", f"a file that the engine cannot load ({error})", "an HTS voice") from error
    voice.set_speed(style.rate)
    voice.add_half_tone(style.pitch)
    wav = np.asarray(voice.synthesize(labels)) / FULL_SCALE * 10 ** (style.gain_db / 20)
    return Spoken(wav.astype(np.float32), int(voice.get_sampling_frequency()))
