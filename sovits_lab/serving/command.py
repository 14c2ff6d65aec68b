"""`python -m sovits_lab serve [bundle=RUN]`: speech as a service."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from omegaconf import OmegaConf

from sovits_lab.options import wants_help
from sovits_lab.pipeline.conf import CONF
from sovits_lab.pipeline.memory import bound_prepared_kernels, share_freed_memory
from sovits_lab.serving.settings import compose_settings

FIRST_OWNER = "local"


def main(argv: list[str]) -> int:
    """Serve until it is told to stop; at the first start an API key is made and shown once."""
    if wants_help(argv):
        print("usage: python -m sovits_lab serve [bundle=RUN] [serving=embedded|cluster] [key=value ...]\n")
        print("Speech over HTTP: see docs/serving.md. Settings and their defaults:\n")
        print(OmegaConf.to_yaml(OmegaConf.load(CONF / "serve.yaml")))
        print("serving:\n" + (CONF / "serving" / "embedded.yaml").read_text(encoding="utf-8"))
        return 0
    settings = compose_settings(argv)
    share_freed_memory()
    bound_prepared_kernels()

    import uvicorn

    from sovits_lab.serving.building import keys_of, make_service
    from sovits_lab.serving.connections import allow_many_files
    from sovits_lab.serving.listening import listener
    from sovits_lab.serving.logs import log_to_stderr

    allow_many_files()
    service = make_service(settings)
    keys = keys_of(Path(settings["folder"]))
    if not len(keys):
        key = keys.add(FIRST_OWNER, ("speak", "voices:write", "admin"))
        print(f"API key, shown this once: {key}", flush=True)
    where = f"http://{service.http.host}:{service.http.port}"
    print(f"loading; then {where} answers, with a page at {where}/", flush=True)
    log_to_stderr()
    server = uvicorn.Server(listener(service))
    with suppress(SystemExit, KeyboardInterrupt):  # of a server that could not start; Ctrl-C, when it has stopped
        server.run()
    return 0 if server.started else 1  # what kept it from starting is in the log
