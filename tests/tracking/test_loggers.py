"""What reaches the loggers, read back from what they wrote."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sovits_lab.pipeline.runner import StageError, Stopped
from sovits_lab.tracking import (
    CsvLogger,
    LoggerRelay,
    MlflowLogger,
    RunInfo,
    RunLogger,
    TensorBoardLogger,
    TrackioLogger,
    WandbLogger,
)
from sovits_lab.types import InputError
from tests.pipeline.bench import Bench
from tests.tracking import wandb_file

DUMMIES = "tests.training.dummies"
MEDIA = {"media": {"_target_": f"{DUMMIES}.Media"}}
FIGURE = {
    "name": "per.echo", "group": "all", "emotion": "all", "strength": None, "value": 0.25, "low": 0.2, "high": 0.3,
    "better": "lower", "n": 8, "missing": 0, "truth": 0.1, "judge": "echo", "self_graded": False, "reason": "",
}  # fmt: skip
SAD = FIGURE | {"name": "f0_share", "group": "target", "emotion": "sad", "value": 0.9, "better": "near"}
BAR = {"figure": "f0_share", "group": "target", "emotion": "sad", "at_least": 0.75, "at_most": None,
       "value": 0.9, "reached": True}  # fmt: skip


def info(folder: Path, **more: Any) -> RunInfo:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "environment.json").write_text("{}")
    environment = {"git": {"commit": "c0ffee", "diff": "d1ff"}, "packages": {"numpy": "2"}, "python": "3.11"}
    return RunInfo("trial", "0123456789abcdef", folder, {"seed": 7, "gpt": {"lr": 0.1}}, environment,
                   {"corpus": "cccc", "features": "ffff"}, **more)  # fmt: skip


def results(folder: Path) -> Path:
    """A stage's folder with scores, style vectors and a page."""
    folder.mkdir(parents=True)
    (folder / "scores.json").write_text(
        json.dumps({"figures": [FIGURE, SAD, FIGURE | {"strength": 0.5}], "bars": [BAR]})
    )
    labels = {key: np.array([f"{key}{i % 2}" for i in range(6)]) for key in ("speaker", "emotion", "text")}
    vectors = np.arange(24.0).reshape(6, 4) % 5
    np.savez(folder / "style_vectors.npz", vectors=vectors, **labels)
    (folder / "index.html").write_text("<p>page</p>")
    return folder


def logs(run: Path) -> list[Path]:
    return sorted(run.glob("wandb/offline-run-*/run-*.wandb"))


def tell(sink: RunLogger, run: RunInfo, steps: range, status: int = 0) -> None:
    """What the runner does in one start: open, records of the past and of now, results, close."""
    heard: list[str] = []
    relay = LoggerRelay([sink], heard.append)
    relay.open(run)
    for step in steps:
        relay.metrics({"stage": "gpt", "step": step, "seconds": 1.0, "train/total": 9.0 - step, "time/step": 0.5})
        if step % 10 == 0:
            relay.metrics({"stage": "gpt", "step": step, "seconds": 1.0, "valid/total": 8.0 - step})
    relay.close(status)
    assert not [line for line in heard if "gave up" in line]


def test_every_logger_is_a_sink() -> None:
    made = [WandbLogger("x"), TensorBoardLogger(), CsvLogger(), TrackioLogger("x"), MlflowLogger("x")]
    assert all(isinstance(one, RunLogger) for one in made)


