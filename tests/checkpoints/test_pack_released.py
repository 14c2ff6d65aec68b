"""Released voices in 8 bits: near, small, with their adapters, and not exported as if they were exact."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from sovits_lab import Synthesizer
from sovits_lab.checkpoints.adapters import FOLDER, base_digest
from sovits_lab.checkpoints.bundle import WEIGHTS, read_facts, read_weights, write_bundle
from sovits_lab.checkpoints.pack_command import main, pack_voice
from sovits_lab.inference.export_command import main as export
from sovits_lab.inference.loading import load_voice
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import fresh_bundle, small_gpt_node, small_sovits_node
from tests.inference.test_released import asked, content, speaker_network
from tests.training.test_adapters import made, planned

__all__ = ["asked", "made"]
JUDGE = {"_target_": "sovits_lab.models.discriminators.MultiPeriodDiscriminator", "periods": [2],
         "scale_channels": [4] * 6, "scale_groups": [1] * 6, "period_channels": [4] * 5}  # fmt: skip


@pytest.mark.parametrize("version", ["v2", "v2pro", "v4"])
def test_a_packed_released_voice_speaks_nearly_the_same(version: str, tmp_path: Path, asked: dict[str, Any]) -> None:
    torch.manual_seed(0)
    bundle = fresh_bundle({"gpt": small_gpt_node(), "sovits": small_sovits_node(version), "discriminator": JUDGE})
    whole, small = tmp_path / "whole", tmp_path / "small"
    write_bundle(whole, bundle.parts, bundle.facts)
    assert main([f"bundle={whole}", f"out={small}"]) == 0
    assert (small / WEIGHTS).stat().st_size < 0.7 * (whole / WEIGHTS).stat().st_size
    before, after = read_weights(whole), read_weights(small)
    assert after.keys() == {name for name in before if not name.startswith("discriminator/")}
    for name, value in after.items():
        value = before[name]
        torch.testing.assert_close(after[name], value, rtol=0, atol=float(value.abs().max()) / 100 + 1e-9)
    networks = {"content": content, **({"speaker_network": speaker_network} if version == "v2pro" else {})}
    with Synthesizer.load(small, **networks) as packed:
        assert len(packed.speak("Hi.", **asked).wav)


@torch.no_grad()
def test_adapters_belong_to_the_packed_base(made: dict[str, Path], tmp_path: Path) -> None:
    whole, small = made["bundle"] / "voice", tmp_path / "small"
    pack_voice(whole, small)
    packed, voice = load_voice(small), load_voice(whole)
    assert packed.accepts == voice.accepts and {"style", "strength"} <= set(packed.accepts)
    sad = voice.emotion("sad").sovits["style"]
    near, far = (planned(voice, style) - planned(packed, sad) for style in (sad, None))
    assert near.abs().mean() < far.abs().mean() / 5, "the manner is kept, but for rounding"
    assert (small / FOLDER / "DATA_CARD.md").read_text() == (whole / FOLDER / "DATA_CARD.md").read_text()
    facts = read_facts(small / FOLDER, "adapters")
    assert facts["base"] == {part: base_digest(small, part) for part in ("gpt", "sovits")}
    pack_voice(whole, small)  # in the place of the one that is there
    assert load_voice(small).accepts == voice.accepts


def test_what_is_packed_is_not_exported_as_exact(tmp_path: Path) -> None:
    bundle = fresh_bundle({"gpt": small_gpt_node(), "sovits": small_sovits_node("v2")})
    write_bundle(tmp_path / "whole", bundle.parts, bundle.facts)
    pack_voice(tmp_path / "whole", tmp_path / "small")
    with pytest.raises(
        InputError,
        match=r"export, bundle: got .*, expected the bundle that `pack` read: this one has its weights in 8 bits",
    ):
        export([f"bundle={tmp_path / 'small'}", "format=upstream", f"out={tmp_path / 'files'}"])


def test_nothing_but_a_bundle_is_replaced(tmp_path: Path) -> None:
    bundle = fresh_bundle({"gpt": small_gpt_node(), "sovits": small_sovits_node("v2")})
    write_bundle(tmp_path / "whole", bundle.parts, bundle.facts)
    pack_voice(tmp_path / "whole", tmp_path / "small")
    (tmp_path / "small" / "mine.wav").touch()
    with pytest.raises(InputError, match=r"with mine\.wav in it', expected a bundle to replace and nothing else"):
        pack_voice(tmp_path / "whole", tmp_path / "small")
    assert (tmp_path / "small" / "mine.wav").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "small"}


def test_adapters_of_another_base_leave_nothing_behind(made: dict[str, Path], tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(made["bundle"] / "voice", whole)
    record = json.loads((whole / FOLDER / "bundle.json").read_text())
    (whole / FOLDER / "bundle.json").write_text(json.dumps({**record, "base": dict.fromkeys(record["base"], "0" * 64)}))
    with pytest.raises(InputError, match="adapters"):
        pack_voice(whole, tmp_path / "small")
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_what_speaks_not_is_refused_by_its_kind(made: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"kind: got 'adapters', expected a voice of ours, or a released one"):
        pack_voice(made["bundle"] / "voice" / FOLDER, tmp_path / "out")
    assert not (tmp_path / "out").exists()
