"""Settings of a service, as `conf/serve.yaml` composes them, and the parts that they name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, TypeVar

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf

from sovits_lab.inference.starter import starter_folder
from sovits_lab.pipeline.command_words import hydra_words
from sovits_lab.pipeline.composition import explain
from sovits_lab.pipeline.conf import CONF
from sovits_lab.pipeline.plan import suggestion
from sovits_lab.pipeline.validation import check_contents, check_node, locate
from sovits_lab.text.limits import TextLimits
from sovits_lab.types import Count, InputError, Positive, Range, got

LOOPBACK = ("127.0.0.1", "::1", "localhost")
Made = TypeVar("Made")


@dataclass(frozen=True)
class HttpSettings:
    """How the service is reached.

    Attributes:
        host, port: where it listens; anything but the loopback interface must be asked for by `exposed`.
        exposed: it may listen beyond this machine.
        origins: pages of other addresses that may call it from a browser; none by default.
        body_bytes: of one request at most.
        slow_seconds: that the header of a request may take to arrive, and then its body.
        stalled_seconds: in which a client may take nothing of its reply before it is broken off.
        documents: whether `/docs` and `/openapi.json` are shown.
        secret: signs links to results; "" makes one that lasts as long as the folder.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Range(0, 65_535)] = 8000
    exposed: bool = False
    origins: Sequence[str] = ()
    body_bytes: Count = 16 << 20
    slow_seconds: Positive = 20.0
    stalled_seconds: Positive = 60.0
    documents: bool = True
    secret: str = ""

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK and not self.exposed:
            raise got("http.host", self.host, "127.0.0.1, or http.exposed=true beside it")
        if "*" in self.origins:
            raise got("http.origins", "*", "addresses of pages, such as https://example.org")


@dataclass(frozen=True)
class RequestLimits:
    """Bounds of one request.

    Attributes:
        letters: of a text that is spoken at once, as OpenAI's.
        job_letters: of a text that is spoken as a job.
        spans, pauses, pause_seconds: of the markup of one text, see `sovits_lab.text.limits.TextLimits`.
        batch_items: of one batch.
        contexts: open at once on one WebSocket.
        idle_flush: seconds without new text after which a context speaks what it has.
        link_seconds: that a signed link to a result is good for.
        kept_seconds: that results are kept.
    """

    letters: Count = 4096
    job_letters: Count = 50_000
    spans: Annotated[int, Range(0)] = 1000
    pauses: Annotated[int, Range(0)] = 200
    pause_seconds: Annotated[float, Range(0)] = 120.0
    batch_items: Count = 64
    contexts: Count = 8
    idle_flush: Positive = 5.0
    link_seconds: Count = 3600
    kept_seconds: Count = 86_400

    def markup(self, letters: int) -> TextLimits:
        """Return the limits of a text of so many letters; a bracket that is spoken is written twice."""
        return TextLimits(2 * letters, self.spans, self.pauses, self.pause_seconds)


def compose_settings(words: Sequence[str]) -> dict[str, Any]:
    """Compose `conf/serve.yaml` with the words of a command line; without a bundle the starter voice speaks.

    Raises:
        InputError: an unknown key or option, or no bundle where the starter voice is missing too.
    """
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            overrides = hydra_words(words, CONF)
            config = compose("serve", overrides=overrides)
            chosen = [word for word in overrides if (CONF / word.partition("=")[0].lstrip("~")).is_dir()]
            _refuse_added(config, compose("serve", overrides=chosen))
    except HydraException as error:
        raise InputError(explain(error, words, CONF, "serve")) from error
    config.bundle = config.bundle or str(starter_folder())
    found = OmegaConf.to_container(config, resolve=True)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def _refuse_added(config: Mapping[Any, Any], known: Mapping[Any, Any], where: str = "") -> None:
    """Refuse keys that `+` added: nothing would read them. Nodes of classes are checked when they are built."""
    for key, value in config.items():
        if key not in known:
            options = [str(one) for one in known]
            raise got(f"{where}{key}", value, f"one of {', '.join(options)}{suggestion(str(key), options)}")
        if isinstance(value, Mapping) and isinstance(known[key], Mapping) and "_target_" not in known[key]:
            _refuse_added(value, known[key], f"{where}{key}.")


def built(node: Mapping[str, Any] | None, where: str, **supplied: Any) -> Any:
    """Construct what a node of the configuration names; `supplied` reaches the parameters of these names.

    Raises:
        InputError: a class that is not there, or arguments that it does not take.
    """
    if not node:
        return None
    target = locate(node["_target_"], where)
    wanted = inspect.signature(target).parameters
    more = {key: value for key, value in supplied.items() if key in wanted}
    check_node(dict(node), where, frozenset(more))
    return target(**{key: value for key, value in node.items() if key != "_target_"}, **more)


def record(kind: type[Made], values: Mapping[str, Any], where: str) -> Made:
    """Make a dataclass of settings.

    Raises:
        InputError: a key that it does not have, a value of another type or out of range.
    """
    known = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(values.keys() - known):
        raise got(f"{where} key", unknown[0], f"one of {', '.join(sorted(known))}")
    node = {**values, "_target_": f"{kind.__module__}.{kind.__qualname__}"}
    check_node(node, where)
    check_contents([(node, where, frozenset())], {})
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
