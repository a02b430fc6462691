"""The hospital's say, end to end: pages in Chromium, mail, relays, agent, OpenSSH, and the device.

Julie's pages are in French, Sam's and Alex's in English; of the two desks that are told by mail one
reads French, the other English.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from bedside.demo.check import HOST, Journey
from bedside.demo.injector.store import CANARIES
from bedside.demo.people import ALEX, DEVICE, JULIE, MARIE, SAM
from bedside.demo.processes import wait_for
from bedside.demo.world import World
from bedside.specialist.errors import ExitCode
from bedside.testing.openssh import OpenSsh
from bedside.vocabulary import Activity, HelpTopic
from tests.console.notices.servers import Listener, listener
from tests.console.notices.standard_webhooks import verify
from tests.console.pages.running import running_browser
from tests.journeys.hospital import (
    FRENCH_DESK,
    NIGHT_DESK,
    SITE,
    Desk,
    Desks,
    Hospital,
    Mailroom,
    administer,
)
from tests.journeys.play import Running, console_ending, device_ending, ended, last_session
from tests.journeys.records import Record, console_records, device_records

pytestmark = pytest.mark.journey

CONTROL = ("--access", "system", "--mode", "control")
SERVICE = ("--access", "service", "--mode", "control")
LIVE = (Activity.VIEWING, Activity.CONTROLLING)
OVER_FR = "La séance de Marie Tremblay sur CI-20417 est terminée"
OVER_EN = "The session of Marie Tremblay on CI-20417 has ended"
NOTHING_FR = "La demande de Marie Tremblay pour CI-20417 est terminée"
NOTHING_EN = "The request of Marie Tremblay for CI-20417 has ended"


# ---- the place ----


@pytest.fixture(scope="module")
def mailroom(world_folder) -> Mailroom:
    world = World(world_folder)
    room = Mailroom(world)
    mail = {"host": "127.0.0.1", "port": room.port, "security": "none",
            "sender": "Bedside <bedside@bayard.example>", "private_webhooks": 1}  # fmt: skip
    administer(world, mail=mail)
    room.world = world
    return room


@pytest.fixture(scope="module")
def world(mailroom: Mailroom) -> Iterator[World]:
    with mailroom.world as world:
        yield world


@pytest.fixture(scope="module")
def desks(world: World) -> Iterator[Desks]:
    with running_browser() as browser:
        desks = Desks(browser, world)
        yield desks
        assert desks.leave() == []


@pytest.fixture(scope="module")
def program() -> Iterator[Listener]:
    with listener() as program:
        yield program


@pytest.fixture(scope="module")
def hospital(journey: Journey, desks: Desks, mailroom: Mailroom, program: Listener) -> Hospital:
    """The site's key trusted at the device, its policy applied, its contacts named: by its people."""
    julie = desks.sit(JULIE)
    hospital = Hospital(journey, julie, mailroom)
    hospital.settle(hospital.exports())
    hospital.registers()
    hospital.publishes((hospital.folder / "policy.signed").read_bytes())
    hospital.names_contact("Informatique", FRENCH_DESK, "fr")
    hospital.names_contact("Night desk", NIGHT_DESK, "en")
    hospital.secret = hospital.names_program(program.url)
    return hospital


@pytest.fixture(scope="module")
def sam(journey: Journey, desks: Desks) -> Desk:
    """Sam, a level 3 in Canada since today, logged in by the page and at the command line."""
    change = journey.world.folder / "change.toml"
    change.write_text(SAM_IN_CANADA, encoding="utf-8")
    journey.world.console("apply", str(change))
    desk = desks.sit(SAM)
    desk.logs_in()
    return desk


SAM_IN_CANADA = """
[[people]]
email = "sam@bayard.example"
name = "Sam Okafor"
organisation = "bayard"
role = "specialist"
language = "en"
level = 3
country = "CA"
vetted_on = "2026-01-15"
training = [{ product = "contrast-injector", from = "2026-01-01" }]
"""


# ---- approvals ----


def told(asking: "subprocess.Popen[str]") -> tuple[int, str]:
    """Return how a request that was started has ended, once it has."""
    try:
        said, _ = asking.communicate(timeout=90)
    finally:
        asking.kill()
    return asking.returncode, said


def entries(records: list[Record], session: str, action: str) -> list[Record]:
    return [record for record in records if (record.session, record.action) == (session, action)]


def ending(records: list[Record], session: str) -> tuple[str, str | None]:
    (found,) = entries(records, session, "session:life:ended")
    return found.detail["ending"], found.gate


