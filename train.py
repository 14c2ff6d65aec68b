"""`python train.py experiment=NAME`: run an experiment's stages, or go on with them, and say where the report is.

With `-m` and axes, as `seed=1,2,3`, it is a sweep: one job for each combination, `hydra/launcher` says where they run.
Where the package is installed without this file, `python -m sovits_lab train` is the same.
"""

import sys

from sovits_lab.training.train_command import train

if __name__ == "__main__":
    sys.exit(train(sys.argv[1:]))
