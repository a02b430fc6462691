"""Public means `__all__`: it names what a module defines for others, sorted, and nothing else."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "bedside"
# Rooms that others import from: each of their modules says what is public.
SHARED = ("audit", "pki", "policy", "protocol")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def modules():
    return sorted(
        path
        for path in PACKAGE.rglob("*.py")
        # Django finds a console app's parts by their names, not by what they export.
        if "console" not in path.relative_to(PACKAGE).parts and path.name != "__init__.py"
    )


def name_of(path):
    return str(path.relative_to(PACKAGE))


def exports(tree):
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return None


def bound_names(tree):
    """Return every name that the module binds at its top, in any branch."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def faults(tree):
    listed = exports(tree)
    if listed is None:
        return []
    public = {
        node.name
        for node in tree.body
        if isinstance(node, DEFINITIONS)
        and not node.name.startswith("_")
        # A command is called by its word on the command line, not by its name.
        and not any("command" in ast.unparse(decorator) for decorator in node.decorator_list)
    }
    return [
        *(f"unlisted: {name}" for name in sorted(public - set(listed))),
        *(f"listed but absent: {name}" for name in sorted(set(listed) - bound_names(tree))),
        *(["not sorted"] if set(listed) and sorted(set(listed)) != sorted(listed) else []),
    ]


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_all_names_exactly_what_is_public(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert faults(tree) == []
    if path.relative_to(PACKAGE).parts[0] in SHARED:
        assert exports(tree) is not None


def test_a_forgotten_and_a_vanished_name_are_found():
    tree = ast.parse('__all__ = ["gone"]\ndef here(): ...\n')
    assert faults(tree) == ["unlisted: here", "listed but absent: gone"]
