"""A loaded voice bundle: its models and what it knows about speakers and emotions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sovits_lab.audio.spec import AudioSpec
from sovits_lab.checkpoints.bundle import build, load_parts, read_facts
from sovits_lab.conditioning.speaker import SpeakerEncoder
from sovits_lab.models.gpt.sampling import Sampler
from sovits_lab.models.gpt.semantic import SemanticGpt
from sovits_lab.models.sovits.acoustic import SoVits
from sovits_lab.text.frontend import Frontend
from sovits_lab.types import got

NEEDS = ("variant", "models", "audio", "frontend", "symbols", "sampling", "speakers", "emotions")


@dataclass(frozen=True)
class Speaker:
    """Who speaks: unit vector [G], and means over neutral voiced speech of F0 (Hz) and energy (nats)."""

    vector: Tensor
    base_f0: float
    base_energy: float


@dataclass(frozen=True)
class Style:
    """How it is spoken: one vector for the tokens (rhythm), one for the sound (pitch, level, timbre)."""

    gpt: Tensor
    sovits: Tensor

    def towards(self, other: Style, share: float) -> Style:
        """`self + share (other - self)`: 0 is self, 1 is other, more than 1 exaggerates."""
        return Style(torch.lerp(self.gpt, other.gpt, share), torch.lerp(self.sovits, other.sovits, share))


@dataclass(frozen=True)
class Voice:
    """Everything in a bundle of kind "voice"."""

    variant: str
    spec: AudioSpec
    frontend: Frontend
    symbols: Mapping[str, int]
    sampler: Sampler
    gpt: SemanticGpt
    sovits: SoVits
    encoder: SpeakerEncoder
    speakers: Mapping[str, Speaker]
    emotions: Mapping[str, Style]

    @property
    def hears(self) -> bool:
        """Whether a style reference changes anything."""
        return self.gpt.reference.hears or self.sovits.reference.hears

    def speaker(self, name: str) -> Speaker:
        """A training speaker by name.

        Raises:
            InputError: no such speaker.
        """
        if name not in self.speakers:
            raise got("speaker", name, f"an audio file or one of {', '.join(sorted(self.speakers))}")
        return self.speakers[name]

    def emotion(self, label: str) -> Style:
        """Mean style of an emotion label.

        Raises:
            InputError: no such label.
        """
        if label not in self.emotions:
            raise got("emotion", label, f"one of {', '.join(sorted(self.emotions))}")
        return self.emotions[label]


def load_voice(folder: Path) -> Voice:
    """Read a bundle of kind "voice", or a run folder that holds one under `bundle`.

    Raises:
        InputError: see `sovits_lab.checkpoints.bundle`.
    """
    folder = folder / "bundle" if (folder / "bundle" / "bundle.json").is_file() else folder
    facts = read_facts(folder, "voice", NEEDS)
    modules = {part: build(node) for part, node in facts["models"].items()}
    load_parts(folder, modules)
    for module in modules.values():
        module.eval()
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
            name: Speaker(torch.tensor(s["vector"]), s["base_f0"], s["base_energy"])
            for name, s in facts["speakers"].items()
        },
        emotions={
            label: Style(torch.tensor(styles["gpt"][label]), torch.tensor(styles["sovits"][label]))
            for label in styles["gpt"]
        },
    )
