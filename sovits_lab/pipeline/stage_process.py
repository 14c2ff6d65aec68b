"""One stage in its own process: lock, work in `.partial`, record, rename.

Where several processes train it together, rank 0 does that. The others run the same stage with a reporter that is mute
and a folder that is thrown away, until `fit` ends them. That folder lies in rank 0's: a rank may be killed at any time,
and then the next process that builds the stage throws it away.
"""

from __future__ import annotations

import errno
import fcntl
import os
import random
import shutil
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from sovits_lab.options import refusal
from sovits_lab.pipeline.channel import Channel
from sovits_lab.pipeline.distributed import OtherRank, RankInfo
from sovits_lab.pipeline.files import disk_full, sync_folder, write_json
from sovits_lab.pipeline.integrity import RECORD, damage, inventory, set_aside
from sovits_lab.pipeline.settings import Runtime
from sovits_lab.pipeline.signals import PREEMPTING, TERMINAL, ignore, obey
from sovits_lab.pipeline.validation import build_stage, locate
from sovits_lab.reporting import Reporter, Silent
from sovits_lab.types import got

LOG = "log.txt"
CHECKPOINTS = "checkpoints"
SCRATCH = "rank-"
LOOPBACK = "127.0.0.1"
LOOK_SECONDS = 1.0


@runtime_checkable
class Stage(Protocol):
    """Protocol of a stage: the class that a `_target_` under `stages` names.

    A class whose work can go on in a folder left by a killed run says `resumable = True`; for the others the runner
    empties the folder first. One with a method `help`, called like `run`, lets other runs take part in the work.
    """

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        """Read the folders of `inputs` (by stage name), write everything below `out`."""


@dataclass(frozen=True)
class StageJob:
    """What a stage's process needs to know; plain JSON types, so that any launcher can carry it."""

    name: str
    node: dict[str, Any]
    inputs: dict[str, str]
    input_digests: dict[str, str]
    runtime: dict[str, Any]
    digest: str
    folder: str
    lock: str
    world: dict[str, Any] = field(default_factory=lambda: asdict(RankInfo()))

    @property
    def partial(self) -> Path:
        """Folder in which the stage works until its result is whole."""
        return Path(self.folder + ".partial")

    @property
    def scratch(self) -> Path:
        """Folder in which a rank that is not the first works; rank 0 removes it."""
        return self.partial / f"{SCRATCH}{self.world['rank']}"

    @property
    def log(self) -> Path:
        """File of what this process and its libraries print; that of rank 0 moves with the folder."""
        rank = self.world["rank"]
        return self.partial / (f"log-rank{rank}.txt" if rank else LOG)


def work(job: StageJob, pipe: Connection) -> None:
    """Run the stage in its process and send one `result` message; the exit status says the same."""
    ignore(*TERMINAL)  # they come to everybody; the runner decides
    obey(*PREEMPTING)  # the server, from which this process is forked, ignores them
    _end_with(pipe)
    folder = Path(job.folder)
    channel = Channel(pipe, job.name, job.partial)
    try:
        if job.world["rank"]:
            result = _help(job)
        else:
            with _locked(job, channel):
                if folder.exists() and (found := damage(folder)):
                    channel.say(f"{folder.name}: damaged ({found}); set aside as {set_aside(folder).name}, made again")
                result = "reused" if folder.exists() else "done"
                if result == "done":
                    _build(job, folder, channel)
    except BaseException as error:
        _report_error(error, channel)
        raise SystemExit(1) from error
    channel.send("result", status=result)


def _report_error(error: BaseException, channel: Channel) -> None:
    """Send what went wrong; the traceback goes to the stage's log."""
    with suppress(OSError):  # a full disk must not hide the message
        traceback.print_exception(error)
        sys.stderr.flush()
    full = disk_full(error, channel.out)
    if full is not None:
        channel.send("result", status="disk", text=full)
    elif (refused := refusal(error)) is not None:
        channel.send("result", status="input", text=str(refused))
    elif isinstance(error, SystemExit):
        channel.send("result", status="stopped", text=str(error))
    elif _lost(error):
        channel.send("result", status="lost", text=f"lost the other ranks ({error})".splitlines()[0])
    else:
        channel.send("result", status="failed", text=f"{type(error).__name__}: {error}".splitlines()[0])


def _lost(error: BaseException) -> bool:
    """Whether this process failed because another one did: gloo, NCCL and the store say so in their own errors."""
    from torch.distributed import DistError

    from sovits_lab.pipeline.process_group import GatheringError

    return isinstance(error, DistError | GatheringError) or (isinstance(error, RuntimeError) and "gloo" in str(error))


