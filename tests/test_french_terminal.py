"""On a French terminal nobody reads English: every command's help, and every common misuse.

Each program is asked in a process of its own, under `fr_CA.UTF-8`. What is looked for are English
words that stand in no French sentence; commands, options and file names are English everywhere.
"""

import json
import os
import re
import subprocess
import sys

import pytest

ENGLISH = re.compile(
    r"\b(a|an|and|arguments?:|at|be|by|can|cannot|choose|command|default|error|exit|for|from|"
    r"given|help|in|invalid|is|it|its|missing|must|no|not|of|options:|or|positional|required|"
    r"show|skip|such|system|word|that|the|their|this|to|unrecognized|usage(?=:)|use|value|what|when|where|who|with)\b",
    re.IGNORECASE,
)
# French has these too.
ENGLISH_ONLY = {"a", "or", "error", "for", "no", "is", "in", "it"}
NAMES = re.compile(
    r"(?m:^ {4}[a-z][\w-]*(?=\s))|--?[a-z][\w-]*|`[^`]*`|bedside(?: [a-z][\w-]*)*|[A-Z_]{2,}|\{[^}]*\}|~?/[\w/.-]+|[\w-]+\.\w+|'[\w, -]*'|\w+(?:\|\w+)+"
)
ASK = """
import contextlib, io, json, sys
from bedside.__main__ import main
said = []
for words in json.loads(sys.argv[1]):
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
    said.append([words, code, text.getvalue()])
print(json.dumps(said))
"""

HELP = ["--help"]
PROGRAMS = {
    "specialist": [
        HELP,
        *([word, *HELP] for word in (
            "login", "logout", "devices", "request", "sessions", "ssh", "ssh-config", "end", "trust",
            "audit", "control",
        )),
        *(["control", word, *HELP] for word in ("ask", "hand", "take", "give")),
        ["control"],
        ["control", "keep"],
        ["control", "hand", "CI-1"],
        ["control", "take", "CI-1"],
        ["control", "ask", "CI-1", "--case", "C", "--reason", "R"],
        ["audit", "verify", *HELP],
        ["audit", "reconcile", *HELP],
        [],
        ["audit"],
        ["requst"],
        ["--nope"],
        ["request"],
        ["request", "CI-1", "--case", "C", "--reason", "R", "--mode", "look"],
        ["devices", "--limit", "0"],
        ["devices", "--limit"],
        ["devices", "x", "y"],
        ["login", "x", "--browser=3"],
        ["login", "x"],
        ["login", "javascript://x"],
        ["login", "http://198.51.100.1"],
        ["login", "http://127.0.0.1:9"],
        ["login", "https://console.example", "--ca", "nowhere.pem"],
        ["trust", "--device", "CI-1"],
        ["trust", "--host-ca", "x"],
        ["audit", "verify", "nowhere.zip"],
        ["audit", "verify", "/dev/null"],
        ["audit", "verify", "nowhere.zip", "--key", "nothing"],
        ["devices"],
    ],
    "agent": [
        ["agent", *HELP],
        *(["agent", word, *HELP] for word in (
            "enrol", "run", "status", "host-key", "check", "set-support-credential", "journal", "site",
        )),
        *(["agent", "site", word, *HELP] for word in ("trust", "install", "show")),
        ["agent"],
        ["agent", "nothing"],
        ["agent", "enrol"],
        ["agent", "journal", "burn"],
        ["agent", "journal", "--limit", "x"],
        ["agent", "status", "--nope"],
        ["agent", "status"],
        ["agent", "--config", "/", "check"],
    ],
    "relay": [
        ["relay", *HELP],
        ["relay", "run", *HELP],
        ["relay", "check", *HELP],
        ["relay", "request", *HELP],
        ["relay", "spool", *HELP],
        ["relay"],
        ["relay", "nothing"],
        ["relay", "run"],
        ["relay", "check", "--config", "nowhere.toml"],
    ],
    "panel": [["panel", *HELP], ["panel"], ["panel", "--language", "de", "--socket", "x"]],
    "demo": [["demo", *HELP], ["demo", "nothing"]],
    "site": [
        ["site", *HELP],
        *(["site", *words.split(), *HELP] for words in (
            "key", "key new", "key show", "key hand-over", "policy", "policy new", "policy sign",
            "policy show", "approver", "approver add",
        )),
        ["site"],
        ["site", "nothing"],
        ["site", "policy", "sign"],
    ],
    "fleet": [
        ["fleet", *HELP],
        ["fleet", "simulate", *HELP],
        ["fleet"],
        ["fleet", "nothing"],
        ["fleet", "simulate"],
        ["fleet", "simulate", "--devices", "0"],
        ["fleet", "simulate", "--devices", "1", "--storm", "x"],
        ["fleet", "simulate", "--devices", "1", "--relay", "x"],
        ["fleet", "simulate", "--devices", "1", "--demo", "nowhere"],
    ],
    "console": [
        ["console", *HELP],
        ["console", "nothing"],
        *(["console", word, *HELP] for word in (
            "apply", "add-relay", "backup", "create-administrator", "import-profile", "init", "journal",
            "live", "offer-enrolment", "openapi", "renew-relay", "reset-factors", "restore", "retire-relay", "review", "set-password", "status", "unlock", "web",
            "worker",
        )),
        *(["console", "journal", word, *HELP] for word in ("verify", "export")),
        ["console", "apply"],
        ["console", "journal", "burn"],
        ["console", "add-relay", "a"],
    ],
}  # fmt: skip


