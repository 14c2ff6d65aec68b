"""The runner: order, sharing, resuming, failing, being killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sovits_lab.pipeline.runner import PipelineRunner, Stopped
from sovits_lab.pipeline.stage_process import LOG, RECORD
from sovits_lab.pipeline.workers import StageError
from sovits_lab.types import InputError
from tests.pipeline.bench import Bench, RecordingDisplay

PACKAGE = "tests.training.dummies"
ROOT = Path(__file__).parents[2]


def counter(*inputs: str, **parameters: Any) -> dict[str, Any]:
    return {"_target_": f"{PACKAGE}.Counter", "inputs": list(inputs), **parameters}


DIAMOND = {"one": counter(), "two": counter("one"), "three": counter("one"), "four": counter("two", "three")}


def kill_when(chain: PipelineRunner, stage: str, ready: Any, number: int = signal.SIGKILL) -> threading.Thread:
    """Signal the process of a stage as soon as `ready()` holds."""

    def wait_and_kill() -> None:
        while stage not in chain.running or not ready():
            time.sleep(0.002)
        os.kill(chain.running[stage].process.pid or 0, number)

    thread = threading.Thread(target=wait_and_kill, daemon=True)
    thread.start()
    return thread


def test_a_diamond_runs_once_and_is_found_the_second_time(bench: Bench) -> None:
    plan, heard = bench.run(DIAMOND, publish={"result": "four/number.txt"})
    assert (plan.folder / "result").read_text() == "5"
    assert heard.counts["four"] == (5, 5, "beats")
    record = json.loads((plan.stages["four"].folder / RECORD).read_text())
    assert record["inputs"] == {name: plan.stages[name].digest for name in ("two", "three")}
    assert record["cpu_seconds"] >= 0
    assert "counting" in (plan.stages["one"].folder / LOG).read_text()
    again, heard = bench.run(DIAMOND, publish={"result": "four/number.txt"})
    assert again.folder == plan.folder
    assert all(text.startswith("found") for _, text in heard.lines)


def test_a_run_folder_tells_its_story(bench: Bench) -> None:
    plan, _ = bench.run(DIAMOND)
    assert {"config.yaml", "environment.json", "stages.json", "metrics.jsonl"} <= {
        p.name for p in plan.folder.iterdir()
    }
    environment = json.loads((plan.folder / "environment.json").read_text())
    assert environment["seed"] == 1
    assert environment["packages"]["torch"] == environment["devices"]["torch"].partition("+")[0] + (
        "+" + environment["devices"]["torch"].partition("+")[2] if "+" in environment["packages"]["torch"] else ""
    )
    records = [json.loads(line) for line in (plan.folder / "metrics.jsonl").read_text().splitlines()]
    assert [(r["stage"], r["step"]) for r in records if r["stage"] == "two"] == [("two", i) for i in range(5)]
    folders = json.loads((plan.folder / "stages.json").read_text())
    assert (plan.folder / folders["one"]).resolve() == plan.stages["one"].folder.resolve()


def test_independent_stages_run_side_by_side(bench: Bench) -> None:
    stages = {name: counter(number=i, seconds=4.0) for i, name in enumerate("ab")}
    plan, _ = bench.run(stages)

    def written(name: str) -> list[float]:
        return [(plan.stages[stage].folder / name).stat().st_mtime for stage in stages]

    assert max(written("started")) < min(written("number.txt")), "each had begun before the other was done"


def test_an_input_error_of_a_stage_is_the_users_one_line(bench: Bench) -> None:
    with pytest.raises(InputError, match=r"bad: clip.wav: got '8000 Hz', expected '?16000 Hz"):
        bench.run({"bad": {"_target_": f"{PACKAGE}.Failing", "how": "input"}})


@pytest.mark.parametrize("how", ["disk", "disk of a library"])
def test_a_full_disk_names_the_path(bench: Bench, how: str) -> None:
    with pytest.raises(StageError, match=r"bad: .*bad-.*\.partial: the disk is full") as caught:
        bench.run({"bad": {"_target_": f"{PACKAGE}.Failing", "how": how}})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("how", "message"), [("other", "something else broke"), ("killed", "SIGKILL .out of memory")])
def test_a_failure_shows_its_reason_and_its_log(bench: Bench, how: str, message: str) -> None:
    with pytest.raises(StageError, match=message) as caught:
        bench.run({"bad": {"_target_": f"{PACKAGE}.Failing", "how": how}})
    log = Path(str(caught.value).splitlines()[-1].removeprefix("log: "))
    assert log.is_file()


def test_a_failure_stops_the_others_and_leaves_nothing_under_a_final_name(bench: Bench) -> None:
    stages = {"slow": counter(seconds=200), "bad": {"_target_": f"{PACKAGE}.Failing", "how": "other"}}
    chain, heard = bench.chain(stages)
    begin = time.monotonic()
    with pytest.raises(StageError):
        chain.run()
    assert time.monotonic() - begin < 150
    assert heard.of("slow")[-1].startswith("stopped")
    assert not any(spec.folder.exists() for spec in chain.plan.stages.values())


def test_a_killed_stage_starts_clean_and_a_resumable_one_goes_on(bench: Bench) -> None:
    stages = {
        "plain": counter(seconds=0.5),
        "long": {"_target_": f"{PACKAGE}.Resumable", "inputs": ["plain"], "steps": 30, "seconds": 0.06},
    }
    chain, _ = bench.chain(stages)
    plain, long = (chain.plan.stages[name] for name in stages)
    kill_when(chain, "plain", (plain.partial / "started").exists)
    with pytest.raises(StageError, match="SIGKILL"):
        chain.run()
    assert (plain.partial / "started").exists()
    assert not plain.folder.exists()
    (plain.partial / "leftover").write_text("of the killed run")

    chain, _ = bench.chain(stages)
    lines = long.partial / "lines.txt"
    kill_when(chain, "long", lambda: lines.exists() and len(lines.read_text().splitlines()) > 5)
    with pytest.raises(StageError, match="SIGKILL"):
        chain.run()
    assert not (plain.folder / "leftover").exists()
    done = len(lines.read_text().splitlines())
    assert 5 < done < 30

    bench.run(stages)
    assert (long.folder / "lines.txt").read_text() == "".join(f"{i}\n" for i in range(30))
    assert json.loads((long.folder / RECORD).read_text())["resumed"] is True


def test_two_runs_that_need_the_same_stage_share_it(bench: Bench, tmp_path: Path) -> None:
    go = tmp_path / "go"
    stages = {"corpus": {"_target_": f"{PACKAGE}.Waiting", "go": str(go)}}
    program = (
        "import json, sys; from tests.pipeline.bench import Bench; from pathlib import Path;"
        "plan, heard = Bench(Path(sys.argv[1])).run(json.loads(sys.argv[2])); print(heard.of('corpus'))"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(bench.runs), json.dumps(stages)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    chain, heard = bench.chain(stages)
    spec = chain.plan.stages["corpus"]
    while not (spec.partial / "started").exists():
        assert other.poll() is None
        time.sleep(0.01)
    pid = (spec.partial / "started").read_text()
    heard.on_tick = lambda: go.touch() if any("waiting for it" in text for text in heard.of("corpus")) else None
    chain.run()
    assert "waiting for it" in heard.of("corpus")[1]
    assert "built by another run" in heard.of("corpus")[-1]
    assert (spec.folder / "started").read_text() == pid
    assert "done in" in other.communicate(timeout=200)[0]


def test_a_signal_stops_everything_and_says_so(bench: Bench) -> None:
    chain, heard = bench.chain({"slow": counter(seconds=200)})
    spec = chain.plan.stages["slow"]
    heard.on_tick = lambda: os.kill(os.getpid(), signal.SIGTERM) if (spec.partial / "started").exists() else None
    with pytest.raises(Stopped, match="SIGTERM"):
        chain.run()
    pid = int((spec.partial / "started").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "the handlers are put back"


def test_stages_end_when_their_runner_is_killed(bench: Bench) -> None:
    stages = {"slow": counter(seconds=250)}
    program = (
        "import json, sys; from tests.pipeline.bench import Bench; from pathlib import Path;"
        "Bench(Path(sys.argv[1])).run(json.loads(sys.argv[2]))"
    )
    runner = subprocess.Popen([sys.executable, "-c", program, str(bench.runs), json.dumps(stages)], cwd=ROOT)
    spec = bench.plan(stages).stages["slow"]
    while not (spec.partial / "started").exists():
        assert runner.poll() is None
        time.sleep(0.01)
    pid = int((spec.partial / "started").read_text())
    runner.kill()
    runner.wait()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists()


def test_the_check_comes_before_any_stage(bench: Bench) -> None:
    chain, heard = bench.chain({"one": counter(), "two": counter("one", nubmer=3)})
    with pytest.raises(InputError, match=r"stages.two.nubmer.*did you mean 'number'"):
        chain.run()
    assert not heard.of("one")
    assert not chain.plan.stages["one"].partial.exists()


def test_media_and_metrics_reach_the_logger(bench: Bench) -> None:
    class Kept:
        def __init__(self) -> None:
            self.records: list[Any] = []
            self.files: list[str] = []
            self.status: int | None = None

        def open(self, run: Any) -> str:
            assert run.folder.is_dir()
            assert set(run.stages) == {"media"}
            return "hello"

        def known(self) -> dict[str, int]:
            return {}

        def metrics(self, record: Any) -> None:
            self.records.append(dict(record))

        def media(self, stage: str, message: Any) -> None:
            assert Path(message["path"]).is_file()
            self.files.append(Path(message["path"]).name)

        def finished(self, stage: str, folder: Path) -> None:
            assert (folder / "stage.json").is_file()
            self.files.append(stage)

        def close(self, status: int) -> None:
            self.status = status

    sink = Kept()
    chain, heard = bench.chain({"media": {"_target_": f"{PACKAGE}.Media", "runtime": {"threads": 1}}}, sink)
    chain.run()
    assert heard.of("media")[1] == "threads 1"
    assert [(r["loss"], r["bad"]) for r in sink.records] == [(0.5, None)]
    assert sink.files == ["tone-0000001.wav", "mel-0000001.png", "media"]
    assert heard.of("logger") == ["hello"]
    assert sink.status == 0
    assert (chain.plan.folder / "media" / "media" / "tone-0000001.wav").is_file()


def test_a_broken_logger_costs_the_dashboard_only(bench: Bench) -> None:
    class Broken:
        def open(self, run: Any) -> str:
            return ""

        def known(self) -> dict[str, int]:
            return {}

        def metrics(self, record: Any) -> None:
            raise ConnectionError("no route")

        def media(self, stage: str, message: Any) -> None: ...
        def finished(self, stage: str, folder: Path) -> None: ...
        def close(self, status: int) -> None: ...

    chain, heard = bench.chain({"one": counter()}, Broken())
    chain.run()
    assert [text for text in heard.of("logger") if "no route" in text]
    assert len((chain.plan.folder / "metrics.jsonl").read_text().splitlines()) == 5


def test_heard_is_a_display() -> None:
    from sovits_lab.pipeline.progress import Display

    assert isinstance(RecordingDisplay(), Display)
