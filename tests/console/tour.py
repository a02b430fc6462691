"""A walk over every page and every reading operation of the API, each with a reader who may see it.

`PAGES` and `OPERATIONS` name each route of the route table that can be read; `test_tour.py` refuses
a route that is missing. The number is how many SQL queries an answer takes, whatever the number of
rows: who makes a page ask more writes the new number here, and one that asks for each row fails.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse

from bedside.console.accounts.models import SingleSignOn
from bedside.console.cases.models import Case
from bedside.console.journal.actions import now_ms
from bedside.console.journal.export import log_folder
from bedside.console.journal.models import JournalRow
from bedside.console.journal.sealing import Sequencer
from bedside.console.journal.signer import log_signer
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.sites.models import BreakGlass, SiteWindow
from bedside.vocabulary import SessionState
from tests.console.crowd import Crowd
from tests.console.pages.reader import Reader, ask
from tests.console.sites.kit import SiteHand
from tests.console.world import DEVICE, Api, person

__all__ = ["OPERATIONS", "PAGES", "Stop", "Walker", "prepare"]


@dataclass(frozen=True)
class Stop:
    """One address: whose route it is, who reads it, and what it asks the database."""

    route: str
    reader: str
    queries: int
    query: dict[str, str] = field(default_factory=dict)
    name: str = ""
    """Where a route is read in several ways."""

    @property
    def title(self) -> str:
        """The route in one word, for a figure's name."""
        plain = "".join(letter if letter.isalnum() else " " for letter in self.name or self.route)
        words = [word for word in plain.split() if word not in ("str", "int", "id")]
        return "_".join(["api"] * self.route.startswith("/") + words) or "fleet"


