"""`python -m sovits_lab COMMAND ...`: a thin table; each command imports what it needs when it runs."""

from __future__ import annotations

import importlib
import sys
from functools import partial

from sovits_lab.options import exit_status
from sovits_lab.pipeline.threads import spin_briefly

COMMANDS = {
    "synthesize": ("sovits_lab.inference.command", "speak a text with a speaker and a style"),
    "convert-voice": ("sovits_lab.inference.convert_voice_command", "what a recording says, in another voice"),
    "mix-voices": ("sovits_lab.inference.mixing_command", "a new speaker between the speakers of a bundle"),
    "train": ("sovits_lab.training.train_command", "run an experiment, all stages or the rest of them"),
    "doctor": ("sovits_lab.training.doctor_command", "check a corpus and name every bad row"),
    "text": ("sovits_lab.inference.text_command", "show how a text is read"),
    "convert": ("sovits_lab.checkpoints.convert_command", "upstream checkpoints to a bundle"),
    "export": ("sovits_lab.inference.export_command", "a bundle to upstream checkpoints, a voice to ONNX"),
    "pack": ("sovits_lab.checkpoints.pack_command", "a voice in 8 bits, a quarter of its size"),
    "verify": ("sovits_lab.verification.command", "run a folder of golden fixtures"),
    "bench": ("sovits_lab.bench.command", "speed and memory of generation"),
    "runs": ("sovits_lab.pipeline.runs_command", "runs: what they were asked, how they stand, whether they are whole"),
    "voice": ("sovits_lab.inference.voice_command", "check recordings that are to be references"),
    "weights": ("sovits_lab.weights.command", "networks that others trained: where they are, whether they are genuine"),
    "watermark": ("sovits_lab.provenance.watermark_command", "find the mark and labels of synthetic speech"),
    "credentials": (
        "sovits_lab.provenance.credentials_command",
        "sign a recording with your certificate (C2PA), verify",
    ),
    "consent": ("sovits_lab.provenance.consent_command", "who agreed to what, and what was made with it"),
    "audit": ("sovits_lab.provenance.audit_command", "is the log of what was spoken as it was written?"),
    "film": ("sovits_lab.dialogue.film_command", "interactive films: check, translate, bake, play, serve a story"),
    "worker": ("sovits_lab.serving.cluster.command", "a worker of a cluster that serves speech"),
    "wyoming": ("sovits_lab.serving.wyoming_bridge", "voices of a service for Home Assistant"),
    "serve": ("sovits_lab.serving.command", "speech over HTTP, for many at once"),
    "keys": ("sovits_lab.serving.access.keys_command", "who may use a service of speech"),
    "sweeps": ("sovits_lab.sweeps.command", "sweeps and their jobs: states, times, logs"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; a user's mistake is one line on stderr and exit status 2."""
    return exit_status(partial(_run, sys.argv[1:] if argv is None else argv))


def _run(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: python -m sovits_lab COMMAND ...\n")
        width = max(map(len, COMMANDS)) + 1
        print("\n".join(f"  {name:<{width}}{about}" for name, (_, about) in COMMANDS.items()))
        return 0
    if argv[0] not in COMMANDS:
        print(f"error: command: got {argv[0]!r}, expected one of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    spin_briefly()
    return int(importlib.import_module(COMMANDS[argv[0]][0]).main(argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
