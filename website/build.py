"""`python website/build.py`, as `make docs`: the site in build/website/site, with no broken link, or a failure."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from website.api import write_pages
from website.links import find_broken
from website.pages import ROOT, list_media, list_pages, relative, rewrite
from website.sounds import Sounds

OUT = ROOT / "build" / "website"
HERE = Path(__file__).parent
SECTIONS = {
    "Start": ("index", "tour", "glossary"),
    "Use": ("controls", "markup", "text", "few_shot", "conversion", "serving", "film"),
    "Train": ("corpora", "weights", "interop", "parts", "disentanglement", "sweeps", "cluster"),
    "Trust": ("evaluation", "statistics", "listening", "benchmark", "judges_on_trial", "style_protocol",
              "performance", "provenance", "reproducibility"),
    "Change": ("architecture", "adding_a_metric", "adding_a_judge", "adding_a_corpus", "contributing"),
}  # fmt: skip
CHINESE = (  # pages in the order in which they are read
    "index", "tour", "controls", "corpora", "few_shot", "conversion", "serving", "interop", "listening", "benchmark",
)  # fmt: skip
OFFLINE = """if (location.protocol === "file:") {
  const source = URL.createObjectURL(new Blob([SOURCE], {type: "text/javascript"})), Started = window.Worker;
  window.Worker = class extends Started { constructor() { super(source); } };
}
"""
STYLE = "site.css"
LAST = ("known_limits", "changelog", "security")


def collect(folder: Path) -> None:
    """Copy documents and pictures to their places, with links that hold and players of sounds."""
    pages, sounds = list_pages(), Sounds(folder, ROOT / "runs")
    media = {path: path.removeprefix("docs/") for path in list_media()}
    for page, place in pages.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        text = rewrite(page, (ROOT / page).read_text(encoding="utf-8"), pages, media)
        target.write_text(sounds.put(text, place), encoding="utf-8")
    shutil.copyfile(HERE / STYLE, folder / STYLE)
    for source, place in media.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, folder / place)


def make_navigation(folder: Path, api: dict[str, str]) -> list[object]:
    """Return the navigation: known pages in their sections, further ones under "More", studies, Chinese, API."""
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*.md")}
    named = {f"{name}.md" for names in SECTIONS.values() for name in names} | {f"{name}.md" for name in LAST}
    made: list[object] = [
        {title: [f"{name}.md" for name in names if f"{name}.md" in there]} for title, names in SECTIONS.items()
    ]
    more = sorted(place for place in there if "/" not in place and place not in named)
    made.append({"More": [*more, *(f"{name}.md" for name in LAST if f"{name}.md" in there)]})
    studies = [place for place in there if place.startswith("experiments/")]
    own = sorted(studies, key=lambda place: (place.rpartition("/")[0], not place.endswith("/index.md"), place))
    made.append({"Studies": own})
    chinese = [f"zh/{name}.md" for name in CHINESE]
    rest = sorted(place for place in there if place.startswith("zh/") and place not in chinese)
    made.append({"中文": [*(place for place in chinese if place in there), *rest]})
    made.append({"API": [{title: place} for place, title in api.items()]})
    return [one for one in made if isinstance(one, dict) and all(one.values())]


def write_twins(folder: Path, site: Path) -> None:
    """Put the Markdown of every document beside its page, and `llms.txt` that lists them, for programs."""
    lines = ["# sovits_lab", "", "> A research framework for emotional text-to-speech of the GPT-SoVITS family.", ""]
    for path in sorted(folder.rglob("*.md")):
        place = path.relative_to(folder)
        if place.parts[0] == "api":
            continue
        shutil.copyfile(path, site / place)
        title = next((x for x in path.read_text(encoding="utf-8").splitlines() if x.startswith("# ")), f"# {place}")
        lines.append(f"- [{title[2:]}]({place.as_posix()})")
    (site / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def open_from_folder(site: Path) -> None:
    """Let pages that are opened from a folder be searched: there a browser fetches no index and starts no worker file.

    The index comes as a script, and the worker from memory, by a script that only such pages use.
    """
    index = (site / "search.json").read_text(encoding="utf-8")
    (site / "search.js").write_text(f"var __index = {index};\n", encoding="utf-8")
    (worker,) = (site / "assets" / "javascripts" / "workers").glob("search.*.js")
    script = OFFLINE.replace("SOURCE", json.dumps(worker.read_text(encoding="utf-8")))
    (site / "offline.js").write_text(script, encoding="utf-8")
    for page in site.rglob("*.html"):
        source = relative(page.relative_to(site).as_posix(), "offline.js")
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace("</head>", f'<script src="{source}"></script></head>', 1), encoding="utf-8")


def build(with_api: bool = True) -> list[str]:
    """Build the site; return the broken links.

    Raises:
        RuntimeError: the generator failed.
    """
    shutil.rmtree(OUT, ignore_errors=True)
    folder = OUT / "docs"
    folder.mkdir(parents=True)
    collect(folder)
    api = write_pages(folder) if with_api else {}
    import yaml

    settings = yaml.safe_load((HERE / "mkdocs.yml").read_text(encoding="utf-8"))
    settings["nav"] = make_navigation(folder, api)
    if not with_api:
        settings["plugins"] = ["search"]
    (OUT / "mkdocs.yml").write_text(yaml.safe_dump(settings, allow_unicode=True, sort_keys=False), encoding="utf-8")
    words = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", "mkdocs.yml"]
    ended = subprocess.run(words, cwd=OUT, capture_output=True, text=True, check=False)  # noqa: S603  no shell
    if ended.returncode:
        raise RuntimeError(f"zensical ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
    site = OUT / "site"
    write_twins(folder, site)
    open_from_folder(site)
    return find_broken(site)


def main() -> int:
    """Build the site; print what is broken, or where it lies."""
    broken = build("--without-api" not in sys.argv)
    for line in broken:
        print(line, file=sys.stderr)
    pages = len(list((OUT / "site").rglob("*.html")))
    print(json.dumps({"pages": pages, "broken": len(broken), "site": str(OUT / "site" / "index.html")}))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
