"""House rules that a linter does not know: one class name, one class; docstrings of functions begin with a verb."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("sovits_lab", "evaluation", "hydra_plugins")
DESCRIBED = ("sovits_lab", "evaluation")
# What a docstring may begin with. A verb that is missing may be added; what is no verb may not.
VERBS = frozenset((ROOT / "tests" / "verbs.txt").read_text(encoding="utf-8").split())


def test_no_class_name_is_used_in_two_modules() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    found[node.name].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


def public_functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the public functions of a module and the public methods of its public classes, properties excepted."""
    for child in ast.iter_child_nodes(node):
        if getattr(child, "name", "_").startswith("_"):
            continue
        if isinstance(child, ast.ClassDef):
            yield from public_functions(child)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = [ast.unparse(decorator) for decorator in child.decorator_list]
            if not any("property" in decorator or decorator.endswith(".setter") for decorator in decorators):
                yield child


def begins_with_verb(docstring: str) -> bool:
    """Tell whether a docstring begins with a verb; before "of" the same word is a noun, as in "Sum of the skips"."""
    words = docstring.split()
    return bool(words) and words[0].rstrip(",:;.") in VERBS and words[1:2] != ["of"]


def find_fragments(source: str) -> list[str]:
    """Find the public functions whose docstrings begin with another word than a verb."""
    return [
        f"{node.name}: {docstring[:60]}"
        for node in public_functions(ast.parse(source))
        if (docstring := ast.get_docstring(node)) is not None and not begins_with_verb(docstring)
    ]


@pytest.mark.parametrize("package", DESCRIBED)
def test_docstrings_of_public_functions_begin_with_a_verb(package: str) -> None:
    paths = sorted((ROOT / package).rglob("*.py"))
    found = {str(path.relative_to(ROOT)): find_fragments(path.read_text(encoding="utf-8")) for path in paths}
    assert paths
    assert {path: fragments for path, fragments in found.items() if fragments} == {}


@pytest.mark.parametrize(
    "docstring",
    ["Of a voice, from utterances.", "The rate of a step.", "Needs `x`; writes `y`.", "Sum of the skips.", " "],
)
def test_fragments_are_found(docstring: str) -> None:
    function = f'def rate():\n    """{docstring}"""\n'
    method = "class Rate:\n" + "".join(f"    {line}\n" for line in function.splitlines())
    assert [found.split(":")[0] for found in find_fragments(function + method)] == ["rate", "rate"]


def test_verbs_properties_and_private_functions_are_no_fragments() -> None:
    source = (
        'def rate():\n    """Return the rate."""\n'
        'def _rate():\n    """The rate."""\n'
        'class Rate:\n    @property\n    def rate(self):\n        """The rate."""\n'
        'class _Rate:\n    def rate(self):\n        """The rate."""\n'
    )
    assert find_fragments(source) == []


# Words that say nothing of what a thing is: what somebody is told are conditions, what is heard are features or words.
PRIVATE = frozenset({"told", "heard", "said"})


def private_names(tree: ast.Module) -> Iterator[str]:
    """Yield classes, functions, parameters, variables and attributes whose name holds a private word."""
    for node in ast.walk(tree):
        name = ""
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = node.name
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = node.id if isinstance(node, ast.Name) else node.attr
        if PRIVATE & {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}:
            yield name


def test_no_name_is_a_private_word() -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if (names := list(private_names(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert found == {}
    planted = ast.parse("_SAID = 1\nclass ToldA:\n    heard_rate: int\n    def of(self, told): self.heard = told")
    assert sorted(private_names(planted)) == ["ToldA", "_SAID", "heard", "heard_rate", "told"]


def undefined_names(source: str) -> Iterator[str]:
    """Yield the names that code uses and that neither its module nor Python knows; annotations are not evaluated."""
    module = symtable.symtable(source, "source", "exec")
    known = {one.get_name() for one in module.get_symbols() if one.is_assigned() or one.is_imported()}
    known |= {*dir(builtins), "__file__", "self"}  # jaxtyping's axes may name `self`
    scopes = [module]
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        for one in scope.get_symbols():
            if one.is_referenced() and (one.is_global() or scope is module) and one.get_name() not in known:
                yield one.get_name()


def test_every_name_that_code_uses_is_there() -> None:
    """Linters are told not to look at names: the axes of shapes are none."""
    found = {
        str(path.relative_to(ROOT)): names
        for folder in (*PACKAGES, "experiments", "website", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if (names := list(undefined_names(path.read_text(encoding="utf-8"))))
    }
    assert found == {}
    assert list(undefined_names("rule = lambda m: _gone(m)\n")) == ["_gone"]
