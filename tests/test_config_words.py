"""Every fault of a configuration, provoked by the real command under `fr_CA.UTF-8`, is said in French.

One process for each program runs all of its cases: `bedside PROGRAM --config FILE WORD`.
"""

import ast
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.language import Language
from bedside.language.config_error import FIELD_SENTENCES, field_error
from tests.agent.world import PROFILE
from tests.relay.world import World
from tests.test_french_terminal import ASK, english

ROOT = os.geteuid() == 0
PROTOCOL = Path(__file__).parents[1] / "src/bedside/protocol"

AGENT = """state_dir = "state"
run_dir = "run"
profile = "profile.toml"
manufacturer_key = "maker.pem"
panel_users = ["root"]
panel_groups = ["root"]
worker_user = "daemon"
session_user = 2000000000
[proxy]
host = "proxy.hospital"
port = 3128
password_file = "password"
"""
AGENT_CASES = [
    ('state_dir = "state"\n', "", "il manque state_dir"),
    ("port = 3128\n", "", "il manque proxy.port"),
    ('"profile.toml"', "1", "profile doit être un texte"),
    ("3128", '"x"', "proxy.port doit être un nombre entier"),
    ('["root"]\npanel_groups', "1\npanel_groups", "panel_users doit être une liste"),
    (AGENT[AGENT.index("[proxy]"):], "proxy = 1", "proxy doit être une table"),
    ("2000000000", "1.5", "session_user doit être un texte ou un nombre entier"),
    ("[proxy]", "colour = 1\n[proxy]", "colour est inconnu"),
    ("[proxy]", "[proxy]\ncolour = 1", "proxy.colour est inconnu"),
    ("[proxy]", "[proxy", "le fichier n’est pas du TOML valide à la ligne 9, colonne 7"),
    ("[proxy]", "n = " + "9" * 5000 + "\n[proxy]", "le fichier n’est pas du TOML valide"),
    ("[proxy]", "# é".encode("latin-1"), "le fichier n’est pas du texte UTF-8 (octet"),
    ("[proxy]", "#" * 70_000, "le fichier est trop gros"),
    ("[proxy]", "n = " + "[" * 30_000, "le fichier comporte trop de niveaux imbriqués"),
    ('"state"', '"a\\u0000b"', "state_dir n’est pas un nom de fichier"),
    ('"password"', '"/dev/nowhere/x"', "/dev/nowhere/x: aucun fichier de ce nom"),
    ('"password"', '"binary"', "proxy.password_file ne désigne pas un fichier de texte"),
    ('"password"', '"open/secret.key"', "proxy.password_file : d’autres peuvent lire"),
    ('"daemon"', '"nobody-here"', "l’utilisateur nobody-here n’existe pas"),
    ('["root"]\nworker', '["nobody-here"]\nworker', "le groupe nobody-here n’existe pas"),
    ("2000000000", "0", "session_user est root : nommez un utilisateur qui n’a aucun autre droit"),
    ("2000000000", '"daemon"', "session_user est worker_user : il faut un utilisateur"),
    ('["root"]\npanel_groups', '["nobody"]\npanel_groups', "session_user a droit au panneau"),
]  # fmt: skip
"""(what is replaced, by what, what is said) of a file that is whole; said by `check`."""

RELAY = """name = "a"
server_name = "relay-a.example"
listen = ["127.0.0.1:0"]
certificate = "relay.crt"
key = "relay.key"
ca = "ca.pem"
[console]
host = "192.0.2.1"
port = 8443
server_name = "live.example"
"""
RELAY_CASES = [
    ('name = "a"\n', "", "il manque name"),
    ('name = "a"', "name = 1", "name doit être un texte"),
    ('name = "a"', 'name = ""', "name est vide"),
    ('name = "a"', 'name = "A!"', "name n’a pas la forme voulue"),
    ('name = "a"', f'name = "{"a" * 90}"', "name est trop long"),
    ('name = "a"', 'name = "a\\u202e"', "name contient un caractère invisible"),
    ('["127.0.0.1:0"]', '"x"', "listen doit être une liste"),
    ('["127.0.0.1:0"]', "[]", "listen n’a pas assez de valeurs"),
    ('["127.0.0.1:0"]', '["127.0.0.1:0"' + ', "x:1"' * 20 + "]", "listen a trop de valeurs"),
    ("127.0.0.1:0", "443", "listen : 443 n’est pas de la forme HÔTE:PORT"),
    ("[console]", 'tracing = "x"\n[console]', "tracing : x ne ressemble pas à http://HÔTE:4318"),
    ("[console]", 'admin = "9100"\n[console]', "admin : 9100 n’est pas de la forme HÔTE:PORT"),
    (
        '["127.0.0.1:0"]',
        '["[::]:17001"]\nadmin = "[::1]:17001"',
        "admin ne doit pas être une adresse de",
    ),
    ("[console]", "console = 1\n[consoles]", "console doit être une table"),
    ("8443", "0", "console.port doit être compris entre 1 et 65535"),
    ("8443", "1.5", "console.port doit être un nombre entier"),
    ("[console]", "colour = 1\n[console]", "colour est inconnu"),
    ("[console]", "[console]\ncolour = 1", "console.colour est inconnu"),
    ("[console]", "[limits]\nhold_s = 1\n[console]", "limits.hold_s est inconnu"),
    ("[console]", "[limits]\nhold_ms = 1\n[console]", "limits.hold_ms doit être compris entre 100"),
    ("[console]", "[console", "le fichier n’est pas du TOML valide à la ligne 7, colonne 9"),
    ("[console]", "#" * 70_000, "le fichier est trop gros"),
    ('"relay.crt"', '"nowhere.crt"', "nowhere.crt: aucun fichier de ce nom"),
    ('"relay.key"', '"other.key"', "ne vont pas ensemble, ou l’un d’eux n’est pas un fichier PEM"),
    ('"ca.pem"', '"relay.key"', "relay.key ne contient aucun certificat en PEM"),
]