def both_say(world: World, session: str, how: str, gate: str | None) -> None:
    """Both journals have one ending of this session, and it is this one, by this gate."""
    assert device_ending(world, session) == how
    assert console_ending(world, session) == how
    assert ending(device_records(world), session) == (how, gate)
    assert ending(console_records(world), session) == (how, gate)


def let_in(hospital: Hospital, *words: str) -> tuple[OpenSsh, str]:
    """Marie asks, Julie approves, the operator allows: her client with the answers, her session."""
    journey = hospital.journey
    with journey.request(MARIE, *words) as asking:
        try:
            session = hospital.approves()
            code = journey.operator.accept()
            said, _ = asking.communicate(timeout=60)
        finally:
            asking.kill()
    assert asking.returncode == 0, said
    ssh = journey.openssh(MARIE)
    ssh.answers(credential=journey.world.support_credential, code=code)
    return ssh, session


def leave(journey: Journey) -> None:
    """Marie ends what is open; the operator verifies the device."""
    assert journey.world.specialist(MARIE, "end", DEVICE).returncode == 0
    journey.idle()
    journey.operator.verify()


def test_the_hospital_approves_with_a_passkey_and_the_device_verifies_it(
    hospital: Hospital, journey: Journey, mailroom: Mailroom
) -> None:
    world = journey.world
    with journey.request(MARIE, *CONTROL) as asking:
        try:
            page = hospital.julie.page
            hospital.asked()
            agent = world.processes.pid("agent")
            # The device hears nothing for now: the page can say only what the console knows.
            os.killpg(agent, signal.SIGSTOP)
            try:
                session = hospital.approves()
                hospital.julie.reads("l’appareil ne l’a pas encore vérifiée")
                expect(page.get_by_text("Approuvée par")).to_have_count(0)
            finally:
                os.killpg(agent, signal.SIGCONT)
            asked = journey.operator.asked()
            hospital.julie.reads("Approuvée par")
            hospital.julie.reads("vérifiée par l’appareil")
            code = journey.operator.accept()
            said, _ = asking.communicate(timeout=60)
        finally:
            asking.kill()
    assert asking.returncode == 0, said
    assert asked.approved_by == ("Julie Gagnon",)
    ssh = journey.openssh(MARIE)
    ssh.answers(credential=world.support_credential, code=code)
    assert ssh.run("ssh", HOST, "echo in").stdout == b"in\n"
    (verified,) = entries(device_records(world), session, "session:approval:verified")
    assert verified.detail["approver"] == "Julie Gagnon"
    leave(journey)
    both_say(world, session, "by_specialist", None)
    french = mailroom.brings(FRENCH_DESK, OVER_FR, session)
    assert "Terminée par le spécialiste." in french
    assert "prise en main" in french
    english = mailroom.brings(NIGHT_DESK, OVER_EN, session)
    assert "Ended by the specialist." in english
    assert mailroom.subjects(FRENCH_DESK) == [
        "Votre établissement doit approuver : Marie Tremblay, CI-20417",
        "Marie Tremblay demande l’accès à CI-20417",
        "Marie Tremblay est en séance sur CI-20417",
        "La séance de Marie Tremblay sur CI-20417 est terminée",
    ]
    assert mailroom.subjects(NIGHT_DESK) == [
        "Your site is asked to approve: Marie Tremblay, CI-20417",
        "Marie Tremblay asks for access to CI-20417",
        "Marie Tremblay is connected to CI-20417",
        "The session of Marie Tremblay on CI-20417 has ended",
    ]


def test_the_hospital_refuses_and_the_specialist_reads_why(
    hospital: Hospital, journey: Journey, mailroom: Mailroom
) -> None:
    with journey.request(MARIE, *CONTROL) as asking:
        session = hospital.refuses("Pas avant midi")
        code, said = told(asking)
    assert code == ExitCode.SESSION_OVER, said
    assert "refusée par site_approval" in said
    assert "Julie Gagnon, de l’établissement : Pas avant midi" in said
    assert console_ending(journey.world, session) == "refused"
    assert ending(console_records(journey.world), session) == ("refused", "site_approval")
    assert session not in {record.session for record in device_records(journey.world)}
    assert "Refusée." in mailroom.brings(FRENCH_DESK, NOTHING_FR, session)


# ---- windows ----


