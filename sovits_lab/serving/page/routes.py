"""The page and its files, by their names in a table: no part of an address ever becomes a path."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

KINDS = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "client.js": "text/javascript; charset=utf-8",
    "sound.js": "text/javascript; charset=utf-8",
    "curve.js": "text/javascript; charset=utf-8",
}
_FOLDER = files("sovits_lab.serving.page") / "static"
CONTENTS = {name: (_FOLDER / name).read_bytes() for name in KINDS}
FRESH = {"Cache-Control": "no-cache"}
router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> Response:
    """Return the page."""
    return Response(CONTENTS["index.html"], media_type=KINDS["index.html"], headers=FRESH)


@router.get("/page/{name}")
async def page_file(name: str) -> Response:
    """Return one of its files."""
    if name not in CONTENTS:
        raise HTTPException(404, "there is no such file")
    return Response(CONTENTS[name], media_type=KINDS[name], headers=FRESH)