CONSOLE = 'public_url = "https://console.example.com"\ndata_dir = "data"\n'
CONSOLE_CASES = [
    (CONSOLE.splitlines()[0], "", "il manque public_url"),
    ("https://console.example.com", "console", "public_url doit ressembler à https://console."),
    ("https://console.example.com", "https://[", "public_url doit ressembler à https://console."),
    ("https:", "http:", "public_url doit être en https : seule cette machine peut utiliser http"),
    ("", "colour = 1\n", "colour est inconnu"),
    ("", "[api]\ncolour = 1\n", "[api]: colour est inconnu"),
    ("", "api = 1\n", "[api] doit être une table"),
    ("", "[api]\nburst = 0\n", "[api]: calls_per_second et burst doivent valoir un ou plus"),
    ("", "web_workers = -1\n", "web_workers doit être un nombre entier, zéro ou plus"),
    ("", "manufacturer = 1\n", "manufacturer doit être un texte"),
    ("", 'language = "de"\n', "language doit être en ou fr"),
    ("", 'allowed_hosts = "x"\n', "allowed_hosts doit être une liste de noms"),
    ("", '[mail]\nsecurity = "x"\n', "[mail]: security doit être starttls, tls ou none"),
    ("", '[mail]\nuser = "x"\n', "[mail]: il manque password_file : user l’exige"),
    ("", '[sign_in]\npasskey_roles = ["x"]\n', "passkey_roles : le rôle x n’existe pas"),
    ("", '[log]\nformat = "x"\n', "[log]: format doit être text ou json"),
    ("", '[tracing]\nendpoint = "x"\n', "[tracing]: endpoint doit ressembler à http://"),
    ("", '[admin]\nweb = "9"\n', "[admin]: web doit être de la forme HÔTE:PORT"),
    ("", '[admin]\nweb = "127.0.0.1:8000"\n', "[admin]: web doit avoir sa propre adresse"),
    ("", "=", "le fichier n’est pas du TOML valide à la ligne"),
    ("", "#" * 70_000, "le fichier est trop gros"),
    ("", 'database = "mysql://x/y"\n', "database doit être sqlite:///CHEMIN ou postgresql://"),
    ("", 'database = "postgresql://["\n', "database doit être sqlite:///CHEMIN ou postgresql://"),
    ("", 'database = "postgresql://h"\n', "database doit ressembler à postgresql://UTILISATEUR"),
    ("", 'database = "postgresql://h:p/n"\n', "database doit ressembler à postgresql://"),
    ("", 'database = "postgresql://h/n?host=/x"\n', "database : ?host= désigne le dossier"),
    ("", 'database = "postgresql://h/n?x=1"\n', "database : x ne fait pas partie de host"),
    ("", 'database = "postgresql://h/n?sslmode=x"\n', "database : sslmode doit être l’un de"),
    ('"data"', '"open"', "secret.key: d’autres peuvent le lire : faites chmod 600"),
    ('"data"', '"password"', "password: il y a déjà un tel fichier"),
]


@pytest.fixture
def folder(tmp_path):
    """What the files of the cases name."""
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "binary").write_bytes(b"\xff")
    for file in ("password", "binary"):
        (tmp_path / file).chmod(0o600)
    (tmp_path / "profile.toml").write_text(PROFILE.format(folder=tmp_path))
    (tmp_path / "world").mkdir()
    world = World(tmp_path / "world")
    shutil.copy(world.relay_credentials.certificate, tmp_path / "relay.crt")
    shutil.copy(world.relay_credentials.key, tmp_path / "relay.key")
    shutil.copy(world.authority.ca_file, tmp_path / "ca.pem")
    (tmp_path / "other.key").write_text("no key")
    (tmp_path / "open").mkdir()
    (tmp_path / "open/secret.key").write_text("key")
    (tmp_path / "open/secret.key").chmod(0o644)
    return tmp_path


