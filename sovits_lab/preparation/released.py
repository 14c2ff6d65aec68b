"""Stage `tokens` of the released family: what its own networks hear and read in a corpus, as upstream prepares it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sovits_lab.audio.files import resample
from sovits_lab.audio.upstream import training_level
from sovits_lab.checkpoints.adapters import base_facts, load_base
from sovits_lab.checkpoints.bundle import build
from sovits_lab.checkpoints.networks import ABOUT, OuterNetworks, fitting
from sovits_lab.corpora.needs import Lack, RowFacts, lacks_training
from sovits_lab.data.prepared import BERT, SPEAKERS
from sovits_lab.data.rows import row_named
from sovits_lab.data.store import FeatureStore
from sovits_lab.types import InputError, got

NETWORK_RATE = 16_000  # Hz that content encoders and speaker networks hear
NEUTRAL, CHINESE = "neutral", "zh"


def refuse_missing(base: str | None, networks: Mapping[str, Any], version: str) -> None:
    """Compare the files that were named with those that a version needs; all that are missing are said at once.

    Raises:
        InputError: the base, the content encoder or, for a Pro model, the speaker network is missing; another base.
    """
    needed: dict[str, tuple[Any, str]] = {
        "base": (base, f"what `sovits_lab convert` makes of the {version} files"),
        "networks.content": (networks.get("content"), ABOUT["content"]),
    }
    if version.startswith("v2Pro"):
        needed["networks.speaker_network"] = (networks.get("speaker_network"), ABOUT["speaker_network"])
    missing = [name for name, (given, _) in needed.items() if given is None]
    if missing:
        wanted = "; ".join(f"adapters.{name}=... ({needed[name][1]})" for name in missing)
        raise InputError(f"adapters on {version}: got no {', no '.join(missing)}, expected {wanted}")
    found = base_facts(Path(str(base))).get("version", version)
    if found != version:
        raise got("adapters.base: version", found, f"{version}, or adapters.version={found}")


class PrepareReleased:
    """Tokens of a released SoVITS, the Pro models' speaker vectors, and BERT features of Chinese texts.

    The content encoder hears each clip at 16 kHz and at the level of upstream's training, without padding. The vector
    of a speaker is the mean over neutral clips, over all where none is; v1 and v2 take none, theirs are empty.

    Args:
        base: the bundle of the released models.
        networks: fields of `OuterNetworks`: `content`, `speaker_network` for Pro models, `bert` for Chinese.
        version: which the base must be: v1, v2, v2Pro, v2ProPlus.
        frontend: node of the front end that reads Chinese texts for BERT.
        roles: whose training speech says what a speaker's vector is.
    """

    resumable = False

    def __init__(
        self,
        base: str | None,
        networks: Mapping[str, Any],
        version: str,
        frontend: Mapping[str, Any],
        roles: Sequence[str],
    ) -> None:
        self.base, self.networks, self.version = base, networks, version
        self.frontend, self.roles = frontend, roles

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Tell what is missing before anything is computed: files, training speech, a text encoder for Chinese.

        Raises:
            InputError: files are missing, every one is named.
        """
        refuse_missing(self.base, self.networks, self.version)
        found = lacks_training(rows, self.roles)
        if self.networks.get("bert") is None and any(row.language == CHINESE for row in rows):
            found.append(Lack(f"Chinese texts need adapters.networks.bert ({ABOUT['bert']})", key="networks"))
        return found

    @torch.no_grad()
    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Write `tokens.npy`, `facts.json`, an empty `durations.json`, `speakers.npz`, and `bert.npz` where there is
        Chinese; needs `inputs["features"]`."""
        store, networks = FeatureStore(inputs["features"]), OuterNetworks(**self.networks)
        models: dict[str, Any] = load_base(Path(str(self.base)))
        self._write_tokens(store, models["sovits"], networks, out, report)
        np.savez(out / SPEAKERS, **self._speakers(store, models["sovits"], networks))  # type: ignore[arg-type]
        if any(row.language == CHINESE for row in store.rows):
            np.savez(out / BERT, **self._bert(store, models["gpt"].bert_channels, networks))  # type: ignore[arg-type]

    def _write_tokens(self, store: FeatureStore, model: Any, networks: OuterNetworks, out: Path, report: Any) -> None:
        encoder, width = networks.content_features(), int(model.content.weight.shape[1])
        tokens = np.zeros(sum(row.frames for row in store.rows) // 2, dtype=np.int32)
        for i, row in enumerate(store.rows):
            with row_named(row.id):
                levelled = _narrow(store, training_level(store.wav(i))[1])
                content = fitting("content encoder", encoder(levelled), width)
            found, size = model.tokens(content.T[None])[0].numpy(), row.frames // 2
            found = np.pad(found, (0, max(0, size - len(found))), mode="edge")  # the encoder's last window is not full
            tokens[row.start // 2 : row.start // 2 + size] = found[:size]
            report.progress(i + 1, len(store.rows), "utterances")
        np.save(out / "tokens.npy", tokens)
        (out / "durations.json").write_text("{}", encoding="utf-8")
        facts = {"codes": model.quantizer.codes, "used": len(np.unique(tokens))}
        (out / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        report.say(f"tokens: {facts['used']} of {facts['codes']} codes used")

    def _speakers(self, store: FeatureStore, model: Any, networks: OuterNetworks) -> dict[str, np.ndarray]:
        rows = store.select(["train"], self.roles)
        if not model.takes_vector:
            return {store.rows[i].speaker: np.zeros(0, np.float32) for i in rows}
        network, width = networks.speaker_vectors(), int(model.reference.speaker.in_features)
        calm = {store.rows[i].speaker for i in rows if store.rows[i].emotion == NEUTRAL}
        vectors: dict[str, list[np.ndarray]] = defaultdict(list)
        for i in rows:
            if store.rows[i].emotion != NEUTRAL and store.rows[i].speaker in calm:
                continue
            with row_named(store.rows[i].id):
                vector = fitting("speaker network", network(_narrow(store, store.wav(i))[None]), width)
            vectors[store.rows[i].speaker].append(vector[0].numpy())
        return {name: np.stack(each).mean(0) for name, each in vectors.items()}

    def _bert(self, store: FeatureStore, width: int, networks: OuterNetworks) -> dict[str, np.ndarray]:
        """Features of every Chinese utterance, [P, F]."""
        encoder, frontend = networks.text_features(), build(self.frontend)
        assert encoder is not None, "lacks() has asked for it"
        found = {}
        for i, row in enumerate(store.rows):
            if row.language == CHINESE:
                with row_named(row.id):
                    features = fitting("text encoder", encoder(frontend.read(row.text, CHINESE)), width).numpy()
                    if len(features) != len(store.phones(i)):
                        raise got(
                            "BERT features", f"{len(features)} phones", f"{len(store.phones(i))}, as the features"
                        )
                found[row.id] = features.astype(np.float16)
        return found


def _narrow(store: FeatureStore, wav: np.ndarray) -> torch.Tensor:
    """The waveform at the rate that the networks hear, float32."""
    rate = round(store.hop * store.frames_per_second)
    return torch.from_numpy(resample(wav.astype(np.float32), rate, NETWORK_RATE))
