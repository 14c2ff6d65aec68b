"""The speaker network of the Pro models and its filter bank against their fixtures."""

from __future__ import annotations

from typing import Any

import torch

from sovits_lab.checkpoints.speaker_file import speaker_network_from
from sovits_lab.conditioning.eres2net import mel_banks, speaker_features
from sovits_lab.verification.fixture import Fixture
from sovits_lab.verification.stored import whole_weights

FILTER_BANK, WIDE, NARROW = 1e-3, 2e-2, 1e-3
BANKS = 2e-5  # two roundings of a pitch of up to 2773 mel (2.4e-4 each) in a triangle 34 mel wide
RELEASED = 20480  # values of the released network, which are larger than those of a small one


def verify_speaker(fixture: Fixture) -> None:
    """Verify features, inner maps, speaker vector and embedding."""
    network: Any = speaker_network_from(whole_weights(fixture), fixture.name)
    with torch.no_grad():
        features = speaker_features(fixture["in.wave16k"])
        fixture.close("out.fbank", features, atol=FILTER_BANK)
        fixture.close("out.fbank_mel_banks", mel_banks(), atol=BANKS)
        vector = network(features)
        allowed = WIDE if vector.shape[1] >= RELEASED else NARROW
        fixture.close("out.sv_emb", vector, atol=allowed)
        fixture.close("out.embedding", network.embedding(features), atol=allowed)
        h = network.stem(features)
        fixture.close("tap.stem", h, atol=allowed)
        maps = {}
        for name in ("layer1", "layer2", "layer3", "layer4"):
            h = maps[name] = getattr(network, name)(h)
            fixture.close(f"tap.{name}", h, atol=allowed)
        narrowed = network.layer3_ds(maps["layer3"])
        fixture.close("tap.layer3_ds", narrowed, atol=allowed)
        fixture.close("tap.fuse34", network.fuse34(maps["layer4"], narrowed), atol=allowed)
    fixture.leftovers("tap.")
