"""Print the sizes that the style names as marks; nothing here ever fails a build.

Lines count blanks, comments and docstrings. A body is a function less its signature's docstring.
Migrations and `__init__.py` files without code are left out. Run: `make measure`.
"""

import ast
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Function", "Module", "main", "read_module"]

TREE = Path(__file__).parent.parent

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Function:
    """The size and the manners of one function."""

    name: str
    body: int
    parameters: int
    public: bool
    documented: bool
    annotated: bool


@dataclass(frozen=True)
class Module:
    """One file: its length in lines and its functions."""

    path: Path
    lines: int
    functions: tuple[Function, ...]


def read_module(path: Path) -> Module:
    """Measure one Python file."""
    text = path.read_text(encoding="utf-8")
    functions = tuple(_functions(ast.parse(text), public=True))
    return Module(path, len(text.splitlines()), functions)


def _functions(node: ast.AST, *, public: bool) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _FUNCTION):
            shown = public and not child.name.startswith("_")
            yield _measure(child, public=shown)
            yield from _functions(child, public=False)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, public=public and not child.name.startswith("_"))
        else:
            yield from _functions(child, public=public)


def _measure(node: ast.FunctionDef | ast.AsyncFunctionDef, *, public: bool) -> Function:
    docstring = ast.get_docstring(node) is not None
    first = node.body[0]
    documented_lines = (first.end_lineno or first.lineno) - first.lineno + 1 if docstring else 0
    last = node.end_lineno or node.lineno
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    counted = [argument for argument in arguments if argument.arg not in ("self", "cls")]
    return Function(
        name=node.name,
        body=last - node.lineno + 1 - documented_lines,
        parameters=len(counted),
        public=public,
        documented=docstring,
        annotated=node.returns is not None and all(argument.annotation for argument in counted),
    )


def _spread(name: str, values: Sequence[int], mark: str) -> str:
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return (
        f"{name:<28} median {statistics.median(ordered):>5.0f}   95% {p95:>5}"
        f"   max {ordered[-1]:>5}   mark: {mark}"
    )


def _share(name: str, part: int, whole: int, mark: str) -> str:
    return f"{name:<28} {part} of {whole} ({100 * part / max(whole, 1):.1f} %)   mark: {mark}"


def _longest(modules: Sequence[Module]) -> Iterator[str]:
    for module in sorted(modules, key=lambda module: -module.lines)[:5]:
        yield f"  {module.lines:>5} lines  {module.path.relative_to(TREE)}"
    every = [(function, module) for module in modules for function in module.functions]
    for function, module in sorted(every, key=lambda pair: -pair[0].body)[:5]:
        yield f"  {function.body:>5} body   {module.path.relative_to(TREE)} {function.name}"


def _unpaired(modules: Sequence[Module], tests: Sequence[Module]) -> list[str]:
    names = {module.path.relative_to(TREE / "tests") for module in tests}
    found = []
    for module in modules:
        place = module.path.relative_to(TREE / "src" / "bedside")
        if module.functions and place.with_name(f"test_{place.stem.strip('_')}.py") not in names:
            found.append(str(place))
    return found


def _modules(folder: str) -> list[Module]:
    paths = sorted((TREE / folder).rglob("*.py"))
    modules = [read_module(path) for path in paths if "migrations" not in path.parts]
    return [module for module in modules if module.path.name != "__init__.py" or module.functions]


def main() -> None:
    """Print the ratchet of the tree."""
    modules, tests = _modules("src"), _modules("tests")
    functions = [function for module in modules for function in module.functions]
    public = [function for function in functions if function.public]
    code = sum(module.lines for module in modules)
    proof = sum(module.lines for module in tests)
    unpaired = _unpaired(modules, tests)
    print(f"{len(modules)} modules, {code} lines; {len(tests)} test modules, {proof} lines")
    print(_spread("module lines", [module.lines for module in modules], "150 / 400 / 500"))
    print(_spread("function body lines", [f.body for f in functions], "- / 30 / 60"))
    print(_share("bodies over 60 lines", sum(f.body > 60 for f in functions), len(functions), "0"))
    print(_spread("parameters", [f.parameters for f in functions], "- / 5 / 5"))
    print(_share("public documented", sum(f.documented for f in public), len(public), "all"))
    print(_share("public annotated", sum(f.annotated for f in public), len(public), "all"))
    print(f"{'test lines / code lines':<28} {proof / max(code, 1):.2f}   mark: 1.2 to 1.6")
    print(_share("modules with their own test", len(modules) - len(unpaired), len(modules), "all"))
    print("longest:")
    print("\n".join(_longest(modules)))
    if unpaired:
        print("without a test file of their own:")
        print("\n".join(f"  {name}" for name in unpaired))


if __name__ == "__main__":
    main()
