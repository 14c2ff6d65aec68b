"""The page of a run under way: which stages are done, and what has been heard of them so far."""

from __future__ import annotations

import os
from collections.abc import Collection
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sovits_lab.pipeline.files import write_text
from sovits_lab.pipeline.plan import Plan, StageSpec
from sovits_lab.pipeline.run_folder import stage_media

PAGE = "progress.html"
REFRESH_SECONDS = 10
STYLE = "body{font:16px sans-serif;margin:2em;max-width:60em}img{max-width:100%;display:block}audio{width:22em}"


class RunPage:
    """Writes `<run>/progress.html` anew whenever there is something new to hear.

    Args:
        plan: of the run.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.path = plan, plan.folder / PAGE

    def write(self, done: Collection[str], running: Collection[str]) -> None:
        """Write the page; once everything is done it no longer refreshes itself and leads to the report.

        Args:
            done: names of finished stages.
            running: names of those at work.
        """
        over = len(done) == len(self.plan.stages)
        refresh = "" if over else f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">'
        report = self.path.parent / "report" / "index.html"
        lead = '<p><a href="report/index.html">The report</a></p>' if over and report.is_file() else ""
        states = {**dict.fromkeys(done, "done"), **dict.fromkeys(running, "at work")}
        rows = "".join(f"<li>{escape(name)}: {states.get(name, 'waits')}</li>" for name in self.plan.stages)
        sections = "".join(self._section(spec) for spec in self.plan.stages.values())
        title = escape(self.plan.name)
        head = f'<meta charset="utf-8"><title>{title}</title>{refresh}<style>{STYLE}</style>'
        write_text(
            self.path,
            f'<!doctype html><html lang="en">{head}<h1>{title}</h1>'
            f"{lead}<ul>{rows}</ul>{sections or '<p>Nothing to hear yet.</p>'}</html>\n",
        )

    def _section(self, spec: StageSpec) -> str:
        """What a stage shows, its newest step first."""
        shown = stage_media(spec.folder, spec.partial)
        if not shown:
            return ""
        folder = spec.folder if spec.folder.exists() else spec.partial
        newest = sorted(shown, key=lambda one: -one["step"])
        return f"<h2>{escape(spec.name)}</h2>" + "".join(self._item(one, folder) for one in newest)

    def _item(self, one: dict[str, Any], folder: Path) -> str:
        where = quote(os.path.relpath(folder / one["path"], self.path.parent))
        label = f"{escape(one['name'])}, " + ("true" if not one["step"] else f"step {one['step']}")
        if one["type"] == "audio":
            return f'<p>{label}<br><audio controls preload="none" src="{where}"></audio></p>'
        caption = f"<figcaption>{label}: {escape(one['caption'])}</figcaption>"
        return f'<figure><img loading="lazy" alt="" src="{where}">{caption}</figure>'
