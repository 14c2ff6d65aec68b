"""A loaded voice bundle: its models and what it knows about speakers and emotions."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from sovits_lab.audio.baseline import Baseline
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.checkpoints.bundle import build, load_parts, read_facts
from sovits_lab.conditioning.conditions import EMOTION, STYLE
from sovits_lab.conditioning.speaker import SpeakerEncoder
from sovits_lab.models.accepts import accepted
from sovits_lab.models.gpt.sampling import Sampler
from sovits_lab.models.gpt.semantic import SemanticGpt
from sovits_lab.models.sovits.acoustic import SoVits
from sovits_lab.text.frontend import Frontend
from sovits_lab.types import InputError, got

CPU = torch.device("cpu")
NEEDS = ("variant", "models", "audio", "frontend", "symbols", "sampling", "speakers", "emotions")


@dataclass(frozen=True)
class Speaker:
    """Who speaks: unit vector [G], and how when neutral."""

    vector: Tensor
    baseline: Baseline


class Means(NamedTuple):
    """Mean style vectors of an emotion's clips, of the reference encoder of each model."""

    gpt: Tensor
    sovits: Tensor


@dataclass(frozen=True)
class Style:
    """How it is spoken, by the name of the condition: vectors [G] for the tokens (rhythm) and for the sound (pitch,
    level, timbre). Every condition that a model knows has one; where nothing was said, its learned null."""

    gpt: Mapping[str, Tensor]
    sovits: Mapping[str, Tensor]

    def towards(self, other: Style, share: float) -> Style:
        """`self + share (other - self)`: 0 is self, 1 is other, more than 1 exaggerates."""
        return Style(_lerp(self.gpt, other.gpt, share), _lerp(self.sovits, other.sovits, share))


