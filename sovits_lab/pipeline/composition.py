"""What Hydra refuses about a command line, said in one line as every other refusal of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from sovits_lab.pipeline.plan import suggestion
from sovits_lab.types import got


def explain(error: HydraException, overrides: Sequence[str], config: Path, name: str) -> str:
    """Return one line that names the override, what was expected and the nearest word that fits.

    Args:
        error: what Hydra raised while it composed.
        overrides: words of the command line.
        config: folder of the primary configuration.
        name: the primary configuration's.
    """
    text = str(error)
    if found := re.match(r"Could not override '([^']+)'", text):
        return _unknown_key(found[1], overrides, config, name)
    if found := re.search(r"Could not find '([^']+)/([^'/]+)'", text):
        group, option = found.groups()
        return str(got(group, option, _one_of(option, _options(text))))
    if found := re.search(r"Could not load '([^']+)/([^'/]+)'", text):
        group, option = found.groups()
        return str(got(group, option, _one_of(option, sorted(path.stem for path in (config / group).glob("*.yaml")))))
    if found := re.match(r"Ambiguous value for argument '([^=]+)=(.*)'", text):
        key, value = found.groups()
        ways = f"[{value}] as a list; \"{key}='{value}'\" where the comma belongs to it; -m for a sweep"
        return str(got(key.lstrip("+~"), value, f"one value: {ways}"))
    if found := re.match(r"You must specify '([^']+)'", text):
        return str(got(found[1], None, _one_of("", _options(text))))
    if found := re.match(r"Error merging override ([^=]+)=(.*)", text):
        kind = re.search(r"could not be converted to (\w+)", f"{text} {error.__cause__}")
        expected = f"a value of type {kind[1].lower()}" if kind else "a value of another type"
        return str(got(found[1].lstrip("+~"), found[2], expected))
    if found := re.match(r"Error parsing override '([^']*)'\s+missing EQUAL", text):
        return str(got("word of the command line", found[1], "key=value or group=option"))
    if found := re.match(r"Error resolving interpolation '([^']+)'", text):
        groups = re.findall(r"\$\{(\w+)\}", found[1])
        if absent := [one for one in groups if {f"~{one}", f"{one}=null"}.intersection(overrides)]:
            beside = " and ".join(one for one in groups if one not in absent)
            return str(got(absent[0], "null", f"an option of it, which {beside}= is chosen by; or {beside}=null"))
    return " ".join(line.strip() for line in text.splitlines()[:2] if line.strip() and "https://" not in line)


def without_groups(words: Sequence[str], config: Path) -> list[str]:
    """Return words in which `GROUP=null` is what Hydra understands: `~GROUP`, or nothing for `debug`, off by itself.

    Args:
        words: of the command line.
        config: folder with a folder for each group.
    """
    kept = []
    for word in words:
        group, _, value = word.partition("=")
        if value != "null" or not re.fullmatch(r"[\w/]+", group) or not (config / group).is_dir():
            kept.append(word)
        elif group != "debug":
            kept.append(f"~{group}")
    return kept


def _unknown_key(key: str, overrides: Sequence[str], config: Path, name: str) -> str:
    """Compose without the unknown key, and others like it, to say which keys are there."""
    others = _without(key, overrides)
    value = next((word.partition("=")[2] for word in overrides if word.lstrip("+~").startswith(f"{key}=")), "")
    node: object = None
    while node is None:
        GlobalHydra.instance().clear()
        try:
            with initialize_config_dir(version_base="1.3", config_dir=str(config)):
                node = compose(name, overrides=others, return_hydra_config=True)
        except HydraException as error:
            found = re.match(r"Could not override '([^']+)'", str(error))
            fewer = _without(found[1], others) if found else others
            if len(fewer) == len(others):
                return f"{key}: no such key in this configuration"
            others = fewer
    assert isinstance(node, DictConfig)
    chosen = _chosen_by_debug(key.partition(".")[0], node.hydra.runtime.choices, overrides, config)
    parts, shown = key.split("."), []
    for part in parts:
        if not isinstance(node, DictConfig) or part not in node:
            break
        shown.append(part)
        if link := _link(node, part):
            taken = ".".join([link, *parts[len(shown) :]])
            return str(got(key, value, f"{taken}={value}: {'.'.join(shown)} is taken from {link}"))
        node = node[part]
    wrong = parts[len(shown)] if len(shown) < len(parts) else parts[-1]
    known = [str(each) for each in node if each != "hydra"] if isinstance(node, Mapping | DictConfig) else []
    return str(got(".".join([*shown, wrong]), value, _one_of(wrong, known))) + chosen


def _link(node: DictConfig, key: str) -> str:
    """The other key that a key's whole value is taken from by `${...}`, or nothing."""
    raw = OmegaConf.to_container(node, resolve=False)
    assert isinstance(raw, dict)
    found = re.fullmatch(r"\$\{(\w[\w.]*)\}", str(raw[key]))
    return found[1] if found else ""


def _without(key: str, overrides: Sequence[str]) -> list[str]:
    return [word for word in overrides if word.lstrip("+~").partition("=")[0] != key]


def _chosen_by_debug(group: str, choices: Mapping[str, str], overrides: Sequence[str], config: Path) -> str:
    """Say that `debug` chose the option whose keys these are, where no word of the command names one."""
    debug = config / "debug" / f"{choices.get('debug')}.yaml"
    if not debug.is_file() or any(word.lstrip("+~").startswith(f"{group}=") for word in overrides):
        return ""
    option = OmegaConf.load(debug)
    if not isinstance(option, DictConfig) or not any(f"override /{group}" in entry for entry in option.defaults):
        return ""
    return f"; debug={debug.stem} takes {group}={choices.get(group)}: name {group}=... for another"


def _options(text: str) -> list[str]:
    """The options that Hydra lists, one a line after a tab."""
    return [line.strip() for line in text.splitlines() if line.startswith("\t") and "=" not in line]


def _one_of(word: str, options: Sequence[str]) -> str:
    return f"one of {', '.join(options)}{suggestion(word, options)}" if options else "a key that is there"
