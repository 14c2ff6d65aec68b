"""Cards and consents of a bundle, and consent ids from a table to the manifest."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sovits_lab.checkpoints.bundle import read_facts
from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.gpt_sovits_list import GptSovitsList
from sovits_lab.corpora.manifest import MANIFEST, Record
from sovits_lab.corpora.recorded import RecordedCorpus
from sovits_lab.corpora.table import Table
from sovits_lab.provenance.cards import began_with, data_card, summary_of
from sovits_lab.provenance.consent import ConsentLedger
from sovits_lab.provenance.trace import trace_consent
from sovits_lab.reporting import Silent
from sovits_lab.training.assemble import AssembleBundle
from sovits_lab.training.few_shot import KeepPart
from sovits_lab.types import InputError
from tests.corpora.corpora import recording
from tests.inference.voices import AUDIO, FRONTEND, SAMPLING, nodes, write_voice
from tests.provenance.manifests import MINE, write_manifest
from tests.serving.recordings import CONSENT


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_manifest(tmp_path / "corpus")


def test_a_manifest_is_summed_up(corpus):
    found = summary_of(corpus / "cuts.jsonl.gz")
    assert (found.recordings, found.seconds, found.without_consent) == (3, 7.5, 2)
    assert found.speakers == {"ann": 2, "b|<b>": 1}
    assert found.emotions == {"sad": 2, "neutral": 1}
    assert found.consents == [MINE]
    card = data_card(found)
    assert "CC BY 4.0 (1)" in card
    assert "b\\|&lt;b>" in card
    assert "- 2 recordings name no consent record." in card


def test_a_licence_is_that_of_the_row_or_of_the_corpus_or_not_stated(tmp_path):
    recording(tmp_path / "a.wav")
    recording(tmp_path / "b.wav")
    table = tmp_path / "t.tsv"
    lines = ["path\ttext\tspeaker\tlanguage\tlicence", "a.wav\tYes.\tann\ten\tCC0", "b.wav\tNo.\tann\ten\t"]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    listed = tmp_path / "my.list"
    listed.write_text("a.wav|ann|en|Yes.\nb.wav|ann|en|No.\n", encoding="utf-8")
    short = {"min_seconds": 0.3}

    def licences(stage: RecordedCorpus) -> dict[str, int]:
        stage.run({}, tmp_path / "made", Silent())
        found = summary_of(tmp_path / "made" / MANIFEST)
        assert f"| licences | {', '.join(f'{name} ({n})' for name, n in found.licences.items())} |" in data_card(found)
        return dict(found.licences)

    (tmp_path / "made").mkdir()
    assert licences(Table(str(table), limits=short)) == {"CC0": 1, "not stated": 1}
    assert licences(Table(str(table), limits=short, licence="CC BY 4.0")) == {"CC0": 1, "CC BY 4.0": 1}
    assert licences(GptSovitsList(str(listed), limits=short, licence="own")) == {"own": 2}
    assert licences(GptSovitsList(str(listed), limits=short)) == {"not stated": 2}
    with pytest.raises(InputError, match=r"corpus\.licence: got ' '"):
        Table(str(table), licence=" ")


def test_a_bundle_names_its_consents_and_has_its_cards(corpus, tmp_path):
    write_voice(tmp_path)
    inputs = {part: tmp_path / part for part in nodes()} | {"corpus": corpus}
    AssembleBundle(AUDIO, FRONTEND, SAMPLING, "tiny").run(inputs, tmp_path / "run", Silent())
    voice = tmp_path / "run" / "voice"
    assert read_facts(voice, "voice")["consents"] == [MINE]
    model = (voice / "MODEL_CARD.md").read_text()
    assert "# tiny" in model
    assert "| emotions by name | neutral, sad |" in model
    assert MINE in (voice / "DATA_CARD.md").read_text()
    assert {(use.kind, use.place) for use in trace_consent(tmp_path, MINE).uses} == {
        ("corpus", corpus / "cuts.jsonl.gz"),
        ("bundle", voice),
    }


def test_licences_and_consents_of_a_base_are_those_of_what_began_with_it(corpus, tmp_path):
    """A base that may not be sold makes no voice that says nothing of it."""
    write_voice(tmp_path)
    own = {part: tmp_path / part for part in nodes()}
    cuts = gzip.decompress((corpus / MANIFEST).read_bytes()).replace(b"CC BY 4.0", b"CC BY-NC-SA 4.0")
    (tmp_path / "noncommercial").mkdir()
    (tmp_path / "noncommercial" / MANIFEST).write_bytes(gzip.compress(cuts))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / MANIFEST).write_bytes(gzip.compress(cuts.replace(b"-NC-SA", b"").replace(b"111", b"222")))
    stage = AssembleBundle(AUDIO, FRONTEND, SAMPLING, "base")
    stage.run(own | {"corpus": tmp_path / "noncommercial"}, tmp_path / "run", Silent())
    for generation, base in enumerate(("run", "first", "second")):
        kept = tmp_path / f"kept{generation}"
        kept.mkdir()
        KeepPart("gpt", str(tmp_path / base / "voice")).run({}, kept, Silent())
        name = ("first", "second", "third")[generation]
        made = AssembleBundle(AUDIO, FRONTEND, SAMPLING, name)
        made.run(own | {"gpt": kept, "corpus": tmp_path / "mine"}, tmp_path / name, Silent())
        card = (tmp_path / name / "voice" / "DATA_CARD.md").read_text()
        assert card.count("CC BY-NC-SA 4.0 (1)") == 1
        assert "The weights that it began with: base" in card
        model = (tmp_path / name / "voice" / "MODEL_CARD.md").read_text()
        assert f"| began with the weights of | {'base' if base == 'run' else base}, whose licences hold, too" in model
        assert read_facts(tmp_path / name / "voice", "voice")["consents"] == [MINE, MINE.replace("111", "222")]
    assert began_with(None) == {}
    (tmp_path / "run" / "voice" / "DATA_CARD.md").unlink()
    assert "not stated" in began_with(tmp_path / "run" / "voice")["began_with"]["card"]
    assert began_with(kept / "bundle")["began_with"]["name"] == "second", "a part hands on what it has"


def test_consent_ids_of_a_table_reach_the_rows_and_must_hold(tmp_path):
    ledger = ConsentLedger(tmp_path / "consents.db")
    holds, gone = ledger.grant(CONSENT).id, ledger.grant(CONSENT).id
    ledger.revoke(gone, "asked")
    words = [holds, gone, MINE, "yes", "no", "perhaps", holds.upper()]
    lines = ["path\ttext\tspeaker\tlanguage\tconsent"] + [
        f"{n}.wav\twords\tann\ten\t{one}" for n, one in enumerate(words)
    ]
    path = tmp_path / "t.tsv"
    path.write_text("\n".join(lines) + "\n")

    def found(**more: str) -> tuple[list[object], list[str]]:
        rows = list(Table(str(path), **more).rows())
        kept = [row.custom.get("consent") for row in rows if isinstance(row, Record)]
        return kept, [row.detail for row in rows if isinstance(row, Problem)]

    assert found()[0] == [holds, gone, MINE, None, holds]
    kept, why = found(consents=str(ledger.path))
    assert kept == [holds, None, holds]
    assert "was withdrawn" in why[0]
    assert "expected the id of a record" in why[1]
    assert why[2:] == ["no consent", "'perhaps' is neither yes, no nor the id of a consent record"]