def ask(folder, lines):
    """Say what each line of words answers, as exit codes and text."""
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - a child's environment
        "HOME": str(folder),
        "LANG": "fr_CA.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(lines)],
        env=environment, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def write(folder, number, good, case):
    """Write the file of one case: `old` is replaced by `new`; without `old`, `new` is added."""
    old, new, _ = case
    assert old in good, old
    text = good.encode()
    new = new if isinstance(new, bytes) else new.encode()
    path = folder / f"{number}.toml"
    path.write_bytes(text.replace(old.encode(), new, 1) if old else text + new)
    return str(path)


def check(program, word, folder, good, cases):
    files = [write(folder, number, good, case) for number, case in enumerate(cases)]
    lines = [[program, *word(file)] for file in files]
    for (_, code, text), file, (*_, sentence) in zip(ask(folder, lines), files, cases, strict=True):
        assert sentence in text, (sentence, text)
        assert code == 2, text
        assert text.startswith(f"bedside {program}: "), text
        assert text.count("\n") == 1, text
        assert not english(re.sub(r"\b\w+_\w+\b", " ", text.replace(file, ""))), text


def test_the_agent_says_every_fault_in_french(folder):
    member = AGENT.replace("2000000000", '"nobody"')
    plain = [case for case in AGENT_CASES if case[2] != "session_user a droit au panneau"]
    check("agent", lambda file: ["--config", file, "check"], folder, AGENT, plain)
    check("agent", lambda file: ["--config", file, "check"], folder, member, AGENT_CASES[-1:])


PROFILE_CASES = [
    ("id = ", "identity = ", "profile.toml: il manque id"),
    ("software_only = false", 'software_only = "x"', "software_only doit être true ou false"),
    ("[safe_state]", "[safe_state]\ncolour = 1", "safe_state contient une clé inconnue"),
    ("[safe_state]", "[safe_state", "profile.toml: le fichier n’est pas du TOML valide"),
    (
        "[access.service]",
        '[access.service]\nuser = "nobody-here"',
        "nomme un utilisateur qui n’exis",
    ),
    (
        "[access.service]",
        '[access.service]\nuser = "root"',
        "l’utilisateur du profil, root, est ce",
    ),
]


@pytest.mark.parametrize("case", PROFILE_CASES, ids=lambda case: case[2])
def test_the_agent_says_a_profile_s_faults_in_french(folder, case):
    path = folder / "profile.toml"
    old, new, sentence = case
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    file = folder / "agent.toml"
    file.write_text(AGENT)
    [(_, code, said)] = ask(folder, [["agent", "--config", str(file), "run"]])
    assert sentence in said, said
    assert code == 2


def test_the_agent_says_in_french_who_cannot_be_kept_apart(folder):
    state = folder / "state"
    state.mkdir(mode=0o750)
    file = folder / "agent.toml"
    file.write_text(AGENT)
    [(_, code, said)] = ask(folder, [["agent", "--config", str(file), "run"]])
    expected = "n’appartient pas à daemon" if ROOT else "session_user exige un agent lancé par root"
    assert (code, expected in said) == (2, True), said
    if ROOT:
        shutil.chown(state, "daemon")
        [(_, code, said)] = ask(folder, [["agent", "--config", str(file), "run"]])
        assert (code, "est ouvert à d’autres : faites chmod 700" in said) == (2, True), said


def test_a_device_without_an_identity_says_so_in_french(folder):
    file = folder / "agent.toml"
    file.write_text("\n".join(AGENT.splitlines()[:4]))
    words = [["check"], ["host-key"], ["site", "show"]]
    for _, code, said in ask(folder, [["agent", "--config", str(file), *each] for each in words]):
        assert (code, "cet appareil n’est pas inscrit" in said) == (2, True), said


def test_the_relay_says_every_fault_in_french(folder):
    check("relay", lambda file: ["check", "--config", file], folder, RELAY, RELAY_CASES)


def test_the_relay_says_in_french_that_its_port_is_taken(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = folder / "relay.toml"
        file.write_text(RELAY.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        [(_, code, said)] = ask(folder, [["relay", "run", "--config", str(file)]])
    expected = f"listen : un autre programme occupe le port {port} de 127.0.0.1"
    assert (code, expected in said) == (2, True), said


def test_the_console_says_every_fault_in_french(folder):
    check("console", lambda file: ["--config", file, "check"], folder, CONSOLE, CONSOLE_CASES)


def test_every_code_of_the_strict_readers_has_its_sentence():
    codes = {
        node.args[0].value
        for name in ("fields.py", "profile.py")
        for node in ast.walk(ast.parse((PROTOCOL / name).read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"MalformedError", "LimitError"}
    }
    assert codes <= FIELD_SENTENCES.keys()
    for code in FIELD_SENTENCES:
        error = field_error(code, "some.key", where="some.toml")
        assert error.say(Language.FRENCH) != error.say(Language.ENGLISH) == str(error)
        assert error.say(Language.FRENCH).startswith("some.toml: ")


def test_a_code_that_nobody_knows_is_said_with_its_key():
    assert field_error("odd", "some.key").say(Language.FRENCH) == "some.key est inutilisable (odd)"
