"""`python train.py experiment=NAME`: run an experiment's stages, or go on with them, and say where the report is.

With `-m` and axes, as `seed=1,2,3`, it is a sweep: one job for each combination, `hydra/launcher` says where they run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig

from sovits_lab.pipeline.command import run
from sovits_lab.pipeline.settings import register
from sovits_lab.training.corpus_check import check_corpora

register()
FLAGS = {f"--{word.replace('_', '-')}": f"sweep.on_failure={word}" for word in ("keep_going", "fail_fast")}


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(config: DictConfig) -> None:
    """Run one job; the exit status is 0, 1 (a stage failed), 2 (wrong input) or 128 + a signal's number."""
    status = run(config, [check_corpora])
    if status:
        sys.exit(status)


if __name__ == "__main__":
    sys.argv[1:] = [FLAGS.get(word, word) for word in sys.argv[1:]]
    if {"-h", "--help"} & set(sys.argv[1:]) and not any(word.startswith("experiment=") for word in sys.argv[1:]):
        sys.argv.append("experiment=sad_transfer")  # help shows the keys of one
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here instead of being printed by Hydra
    try:
        main()
    except HydraException as error:
        from sovits_lab.pipeline.composition import explain

        overrides = [word for word in sys.argv[1:] if not word.startswith("-")]
        print(f"error: {explain(error, overrides, Path(__file__).parent / 'conf', 'train')}", file=sys.stderr)
        sys.exit(2)
