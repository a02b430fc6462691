"""Each gate beside its acceptance, at the console and at the device, with everything real."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.demo.check import HOST
from bedside.demo.people import ALEX, DEVICE, MARIE
from bedside.demo.world import World
from bedside.pki.delegated import delegated_key
from bedside.pki.keystore import FileKeyStore, KeyName
from bedside.pki.ssh_certificates import issue_user_certificate
from bedside.specialist.errors import ExitCode
from bedside.testing.openssh import OpenSsh
from bedside.vocabulary import Gate, parse_session_id
from tests.journeys.play import ANSWER_S
from tests.journeys.records import console_records, device_records, gates, reported_records
from tests.journeys.refusals import Scene, in_time

pytestmark = pytest.mark.journey

HASTY_S = 20
MARIE_TOML = """
[[people]]
email = "marie@bayard.example"
name = "Marie Tremblay"
organisation = "bayard"
role = "specialist"
language = "fr"
level = {level}
country = "{country}"
vetted_on = "2026-01-15"
"""
ENTITLEMENT = '[[entitlements]]\nsite = "notre-dame"\nfrom = "2026-01-01"\n'
RULE = '[[start_rules]]\nlevel = {level}\ncountry = "US"\nstart = ["view", "control"]\n'


@pytest.fixture(scope="module")
def world(world_folder: Path) -> Iterator[World]:
    """A world whose operators have little time: one of the refusals is their silence."""
    config = world_folder / "console.toml"
    patient, hasty = (f"answer_seconds = {seconds}\n" for seconds in (ANSWER_S, HASTY_S))
    assert patient in config.read_text()
    config.write_text(config.read_text().replace(patient, hasty))
    with World(world_folder) as world:
        yield world


# ---- at the console ----


def test_without_an_entitlement(scene: Scene) -> None:
    scene.apply(ENTITLEMENT + 'until = "2026-02-01"\n')

    refused = scene.ask()

    scene.was_refused_at_the_console(refused, Gate.ENTITLEMENT)
    scene.apply(ENTITLEMENT)
    scene.is_let_ask()


def test_of_the_wrong_level(scene: Scene) -> None:
    scene.apply(RULE.format(level=3))

    refused = scene.ask()

    scene.was_refused_at_the_console(refused, Gate.LEVEL)
    scene.apply("\n".join(RULE.format(level=level) for level in (1, 2, 3)))
    scene.is_let_ask()


def test_from_the_wrong_country(scene: Scene) -> None:
    scene.apply(MARIE_TOML.format(level=2, country="CA"))

    refused = scene.ask()

    scene.was_refused_at_the_console(refused, Gate.COUNTRY)
    scene.apply(MARIE_TOML.format(level=2, country="US"))
    scene.is_let_ask()


def test_without_a_right_to_the_product(scene: Scene) -> None:
    training = 'training = [{{ product = "contrast-injector", from = "2026-01-01"{} }}]\n'
    marie = MARIE_TOML.format(level=2, country="US")
    scene.apply(marie + training.format(', until = "2026-02-01"'))

    refused = scene.ask()

    scene.was_refused_at_the_console(refused, Gate.PRODUCT_RIGHT)
    scene.apply(marie + training.format(""))
    scene.is_let_ask()


def test_while_the_device_is_locked(scene: Scene) -> None:
    console = scene.console(ALEX)
    console.post(f"/devices/{DEVICE}/lock", {"reason": "Recalled"})

    refused = scene.ask()

    scene.was_refused_at_the_console(refused, Gate.LOCK)
    assert "«\u00a0Recalled\u00a0»" in refused.said
    scene.operator.wait_for("locked", lambda status: status.locked)
    session = scene.forge("order")
    try:
        scene.was_refused_at_the_device(session, Gate.DEVICE_LOCKED)
    finally:
        console.post(f"/devices/{DEVICE}/unlock", {})
    scene.nobody_was_asked(session)
    scene.operator.wait_for("unlocked", lambda status: not status.locked)
    scene.is_let_ask()


# ---- at the device: somebody who holds the console's keys ----


def test_the_key_holder_still_needs_the_operator(scene: Scene) -> None:
    session = scene.forge("order")

    assert scene.operator.asked().session == session
    scene.operator.refuse()
    scene.was_refused_at_the_device(session, Gate.CONSENT)
    scene.journey.idle()


@pytest.mark.parametrize(
    ("kind", "gate"), [("expired", Gate.ORDER_EXPIRED), ("product", Gate.ORDER_PRODUCT)]
)
def test_an_order_that_does_not_fit(scene: Scene, kind: str, gate: Gate) -> None:
    session = scene.forge(kind)

    scene.was_refused_at_the_device(session, gate)
    scene.nobody_was_asked(session)


@pytest.mark.parametrize(
    ("kind", "gate"), [("device", Gate.ORDER_DEVICE), ("signer", Gate.ORDER_SIGNATURE)]
)
def test_an_order_that_is_not_for_this_device_or_not_from_this_console(
    scene: Scene, kind: str, gate: Gate
) -> None:
    session = scene.forge(kind)

    # Nothing in such a document is believed: the device names the message, the console its session.
    in_time(f"{gate} here", lambda: gate in gates(device_records(scene.world)))
    in_time(f"{gate} there", lambda: gate in gates(reported_records(scene.world)))
    in_time(f"{gate} of the session", lambda: gate in gates(console_records(scene.world), session))
    assert scene.console(MARIE).get(f"/sessions/{session}")["gate"] == gate
    scene.nothing_opened(session)
    scene.nobody_was_asked(session)


def test_an_order_that_was_answered_is_not_asked_again(scene: Scene) -> None:
    scene.is_let_ask()
    session = scene.newest()["id"]
    asked = sum(1 for status in scene.operator.seen if status.request is not None)

    scene.forge("again", session)

    def replayed(read) -> bool:  # type: ignore[no-untyped-def]
        return Gate.ORDER_REPLAYED in gates(read(scene.world), session)

    in_time("the replay in the device's journal", lambda: replayed(device_records))
    in_time("the replay in the console's copy", lambda: replayed(reported_records))
    assert sum(1 for status in scene.operator.seen if status.request is not None) == asked
    scene.nothing_opened(session)


def test_a_replay_ends_nothing_that_is_open(scene: Scene) -> None:
    ssh = scene.journey.let_in(MARIE, "--access", "system", "--mode", "control")
    before = ssh.run("ssh", HOST, "echo inside")
    session = scene.newest()["id"]

    scene.forge("again", session)

    in_time(
        "the replay in the console's copy",
        lambda: Gate.ORDER_REPLAYED in gates(reported_records(scene.world), session),
    )
    after = ssh.run("ssh", HOST, "echo inside")
    assert (before.stdout, after.stdout) == (b"inside\n", b"inside\n"), after.stderr
    assert scene.newest()["state"] == "live_control"
    _end(scene)


# ---- at the device: its operator and its state ----


def test_the_operator_refuses(scene: Scene) -> None:
    asking = scene.journey.request(MARIE)
    scene.operator.refuse()

    refused = scene.told(asking)

    assert refused.code == ExitCode.SESSION_OVER
    assert "consent" in refused.said
    scene.was_refused_at_the_device(refused.session, Gate.CONSENT)
    scene.journey.idle()


def test_the_operator_says_nothing(scene: Scene) -> None:
    refused = scene.ask()

    assert refused.code == ExitCode.SESSION_OVER
    assert "consent_silence" in refused.said
    scene.was_refused_at_the_device(refused.session, Gate.CONSENT_SILENCE)
    scene.journey.idle()


def test_while_an_exam_runs(scene: Scene) -> None:
    subprocess.run(scene.world.device.command("exam", "start"), check=True)
    try:
        refused = scene.ask()
    finally:
        subprocess.run(scene.world.device.command("exam", "stop"), check=True)

    assert refused.code == ExitCode.SESSION_OVER
    assert "exam_running" in refused.said
    scene.was_refused_at_the_device(refused.session, Gate.EXAM_RUNNING)
    scene.nobody_was_asked(refused.session)
    scene.is_let_ask()


# ---- inside the tunnel ----


def test_an_ssh_certificate_of_another_authority(scene: Scene, tmp_path: Path) -> None:
    ssh = scene.journey.let_in(MARIE, "--access", "system", "--mode", "control")
    session = scene.newest()["id"]
    certificate = _certificate(scene, session)
    given = certificate.read_bytes()
    certificate.write_text(_foreign_certificate(certificate, session, tmp_path) + "\n")
    asked = len(ssh.prompts)

    refused = ssh.run("ssh", HOST, "true")

    assert refused.returncode == 255
    assert b"Permission denied" in refused.stderr, refused.stderr
    in_time(
        "the certificate in the device's journal",
        lambda: Gate.USER_CERTIFICATE in gates(device_records(scene.world), session),
    )
    in_time(
        "the certificate in the console's copy",
        lambda: Gate.USER_CERTIFICATE in gates(reported_records(scene.world), session),
    )
    assert len(ssh.prompts) == asked
    scene.nothing_opened(session, but=frozenset({"session:tunnel:opened"}))
    certificate.write_bytes(given)
    let_in = ssh.run("ssh", HOST, "true")
    assert let_in.returncode == 0, let_in.stderr
    _end(scene)


def _certificate(scene: Scene, session: str) -> Path:
    return scene.world.home(MARIE) / "state" / "sessions" / session / "key-cert.pub"


def _foreign_certificate(certificate: Path, session: str, folder: Path) -> str:
    store = FileKeyStore(folder / "keys")
    store.create(KeyName.SSH_USER_CA)
    public = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(certificate.with_name("key"))],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return issue_user_certificate(
        delegated_key(store, KeyName.SSH_USER_CA),
        public.strip(),
        session=parse_session_id(session),
        person=MARIE.name,
        not_before_ms=0,
        not_after_ms=4_000_000_000_000,
    )


def _end(scene: Scene) -> None:
    scene.world.specialist(MARIE, "end", DEVICE)
    scene.journey.idle()
    scene.operator.verify()


@pytest.mark.parametrize("gate", [Gate.PRESENCE_CODE, Gate.SUPPORT_CREDENTIAL])
def test_the_second_authentication_wrong_three_times(scene: Scene, gate: Gate) -> None:
    ssh = scene.journey.let_in(MARIE, "--access", "system", "--mode", "control")
    session, right = scene.newest()["id"], scene.world.support_credential
    code = scene.operator.presence_code()
    wrong_code = f"{(int(code) + 1) % 1_000_000:06d}"
    if gate is Gate.PRESENCE_CODE:
        ssh.answers(credential=right, code=wrong_code)
    else:
        ssh.answers(credential=right + "x", code=code)

    refused = ssh.run("ssh", "-o", "NumberOfPasswordPrompts=3", HOST, "true")
    scene.journey.idle()

    assert refused.returncode == 255
    failed = [r for r in _authentications(scene, session) if r.gate == gate]
    assert len(failed) == 3
    in_time(
        "the ending at the console",
        lambda: scene.console(MARIE).get(f"/sessions/{session}")["ending"] == "refused",
    )
    scene.nothing_opened(session, but=frozenset({"session:tunnel:opened"}))
    scene.was_refused_in_the_tunnel(session, gate)
    ssh.answers(credential=right, code=code)
    assert _cannot_come_back(ssh)


def _authentications(scene: Scene, session: str):  # type: ignore[no-untyped-def]
    return [
        r
        for r in device_records(scene.world)
        if r.session == session and r.action == "session:authentication:failed"
    ]


def _cannot_come_back(ssh: OpenSsh) -> bool:
    return ssh.run("ssh", HOST, "true").returncode != 0


def test_both_answers_right_after_others_were_wrong(scene: Scene) -> None:
    ssh = scene.journey.let_in(MARIE, "--access", "system", "--mode", "control")

    done = ssh.run("ssh", HOST, "echo inside")

    assert done.stdout == b"inside\n", done.stderr
    _end(scene)