def _lerp(a: Mapping[str, Tensor], b: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    return {name: torch.lerp(a[name], b[name], share) for name in a}


@dataclass(frozen=True)
class Manner:
    """A style and how much of it: from neutral (strength 0) to the style itself (1) and beyond."""

    neutral: Style
    full: Style
    strength: float = 1.0

    @property
    def style(self) -> Style:
        """The place between the two, or beyond."""
        return self.full if self.strength == 1 else self.neutral.towards(self.full, self.strength)


@dataclass(frozen=True)
class Voice:
    """Everything in a bundle of kind "voice".

    `accepts` are the controls that it was built and trained for, see `sovits_lab.models.accepts`; `emotions` the mean
    styles of labels.
    """

    variant: str
    spec: AudioSpec
    frontend: Frontend
    symbols: Mapping[str, int]
    sampler: Sampler
    gpt: SemanticGpt
    sovits: SoVits
    encoder: SpeakerEncoder
    speakers: Mapping[str, Speaker]
    emotions: Mapping[str, Means]
    accepts: tuple[str, ...]
    device: torch.device = CPU
    dtype: torch.dtype = torch.float32

    def computing(self) -> AbstractContextManager[None]:
        """Where networks run: without gradients, in the voice's precision."""
        stack = ExitStack()
        stack.enter_context(torch.no_grad())
        if self.dtype != torch.float32:
            stack.enter_context(torch.autocast(self.device.type, self.dtype))
        return stack  # type: ignore[return-value]

    def draws(self, seed: int) -> torch.Generator:
        """Randomness of one request, on the voice's device; the global generator is never touched."""
        return torch.Generator(self.device).manual_seed(seed)

    def speaker_vector(self, mel: Float32[np.ndarray, "M L"]) -> Float[Tensor, " G"]:
        """Who speaks in a clip, on the CPU."""
        with self.computing():
            given = torch.from_numpy(mel)[None].to(self.device)
            mask = torch.ones(1, mel.shape[1], dtype=torch.bool, device=self.device)
            return _kept(self.encoder(given, mask)[0])

    @property
    def hears(self) -> bool:
        """Whether a style reference changes anything."""
        return "style" in self.accepts

    @property
    def hears_level(self) -> bool:
        """Whether it matters how loud a style reference is."""
        return any(model.reference.hears and model.reference.hears_level for model in (self.gpt, self.sovits))

    @property
    def labelled(self) -> bool:
        """Whether labels have vectors of their own, apart from the mean styles of their clips."""
        return any(EMOTION in model.conditions.widths for model in (self.gpt, self.sovits))

    def require(self, control: str, asked: str, value: object) -> None:
        """Refuse what was asked for by `asked` when the voice lacks the control.

        Raises:
            InputError: says what the voice accepts.
        """
        if control not in self.accepts:
            why = LACKS.get(control, "")
            raise got(asked, value, f"none: this voice accepts {', '.join(self.accepts)}{why}")

    def speaker(self, name: str) -> Speaker:
        """A training speaker by name.

        Raises:
            InputError: no such speaker.
        """
        if name not in self.speakers:
            raise unknown("speaker", name, self.speakers, "an audio file or ")
        return self.speakers[name]

    def emotion(self, label: str) -> Style:
        """What an emotion label means. Raises InputError: no such label."""
        return self.mixture({label: 1.0})

    def mixture(self, weights: Mapping[str, float]) -> Style:
        """The weighted mean of emotions: their mean styles and their learned vectors, whichever the models know.

        Only proportions count: a mix says which emotion, strength says how much.

        Raises:
            InputError: no such label, a weight below 0, none above 0.
        """
        for label, weight in weights.items():
            if label not in self.emotions:
                raise unknown("emotion", label, self.emotions)
            if not 0 <= weight < float("inf"):
                raise got(f"emotion weight of {label}", weight, "0 or more")
        if not any(weights.values()):
            raise got("emotion", "a mix of nothing", f"weights of {', '.join(sorted(self.emotions))}")
        total = sum(weights.values())
        if total == float("inf"):
            raise got("emotion", "weights without a finite sum", "numbers of any common scale")
        shares = {label: weight / total for label, weight in weights.items()}
        return Style(self._mixed(self.gpt, "gpt", shares), self._mixed(self.sovits, "sovits", shares))

    def _mixed(self, model: SemanticGpt | SoVits, part: str, shares: Mapping[str, float]) -> dict[str, Tensor]:
        style = torch.stack([share * getattr(self.emotions[label], part) for label, share in shares.items()]).sum(0)
        with torch.no_grad():
            learned = {EMOTION: _kept(model.labels.mixture(shares))} if EMOTION in model.conditions.widths else {}
        return {STYLE: style, **learned}

    def nearest(self, style: Style) -> str:
        """The emotion whose mean styles lie nearest, over the models that hear styles, each on the scale of its means.

        A nearest-mean classifier (prototypes of Snell et al. 2017, with one prototype an emotion and no temperature).
        """
        labels = sorted(self.emotions)
        total = torch.zeros(len(labels))
        for part, heard in (("gpt", style.gpt), ("sovits", style.sovits)):
            means = torch.stack([getattr(self.emotions[label], part) for label in labels])
            spread = (means - means.mean(0)).square().sum(1).mean()
            if spread > 0:  # of a model that hears none there is nothing to tell
                total += (means - heard[STYLE]).square().sum(1) / spread
        return labels[int(total.argmin())]

    def clips(self, mels: Float[Tensor, "R M L"], mask: Bool[Tensor, "R L"], emotion: Style | None = None) -> Style:
        """The style of one or several clips, with the label's vector of `emotion`, or its learned null.

        Raises:
            InputError: no emotion for a voice that was never without.
        """
        return Style(
            self._heard(self.gpt, mels, mask, emotion.gpt if emotion else None),
            self._heard(self.sovits, mels, mask, emotion.sovits if emotion else None),
        )

    def _heard(
        self, model: SemanticGpt | SoVits, mels: Tensor, mask: Tensor, label: Mapping[str, Tensor] | None
    ) -> dict[str, Tensor]:
        with self.computing():
            heard = model.reference.several(mels[None].to(self.device), mask[None].to(self.device))[0]
        vectors = {STYLE: _kept(heard)}
        if EMOTION not in model.conditions.widths:
            return vectors
        if label is None and EMOTION not in model.conditions.null:
            raise got("emotion", "none", "a label beside the style: this voice was trained with emotion.dropout=0")
        return {**vectors, EMOTION: _kept(model.conditions.null[EMOTION]) if label is None else label[EMOTION]}


def _kept(vector: Tensor) -> Tensor:
    """A vector between requests: float32 on the CPU, where strength and mixes are computed."""
    return vector.detach().float().cpu()


# Control -> why a voice may lack it.
LACKS = {
    "style": "; it was trained without a reference encoder",
    "emotion": "; it was trained without a reference encoder or labels",
    "strength": "; it was trained without a reference encoder or labels",
    "mix": "; it was trained without a reference encoder or labels",
    "guidance": "; guidance needs training with emotion.dropout above 0",
    "f0": "; its head makes its own F0",
}


def unknown(what: str, name: str, names: Collection[str], more: str = "") -> InputError:
    """The error for a name that is none of `names`, with the nearest."""
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return got(what, name, f"{more}one of {', '.join(sorted(names))}{hint}")


PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def device_of(device: str | torch.device | None) -> torch.device:
    """The device of a name; None is the CPU.

    Raises:
        InputError: no such device, or none on this machine.
    """
    try:
        made = torch.device("cpu" if device is None else device)
    except (RuntimeError, TypeError) as error:
        raise got("device", device, "cpu, cuda, cuda:1, mps or another of torch's names") from error
    if made.type == "cuda" and not (torch.cuda.is_available() and (made.index or 0) < torch.cuda.device_count()):
        raise got("device", str(device), f"one of this machine: cpu, and {torch.cuda.device_count()} of cuda")
    if made.type == "mps" and not torch.backends.mps.is_available():
        raise got("device", str(device), "one of this machine, which has no mps")
    return made


def dtype_of(dtype: str | torch.dtype | None) -> torch.dtype:
    """The precision of a name; None is float32. Raises InputError: no such precision."""
    if dtype is None or dtype in PRECISIONS.values():
        return torch.float32 if dtype is None else dtype  # type: ignore[return-value]
    if dtype not in PRECISIONS:
        raise got("dtype", str(dtype), f"one of {', '.join(PRECISIONS)}")
    return PRECISIONS[dtype]  # type: ignore[index]


def load_voice(folder: Path, device: str | torch.device | None = None, dtype: str | torch.dtype | None = None) -> Voice:
    """Read a bundle of kind "voice", or a run folder that holds one under `bundle`.

    Args:
        folder: of the bundle or the run.
        device: where the networks run; None is the CPU.
        dtype: in which precision, by autocast; None is float32.

    Raises:
        InputError: see `sovits_lab.checkpoints.bundle`; a device that this machine lacks.
    """
    place, precision = device_of(device), dtype_of(dtype)
    folder = folder / "bundle" if (folder / "bundle" / "bundle.json").is_file() else folder
    facts = read_facts(folder, "voice", NEEDS)
    try:
        modules = {part: build(node) for part, node in facts["models"].items()}
    except InputError as error:  # of another version, or changed by hand
        raise InputError(f"bundle {folder}: no models of this version ({error})") from error
    load_parts(folder, modules)
    for module in modules.values():
        module.eval().requires_grad_(False).to(place)
    styles = facts["emotions"]
    return Voice(
        variant=facts["variant"],
        spec=build(facts["audio"]),
        frontend=build(facts["frontend"]),
        symbols={name: i for i, name in enumerate(facts["symbols"])},
        sampler=build(facts["sampling"]),
        gpt=modules["gpt"],
        sovits=modules["sovits"],
        encoder=modules["speaker"],
        speakers={
            name: Speaker(torch.tensor(s["vector"]), Baseline(*s["baseline"])) for name, s in facts["speakers"].items()
        },
        emotions={
            label: Means(torch.tensor(styles["gpt"][label]), torch.tensor(styles["sovits"][label]))
            for label in styles["gpt"]
        },
        accepts=tuple(facts.get("accepts") or accepted(modules["gpt"], modules["sovits"])),  # older bundles: derived
        device=place,
        dtype=precision,
    )
