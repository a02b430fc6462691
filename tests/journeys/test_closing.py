"""Who loses the ground loses the session: to the device, while `ssh` runs, and on record."""

import pytest

from bedside.demo.people import ALEX, DEVICE, MARIE
from bedside.vocabulary import Permission
from tests.journeys.play import Running, console_ending, device_ending, last_session
from tests.journeys.records import Record, console_records, device_records
from tests.journeys.refusals import Scene
from tests.journeys.test_refusals import MARIE_TOML

pytestmark = pytest.mark.journey

REVOKE = (Permission.DEVICES_DEVICE_READ, Permission.DEVICES_DEVICE_REVOKE)
CONTROL = ("--access", "system", "--mode", "control")
TRAINING = 'training = [{{ product = "contrast-injector", from = "2026-01-01"{} }}]\n'
MARIE_AS_SHE_IS = MARIE_TOML.format(level=2, country="US")


def _ending(records: list[Record], session: str) -> Record:
    (found,) = [r for r in records if r.session == session and r.action == "session:life:ended"]
    return found


def _as_administrator(scene: Scene, act: str) -> None:
    """Do what the page of a person does for Alex, in the console's own process of commands."""
    lines = (
        "from bedside.console.accounts.actions import do_close_account, do_open_account",
        "from bedside.console.accounts.models import User",
        f"marie, alex = (User.objects.get(email=e) for e in ({MARIE.email!r}, {ALEX.email!r}))",
        act,
    )
    scene.script("\n".join(lines))


def _is_cut(scene: Scene, running: Running, session: str) -> tuple[Record, Record]:
    """The open `ssh` is over, both journals say `revoked` once; returns their entries."""
    assert running.ends() != 0
    assert device_ending(scene.world, session) == "revoked"
    assert console_ending(scene.world, session) == "revoked"
    scene.journey.idle()
    scene.operator.verify()
    return _ending(device_records(scene.world), session), _ending(
        console_records(scene.world), session
    )


def _reads_why(running: Running) -> None:
    """Whoever may still ask the console reads the ending where they work."""
    assert "bedside: Cette séance est terminée. Terminée : l’autorisation" in running.said.decode()


def test_lost_training_ends_what_is_live_at_the_device(scene: Scene) -> None:
    ssh = scene.journey.let_in(MARIE, *CONTROL)
    session = last_session(scene.world)
    with Running(ssh) as running:
        running.flows()
        scene.apply(MARIE_AS_SHE_IS + TRAINING.format(""))
        running.flows()

        scene.apply(MARIE_AS_SHE_IS + TRAINING.format(', until = "2026-02-01"'))

        here, told = _is_cut(scene, running, session)
        _reads_why(running)
    assert here.gate == told.gate == "product_right"
    scene.apply(MARIE_AS_SHE_IS + TRAINING.format(""))
    scene.is_let_ask()


def test_a_lost_role_ends_what_is_live_at_the_device(scene: Scene) -> None:
    ssh = scene.journey.let_in(MARIE, *CONTROL)
    session = last_session(scene.world)
    with Running(ssh) as running:
        running.flows()

        scene.apply(MARIE_AS_SHE_IS.replace('role = "specialist"', 'role = "auditor"'))

        _, told = _is_cut(scene, running, session)
    assert told.gate == "role"
    scene.apply(MARIE_AS_SHE_IS)
    scene.is_let_ask()


def test_a_closed_account_ends_what_is_live_at_the_device(scene: Scene) -> None:
    ssh = scene.journey.let_in(MARIE, *CONTROL)
    session = last_session(scene.world)
    with Running(ssh) as running:
        running.flows()

        _as_administrator(scene, 'do_close_account(marie, reason="Left", acting_user=alex)')

        _, told = _is_cut(scene, running, session)
    assert told.gate == "account"
    _as_administrator(scene, "do_open_account(marie, acting_user=alex)")
    scene.log_in_again(MARIE)
    scene.is_let_ask()


def test_a_lock_ends_what_is_live_at_the_device(scene: Scene) -> None:
    ssh = scene.journey.let_in(MARIE, *CONTROL)
    session = last_session(scene.world)
    with Running(ssh) as running:
        running.flows()

        scene.console(ALEX).post(f"/devices/{DEVICE}/lock", {"reason": "Recalled"})

        _, told = _is_cut(scene, running, session)
        _reads_why(running)
    assert told.gate == "lock"
    scene.console(ALEX).post(f"/devices/{DEVICE}/unlock", {})
    scene.operator.wait_for("unlocked", lambda status: not status.locked)
    scene.is_let_ask()


def test_a_revoked_device_loses_what_is_live(scene: Scene) -> None:
    ssh = scene.journey.let_in(MARIE, *CONTROL)
    session = last_session(scene.world)
    with Running(ssh) as running:
        running.flows()

        scene.empowered(ALEX, *REVOKE).post(f"/devices/{DEVICE}/revoke", {})

        assert running.ends() != 0
    assert console_ending(scene.world, session) == "revoked"
    assert _ending(console_records(scene.world), session).gate == "revoked_certificate"
    # Nothing reaches this device any more but the relay's word that it is revoked.
    assert device_ending(scene.world, session) == "revoked"
