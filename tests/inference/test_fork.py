"""A program that loads a voice and then forks: both processes speak, and say the same."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, hashlib, torch
torch.set_num_threads(1)
from sovits_lab import Synthesizer
voice = Synthesizer.load()
def said(): return hashlib.sha256(voice.speak("Hello there.", seed=1).wav.tobytes()).hexdigest()
before = said()
child = os.fork()
if child == 0:
    os._exit(0 if said() == before else 3)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
raise SystemExit(status if said() == before else 4)
"""


def test_a_process_that_forks_after_loading_speaks_on() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
