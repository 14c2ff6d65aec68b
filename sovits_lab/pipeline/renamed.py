"""Configuration keys, options and losses that have a new name: who writes the old one is told the new one."""

from __future__ import annotations

# Old word -> new words. An old word may have had several meanings; the one that the place knows is named.
RENAMED: dict[str, tuple[str, ...]] = {
    "site": ("style_sites",),
    "task": ("test_set",),
    "trials": ("benchmarks",),
    "judge": ("recogniser",),
    "sketch": ("prior_mel",),
    "extent": ("utterance_prosody",),
    "guide": ("guided_attention",),
    "current": ("aligned_phone",),
    "voiced": ("voicing",),
    "colour": ("spectral_jitter",),
    "renditions": ("parallel_takes",),
    "bypass": ("quantizer_bypass",),
    "of": ("input",),
    "what": ("target",),
    "to_chance": ("stop_at_chance",),
    "items": ("batch_size", "utterances"),
    "most": ("max_warp", "max_stretch", "max_utterances"),
    "look": ("probe_every",),
    "prior_from": ("prior_start_step",),
    "prior_share": ("prior_fraction",),
    "adversarial_from": ("adversarial_start_step",),
    "weights": ("losses",),
    "regularisers": ("losses",),
    "sayings": ("teacher_targets",),
    "hear": ("recogniser",),
    "submitit_slurm": ("slurm_array",),
}
