"""Speaker and style encoders: one vector a clip, whatever stands beside it or after it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sovits_lab.conditioning.conv_gru import ConvGruReference, MaskedBatchNorm
from sovits_lab.conditioning.mel_style import MelStyleEncoder
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.conditioning.speaker import MarginClassifier, SpeakerEncoder
from sovits_lab.nn.masks import length_mask

LENGTHS = [15, 9, 4]


def encoders() -> list[nn.Module]:
    torch.manual_seed(0)
    made: list[nn.Module] = [
        ConvGruReference(10, (8, 12, 16), 3, 1, 12),
        ConvGruReference(10, (8, 12), 3, 2, 12, 5),
        ConvGruReference(10, (8, 12), 5, 3, 12, 5),
        MelStyleEncoder(10, 16, 6, 5, 2),
        SpeakerEncoder(10, 16, 2, 6),
    ]
    for model in made:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):  # as after training
                nn.init.uniform_(module.running_mean, -1, 1)  # type: ignore[arg-type]
                nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
    return [model.eval() for model in made]


@pytest.mark.parametrize("model", encoders(), ids=lambda m: type(m).__name__)
def test_padding_and_its_content_change_nothing(model: nn.Module) -> None:
    mask = length_mask(torch.tensor(LENGTHS))
    mel = torch.randn(3, 10, 15)
    together = model(torch.where(mask[:, None], mel, torch.full_like(mel, 20.0)), mask)
    assert together.shape == (3, model.out_channels)
    for i, size in enumerate(LENGTHS):
        alone = model(mel[i : i + 1, :, :size], mask[i : i + 1, :size])
        torch.testing.assert_close(together[i], alone[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("model", encoders()[:4], ids=lambda m: type(m).__name__)
def test_every_reference_encoder_is_one(model: nn.Module) -> None:
    assert isinstance(model, ReferenceEncoder) and isinstance(model.out_channels, int)


def test_masked_normalisation_is_that_of_the_real_positions_as_one_set() -> None:
    torch.manual_seed(0)
    mask = length_mask(torch.tensor(LENGTHS))
    x = torch.randn(3, 6, 15)
    ours, plain = MaskedBatchNorm(6), nn.BatchNorm1d(6)
    out = ours.masked(torch.where(mask[:, None], x, torch.full_like(x, 50.0)), mask)
    rows = plain(x.transpose(1, 2)[mask])
    torch.testing.assert_close(out.transpose(1, 2)[mask], rows)
    assert not out.transpose(1, 2)[~mask].any()
    torch.testing.assert_close(ours.running_mean, plain.running_mean)
    torch.testing.assert_close(ours.running_var, plain.running_var)


def test_level_is_style_but_not_speaker() -> None:
    style, speaker = encoders()[0], encoders()[-1]
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
