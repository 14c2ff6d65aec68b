"""`verify` takes its sizes from the folder: other widths, depths, heads, strides, seeds and lengths.

What is stored is a plain re-statement's, not upstream's, which made the golden fixtures alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sovits_lab.__main__ import main
from sovits_lab.checkpoints.matched_names import estimator_names, vocoder_names
from sovits_lab.checkpoints.names import gpt_names, inverse
from sovits_lab.conditioning.eres2net import ERes2NetV2, speaker_features
from sovits_lab.models.gpt.decoder import PrefixDecoder
from sovits_lab.models.heads.bigvgan import BigVgan
from sovits_lab.models.heads.hifigan import HifiGan
from sovits_lab.models.sovits.flow_matching import FlowMatching
from sovits_lab.models.sovits.flow_transformer import FlowTransformer
from sovits_lab.verification.fixture import drawn_weights
from tests.verification import plain

STORED, COUNTERS = ("filter", "inv_freq"), "num_batches_tracked"


def drawn(shapes: Mapping[str, tuple[int, ...]], seed: int) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """A recipe for published names and shapes, as the fixtures have it, and the weights that it gives."""
    recipe = []
    for key, shape in shapes.items():
        if key.endswith((*STORED, COUNTERS)):
            continue
        size = math.prod(shape[1:])
        mean, std = (0.0, size**-0.5) if len(shape) > 1 else (0.0, 0.05)
        if key.endswith(("act.alpha", "act.beta")):
            std = 0.3
        elif key.endswith(("running_var", "alpha", "weight_g", "bn1.weight", "bn3.weight", "norm.weight")):
            mean, std = (0.4 if key.startswith(("resblocks", "conv_p")) else 1.0), 0.1
        recipe.append({"key": key, "shape": list(shape), "mean": mean, "std": std})
    return recipe, drawn_weights(recipe, seed)


def write(
    folder: Path,
    name: str,
    arrays: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    weights: Mapping[str, Tensor] | None,
) -> None:
    """A fixture in the layout of the published ones; without stored weights they are drawn by the recipe."""
    save_file({key: value.contiguous() for key, value in arrays.items()}, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(facts))
    if weights is not None:
        save_file({key: value.contiguous() for key, value in weights.items()}, folder / f"{name}.weights.safetensors")


def verified(folder: Path, spoilt: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All agree; and where one number is another, it is found."""
    status, out = main(["verify", str(folder)]), capsys.readouterr().out
    assert status == 0, out
    path = next(folder.glob("*[!s].safetensors"))
    arrays = load_file(path)
    arrays[spoilt].view(-1)[arrays[spoilt].numel() // 2] += 0.01 * float(arrays[spoilt].abs().max())
    save_file(arrays, path)
    assert main(["verify", str(folder), "--quiet"]) == 1
    assert spoilt in capsys.readouterr().out


def shapes_of(module: torch.nn.Module, table: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    """Published names and shapes of a module."""
    state = module.state_dict()
    return {table[key]: tuple(value.shape) for key, value in state.items()}


VOCODERS: dict[str, dict[str, Any]] = {
    "v4 that halves unevenly": {
        "mels": 13, "upsample_initial_channel": 52, "upsample_rates": [5, 4, 3], "upsample_kernel_sizes": [11, 8, 7],
        "resblock_kernel_sizes": [3, 5], "resblock_dilation_sizes": [[1, 2], [1, 4]],
    },
    "v4 of one stage": {
        "mels": 6, "upsample_initial_channel": 10, "upsample_rates": [8], "upsample_kernel_sizes": [16],
        "resblock_kernel_sizes": [3, 7, 11], "resblock_dilation_sizes": [[1, 3, 5]] * 3,
    },
    "v3": {
        "mels": 9, "upsample_initial_channel": 22, "upsample_rates": [3, 2], "upsample_kernel_sizes": [7, 4],
        "resblock_kernel_sizes": [3, 9], "resblock_dilation_sizes": [[1, 3], [1, 5]],
    },
    "v3 with tanh and a bias": {
        "mels": 5, "upsample_initial_channel": 24, "upsample_rates": [4, 2, 2], "upsample_kernel_sizes": [8, 4, 4],
        "resblock_kernel_sizes": [3, 5, 7], "resblock_dilation_sizes": [[1, 3, 5]] * 3,
        "use_tanh_at_final": True, "use_bias_at_final": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("kind", VOCODERS)
def test_vocoders_of_other_strides_and_widths(
    kind: str, stored: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = VOCODERS[kind]
    sizes = {"in_channels": config["mels"], "channels": config["upsample_initial_channel"],
             "rates": config["upsample_rates"], "kernels": config["upsample_kernel_sizes"],
             "resblock_kernels": config["resblock_kernel_sizes"],
             "resblock_dilations": config["resblock_dilation_sizes"]}  # fmt: skip
    module: torch.nn.Module
    if kind.startswith("v3"):
        module = BigVgan(**sizes, post_bias=bool(config.get("use_bias_at_final")))
    else:
        module = HifiGan(**sizes, condition_channels=0, post_bias=True, weight_normalised=False)
    own = module.state_dict()
    recipe, state = drawn(shapes_of(module, inverse(vocoder_names(own))), 977)
    torch.manual_seed(3)
    mel = torch.randn(2, config["mels"], 17)
    arrays = {"in.mel": mel, **plain.vocoder(state, config, mel)}
    assert float(arrays["out.wave"].std()) > 0.01
    filters = {k: plain.low_pass()[None, None] for k in shapes_of(module, inverse(vocoder_names(own))) if "filter" in k}
    facts = {"config": {**config, "num_mels": config["mels"]}, "weight_seed": 977, "recipe": recipe}
    write(tmp_path, f"vocoder_{kind[:2]}_other", arrays, facts, {**state, **filters} if stored else None)
    verified(tmp_path, "out.wave", capsys)


FIELDS = [
    {"dim": 48, "depth": 1, "heads": 3, "dim_head": 10, "ff_mult": 3, "mel_dim": 7, "text_dim": 18, "conv_layers": 3},
    {"dim": 32, "depth": 4, "heads": 1, "dim_head": 24, "ff_mult": 1, "mel_dim": 11, "text_dim": 6, "conv_layers": 1},
]


def field_state(config: Mapping[str, int]) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    names = {"dim": "width", "depth": "layers", "heads": "heads", "dim_head": "head_width", "ff_mult": "expansion",
             "mel_dim": "mels", "text_dim": "condition_channels", "conv_layers": "condition_layers"}  # fmt: skip
    module = FlowMatching(FlowTransformer(**{names[key]: value for key, value in config.items()}))
    recipe, state = drawn(shapes_of(module, inverse(estimator_names(module.state_dict()))), 41)
    frequencies = 10000.0 ** (-torch.arange(0, config["dim_head"], 2).float() / config["dim_head"])
    return recipe, {**state, "estimator.rotary_embed.inv_freq": frequencies}


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("config", FIELDS)
def test_velocity_fields_of_other_widths_and_heads(
    config: dict[str, int], stored: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, state = field_state(config)
    torch.manual_seed(5)
    frames, mels, text = 19, config["mel_dim"], config["text_dim"]
    arrays = {f"in.{k}": torch.randn(2, mels, frames) for k in ("x", "prompt")}
    arrays |= {f"in.{k}": torch.randn(2, text, frames) for k in ("cond", "other_cond")}
    arrays |= {"in.t": torch.rand(2), "in.dt": torch.rand(2), "in.other_dt": torch.rand(2)}
    arrays["in.x_lens"] = torch.tensor([frames, 13])

    def outputs(cond: Tensor, t: Tensor, dt: Tensor, prompt: Tensor, rows: slice = slice(0, 2)) -> Tensor:
        end = 13 if rows.start else frames
        real = torch.arange(end) < arrays["in.x_lens"][rows, None]
        embedded = plain.text_embedding(state, cond.transpose(1, 2)[rows, :end])
        vector = plain.scalar_embedding(state, "estimator.time_embed", t.expand(2))
        vector = vector + plain.scalar_embedding(state, "estimator.d_embed", dt)
        x = arrays["in.x"][rows, :, :end]
        return plain.velocity(state, config, x, prompt[rows, :, :end], embedded, vector[rows], real)

    given = arrays["in.cond"], arrays["in.t"], arrays["in.dt"], arrays["in.prompt"]
    cond, t, dt, prompt = given
    arrays["out.v"] = outputs(*given)
    arrays["out.v_no_shortcut"] = outputs(cond, t, torch.zeros(2), prompt)
    arrays["out.v_one_time_for_all"] = outputs(cond, t[1:2], dt, prompt)
    arrays["out.v_dropped"] = outputs(0 * cond, t, dt, 0 * prompt)
    arrays["out.v_given_caches"] = outputs(arrays["in.other_cond"], t, arrays["in.other_dt"], prompt)
    arrays["out.v_row1_alone_cut"] = outputs(cond, t, dt, prompt, slice(1, 2))
    assert float((arrays["out.v"] - arrays["out.v_no_shortcut"]).abs().max()) > 0.01
    facts = {"config": config, "weight_seed": 41, "recipe": recipe}
    write(tmp_path, "cfm_dit_other", arrays, facts, state if stored else None)
    verified(tmp_path, "out.v", capsys)


@pytest.mark.parametrize("config", FIELDS)
def test_samples_of_other_steps_lengths_and_rows(
    config: dict[str, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, state = field_state(config)
    torch.manual_seed(6)
    frames, given = 23, 8
    arrays = {
        "in.noise": torch.randn(1, config["mel_dim"], frames),
        "in.mu": torch.randn(1, frames, config["text_dim"]),
    }
    arrays |= {"in.prompt": torch.randn(1, config["mel_dim"], given), "in.x_lens": torch.tensor([frames])}
    arrays |= {"batch.in.noise": torch.randn(3, config["mel_dim"], 15),
               "batch.in.mu": torch.randn(3, 15, config["text_dim"])}  # fmt: skip
    for steps in (1, 3, 6):
        arrays[f"out.steps{steps}"] = plain.sampled(
            state, config, arrays["in.noise"], arrays["in.mu"], arrays["in.prompt"], steps
        )
    rows = arrays["in.prompt"].expand(3, -1, -1)
    arrays["batch.out.steps2"] = plain.sampled(state, config, arrays["batch.in.noise"], arrays["batch.in.mu"], rows, 2)
    nothing = arrays["in.prompt"][..., :0]
    made = plain.sampled(state, config, arrays["in.noise"], arrays["in.mu"], nothing, 3)
    arrays["out.steps3_no_prompt"] = made
    arrays["out.steps3_temperature0.6"] = plain.sampled(
        state, config, 0.6 * arrays["in.noise"], arrays["in.mu"], arrays["in.prompt"], 3
    )
    write(tmp_path, "cfm_sample_other", arrays, {"config": config, "weight_seed": 41, "recipe": recipe}, state)
    verified(tmp_path, "out.steps6", capsys)


SPEAKERS = [
    {"baseWidth": 26, "scale": 3, "expansion": 2, "m_channels": 12, "num_blocks": [1, 2, 1, 1], "embedding_size": 10},
    {"baseWidth": 32, "scale": 2, "expansion": 4, "m_channels": 8, "num_blocks": [2, 1, 1, 2], "embedding_size": 7},
]


@pytest.mark.parametrize("config", SPEAKERS)
def test_speaker_networks_of_other_widths(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = ERes2NetV2(config["num_blocks"], config["m_channels"], config["baseWidth"], config["scale"],
                        config["expansion"], config["embedding_size"])  # fmt: skip
    recipe, state = drawn({key: tuple(value.shape) for key, value in module.state_dict().items()}, 7)
    for key in state:
        state[key] = state[key].abs() + 0.2 if key.endswith("running_var") else state[key]
    torch.manual_seed(8)
    wav = 0.3 * torch.randn(2, 9_999)
    made = plain.speaker_maps(state, speaker_features(wav))
    write(tmp_path, "eres2netv2_other", {"in.wave16k": wav, **made}, {"config": config, "recipe": recipe}, state)
    verified(tmp_path, "out.sv_emb", capsys)


GPTS = [(24, 3, 3, 57, 41, 20), (40, 5, 1, 100, 9, 33)]  # width, heads, layers, phones, codes, features of a text


@pytest.mark.parametrize(("width", "heads", "layers", "phones", "codes", "features"), GPTS)
def test_stage_1_of_other_vocabularies(
    width: int, heads: int, layers: int, phones: int, codes: int, features: int, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    module = PrefixDecoder(phones=phones, codes=codes, width=width, heads=heads, layers=layers, bert_channels=features)
    recipe, state = drawn(shapes_of(module, inverse(gpt_names(module.state_dict()))), 13)
    torch.manual_seed(9)
    text, tokens = torch.randint(phones, (1, 11)), torch.randint(codes - 1, (1, 17))
    bert = torch.randn(1, features, 11)
    arrays = {"tf1.in.phoneme_ids": text, "tf1.in.phoneme_lens": torch.tensor([11]), "tf1.in.semantic_ids": tokens,
              "tf1.in.semantic_lens": torch.tensor([17]), "tf1.in.bert_feature": bert}  # fmt: skip
    arrays["tf1.out.logits"] = plain.token_logits(state, heads, text, bert, tokens)
    arrays["tf1.out.targets"] = torch.cat([tokens, torch.tensor([[codes - 1]])], 1)
    loss = torch.nn.functional.cross_entropy(
        arrays["tf1.out.logits"].transpose(1, 2), arrays["tf1.out.targets"], reduction="sum"
    )
    arrays["tf1.out.loss"] = loss
    facts = {"config": {"model": {"head": heads}}, "weight_seed": 13, "recipe": recipe}
    write(tmp_path, "t2s_other", arrays, facts, None)
    verified(tmp_path, "tf1.out.logits", capsys)