def test_wandb_says_what_ran_and_which_way_is_better(tmp_path: Path) -> None:
    run = info(tmp_path / "run", sweep="s1")
    sink = WandbLogger("project")
    assert sink.open(run).startswith("offline: wandb sync ")
    for step in (10, 20):
        sink.metrics({"stage": "gpt", "step": step, "seconds": 1.0, "train/total": 9.0 - step, "bad": None})
        sink.metrics({"stage": "sovits", "step": step, "seconds": 1.0, "score/composite": step / 10})
    sink.finished("scores", results(tmp_path / "scores"))
    sink.close(0)
    (path,) = logs(run.folder)
    found = wandb_file.read_ended(path)
    assert found.run["run_id"] == run.id == path.stem.removeprefix("run-")
    assert (found.run["run_group"], found.run["project"]) == ("trial/s1", "project")
    assert {"trial", "s1"} <= set(found.run["tags"])
    assert found.config["seed"] == 7
    facts = found.config["facts"]
    assert facts["code"] == {"commit": "c0ffee", "diff": "d1ff"}
    assert (facts["corpus_hash"], facts["features_hash"], facts["sweep"]) == ("cccc", "ffff", "s1")
    assert found.metrics["gpt/train/total"] == {"axis": "gpt/step", "summary": ["min"]}
    assert found.metrics["sovits/score/composite"] == {"axis": "sovits/step", "summary": ["max"]}
    assert found.metrics["scores/all/all/per/echo"]["summary"] == ["min"]
    assert found.metrics["scores/target/sad/f0_share"]["summary"] == ["last"]
    assert found.steps("gpt/train/total", "gpt/step") == [(10, -1.0), (20, -11.0)]
    assert found.steps("sovits/score/composite", "sovits/step") == [(10, 1.0), (20, 2.0)]
    assert np.isnan(found.steps("gpt/bad", "gpt/step")[0][1])
    (shown,) = (row for row in found.history if "scores/all/all/per/echo" in row)
    assert shown["scores/all/all/per/echo"] == 0.25
    assert "scores/all/all/f0_share" not in shown
    assert [found.summary[f"scores/all/all/per/echo/{end}"] for end in ("low", "high")] == [0.2, 0.3]
    assert found.exit_code == 0
    files = path.parent / "files" / "media"
    (table,) = files.glob("table/scores/figures*.table.json")
    content = json.loads(table.read_text())
    assert content["columns"][0] == "name"
    assert [row[0] for row in content["data"]] == ["per.echo", "f0_share", "per.echo"]
    (style,) = files.glob("table/scores/style_space*.table.json")
    content = json.loads(style.read_text())
    assert content["columns"] == ["emotion", "speaker", "text", "x", "y", "d0", "d1", "d2", "d3"]
    assert content["data"][1][:3] == ["emotion1", "speaker1", "text1"]
    assert len(content["data"]) == 6
    (page,) = files.glob("html/scores/page*.html")
    assert "<p>page</p>" in page.read_text()


def test_one_job_that_starts_three_times_is_one_wandb_run_with_each_record_once(tmp_path: Path) -> None:
    run = info(tmp_path / "run")
    tell(WandbLogger("x"), run, range(1, 8), 128 + signal.SIGTERM)
    first = wandb_file.read_ended(logs(run.folder)[0])
    assert (first.preempting, first.exit_code) == (True, 143)
    tell(WandbLogger("x"), run, range(1, 16), 128 + signal.SIGUSR1)
    tell(WandbLogger("x"), run, [*range(1, 16), *range(12, 31)])  # the steps after its last checkpoint come again
    (path,) = logs(run.folder)
    found = wandb_file.read_ended(path)
    assert found.run["run_id"] == run.id
    assert found.steps("gpt/train/total", "gpt/step") == [(step, 9.0 - step) for step in range(1, 31)]
    assert [at for at, _ in found.steps("gpt/valid/total", "gpt/step")] == [10, 20, 30]
    assert (found.preempting, found.exit_code) == (False, 0)


def test_online_only_what_the_service_lacks_is_sent(tmp_path: Path) -> None:
    """The service's part is played by what it would give back: a resumed run whose summary says what it holds."""

    class Service:
        def __init__(self) -> None:
            self.resumed = True
            self.summary = {"sent/gpt/train": 5, "sent/gpt/valid": 0, "gpt/train/total": 4.0}
            self.rows: list[dict[str, Any]] = []

        def define_metric(self, *arguments: Any, **more: Any) -> None: ...
        def log(self, row: dict[str, Any]) -> None:
            self.rows.append(row)

        def finish(self, exit_code: int) -> None: ...

    class Online(WandbLogger):
        def open(self, run: RunInfo) -> str:
            self._run = service
            return ""

    service = Service()
    tell(Online("x"), info(tmp_path / "run"), range(1, 11))
    assert [row["gpt/step"] for row in service.rows if "gpt/train/total" in row] == [6, 7, 8, 9, 10]
    assert [row["gpt/step"] for row in service.rows if "gpt/valid/total" in row] == [10]
    assert service.rows[-1]["sent/gpt/valid"] == 10


def test_a_service_that_does_not_answer_leaves_an_offline_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    real = wandb.init

    def unreachable(**more: Any) -> Any:
        if more["mode"] == "online":
            raise wandb.errors.CommError("timed out")
        return real(**more)

    monkeypatch.setattr(wandb, "init", unreachable)
    sink = WandbLogger("x", mode="online")
    line = sink.open(info(tmp_path / "run"))
    sink.close(0)
    assert "does not answer (timed out), so offline: wandb sync " in line
    assert len(logs(tmp_path / "run")) == 1


