"""Name tables are bijections: every key of every version has one name on either side."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
import torch

from sovits_lab.checkpoints.architecture import discriminator_node, gpt_node, periods_for, sovits_node
from sovits_lab.checkpoints.bundle import build
from sovits_lab.checkpoints.names import count, discriminator_names, gpt_names, inverse, sovits_names
from tests.checkpoints.upstream_models import VERSIONS, released, small_sovits

SHARED = Path(os.environ.get("SOVITS_LAB_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "upstream"


def table_of(name: str) -> dict[str, tuple[int, ...]]:
    path = SHARED / f"state_dict_{name}.tsv"
    if not path.is_file():
        pytest.skip(f"no table of upstream's keys at {path}")
    rows = (line.split("\t") for line in path.read_text().splitlines()[1:])
    return {key: ast.literal_eval(shape) for key, shape, _ in rows}


def shapes_on_meta(node: dict) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {key: tuple(value.shape) for key, value in build(node).state_dict().items()}


@pytest.mark.parametrize("name", ["s1_v1", "s1_v2_and_later"])
def test_gpt_tables_are_bijections(name):
    upstream = {k.removeprefix("model."): v for k, v in table_of(name).items()}
    names = gpt_names(upstream)
    ours = shapes_on_meta(released("gpt", name[:5]))
    assert {names[k]: shape for k, shape in upstream.items()} == ours
    assert len(upstream) == 295 == len(ours)
    assert shapes_on_meta(gpt_node(upstream, {})) == ours


@pytest.mark.parametrize(("name", "keys"), [("v1", 776), ("v2", 776), ("v2Pro", 781), ("v2ProPlus", 781)])
def test_sovits_tables_are_bijections(name, keys):
    upstream = table_of(f"s2g_{name}")
    names = sovits_names(upstream)
    ours = shapes_on_meta(released("sovits", name.lower()))
    assert {names[k]: shape for k, shape in upstream.items()} == ours
    assert len(upstream) == keys == len(ours)
    assert shapes_on_meta(sovits_node(upstream, {})) == ours


@pytest.mark.parametrize(("name", "option"), [("v1_v2", "mpd5"), ("v2Pro_v2ProPlus", "mpd7")])
def test_discriminator_tables_are_bijections(name, option):
    upstream = table_of(f"s2d_{name}")
    names = discriminator_names(upstream)
    ours = shapes_on_meta(released("discriminator", option))
    assert {names[k]: shape for k, shape in upstream.items()} == ours
    periods = periods_for(count(upstream, r"discriminators\.(\d+)\."))
    assert shapes_on_meta(discriminator_node(upstream, periods)) == ours


@pytest.mark.parametrize("version", VERSIONS)
def test_both_sides_give_the_same_table(version):
    """Without any file from outside: from our keys to upstream's and back is the identity."""
    ours = small_sovits(version).state_dict().keys()
    table = sovits_names(ours)
    assert set(table.values()) == set(ours)
    assert sovits_names(table) == table
    assert inverse(inverse(table)) == table
