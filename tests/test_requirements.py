"""The table of requirements names each promise once, and only proofs that exist."""

import ast
import functools
import re
from pathlib import Path

TREE = Path(__file__).parent.parent
TABLE = TREE / "docs" / "reference" / "requirements.md"
ROW = re.compile(r"^\| ([SRN]\d+(?:-\d+)?) \|[^|]*\|([^|]*)\|$", re.MULTILINE)
PROOF = re.compile(r"`(tests/[^`]+)`")


def rows(table):
    return ROW.findall(table.read_text(encoding="utf-8"))


def missing_proofs(proofs, tree):
    return [proof for proof in proofs if not proof_exists(proof, tree)]


def proof_exists(proof, tree):
    path, *names = proof.split("::")
    if not (tree / path).exists():
        return False
    if not names:
        return True
    return all(name.partition("[")[0] in defined(tree / path) for name in names)


@functools.cache
def defined(path):
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }


def test_each_promise_has_one_row():
    numbers = [number for number, _ in rows(TABLE)]
    assert len(numbers) == len(set(numbers))
    assert {f"S{n}" for n in range(1, 64)} | {f"N{n}" for n in range(1, 11)} <= set(numbers)


def test_each_proof_exists():
    named = [proof for _, proofs in rows(TABLE) for proof in PROOF.findall(proofs)]
    assert missing_proofs(named, TREE) == []


def test_a_proof_that_does_not_exist_is_found():
    here = "tests/test_requirements.py"
    gone = ["tests/gone.py", f"{here}::test_gone"]
    assert missing_proofs([here, f"{here}::test_each_proof_exists", *gone], TREE) == gone
