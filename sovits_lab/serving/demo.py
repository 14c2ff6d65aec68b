"""`make serve-demo`: start a service, let it speak a sentence into a file, say how to go on, and keep serving."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from sovits_lab.serving.access.principal import Allowance
from sovits_lab.serving.building import keys_of
from sovits_lab.serving.client import VoiceClient

FOLDER, OUT, PORT = Path("runs/serving-demo"), Path("demo.wav"), 8000
TEXT = "Good evening. The river is cold tonight."
PATIENCE = 300.0  # seconds; on a machine with other work a first start takes a minute


def main(argv: list[str]) -> int:
    """Serve a bundle until Ctrl-C; the exit status is the service's."""
    began, url = time.monotonic(), f"http://127.0.0.1:{PORT}"
    (bundle,) = argv
    if _is_taken():
        print(f"serve-demo: {url} is taken by something that runs already; end it first", file=sys.stderr)
        return 1
    key = keys_of(FOLDER).add("demo", ("speak", "voices:write", "admin"), Allowance(0, 0))
    command = [sys.executable, "-m", "sovits_lab", "serve", f"bundle={bundle}", f"folder={FOLDER}", f"http.port={PORT}"]
    with subprocess.Popen(command) as service:  # noqa: S603 - our own interpreter and module
        try:
            while not _ready(url):
                if service.poll() is not None:
                    return service.returncode or 1  # it has said why
                if time.monotonic() - began > PATIENCE:
                    print(f"serve-demo: the service did not become ready within {PATIENCE:g} s", file=sys.stderr)
                    service.terminate()
                    return service.wait() or 1
                time.sleep(0.2)
            with VoiceClient(url, key) as client:
                voice = client.voices()[0]
                emotion = next((one for one in voice["emotions"] if one != "neutral"), None)
                speech = client.speak(TEXT, voice["id"], emotion=emotion, response_format="wav", seed=1)
            OUT.write_bytes(speech.data)
            took = time.monotonic() - began
            print(f"\n{OUT}: {speech.seconds:.1f} s of {voice['id']} ({emotion}), {took:.0f} s after the start")
            print(f"page: {url}/   key: {key}\nCtrl-C ends the service", flush=True)
            return service.wait()
        except KeyboardInterrupt:
            return service.wait()


def _is_taken() -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", PORT)) == 0


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready").status_code == 200
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