SIMULATED = {
    "device": DEVICE, "access": "system", "mode": "control", "minutes": "30",
    "level": "3", "country": "CA",
}  # fmt: skip
# Routes of `project.urls`, as the route table spells them.
PAGES = [
    Stop("", "Marie", 10),
    Stop("", "Julie", 10, name="fleet of a site"),
    Stop("", "Marie", 10, {"q": "Injector 7"}, "fleet search"),
    Stop("", "Marie", 7, {"q": "nothing like this"}, "fleet search in vain"),
    Stop("", "Marie", 10, {"q": "CI-00"}, "fleet search by name"),
    Stop("", "Marie", 10, {"contact": "online"}, "fleet online"),
    Stop("", "Marie", 10, {"contact": "offline"}, "fleet offline"),
    Stop("", "Marie", 10, {"contact": "never_seen"}, "fleet never"),
    Stop("", "Marie", 10, {"state": "registered"}, "fleet state"),
    Stop("account/", "Marie", 6),
    Stop("account/browsers/", "Marie", 5),
    Stop("account/password/", "Marie", 3),
    Stop("account/second-factor/", "Marie", 5),
    Stop("account/second-factor/webauthn/", "Marie", 4),
    Stop("account/tokens/", "Marie", 5),
    Stop("account/tokens/new/", "Marie", 4),
    Stop("activate", "Marie", 4),
    Stop("alarms/", "Marie", 8),
    Stop("break-glass/<str:glass_id>/", "Julie", 9),
    Stop("cases/", "Marie", 5),
    Stop("cases/", "Marie", 5, {"state": "taken"}, "cases taken"),
    Stop("cases/", "Marie", 5, {"state": "closed"}, "cases closed"),
    Stop("cases/", "Julie", 5, {"state": "all"}, "cases of a site"),
    Stop("cases/<str:number>/", "Marie", 14),
    Stop("devices/<str:device_id>/", "Marie", 17),
    Stop("devices/<str:device_id>/", "Julie", 17, name="device at its site"),
    Stop("devices/<str:device_id>/break-glass/", "Julie", 6),
    Stop("devices/<str:device_id>/enrol/", "Alex", 7),
    Stop("devices/<str:device_id>/lock/", "Alex", 6),
    Stop("devices/<str:device_id>/request/", "Marie", 19, {"case": "C-1", "reason": "x"}),
    Stop("devices/<str:device_id>/revoke/", "Alex", 6),
    Stop("devices/<str:device_id>/unlock/", "Alex", 6),
    Stop("journal/", "Marie", 7),
    Stop("journal/", "Alex", 7, name="journal for clearance"),
    Stop("journal/", "Julie", 8, name="journal of a site"),
    Stop("journal/", "Marie", 8, {"device": "CI-0000001"}, "journal of a device"),
    Stop("journal/", "Marie", 7, {"action": "session:life:ended"}, "journal of an action"),
    Stop("journal/", "Marie", 8, {"person": "marie@bayard.example"}, "journal of a person"),
    Stop("journal/", "Marie", 7, {"outcome": "refused"}, "journal of an outcome"),
    Stop(
        "journal/", "Marie", 7, {"since": "2020-01-01", "until": "2020-01-02"}, "journal of no day"
    ),
    Stop("journal/", "Marie", 7, {"since": "{day}", "until": "{day}"}, "journal of a day"),
    Stop("journal/<int:row_id>/", "Marie", 7),
    Stop("journal/proofs/", "Marie", 7, {"entry": "{row_id}"}),
    Stop("locks/", "Alex", 5),
    Stop("locks/", "Julie", 5, name="locks page of a site"),
    Stop("notices/", "Alex", 6),
    Stop("notices/", "Alex", 6, {"state": "dead"}, "notices dead"),
    Stop("organisations/", "Alex", 6),
    Stop("organisations/<str:organisation_id>/", "Alex", 6),
    Stop("organisations/<str:organisation_id>/single-sign-on/", "Alex", 6),
    Stop("organisations/new/", "Alex", 4),
    Stop("people/", "Alex", 6),
    Stop("people/", "Julie", 6, name="people of a site"),
    Stop("people/", "Alex", 6, {"q": "Person 00002"}, "people search"),
    Stop("people/", "Alex", 6, {"state": "closed"}, "people closed"),
    Stop("people/", "Alex", 6, {"role": "auditor"}, "people role"),
    Stop("people/<str:person_id>/", "Alex", 7),
    Stop("people/<str:person_id>/close/", "Alex", 11),
    Stop("people/<str:person_id>/edit/", "Alex", 6),
    Stop("people/<str:person_id>/factors/", "Alex", 11),
    Stop("people/<str:person_id>/leave/", "Alex", 11),
    Stop("people/<str:person_id>/open/", "Alex", 5),
    Stop("people/<str:person_id>/train/", "Alex", 6),
    Stop("people/invite/", "Alex", 5),
    Stop("people/review/", "Alex", 6),
    Stop("people/review/", "Alex", 6, {"due": "on"}, "people review due"),
    Stop("people/training/", "Alex", 6),
    Stop("people/training/", "Alex", 6, {"until": "ended"}, "people training ended"),
    Stop("policy/", "Alex", 8),
    Stop("policy/contracts/", "Alex", 6),
    Stop("policy/simulator/", "Alex", 4),
    Stop("policy/simulator/", "Alex", 17, SIMULATED, "policy simulated"),
    Stop("relays/", "Alex", 11),
    Stop("relays/", "Marie", 11, name="relays for a specialist"),
    Stop("relays/<str:name>/retire/", "Alex", 7),
    Stop("sessions/", "Marie", 5),
    Stop("sessions/", "Julie", 5, name="sessions of a site"),
    Stop("sessions/", "Marie", 5, {"state": "open"}, "sessions open"),
    Stop("sessions/", "Marie", 5, {"mine": "on"}, "sessions mine"),
    Stop("sessions/<str:session_id>/", "Marie", 11),
    Stop("sessions/<str:session_id>/", "Julie", 12, name="session at its site"),
    Stop("sessions/<str:session_id>/approve/", "Julie", 14),
    Stop("sessions/<str:session_id>/end/", "Marie", 5),
    Stop("sessions/<str:session_id>/watch/", "Julie", 10),
    Stop("sites/", "Alex", 5),
    Stop("sites/<str:site_id>/", "Julie", 15),
    Stop("sites/<str:site_id>/", "Alex", 14, name="site for the manufacturer"),
    Stop("sites/<str:site_id>/approver/", "Julie", 6),
    Stop("sites/<str:site_id>/contacts/", "Julie", 8),
    Stop("sites/<str:site_id>/policy/", "Julie", 10),
    Stop("sites/<str:site_id>/windows/", "Julie", 8),
    Stop("windows/<str:window_id>/close/", "Julie", 6),
]
OPERATIONS = [
    Stop("/access-review", "Alex", 4),
    Stop("/approvals", "Julie", 3),
    Stop("/break-glass", "Alex", 3),
    Stop("/break-glass/{glass_id}", "Alex", 6),
    Stop("/browsers", "Marie", 3),
    Stop("/alarm-rules", "Marie", 3),
    Stop("/alarms", "Marie", 3),
    Stop("/cases", "Marie", 3),
    Stop("/mutes", "Marie", 3),
    Stop("/relays", "Marie", 3),
    Stop("/cases/{number}", "Marie", 3),
    Stop("/contracts", "Marie", 3),
    Stop("/devices", "Marie", 4),
    Stop("/devices", "Julie", 4, name="devices of a site"),
    Stop("/devices/{device_id}", "Marie", 4),
    Stop("/journal", "Marie", 3),
    Stop("/journal", "Julie", 4, name="journal of a site"),
    Stop("/journal/{row_id}", "Alex", 5),
    Stop("/locks", "Alex", 3),
    Stop("/locks", "Julie", 3, name="locks of a site"),
    Stop("/me", "Marie", 2),
    Stop("/notices", "Alex", 3),
    Stop("/organisations", "Alex", 4),
    Stop("/organisations/{organisation_id}/single-sign-on", "Alex", 4),
    Stop("/people", "Alex", 3),
    Stop("/people/{person_id}", "Alex", 4),
    Stop("/people/{person_id}/passkeys", "Alex", 4),
    Stop("/policy/rules", "Marie", 3),
    Stop("/relay-pins", "Marie", 3),
    Stop("/sessions", "Marie", 3),
    Stop("/sessions", "Julie", 3, name="sessions of a site"),
    Stop("/sessions/{session_id}", "Marie", 5),
    Stop("/sessions/{session_id}/acts", "Julie", 6),
    Stop("/sessions/{session_id}/approval", "Julie", 15),
    Stop("/sites", "Marie", 3),
    Stop("/sites/{site_id}", "Julie", 8),
    Stop("/sites/{site_id}/approver", "Julie", 4),
    Stop("/sites/{site_id}/contacts", "Julie", 4),
    Stop("/sites/{site_id}/hooks", "Julie", 4),
    Stop("/sites/{site_id}/policy", "Julie", 8),
    Stop("/sites/{site_id}/windows", "Julie", 4),
    Stop("/tokens", "Marie", 3),
    Stop("/training", "Alex", 3),
    Stop("/trust", "Marie", 2),
]