def test_every_way_out_of_the_runner_ends_the_run(bench: Bench) -> None:
    ends = []
    for how, error, code in (("else", StageError, 1), ("stop", Stopped, 130)):
        stages: dict[str, Any] = {"one": {"_target_": f"{DUMMIES}.Failing", "how": how}}
        if how == "stop":
            stages = {"one": {"_target_": f"{DUMMIES}.Counter", "seconds": 60.0}}
        chain, heard = bench.chain(stages, WandbLogger("x", mode="offline"))
        if how == "stop":
            heard.on_tick = lambda: os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(error):
            chain.run()
        (path,) = logs(chain.plan.folder)
        found = wandb_file.read_ended(path)
        ends.append((found.exit_code, found.preempting))
        assert found.exit_code == code
    assert ends == [(1, False), (130, True)]


def test_sounds_pictures_and_numbers_of_a_real_run_reach_wandb_also_when_its_stages_were_done_before(
    bench: Bench,
) -> None:
    bench.run(MEDIA)
    chain, heard = bench.chain(MEDIA, WandbLogger("trial", mode="offline"), sweep={"id": "night"})
    chain.run()
    assert heard.of("logger")[0].startswith("offline: ")
    (path,) = logs(chain.plan.folder)
    found = wandb_file.read_ended(path)
    assert found.run["run_id"] == chain.plan.folder.name
    assert found.run["run_group"] == "trial/night"
    assert set(found.config["facts"]["stage_hashes"]) == {"media"}
    assert found.config["facts"]["code"]["commit"]
    assert found.steps("media/loss", "media/step") == [(1, 0.5)]
    kinds = {name: row["_type"] for line in found.history for name, row in line.items() if isinstance(row, dict)}
    assert kinds == {"media/audio/tone": "audio-file", "media/picture/mel": "image-file"}
    for row in (row for line in found.history for row in line.values() if isinstance(row, dict)):
        assert (path.parent / "files" / row["path"]).is_file()
    assert found.exit_code == 0


