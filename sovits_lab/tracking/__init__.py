"""Where a run's numbers, sounds and results go besides its folder; `logger=wandb`, `'logger=[wandb,csv]'`, ..."""

from sovits_lab.tracking.contract import RunInfo, RunLogger
from sovits_lab.tracking.csv import CsvLogger
from sovits_lab.tracking.mlflow import MlflowLogger
from sovits_lab.tracking.relay import LoggerRelay
from sovits_lab.tracking.tensorboard import TensorBoardLogger
from sovits_lab.tracking.trackio import TrackioLogger
from sovits_lab.tracking.wandb import WandbLogger

__all__ = [
    "CsvLogger",
    "LoggerRelay",
    "MlflowLogger",
    "RunInfo",
    "RunLogger",
    "TensorBoardLogger",
    "TrackioLogger",
    "WandbLogger",
]
