"""Commands of the documents run as they are printed; what is not run is listed, with its reason and the test of it.

`test_documents.py` checks of every command, run here or not, that it and its options exist, and that trainings compose.
"""

from __future__ import annotations

import importlib
import re
import shutil
from pathlib import Path

import pytest

import evaluation.__main__ as evaluation
import sovits_lab.__main__ as library
from sovits_lab import Synthesizer
from sovits_lab.audio.files import save_audio
from tests.inference.conftest import voice_folder  # noqa: F401  a tiny voice
from tests.test_documents import ROOT, STARTS, commands, words

SENTENCE = "I have waited for you all evening, and the river is very cold."
# The beginnings of what is run, with their exit status where it is not 0.
RUN = {
    "sovits_lab synthesize text=": 0,
    'sovits_lab synthesize bundle=runs/sad_transfer/... text="The river is cold." speaker=a.wav style=': 0,
    "sovits_lab synthesize --help": 0,
    "sovits_lab convert-voice source=a.wav text=": 0,
    "sovits_lab mix-voices ": 0,
    "sovits_lab pack": 0,
    "sovits_lab text": 0,
    "sovits_lab weights": 0,
    "sovits_lab runs": 0,
    "sovits_lab sweeps": 0,
    "sovits_lab doctor --help": 0,
    "sovits_lab doctor corpus=gpt_sovits_list": 0,
    "sovits_lab doctor experiment=own_voice corpus=gpt_sovits_list": 1,  # two rows are too few for a training
    "sovits_lab doctor experiment=own_voice corpus.root=": 1,
    "sovits_lab voice check clip.wav": 0,
    "sovits_lab voice check CLIP": 0,
    "sovits_lab film check": 0,
    "sovits_lab film strings": 0,
    "sovits_lab watermark embed": 0,
    "sovits_lab watermark detect": 1,  # the clip has no mark
    "sovits_lab consent grant": 0,
    "sovits_lab consent list": 0,
    "sovits_lab consent trace": 0,
    "sovits_lab consent revoke": 0,
    "evaluation submit prompts=": 0,
    "evaluation listen simulate": 0,
}
# What the reader has and the test has not, or what takes minutes as it stands.
READERS = {
    " CLIP": " clip.wav",
    " FILE": " a.wav",
    "repetitions=600": "repetitions=1 kinds=cmos",
    '"..."': '"The river is cold."',
}
LONG = "takes minutes or longer"
OWN = "needs the reader's runs, bundles or recordings"
HERE = "tests/test_document_commands.py"  # other forms of the command run
FOREIGN = "needs weights that others released"
# What is not run, and why; the module of the command is called by the test that is named.
NOT_RUN = {
    "sovits_lab synthesize bundle=": (OWN, "tests/inference/test_command.py"),
    "sovits_lab convert-voice bundle=": (OWN, HERE),
    "sovits_lab convert-voice source=a.wav speaker=": (FOREIGN, HERE),
    "sovits_lab convert-voice source=a.wav recogniser=": (FOREIGN, "tests/inference/test_conversion.py"),
    "sovits_lab convert ": (FOREIGN, "tests/checkpoints/test_convert.py"),
    "sovits_lab export ": (OWN, "tests/checkpoints/test_convert.py"),
    "sovits_lab pack bundle=": (OWN, "tests/checkpoints/test_compact.py"),
    "sovits_lab verify ": (FOREIGN, "tests/verification/test_verification.py"),
    "sovits_lab voice check": ("is the name of the command in a sentence", "tests/audio/test_clip_checks.py"),
    "sovits_lab weights check whisper-base folder=": (FOREIGN, "tests/weights/test_weights.py"),
    "sovits_lab text verify ": (FOREIGN, "tests/text/test_command.py"),
    "sovits_lab bench ": (LONG, "tests/bench/test_bench.py"),
    "sovits_lab doctor ": (OWN, "tests/training/test_corpus_check.py"),
    "sovits_lab serve": ("goes on until it is ended", "tests/test_wheel.py"),
    "sovits_lab keys ": ("needs the folder of a service", "tests/serving/test_access.py"),
    "sovits_lab worker ": ("goes on until it is ended", "tests/serving/test_conformance.py"),
    "sovits_lab film play": ("asks a player", "tests/dialogue/test_story.py"),
    "sovits_lab film serve": ("goes on until it is ended", "tests/dialogue/test_story.py"),
    "sovits_lab film bake": (OWN, "tests/dialogue/test_story.py"),
    "sovits_lab film bench": (LONG, "tests/dialogue/test_story.py"),
    "sovits_lab film soak": (LONG, "tests/dialogue/test_story.py"),
    "sovits_lab film visemes": (OWN, "tests/dialogue/test_story.py"),
    "sovits_lab audit ": ("needs the log of a service", "tests/provenance/test_audit.py"),
    "sovits_lab credentials ": ("needs a certificate", "tests/provenance/test_credentials.py"),
    "evaluation aa": (LONG, "tests/evaluation/statistics/test_simulation.py"),
    "evaluation compare ": (OWN, "tests/evaluation/test_compare.py"),
    "evaluation conversion ": (OWN, "tests/evaluation/conversion/test_conversion.py"),
    "evaluation dashboards ": ("needs an account of W&B", "tests/evaluation/test_dashboards.py"),
    "evaluation judges ": (LONG, "tests/evaluation/test_judge_trial.py"),
    "evaluation ladder": (LONG, "tests/evaluation/test_ladder.py"),
    "evaluation leaderboard ": (OWN, "tests/evaluation/test_benchmark.py"),
    "evaluation listen run=": (OWN, "tests/evaluation/listening/test_folder.py"),
    "evaluation listen analyse ": (OWN, "tests/evaluation/listening/test_analysis.py"),
    "evaluation listen serve ": ("goes on until it is ended", "tests/evaluation/listening/test_analysis.py"),
    "evaluation planted": (LONG, "tests/evaluation/style/test_style_protocol.py"),
    "evaluation run=": (OWN, "tests/evaluation/test_command.py"),
    "evaluation manifest=": (OWN, "tests/evaluation/test_command.py"),
    "evaluation style": (OWN, "tests/evaluation/style/test_style_protocol.py"),
    "evaluation submit speak=": (LONG, "tests/evaluation/test_benchmark.py"),
    "evaluation submit ": (OWN, "tests/evaluation/test_benchmark.py"),
    "evaluation transfer ": (OWN, "tests/evaluation/transfer/test_transfer.py"),
}
TRAINING = "python train.py "  # composed by test_documents, run whole and tiny by `make smoke`: training takes minutes
FORM = re.compile(r"\[| \| |COMMAND")  # the form of a command, not one to be typed


