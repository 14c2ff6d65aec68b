"""Stored readings that are not whole are reported, not refused."""

from __future__ import annotations

import json
from pathlib import Path

from sovits_lab.text.verify import verify


def test_a_missing_answer_of_the_network_is_a_difference(tmp_path: Path) -> None:
    phones = {"phones": ["n", "i2", "h", "ao3", "."]}
    whole = {
        "text": "你好。",
        "v1": phones,
        "v2_pypinyin": phones,
        "v2_injected_g2pw": phones,
        "injected_g2pw_pinyins": [{"segment": "你好.", "pinyins": ["ni3", "hao3", "."]}],
    }
    lacking = whole | {"injected_g2pw_pinyins": []}
    (tmp_path / "text_zh.json").write_text(json.dumps({"items": [whole, lacking]}), "utf-8")
    outcome = next(one for one in verify(tmp_path) if one.path == "v2_injected_g2pw")
    assert outcome.items == 2 and [one.ours for one in outcome.differences] == ["no injected_g2pw_pinyins for '你好.'"]
