"""The package as somebody has it who installed a wheel: no checkout on the path, another working folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("sovits_lab", "evaluation", "hydra_plugins")
Program = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it from a copy, so that neither what an earlier build left goes in nor anything is left here."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in (*PACKAGES, "conf"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(out), str(source)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Run the words of a command line with an interpreter that has the wheel and our dependencies alone.

    The dependencies come by a path file: what is in their folder's own path files, such as an editable install of this
    checkout, does not count then.
    """
    home, away = tmp_path_factory.mktemp("venv"), tmp_path_factory.mktemp("away")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, timeout=60)
    python = home / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=60)
    site = next((home / "lib").glob("python*")) / "site-packages"
    dependencies = [path for path in sys.path if path.endswith("-packages")]
    (site / "dependencies.pth").write_text("\n".join(dependencies))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(python), *words] if words[0].startswith("-") else [str(home / "bin" / words[0]), *words[1:]]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(away), "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, cwd=away, env=environment, capture_output=True, text=True, timeout=120)

    return run


def test_every_file_of_the_packages_and_every_configuration_is_in_it(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    files = [path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()]
    wanted = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    wanted |= {f"sovits_lab/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert len(wanted) > 700
    assert not sorted(wanted - inside)


def test_nothing_of_the_checkout_is_on_the_path(installed: Program) -> None:
    told = installed(
        "-c", "import sys, sovits_lab, evaluation; print(sovits_lab.__file__, evaluation.__file__, sys.path)"
    )
    assert told.returncode == 0, told.stderr
    assert str(ROOT / "sovits_lab") not in told.stdout
    assert f"'{ROOT}'" not in told.stdout


def test_it_speaks_and_its_speech_is_checked(installed: Program) -> None:
    spoken = installed("sovits-lab", "synthesize", "text=I never thought so.", "emotion=sad", "out=x.wav")
    assert spoken.returncode == 0, spoken.stderr
    assert spoken.stdout.startswith("x.wav: ")
    checked = installed("-m", "sovits_lab", "voice", "check", "x.wav")
    assert "one speaker" in checked.stdout, checked.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sovits-lab", "serve", "--help"), "serving"),
        (("sovits-lab", "text", "Dr. Smith paid $3.50."), "three dollars and fifty cents"),
        (("sovits-lab", "train", "experiment=sad_transfer", "--cfg", "job"), "sad_transfer"),
        (("-m", "evaluation", "submit", "prompts=prompts.tsv"), "prompts.tsv"),
    ],
)
def test_commands_find_what_they_read(installed: Program, words: tuple[str, ...], expected: str) -> None:
    done = installed(*words)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("train", "experiment=sad_transfer", "debug=smok"), "error: debug: got 'smok', expected one of smoke"),
        (("serve", "http.prt=1"), "error: http.prt: got '1', expected one of host"),
        (("doctor", "corpus=ravdess", "corpus.root=nowhere"), "nowhere"),
    ],
)
def test_a_mistake_is_one_line_there_too(installed: Program, words: tuple[str, ...], expected: str) -> None:
    done = installed("sovits-lab", *words)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1
