"""The two contracts of every model family: tokens from text, and a waveform from tokens.

Our own models and the released GPT-SoVITS family meet the same contracts. *Speaker* and *style* are separate from end
to end: `conditions[SPEAKER]` is what `AcousticModel.speaker` makes of the speaker's clip or vector (a model of tokens
takes the vector itself), `conditions[STYLE]` is what `style_encoder` makes of the style clip's mel. A model knows only
the conditions in `conditions.widths`; see `conditions_of`.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sovits_lab.conditioning.conditions import EMOTION, SPEAKER, STYLE, Condition, Conditioner, Conditions, given
from sovits_lab.conditioning.labels import LabelEmbedding, NoLabels
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.models.heads.contract import Prosody


class Prompt(NamedTuple):
    """A clip that a generation goes on from: its phones (with BERT features) and its tokens, right-padded."""

    phones: Int[Tensor, "B Q"]
    phone_mask: Bool[Tensor, "B Q"]
    tokens: Int[Tensor, "B Y"]
    token_mask: Bool[Tensor, "B Y"]
    bert: Float[Tensor, "B Q F"] | None = None


@runtime_checkable
class SemanticPrefix(Protocol):
    """What opens a sequence of tokens, already embedded."""

    @property
    def expected(self) -> Float[Tensor, " B"] | None:
        """The token at which each row's last phone is expected; None for a model without durations."""

    @property
    def spoken(self) -> Int[Tensor, "B Y"]:
        """Tokens of the prompt, -1 where there is none; a repetition penalty counts them."""


