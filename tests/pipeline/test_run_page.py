"""The page of a run: what is done, what is heard, and nothing of a caption taken for markup."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from sovits_lab.pipeline.channel import MEDIA
from sovits_lab.pipeline.command import results
from sovits_lab.pipeline.run_page import PAGE, RunPage
from tests.pipeline.bench import Bench

MEDIA_STAGE = {"_target_": "tests.training.dummies.Media", "inputs": []}


def test_a_run_leaves_a_page_whose_sounds_are_there(bench: Bench) -> None:
    plan, heard = bench.run({"noisy": MEDIA_STAGE})
    page = (plan.folder / PAGE).read_text()
    assert any(PAGE in text for text in heard.of("run")), "the terminal says where"
    sources = [unquote(found) for found in re.findall(r'src="([^"]+)"', page)]
    assert sources and all((plan.folder / source).is_file() for source in sources)
    assert "noisy: done" in page and "http-equiv" not in page, "what is over is not loaded again"


def test_a_stage_at_work_is_heard_and_the_page_loads_itself_again(bench: Bench) -> None:
    plan = bench.plan({"noisy": MEDIA_STAGE})
    partial = plan.stages["noisy"].partial
    partial.mkdir(parents=True)
    said = [
        {"type": "audio", "name": "valid-1", "step": step, "path": f"media/a-{step}.wav", "caption": ""}
        for step in (0, 200, 400)
    ]
    said.append({"type": "picture", "name": "p", "step": 400, "path": "media/p.png", "caption": "<b>bold & bad</b>"})
    (partial / MEDIA).write_text("".join(json.dumps(one) + "\n" for one in said))
    RunPage(plan).write((), ["noisy"])
    page = (plan.folder / PAGE).read_text()
    assert "noisy: at work" in page and "http-equiv" in page
    assert page.index("step 400") < page.index("step 200") < page.index("valid-1, true")
    assert "&lt;b&gt;bold &amp; bad" in page and "<b>" not in page


def test_a_quick_run_ends_with_the_command_of_the_full_one(tmp_path: Path) -> None:
    assert results(tmp_path, "sad_transfer")[-1] == "in full: python -m sovits_lab train experiment=sad_transfer"
    assert len(results(tmp_path)) == 1


TWO: dict[str, list] = {"bob": [], "a b": []}
CALM = {"gpt": {"neutral": [0.0]}}
LABELS = {"gpt": {"happy": [0.0], "neutral": [0.0], "sad": [0.0]}}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"accepts": ["style", "emotion"], "speakers": TWO, "emotions": LABELS}, "'speaker=a b' emotion=sad"),
        ({"accepts": ["emotion", "rate"], "speakers": {"me": []}, "emotions": LABELS}, "out=x.wav emotion=sad"),
        ({"accepts": [], "speakers": {"me": []}, "frontend": {"language": "de"}}, "'text=Der Fluss ist kalt.' out=x.wav"),  # noqa: E501
        ({"accepts": ["emotion"], "speakers": {"me": []}, "emotions": CALM}, "out=x.wav emotion=neutral"),
        ({"accepts": ["style"], "speakers": {}, "emotions": {}}, "speaker=CLIP style=CLIP"),
        ({"accepts": ["rate"]}, "speaker=CLIP"),
    ],
)  # fmt: skip
def test_the_command_to_speak_can_be_pasted_where_the_voice_knows_names(
    tmp_path: Path, facts: dict[str, object], said: str
) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text(json.dumps({"kind": "voice", **facts}))
    assert results(tmp_path)[-1].endswith(said)
