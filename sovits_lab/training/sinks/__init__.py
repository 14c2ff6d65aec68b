"""Where a run's numbers, sounds and results go besides its folder; `logger=wandb`, `'logger=[wandb,csv]'`, ..."""

from sovits_lab.training.sinks.contract import RunInfo, Sink
from sovits_lab.training.sinks.csv_sink import CsvSink
from sovits_lab.training.sinks.mlflow_sink import MlflowSink
from sovits_lab.training.sinks.relay import Relay
from sovits_lab.training.sinks.tensorboard_sink import TensorBoardSink
from sovits_lab.training.sinks.trackio_sink import TrackioSink
from sovits_lab.training.sinks.wandb_sink import WandbSink

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
