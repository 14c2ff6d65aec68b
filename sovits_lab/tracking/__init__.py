"""Where a run's numbers, sounds and results go besides its folder; `logger=wandb`, `'logger=[wandb,csv]'`, ..."""

from sovits_lab.tracking.contract import RunInfo, Sink
from sovits_lab.tracking.csv import CsvSink
from sovits_lab.tracking.mlflow import MlflowSink
from sovits_lab.tracking.relay import Relay
from sovits_lab.tracking.tensorboard import TensorBoardSink
from sovits_lab.tracking.trackio import TrackioSink
from sovits_lab.tracking.wandb import WandbSink

__all__ = [
    "CsvSink",
    "MlflowSink",
    "Relay",
    "RunInfo",
    "Sink",
    "TensorBoardSink",
    "TrackioSink",
    "WandbSink",
]
