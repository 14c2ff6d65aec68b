"""The workspace and the report of an experiment, as objects of wandb-workspaces."""

from __future__ import annotations

from typing import Any

import wandb_workspaces.reports.v2
import wandb_workspaces.workspaces

from evaluation.dashboards.declared import DashboardScore, Declared, loss_title

reports: Any = wandb_workspaces.reports.v2  # its names are not exported as types want it
workspaces: Any = wandb_workspaces.workspaces


def make_workspace(what: Declared, entity: str) -> Any:
    """Make the workspace: scores, what arms are chosen by, sound and pictures, tables, and a section of curves for each
    stage.
    """
    sections = [
        workspaces.Section("Scores", score_panels(what), is_open=True, pinned=True),
        workspaces.Section("Choosing", choice_panels(what), is_open=True),
        workspaces.Section("Listen and look", media_panels(what), is_open=True),
        workspaces.Section("Tables", table_panels(what)),
        *(workspaces.Section(stage, curve_panels(stage, names)) for stage, names in what.losses.items()),
    ]
    return workspaces.Workspace(
        entity=entity,
        project=what.project,
        name=what.experiment,
        sections=[one for one in sections if one.panels],
        runset_settings=workspaces.RunsetSettings(filters=[workspaces.Config("name") == what.experiment]),
    )


def make_report(what: Declared, entity: str) -> Any:
    """Make a report of the same panels, to be read from top to bottom."""
    blocks: list[Any] = [reports.TableOfContents()]
    parts = (
        ("Scores", "Each with which way is better and the bar that was declared before the run.", score_panels(what)),
        ("Choosing", "Emotion, likeness and errors against each other; 95 % intervals are in the table of figures.",
         choice_panels(what)),
        ("Listen and look", "Held-out utterances spoken while training; pictures show the output above the truth.",
         media_panels(what)),
        ("Tables", "All figures with intervals; style vectors, to be projected anew.", table_panels(what)),
        *((stage, "", curve_panels(stage, names)) for stage, names in what.losses.items()),
    )  # fmt: skip
    for title, text, panels in parts:
        if panels:
            runs = reports.Runset(name=what.experiment, filters=f"Config('name') = '{what.experiment}'")
            blocks += [
                reports.H2(title),
                *([reports.P(text)] if text else []),
                reports.PanelGrid([runs], panels=panels),
            ]
    return reports.Report(
        project=what.project,
        entity=entity,
        title=what.experiment,
        description=f"python -m evaluation dashboards experiment={what.experiment}",
        blocks=blocks,
        width="fluid",
    )


def score_panels(what: Declared) -> list[Any]:
    """Make a bar chart for each score."""
    return [reports.BarPlot(title=one.title, metrics=[one.key], layout=_layout(i)) for i, one in enumerate(what.scores)]


def choice_panels(what: Declared) -> list[Any]:
    """Draw objectives against each other, and all of them as parallel coordinates with better up."""
    chosen = what.objectives
    couples = [(a, b) for i, a in enumerate(chosen) for b in chosen[i + 1 :]]
    made: list[Any] = [
        reports.ScatterPlot(
            title=f"{_short(a)} against {_short(b)}",
            x=reports.SummaryMetric(a.key),
            y=reports.SummaryMetric(b.key),
            layout=_layout(i),
        )
        for i, (a, b) in enumerate(couples)
    ]
    columns = [reports.ParallelCoordinatesPlotColumn(reports.Config("seed"), "seed")] + [
        reports.ParallelCoordinatesPlotColumn(
            reports.SummaryMetric(one.key), _short(one), inverted=one.better == "lower"
        )
        for one in chosen
    ]
    wide = reports.Layout(x=0, y=8, w=24, h=8)
    return [*made, reports.ParallelCoordinatesPlot(columns, title="Arms", layout=wide)] if chosen else []


def curve_panels(stage: str, names: list[str]) -> list[Any]:
    """Draw a line chart for each loss, of training and held-out utterances together, against the stage's own step."""
    parts = list(dict.fromkeys(name.partition("/")[2] for name in names))
    made = []
    for index, part in enumerate(parts):
        mine = [name for name in names if name.partition("/")[2] == part]
        lines = [f"{stage}/{name}" for name in mine]
        title = f"{stage}/{loss_title(mine[0]).replace('train/', '')}"
        made.append(reports.LinePlot(title=title, x=f"{stage}/step", y=[*lines], layout=_layout(index)))
    return made


def media_panels(what: Declared) -> list[Any]:
    """Make a browser of sounds and pictures for each stage that speaks."""
    return [
        reports.MediaBrowser(
            title=f"{stage}: {kind}",
            media_keys=[f"{stage}/{name}" for name in names if name.startswith(kind)],
            layout=reports.Layout(x=12 * column, y=10 * row, w=12, h=10),
        )
        for row, (stage, names) in enumerate(what.media.items())
        for column, kind in enumerate(("audio", "picture"))
    ]


def table_panels(what: Declared) -> list[Any]:
    """Make the tables of the summary, and the report's page."""
    layout = [reports.Layout(x=0, y=10 * i, w=24, h=10) for i in range(len(what.tables) + 1)]
    made: list[Any] = [
        reports.WeavePanelSummaryTable(table_name=name, layout=place)
        for name, place in zip(what.tables, layout, strict=False)
    ]
    page = [reports.MediaBrowser(title="report", media_keys=[what.page], layout=layout[-1])] if what.page else []
    return [*made, *page]


def _layout(index: int) -> Any:
    return reports.Layout(x=8 * (index % 3), y=6 * (index // 3), w=8, h=6)


def _short(score: DashboardScore) -> str:
    return score.title.partition(":")[0]
