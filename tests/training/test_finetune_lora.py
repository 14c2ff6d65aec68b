"""v3 and v4 from released files to a LoRA file: convert, adapt by the recipe, export both ways, load both, speak."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from sovits_lab import Synthesizer
from sovits_lab.__main__ import main
from sovits_lab.checkpoints.upstream_bundle import load_bundle
from sovits_lab.checkpoints.upstream_file import read_upstream
from sovits_lab.pipeline.settings import register
from sovits_lab.reporting import Silent
from sovits_lab.training.sovits import TrainSovits
from tests.checkpoints.test_matched import files
from tests.checkpoints.upstream_models import (
    CONF,
    MATCHED,
    save_upstream,
    small_gpt,
    small_sovits_node,
    upstream_state,
)
from tests.data.upstream_folders import write_utterance
from tests.inference.test_released import SHORT, content

RANK = 4


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """A folder in upstream's layout: three utterances of noise."""
    rng = np.random.default_rng(0)
    for i in range(3):
        frames = 40 + 2 * i
        heard = torch.from_numpy(rng.standard_normal((8, frames)).astype("float32"))
        wav = 0.1 * rng.standard_normal(frames * 640)
        write_utterance(tmp_path / "voice", f"{i}.wav", ["AA1", "B", "."], wav, heard, torch.ones(20))
    return tmp_path / "voice"


def experiment() -> Any:
    """The stage of `experiment=finetune_v3_lora` as plain values."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=["experiment=finetune_v3_lora"])
    node = config.stages.sovits
    return {key: OmegaConf.to_container(node[key], resolve=True) for key in ("losses", "recipe", "optimisation")}


def adapt(bundle: Path, voice: Path, version: str, out: Path) -> Path:
    """Fine-tune by the experiment's recipe, at a small rank and for two steps."""
    given = experiment()
    given["recipe"]["rank"] = RANK
    given["optimisation"] |= {"steps": 2, "lr": 0.01, "fused": False}
    out.mkdir()
    folder = {"path": str(voice), "batch_size": 2, "held_out": 1}
    stage = TrainSovits(
        model=small_sovits_node(version), discriminator=None, init=str(bundle), folder=folder, slice_frames=8,
        precision="32-true", seed=1, **given,
    )  # fmt: skip
    stage.run({}, out, Silent())
    return out / "bundle"


def say(bundle: Path, clip: Path) -> np.ndarray:
    """Speak with a bundle."""
    released = Synthesizer(Synthesizer.load(bundle, content=content).voice, SHORT)
    how: dict[str, Any] = {"speaker": clip, "speaker_text": "A clip.", "speaker_language": "en", "language": "en"}
    return released.speak("Hello there.", top_k=1, seed=3, **how).wav


@pytest.mark.parametrize("version", MATCHED)
def test_a_voice_is_adapted_and_leaves_as_both_kinds_of_file(version: str, voice: Path, tmp_path: Path) -> None:
    sovits, vocoder = files(tmp_path, version)
    gpt = save_upstream(tmp_path / "gpt.ckpt", upstream_state(small_gpt()), config={"model": {"head": 16}})
    base = tmp_path / "base"
    assert main(["convert", f"gpt={gpt}", f"sovits={sovits}", f"vocoder={vocoder}", f"out={base}"]) == 0
    tuned = adapt(base, voice, version, tmp_path / "run")
    first, learned = (load_bundle(path).parts["sovits"].state_dict() for path in (base, tuned))
    moved = {key for key in first if not torch.equal(first[key], learned[key])}
    assert moved and all(".attention." in key and key.startswith("flow.") for key in moved)

    merged, apart = tmp_path / "merged", tmp_path / "apart"
    assert main(["export", str(tuned), "format=upstream", f"out={merged}"]) == 0
    assert main(["export", str(tuned), "format=upstream", f"lora_base={base}", f"rank={RANK}", f"out={apart}"]) == 0
    assert read_upstream(apart / "lora.pth").lora and not read_upstream(merged / "sovits.pth").lora
    again = {"merged": [f"sovits={merged / 'sovits.pth'}"], "apart": [f"sovits={apart / 'lora.pth'}", f"base={sovits}"]}
    for name, given in again.items():
        out = tmp_path / f"{name}-again"
        assert main(["convert", f"gpt={gpt}", *given, f"vocoder={vocoder}", f"out={out}"]) == 0
        found = load_bundle(out).parts["sovits"].state_dict()
        assert found.keys() == learned.keys()
        for key, value in learned.items():  # merged weights are written as they are, those apart in half precision
            torch.testing.assert_close(found[key], value, rtol=0, atol=0 if name == "merged" else 5e-4)
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, 0.1 * np.random.default_rng(0).standard_normal(32_000 * 3), 32_000)
    assert len(say(tuned, clip)) > 1000
