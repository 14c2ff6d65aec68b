"""What the header of a page says about how it was made."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import sovits_lab
from sovits_lab.pipeline.environment import git_state


def describe_process() -> dict[str, str]:
    """Describe what this process runs: the overrides of its command line, the commit of the code, the date.

    A stage's process has the arguments of the command that started it. The page stands in a folder that other runs may
    share: it says how it was made, not how it was found.
    """
    overrides = [word for word in sys.argv[1:] if "=" in word]
    git = git_state(Path(sovits_lab.__file__).parent)
    commit = (git["commit"] or "")[:12]
    facts = {
        "overrides": shlex.join(overrides),
        "commit": commit + (" with uncommitted changes" if commit and git["diff"] else ""),
        "written": time.strftime("%Y-%m-%d %H:%M"),
    }
    return {key: value for key, value in facts.items() if value}


def is_smoke_run() -> bool:
    """Tell whether the command that started this process shrank its models, as `debug=smoke` does."""
    return any(word.startswith("debug=") and word != "debug=null" for word in sys.argv[1:])
