"""Pages from templates: everything that is not our own markup is escaped, the style sheet is part of the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


# Marks that turn the direction of what follows: a name that holds one shows another name.
_TURNING = str.maketrans({code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))})


def visible(value: object) -> object:
    """Show marks that change the direction of a text as escapes; all else stays."""
    return value.translate(_TURNING) if isinstance(value, str) and not hasattr(value, "__html__") else value


def render(template: str, context: Mapping[str, Any]) -> str:
    """Render a template of this folder with a context; a name that the context lacks is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        finalize=visible,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    style = (HERE / "page.css").read_text(encoding="utf-8")
    return environment.get_template(template).render(css=style, **context)