class Decoding(Protocol):
    """A generation under way. Rows can leave it."""

    logits: Float[Tensor, "B K"]  # of the next token of each row; the last column is the end of speech

    def step(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B K"]:
        """Append one token to each row; returns the new `logits`."""

    def keep(self, rows: Int[Tensor, " R"]) -> None:
        """Go on with these rows alone."""


@dataclass(frozen=True)
class Bounds:
    """When generated speech ends, and when it is no speech.

    Attributes:
        least: tokens per phone below which a sequence that ended is flagged "truncated".
        most: tokens per phone at which a row is cut and flagged "runaway".
        margin: tokens allowed beyond `most`, for very short texts.
        early: no row ends before this share of the way to where its last phone is expected: sampled often, the end
            comes up in some pause. Of no effect on a model without durations.
        banned_steps: first tokens that cannot be the end.
        on_argmax: end also where the end has the largest logit after the repetition penalty, whatever was drawn.
        max_tokens: hard bound; None is the model's own.
    """

    least: float = 0.5
    most: float = 8.0
    margin: int = 25
    early: float = 0.75
    banned_steps: int = 0
    on_argmax: bool = False
    max_tokens: int | None = None


@dataclass(frozen=True)
class Corruption:
    """How the inputs and targets of teacher forcing are changed, a pure function of `seed` and the batch's step.

    Attributes:
        noise: share of input tokens replaced at random, against exposure bias.
        tempo_noise: spread of the errors added to the log durations that place the phones.
        label_smoothing: of the next-token loss.
        seed: of the changes.
    """

    noise: float = 0.0
    tempo_noise: float = 0.0
    label_smoothing: float = 0.0
    seed: int = 0


class SpokenBatch(Protocol):
    """What losses read of a batch of utterances, see `sovits_lab.data.batches.SpeechBatch`."""

    @property
    def step(self) -> int: ...
    @property
    def tokens(self) -> Int[Tensor, "B S"]: ...
    @property
    def token_mask(self) -> Bool[Tensor, "B S"]: ...
    @property
    def phones(self) -> Int[Tensor, "B P"]: ...
    @property
    def phone_mask(self) -> Bool[Tensor, "B P"]: ...
    @property
    def place(self) -> Int[Tensor, "B L"]: ...
    @property
    def mel(self) -> Float[Tensor, "B M L"]: ...
    @property
    def mask(self) -> Bool[Tensor, "B L"]: ...
    @property
    def f0(self) -> Float[Tensor, "B L"]: ...
    @property
    def wav(self) -> Float[Tensor, "B T"]: ...
    @property
    def baseline(self) -> Float[Tensor, "B 4"]: ...
    @property
    def speaker_vector(self) -> Float[Tensor, "B V"]: ...
    @property
    def bert(self) -> Float[Tensor, "B P F"] | None: ...
    @property
    def content(self) -> Float[Tensor, "B C L"] | None: ...
    @property
    def voice(self) -> Float[Tensor, "B U"] | None: ...
    @property
    def voice_mask(self) -> Bool[Tensor, "B R"] | None: ...


class DataSizes(NamedTuple):
    """What only the data know of a model's sizes: tokens (without the end), phones, width of a speaker vector (0:
    there is none), names of emotion labels."""

    codes: int
    phones: int
    speaker: int
    emotions: tuple[str, ...] = ()


Build = Callable[[Mapping[str, Any]], Any]  # node of a slot -> the slot


def with_labels(node: Mapping[str, Any], sizes: DataSizes) -> dict[str, Any]:
    """Return a model's node whose labels, where it has any, are those of the data."""
    labels = node.get("labels")
    return {**node, "labels": {**labels, "labels": list(sizes.emotions)}} if labels else dict(node)


def filled(node: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return a slot's node with those known values that its class takes and the node leaves open."""
    module, _, name = str(node["_target_"]).rpartition(".")
    wanted = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    return {**{k: v for k, v in known.items() if k in wanted}, **{k: v for k, v in node.items() if v is not None}}


@runtime_checkable
class Conditioned(Protocol):
    """What both contracts share: conditions for who speaks and how."""

    @staticmethod
    def sized(node: Mapping[str, Any], sizes: DataSizes, build: Build) -> dict[str, Any]:
        """Return a node of the model with what only the data know; `build` makes slots whose widths must be asked."""

    @property
    def style_encoder(self) -> ReferenceEncoder:
        """Mel of a style clip -> style vector; `hears` is False where the model takes no style."""

    @property
    def labels(self) -> LabelEmbedding | NoLabels:
        """Vectors of emotion labels."""

    @property
    def conditions(self) -> Conditioner:
        """Which conditions the model knows (`widths`), and which of its parts take the style (`style_sites`)."""


@runtime_checkable
class SemanticModel(Conditioned, Protocol):
    """Phones (+ BERT features, + a prompt) and conditions -> semantic tokens at 25 Hz.

    `codes` tokens are numbered from 0, `end` (equal to `codes`) is the end of speech.
    """

    own_losses: ClassVar[tuple[str, ...]]  # names of what `losses` returns
    codes: int
    end: int
    max_tokens: int  # longest sequence that can be generated
    bert_channels: int  # width of the BERT features; 0: it takes none
    takes_prompt: bool
    bounds: Bounds  # with which the model is used unless something else is asked for

    def prefix(
        self,
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        conditions: Conditions,
        durations: Float[Tensor, "B P"] | None = None,
        prompt: Prompt | None = None,
        bert: Float[Tensor, "B P F"] | None = None,
    ) -> SemanticPrefix:
        """Embed what opens the sequence; `durations` (tokens of each phone) are of models that predict them."""

    def open(self, prefix: Any, steps: int) -> Decoding:
        """Run the prefix; returns a decoding with room for `steps` tokens and the logits of the first."""

    def losses(self, batch: SpokenBatch, conditions: Conditions, corruption: Corruption) -> dict[str, Tensor]:
        """Compute one named loss for each of `own_losses` by teacher forcing."""


@runtime_checkable
class AcousticPlan(Protocol):
    """A synthesis before its waveform."""

    @property
    def frames(self) -> int:
        """Number of latent frames (50 Hz)."""

    def lasting(self, frames: int) -> AcousticPlan:
        """Return the same speech in so many frames."""

    def prosody(self, baseline: Float[Tensor, "B 4"]) -> Prosody | None:
        """Return the planned F0 and energy for speakers with these baselines; None where the head makes its own."""


class Rendered(NamedTuple):
    """A waveform, and the prosody that the head was given (None where it makes its own)."""

    wav: Float[Tensor, "B T"]
    prosody: Prosody | None


class Streamed(NamedTuple):
    """The newest piece of a waveform, and its frames, whose tail the next piece is cross-faded with."""

    wav: Float[Tensor, "B T"]
    frames: Float[Tensor, "B D L"]


class Slicing(NamedTuple):
    """How a training pass of an acoustic model chooses what it decodes.

    `size` frames of each utterance; from the step `prior_start_step` on a share `prior_fraction` of the rows comes from
    the prior; the weight of `kl` rises over `kl_warmup` steps.
    """

    size: int
    prior_fraction: float = 0.0
    prior_start_step: int = 0
    kl_warmup: int = 0
    seed: int = 0

    def kl_rise(self, step: int) -> float:
        """Return the share of the weight of `kl` at a step."""
        return min(1.0, (step + 1) / max(1, self.kl_warmup))

    def prior_rows(self, step: int, rows: int) -> int:
        """Return how many rows of a batch are decoded from the prior."""
        return round(self.prior_fraction * rows) if step >= self.prior_start_step else 0


class AcousticLosses(NamedTuple):
    """Named losses without the adversarial terms, and the slices that a discriminator judges."""

    losses: dict[str, Tensor]
    real: Float[Tensor, "B T"]
    fake: Float[Tensor, "B T"]


@runtime_checkable
class AcousticModel(Conditioned, Protocol):
    """Tokens, phones and conditions -> a waveform."""

    own_losses: ClassVar[tuple[str, ...]]  # names of the losses of `training_pass`
    sample_rate: int | None  # Hz of the audio that it is made for; None: whatever its head was built for
    speaks_from_clip: bool  # `speaker` needs a clip of the speaker; False: the speaker vector is all
    takes_vector: bool  # `speaker` needs the speaker vector
    explicit_prosody: bool  # `render` takes F0 and energy

    def speaker(
        self, wav: Float[Tensor, "B T"] | None, mask: Bool[Tensor, "B L"] | None, vector: Float[Tensor, "B V"] | None
    ) -> Float[Tensor, "B G"]:
        """Return the speaker condition of clips (at `sample_rate`, real frames in `mask`) and speaker network vectors.
        Clips of one speaker are averaged by the mean of these.
        """

    def training_pass(
        self, batch: SpokenBatch, conditions: Conditions, slicing: Slicing, reconstruction: nn.Module | None
    ) -> AcousticLosses:
        """Compute the losses of a batch; `reconstruction` is the distance of two waveforms, None the model's own."""

    def plan(
        self,
        tokens: Int[Tensor, "B S"],
        mask: Bool[Tensor, "B L"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        conditions: Conditions,
        noise: float | None = None,
        rate: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Any:
        """Return everything that is decided before the head, an `AcousticPlan`.

        Args:
            mask: real frames, two for each token.
            noise: standard deviations of the prior to sample with; None is the model's own.
            generator: of the noise; None is torch's global one.
            rate: speed; 2 is half as long.
        """

    def render(
        self,
        planned: Any,
        mask: Bool[Tensor, "B L"] | None,
        prosody: Prosody | None,
        generator: torch.Generator | None = None,
    ) -> Rendered:
        """Render a plan, silent past each row's end, with the prosody if the head takes one; no mask, no padding."""


@runtime_checkable
class StreamingModel(AcousticModel, Protocol):
    """An acoustic model that also decodes tokens whose successors are not known yet.

    Ours do not: they need to know where a frame stands in the whole utterance.
    """

    def stream(
        self,
        tokens: Int[Tensor, "B S"],
        phones: Int[Tensor, "B P"],
        conditions: Conditions,
        keep_last: int | None = None,
        drop_last: int = 0,
        overlap: Float[Tensor, "B D O"] | None = None,
        noise: float | None = None,
        rate: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Streamed:
        """Decode all tokens so far, return the newest.

        Args:
            keep_last: tokens whose frames are returned; None for all.
            drop_last: tokens of look-ahead at the end whose frames are not returned.
            overlap: last frames of the piece before, cross-faded into the first of this one.
        """


def conditions_of(
    model: Conditioned,
    speaker: Float[Tensor, "B G"] | None,
    style: Float[Tensor, "B Y"] | None,
    emotion: Int[Tensor, " B"] | None = None,
) -> dict[str, Condition]:
    """Select those of these conditions that a model knows; `emotion` are ids of labels."""
    values = {SPEAKER: speaker, STYLE: style, EMOTION: None if emotion is None else model.labels(emotion)}
    return given(**{k: v for k, v in values.items() if v is not None and k in model.conditions.widths})


def no_tokens(rows: int, device: torch.device) -> Int[Tensor, "B 0"]:
    """Return `SemanticPrefix.spoken` of a model that was given no prompt."""
    return torch.zeros(rows, 0, dtype=torch.long, device=device)
