"""The controls of a voice, derived from what its two models were built and trained to hear, and kept in its bundle."""

from __future__ import annotations

from sovits_lab.conditioning.conditions import EMOTION, GPT_PARTS, SOVITS_PARTS, SPEAKER, STYLE
from sovits_lab.models.contracts import AcousticModel, Conditioned, SemanticModel


def accepted(gpt: SemanticModel, sovits: AcousticModel) -> tuple[str, ...]:
    """Return the controls of a voice.

    | control | accepted when |
    |---|---|
    | `style` | a part hears a reference encoder that hears clips |
    | `emotion`, `mix`, `strength` | a part hears styles (a label is the mean style of its clips) or learned labels |
    | `guidance` | all of how that is heard was withheld now and then in training |
    | `f0` | the head takes an explicit F0 |
    | `energy` | the head takes an explicit energy |
    | `rate` | always: what was planned is stretched |
    """
    names = [(model, name) for model in (gpt, sovits) for name in style_conditions(model)]
    controls = ["style"] if any(name == STYLE for _, name in names) else []
    if names:
        controls += ["emotion", "mix", "strength"]
        if all(name in model.conditions.rates for model, name in names):
            controls.append("guidance")
    if getattr(getattr(sovits, "head", None), "uses_f0", False):
        controls.append("f0")
    return (*controls, *(["energy"] if sovits.explicit_prosody else []), "rate")


def style_conditions(model: Conditioned) -> tuple[str, ...]:
    """Return the names of the conditions, style and emotion, that a model hears and that change from clip to clip."""
    own = GPT_PARTS if isinstance(model, SemanticModel) else SOVITS_PARTS
    names = {name for part in own for name in model.conditions.names(part)} - {SPEAKER}
    if not model.style_encoder.takes_clips:
        names -= {STYLE}
    return tuple(name for name in (STYLE, EMOTION) if name in names)
