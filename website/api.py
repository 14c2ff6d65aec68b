"""Pages of the API reference: one a package, its modules' docstrings below each other."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("sovits_lab", "evaluation")
OPTIONS = "    options:\n      show_root_heading: true\n      heading_level: 2\n      members_order: source\n"


def list_packages() -> dict[str, list[str]]:
    """Return the modules of each package, by dotted name; packages without public names of their own are left out."""
    found: dict[str, list[str]] = {}
    for root in PACKAGES:
        for path in sorted((ROOT / root).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if path.name.startswith("__") or not has_public(path):
                continue
            found.setdefault(".".join(module.split(".")[:2]), []).append(module)
    return found


def has_public(path: Path) -> bool:
    """Tell whether a module has a public function or class with a docstring."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    defined = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return any(not node.name.startswith("_") and ast.get_docstring(node) for node in defined)


def write_pages(folder: Path) -> dict[str, str]:
    """Write the pages; return their titles by place in the site."""
    titles = {}
    (folder / "api").mkdir(parents=True, exist_ok=True)
    for package, modules in list_packages().items():
        place = f"api/{package}.md"
        text = f"# {package}\n\n" + "\n".join(f"::: {module}\n{OPTIONS}" for module in modules)
        (folder / place).write_text(text, encoding="utf-8")
        titles[place] = package
    return titles
