"""v3 and v4: prior, condition network, a flow from noise to mel, and a vocoder, behind the family's one contract."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sovits_lab.audio.overlap_join import overlap_joined
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.torch_resample import resampled
from sovits_lab.audio.upstream import SPEC_32K, denormalised, log_mel_matched, normalised
from sovits_lab.conditioning.conditions import SPEAKER, Conditions, StyleSites, without
from sovits_lab.conditioning.labels import LabelEmbedding, NoLabels
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.models.contracts import AcousticLosses, Rendered, Slicing, SpokenBatch
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.sovits.condition_network import ConditionNetwork
from sovits_lab.models.sovits.flow_matching import FlowMatching, Guidance, TrainingShares
from sovits_lab.models.sovits.mel_plan import MatchedConditions, MelPlan, SpokenClip
from sovits_lab.models.sovits.mel_windows import Reference, WindowSizes, batched_pieces, continued, reference_of, spans
from sovits_lab.models.sovits.prior_mrte import MrtePrior, stretch
from sovits_lab.models.sovits.reference import StyleReference
from sovits_lab.models.sovits.released_synthesizer import ReleasedSynthesizer
from sovits_lab.models.sovits.solvers import EulerShortcut, FlowSolver
from sovits_lab.quantization.vector import VectorQuantizer

SEEDS_APART = 1_000_003  # between two training steps
Noise = Callable[[int], Tensor]  # frames -> standard normal values of a call, `B M L`


class FlowContrast(NamedTuple):
    """What guidance leads away from: features and modulation without a style, and how far."""

    features: Float[Tensor, "B C N"]
    field: Float[Tensor, "B D"] | None
    rate: float


class FlowFeatures(NamedTuple):
    """What the flow follows: condition features, which are real, the style, and what guidance leads away from."""

    features: Float[Tensor, "B C N"]
    mask: Bool[Tensor, "B N"]
    field: Float[Tensor, "B D"] | None
    contrast: FlowContrast | None


class RenderedPiece(NamedTuple):
    """A piece of a waveform, and how many mel frames are still to come."""

    wav: Float[Tensor, "1 T"]
    left: int


class JoinedSentences(NamedTuple):
    """Sentences that were made side by side, and by how many samples each later piece was moved."""

    wavs: list[Float[Tensor, " T"]]
    shifts: tuple[int, ...]


class MatchingSynthesizer(ReleasedSynthesizer):
    """Semantic tokens + phones + a clip of the speaker -> mel -> waveform.

    The speaker is the voice vector of a clip; an opening (a clip whose text and tokens are known) is continued by the
    flow and carries most of the voice. The style condition is projected and added to the voice vector, and to the
    modulation of the velocity field. The projections start at zero, so a released model with them gives the same bits.

    Args:
        content, quantizer, reference, prior: as in `VitsSynthesizer`.
        network: prior frames -> condition features at the mel's rate.
        flow: noise -> normalised mel.
        head: vocoder, log-mel -> waveform.
        mel: fields of the mel's `AudioSpec`.
        windows: frames of the reference, of a call and of the overlap, see `WindowSizes`.
        solver: how the flow is integrated.
        token_frames: frames of the prior for each token.
        prompt_share: largest share of an utterance that is given as its own prompt in training; 0 for none.
        shortcut_share: share of training batches that learn shortcuts.
        style_encoder, labels, style_sites: as in `VitsSynthesizer`.
    """

    own_losses: ClassVar[tuple[str, ...]] = ("mel",)
    # The velocity field makes what a head makes elsewhere.
    sites: ClassVar = {"prior": ("prosody", "latents"), "network": ("flow",), "field": ("head",)}
    sample_rate: int | None = SPEC_32K.sample_rate  # of clips; `spoken_rate` is that of what it says
    speaks_from_clip, explicit_prosody = True, False
    prior: MrtePrior
    network: ConditionNetwork
    flow: FlowMatching

    def __init__(
        self,
        content: nn.Module,
        quantizer: VectorQuantizer,
        reference: StyleReference,
        prior: MrtePrior,
        network: ConditionNetwork,
        flow: FlowMatching,
        head: nn.Module,
        mel: AudioSpec,
        windows: tuple[int, int, int] = (468, 934, 12),
        solver: FlowSolver | None = None,
        token_frames: int = 2,
        prompt_share: float = 2 / 3,
        shortcut_share: float = 0.3,
        style_encoder: ReferenceEncoder | None = None,
        labels: LabelEmbedding | NoLabels | None = None,
        style_sites: StyleSites | None = None,
    ) -> None:
        super().__init__()
        self.content, self.quantizer, self.reference, self.prior = content, quantizer, reference, prior
        self.network, self.flow, self.head = network, flow, head
        self.unused_mel = nn.Conv1d(network.channels, flow.estimator.mels, 1)  # in every released file, never called
        self.mel_spec, self.to_mel = mel, log_mel_matched(mel)
        self.windows, self.solver = WindowSizes(*windows), solver or EulerShortcut(8)
        self.token_frames, self.training_shares = token_frames, TrainingShares(prompt_share, shortcut_share)
        widths = {"prior": reference.text_channels, "network": reference.channels, "field": flow.estimator.width}
        self._open_style_slot(style_encoder, labels, style_sites, widths)

    @property
    def spoken_rate(self) -> int:
        """Hz of the waveforms that it makes."""
        return round(50 * self.network.upsampling * int(self.head.samples_per_frame))  # type: ignore[arg-type]

    def part_conditions(self, conditions: Conditions) -> MatchedConditions:
        """Return the vector of each part."""
        filled = self.conditions(conditions)
        voice = filled[SPEAKER]
        vectors = self._styled({"prior": self.reference.text(voice), "network": voice, "field": None}, filled)
        return MatchedConditions(**vectors)

    def plain(self, conditions: Conditions) -> MatchedConditions:
        """Return the vectors of the speaker without any style: what guidance leads away from.

        Where styles were withheld in training, what was learned of their absence; else the model beside its slot.
        """
        if withheld := [name for name in self.conditions.rates if name != SPEAKER]:
            return self.part_conditions(without(conditions, *withheld))
        voice = self.conditions(conditions)[SPEAKER]
        return MatchedConditions(self.reference.text(voice), voice, None)

    def encoded(
        self,
        tokens: Int[Tensor, "B S"],
        mask: Bool[Tensor, "B L"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        vectors: MatchedConditions,
        rate: float = 1.0,
    ) -> tuple[Float[Tensor, "B D N"], Bool[Tensor, "B N"]]:
        """Return frames of the prior's encoder at 50 Hz, stretched, and which are real."""
        frames = self.prior.encode(self.quantized(tokens), mask, phones, phone_mask, vectors.prior)
        return stretch(frames, mask, rate)

    def features(
        self, frames: Float[Tensor, "B D L"], mask: Bool[Tensor, "B L"], vectors: MatchedConditions
    ) -> tuple[Float[Tensor, "B C N"], Bool[Tensor, "B N"]]:
        """Return condition features at the mel's rate, and which are real."""
        kept = self.network.upsampled(mask[:, None].to(frames.dtype))[:, 0] > 0
        return self.network(frames, kept, vectors.network), kept

    @torch.no_grad()
    def opening(self, clip: SpokenClip, voice: Float[Tensor, " G"]) -> Reference:
        """Return what the flow goes on from; computed once for a speaker."""
        wav = resampled(clip.wav[None], SPEC_32K.sample_rate, self.mel_spec.sample_rate)
        mel = normalised(self.to_mel(wav))
        every = torch.ones(1, self.token_frames * len(clip.tokens), dtype=torch.bool, device=mel.device)
        text = clip.phones[None]
        vectors = MatchedConditions(self.reference.text(voice[None]), voice[None], None)
        frames, mask = self.encoded(clip.tokens[None], every, text, torch.ones_like(text, dtype=torch.bool), vectors)
        return reference_of(mel, self.features(frames, mask, vectors)[0], self.windows.reference)

    def silent_opening(self, features: Float[Tensor, "B C N"]) -> Reference:
        """Return the opening of nothing."""
        return Reference(features.new_zeros(len(features), self.flow.estimator.mels, 0), features[..., :0])

    def pieces(
        self,
        features: Float[Tensor, "B C N"],
        opening: Reference | None,
        noise: Noise,
        style: Float[Tensor, "B D"] | None = None,
        contrast: FlowContrast | None = None,
        mask: Bool[Tensor, "B N"] | None = None,
        first: int | None = None,
    ) -> Iterator[Float[Tensor, "B M _"]]:
        """Yield the normalised mel piece by piece, each going on from the one before.

        Args:
            features: of the target.
            opening: what the first piece goes on from.
            noise: values of each call in turn.
            style: modulation of the velocity field.
            contrast: what guidance leads away from.
            mask: real frames, None where all are.
            first: frames of the first piece, for an early start.
        """
        size = self.windows.call - (self.windows.reference if opening is None else opening.frames)
        before = opening or self.silent_opening(features)
        most = self.windows.reference if opening is None else opening.frames
        for begin, end in spans(features.shape[2], size, first):
            piece = features[..., begin:end]
            joined = torch.cat([before.features.expand(len(piece), -1, -1), piece], dim=2)
            condition = self.flow.condition(joined.transpose(1, 2), before.mel.expand(len(piece), -1, -1), style)
            seen = None
            if mask is not None and not mask[:, begin:end].all():
                seen = nn.functional.pad(mask[:, begin:end], (before.frames, 0), value=True)
            guide = None if contrast is None else self._guidance(contrast, slice(begin, end), before)
            made = self.flow.sample(noise(joined.shape[2]), condition, before.frames, self.solver, seen, guide)
            mel = made[..., before.frames :]
            before = continued(before, mel, piece, most)
            yield mel

    def side_by_side(
        self, features: Float[Tensor, "1 C N"], opening: Reference, noise: Noise, style: Tensor | None = None
    ) -> tuple[Float[Tensor, "1 M K"], int]:
        """Return the mels of overlapping pieces one after another, made as one batch, and the silence at the end.

        Every piece goes on from the same opening: faster than `pieces` on a machine with many cores.
        """
        cut = batched_pieces(features, self.windows.call - opening.frames, self.windows.overlap)
        before = opening.features.expand(len(cut.features), -1, -1)
        joined = torch.cat([before, cut.features], dim=2)
        condition = self.flow.condition(joined.transpose(1, 2), opening.mel.expand(len(joined), -1, -1), style)
        made = self.flow.sample(noise(joined.shape[2]), condition, opening.frames, self.solver)
        return made[..., opening.frames :].transpose(0, 1).flatten(1)[None], cut.padding

    def joined(
        self,
        features: Float[Tensor, "1 C N"],
        opening: Reference,
        noise: Noise,
        lengths: Sequence[int],
        style: Tensor | None = None,
    ) -> JoinedSentences:
        """Make sentences as one batch of overlapping pieces, vocoded once and joined where they agree, as published.

        The whole is shorter by the sum of the shifts, which the last sentence loses.

        Args:
            features: of all sentences in a row.
            lengths: frames of each.
        """
        mel, padding = self.side_by_side(features, opening, noise, style)
        hop = int(self.head.samples_per_frame)  # type: ignore[arg-type]
        wav = self.vocoded(mel)[0]
        size, overlap = (self.windows.call - opening.frames) * hop, self.windows.overlap * hop
        whole = overlap_joined(torch.split(wav, size), overlap)
        kept = whole.wav[overlap : len(whole.wav) - padding * hop]
        ends = [0, *(int(end) for end in torch.tensor(list(lengths)).cumsum(0) * hop)]
        return JoinedSentences([kept[a:b] for a, b in itertools.pairwise(ends)], whole.shifts)

    def _guidance(self, contrast: FlowContrast, piece: slice, before: Reference) -> Guidance:
        plain = contrast.features[..., piece]
        joined = torch.cat([before.features.expand(len(plain), -1, -1), plain], dim=2)
        mel = before.mel.expand(len(plain), -1, -1)
        return Guidance(contrast.rate, self.flow.condition(joined.transpose(1, 2), mel, contrast.field))

    def noise(self, rows: int, scale: float, like: Tensor, generator: torch.Generator | None) -> Noise:
        """Return what draws the noise of each call, frame by frame, so that a longer call begins like a shorter one."""
        mels = self.flow.estimator.mels

        def draw(frames: int) -> Tensor:
            values = torch.empty(frames, rows, mels, device=like.device, dtype=like.dtype)
            return scale * values.normal_(generator=generator).permute(1, 2, 0)

        return draw

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
        opening: Reference | None = None,
        first: int | None = None,
        guidance: float = 1.0,
    ) -> MelPlan:
        """Return the mel of these tokens; see `AcousticModel.plan`.

        Args:
            opening: what is gone on from.
            first: frames of the first piece, None for as many as of every other.
            guidance: of the flow by the style: 1 is none, 0 the voice without it, above 1 exaggerates.
        """
        followed = self._flow_features(tokens, mask, phones, phone_mask, conditions, rate, guidance)
        mel = torch.cat(list(self._mels(followed, noise, generator, opening, first)), dim=2)
        return MelPlan(mel * followed.mask[:, None].to(mel.dtype), followed.mask, self.network.upsampling)

    def _flow_features(
        self,
        tokens: Tensor,
        mask: Tensor,
        phones: Tensor,
        phone_mask: Tensor,
        conditions: Conditions,
        rate: float,
        guidance: float,
    ) -> FlowFeatures:
        vectors, contrast = self.part_conditions(conditions), None
        features, kept = self.features(*self.encoded(tokens, mask, phones, phone_mask, vectors, rate), vectors)
        if guidance != 1 and self.styles:
            plain = self.plain(conditions)
            bare, _ = self.features(*self.encoded(tokens, mask, phones, phone_mask, plain, rate), plain)
            contrast = FlowContrast(bare, plain.field, guidance - 1)
        return FlowFeatures(features, kept, vectors.field, contrast)

    def _mels(
        self,
        followed: FlowFeatures,
        noise: float | None,
        generator: torch.Generator | None,
        opening: Reference | None,
        first: int | None,
    ) -> Iterator[Tensor]:
        draw = self.noise(len(followed.features), 1.0 if noise is None else noise, followed.features, generator)
        return self.pieces(followed.features, opening, draw, followed.field, followed.contrast, followed.mask, first)

    def render(
        self,
        planned: MelPlan,
        mask: Bool[Tensor, "B L"] | None = None,
        prosody: Prosody | None = None,
        generator: torch.Generator | None = None,
    ) -> Rendered:
        """Return the waveform of a plan, silent past the end of each row; its pitch and level are the mel's."""
        wav = self.vocoded(planned.mel)
        kept = planned.mask.repeat_interleave(wav.shape[1] // planned.mask.shape[1], dim=1)
        return Rendered(wav if planned.mask.all() else wav * kept, None)

    def vocoded(self, mel: Float[Tensor, "B M N"]) -> Float[Tensor, "B T"]:
        """Turn a normalised mel into a waveform."""
        wav: Tensor = self.head(denormalised(mel))
        return wav

    def rendered_in_pieces(
        self,
        tokens: Int[Tensor, "1 S"],
        mask: Bool[Tensor, "1 L"],
        phones: Int[Tensor, "1 P"],
        phone_mask: Bool[Tensor, "1 P"],
        conditions: Conditions,
        first: int,
        rate: float = 1.0,
        generator: torch.Generator | None = None,
        opening: Reference | None = None,
        guidance: float = 1.0,
    ) -> Iterator[RenderedPiece]:
        """Yield the waveform as its mel is made; joined, the pieces are what `render` gives of `plan(first=...)`.

        Args:
            first: mel frames of the first piece, of which the vocoder holds back its `context_frames`.
        """
        followed = self._flow_features(tokens, mask, phones, phone_mask, conditions, rate, guidance)
        frames, context = followed.features.shape[2], int(self.head.context_frames)  # type: ignore[arg-type]
        hop = int(self.head.samples_per_frame)  # type: ignore[arg-type]
        mel, begun, spoken = (
            followed.features.new_zeros(1, self.flow.estimator.mels, 0),
            0,
            0,
        )  # `mel` begins at `begun`
        for piece in self._mels(followed, None, generator, opening, first):
            mel = torch.cat([mel, piece], dim=2)
            known = begun + mel.shape[2]
            end = known if known == frames else known - context
            if end <= spoken:
                continue
            wav = self.vocoded(mel)[:, (spoken - begun) * hop : (end - begun) * hop]
            yield RenderedPiece(wav, frames - end)
            spoken = end
            mel, begun = mel[..., max(0, spoken - context - begun) :], max(begun, spoken - context)

    def training_pass(
        self, batch: SpokenBatch, conditions: Conditions, slicing: Slicing, reconstruction: nn.Module | None
    ) -> AcousticLosses:
        """Compute the flow-matching loss on whole utterances; there is no waveform for a discriminator.

        The chance of a step depends on the seed and the step alone.
        """
        generator = torch.Generator().manual_seed((slicing.seed + SEEDS_APART * batch.step) % 2**63)
        vectors, mask = self.part_conditions(conditions), batch.mask
        content = self.frames(batch.content, batch.tokens, mask)
        frames = self.prior.encode(content, mask, batch.phones, batch.phone_mask, vectors.prior)
        features, kept = self.features(frames, mask, vectors)
        mel = normalised(self.to_mel(resampled(batch.wav, SPEC_32K.sample_rate, self.mel_spec.sample_rate)))
        size = min(mel.shape[2], features.shape[2])
        inputs = features[..., :size].transpose(1, 2), kept[:, :size], vectors.field
        loss = self.flow.loss(mel[..., :size], *inputs, self.training_shares, generator)
        nothing = batch.wav[:, :0]
        return AcousticLosses({"mel": loss}, nothing, nothing)