PLACES = frozenset(
    [
        "ADRESSE",
        "APPAREIL",
        "ARGUMENTS",
        "CODE",
        "COMMANDE",
        "CONSOLE",
        "COURRIEL",
        "DATE",
        "DOSSIER",
        "ÉTABLISSEMENT",
        "EXPORTATION",
        "FICHIER",
        "FUSEAU",
        "HÔTE",
        "HÔTE:PORT",
        "MOT",
        "MOTS",
        "NOM",
        "NOM@HÔTE:PORT",
        "NOMBRE",
        "NUMÉRO",
        "OPTIONS",
        "PAYS",
        "PERSONNE",
        "PORT",
        "RECHERCHE",
        "SECONDES",
        "SÉANCE",
        "SÉANCE_OU_APPAREIL",
        "SOCKET",
        "TEXTE",
    ]
)
"""What stands in a French usage for a value; what is not here is English, or waits for its line."""


def places(text: str, words: list[str]) -> list[str]:
    """What stands for values in a program's help: in its usage, and behind its options."""
    usage, _blank, rest = text.partition("\n\n")
    plain = re.sub(r"\{[^}]*\}|(?<![\w-])--?[\w-]+|[][|.]", " ", usage.partition(":")[2])
    named = {"bedside", *words}
    behind = re.findall(r"^ +(?:-\w[ \w]*, )?--[\w-]+ ([^\W\d_][\w:]*)(?:  |$)", rest, re.MULTILINE)
    listed = re.findall(r"^  [a-z][a-z-]* ([A-Z]{2,})", rest, re.MULTILINE)
    return [word for word in [*plain.split(), *behind, *listed] if word not in named]


def english(text: str) -> list[str]:
    """The English words in a text, names of commands and files aside."""
    plain = NAMES.sub(" ", text)
    return [word for word in ENGLISH.findall(plain) if word.lower() not in ENGLISH_ONLY]


@pytest.fixture(scope="module", params=PROGRAMS)
def said(request, tmp_path_factory):
    """What a program says to each of its lines of words."""
    tmp_path = tmp_path_factory.mktemp(request.param)
    lines = PROGRAMS[request.param]
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - a child's environment
        "HOME": str(tmp_path),
        "BEDSIDE_HOME": str(tmp_path),
        "LANG": "fr_CA.UTF-8",
        "PYTHONUTF8": "1",
        "COLUMNS": "100",
        "PYTHONWARNINGS": "ignore",
    }
    if request.param == "console":
        environment |= console_of(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(lines)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def console_of(folder):
    """A configuration that is enough for the console's words to explain themselves."""
    config = folder / "console.toml"
    config.write_text(f'public_url = "http://localhost:8000"\ndata_dir = "{folder}/data"\n')
    return {"BEDSIDE_CONSOLE_CONFIG": str(config)}


def test_it_speaks_french(said):
    for words, _code, text in said:
        assert text.strip(), words
        assert not english(text), (words, text)


def test_what_stands_for_a_value_is_french(said):
    for words, _code, text in said:
        if words[-1:] == HELP:
            assert set(places(text, words)) <= PLACES, (words, text)


def test_help_is_no_failure_and_a_misuse_is_one(said):
    for words, code, _text in said:
        assert (code == 0) == (words[-1:] == HELP), (words, code)


def test_what_is_looked_for_is_found():
    assert english("Show this message and exit.")
    assert english("usage: x\n\noptions:\n  -h, --help  show this help message and exit")
    assert english("Missing option '--case'.")
    assert places("usage: bedside x [-h] [--to TO] file\n\n  --to TO  somewhere", ["x"]) == [
        "TO", "file", "TO"
    ]  # fmt: skip
    assert not english("Utilisation : bedside [OPTIONS] COMMANDE\n  --help  Afficher cette aide.")