def prepare(**counts: int) -> dict[str, str]:
    """Pour a crowd around the world's people, and return what stands for each id of a route."""
    session = ask()
    hand = SiteHand()
    hand.register()
    for _ in range(counts["each"]):
        hand.publish()
    crowd = Crowd(session, **counts)
    crowd.pour()
    home = person("Marie").organisation
    SingleSignOn.objects.create(organisation=home, server_url="https://sso.example", client_id="x")
    _seal()
    waits = ServiceSession.objects.filter(state=SessionState.AWAITING_SITE.value).latest("pk")
    return {
        "device_id": DEVICE,
        "session_id": session.pk,
        "waiting_id": waits.pk,
        "site_id": "notre-dame",
        "organisation_id": person("Marie").organisation_id,
        "person_id": crowd.somebody,
        "product_id": "contrast-injector",
        "name": "b",
        "number": Case.objects.earliest("pk").number,
        "glass_id": BreakGlass.objects.earliest("pk").pk,
        "window_id": SiteWindow.objects.earliest("pk").pk,
        "day": datetime.fromtimestamp(crowd.middle_ms / 1000, UTC).date().isoformat(),
        "row_id": str(JournalRow.objects.exclude(device="").latest("pk").pk),
    }


class Walker:
    """Somebody who opens a stop again and again, signed in once.

    Args:
        stop: where.
        things: from `prepare`.

    `path` is the stop's address.
    """

    def __init__(self, stop: Stop, things: dict[str, str]) -> None:
        api = stop in OPERATIONS
        self._who = Api(stop.reader) if api else Reader(stop.reader)
        waits = (
            {"session_id": things["waiting_id"]}
            if stop.route.endswith(("approve/", "approval"))
            else {}
        )
        known = {**things, **waits}
        path = re.sub(r"<\w+:(\w+)>|\{(\w+)\}", lambda m: known[m[1] or m[2]], stop.route)
        self.path = path if api else f"/{path}"
        self._query = {name: value.format(**known) for name, value in stop.query.items()}

    def environ(self) -> dict[str, Any]:
        """Return the request as a web server hands it to the application (PEP 3333)."""
        return self._who.environ(self.path, **self._query)

    def open(self) -> HttpResponse:
        """Return the answer; RuntimeError where it is not the page."""
        answer = self._who.get(self.path, **self._query)
        if answer.status_code != 200:
            raise RuntimeError(f"{self.path} answered {answer.status_code}")
        return answer


def _seal() -> None:
    sequencer = Sequencer(log_folder(), log_signer())
    while sequencer.seal(now=now_ms()):
        pass
    sequencer.close()
