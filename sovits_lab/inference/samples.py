"""Stage `samples`: what a trained voice says to the test sentences, with the truth beside it."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sovits_lab.audio.energy import level_dbfs
from sovits_lab.audio.files import save_audio
from sovits_lab.checkpoints.networks import OuterNetworks
from sovits_lab.conditioning.conditions import STYLE
from sovits_lab.corpora.needs import Lack, RowFacts, lacking, larger_share, select
from sovits_lab.data.batches import stack_mels
from sovits_lab.data.store import FeatureStore, Utterance
from sovits_lab.inference.loading import load_voice
from sovits_lab.inference.request import MOST_STRENGTH, STYLES_AS
from sovits_lab.inference.speakers import PROMPT_SECONDS, SHORTEST_REFERENCE
from sovits_lab.inference.styles import NEUTRAL
from sovits_lab.inference.synthesizer import Request, Speech, Synthesizer
from sovits_lab.inference.voice import LoadedVoice
from sovits_lab.models.accepts import style_conditions
from sovits_lab.types import NonNegativeInt, got

LABEL = "label"  # in the place of what counts of a clip
TOGETHER = 16  # utterances of a batch
TIMED_ALONE = 8  # utterances that are spoken once more, as a single request is


@dataclass(frozen=True)
class PlannedSample:
    """One planned sample: the row of the truth (whose text and speaker it takes), the style, the strength."""

    truth: int
    reference: int
    strength: float


class SpeakTestSet:
    """Every test speaker says every test sentence in every emotion, the style taken from another speaker's clip.

    The strength curve is spoken by the target speakers, with the references of their full-strength samples.

    Args:
        roles: speakers to test, by role.
        emotions: what to speak; neutral first.
        sentences: how many test sentences, all when 0.
        speakers: how many speakers of each role, all when 0.
        reference_roles: whose clips serve as style references; the speaker's own only where nobody else has one.
        curve_emotion, curve_strengths, curve_sentences: the strength curve; no strengths, no curve.
        style_roles: whose test clips are embedded for the style probes.
        style_seconds: longest style reference, cut from the middle of the clip; None: whole clips.
        style_as: what of a clip counts, see `Request`; "label": no clip is heard, but the emotion's name.
        networks: fields of `OuterNetworks`, what a released voice hears through; its speakers are clips.
        seed: of the choice of references and of sampling.
    """

    resumable = False

    def __init__(
        self,
        roles: Sequence[str],
        emotions: Sequence[str],
        sentences: NonNegativeInt,
        speakers: NonNegativeInt,
        reference_roles: Sequence[str],
        curve_emotion: str,
        curve_strengths: Sequence[float],
        curve_sentences: NonNegativeInt,
        style_roles: Sequence[str],
        seed: int,
        style_seconds: float | None = None,
        style_as: str = "vector",
        networks: Mapping[str, Any] | None = None,
    ) -> None:
        self.networks = networks or {}
        self.roles, self.emotions, self.sentences, self.speakers = roles, emotions, sentences, speakers
        self.reference_roles, self.seed, self.style_roles = reference_roles, seed, style_roles
        self.curve_emotion, self.curve_strengths = curve_emotion, curve_strengths
        self.curve_sentences, self.style_seconds = curve_sentences, style_seconds
        self.style_as = style_as
        for name, chosen in (("roles", roles), ("emotions", emotions), ("reference_roles", reference_roles)):
            if not chosen:
                raise got(f"test_set.{name}", "an empty list", "at least one")
        if style_as not in (*STYLES_AS, LABEL):
            raise got("style_as", style_as, f"one of {', '.join((*STYLES_AS, LABEL))}")
        if style_seconds is not None and not style_seconds >= SHORTEST_REFERENCE:
            raise got("style_seconds", style_seconds, f"at least {SHORTEST_REFERENCE} s, or null for whole clips")
        for strength in curve_strengths:
            if not 0 <= strength <= MOST_STRENGTH:
                raise got("curve_strengths", strength, f"numbers from 0 to {MOST_STRENGTH}")

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Return what a corpus lacks: test utterances of every role, emotions, clips to take the style from."""
        found = []
        there = sorted({row.role for row in select(rows, self.roles, ["test"], self.emotions)})
        for role in self.roles:
            for lack in lacking(rows, [role], ["test"], self.emotions):
                without = f"{{key}}=[{','.join(r for r in self.roles if r in there)}]" if there else lack.remedy
                found.append(lack._replace(remedy=without))
        spoken = sorted({row.emotion for row in rows})
        if strange := [name for name in self.emotions if name not in spoken]:
            known = [name for name in self.emotions if name in spoken] or spoken
            what = f"no utterance with emotion {', '.join(strange)}"
            found.append(Lack(what, f"{{key}}=[{','.join(known)}]", "emotions"))
        if self.curve_strengths and self.curve_emotion not in spoken:
            what = f"no utterance with emotion {self.curve_emotion} for the strength curve"
            found.append(Lack(what, "{key}=[]", "curve_strengths"))
        for emotion in (name for name in self.emotions if name in spoken):
            tested = select(rows, self.roles, ["test"], [emotion])
            clips = select(rows, self.reference_roles, ["test", "valid"], [emotion])
            if tested and not (set(clips) - set(tested) or len(clips) > 1):
                more = larger_share(select(rows, self.reference_roles, emotions=[emotion]), "test")
                what = f"no second clip with emotion {emotion} in split test or valid to take the style from"
                found.append(Lack(what, more, "reference_roles"))
        return found

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Speak the samples: needs `features`, `bundle`; writes `samples.jsonl`, wavs, truth and style vectors."""
        store = FeatureStore(inputs["features"])
        synthesizer = Synthesizer(load_voice(inputs["bundle"] / "voice", networks=OuterNetworks(**self.networks)))
        prompted = synthesizer.voice.prompted
        cells = self._plan(store)
        for folder in ("wav", "truth"):
            (out / folder).mkdir()
        rows = [store.rows[c.truth] for c in cells]
        unknown = sorted({row.speaker for row in rows if prompted or row.role == "heldout"})
        tested = {c.truth for c in cells}
        seconds = PROMPT_SECONDS if prompted else (0.0, float("inf"))
        introductions = {name: self._introduction(store, name, tested, seconds) for name in unknown}
        self._write_truth(store, cells, introductions.values(), out)
        goes_on = synthesizer.voice.gpt.takes_prompt
        requests = [self._request(store, cell, introductions, goes_on, out) for cell in cells]
        requests = [
            supported_request(request, store.rows[cell.truth].emotion, synthesizer.voice, self.style_as == LABEL)
            for request, cell in zip(requests, cells, strict=True)
        ]
        lines = []
        for first in range(0, len(cells), TOGETHER):
            chosen = slice(first, first + TOGETHER)
            for cell, request, speech in zip(
                cells[chosen], requests[chosen], synthesizer.speak_all(requests[chosen]), strict=True
            ):
                lines.append(self._item(store, cell, request, speech, out))
            report.progress(min(first + TOGETHER, len(cells)), len(cells), "utterances")
        for i in range(0, len(cells), math.ceil(len(cells) / TIMED_ALONE)):
            lines[i]["alone_seconds"] = synthesizer.speak_all([requests[i]])[0].seconds
        (out / "samples.jsonl").write_text(
            "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8"
        )
        if synthesizer.voice.takes_style:
            self._style_vectors(store, synthesizer, out)

    def _plan(self, store: FeatureStore) -> list[PlannedSample]:
        spoken = sorted({row.emotion for row in store.rows})
        for key, names in (("emotions", self.emotions), ("curve_emotion", [self.curve_emotion])):
            for name in names:
                if name not in spoken and (key == "emotions" or self.curve_strengths):
                    raise got(key, name, f"one of the corpus' emotions: {', '.join(spoken)}")
        rng = np.random.default_rng(self.seed)
        references: dict[str, list[int]] = defaultdict(list)
        for i in store.select(["test", "valid"], self.reference_roles):
            references[store.rows[i].emotion].append(i)
        cells, curve = [], []
        for role in self.roles:
            for i in self._chosen(store, role):
                row = store.rows[i]
                others = [
                    r for r in references[row.emotion]
                    if store.rows[r].speaker != row.speaker and store.rows[r].text != row.text
                ] or [r for r in references[row.emotion] if store.rows[r].speaker != row.speaker]  # fmt: skip
                others = others or [r for r in references[row.emotion] if r != i]  # a corpus of one speaker
                if not others:
                    raise got(f"style references for {row.emotion}", "no other clip", "at least one")
                cells.append(PlannedSample(i, int(rng.choice(others)), 1.0))
                if role == "target" and row.emotion == self.curve_emotion:
                    curve.append(cells[-1])
        texts = sorted({store.rows[c.truth].text for c in curve})[: self.curve_sentences]
        for strength in self.curve_strengths:
            if strength != 1.0:
                cells += [
                    PlannedSample(c.truth, c.reference, strength) for c in curve if store.rows[c.truth].text in texts
                ]
        return cells

    def _chosen(self, store: FeatureStore, role: str) -> list[int]:
        rows = [i for i in store.select(["test"], [role]) if store.rows[i].emotion in self.emotions]
        speakers = sorted({store.rows[i].speaker for i in rows})[: self.speakers or None]
        texts = sorted({store.rows[i].text for i in rows})[: self.sentences or None]
        chosen = [i for i in rows if store.rows[i].speaker in speakers and store.rows[i].text in texts]
        if not chosen:
            raise got(f"test utterances of role {role}", "none", f"at least one with {', '.join(self.emotions)}")
        return chosen

    def _write_truth(self, store: FeatureStore, cells: Sequence[PlannedSample], more: Iterable[int], out: Path) -> None:
        needed = {i for cell in cells for i in (cell.truth, cell.reference)} | set(more)
        neutral = {_cell_key(store.rows[i], NEUTRAL) for i in needed}
        needed |= {
            i for i, row in enumerate(store.rows) if row.split == "test" and _cell_key(row, row.emotion) in neutral
        }
        rate = round(store.hop * store.frames_per_second)
        for i in needed:
            save_audio(out / "truth" / f"{plain_id(store.rows[i].id)}.flac", store.wav(i), rate)

    def _introduction(
        self, store: FeatureStore, speaker: str, tested: Collection[int], seconds: tuple[float, float]
    ) -> int:
        """The neutral clip, not shorter or longer than this, that introduces a speaker whom the voice does not know.

        The last of the sorted texts; a clip that is itself a truth of the test only where there is no other.
        """
        rows = [
            i
            for i, r in enumerate(store.rows)
            if r.speaker == speaker
            and r.emotion == NEUTRAL
            and seconds[0] <= r.frames / store.frames_per_second <= seconds[1]
        ]
        if not rows:
            wanted = "" if seconds[0] == 0 else f" of {seconds[0]:g} to {seconds[1]:g} s"
            raise got(f"neutral recordings of {speaker}", "none", f"one{wanted} to introduce the speaker with")
        return max(rows, key=lambda i: (i not in tested, store.rows[i].text, i))

    def _request(
        self, store: FeatureStore, cell: PlannedSample, introductions: Mapping[str, int], goes_on: bool, out: Path
    ) -> Request:
        row = store.rows[cell.truth]
        speaker: str | Path = row.speaker
        clip_text = language = None
        if row.speaker in introductions:
            clip = store.rows[introductions[row.speaker]]
            speaker = out / "truth" / f"{clip.id}.flac"
            clip_text, language = (clip.text, clip.language) if goes_on else (None, None)
        style = self._style_clip(store, cell.reference, out)
        seed = self.seed * 100_003 + cell.truth
        asked = Request(row.text, speaker, style, None, cell.strength, seed=seed, language=row.language,
                        speaker_text=clip_text, speaker_language=language)  # fmt: skip
        return asked if self.style_as == LABEL else replace(asked, style_as=self.style_as)

    def _style_clip(self, store: FeatureStore, row: int, out: Path) -> Path:
        """The whole clip among the truths, or its middle beside them."""
        name = f"{store.rows[row].id}.flac"
        if self.style_seconds is None:
            return out / "truth" / name
        rate = round(store.hop * store.frames_per_second)
        path, keep = out / "style" / name, round(self.style_seconds * rate)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            wav = store.wav(row)
            first = max(0, (len(wav) - keep) // 2)
            save_audio(path, wav[first : first + keep], rate)
        return path

    def _item(
        self, store: FeatureStore, cell: PlannedSample, request: Request, speech: Speech, out: Path
    ) -> dict[str, Any]:
        row, reference = store.rows[cell.truth], store.rows[cell.reference]
        name = f"{row.id}-{cell.strength:g}"
        wav = None
        if len(speech.wav):
            wav = f"wav/{name}.flac"
            save_audio(out / wav, speech.wav, speech.sample_rate)
        neutral = [r.id for r in store.rows if r.split == "test" and _cell_key(r, r.emotion) == _cell_key(row, NEUTRAL)]
        return {
            "id": name,
            "wav": wav,
            "text": row.text,
            "phones": list(row.phones),
            "language": row.language,
            "speaker": row.speaker,
            "role": row.role,
            "emotion": row.emotion,
            "strength": cell.strength,
            "speaker_reference": f"truth/{request.speaker.name}" if isinstance(request.speaker, Path) else None,
            "style_reference": str(self._style_clip(store, cell.reference, out).relative_to(out)),
            "style_speaker": reference.speaker,
            "truth": f"truth/{row.id}.flac",
            "truth_neutral": f"truth/{neutral[0]}.flac" if neutral else None,
            "seed": request.seed,
            "flags": list(speech.flags),
            "synthesis_seconds": speech.seconds,
            "audio_seconds": len(speech.wav) / speech.sample_rate,
        }

    @torch.no_grad()
    def _style_vectors(self, store: FeatureStore, synthesizer: Synthesizer, out: Path) -> None:
        """Style vectors of real test recordings, one by one: by SoVITS' reference encoder, else by the GPT's."""
        voice = synthesizer.voice
        model = voice.sovits if STYLE in style_conditions(voice.sovits) else voice.gpt
        rows = store.select(["test", "valid"], self.style_roles)
        vectors = []
        for i in rows:
            mels = stack_mels([store.mel(i)])
            vectors.append(model.style_encoder(mels.mel, mels.mask)[0].numpy())
        facts = [store.rows[i] for i in rows]
        np.savez(
            out / "style_vectors.npz",
            vectors=np.stack(vectors),
            speaker=np.array([r.speaker for r in facts]),
            emotion=np.array([r.emotion for r in facts]),
            text=np.array([r.text for r in facts]),
            level=np.array([level_dbfs(store.wav(i)) for i in rows]),
        )


def plain_id(name: str) -> str:
    """Return an utterance's id that is to become a file name.

    Raises:
        InputError: it would lead to another folder.
    """
    if name in ("", ".", "..") or any(sign in name for sign in "/\\\0"):
        raise got("utterance id", name, "a plain name: sounds are written under it")
    return name


def supported_request(request: Request, emotion: str, voice: LoadedVoice, by_label: bool = False) -> Request:
    """Return a request as its voice can be asked: by the clip, else (or where it shall be) by the label, else not at
    all.

    Raises:
        InputError: it shall be by the label, and the voice knows none.
    """
    if by_label:
        voice.require("emotion", "style_as", LABEL)
    elif "style" in voice.accepts:
        return request
    request = replace(request, style=None, style_as="vector")
    if "emotion" in voice.accepts:
        return replace(request, emotion=emotion)
    return replace(request, strength=1.0)


def _cell_key(row: Utterance, emotion: str) -> tuple[str, str, str]:
    return row.speaker, row.text, emotion
