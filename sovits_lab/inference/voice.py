"""A loaded voice bundle: its models and what it knows about speakers and emotions."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from sovits_lab.audio.baseline import Baseline
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.checkpoints.networks import ContentFeatures, SpeakerVectors, TextFeatures
from sovits_lab.conditioning.conditions import EMOTION, STYLE
from sovits_lab.conditioning.speaker import SpeakerEncoder
from sovits_lab.data.padding import Mels
from sovits_lab.inference.devices import CPU
from sovits_lab.inference.styles import NEUTRAL, Means, VoiceStyle
from sovits_lab.models.contracts import AcousticModel, SemanticModel
from sovits_lab.models.gpt.sampling import Sampler
from sovits_lab.models.sovits.mel_windows import Reference
from sovits_lab.text.frontend import Frontend
from sovits_lab.types import InputError, got


class ClipPrompt(NamedTuple):
    """What a generation goes on from: phones, their text features (None: zeros) and tokens of the speaker's clip."""

    phones: Int[Tensor, " P"]
    bert: Float[Tensor, "P F"] | None
    tokens: Int[Tensor, " S"]


@dataclass(frozen=True)
class Speaker:
    """Who speaks.

    Attributes:
        vector: the semantic model's speaker condition, [G]; empty for a model without one.
        baseline: how they speak when neutral; None for models that plan no prosody.
        acoustic: the acoustic model's speaker condition, where it is another vector.
        prompt: what the model of tokens goes on from, where it takes a prompt.
        opening: what the acoustic model goes on from, where it does (v3, v4).
    """

    vector: Tensor
    baseline: Baseline | None
    acoustic: Tensor | None = None
    prompt: ClipPrompt | None = None
    opening: Reference | None = None

    @property
    def acoustic_vector(self) -> Tensor:
        """The acoustic model's speaker condition."""
        return self.vector if self.acoustic is None else self.acoustic


