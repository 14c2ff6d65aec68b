"""Trials of each kind from the samples of the systems that are held against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from evaluation.listening.trials import ANCHOR, RECORDING, ListeningTrial, Stimulus
from evaluation.scoring.samples import NEUTRAL, Sample, select_headline
from sovits_lab.types import got

BWS_SOUNDS = 4


class ListeningArm(NamedTuple):
    """A system of the test: its label, its samples, and the folder they come from."""

    label: str
    samples: Sequence[Sample]
    folder: Path


@dataclass
class TrialMaker:
    """Makes trials out of arms, and keeps the stimuli that they name."""

    arms: Sequence[ListeningArm]
    stimuli: dict[str, Stimulus] = field(default_factory=dict)

    def output(self, arm: ListeningArm, one: Sample, treatment: str = "") -> str:
        """Add the output of a system; return its name."""
        return self._add(
            Stimulus(arm.label, one.id, one.speaker, one.text, one.emotion, one.strength, treatment, one.wav)
        )

    def recording(self, one: Sample, path: Path, emotion: str, speaker: str = "", treatment: str = "") -> str:
        """Add a true recording that belongs to a sample; return its name."""
        made = Stimulus(RECORDING, one.id, speaker or one.speaker, one.text, emotion, 1.0, treatment, path)
        return self._add(made)

    def _add(self, one: Stimulus) -> str:
        self.stimuli[one.name] = one
        return one.name

    def make(self, kind: str) -> list[ListeningTrial]:
        """Make all main trials of a kind.

        Raises:
            InputError: the samples hold nothing that the kind could ask about.
        """
        made = list(MAKERS[kind](self))
        if not made:
            raise got(f"kind {kind}", "no trial from these runs", EXPECTED[kind])
        return [
            ListeningTrial(f"{kind}{n}", kind, t.sounds, cell=t.cell, variant=t.variant) for n, t in enumerate(made)
        ]


class _Draft(NamedTuple):
    sounds: tuple[str, ...]
    cell: tuple[str, str, str]
    variant: str


def usable(arm: ListeningArm) -> list[Sample]:
    """Return the headline samples of an arm that can be played."""
    return [one for one in select_headline(arm.samples) if _playable(one.wav)]


def shared_cells(arms: Sequence[ListeningArm]) -> Iterator[tuple[tuple[str, str, str], list[Sample]]]:
    """Yield each cell of speaker, sentence and emotion that every arm spoke, with the samples of the arms in order."""
    spoken = [{_cell(one): one for one in reversed(usable(arm))} for arm in arms]
    for cell in spoken[0]:
        if all(cell in mine for mine in spoken):
            yield cell, [mine[cell] for mine in spoken]


def _cell(one: Sample) -> tuple[str, str, str]:
    return (one.speaker, one.text, one.emotion)


def _playable(path: Path | None) -> bool:
    return path is not None and path.is_file()


def _abx(maker: TrialMaker) -> Iterator[_Draft]:
    """X: an emotion by another speaker; the right one has X's emotion, the wrong one another of the same speaker."""
    for arm in maker.arms:
        mine = usable(arm)
        for one in mine:
            if one.emotion == NEUTRAL:
                continue
            wrong = [o for o in mine if o.speaker == one.speaker and o.emotion != one.emotion and o.text == one.text]
            x = _other_voice(maker, arm, one, mine)
            if x and wrong:
                other = wrong[len(one.id) % len(wrong)]
                yield _Draft((x, maker.output(arm, one), maker.output(arm, other)), _cell(one), arm.label)


def _other_voice(maker: TrialMaker, arm: ListeningArm, one: Sample, mine: Sequence[Sample]) -> str:
    """The clip that told the style where it is another speaker's, else an output by another voice."""
    if (
        one.style_reference is not None
        and one.style_speaker not in (None, one.speaker)
        and _playable(one.style_reference)
    ):
        return maker.recording(one, one.style_reference, one.emotion, str(one.style_speaker), "style clip")
    others = [o for o in mine if o.speaker != one.speaker and o.emotion == one.emotion and o.text != one.text]
    return maker.output(arm, others[0]) if others else ""