def at_work(journey: Journey, *words: str) -> tuple["subprocess.Popen[bytes]", str]:
    """Marie is in the service application; returns her `ssh` and her session."""
    ssh = journey.let_in(MARIE, *SERVICE, *words)
    running = ssh.start("ssh", "-tt", HOST)
    journey.operator.wait_for("her session", lambda status: status.activity in LIVE)
    return running, last_session(journey.world)


def test_the_hospital_schedules_a_window_and_closes_it_on_who_is_in_it(
    hospital: Hospital, journey: Journey
) -> None:
    julie, world = hospital.julie, journey.world
    hospital.arranges("Pendant les plages de service seulement")
    code, said = told(journey.request(MARIE, *SERVICE))
    assert code == ExitCode.REFUSED, said
    assert "refusée par site_window" in said
    hospital.plans_window("CHG-4471")
    with journey.request(MARIE, *SERVICE) as asking:
        assert journey.operator.asked().ticket == "CHG-4471"
        journey.operator.refuse()
        told(asking)
    journey.idle()
    running, session = at_work(journey)
    with running:
        julie.opens(f"/sites/{SITE}/windows/").get_by_label("Fermer la plage CHG-4471").click()
        julie.presses("Fermer la plage")
        julie.reads("La plage est fermée.")
        assert running.wait(60) == 255
        running.kill()
    both_say(world, session, "site_terminated", "site_window")
    hospital.arranges("En tout temps")
    journey.idle()
    journey.operator.verify()


def test_the_device_ends_a_session_when_its_site_s_window_closes(
    hospital: Hospital, journey: Journey, mailroom: Mailroom
) -> None:
    world = journey.world
    running, session = at_work(journey)
    with running:
        # Signed by the site while somebody works: whoever is in when it closes is out.
        hospital.publishes(hospital.windowed(closes_in_ms=6_000))
        assert running.wait(60) == 255
        running.kill()
    both_say(world, session, "site_terminated", "site_window")
    (over,) = entries(device_records(world), session, "session:life:ended")
    assert over.actor == DEVICE
    assert "Ended by the site." in mailroom.brings(NIGHT_DESK, OVER_EN, session)
    hospital.publishes(hospital.signs())
    journey.operator.verify()


# ---- escalation ----


@pytest.fixture
def marie(hospital: Hospital, journey: Journey) -> Iterator[tuple[Running, str]]:
    """Marie at work in a terminal of hers, and her session."""
    ssh, session = let_in(hospital, *CONTROL)
    with Running(ssh) as work:
        work.flows()
        yield work, session
    journey.world.specialist(MARIE, "end", DEVICE, check=False)
    journey.idle()
    journey.operator.verify()


def test_a_level_3_in_canada_joins_only_where_the_operator_lets_them(
    hospital: Hospital,
    journey: Journey,
    mailroom: Mailroom,
    sam: Desk,
    marie: tuple[Running, str],
) -> None:
    (work, session), world = marie, journey.world
    code, said = told(journey.request(SAM))
    assert code == ExitCode.REFUSED, said

    # Refused in one press, and the session goes on.
    with journey.request(SAM, "--join", session) as asking:
        asked = journey.operator.asked()
        assert (asked.joins, asked.person.country, int(asked.person.level)) == (session, "CA", 3)
        sam.opens(f"/sessions/{asked.session}/")
        sam.reads("Joins the session of Marie Tremblay to watch it")
        french = mailroom.brings(
            FRENCH_DESK, "CANADA : Sam Okafor demande à rejoindre la séance sur CI-20417"
        )
        assert "niveau 3, Canada" in french
        assert "En cas de refus, cette séance continue sans elle." in french
        english = mailroom.brings(
            NIGHT_DESK, "CANADA: Sam Okafor asks to join the session on CI-20417"
        )
        assert "Refused, that session goes on without it." in english
        journey.operator.refuse()
        code, said = told(asking)
    assert code == ExitCode.SESSION_OVER, said
    both_say(world, asked.session, "refused", "consent")
    sam.reads("Refused.")
    work.flows()
    assert not ended(world, session)

    # Accepted: they see what she sees, and reach nothing.
    ssh, join = joins(journey, session)
    with ssh.start("ssh", "-tt", HOST) as watching:
        until(watching, b"tick")
        journey.operator.wait_for(
            "the watcher",
            lambda s: bool(s.session and s.session.joined and s.session.joined.watches),
        )
        for desk, heading in (
            (sam, "Who controls, who watches"),
            (hospital.julie, "Qui a la prise en main, qui observe"),
        ):
            desk.opens(f"/sessions/{session}/")
            present = desk.page.get_by_role("region", name=heading)
            expect(present).to_contain_text("Sam Okafor")
            expect(present).to_contain_text("Marie Tremblay")
        julie, watch = watches(hospital, session)
        with julie.start("ssh", "-tt", HOST) as seeing:
            until(seeing, b"tick")
            page = hospital.julie.opens(f"/sessions/{session}/watch/")
            newest = page.locator(".acts li").first
            expect(page.locator("#following")).to_have_text("En direct")
            assert ssh.run("ssh", HOST, "id").returncode == 77
            expect(newest).to_contain_text("Canal refusé")  # told as it happens (R18)
            expect(newest).to_contain_text("Sam Okafor")
            expect(page.get_by_role("region", name="Qui est connecté")).to_contain_text("Julie")
            journey.operator.stop()
            assert work.ends(within_s=60) == 255
            assert watching.wait(60) == seeing.wait(60) == 255
            hospital.julie.reads("Terminée par l’opérateur.")
    for each in (session, join, watch):
        both_say(world, each, "by_operator", None)
    assert "CANADA" not in "".join(mailroom.subjects(FRENCH_DESK)[:4])


