"""`python -m sovits_lab worker bundle=RUN redis=redis://...`: a worker of a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sovits_lab.inference.command import LOADING, SOLVERS
from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.pipeline.memory import bound_prepared_kernels, share_freed_memory


@dataclass(frozen=True)
class WorkerOptions:
    """Speak what gateways hand out: one process, one model, one device. See docs/serving.md."""

    bundle: str = option("a run folder or a bundle")
    redis: str = option("address of the broker", "redis://127.0.0.1:6379/0")
    streams: int = option("orders in work at once", 8, least=1)
    batch: int = option("short texts that are spoken together at most", 8, least=1)
    threads: int = option("of the processor", 1, least=1)
    recycle_after: int = option(
        "orders after which it ends, for its supervisor to start it again; 0: never", 0, least=0
    )
    recycle_megabytes: float = option("of memory above which it ends likewise; 0: never", 0.0, least=0)
    recogniser: str = option("a recogniser that whole speech must pass, such as whisper-base", "", shown="none")
    device: str = option("where the networks run: cpu, cuda, cuda:1, mps", "cpu")
    dtype: str = option("what they compute in", "float32", choices=("float32", "bfloat16", "float16"))
    precision: str = option("weights of a released GPT on a CPU", "fp32", choices=("fp32", "bf16", "int8"))
    adapters: str | None = option("a bundle of style adapters", None, shown="those beside the bundle")
    steps: int | None = option("of the flow of v3 and v4", None, shown="the bundle's, 8", least=1, most=256)
    solver: str | None = option("of the flow of v3 and v4", None, shown="the bundle's, shortcut", choices=SOLVERS)
    content: str | None = option("released family: chinese-hubert-base, a folder or a hub id", None)
    speaker_network: str | None = option("released Pro models: weights of ERes2NetV2", None)
    bert: str | None = option("released family: chinese-roberta-wwm-ext-large, folder or hub id", None, shown="zeros")
    g2pw: str | None = option("released family: a folder of the network for Chinese polyphones", None, shown="pypinyin")
    japanese_dictionary: str | None = option("released family: a folder of Open JTalk's own dictionary", None)


def main(argv: list[str]) -> int:
    """Speak orders until told to stop."""
    if not argv or wants_help(argv):
        print(describe(WorkerOptions, "worker"))
        return 0
    options = read_options(WorkerOptions, argv)
    share_freed_memory()
    bound_prepared_kernels()

    import torch
    from redis import Redis

    from sovits_lab.serving.cluster.clips import RedisVectors
    from sovits_lab.serving.cluster.worker import SpeechWorker
    from sovits_lab.serving.engines.models import BundleModel
    from sovits_lab.serving.logs import log_to_stderr

    log_to_stderr("WARNING")
    torch.set_num_threads(options.threads)
    loading = {name: getattr(options, name) for name in LOADING}
    kept = Redis.from_url(options.redis, socket_timeout=5, socket_connect_timeout=1)
    load = partial(BundleModel, options.bundle, vectors=partial(RedisVectors, kept), **loading)
    names = ("streams", "batch", "recycle_after", "recycle_megabytes", "recogniser")
    SpeechWorker(options.redis, load, **{name: getattr(options, name) for name in names}).run()
    return 0
