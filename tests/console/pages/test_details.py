"""Every detail that a journal may hold has a name and words for its value, in both languages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

import bedside
from bedside.audit.clearance import DETAIL_CLASSES
from bedside.console.pages.detail_names import NAMES, VALUES
from bedside.console.pages.details import Detail, detail_words
from bedside.vocabulary import (
    AccessKind,
    Activity,
    ClockState,
    Ending,
    Gate,
    HelpTopic,
    MessageKind,
    Mode,
    Outcome,
    PollMode,
    Role,
    SessionState,
    SiteAction,
)

SOURCE = Path(bedside.__file__).parent
# No entry of a journal: a problem of the REST API has a `detail` too.
NOT_ENTRIES = {"rest", "api", "schemas", "examples", "described"}
MEMBERS = {
    "access": AccessKind,
    "actions": SiteAction,
    "activity": Activity,
    "clock": ClockState,
    "ending": Ending,
    "gate": Gate,
    "kind": MessageKind,
    "mode": Mode,
    "outcome": Outcome,
    "poll_mode": PollMode,
    "role": Role,
    "state": SessionState,
    "topic": HelpTopic,
}


def written_details() -> set[str]:
    """Return every key of every mapping that our code hands on, or keeps, as a `detail`."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        if not NOT_ENTRIES & set(path.with_suffix("").parts):
            for value in _details_in(ast.parse(path.read_text("utf-8"))):
                found |= {
                    key.value
                    for each in ast.walk(value)
                    if isinstance(each, ast.Dict)
                    for key in each.keys
                    if isinstance(key, ast.Constant)
                }
    return found


def _details_in(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from (word.value for word in node.keywords if word.arg == "detail")
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and target.id == "detail" and node.value:
                    yield node.value
                if (
                    isinstance(target, ast.Subscript)
                    and isinstance(target.value, ast.Name)
                    and target.value.id == "detail"
                ):
                    yield ast.Dict(keys=[target.slice], values=[])


def shown(name: str, value: object, language: str, *, brief: bool = False) -> Detail:
    """Return one detail as a page of this language shows it."""
    with translation.override(language):
        (detail,) = detail_words({name: value}, brief=brief)
    return detail


def test_the_keys_of_the_code_are_found():
    assert {"bytes_received", "exit_status", "consent", "processes_left"} <= written_details()


def test_every_detail_that_is_written_has_a_name():
    assert written_details() <= NAMES.keys()


def test_the_names_are_those_of_the_vocabulary():
    # Consent is the one that nobody but an auditor reads: what is not marked is secret.
    assert NAMES.keys() == DETAIL_CLASSES.keys() | {"consent"}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_name_is_words(language):
    with translation.override(language):
        for key, name in NAMES.items():
            assert str(name).strip(), key
            assert "_" not in str(name), (key, str(name))


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("name", MEMBERS)
def test_every_word_of_the_vocabulary_is_said(name, language):
    for member in MEMBERS[name]:
        text = shown(name, member.value, language).value
        assert text
        assert "_" not in text, (name, member, text)
        same = text == member.value and member is not MessageKind.CONFIGURATION
        assert language == "en" or not same, (name, member)


@pytest.mark.parametrize("name", VALUES)
def test_every_code_has_words(name):
    for code, words in VALUES[name].items():
        assert shown(name, code, "en").value == str(words)


@pytest.mark.parametrize(
    ("name", "value", "english", "french"),
    [
        ("actions", "files_in files_out", "files to the device, files from the device", "fichiers"),
        ("break_glass", False, "no", "non"),
        ("break_glass", True, "yes", "oui"),
        ("bytes_received", 6, "6 bytes", "6 octets"),
        ("bytes_sent", 1_500_000, "1.5\u00a0MB", "1,5\u00a0Mo"),
        ("index", 0, "1", "1"),
        ("runs_as", "same user", "the agent's own user", "le compte de l’agent"),
        ("runs_as", "service", "service", "service"),
        ("scope", "devices:device:read", "Read devices", "appareils"),
        ("site_policy", 0, "none", "aucune"),
        ("site_policy", 3, "3", "3"),
        ("state", "journal", "journal", "journal"),
        ("mode", "of-tomorrow", "of-tomorrow", "of-tomorrow"),
        ("of_tomorrow", "x", "x", "x"),
    ],
)
def test_a_value_is_said_as_one_would_say_it(name, value, english, french):
    assert english.lower() in shown(name, value, "en").value.lower()
    assert french.lower() in shown(name, value, "fr").value.lower()


def test_a_time_is_left_to_the_page_and_its_zone():
    for name in NAMES:
        if name.endswith("_ms") and name not in ("hold_ms", "retry_in_ms", "took_ms"):
            assert shown(name, 1_795_685_854_683, "en").at_ms == 1_795_685_854_683
    assert shown("took_ms", 1500, "en").value == "2 s"


def test_what_is_for_machines_is_folded():
    assert shown("checkpoint", "log\n7\nroot\n", "en", brief=True).long
    assert shown("command", "x" * 300, "en").long
    digest = shown("sha256", "0123456789abcdef" * 4, "en", brief=True)
    assert (digest.value, digest.long) == ("0123456789ab…", False)


def test_what_says_nothing_is_left_out():
    assert detail_words({"ticket": "", "approved_until_ms": 0, "level": 0, "reason": None}) == ()