def spoken_of() -> list[str]:
    """Every command of the documents but trainings, once, without `python -m`."""
    found = (line.removeprefix("python -m ") for start in STARTS[1:] for _, line in commands(start))
    return sorted({re.sub(r"\s+# .*", "", one) for one in found})


def longest(line: str, beginnings: dict[str, object]) -> str:
    """The longest of some beginnings that a command has, or nothing."""
    return max((one for one in beginnings if line.startswith(one)), key=len, default="")


def is_run(line: str) -> bool:
    """Whether a command is run here: the longer beginning decides."""
    return not FORM.search(line) and len(longest(line, {**RUN})) > len(longest(line, {**NOT_RUN}))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, voice_folder: Path) -> Path:  # noqa: F811
    """What a reader has before him: clips, a list of two recordings, a run, the stories of this repository."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "experiments").symlink_to(ROOT / "experiments")
    (folder / "wavs").mkdir()
    (folder / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "listening.md", folder / "docs")  # a command writes its table into it
    voice = Synthesizer.load()
    for name, emotion in (("a", "neutral"), ("b", "sad"), ("clip", "neutral")):
        speech = voice.speak(SENTENCE, emotion=emotion, seed=1)
        for place in (folder, folder / "wavs"):
            save_audio(place / f"{name}.wav", speech.wav, speech.sample_rate)
    rows = "".join(f"{folder}/wavs/{name}.wav|ann|EN|{SENTENCE}\n" for name in "ab")
    for name in ("my.list", "voice.list"):
        (folder / name).write_text(rows, encoding="utf-8")
    (folder / "words.tsv").write_text("river\ten\tR IH1 V ER0\n", encoding="utf-8")
    (folder / "runs" / "sad_transfer").mkdir(parents=True)
    for name in ("x", "sad_transfer/..."):
        shutil.copytree(voice_folder, folder / "runs" / name)
    return folder


@pytest.mark.parametrize("line", [one for one in spoken_of() if is_run(one)])
def test_a_command_runs_as_it_is_printed(
    line: str, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(desk)
    given = line
    for old, new in READERS.items():
        given = given.replace(old, new)
    if re.search(r"consent (trace|revoke)", line):
        assert library.main(["consent", "grant", "who=Ann", "purpose=games", "until=2090-01-01", "version=1"]) == 0
        given = given.replace(" ID", " " + capsys.readouterr().out.strip())
    program, *arguments = words(f"python -m {given}")[2:]
    main = library.main if program == "sovits_lab" else evaluation.main
    assert main(arguments) == RUN[longest(line, {**RUN})]
    assert capsys.readouterr().out
    out = next((word.partition("=")[2] for word in arguments if word.startswith(("out=", "prompts="))), None)
    assert out is None or (desk / out).exists()


def test_every_command_is_run_or_listed_with_its_reason() -> None:
    left = [one for one in spoken_of() if not is_run(one) and not longest(one, {**NOT_RUN}) and not FORM.search(one)]
    assert left == []
    assert sum(map(is_run, spoken_of())) > 35


@pytest.mark.parametrize("beginning", sorted(RUN) + sorted(NOT_RUN))
def test_no_list_names_what_no_document_says(beginning: str) -> None:
    assert any(one.startswith(beginning) for one in spoken_of())


@pytest.mark.parametrize(("beginning", "test"), [(one, test) for one, (_, test) in NOT_RUN.items()])
def test_what_is_not_run_is_called_by_the_test_that_is_named(beginning: str, test: str) -> None:
    program, _, rest = beginning.partition(" ")
    known = library.COMMANDS if program == "sovits_lab" else evaluation.COMMANDS
    name = rest.split()[0]
    module = known[name if name in known else "score"][0]
    assert importlib.util.find_spec(module)
    text = (ROOT / test).read_text(encoding="utf-8")
    run_here = test == HERE and any(one.startswith(f"{program} {name}") for one in RUN)
    assert run_here or f"from {module} import" in text or f'"{name}"' in text
