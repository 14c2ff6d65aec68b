"""Commands in the documents name what is there: commands, options, groups and keys."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException

import evaluation.__main__ as evaluation
import sovits_lab.__main__ as library
from sovits_lab.pipeline.settings import register

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "README.zh.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "experiments").glob("*/*.md")),
]
OPEN = ("doctor",)  # takes whatever `train.py` takes
STARTS = ("python train.py ", "python -m sovits_lab ", "python -m evaluation ")
OF_ITS_OWN_TEST = ("adding_a_corpus.md",)  # its commands take an option that its test makes


def commands(start: str) -> list[tuple[str, str]]:
    """Pages and whole command lines in code blocks and code spans that begin so; a backslash goes on."""
    found = []
    for page in (one for one in PAGES if one.name not in OF_ITS_OWN_TEST):
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in text.splitlines():
            spans = [line.strip()] if line.strip().startswith("python ") else re.findall(r"`(python [^`]+)`", line)
            found += [(page.name, one) for one in spans if one.startswith(start)]
    return found


def words(line: str) -> list[str]:
    """Words of a command without comments, pipes and placeholders that stand for several words."""
    kept = re.split(r"\s[|>]\s", line)[0]
    return [word for word in shlex.split(kept, comments=True) if word not in ("...", "[...]")]


def test_there_are_commands_to_check() -> None:
    assert all(len(commands(start)) > 5 for start in STARTS)


@pytest.mark.parametrize(("page", "line"), commands(STARTS[1]))
def test_a_command_of_the_library_and_its_options_exist(
    page: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *arguments = words(line)[3:]
    if not re.fullmatch(r"[a-z]+", name):
        return  # `COMMAND`: any of them
    assert name in library.COMMANDS
    verb = [word for word in arguments[:1] if re.fullmatch(r"[a-z_]+", word)]
    library.main([name, *verb, "--help"])
    known = capsys.readouterr().out
    keys = [word.partition("=")[0].lstrip("-") for word in arguments if re.match(r"-*[a-z_]\w*=", word)]
    if name in OPEN:
        theirs = [word for word in arguments if re.match(r"(experiment=|corpus=|[a-z_]+\.)", word)]
        register()
        with initialize_config_dir(version_base="1.3", config_dir=str(ROOT / "conf")):
            compose("train", overrides=["experiment=sad_transfer", *theirs])
    else:
        missing = [key for key in keys if not re.search(rf"\b{key}\b", known.replace("-", "_"))]
        assert missing == [], f"{page}: {line}"


@pytest.mark.parametrize(("page", "line"), commands(STARTS[2]))
def test_a_command_of_the_evaluation_exists(page: str, line: str) -> None:
    first = words(line)[3]
    assert "=" in first or first in evaluation.COMMANDS or not re.fullmatch(r"[a-z]+", first), f"{page}: {line}"


def overrides_of(line: str) -> list[str]:
    """Overrides of a training, the first of a sweep's choices; empty where a word stands for a name of the reader's."""
    given = [word for word in words(line)[2:] if "=" in word and not word.startswith(("hydra", "-", "sweep"))]
    own = any(re.search(r"=[A-Z]+$|NAME|KEY", word) and "root" not in word and "DIR" not in word for word in given)
    if own or line.endswith("=mine") or not any(word.startswith("experiment=") for word in given):
        return []
    return [re.sub(r"=([^\[\{'\"(]*?),.*", r"=\1", word) for word in given if "(" not in word]


TRAININGS = [(page, line) for page, line in commands(STARTS[0]) if overrides_of(line)]


def test_most_trainings_of_the_documents_are_composed() -> None:
    assert len(TRAININGS) >= len(commands(STARTS[0])) * 2 // 3


@pytest.mark.parametrize(("page", "line"), TRAININGS)
def test_a_training_composes(page: str, line: str) -> None:
    register()
    overrides = overrides_of(line)
    with initialize_config_dir(version_base="1.3", config_dir=str(ROOT / "conf")):
        config = compose("train", overrides=overrides)
    assert any(node is not None for node in config.stages.values()), f"{page}: {line}"


def test_a_command_with_a_slip_is_found() -> None:
    register()
    with initialize_config_dir(version_base="1.3", config_dir=str(ROOT / "conf")), pytest.raises(HydraException):
        compose("train", overrides=overrides_of("python train.py experiment=sad_transfer referense=gst_small"))


SCRIPTS = [
    (page, line) for root in ("experiments", "website", "notebooks") for page, line in commands(f"python {root}/")
]


@pytest.mark.parametrize(("page", "line"), SCRIPTS)
def test_a_script_and_its_options_exist(page: str, line: str) -> None:
    """Options of scripts are words of their source; those of `study.py run` after `--` are a training's."""
    path, *arguments = words(line)[1:]
    source = (ROOT / path).read_text(encoding="utf-8")
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    keys = [word.partition("=")[0] for word in own if re.match(r"[a-z_]\w*=", word)]
    missing = [key for key in keys if not re.search(rf"\b{key}\b", source)]
    assert missing == [] or path.endswith("collect.py"), f"{page}: {line}"  # there keys are names of arms


def test_every_target_of_make_exists() -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {(page.name, one) for page in PAGES for one in re.findall(r"(?:^|`)make ([a-z-]+)",
             page.read_text(encoding="utf-8"), re.MULTILINE)}  # fmt: skip
    assert len(named) > 5
    assert [one for one in sorted(named) if one[1] not in known] == []


# Programs in blocks of shell that no test here runs, and why.
ELSEWHERE = {
    "source": "sets the reader's shell",
    "export": "sets the reader's shell",
    "pip": "needs a registry; tests/test_wheel.py installs",
    "srun": "needs Slurm: tests/cluster",
    "prepare=$(sbatch": "needs Slurm: tests/cluster",
    "train=$(sbatch": "needs Slurm: tests/cluster",
    "curl": "needs a service: tests/serving asks the same routes",
}


def shell_lines() -> list[tuple[str, str]]:
    """Page and line of every command in a block of shell; a backslash goes on."""
    found = []
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for block in re.findall(r"```(?:bash|sh|shell)\n(.*?)```", text, re.DOTALL):
            lines = (line.strip() for line in block.splitlines())
            found += [(page.name, line) for line in lines if line and not line.startswith("#")]
    return found


def test_every_line_of_shell_is_checked_by_a_test_or_listed() -> None:
    checked = (*STARTS, *(f"python {root}/" for root in ("experiments", "website", "notebooks")), "make ")
    left = [one for one in shell_lines() if not one[1].startswith(checked) and one[1].split()[0] not in ELSEWHERE]
    assert len(shell_lines()) > 100
    assert left == []