def joins(journey: Journey, session: str) -> tuple[OpenSsh, str]:
    """Sam asks to join, the operator allows: his client with the answers, and his session."""
    with journey.request(SAM, "--join", session) as asking:
        try:
            asked = journey.operator.asked()
            journey.operator.accept()
            status = journey.operator.wait_for(
                "who joined", lambda status: bool(status.session and status.session.joined)
            )
            said, _ = asking.communicate(timeout=60)
        finally:
            asking.kill()
    assert asking.returncode == 0, said
    assert status.session is not None
    joined = status.session.joined
    assert joined is not None
    ssh = journey.openssh(SAM)
    ssh.answers(credential=journey.world.support_credential, code=joined.presence_code or "")
    return ssh, asked.session


def watches(hospital: Hospital, session: str) -> tuple[OpenSsh, str]:
    """Julie asks at the command line to watch, the operator allows: her client, and her session."""
    journey, operator = hospital.journey, hospital.journey.operator
    hospital.julie.logs_in()
    with subprocess.Popen(
        [sys.executable, "-m", "bedside", "watch", DEVICE],
        env=dict(journey.world.specialist_environment(JULIE)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as asking:
        try:
            asked = operator.asked()
            assert (asked.joins, asked.person.level) == (session, None)
            assert (asked.person.name, asked.reason) == (JULIE.name, "L’établissement observe.")
            operator.accept()
            status = operator.wait_for(
                "who watches", lambda status: bool(status.session and status.session.watching)
            )
            said, _ = asking.communicate(timeout=60)
        finally:
            asking.kill()
    assert asking.returncode == 0, said
    assert status.session is not None
    assert status.session.watching is not None
    ssh = journey.openssh(JULIE)
    code = status.session.watching.presence_code or ""
    ssh.answers(credential=journey.world.support_credential, code=code)
    return ssh, asked.session


def until(process: "subprocess.Popen[bytes]", what: bytes) -> bytes:
    """Return what a program says, up to `what`."""
    assert process.stdout is not None
    said = b""
    while what not in said:
        data = os.read(process.stdout.fileno(), 65536)
        assert data, said
        said += data
    return said


# ---- help from the bedside ----


def test_help_from_the_bedside_is_a_case_that_the_first_to_take_it_works_on(
    hospital: Hospital, journey: Journey, sam: Desk, desks: Desks
) -> None:
    world = journey.world
    marie = desks.sit(MARIE)
    marie.opens("/cases/")
    journey.operator.ask_help(HelpTopic.FAULT, name="L. Roy")
    row = marie.page.locator("[id^=case-C-]")
    expect(row).to_have_count(1)
    number = row.inner_text()
    marie.reads("L’appareil affiche une anomalie")
    row.click()
    sam.opens(f"/cases/{number}/")
    sam.reads("The device shows a fault")
    # Sam joins sessions from Canada and starts none: the case is for somebody who can.
    sam.reads("You cannot take this case: you may not ask for access to this device.")
    expect(sam.page.locator("[data-gate=country]")).to_have_count(1)
    expect(sam.page.get_by_role("button", name="Take this case")).to_have_count(0)
    marie.presses("Prendre ce dossier")
    marie.reads("Le dossier est à vous.")
    sam.opens(f"/cases/{number}/")
    sam.reads("Marie Tremblay")
    marie.presses("Demander l’accès")
    assert marie.page.get_by_label("Dossier").input_value() == number
    command = marie.page.locator("#ask-command").inner_text().split("bedside request")[1]
    assert f"--case {number}" in command
    with journey.request(MARIE, "--case", number, *SERVICE) as asking:
        asked = journey.operator.asked()
        assert asked.case == number
        journey.operator.refuse()
        told(asking)
    journey.idle()
    marie.opens(f"/cases/{number}/")
    expect(marie.page.locator("[id^=session-]")).to_have_count(1)
    assert [r.action for r in device_records(world) if r.action.startswith("device:help")] == [
        "device:help:asked"
    ]
    noted = [r.action for r in console_records(world) if r.action.startswith("case:")]
    assert noted == ["case:record:opened", "case:record:taken"]


# ---- emergency access ----


def on_the_panel(world: World, *words: str) -> None:
    """See these words on a panel: the program itself, on a terminal of its own."""
    program = shlex.join([sys.executable, "-m", "bedside", "panel"])
    socket = shlex.quote(str(world.device.panel_socket))
    line = f"stty cols 100 rows 40; exec {program} --socket {socket}"
    with subprocess.Popen(
        ["script", "-qefc", line, "/dev/null"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as panel:
        try:
            drawn = b""
            while not all(word.encode() in drawn for word in words):
                assert panel.stdout is not None
                drawn += os.read(panel.stdout.fileno(), 65536)
        finally:
            os.killpg(panel.pid, signal.SIGKILL)


def test_the_hospital_breaks_the_glass_and_everybody_hears_of_it(
    hospital: Hospital, journey: Journey, mailroom: Mailroom, program: Listener
) -> None:
    julie, world = hospital.julie, journey.world
    hospital.arranges("Pendant les plages de service seulement")
    hospital.breaks_glass("Patient prêt, injecteur bloqué")
    for desk, subject, within in (
        (FRENCH_DESK, "ACCÈS D’URGENCE à CI-20417, ouvert par Julie Gagnon", "dans l’heure"),
        (NIGHT_DESK, "EMERGENCY ACCESS to CI-20417, opened by Julie Gagnon", "within the hour"),
    ):
        assert within in mailroom.brings(desk, subject)
    (event,) = events(program, hospital, "glass.broken")
    assert (event["device"], event["started_by"]) == (DEVICE, "Julie Gagnon")

    # No window is open, and nothing but the glass stands for it; an hour is asked, a quarter given.
    with journey.request(MARIE, *CONTROL, "--minutes", "60") as asking:
        try:
            session = hospital.approves()
            asked = journey.operator.asked()
            assert asked.break_glass
            assert asked.duration_s <= 15 * 60
            on_the_panel(world, "BRIS DE GLACE", "Marie Tremblay")
            code = journey.operator.accept()
            said, _ = asking.communicate(timeout=60)
        finally:
            asking.kill()
    assert asking.returncode == 0, said
    ssh = journey.openssh(MARIE)
    ssh.answers(credential=world.support_credential, code=code)
    with Running(ssh) as work:
        work.flows()
        on_the_panel(world, "BRIS DE GLACE", "Marie Tremblay")
        julie.opens(f"/sites/{SITE}/")
        julie.reads("ACCÈS D’URGENCE à CI-20417 ouvert; fin:")
        julie.presses("Ouvrir l’examen")
        julie.presses("Y mettre fin maintenant")
        julie.reads("L’accès d’urgence est terminé; ses séances ont pris fin.")
        assert work.ends() == 255
    both_say(world, session, "site_terminated", "site_window")

    julie.page.get_by_label("Votre constat").fill("Injecteur débloqué. Justifié.")
    julie.presses("Clore l’examen")
    julie.reads("L’examen est clos.")
    expect(julie.page.get_by_text("attend son examen")).to_have_count(0)
    noted = [r.action for r in console_records(world) if r.action.startswith("site:glass")]
    assert noted == ["site:glass:broken", "site:glass:ended", "site:glass:reviewed"]
    hospital.arranges("En tout temps")
    journey.operator.verify()


def events(program: Listener, hospital: Hospital, kind: str) -> list[dict[str, Any]]:
    """Wait for what a program was told of this kind; each is signed with the site's secret."""

    def found() -> list[dict[str, Any]]:
        return [told for _, body in program.events if (told := json.loads(body))["type"] == kind]

    wait_for(f"an event {kind}", lambda: bool(found()))
    for headers, body in program.events:
        assert verify(hospital.secret, headers, body)
    return found()


# ---- a lock ----


def test_a_lock_from_the_console_s_page_ends_a_live_ssh(
    hospital: Hospital, journey: Journey, mailroom: Mailroom, desks: Desks
) -> None:
    alex = desks.sit(ALEX)
    ssh, session = let_in(hospital, *CONTROL)
    with Running(ssh) as work:
        work.flows()
        alex.opens(f"/devices/{DEVICE}/lock/")
        alex.reads("1 open session ends at once.")
        alex.page.get_by_label("Reason").fill("Recalled")
        alex.presses("Lock")
        assert work.ends() == 255
        alex.reads("CI-20417 is locked.")
    assert device_ending(journey.world, session) == "revoked"
    assert console_ending(journey.world, session) == "revoked"
    assert ending(console_records(journey.world), session) == ("revoked", "lock")
    # Two documents tell the device, and either one ends it: the withdrawal, and its configuration.
    assert ending(device_records(journey.world), session)[1] in ("lock", "device_locked")
    said = mailroom.brings(FRENCH_DESK, OVER_FR, session)
    assert "Terminée : l’autorisation a été retirée." in said
    alex.opens(f"/devices/{DEVICE}/unlock/")
    alex.presses("Unlock")
    journey.operator.wait_for("unlocked", lambda status: not status.locked)
    journey.operator.verify()


# ---- silence ----


def test_nobody_answers_and_that_is_a_no(
    hospital: Hospital, journey: Journey, mailroom: Mailroom, desks: Desks
) -> None:
    world = journey.world
    desks.rest()
    # As an administrator would: the times to answer are theirs to set, and `web` reads them.
    administer(world, sessions={"answer_seconds": 30, "site_answer_seconds": 3})
    world.processes.stop("web")
    world.start_web()

    code, said = told(journey.request(MARIE, *CONTROL))
    assert code == ExitCode.SESSION_OVER, said
    assert "Sans réponse" in said
    assert "site_silence" in said
    lapsed = newest(world)
    assert console_ending(world, lapsed) == "unanswered"
    assert ending(console_records(world), lapsed) == ("unanswered", "site_silence")
    assert lapsed not in {record.session for record in device_records(world)}
    hospital.julie.opens(f"/sessions/{lapsed}/")
    hospital.julie.reads("Sans réponse : personne n’a répondu à temps.")

    with journey.request(MARIE, *SERVICE) as asking:
        asked = journey.operator.asked()
        code, said = told(asking)
    assert code == ExitCode.SESSION_OVER, said
    assert "Sans réponse" in said
    both_say(world, asked.session, "unanswered", "consent_silence")
    assert "Nobody answered in time." in mailroom.brings(NIGHT_DESK, NOTHING_EN, lapsed)
    journey.idle()


def newest(world: World) -> str:
    """Return the session that was asked for last."""
    asked = [r for r in console_records(world) if r.action == "session:request:allowed"]
    assert asked[-1].session is not None
    return asked[-1].session


# ---- every letter ----


def test_no_letter_holds_a_secret_a_patient_or_what_people_typed(
    hospital: Hospital, journey: Journey, mailroom: Mailroom
) -> None:
    world = journey.world
    letters = mailroom.letters()
    assert {str(letter["To"]) for letter in letters} == {FRENCH_DESK, NIGHT_DESK}
    seen = journey.operator.seen
    joined = [each.session.joined for each in seen if each.session and each.session.joined]
    shown = [each.presence_code for each in (*seen, *joined)]
    codes = {code for code in shown if code}
    known = [secret for each in world.credentials.values() for secret in (each.password, each.totp)]
    typed = [
        "C-88213",
        "Pressure fault E12",
        "CHG-4471",
        "Patient prêt",
        "Pas avant midi",
        "L. Roy",
    ]
    patients = [canary.split()[0] for canary in CANARIES]
    never = [*codes, *known, world.support_credential, hospital.secret, *typed, *patients]
    assert len(codes) >= 5
    for letter in letters:
        words = f"{letter['Subject']}\n{letter.get_content()}"
        assert not [secret for secret in never if secret in words], words
        french = str(letter["To"]) == FRENCH_DESK
        assert (
            bool(re.search("séance|demande|approuver|URGENCE|accès d’urgence", words)) is french
        ), words
        assert (
            bool(
                re.search(
                    " session | request | asks | approve|EMERGENCY|Emergency access|connected",
                    words,
                )
            )
            is not french
        )
