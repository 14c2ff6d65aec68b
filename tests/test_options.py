"""Options of commands: one declaration gives parsing, checks and help."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from sovits_lab.__main__ import COMMANDS, main
from sovits_lab.options import describe, exit_status, option, read_options
from sovits_lab.types import InputError


@dataclass(frozen=True)
class GreetingOptions:
    """Greet somebody."""

    name: str = option("who is greeted")
    files: list[Path] = option("what is read", [], bare=True)
    times: int = option("how often", 1, least=1, most=9)
    warmth: float = option("of the voice", 20.0, unit="degrees")
    mood: Literal["calm", "gay"] = option("how", "calm")
    loud: bool = option("louder", False)
    last: float | None = option("seconds", None, shown="for ever")


@pytest.mark.parametrize(
    "argv",
    [
        ["name=Ann = B", "times=3", "loud=yes", "a/b.txt", "c.txt", "warmth=-1.5"],
        ["--name", "Ann = B", "--times=3", "--loud", "--files", "a/b.txt", "c.txt", "--warmth", "-1.5"],
        ["--loud", "name=Ann = B", "times=3", "files=a/b.txt,c.txt", "--warmth=-1.5"],
    ],
)
def test_words_are_read_in_every_form(argv: list[str]) -> None:
    made = read_options(GreetingOptions, argv)
    files = [Path("a/b.txt"), Path("c.txt")]
    assert made == GreetingOptions("Ann = B", files, 3, -1.5, "calm", True, None)


@pytest.mark.parametrize(
    ("argv", "match"),
    [
        ([], "name=: got nothing, expected who is greeted"),
        (["name="], "name=: got nothing, expected who is greeted"),
        (["name=a", "--name", "b"], "key name: got it twice"),
        (["name=a", "time=2"], r"key: got 'time', expected one of name, .*did you mean times\?"),
        (["name=a", "--time", "2"], "did you mean times"),
        (["name=a", "times=0"], "times: got '0', expected a whole number from 1 to 9"),
        (["name=a", "times=2.5"], "times: got '2.5', expected a whole number from 1 to 9"),
        (["name=a", "warmth=nan"], "warmth: got 'nan', expected a number"),
        (["name=a", "mood=sad"], "mood: got 'sad', expected one of calm, gay"),
        (["name=a", "loud=perhaps"], "loud: got 'perhaps', expected yes or no"),
        (["name=a", "--warmth"], "warmth=: got nothing"),
    ],
)
def test_a_wrong_word_is_one_line(argv: list[str], match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        read_options(GreetingOptions, argv)
    assert "\n" not in str(caught.value)


def test_words_without_a_key_need_an_option_that_takes_them() -> None:
    @dataclass(frozen=True)
    class Plain:
        """Nothing bare."""

        name: str = option("who")

    with pytest.raises(InputError, match="argument: got 'Ann', expected key=value"):
        read_options(Plain, ["Ann"])


def test_help_says_units_defaults_and_choices() -> None:
    said = describe(GreetingOptions, "greet")
    for part in (
        "usage: python -m sovits_lab greet FILES key=value ...", "Greet somebody.", "who is greeted (required)",
        "of the voice (degrees; default 20.0)", "how (one of calm, gay; default calm)", "louder (default no)",
        "seconds (default for ever)",
    ):  # fmt: skip
        assert part in said, part


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: Any) -> None:
    assert main([command, "--help"]) == 0
    assert f"python -m sovits_lab {command}" in capsys.readouterr().out


def test_a_reader_who_leaves_early_is_no_traceback() -> None:
    command = [sys.executable, "-m", "sovits_lab", "--help"]
    for package in ("sovits_lab", "evaluation"):
        command[2] = package
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout and process.stderr
            process.stdout.close()
            assert process.stderr.read() == "" and process.wait() == 141


def test_another_broken_pipe_is_an_error() -> None:
    def broken() -> int:
        raise BrokenPipeError("of a worker")

    with pytest.raises(BrokenPipeError, match="of a worker"):
        exit_status(broken)


@pytest.mark.parametrize("package", ["sovits_lab", "evaluation"])
def test_names_that_no_file_can_have_are_one_line(package: str) -> None:
    long = "x" * 5000
    words = {"sovits_lab": ["doctor", "corpus=gpt_sovits_list", f"corpus.root={long}"], "evaluation": [f"run={long}"]}
    done = subprocess.run([sys.executable, "-m", package, *words[package]], capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and len(done.stderr) < 400
    assert done.stderr.startswith("error: ") and "File name too long" in done.stderr


def test_what_the_disk_refuses_is_one_line_and_other_errors_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    def refused(number: int, name: str | None) -> Callable[[], int]:
        def command() -> int:
            raise OSError(number, os.strerror(number), name)

        return command

    assert exit_status(refused(errno.EACCES, "a\x1b[31m/b")) == 2
    assert capsys.readouterr().err == "error: a\\x1b[31m/b: Permission denied\n"
    for number, name in ((errno.EACCES, None), (errno.EBADF, "a")):
        with pytest.raises(OSError):
            exit_status(refused(number, name))