def _build(job: StageJob, folder: Path, channel: Channel) -> None:
    out = channel.out
    out.mkdir(parents=True, exist_ok=True)
    _redirect(job.log)
    _drop_scratch(out)  # of ranks that were killed
    start = time.monotonic()
    stage_class = locate(job.node["_target_"], job.name)
    resumed = any(path.name != RECORD and not path.name.startswith("log") for path in out.iterdir())
    if resumed and not getattr(stage_class, "resumable", False):
        _clear(out)
        resumed = False
    _run(job, _opened(RankInfo(**job.world), channel), out, channel)
    record = {
        "stage": job.name,
        "config": job.node,
        "inputs": job.input_digests,
        "digest": job.digest,
        "runtime": job.runtime,
        "seconds": round(time.monotonic() - start, 2),
        "cpu_seconds": round(_computed(), 2),
        "resumed": resumed,
    }
    _drop_scratch(out)
    write_json(out / RECORD, {**record, "files": inventory(out)})
    out.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)  # they serve to go on after a kill, up to here


def _computed() -> float:
    """Seconds of processor time that this process and those that it has waited for have taken so far."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _help(job: StageJob) -> str:
    """Be one of the ranks that are not the first: compute, and leave nothing behind but a log."""
    _redirect(job.log)
    job.scratch.mkdir()
    with suppress(OtherRank):
        _run(job, RankInfo(**job.world), job.scratch, Silent())
    return "done"


def _drop_scratch(out: Path) -> None:
    """Remove what other ranks have left in the folder of rank 0: they are over, or have not begun."""
    for folder in out.glob(f"{SCRATCH}*"):
        shutil.rmtree(folder)


def _run(job: StageJob, world: RankInfo, out: Path, report: Reporter) -> None:
    stage: Stage = _stage(job, world)
    running = getattr(stage, "running", None) or getattr(stage, "runtime", None)  # fields of a stage that trains
    known = getattr(running, "world", RankInfo())
    if not world.alone and known != world:  # it would train for itself, in every process
        raise got(f"stages.{job.name}.world", world.size, "1: this stage is not made to run in several processes")
    stage.run({name: Path(path) for name, path in job.inputs.items()}, out, report)


def _stage(job: StageJob, world: RankInfo | None = None) -> Any:
    """The stage's object, in a process made ready for it."""
    runtime = {**job.runtime, "world": world or RankInfo(**job.world)}
    _prepare_numerics(Runtime(**runtime), job.node.get("seed"))
    return build_stage(locate(job.node["_target_"], job.name), job.node, runtime)


def _opened(world: RankInfo, channel: Channel) -> RankInfo:
    """Rank 0's world with a port that is surely free, as it is open from now on; the runner then starts the others."""
    if world.alone:
        return world
    listener = socket.socket()
    listener.bind((LOOPBACK if world.address == LOOPBACK else "", 0))
    listener.listen(world.size)
    port = listener.getsockname()[1]
    channel.send("ranks", port=port)
    return replace(world, port=port, listener=listener.detach())


def _prepare_numerics(runtime: Runtime, seed: object) -> None:
    """Threads as planned, and a known state of the global generators, for code that should not use them but does."""
    import numpy as np
    import torch
    from threadpoolctl import threadpool_limits

    threads = runtime.threads or 1
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for what this stage starts itself
    # numba (under librosa and umap) sets OpenMP's count for the whole process when it first runs in parallel
    os.environ["NUMBA_NUM_THREADS"] = str(threads)
    threadpool_limits(threads)
    torch.set_num_threads(threads)
    number = seed if isinstance(seed, int) else 0
    random.seed(number)
    np.random.seed(number % 2**32)
    torch.manual_seed(number)


def _redirect(log: Path) -> None:
    """Whatever this process and its libraries print goes to the log: the terminal is the runner's."""
    sys.stdout.flush()
    sys.stderr.flush()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == LOG:
            os.truncate(path, 0)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def _locked(job: StageJob, channel: Channel) -> Iterator[None]:
    """Hold the stage's lock: of two runs that need a stage one builds it, the other helps or waits, and reuses it.

    The process that writes holds the lock, so it lasts exactly as long as the writing, whatever becomes of the runner.
    """
    path = Path(job.lock)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:  # never deleted: a lock on a deleted file would lock nothing
        if not _lock(file.fileno()):
            stage = _stage(job) if hasattr(locate(job.node["_target_"], job.name), "help") else None
            channel.say(f"another run is building this stage: {'helping' if stage else 'waiting for'} it")
            while not _lock(file.fileno()):
                if stage is not None:
                    _redirect_to(job.log)
                    stage.help({name: Path(path) for name, path in job.inputs.items()}, job.partial, channel)
                time.sleep(LOOK_SECONDS)
        yield


def _lock(handle: int) -> bool:
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def _redirect_to(log: Path) -> None:
    """As `_redirect`, into a folder that may be gone by now."""
    with suppress(FileNotFoundError):
        _redirect(log)


def _end_with(pipe: Connection) -> None:
    """End this process when the runner is gone: its end of the pipe closes, even after SIGKILL."""

    def watch() -> None:
        try:
            pipe.recv_bytes()
        except (EOFError, OSError):
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
