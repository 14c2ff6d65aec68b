"""The audit log: whole after many writers and after a kill; every change, removal, addition and reordering is found."""

from __future__ import annotations

import json
import random
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from sovits_lab.__main__ import main
from sovits_lab.provenance.audit import ORIGIN, AuditFile, digest, head_path, read_events, verify_log
from sovits_lab.types import InputError


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "audit.jsonl"
    written = AuditFile(path)
    for number in range(8):
        written.append({"kind": "speech", "request_id": f"r{number}", "voice_id": "ann", "seconds": number / 3})
    return path


def faults(path: Path, **more: object) -> list[int]:
    return [fault.line for fault in verify_log(path, **more).faults]


def test_a_log_as_written_is_whole_and_readable(log):
    report = verify_log(log)
    assert report.faults == ()
    assert report.head.lines == 8
    assert [line["event"]["request_id"] for line in read_events(log)] == [f"r{n}" for n in range(8)]
    assert json.loads(log.read_text().splitlines()[0])["previous"] == ORIGIN
    assert log.stat().st_mode & 0o077 == 0


def test_every_single_change_of_a_byte_is_found(log):
    good = log.read_bytes()
    rng = random.Random(0)
    for place in rng.sample(range(len(good)), 300):
        changed = bytearray(good)
        changed[place] ^= 1 << rng.randrange(7)
        if changed[place] in b"\r" or good[place] in b"\r":
            continue
        log.write_bytes(changed)
        assert faults(log), f"byte {place}: {good[place : place + 1]!r} to {bytes(changed[place : place + 1])!r}"


@pytest.mark.parametrize("change", ["remove", "swap", "repeat", "cut", "add", "forge"])
def test_lines_removed_moved_repeated_cut_off_added_or_forged_are_found(log, change):
    lines = log.read_text().splitlines(keepends=True)
    if change == "remove":
        del lines[3]
    elif change == "swap":
        lines[3], lines[4] = lines[4], lines[3]
    elif change == "repeat":
        lines.insert(3, lines[3])
    elif change == "cut":
        lines = lines[:-2]
    elif change == "add":
        lines.append(lines[-1])
    else:  # one line is rewritten with a fitting hash of its own
        line = json.loads(lines[3])
        line["event"]["voice_id"] = "bob"
        line["hash"] = digest({name: value for name, value in line.items() if name != "hash"}, None)
        lines[3] = json.dumps(line) + "\n"
    log.write_text("".join(lines))
    assert faults(log)


def test_a_log_rewritten_as_a_whole_is_found_by_a_noted_hash_and_by_a_key(log, tmp_path):
    noted = verify_log(log).head.hash
    for path in (log, head_path(log)):
        path.unlink()
    for number in range(8):
        AuditFile(log).append({"kind": "speech", "request_id": f"r{number}", "voice_id": "bob"})
    assert faults(log) == []
    assert faults(log, expected=noted) == [8]
    assert faults(log, key=b"secret")[:3] == [1, 2, 3]


def test_a_key_is_needed_to_verify_what_was_written_with_it(tmp_path):
    path = tmp_path / "keyed.jsonl"
    AuditFile(path, b"secret").append({"kind": "setting"})
    assert faults(path, key=b"secret") == []
    assert faults(path, key=b"other") == [1]
    assert faults(path) == [1]


def test_a_process_killed_between_line_and_head_leaves_a_whole_log(log):
    before = head_path(log).read_bytes()
    AuditFile(log).append({"kind": "speech"})
    head_path(log).write_bytes(before)
    assert faults(log) == []
    AuditFile(log).append({"kind": "speech"})
    assert faults(log) == []


def test_half_a_line_is_ended_and_stays_to_be_seen(log):
    with log.open("ab") as file:
        file.write(b'{"n":9,"time":1')
    AuditFile(log).append({"kind": "speech", "request_id": "after"})
    assert faults(log) == [9]
    assert [line["event"]["request_id"] for line in read_events(log)][-1] == "after"


def write_some(path: Path, name: str) -> list[str]:
    log = AuditFile(path)
    return [log.append({"kind": "speech", "request_id": f"{name}-{n}"}) for n in range(25)]


def test_several_processes_write_one_chain(tmp_path):
    path = tmp_path / "shared.jsonl"
    with ProcessPoolExecutor(3, mp_context=get_context("forkserver")) as pool:
        ids = [one for ids in pool.map(write_some, [path] * 3, "abc") for one in ids]
    report = verify_log(path)
    assert report.faults == ()
    assert report.head.lines == len(set(ids)) == 75


@pytest.mark.parametrize("event", [{"x": float("nan")}, {"x": object()}, {"x": "y" * (1 << 21)}])
def test_an_event_that_is_no_json_is_refused_and_nothing_is_written(log, event):
    before = log.read_bytes()
    with pytest.raises(InputError, match="audit event"):
        AuditFile(log).append(event)
    assert log.read_bytes() == before


def test_a_log_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "target").write_text("")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "target")
    with pytest.raises(InputError, match="cannot be written"):
        AuditFile(tmp_path / "link.jsonl").append({})


def test_the_command_says_whether_a_log_is_whole(log, capsys, monkeypatch):
    assert main(["audit", "verify", str(log)]) == 0
    assert f"8 lines, whole; last hash {verify_log(log).head.hash}" in capsys.readouterr().out
    assert main(["audit", "show", str(log), "request=r2"]) == 0
    assert json.loads(capsys.readouterr().out)["request_id"] == "r2"
    log.write_text(log.read_text().replace('"ann"', '"bob"', 1))
    assert main(["audit", "verify", str(log)]) == 1
    assert "line 1: was changed" in capsys.readouterr().out
    monkeypatch.setenv("SOVITS_LAB_AUDIT_KEY", "secret")
    assert main(["audit", "verify", str(log)]) == 1
    assert main(["audit", "verify", str(log.with_name("none"))]) == 2