def _cmos(maker: TrialMaker) -> Iterator[_Draft]:
    for cell, spoken in shared_cells(maker.arms):
        for a, b in combinations(range(len(maker.arms)), 2):
            pair = [(maker.arms[i], spoken[i]) for i in (a, b)]
            names = tuple(maker.output(arm, one) for arm, one in pair)
            yield _Draft(names, cell, f"{maker.arms[a].label} / {maker.arms[b].label}")


def _mushra(maker: TrialMaker) -> Iterator[_Draft]:
    """All systems, the hidden recording and a 3.5 kHz anchor; none is named, so no reference leads the listener."""
    for cell, spoken in shared_cells(maker.arms):
        names = [maker.output(arm, one) for arm, one in zip(maker.arms, spoken, strict=True)]
        true = next((one for one in spoken if _playable(one.truth)), None)
        if true is not None and true.truth is not None:
            names.append(maker.recording(true, true.truth, cell[2]))
            names.append(maker.recording(true, true.truth, cell[2], treatment=ANCHOR))
        else:
            names.append(maker.output(maker.arms[0], spoken[0], ANCHOR))
        yield _Draft(tuple(names), cell, "all")


def _bws(maker: TrialMaker) -> Iterator[_Draft]:
    """Four strengths of one emotion in one voice and sentence, neutral counted as strength 0."""
    for arm in maker.arms:
        series: dict[tuple[str, str], dict[str, dict[float, Sample]]] = {}
        for one in arm.samples:
            if _playable(one.wav):
                strength = 0.0 if one.emotion == NEUTRAL else one.strength
                series.setdefault((one.speaker, one.text), {}).setdefault(one.emotion, {})[strength] = one
        for (speaker, text), emotions in series.items():
            for emotion, spoken in emotions.items():
                whole = dict(sorted({**emotions.get(NEUTRAL, {}), **spoken}.items())) if emotion != NEUTRAL else {}
                if len(whole) >= BWS_SOUNDS:
                    places = [round(i * (len(whole) - 1) / (BWS_SOUNDS - 1)) for i in range(BWS_SOUNDS)]
                    chosen = [list(whole.values())[i] for i in places]
                    yield _Draft(tuple(maker.output(arm, one) for one in chosen), (speaker, text, emotion), arm.label)


def _choice(maker: TrialMaker) -> Iterator[_Draft]:
    for arm in maker.arms:
        for one in usable(arm):
            yield _Draft((maker.output(arm, one),), _cell(one), arm.label)


def _same(maker: TrialMaker) -> Iterator[_Draft]:
    """An output beside a clip of its own speaker, or of another of the same sex."""
    for arm in maker.arms:
        mine = usable(arm)
        clips = {one.speaker: (one, path) for one in reversed(mine) if (path := _voice_clip(one)) is not None}
        for number, one in enumerate(mine):
            others = [o for o in clips if o != one.speaker and clips[o][0].sex == one.sex]
            other = others[number % len(others)] if others and number % 2 else one.speaker
            if other in clips and clips[other][1] != one.wav:
                owner, path = clips[other]
                sounds = (maker.output(arm, one), maker.recording(owner, path, NEUTRAL, other, "voice clip"))
                yield _Draft(sounds, _cell(one), arm.label)


def _voice_clip(one: Sample) -> Path | None:
    return next((path for path in (one.speaker_reference, one.truth_neutral, one.truth) if _playable(path)), None)


MAKERS: Mapping[str, Callable[[TrialMaker], Iterator[_Draft]]] = {
    "abx": _abx,
    "cmos": _cmos,
    "mushra": _mushra,
    "bws": _bws,
    "choice": _choice,
    "same": _same,
}
EXPECTED = {
    "abx": "one voice with two emotions of a sentence, and another voice with one of them",
    "cmos": "two runs that spoke the same sentence in the same voice and emotion",
    "mushra": "runs that spoke the same sentence in the same voice and emotion",
    "bws": f"a voice, sentence and emotion spoken at {BWS_SOUNDS} or more strengths, neutral counted",
    "choice": "at least one sound",
    "same": "samples with a speaker_reference, truth_neutral or truth beside the output",
}
