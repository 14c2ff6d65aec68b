"""Pages from templates: everything that is not our own markup is escaped, the style sheet is part of the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def render(template: str, context: Mapping[str, Any]) -> str:
    """Render a template of this folder with a context; a name that the context lacks is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    style = (HERE / "page.css").read_text(encoding="utf-8")
    return environment.get_template(template).render(css=style, **context)
