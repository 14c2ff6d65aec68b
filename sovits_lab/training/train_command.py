"""`python -m sovits_lab train experiment=NAME`, the same as `python train.py`: run an experiment, or go on with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig

from sovits_lab.pipeline.command import run
from sovits_lab.pipeline.composition import explain
from sovits_lab.pipeline.conf import CONF
from sovits_lab.pipeline.settings import register
from sovits_lab.training.corpus_check import check_corpora
from sovits_lab.training.files_check import check_files

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
    sys.argv[1:] = [FLAGS.get(word, word) for word in argv]
    if {"-h", "--help"} & set(sys.argv[1:]) and not any(word.startswith("experiment=") for word in sys.argv[1:]):
        sys.argv.append("experiment=sad_transfer")  # help shows the keys of one
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here instead of being printed by Hydra
    try:
        _job()
    except HydraException as error:
        overrides = [word for word in sys.argv[1:] if not word.startswith("-")]
        print(f"error: {explain(error, overrides, CONF, 'train')}", file=sys.stderr)
        return 2
    except SystemExit as end:  # of a job, and of Hydra's own help
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
