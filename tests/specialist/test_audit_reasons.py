"""Every reason that a reader of journals gives is one that a person reads in both languages."""

import ast
from pathlib import Path

import pytest

import bedside.audit
from bedside.language import Language, translator
from bedside.specialist.audit_reasons import REASONS, reason_words

ERRORS = {"ArchiveError", "CheckpointError", "EntryError", "TileError"}
FRENCH = translator(Language.FRENCH, "bedside-cli")


def reasons() -> list[str]:
    """The text of each error that `bedside.audit` raises, with a word in place of each value."""
    sources = Path(bedside.audit.__path__[0]).glob("*.py")
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    raised = [call for call in calls if getattr(call.func, "id", "") in ERRORS]
    return sorted({_text(call.args[0]) for call in raised} - {""})


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values
        )
    return ""


def test_there_are_reasons():
    assert len(reasons()) > 40


@pytest.mark.parametrize("text", reasons())
def test_it_is_known_by_its_form(text):
    assert reason_words(text, lambda sentence: sentence) == text
    said = reason_words(text, FRENCH)
    assert said not in (text, FRENCH("it is damaged"))


def test_values_are_kept_and_what_is_nested_is_said_too():
    assert reason_words("entries.jsonl is missing", FRENCH) == "entries.jsonl manque"
    nested = "manifest.json cannot be read: devices/CI-1.jsonl is missing"
    assert "devices/CI-1.jsonl manque" in reason_words(nested, FRENCH)


def test_what_the_standard_library_says_is_not_shown():
    said = reason_words("x.zip cannot be read: Bad CRC-32 for file 'x'", FRENCH)
    assert "CRC" not in said
    assert "CRC" in reason_words("x.zip cannot be read: Bad CRC-32", lambda sentence: sentence)


def test_no_reason_hides_another():
    for reason in REASONS:
        text = reason.replace("{", "<").replace("}", ">").replace("<error>", "not JSON")
        assert reason_words(text, lambda sentence: sentence) == text