def test_tensorboard_has_every_step_once_sound_picture_and_style_space(bench: Bench, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    chain, _ = bench.chain(MEDIA, TensorBoardLogger())
    chain.run()
    events = accumulator.EventAccumulator(str(chain.plan.folder / "tensorboard")).Reload()
    assert [event.value for event in events.Scalars("media/loss")] == [0.5]
    assert events.Tags()["audio"] == ["media/audio/tone"]
    assert events.Tags()["images"] == ["media/picture/mel"]
    run = info(tmp_path / "run")
    tell(TensorBoardLogger(), run, range(1, 8), 143)
    sink = TensorBoardLogger()
    tell(sink, run, [*range(1, 8), *range(5, 11)])
    events = accumulator.EventAccumulator(str(run.folder / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("gpt/train/total")] == list(range(1, 11))
    sink.open(run)
    sink.finished("scores", results(tmp_path / "scores"))
    sink.close(0)
    events = accumulator.EventAccumulator(str(run.folder / "tensorboard")).Reload()
    assert events.Scalars("scores/all/all/per/echo")[0].value == 0.25
    assert list((run.folder / "tensorboard").glob("**/metadata.tsv"))


def test_csv_holds_every_value_once(tmp_path: Path) -> None:
    run = info(tmp_path / "run")
    tell(CsvLogger(), run, range(1, 8), 1)
    sink = CsvLogger()
    tell(sink, run, [*range(1, 8), *range(3, 11)])
    sink.media("gpt", {"type": "audio", "name": "tone", "step": 1, "path": "a.wav", "caption": ""})
    sink.finished("scores", results(tmp_path / "scores"))
    with (run.folder / "csv" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(int(r["step"]), float(r["value"])) for r in rows if r["name"] == "train/total"] == [
        (step, 9.0 - step) for step in range(1, 11)
    ]
    with (run.folder / "csv" / "scores.csv").open() as file:
        assert [row["better"] for row in csv.DictReader(file)] == ["lower", "near", "lower"]
    assert (run.folder / "csv" / "media.csv").read_text().splitlines()[1] == "gpt,1,audio,tone,a.wav,"


def test_without_mlflow_the_packages_to_install_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    with pytest.raises(InputError, match="no installed package mlflow-skinny', expected `pip install mlflow-skinny"):
        MlflowLogger("project").open(info(tmp_path / "runs" / "trial" / "run"))


def test_mlflow_has_one_run_with_every_step_once(tmp_path: Path) -> None:
    tracking = pytest.importorskip("mlflow.tracking")
    run = info(tmp_path / "runs" / "trial" / "run", sweep="s1")
    tell(MlflowLogger("project"), run, range(1, 8), 143)
    client = tracking.MlflowClient(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("project").experiment_id
    assert client.search_runs([experiment])[0].info.status == "KILLED"
    sink = MlflowLogger("project")
    tell(sink, run, [*range(1, 8), *range(5, 11)])
    sink.open(run)
    sink.finished("scores", results(tmp_path / "scores"))
    sink.close(0)
    (found,) = client.search_runs([experiment])
    assert (found.info.status, found.data.tags["sweep"]) == ("FINISHED", "s1")
    assert (found.data.params["gpt.lr"], found.data.params["facts.corpus_hash"]) == ("0.1", "cccc")
    history = client.get_metric_history(found.info.run_id, "gpt/train/total")
    assert sorted((one.step, one.value) for one in history) == [(step, 9.0 - step) for step in range(1, 11)]
    assert found.data.metrics["scores/all/all/per/echo/low"] == 0.2
    assert [one.path for one in client.list_artifacts(found.info.run_id, "scores")] == [
        "scores/index.html", "scores/scores.json"]  # fmt: skip


def test_trackio_has_one_run_with_every_step_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trackio = pytest.importorskip("trackio")
    monkeypatch.setattr("trackio.utils.TRACKIO_DIR", tmp_path, raising=False)
    from trackio.sqlite_storage import SQLiteStorage

    project = f"trial-{os.getpid()}"
    run = info(tmp_path / "run")
    try:
        tell(TrackioLogger(project), run, range(1, 8), 143)
        tell(TrackioLogger(project), run, [*range(1, 8), *range(5, 11)])
        (found,) = trackio.Api().runs(project)
        rows = SQLiteStorage.get_logs(project, found.name)
        assert [row["step"] for row in rows if "gpt/train/total" in row] == list(range(1, 11))
        assert found.config["facts"]["corpus_hash"] == "cccc"
    finally:
        trackio.delete_project(project, force=True)


def test_a_missing_package_is_the_users_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(InputError, match="needs the package trackio"):
        LoggerRelay([TrackioLogger("x")], print).open(info(tmp_path / "run"))


def test_a_logger_that_breaks_leaves_the_others(tmp_path: Path) -> None:
    class Broken(CsvLogger):
        def metrics(self, record: Any) -> None:
            raise ConnectionError("no\n  route")

    heard: list[str] = []
    relay = LoggerRelay([Broken(), CsvLogger()], heard.append)
    relay.open(info(tmp_path / "run"))
    relay.metrics({"stage": "gpt", "step": 1, "seconds": 0.0, "loss": 1.0})
    relay.metrics({"stage": "gpt", "step": 2, "seconds": 0.0, "loss": 1.0})
    relay.close(0)
    assert [line for line in heard if "gave up" in line] == [
        "Broken gave up (ConnectionError: no route); metrics.jsonl goes on"
    ]
    assert len((tmp_path / "run" / "csv" / "metrics.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("mode", "said", "kept"), [("disabled", "it keeps nothing", 0), ("dryrun", "offline: wandb sync", 1)]
)
def test_a_mode_of_the_environment_is_said_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, said: str, kept: int
) -> None:
    monkeypatch.setenv("WANDB_MODE", mode)
    run = info(tmp_path / "run")
    for _ in range(2):  # the second start puts the copy of the first aside
        sink = WandbLogger("x")
        assert said in sink.open(run)
        sink.close(0)
    assert len(logs(run.folder)) == kept


def test_a_sound_and_a_picture_of_one_name_are_two_things(tmp_path: Path) -> None:
    relay = LoggerRelay([CsvLogger()], print)
    relay.open(info(tmp_path / "run"))
    for kind, path in (("audio", "a.wav"), ("picture", "a.png"), ("audio", "a.wav")):
        (tmp_path / path).touch()
        message = {"type": kind, "name": "valid-1", "step": 200, "path": path, "caption": ""}
        relay.media("sovits", message, [tmp_path / "gone", tmp_path])
    rows = (tmp_path / "run" / "csv" / "media.csv").read_text().splitlines()[1:]
    assert [row.split(",")[2] for row in rows] == ["audio", "picture"]


def test_a_folder_that_gets_its_final_name_while_a_file_is_read_costs_nothing(tmp_path: Path) -> None:
    heard: list[str] = []
    partial, final = tmp_path / "gpt.partial", tmp_path / "gpt"
    partial.mkdir()
    (partial / "a.wav").touch()

    class Slow(CsvLogger):
        def media(self, stage: str, message: Any) -> None:
            if partial.exists():
                partial.rename(final)
                raise RuntimeError("a library's own word for a file that is gone")
            super().media(stage, message)

    relay = LoggerRelay([Slow()], heard.append)
    relay.open(info(tmp_path / "run"))
    message = {"type": "audio", "name": "tone", "step": 1, "path": "a.wav", "caption": ""}
    relay.media("gpt", message, [partial, final])
    assert not [line for line in heard if "gave up" in line]
    assert str(final / "a.wav") in (tmp_path / "run" / "csv" / "media.csv").read_text()
