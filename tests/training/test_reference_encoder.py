"""What a model's reference encoder takes over from the `style` stage."""

from __future__ import annotations

from pathlib import Path

import torch

from sovits_lab.checkpoints.bundle import write_bundle
from sovits_lab.conditioning.conv_gru import ConvGruReference
from sovits_lab.conditioning.reference import NoReference
from sovits_lab.nn.normalisation import MaskedBatchRenorm
from sovits_lab.training.reference_encoder import start_from


def encoder(seed: int) -> ConvGruReference:
    torch.manual_seed(seed)
    return ConvGruReference(10, (8, 12), 3, 2, 12)


def test_weights_are_those_of_the_stage_and_batches_no_longer_count(tmp_path: Path) -> None:
    trained, model = encoder(1), encoder(2)
    mel, mask = torch.randn(4, 10, 30), torch.ones(4, 30, dtype=torch.bool)
    for _ in range(20):
        trained(mel, mask)
    write_bundle(tmp_path / "bundle", {"reference": trained}, {"kind": "style", "model": {}})
    start_from({"style": tmp_path}, model)
    assert torch.equal(model.eval()(mel, mask), trained.eval()(mel, mask))
    settled = [norm.running_mean.clone() for norm in model.norms]  # type: ignore[union-attr,operator]
    odd = mel.clone()
    odd[1:] += 3  # the first clip in other company
    told = model.train()(odd, mask)[0]
    for norm, mean in zip(model.norms, settled, strict=True):
        assert isinstance(norm, MaskedBatchRenorm) and not torch.equal(norm.running_mean, mean)
        norm.running_mean = mean
    alone = model.eval()(mel[:1], mask[:1])[0]
    plain = encoder(2).train()(odd, mask)[0] - encoder(2).train()(mel, mask)[0]
    assert (told - alone).abs().max() < 0.1 * plain.abs().max()


def test_without_the_stage_an_encoder_begins_as_it_is() -> None:
    model = encoder(3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    start_from({}, model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_model_that_hears_no_clip_takes_nothing_of_the_stage(tmp_path: Path) -> None:
    """Adapters that are told labels alone, in a chain that trains an encoder for others."""
    write_bundle(tmp_path / "bundle", {"reference": encoder(1)}, {"kind": "style", "model": {}})
    model = NoReference()
    start_from({"style": tmp_path}, model)
    assert not list(model.parameters())
