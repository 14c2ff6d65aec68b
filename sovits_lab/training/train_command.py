"""`python -m sovits_lab train experiment=NAME`, the same as `python train.py`: run an experiment, or go on with it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout

import hydra
from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from omegaconf import DictConfig

from sovits_lab.extras import missing_extra
from sovits_lab.pipeline.command import run
from sovits_lab.pipeline.command_words import hydra_words
from sovits_lab.pipeline.composition import explain
from sovits_lab.pipeline.conf import CONF
from sovits_lab.pipeline.settings import register
from sovits_lab.training.corpus_check import check_corpora
from sovits_lab.training.files_check import check_files
from sovits_lab.types import InputError

register()
FLAGS = {f"--{word.replace('_', '-')}": f"sweep.on_failure={word}" for word in ("keep_going", "fail_fast")}


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def _job(config: DictConfig) -> None:
    """Run one job."""
    status = run(config, [check_files, check_corpora])
    if status:
        sys.exit(status)


def main(argv: Sequence[str]) -> int:
    """Run the command as part of the package; the jobs of a sweep begin with this file's module."""
    sys.argv[0] = __file__
    return train(argv)


def train(argv: Sequence[str]) -> int:
    """Run the command with these words; `sys.argv[0]` names the program that the jobs of a sweep are started with.

    Returns:
        The exit status: 0, 1 (a stage failed), 2 (wrong input) or 128 + a signal's number.
    """
    try:
        sys.argv[1:] = hydra_words([FLAGS.get(word, word) for word in argv], CONF)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if {"-h", "--help"} & set(sys.argv[1:]) and not any(word.startswith("experiment=") for word in sys.argv[1:]):
        sys.argv.append("experiment=sad_transfer")  # help shows the keys of one
    if refused := _refused_flags(sys.argv[1:]):
        print(f"error: {refused}", file=sys.stderr)
        return 2
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here instead of being printed by Hydra
    try:
        _job()
    except HydraException as error:
        overrides = [word for word in sys.argv[1:] if not word.startswith("-")]
        why = _missing_package(error) or explain(error, overrides, CONF, "train")
        print(f"error: {why}", file=sys.stderr)
        return 2
    except SystemExit as end:  # of a job, and of Hydra's own help
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _missing_package(error: BaseException | None) -> str:
    """What lacks where a class of the configuration could not be imported for want of an extra."""
    while error is not None:
        if missing := missing_extra(error):
            return missing
        error = error.__cause__ or error.__context__
    return ""


def _refused_flags(words: Sequence[str]) -> str:
    """What Hydra's own parser has against the flags, in one line; it would print its usage before."""
    printed = io.StringIO()
    try:
        with redirect_stderr(printed), redirect_stdout(io.StringIO()):
            get_args_parser().parse_args(list(words))
    except SystemExit as end:
        if end.code:
            flags = "flags -m, --cfg job, --config-dir DIR, --help, --keep-going, --fail-fast, and key=value"
            return f"{printed.getvalue().strip().rpartition('error: ')[2]}; expected {flags}"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