@dataclass(frozen=True)
class LoadedVoice:
    """Models of either family with everything that feeds them.

    `accepts` are the controls that it was built and trained for, see `sovits_lab.models.accepts`; `emotions` the mean
    styles of labels; `spec` the frames in which clips are heard. The last three are networks that models of the
    released family hear through.
    """

    variant: str
    spec: AudioSpec
    frontend: Frontend
    symbols: Mapping[str, int]
    sampler: Sampler
    gpt: SemanticModel
    sovits: AcousticModel
    encoder: SpeakerEncoder | None
    speakers: Mapping[str, Speaker]
    emotions: Mapping[str, Means]
    accepts: tuple[str, ...]
    device: torch.device = CPU
    dtype: torch.dtype = torch.float32
    content: ContentFeatures | None = None
    bert: TextFeatures | None = None
    speaker_network: SpeakerVectors | None = None

    @property
    def sample_rate(self) -> int:
        """Hz of what is spoken."""
        return int(getattr(self.sovits, "spoken_rate", None) or self.clip_rate)

    @property
    def clip_rate(self) -> int:
        """Hz at which the acoustic model hears clips; v3 and v4 speak at another."""
        return self.sovits.sample_rate or self.spec.sample_rate

    @property
    def hop(self) -> int:
        """Samples of a frame of what is spoken."""
        return round(self.sample_rate / self.spec.frames_per_second)

    @property
    def prompted(self) -> bool:
        """Whether its speaker must be a clip: it goes on from one, or its bundle knows no speaker by name."""
        return self.gpt.takes_prompt or (self.sovits.speaks_from_clip and not self.speakers)

    def computing(self) -> AbstractContextManager[None]:
        """Return where networks run: without gradients, in the voice's precision."""
        stack = ExitStack()
        stack.enter_context(torch.no_grad())
        if self.dtype != torch.float32:
            stack.enter_context(torch.autocast(self.device.type, self.dtype))
        return stack  # type: ignore[return-value]

    def draws(self, seed: int) -> torch.Generator:
        """Return the random generator of one request, on the voice's device; the global one is never touched."""
        return torch.Generator(self.device).manual_seed(seed)

    def speaker_vector(self, mel: Float32[np.ndarray, "M L"]) -> Float[Tensor, " G"]:
        """Return the vector of who speaks in a clip, on the CPU; empty where there is no encoder to say."""
        if self.encoder is None:
            return torch.zeros(0)
        with self.computing():
            given = torch.from_numpy(mel)[None].to(self.device)
            mask = torch.ones(1, mel.shape[1], dtype=torch.bool, device=self.device)
            return kept(self.encoder(given, mask)[0])

    @property
    def takes_style(self) -> bool:
        """Whether a style reference changes anything."""
        return "style" in self.accepts

    @property
    def level_sensitive(self) -> bool:
        """Whether it matters how loud a style reference is."""
        encoders = self.gpt.style_encoder, self.sovits.style_encoder
        return any(one.takes_clips and one.level_sensitive for one in encoders)

    @property
    def labelled(self) -> bool:
        """Whether labels have vectors of their own, apart from the mean styles of their clips."""
        return any(EMOTION in model.conditions.widths for model in (self.gpt, self.sovits))

    @property
    def listed(self) -> str:
        """The controls that it accepts, in a row."""
        return ", ".join(self.accepts)

    def require(self, control: str, asked: str, value: object) -> None:
        """Refuse what was asked for by `asked` when the voice lacks the control.

        Raises:
            InputError: says what the voice accepts.
        """
        if control not in self.accepts:
            why = f": {LACKS[control]}" if control in LACKS else ""
            raise got(asked, value, f"none: this voice does not support {control}{why} (it accepts {self.listed})")

    def speaker(self, name: str) -> Speaker:
        """Return a training speaker by name.

        Raises:
            InputError: no such speaker.
        """
        if name not in self.speakers:
            raise unknown("speaker", name, self.speakers, "an audio file or ")
        return self.speakers[name]

    @property
    def neutral(self) -> VoiceStyle:
        """The style of a request that says nothing; empty for models without a style condition."""
        return self.emotion(NEUTRAL) if self.emotions else VoiceStyle({}, {})

    def emotion(self, label: str) -> VoiceStyle:
        """Return what an emotion label means, or raise an InputError where there is no such label."""
        return self.mixture({label: 1.0})

    def mixture(self, weights: Mapping[str, float]) -> VoiceStyle:
        """Return the weighted mean of emotions: their mean styles and their learned vectors, whichever the models know.

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
        return VoiceStyle(self._mixed(self.gpt, "gpt", shares), self._mixed(self.sovits, "sovits", shares))

    def _mixed(self, model: SemanticModel | AcousticModel, part: str, shares: Mapping[str, float]) -> dict[str, Tensor]:
        style = torch.stack([share * getattr(self.emotions[label], part) for label, share in shares.items()]).sum(0)
        with torch.no_grad():
            learned = {EMOTION: kept(model.labels.mixture(shares))} if EMOTION in model.conditions.widths else {}
        return {STYLE: style, **learned}

    def nearest(self, style: VoiceStyle) -> str:
        """Find the emotion whose mean styles lie nearest, over the models that hear styles, each on its means' scale.

        A nearest-mean classifier (prototypes of Snell et al. 2017, with one prototype an emotion and no temperature).
        """
        labels = sorted(self.emotions)
        total = torch.zeros(len(labels))
        for part, vectors in (("gpt", style.gpt), ("sovits", style.sovits)):
            means = torch.stack([getattr(self.emotions[label], part) for label in labels])
            spread = (means - means.mean(0)).square().sum(1).mean()
            if spread > 0:  # of a model that hears none there is nothing to tell
                total += (means - vectors[STYLE]).square().sum(1) / spread
        return labels[int(total.argmin())]

    def clips(self, mels: Mels, emotion: VoiceStyle | None = None) -> VoiceStyle:
        """Return the style of one or several clips, with the label's vector of `emotion`, or its learned null.

        Raises:
            InputError: no emotion for a voice that was never without.
        """
        return VoiceStyle(
            self._style_conditions(self.gpt, mels, emotion.gpt if emotion else None),
            self._style_conditions(self.sovits, mels, emotion.sovits if emotion else None),
        )

    def _style_conditions(
        self, model: SemanticModel | AcousticModel, mels: Mels, label: Mapping[str, Tensor] | None
    ) -> dict[str, Tensor]:
        with self.computing():
            style = model.style_encoder.several(mels.mel[None].to(self.device), mels.mask[None].to(self.device))[0]
        vectors = {STYLE: kept(style)}
        if EMOTION not in model.conditions.widths:
            return vectors
        if label is None and EMOTION not in model.conditions.null:
            raise got("emotion", "none", "a label beside the style: this voice was trained with emotion.dropout=0")
        return {**vectors, EMOTION: kept(model.conditions.null[EMOTION]) if label is None else label[EMOTION]}


def kept(vector: Tensor) -> Tensor:
    """Return a vector between requests: float32 on the CPU, where strength and mixes are computed."""
    return vector.detach().float().cpu()


WITHOUT_EMOTION = "trained without a reference encoder or labels; adapters= brings them to a released model"
# Control -> why a voice may lack it.
LACKS = {
    "style": "trained without a reference encoder; adapters= brings one to a released model",
    "emotion": WITHOUT_EMOTION,
    "strength": WITHOUT_EMOTION,
    "mix": WITHOUT_EMOTION,
    "guidance": "it needs training with emotion.dropout above 0",
    "f0": "its head makes its own F0",
    "energy": "its head makes its own energy",
}


def unknown(what: str, name: str, names: Collection[str], more: str = "") -> InputError:
    """Return the error for a name that is none of `names`, with the nearest."""
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return got(what, name, f"{more}one of {', '.join(sorted(names))}{hint}")
