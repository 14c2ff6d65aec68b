"""A cluster on the loopback interface: a real Redis, real workers, a gateway, a real nginx; all gone with `stop`."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from redis import Redis
from redis.exceptions import RedisError

from sovits_lab.serving.access.principal import Allowance
from sovits_lab.serving.building import keys_of
from sovits_lab.types import InputError, got

ROOT = Path(__file__).parents[2]
FIXED_PORTS = range(20_000, 32_000)  # Linux gives connections ports above these
NGINX = """
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{site}
}}
"""


def free_port() -> int:
    """Return a port of the loopback interface that nobody has, and that no connection is given by chance."""
    while True:
        port = secrets.choice(FIXED_PORTS)
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


def until(ready: Callable[[], object], seconds: float, what: str) -> None:
    """Wait for something that happens soon."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise InputError(f"{what}: not within {seconds:g} s; see the logs of its folder")
        time.sleep(0.05)


class ServiceStack:
    """Processes of a cluster; each can be killed and started again.

    Args:
        bundle: that is spoken with.
        folder: for everything that they write.
        words: further settings of the gateway.
        streams: orders in work at once, of each worker; None is a worker's own default.
    """

    def __init__(self, bundle: Path, folder: Path, *words: str, streams: int | None = None) -> None:
        self.bundle, self.folder, self.words, self.streams = bundle, folder, words, streams
        self.ports = {name: free_port() for name in ("redis", "gateway", "nginx")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.redis = f"redis://127.0.0.1:{self.ports['redis']}/0"
        self.direct = f"http://127.0.0.1:{self.ports['gateway']}"
        self.url = f"http://127.0.0.1:{self.ports['nginx']}"
        self.key = keys_of(folder).add("ann", ("speak", "voices:write", "admin"), Allowance(0, 0, "high"))

    def start(self, workers: int = 2) -> None:
        """Start everything and wait until it is ready. Raises InputError where something does not start."""
        self.start_redis()
        for number in range(workers):
            self.start_worker(f"worker-{number}")
        self.start_gateway()
        self._start_nginx()
        self.wait_ready(workers)

    def start_alone(self) -> None:
        """Start one process that does everything, without Redis and nginx."""
        self.url = self.direct
        self.start_gateway()
        self.wait_ready(1)

    def start_redis(self) -> None:
        """Start Redis, in memory."""
        command = ["redis-server", "--port", str(self.ports["redis"]), "--bind", "127.0.0.1", "--save", "",
                   "--appendonly", "no", "--dir", str(self.folder)]  # fmt: skip
        self._spawn("redis", command)
        until(self._redis_answers, 60, "redis")

    def start_worker(self, name: str) -> None:
        """Start a worker."""
        words = [f"bundle={self.bundle}", f"redis={self.redis}"]
        words += [] if self.streams is None else [f"streams={self.streams}"]
        self._spawn(name, [sys.executable, "-W", "ignore", "-m", "sovits_lab", "worker", *words])

    def start_gateway(self) -> None:
        """Start the gateway."""
        words = [f"bundle={self.bundle}", f"folder={self.folder}", f"http.port={self.ports['gateway']}", *self.words]
        if "redis" in self.processes:
            words += ["serving=cluster", f"serving.engine.redis={self.redis}"]
        self._spawn("gateway", [sys.executable, "-W", "ignore", "-m", "sovits_lab", "serve", *words])

    def kill(self, name: str) -> None:
        """End a process at once, as the system does when memory ends."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def wait_ready(self, workers: int = 1, seconds: float = 180) -> None:
        """Wait until the gateway sees so many workers."""
        until(lambda: self._workers() >= workers, seconds, "cluster")

    def stop(self) -> None:
        """End all processes."""
        for name in list(self.processes):
            self.kill(name)

    def client(self) -> httpx.Client:
        """Return a client of nginx."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=200)

    def _start_nginx(self) -> None:
        path = ROOT / "deploy" / "nginx" / "sovits-lab.conf"
        if not path.is_file():
            raise got("bench of a service behind nginx", f"no {path}", "a checkout, whose deploy/ is not in a wheel")
        site = path.read_text(encoding="utf-8")
        site = site.replace("127.0.0.1:8000", f"127.0.0.1:{self.ports['gateway']}")
        site = site.replace("127.0.0.1:8080", f"127.0.0.1:{self.ports['nginx']}")
        file = self.folder / "nginx.conf"
        file.write_text(NGINX.format(folder=self.folder, site=site), encoding="utf-8")
        how = "daemon off; master_process off;"
        self._spawn("nginx", ["nginx", "-c", str(file), "-p", str(self.folder), "-g", how])

    def _spawn(self, name: str, command: list[str]) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self.processes[name] = subprocess.Popen(  # noqa: S603 - our own commands
            command, cwd=ROOT, env=environment, stdout=log, stderr=log
        )

    def _redis_answers(self) -> bool:
        try:
            return bool(Redis.from_url(self.redis).ping())
        except RedisError:
            return False

    def state(self) -> dict[str, Any]:
        """Return what the gateway says of its queue and its workers. Raises httpx.HTTPError where it does not."""
        headers = {"Authorization": f"Bearer {self.key}"}
        found = httpx.get(f"{self.direct}/health/state", headers=headers, timeout=30)
        found.raise_for_status()
        state: dict[str, Any] = found.json()
        return state

    def _workers(self) -> int:
        try:
            return int(self.state()["engine"]["workers"])
        except httpx.HTTPError:
            return 0
