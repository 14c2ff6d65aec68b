"""The process group of a training: who is there is checked before anything is computed, and said when it is not.

A process alone has no process group; `Alone` stands in its place.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import distributed
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # as documented
from torch.distributed.distributed_c10d import PrefixStore

from sovits_lab.pipeline.distributed import RankInfo

# While one rank looks at held-out utterances the others wait this long; a rank that dies is noticed by the runner.
PATIENCE = timedelta(hours=2)


class GatheringError(RuntimeError):
    """The processes of a training do not find each other; the message says who, where, and what is likely wrong."""


class Alone:
    """What a process without others has for a group."""

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Tell for each flag whether it holds on one of the ranks."""
        return flags

    def share(self, value: Any) -> Any:
        """Give rank 0's value (JSON types) on every rank."""
        return value


class Group(Alone):
    """Talk among ranks that goes over the processors, beside the exchange of gradients.

    Args:
        store: where rank 0's values are shared.
        rank: this process's.
    """

    def __init__(self, store: distributed.Store, rank: int) -> None:
        self.store, self.rank = store, rank
        self.talk = distributed.new_group(backend="gloo", timeout=PATIENCE)
        self._shared = 0

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """See `Alone`."""
        votes = torch.tensor(flags, dtype=torch.uint8)
        distributed.all_reduce(votes, distributed.ReduceOp.MAX, self.talk)
        return tuple(bool(vote) for vote in votes)

    def share(self, value: Any) -> Any:
        """See `Alone`."""
        key = f"shared/{self._shared}"
        self._shared += 1
        if self.rank == 0:
            self.store.set(key, json.dumps(value))
        return json.loads(self.store.get(key))


@contextmanager
def gather_ranks(world: RankInfo, device: torch.device, timeout: float) -> Iterator[Alone]:
    """Gather the ranks, prove that they can exchange tensors, and keep them together for the block.

    Args:
        world: where this process stands.
        device: that it computes on.
        timeout: seconds for which it waits for the others.

    Raises:
        GatheringError: a rank is missing or cannot be reached, runs another version, or has the same device.
    """
    if world.alone:
        yield Alone()
        return
    if sys.platform == "linux" and world.address.startswith("127."):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # the host's name need not lead anywhere
    backend = "nccl" if device.type == "cuda" else "gloo"
    at = f"{device}, {backend}, store {world.address}:{world.port}"
    where = f"rank {world.rank} of {world.size} on {socket.gethostname()} ({at})"
    store = _connect(world, timeout, where)
    _check_cards(store, world, device, timeout, where)
    _probe(store, world, device, backend, timeout, where)
    distributed.init_process_group(
        backend,
        store=PrefixStore("training", store),
        rank=world.rank,
        world_size=world.size,
        timeout=PATIENCE,
        device_id=device if device.type == "cuda" else None,
    )
    try:
        yield Group(store, world.rank)
    finally:
        distributed.destroy_process_group()


def _connect(world: RankInfo, timeout: float, where: str) -> TCPStore:
    seconds = timedelta(seconds=timeout)
    try:
        if world.rank == 0:
            return TCPStore(
                world.address,
                world.port,
                world.size,
                is_master=True,
                timeout=seconds,
                wait_for_workers=False,
                master_listen_fd=world.listener,
            )
        return TCPStore(world.address, world.port, world.size, timeout=seconds, wait_for_workers=False)
    except RuntimeError as error:
        if world.rank == 0:
            raise GatheringError(
                f"{where}: the store cannot be opened, is the port taken? ({_first(error)})"
            ) from error
        hint = "has rank 0 ended (see its log), or can this host not reach that one (address, firewall)?"
        raise GatheringError(f"{where}: nobody answers within {timeout:g} s: {hint} ({_first(error)})") from error


def _check_cards(store: TCPStore, world: RankInfo, device: torch.device, timeout: float, where: str) -> None:
    """Every rank shows a card; each waits until it has seen all, and compares."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    seat = f"{socket.gethostname()} {device} {visible}" if device.type == "cuda" else ""
    versions = {"torch": torch.__version__, "python": sys.version.split()[0]}
    store.set(f"card/{world.rank}", json.dumps({"seat": seat, **versions}))
    keys = [f"card/{rank}" for rank in range(world.size)]
    try:
        store.wait(keys, timedelta(seconds=timeout))
        cards = [json.loads(store.get(key)) for key in keys]
    except distributed.DistStoreError:
        missing = [rank for rank, key in enumerate(keys) if not store.check([key])]
        raise GatheringError(
            f"{where}: rank {', '.join(map(str, missing))} has not come within {timeout:g} s: was it started, is it "
            f"still reading its data (see its log)? trainer.timeout gives it longer"
        ) from None
    except RuntimeError as error:
        raise GatheringError(f"{where}: rank 0 has ended, see its log ({_first(error)})") from error
    for rank, card in enumerate(cards):
        for key, version in versions.items():
            if card[key] != version:
                raise GatheringError(
                    f"{where}: {key} is {version}, on rank {rank} it is {card[key]}: use one environment"
                )
        if seat and card["seat"] == seat and rank != world.rank:
            raise GatheringError(f"{where}: rank {rank} has the same device: trainer.devices is more than there are")


def _probe(store: TCPStore, world: RankInfo, device: torch.device, backend: str, timeout: float, where: str) -> None:
    """One sum over all ranks in a group that gives up early, then that group's end."""
    try:
        distributed.init_process_group(
            backend,
            store=PrefixStore("probe", store),
            rank=world.rank,
            world_size=world.size,
            timeout=timedelta(seconds=timeout),
            device_id=device if device.type == "cuda" else None,
        )
        ranks = torch.full((1,), float(world.rank), device=device)
        distributed.all_reduce(ranks)
        total = float(ranks)
    except RuntimeError as error:
        names = "NCCL_SOCKET_IFNAME" if backend == "nccl" else "GLOO_SOCKET_IFNAME"
        raise GatheringError(
            f"{where}: all ranks are there, but a sum over them fails: has one died (see the logs), or do the hosts "
            f"need {names} to name the network that joins them? ({_first(error)})"
        ) from error
    expected = world.size * (world.size - 1) / 2
    if total != expected:
        raise GatheringError(f"{where}: the sum of the ranks is {total}, expected {expected}: {backend} is broken here")
    distributed.destroy_process_group()


def _first(error: BaseException) -> str:
    return str(error).splitlines()[0]
