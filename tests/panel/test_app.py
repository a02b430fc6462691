"""The panel, driven as a person drives it, against a real Unix socket."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, DataTable, Digits, Input, Label, Static

from bedside.audit.chain import GENESIS, extend
from bedside.audit.entry import Act, Actor, ActorKind, Thing, time_text
from bedside.language import Language
from bedside.panel.app import PanelApp
from bedside.panel.faces import Asked, Code, Idle, Live, Verify
from bedside.panel.help import HelpScreen
from bedside.panel.journal import JournalScreen
from bedside.panel.keyboard import Keyboard
from bedside.protocol import local
from bedside.protocol.codec import parse_json
from bedside.protocol.shapes import Person
from bedside.protocol.support import SupportContact
from bedside.testing.agent_socket import AgentSocket
from bedside.vocabulary import (
    AccessKind,
    Activity,
    ClockState,
    DeviceId,
    Gate,
    HelpTopic,
    JournalAction,
    Level,
    Mode,
    RelayName,
    SessionId,
    SiteAction,
)

NOW_MS = 1_795_449_600_000
SESSION = SessionId("01JDCANARY0000000000000000")
MARIE = Person(
    id="p-1", name="Marie Tremblay", employer="Bayard Imaging", level=Level.TWO, country="US"
)
REQUEST = local.AskedRequest(
    session=SESSION,
    person=MARIE,
    access=AccessKind.SYSTEM,
    mode=Mode.CONTROL,
    reason="Pressure fault E12 [after] power cut",
    case="C-88213",
    ticket="CHG-4471",
    duration_s=1800,
    answer_by_ms=NOW_MS + 120_000,
)
OPEN = local.OpenSession(
    session=SESSION,
    person=MARIE,
    access=AccessKind.SYSTEM,
    mode=Mode.CONTROL,
    since_ms=NOW_MS,
    until_ms=NOW_MS + 1_800_000,
    doing="tail -f events.log",
)
IDLE = local.Status(
    activity=Activity.IDLE,
    device=local.Device(
        id=DeviceId("CI-20417"), name="Injecteur, salle 3", product="contrast-injector"
    ),
    site=local.SiteWords(name="Hôpital Notre-Dame", language=Language.FRENCH),
    connection=local.Connection(relay=RelayName("a"), last_poll_ms=NOW_MS, console_ms=NOW_MS),
    request=None,
    session=None,
    presence_code=None,
    host_key=None,
    verification=None,
    locked=False,
    fault=None,
    now_ms=NOW_MS,
)
ASKED = dataclasses.replace(IDLE, activity=Activity.ASKED, request=REQUEST)
CODE = dataclasses.replace(
    IDLE,
    activity=Activity.CONNECTING,
    presence_code="314159",
    host_key="SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
)
CONTROLLING = dataclasses.replace(IDLE, activity=Activity.CONTROLLING, session=OPEN)
VIEWING = dataclasses.replace(
    IDLE, activity=Activity.VIEWING, session=dataclasses.replace(OPEN, mode=Mode.VIEW)
)
JEAN = Person(id="p-2", name="Jean Roy", employer="Roy Service", level=Level.THREE, country="CA")
JOIN = dataclasses.replace(
    REQUEST,
    session=SessionId("01JDCANARY0000000000000001"),
    person=JEAN,
    mode=Mode.VIEW,
    joins=SESSION,
)
JOINING = dataclasses.replace(CONTROLLING, request=JOIN)
JOINED = local.Joined(
    session=JOIN.session, person=JEAN, since_ms=NOW_MS, watches=False, presence_code="271828"
)
JULIE = Person(id="p-3", name="Julie Gagnon", employer="Hôpital", level=None, country="CA")
SITE_ASKS = dataclasses.replace(CONTROLLING, request=dataclasses.replace(JOIN, person=JULIE))
WITH_CODE = dataclasses.replace(CONTROLLING, session=dataclasses.replace(OPEN, joined=JOINED))
WATCHED = dataclasses.replace(
    CONTROLLING,
    session=dataclasses.replace(
        OPEN, joined=dataclasses.replace(JOINED, watches=True, presence_code=None)
    ),
)
GUEST = WATCHED.session.joined
WANTED = dataclasses.replace(
    WATCHED,
    request=dataclasses.replace(JOIN, mode=Mode.CONTROL, joins=JOIN.session, session=SESSION),
)


def watched_by(activity: Activity, **changes: bool) -> local.Status:
    """Jean watches, and what of control is his."""
    guest = dataclasses.replace(GUEST, **changes)
    session = dataclasses.replace(OPEN, joined=guest)
    return dataclasses.replace(WATCHED, activity=activity, session=session)


VERIFY = dataclasses.replace(
    IDLE,
    verification=local.Verification(
        session=SESSION, person="Marie Tremblay", at_ms=NOW_MS, changes=("inbox/fix.cfg",)
    ),
)

pytestmark = pytest.mark.asyncio


class Stand:
    """A panel, the person in front of it, and the agent behind it."""

    def __init__(self, app: PanelApp, pilot: Pilot[None], agent: AgentSocket) -> None:
        self.app = app
        self.pilot = pilot
        self.agent = agent

    async def say(self, status: local.FromAgent, *, until: Callable[[], bool]) -> None:
        await self.agent.say(status)
        await self.see(until)

    async def see(self, until: Callable[[], bool]) -> None:
        for _ in range(500):
            await self.pilot.pause()
            if until():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"never seen; on the screen:\n{self.words()}")

    async def heard(self) -> local.FromPanel:
        return await asyncio.wait_for(self.agent.heard.get(), 60)

    def shows(self, widget: type) -> bool:
        return bool(self.app.screen_stack[0].query(widget))

    def words(self) -> str:
        drawn = self.app.screen_stack[0].query("Label, Static, Button")
        parts = []
        for widget in drawn:
            if isinstance(widget, Button):
                parts.append(str(widget.label))
            elif isinstance(widget, (Label, Static)):
                parts.append(str(widget.render()))
        return "\n".join(parts)


@asynccontextmanager
async def stand(
    folder: Path, status: local.Status = IDLE, *, size: tuple[int, int] = (100, 40)
) -> AsyncIterator[Stand]:
    app = PanelApp(folder / "panel.sock", clock=lambda: NOW_MS / 1000)
    async with AgentSocket(folder / "panel.sock") as agent:
        await agent.say(status)
        async with app.run_test(size=size) as pilot:
            standing = Stand(app, pilot, agent)
            await standing.see(lambda: app.status is not None)
            assert isinstance(await standing.heard(), local.Hello)
            yield standing
            await pilot.exit(None)


async def test_idle_says_in_the_sites_language_that_nobody_is_connected(tmp_path: Path) -> None:
    async with stand(tmp_path) as panel:
        await panel.see(lambda: panel.shows(Idle))

        assert "Personne n’est connecté." in panel.words()
        assert "Hôpital Notre-Dame" in panel.words()
        assert "✓ Le relais «\N{NO-BREAK SPACE}a\N{NO-BREAK SPACE}» répond." in panel.words()
        assert not panel.app.query_one("#stop", Button).display


async def test_a_request_says_who_why_what_and_how_long(tmp_path: Path) -> None:
    async with stand(tmp_path, ASKED) as panel:
        await panel.see(lambda: "120 s" in panel.words())

        words = panel.words()
        assert "Marie Tremblay, Bayard Imaging, niveau 2, États-Unis" in words
        assert "▲ demande la PRISE EN MAIN de cet appareil : système d’exploitation" in words
        assert "Pressure fault E12 [after] power cut" in words
        assert "Dossier : C-88213 · Demande de changement : CHG-4471" in words
        assert "Au plus 30 minutes." in words


async def test_a_request_says_who_of_the_site_approved_it_and_what_comes_with_it(
    tmp_path: Path,
) -> None:
    request = dataclasses.replace(
        REQUEST,
        actions=(SiteAction.FILES_IN, SiteAction.FILES_OUT),
        approved_by=("Julie Gagnon", "Ahmed [b]Diallo"),
    )
    async with stand(tmp_path, dataclasses.replace(ASKED, request=request)) as panel:
        await panel.see(lambda: "Julie Gagnon" in panel.words())

        words = panel.words()
        assert "Avec elle : fichiers vers l’appareil, fichiers de l’appareil." in words
        assert "✓ Approuvée par Julie Gagnon (clé d’accès)" in words
        assert "✓ Approuvée par Ahmed [b]Diallo (clé d’accès)" in words
        await panel.pilot.press("f3")
        await panel.see(lambda: "✓ Approved by Julie Gagnon (passkey)" in panel.words())
        assert "With it: files to the device, files from the device." in panel.words()
        alone = dataclasses.replace(request, session=SessionId("0" * 26), actions=())
        await panel.say(
            dataclasses.replace(ASKED, request=alone),
            until=lambda: "No files go in or out." in panel.words(),
        )


async def test_broken_glass_is_loud_from_the_question_to_the_end(tmp_path: Path) -> None:
    loud = "▲▲ BRIS DE GLACE, accès d’urgence : l’établissement lui-même a ouvert cet appareil. ▲▲"
    broken = dataclasses.replace(REQUEST, break_glass=True)
    inside = dataclasses.replace(OPEN, break_glass=True)
    async with stand(tmp_path, dataclasses.replace(ASKED, request=broken)) as panel:
        await panel.see(lambda: loud in panel.words())
        await panel.say(
            dataclasses.replace(CODE, session=inside),
            until=lambda: panel.shows(Code) and loud in panel.words(),
        )
        await panel.say(
            dataclasses.replace(CONTROLLING, session=inside),
            until=lambda: panel.shows(Live) and loud in panel.words(),
        )
        await panel.say(CONTROLLING, until=lambda: loud not in panel.words())


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (None, "· L’établissement n’a pas mis de clé sur cet appareil : tout se demande ici."),
        (0, "✖ La clé de l’établissement est ici, mais sans politique encore"),
        (7, "✓ La politique no 7 de l’établissement s’applique."),
    ],
)
async def test_idle_says_which_policy_of_the_site_applies(
    tmp_path: Path, number: int | None, words: str
) -> None:
    site = dataclasses.replace(IDLE.site, policy=number)
    async with stand(tmp_path, dataclasses.replace(IDLE, site=site)) as panel:
        await panel.see(lambda: words in panel.words())


async def test_allowing_takes_a_name(tmp_path: Path) -> None:
    async with stand(tmp_path, ASKED) as panel:
        await panel.see(lambda: panel.shows(Asked))
        allow = panel.app.query_one("#allow", Button)
        assert allow.disabled

        panel.app.query_one("#name", Input).value = "Luc Roy"
        await panel.see(lambda: not allow.disabled)
        await panel.pilot.click("#allow")

        heard = await panel.heard()
        assert isinstance(heard, local.Accept)
        assert (heard.session, heard.name) == (SESSION, "Luc Roy")


async def test_refusing_takes_one_press(tmp_path: Path) -> None:
    async with stand(tmp_path, ASKED) as panel:
        await panel.see(lambda: panel.shows(Asked))

        await panel.pilot.click("#refuse")

        heard = await panel.heard()
        assert isinstance(heard, local.Refuse)
        assert heard.session == SESSION


async def test_a_name_can_be_written_on_the_glass(tmp_path: Path) -> None:
    async with stand(tmp_path, ASKED) as panel:
        await panel.see(lambda: panel.shows(Asked))
        await panel.pilot.click("#keyboard")
        await panel.see(lambda: bool(panel.app.query(Keyboard)))

        for key in ("L", "É", "A", "X", "⌫"):
            button = next(b for b in panel.app.query(".key").results(Button) if b.name == key)
            button.press()
            await panel.pilot.pause()

        await panel.see(lambda: panel.app.query_one("#name", Input).value == "LÉA")


async def test_what_was_typed_survives_news_about_the_same_request(tmp_path: Path) -> None:
    async with stand(tmp_path, ASKED) as panel:
        await panel.see(lambda: panel.shows(Asked))
        panel.app.query_one("#name", Input).value = "Luc"

        later = dataclasses.replace(ASKED, now_ms=NOW_MS + 20_000)
        await panel.say(later, until=lambda: "100 s" in panel.words())

        assert panel.app.query_one("#name", Input).value == "Luc"


async def test_the_presence_code_is_large_and_never_to_be_typed(tmp_path: Path) -> None:
    async with stand(tmp_path, CODE) as panel:
        await panel.see(lambda: panel.shows(Code))

        assert panel.app.query_one("#code", Digits).value == "314 159"
        assert "Ne le tapez jamais nulle part." in panel.words()
        assert "Juliett Uniform Hotel Romeo" in panel.words()


@pytest.mark.parametrize(
    ("status", "word", "border"),
    [
        (VIEWING, "◉ OBSERVATION", "viewing"),
        (CONTROLLING, "▲ PRISE EN MAIN", "controlling"),
    ],
)
async def test_the_indicator_has_a_word_a_shape_and_a_border(
    tmp_path: Path, status: local.Status, word: str, border: str
) -> None:
    async with stand(tmp_path, status) as panel:
        await panel.see(lambda: panel.shows(Live))

        assert word in panel.words()
        assert panel.app.screen_stack[0].has_class(border)
        assert "En ce moment : tail -f events.log" in panel.words()


@pytest.mark.parametrize("status", [CODE, VIEWING, CONTROLLING])
async def test_stop_is_one_press_whenever_something_is_open(
    tmp_path: Path, status: local.Status
) -> None:
    async with stand(tmp_path, status) as panel:
        await panel.see(lambda: panel.app.query_one("#stop", Button).display)

        await panel.pilot.click("#stop")

        assert isinstance(await panel.heard(), local.Stop)


async def test_stop_has_a_key_even_while_the_journal_is_shown(tmp_path: Path) -> None:
    async with stand(tmp_path, CONTROLLING) as panel:
        await panel.pilot.press("f2")
        assert isinstance(await panel.heard(), local.JournalQuery)

        await panel.pilot.press("f10")

        assert isinstance(await panel.heard(), local.Stop)


async def test_after_control_a_name_clears_the_device(tmp_path: Path) -> None:
    async with stand(tmp_path, VERIFY) as panel:
        await panel.see(lambda: panel.shows(Verify))
        assert "Vérifiez l’appareil avant tout usage clinique." in panel.words()
        assert "• inbox/fix.cfg" in panel.words()

        panel.app.query_one("#name", Input).value = "Luc Roy"
        await panel.see(lambda: not panel.app.query_one("#verified", Button).disabled)
        await panel.pilot.click("#verified")

        heard = await panel.heard()
        assert isinstance(heard, local.Verified)
        assert heard.name == "Luc Roy"


async def test_the_journal_is_read_page_by_page(tmp_path: Path) -> None:
    act = Act(
        time=time_text(NOW_MS),
        clock=ClockState.SYNCHRONISED,
        actor=Actor(ActorKind.OPERATOR, "operator", "Luc Roy"),
        action=JournalAction.SESSION_CONSENT_REFUSED,
        object=Thing("session", SESSION),
        gate=Gate.CONSENT,
    )
    line, _head = extend(GENESIS, act)
    page = local.JournalPage(entries=(parse_json(line, limit=10_000),), more=True)
    async with stand(tmp_path) as panel:
        await panel.pilot.click("#journal")
        asked = await panel.heard()
        assert isinstance(asked, local.JournalQuery)
        assert asked.before is None

        await panel.agent.say(page)
        screen = panel.app.screen
        assert isinstance(screen, JournalScreen)
        table = screen.query_one("#entries", DataTable)
        await panel.see(lambda: table.row_count == 1)
        row = table.get_row_at(0)
        screen.query_one("#older", Button).press()
        older = await panel.heard()

        assert row[2:4] == ["Luc Roy", "Opérateur en désaccord"]
        assert "La personne à l’appareil a refusé." in row[4]
        assert isinstance(older, local.JournalQuery)
        assert older.before == 0


async def test_help_is_asked_with_one_press_and_said_to_be(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        await it.pilot.click("#help")
        await it.see(lambda: isinstance(it.app.screen, HelpScreen))
        words = [str(button.label) for button in it.app.screen.query(Button)]
        assert "? L’appareil affiche une anomalie" in words
        it.app.screen.query_one("#helper", Input).value = " L. Roy "
        await it.pilot.click("#help-fault")
        assert await it.heard() == local.AskHelp(id=2, topic=HelpTopic.FAULT, name="L. Roy")
        await it.say(
            dataclasses.replace(IDLE, help_ms=NOW_MS),
            until=lambda: "Le soutien vous appellera." in it.words(),
        )


CONTACT = SupportContact(
    country="CA",
    name="Centre de soutien, [Montréal]",
    telephone="+1 514 555 0199",
    email=None,
    hours="mon-fri 08:00-20:00 (HE)",
)
CALL = {
    Language.FRENCH: "Ou appelez : Centre de soutien, [Montréal]\nTéléphone : +1 514 555 0199\n"
    "Heures : du lundi au vendredi, de 08:00 à 20:00 (HE)",
    Language.ENGLISH: "Or call: Centre de soutien, [Montréal]\nTelephone: +1 514 555 0199\n"
    "Hours: Monday to Friday, 08:00 to 20:00 (HE)",
}


@pytest.mark.parametrize("size", [(80, 24), (100, 40)])
@pytest.mark.parametrize("language", Language)
async def test_help_says_whom_to_call_with_no_relay_and_no_agent(
    tmp_path: Path, language: Language, size: tuple[int, int]
) -> None:
    site = dataclasses.replace(IDLE.site, language=language)
    alone = local.Connection(relay=None, last_poll_ms=None, console_ms=None)
    status = dataclasses.replace(IDLE, site=site, contacts=(CONTACT,), connection=alone)

    def shown() -> bool:
        found = it.app.screen.query(".contact")
        return [str(each.render()) for each in found.results(Static)] == [CALL[language]]

    async with stand(tmp_path, status, size=size) as it:
        await it.pilot.press("f1")
        await it.see(lambda: isinstance(it.app.screen, HelpScreen) and shown())
        call = it.app.screen.query_one(".contact")
        await it.see(lambda: it.app.screen.region.contains_region(call.region))
        await it.pilot.click("#back")
        await it.agent.close()
        await it.see(lambda: it.app.status is None)
        await it.pilot.press("f1")
        await it.see(lambda: isinstance(it.app.screen, HelpScreen) and shown())


async def test_nobody_asks_for_help_by_opening_the_choices(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        await it.pilot.press("f1")
        await it.see(lambda: isinstance(it.app.screen, HelpScreen))
        await it.pilot.click("#back")
        await it.see(lambda: not isinstance(it.app.screen, HelpScreen))
        assert it.agent.heard.empty()


@pytest.mark.parametrize("size", [(80, 24), (100, 40)])
async def test_every_choice_of_help_is_reached_by_the_keyboard(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with stand(tmp_path, size=size) as it:
        await it.pilot.press("f1")
        await it.see(lambda: isinstance(it.app.screen, HelpScreen))
        reached = set()
        for _ in range(12):
            reached.add(it.app.focused.id if it.app.focused else None)
            await it.pilot.press("tab")
        assert {f"help-{topic.value}" for topic in HelpTopic} <= reached


async def test_a_request_leaves_the_journal_and_calls_attention(tmp_path: Path) -> None:
    async with stand(tmp_path) as panel:
        await panel.pilot.click("#journal")
        await panel.heard()

        await panel.say(ASKED, until=lambda: panel.shows(Asked))

        assert len(panel.app.screen_stack) == 1


async def test_the_language_changes_at_once(tmp_path: Path) -> None:
    async with stand(tmp_path, ASKED) as panel:
        await panel.see(lambda: panel.shows(Asked))

        await panel.pilot.click("#language")
        await panel.see(lambda: "asks to CONTROL this device" in panel.words())

        assert "Refuser" not in panel.words()


async def test_a_silent_agent_is_said_and_taken_up_again(tmp_path: Path) -> None:
    async with stand(tmp_path, CONTROLLING) as panel:
        await panel.agent.close()
        await panel.see(lambda: "ne répond pas" in panel.words())

        async with AgentSocket(tmp_path / "panel.sock") as again:
            await again.say(IDLE)
            await panel.see(lambda: panel.shows(Idle))


async def test_a_refusal_of_the_agent_is_shown(tmp_path: Path) -> None:
    async with stand(tmp_path, ASKED) as panel:
        refused = local.Failed(id=2, code="consent", sentence="La demande est déjà close.")

        await panel.say(refused, until=lambda: "La demande est déjà close." in panel.words())


@pytest.mark.parametrize("size", [(80, 24), (100, 40)])
async def test_both_buttons_are_on_the_screen_and_far_apart(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with stand(tmp_path, ASKED, size=size) as panel:
        await panel.see(lambda: panel.shows(Asked))
        refuse = panel.app.query_one("#refuse", Button).region
        allow = panel.app.query_one("#allow", Button).region

        assert panel.app.screen.region.contains_region(refuse)
        assert panel.app.screen.region.contains_region(allow)
        assert refuse.height >= 3
        assert allow.x - refuse.right >= 8


async def test_who_asks_to_join_is_named_by_country_first_and_refused_in_one_press(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path, JOINING) as panel:
        await panel.see(lambda: panel.shows(Asked))
        words = panel.words()
        assert "CANADA : un spécialiste de niveau 3 demande à REJOINDRE la séance." in words
        assert "Si vous refusez, la séance continue sans cette personne." in words
        await panel.app.action_language()
        await panel.see(lambda: "CANADA: a level 3 specialist asks to JOIN" in panel.words())
        words = panel.words()
        assert words.index("CANADA") < words.index("Jean Roy")
        assert "Refuse, and the session goes on without them." in words
        assert "▲ CONTROL" in words
        assert panel.app.query_one("#stop", Button).display
        refuse, allow = (panel.app.query_one(name, Button) for name in ("#refuse", "#allow"))
        assert refuse.size.width >= allow.size.width
        assert refuse.size.height == allow.size.height

        await panel.pilot.click("#refuse")

        heard = await panel.heard()
        assert isinstance(heard, local.Refuse)
        assert heard.session == JOIN.session


async def test_who_joined_is_shown_beside_who_controls(tmp_path: Path) -> None:
    async with stand(tmp_path, WITH_CODE) as panel:
        await panel.see(lambda: "Lisez-lui ce code : 271828" in panel.words())
        await panel.say(WATCHED, until=lambda: "◉ Jean Roy observe." in panel.words())
        words = panel.words()
        assert "Marie Tremblay" in words
        assert "+ Jean Roy, Roy Service, Canada : observe." in words
        await panel.app.action_language()
        await panel.see(lambda: "◉ Jean Roy watches." in panel.words())


async def test_who_watches_for_the_site_is_named_and_refused_in_one_press(tmp_path: Path) -> None:
    async with stand(tmp_path, SITE_ASKS) as panel:
        await panel.see(lambda: panel.shows(Asked))
        assert "◉ Hôpital : Julie Gagnon demande à OBSERVER la séance." in panel.words()
        assert "Julie Gagnon, Hôpital, Canada" in panel.words()
        assert "niveau" not in panel.words()
        await panel.pilot.click("#refuse")
        assert isinstance(await panel.heard(), local.Refuse)


async def test_both_who_watch_are_shown(tmp_path: Path) -> None:
    julie = dataclasses.replace(GUEST, person=JULIE)
    both = dataclasses.replace(
        WATCHED, session=dataclasses.replace(WATCHED.session, watching=julie)
    )
    asked = dataclasses.replace(JOINED, person=JULIE)
    with_code = dataclasses.replace(CONTROLLING, session=dataclasses.replace(OPEN, watching=asked))
    async with stand(tmp_path, with_code) as panel:
        await panel.app.action_language()
        await panel.see(lambda: "Read them this code: 271828" in panel.words())
        assert "watches." not in panel.words()
        await panel.say(both, until=lambda: "+ Julie Gagnon, Hôpital" in panel.words())
        assert "◉ Jean Roy watches. + ◉ Julie Gagnon watches." in panel.words()
        assert "+ Jean Roy, Roy Service, Canada: watches." in panel.words()


async def test_who_asks_for_control_is_named_by_country_first_and_refused_in_one_press(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path, WANTED) as panel:
        await panel.see(lambda: panel.shows(Asked))
        words = panel.words()
        assert "CANADA : le spécialiste de niveau 3 qui observe demande la PRISE EN MAIN." in words
        assert "Si vous refusez, rien ne change." in words
        await panel.app.action_language()
        await panel.see(lambda: "CANADA: the level 3 specialist who watches" in panel.words())
        words = panel.words()
        assert words.index("CANADA") < words.index("Jean Roy, Roy Service")
        assert "asks to CONTROL this device" in words
        assert "Allow, and Marie Tremblay may hand control over to them" in words
        assert "WATCH what is done" not in words
        assert panel.app.query_one("#stop", Button).display

        await panel.pilot.click("#refuse")

        heard = await panel.heard()
        assert isinstance(heard, local.Refuse)
        assert heard.session == SESSION


async def test_a_lock_is_shown_with_its_reason_whatever_stands_in_it(tmp_path: Path) -> None:
    locked = dataclasses.replace(IDLE, locked=True, lock_reason="[bold]Recalled [/x] [")
    async with stand(tmp_path, locked) as panel:
        await panel.see(lambda: "«\u00a0[bold]Recalled [/x] [\u00a0»" in panel.words())


async def test_the_panel_always_shows_who_controls(tmp_path: Path) -> None:
    allowed = watched_by(Activity.CONTROLLING, may_control=True)
    passed = watched_by(Activity.CONTROLLING, may_control=True, controls=True)
    nobodys = watched_by(Activity.VIEWING)
    async with stand(tmp_path, allowed) as panel:
        await panel.app.action_language()
        await panel.see(lambda: "Control may be handed over to Jean Roy." in panel.words())
        assert "▲ CONTROL: a specialist is working on this device. + ◉ Jean Roy watches." in (
            panel.words()
        )
        await panel.say(passed, until=lambda: "◉ Marie Tremblay watches." in panel.words())
        words = panel.words()
        assert "▲ CONTROL: Jean Roy is working on this device. + ◉ Marie Tremblay" in words
        assert "▲ Jean Roy, Roy Service, Canada: CONTROLS." in words
        await panel.say(nobodys, until=lambda: "nobody controls this device now" in panel.words())
        assert "+ Jean Roy, Roy Service, Canada: watches." in panel.words()
        assert "Control may be handed" not in panel.words()
        assert panel.app.query_one("#stop", Button).display
