"""Losses as the stages' configurations declare them, for tests."""

from __future__ import annotations

from typing import Any

REGULARISERS = {
    "emotion": {"_target_": "sovits_lab.losses.disentanglement.Classifier", "input": "style", "target": "emotion"},
    "speaker_adversary": {
        "_target_": "sovits_lab.losses.disentanglement.Adversary",
        "input": "style",
        "target": "speaker",
    },
    "contrast": {"_target_": "sovits_lab.losses.disentanglement.Contrast", "input": "style", "target": "emotion"},
}


def weighed(**weights: float) -> dict[str, Any]:
    """Declare these losses, those of `REGULARISERS` as nodes."""
    return {
        name: {"weight": weight, **REGULARISERS[name]} if name in REGULARISERS else weight
        for name, weight in weights.items()
    }


TOKENIZER_LOSSES = weighed(ctc=0.5, frames_before=0.7, frames_after=1.0, distillation=1.0)
STYLE_LOSSES = weighed(emotion=1.0, speaker_adversary=0.1, contrast=0.3)
GPT_LOSSES = weighed(
    token=1.0, guided_attention=0.3, duration=0.5, aligned_phone=0.5, emotion=0.2, speaker_adversary=0.1
)
SOVITS_LOSSES = weighed(
    mel=5.0, kl=0.4, prior_mel=1.0, pitch=2.0, voicing=0.5, energy=1.0, utterance_prosody=1.0, emotion=0.2,
    speaker_adversary=0.1, contrast=0.1, adversarial=1.0, feature_matching=1.0,
)  # fmt: skip
RELEASED_LOSSES = weighed(mel=45.0, kl=1.0, adversarial=1.0, feature_matching=1.0)
