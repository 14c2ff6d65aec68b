"""What a pair of models can be asked for: derived from what they were built and trained to hear, kept in the bundle."""

from __future__ import annotations

from sovits_lab.conditioning.conditions import EMOTION, PARTS, SPEAKER, STYLE
from sovits_lab.models.gpt.semantic import SemanticGpt
from sovits_lab.models.sovits.acoustic import SoVits


def accepted(gpt: SemanticGpt, sovits: SoVits) -> tuple[str, ...]:
    """Controls of a voice.

    | control | accepted when |
    |---|---|
    | `style` | a part hears a reference encoder that hears clips |
    | `emotion`, `mix`, `strength` | a part hears styles (a label is the mean style of its clips) or learned labels |
    | `guidance` | all of how that is heard was withheld now and then in training |
    | `f0`, `energy` | the head takes an explicit F0; every head takes energy |
    | `rate` | always: what was planned is stretched |
    """
    told = {name for model in (gpt, sovits) for name in manners(model)}
    controls = ["style"] if STYLE in told else []
    if told:
        controls += ["emotion", "mix", "strength"]
        if all(name in model.conditions.rates for model in (gpt, sovits) for name in manners(model)):
            controls.append("guidance")
    if getattr(sovits.head, "uses_f0", False):
        controls.append("f0")
    return (*controls, "energy", "rate")


def manners(model: SemanticGpt | SoVits) -> tuple[str, ...]:
    """Conditions that tell a model how something is spoken, and that differ between one way and another."""
    own = [part for part in PARTS if (part == "gpt") is isinstance(model, SemanticGpt)]
    heard = {name for part in own for name in model.conditions.names(part)} - {SPEAKER}
    return tuple(name for name in (STYLE, EMOTION) if name in heard and (name != STYLE or model.reference.hears))
