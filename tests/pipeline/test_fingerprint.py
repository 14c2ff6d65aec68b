"""A stage's hash changes exactly when its result may."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sovits_lab.pipeline import fingerprint, syntax
from sovits_lab.pipeline.fingerprint import closure, code_digest, digest, source, targets

NODE = {"_target_": "toy_package.stage.Stage", "model": {"_target_": "toy_package.model.Model"}}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a stage that reaches a model, a helper (lazily) and, for types only, a neighbour."""
    root = tmp_path / "toy_package"
    (root / "deep").mkdir(parents=True)
    (root / "__init__.py").write_text("from toy_package import neighbour\n")
    (root / "deep" / "__init__.py").write_text("")
    (root / "stage.py").write_text(
        '"""Doc."""\nfrom __future__ import annotations\nfrom typing import TYPE_CHECKING\n'
        "if TYPE_CHECKING:\n    from toy_package import neighbour\n"
        "class Stage:\n    def run(self):\n        from .deep.helper import work\n        return work()\n"
    )
    (root / "model.py").write_text("class Model:\n    width = 3  # a comment\n")
    (root / "neighbour.py").write_text("x = 1\n")
    (root / "deep" / "helper.py").write_text("import json\ndef work():\n    return 1\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return root


def refresh() -> str:
    """As another process finds it."""
    for cached in (
        fingerprint.source,
        fingerprint._imports,
        fingerprint._syntax,
        syntax._known,
        syntax._data_beside,
    ):
        cached.cache_clear()
    return code_digest(NODE)


def test_closure_follows_lazy_imports_and_not_those_for_types(package: Path) -> None:
    refresh()
    found = closure(["toy_package.stage"], frozenset({"toy_package"}))
    assert list(found) == ["toy_package.deep.helper", "toy_package.stage"]


@pytest.mark.parametrize("file", ["stage.py", "model.py", "deep/helper.py"])
def test_code_that_is_reached_counts(package: Path, file: str) -> None:
    before = refresh()
    path = package / file
    path.write_text(path.read_text() + "\nnew = 2\n")
    assert refresh() != before


@pytest.mark.parametrize("file", ["neighbour.py", "__init__.py"])
def test_code_that_is_not_reached_does_not(package: Path, file: str) -> None:
    before = refresh()
    path = package / file
    path.write_text(path.read_text() + "\nnew = 2\n")
    assert refresh() == before


def test_comments_docstrings_and_layout_do_not_count(package: Path) -> None:
    before = refresh()
    (package / "model.py").write_text('"""New."""\n\n\nclass Model:\n    """Said."""\n\n    # other\n    width = (3)\n')
    assert refresh() == before


def test_data_files_beside_the_code_count(package: Path) -> None:
    before = refresh()
    (package / "deep" / "table.json").write_text("{}")
    assert refresh() != before


def test_what_did_not_change_is_not_parsed_again(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parse, parsed = ast.parse, []

    def counted(text: bytes, filename: str) -> ast.Module:
        parsed.append(Path(filename).name)
        return parse(text, filename)

    monkeypatch.setattr(syntax.ast, "parse", counted)
    before = refresh()
    assert sorted(parsed) == ["helper.py", "model.py", "stage.py"]
    assert refresh() == before
    assert len(parsed) == 3
    (package / "model.py").write_text("class Model:\n    width = 4\n")
    assert refresh() != before
    assert parsed[3:] == ["model.py"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b'{"a": ["x", [1]]}', b"\xff"])
def test_a_cache_that_is_damaged_or_not_ours_to_write_changes_nothing(package: Path, content: bytes) -> None:
    before = refresh()
    kept = syntax._place()
    kept.write_bytes(content)
    assert refresh() == before
    assert len(json.loads(kept.read_text())) == 3, "it is made again"
    kept.unlink()
    kept.mkdir()
    assert refresh() == before


def test_nothing_is_imported_to_find_out(package: Path) -> None:
    refresh()
    assert source("toy_package.model") == package / "model.py"
    assert "toy_package" not in sys.modules


def test_steering_code_does_not_count() -> None:
    found = closure(["sovits_lab.training.loop"], frozenset({"sovits_lab"}))
    assert "sovits_lab.training.loop_callbacks" in found, "it seeds each step"
    assert not any(".pipeline" in name or ".tracking" in name for name in found)


def test_digest_ignores_the_order_of_keys_but_not_of_lists() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest([1, 2]) != digest([2, 1])
    assert digest({"a": 1}) != digest({"a": 1.5})


def test_targets_are_found_at_any_depth() -> None:
    node = {"_target_": "a.A", "list": [{"_target_": "b.B", "inner": {"_target_": "c.C"}}], "text": "_target_"}
    assert list(targets(node)) == ["a.A", "b.B", "c.C"]


TRAINING_STAGES = (
    "sovits_lab.training.gpt.TrainGpt",
    "sovits_lab.training.sovits.TrainSovits",
    "sovits_lab.training.speaker.TrainSpeaker",
    "sovits_lab.training.tokenizer.TrainTokenizer",
    "sovits_lab.training.reference_encoder.TrainStyle",
)
PRINT_DIGESTS = """
import json
from sovits_lab.pipeline.fingerprint import code_digest
looks_on = {"_target_": "sovits_lab.training.monitors.media.ValidationMedia"}
names = %r
print(json.dumps({name: code_digest({"_target_": name, "callbacks": {"media": looks_on}}) for name in names}))
"""


def test_editing_what_runs_watches_or_records_changes_no_training_hash(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    shutil.copytree(root / "sovits_lab", tmp_path / "sovits_lab", ignore=shutil.ignore_patterns("__pycache__"))

    def digests() -> dict[str, str]:
        command = [sys.executable, "-c", PRINT_DIGESTS % (TRAINING_STAGES,)]
        shown = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
        return json.loads(shown)

    before = digests()
    assert len(set(before.values())) == len(TRAINING_STAGES)
    for name in ("pipeline/progress.py", "pipeline/runner.py", "tracking/wandb.py", "training/monitors/summary.py"):
        path = tmp_path / "sovits_lab" / name
        path.write_text(path.read_text() + '\nprint("another line of the log")\n')
    for path in (tmp_path / "sovits_lab" / "training" / "monitors").glob("*.py"):
        path.write_text(path.read_text() + "\nNEW = 1\n")
    assert digests() == before
    path = tmp_path / "sovits_lab" / "training" / "loop.py"
    path.write_text(path.read_text() + "\nNEW = 1\n")
    assert not set(digests().items()) & set(before.items())
