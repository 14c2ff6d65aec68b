"""Speaker and style encoders: one vector a clip, whatever stands beside it or after it."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from sovits_lab.checkpoints.bundle import build
from sovits_lab.conditioning.conv_gru import ConvGruReference
from sovits_lab.conditioning.conv_statistics import ConvStatisticsReference
from sovits_lab.conditioning.ecapa_style import EcapaReference
from sovits_lab.conditioning.fusion import CrossAttentionFusion
from sovits_lab.conditioning.gst import GstReference
from sovits_lab.conditioning.labels import LabelEmbedding
from sovits_lab.conditioning.levelled import LevelledReference
from sovits_lab.conditioning.mel_style import MelStyleEncoder, StyleAttention
from sovits_lab.conditioning.pooling import AttentionPool, MeanPool, ReferencePool
from sovits_lab.conditioning.reference import NoReference, ReferenceEncoder
from sovits_lab.conditioning.speaker import MarginClassifier, SpeakerEncoder
from sovits_lab.conditioning.vae import VaeReference
from sovits_lab.nn.masks import length_mask
from sovits_lab.nn.normalisation import MaskedBatchRenorm
from sovits_lab.types import InputError

LENGTHS = [15, 9, 4]


def body() -> ConvGruReference:
    return ConvGruReference(10, (8, 12), 3, 2, 12)


# Made when a test runs and not when it is collected: some import libraries that are slow or odd to have around.
REFERENCES: dict[str, Callable[[], nn.Module]] = {
    "conv_gru": lambda: ConvGruReference(10, (8, 12, 16), 3, 1, 12),
    "conv_gru_narrow": lambda: ConvGruReference(10, (8, 12), 3, 2, 12, 5),
    "conv_gru_wide_kernel": lambda: ConvGruReference(10, (8, 12), 5, 3, 12, 5),
    "mel_style": lambda: MelStyleEncoder(10, 16, 6, 5, 2),
    "gst": lambda: GstReference(body(), 6, 2, 8),
    "vae": lambda: VaeReference(body(), 5),
    "ecapa_style": lambda: EcapaReference(10, 8, 4, 2, 4, 5),
    "conv_statistics": lambda: ConvStatisticsReference(10, 8, 3, 5, 2, 4, 0.0, 5),
    "levelled": lambda: LevelledReference(body()),
}
TRIED = (
    ConvGruReference,
    MelStyleEncoder,
    GstReference,
    VaeReference,
    EcapaReference,
    ConvStatisticsReference,
    LevelledReference,
    NoReference,  # hears nothing
)


def options_of_other_classes(folder: Path) -> dict[str, Callable[[], nn.Module]]:
    """Encoders that stand in the configuration and not above, in the sizes of their option."""
    tried = {kind.__name__ for kind in TRIED}
    nodes = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yaml"))}
    return {
        name: partial(build, {**{key: v for key, v in node.items() if "${" not in str(v)}, "mels": 10})
        for name, node in nodes.items()
        if "_target_" in node and str(node["_target_"]).rpartition(".")[2] not in tried
    }


CONF = Path(__file__).parents[2] / "conf" / "reference"
REFERENCES |= options_of_other_classes(CONF)
ENCODERS = REFERENCES | {"speaker": lambda: SpeakerEncoder(10, 16, 2, 6)}


def test_an_encoder_that_is_new_in_the_configuration_is_tried(tmp_path: Path) -> None:
    assert options_of_other_classes(CONF) == {}
    new = "_target_: sovits_lab.conditioning.speaker.SpeakerEncoder\nmels: ${audio.n_mels}\nchannels: 8\n"
    (tmp_path / "new.yaml").write_text(new)
    (made,) = options_of_other_classes(tmp_path).values()
    assert isinstance(made(), SpeakerEncoder)


@pytest.fixture
def model(name: str) -> nn.Module:
    torch.manual_seed(0)
    made = ENCODERS[name]()
    for module in made.modules():
        if isinstance(module, MaskedBatchRenorm):  # as after training
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            module.settle()
    return made.eval()


@pytest.mark.parametrize("name", ENCODERS)
def test_padding_and_its_content_change_nothing(model: nn.Module) -> None:
    mask = length_mask(torch.tensor(LENGTHS))
    mel = torch.randn(3, 10, 15)
    together = model(torch.where(mask[:, None], mel, torch.full_like(mel, 20.0)), mask)
    assert together.shape == (3, model.out_channels)
    for i, size in enumerate(LENGTHS):
        alone = model(mel[i : i + 1, :, :size], mask[i : i + 1, :size])
        torch.testing.assert_close(together[i], alone[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", REFERENCES)
def test_every_reference_encoder_is_one(model: nn.Module) -> None:
    assert isinstance(model, ReferenceEncoder) and isinstance(model.out_channels, int)
    assert isinstance(model.eval().encode(torch.randn(1, 10, 9), torch.ones(1, 9, dtype=torch.bool)).losses, dict)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_second_and_half_a_minute_are_both_heard(model: ReferenceEncoder) -> None:
    with torch.no_grad():
        short, long = (model(torch.randn(1, 10, n), torch.ones(1, n, dtype=torch.bool)) for n in (50, 1500))
    assert short.isfinite().all() and long.isfinite().all() and short.shape == long.shape == (1, model.out_channels)


@pytest.mark.parametrize("name", REFERENCES)
def test_in_training_too_padding_and_its_content_change_nothing(model: ReferenceEncoder) -> None:
    """Batch statistics see real frames alone: more padding, and other padding, leave a training step as it was."""
    mask, mel = length_mask(torch.tensor(LENGTHS), 20), torch.randn(3, 10, 20)
    results = []
    for size, filling in ((15, 20.0), (20, -9.0)):
        copied = copy.deepcopy(model).train()
        for module in copied.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
            elif isinstance(module, StyleAttention):
                module.dropout = 0.0
        torch.manual_seed(1)
        filled = torch.where(mask[:, None], mel, filling)[..., :size]
        results.append((copied.encode(filled, mask[:, :size]).style, copied.state_dict()))
    torch.testing.assert_close(results[0][0], results[1][0], atol=1e-5, rtol=1e-4)
    for name, value in results[0][1].items():
        torch.testing.assert_close(value, results[1][1][name], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("pool", [MeanPool(), AttentionPool()], ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("name", REFERENCES)
def test_several_references_in_any_order_with_gaps(model: ReferenceEncoder, pool: ReferencePool) -> None:
    model.pool = pool
    mel, mask = torch.randn(1, 3, 10, 15), length_mask(torch.tensor(LENGTHS))[None]
    pooled = model.several(mel, mask)
    for order in itertools.permutations(range(3)):
        torch.testing.assert_close(model.several(mel[:, order], mask[:, order]), pooled, atol=1e-5, rtol=1e-4)
    gap = torch.cat([mask, torch.zeros(1, 1, 15, dtype=torch.bool)], dim=1)
    with_gap = model.several(torch.cat([mel, torch.full((1, 1, 10, 15), 30.0)], dim=1), gap)
    torch.testing.assert_close(with_gap, pooled, atol=1e-5, rtol=1e-4)
    one = model.several(mel[:, :1], mask[:, :1])
    torch.testing.assert_close(one, model(mel[:, 0], mask[:, 0]), atol=1e-5, rtol=1e-4)


def test_the_mean_is_the_mean_and_attention_prefers_what_agrees() -> None:
    styles = torch.tensor([[[1.0, 0.1], [1.0, -0.1], [-1.0, 0.2], [9.0, 9.0]]])
    there = torch.tensor([[True, True, True, False]])
    torch.testing.assert_close(MeanPool()(styles, there), styles[:, :3].mean(1))
    weights = AttentionPool(0.2).weights(styles, there)[0]
    assert weights[:2].min() > 0.4 and weights[2] < 0.01 and weights[3] == 0
    torch.testing.assert_close(AttentionPool(1e6)(styles, there), styles[:, :3].mean(1), atol=1e-4, rtol=1e-4)


def test_style_tokens_are_weighed_and_can_be_chosen_by_hand() -> None:
    model = GstReference(body(), 6, 2, 8).eval()
    mel, mask = torch.randn(3, 10, 9), torch.ones(3, 9, dtype=torch.bool)
    weights = model.weights(mel, mask)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2))
    torch.testing.assert_close(model(mel, mask), model.mixed(weights))
    one = torch.eye(6)[:, None].expand(6, 2, 6)
    torch.testing.assert_close(model.mixed(weights), torch.einsum("bhn,nhc->bhc", weights,
                               model.mixed(one).unflatten(-1, (2, -1))).flatten(1))  # fmt: skip
    assert model.mixed(one).abs().max() <= model.value.weight.abs().sum(1).max(), "tokens are bounded by tanh"


def test_a_variational_style_is_sampled_in_training_and_its_mean_later() -> None:
    model, mel, mask = VaeReference(body(), 5), torch.randn(4, 10, 9), torch.ones(4, 9, dtype=torch.bool)
    model.train()
    assert not torch.equal(model.encode(mel, mask).style, model.encode(mel, mask).style)
    model.eval()
    assert torch.equal(model.encode(mel, mask).style, model(mel, mask))


def test_kl_is_that_of_torch_and_meets_a_rising_capacity() -> None:
    model, mel, mask = VaeReference(body(), 5, 8.0, 4), torch.randn(4, 10, 9), torch.ones(4, 9, dtype=torch.bool)
    for target in (0, 2, 4, 6, 8, 8):
        model.eval()
        h = model.body(mel, mask)
        own = torch.distributions.Normal(model.mean(h), (0.5 * model.log_variance(h)).exp())
        true = torch.distributions.kl_divergence(own, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
        torch.testing.assert_close(model.encode(mel, mask).losses["style_kl"], (true - target).abs())
        model.train().encode(mel, mask)  # one step up; looking, above, does not count


def test_no_reference_hears_nothing() -> None:
    model = NoReference()
    vector = model(torch.randn(3, 10, 9), torch.ones(3, 9, dtype=torch.bool))
    assert torch.equal(vector, torch.zeros(3, 1)) and not model.takes_clips and not list(model.parameters())
    assert all(make().takes_clips for make in REFERENCES.values())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvGruReference(out_channels=-1), "reference.out_channels: got -1, expected a whole number from 0"),
        (lambda: ConvGruReference(channels=(8, 0)), "reference.channels: got (8, 0), expected a whole number from 1"),
        (lambda: ConvGruReference(kernel=4), "reference.kernel: got 4, expected an odd number"),
        (lambda: ConvStatisticsReference(dropout=1.0), "reference.dropout: got 1.0, expected a number from 0, below 1"),
        (lambda: ConvStatisticsReference(out_channels=0), "reference.out_channels: got 0"),
        (lambda: EcapaReference(channels=9, scale=2), "reference.scale: got 2, expected a divisor"),
        (lambda: GstReference(body(), tokens=0), "reference.tokens: got 0"),
        (lambda: GstReference(body(), heads=7), "reference.heads: got 7, expected a divisor of reference.out_channels"),
        (lambda: MelStyleEncoder(heads=3), "reference.heads: got 3, expected a divisor of reference.hidden, 128"),
        (lambda: VaeReference(body(), capacity=-1.0), "reference.capacity: got -1.0"),
        (lambda: VaeReference(body(), warmup=-1), "reference.warmup: got -1, expected a whole number from 0"),
        (lambda: AttentionPool(0.0), "reference.pool.temperature: got 0.0"),
        (lambda: LabelEmbedding(["sad"], 0), "emotion.labels.out_channels: got 0"),
        (lambda: CrossAttentionFusion(tokens=0), "fusion.tokens: got 0"),
        (lambda: CrossAttentionFusion(heads=3).block(8, 2), "fusion.heads: got 3, expected a divisor"),
    ],
)
def test_constructors_check_their_numbers(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        make()


def test_level_is_style_but_not_speaker() -> None:
    style, speaker = ENCODERS["conv_gru"]().eval(), ENCODERS["speaker"]().eval()
    mel, mask = torch.randn(1, 10, 15), torch.ones(1, 15, dtype=torch.bool)
    assert not torch.allclose(style(mel, mask), style(mel - 2, mask), atol=1e-3)
    torch.testing.assert_close(speaker(mel, mask), speaker(mel - 2, mask), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(speaker(mel, mask).norm(dim=1), torch.ones(1))


def test_the_margin_makes_the_right_answer_harder() -> None:
    torch.manual_seed(0)
    vectors, who = nn.functional.normalize(torch.randn(8, 6), dim=1), torch.randint(3, (8,))
    easy, hard = MarginClassifier(6, 3, margin=0.0), MarginClassifier(6, 3, margin=0.4)
    hard.load_state_dict(easy.state_dict())
    assert hard(vectors, who) > easy(vectors, who)
    own = nn.functional.normalize(easy.weight.detach(), dim=1)
    assert easy(own, torch.arange(3)) < easy(own.roll(1, 0), torch.arange(3))


def test_a_levelled_encoder_does_not_hear_the_gain() -> None:
    torch.manual_seed(0)
    inner, mel, mask = body().eval(), torch.randn(2, 10, 40).log_softmax(1) - 2, torch.ones(2, 40, dtype=torch.bool)
    mask[1, 30:] = False
    levelled = LevelledReference(inner)
    for gain in (-4.0, 3.0):
        torch.testing.assert_close(levelled(mel + gain, mask), levelled(mel, mask), atol=1e-5, rtol=1e-4)
        assert not torch.allclose(inner(mel + gain, mask), inner(mel, mask), atol=1e-2)
    silent = torch.full_like(mel, -11.5)
    assert levelled(silent, mask).isfinite().all()
    floors = [torch.cat([mel[:1], torch.full((1, 10, 9), floor)], 2) for floor in (-11.5, -14.0)]
    whole = torch.ones(1, 49, dtype=torch.bool)
    torch.testing.assert_close(levelled(floors[0], whole), levelled(floors[1], whole), atol=1e-4, rtol=1e-3)
