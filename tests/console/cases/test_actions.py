"""Help at the bedside opens one case; the first to take it has it (R14)."""

from html import unescape

import pytest
from django.core.exceptions import ValidationError

from bedside.audit.entry import Actor, ActorKind, Entry, Thing, time_text
from bedside.console.access.actions import do_end_product_rights
from bedside.console.accounts.actions import do_close_account
from bedside.console.accounts.models import User
from bedside.console.cases.actions import (
    CannotServeError,
    NotYoursError,
    do_apply_help,
    do_close_case,
    do_release_case,
    do_take_case,
)
from bedside.console.cases.models import Case
from bedside.console.cases.queries import access_case
from bedside.console.journal.actions import now_ms
from bedside.console.people.actions import do_leave
from bedside.language import Language, action_sentence, gate_sentence
from bedside.vocabulary import ClockState, Gate, JournalAction, Outcome, Permission
from tests.console.pages.reader import Reader, ask
from tests.console.pages.seed import Chain
from tests.console.service_sessions.news import go_abroad
from tests.console.world import DEVICE, FOREIGN, Api, actions_of, person

pytestmark = pytest.mark.usefixtures("fleet")


def asked(seq=7, name="L. Roy", action=JournalAction.DEVICE_HELP_ASKED, device=DEVICE, **detail):
    entry = Entry(
        seq=seq,
        prev=None,
        time=time_text(now_ms()),
        clock=ClockState.SYNCHRONISED,
        actor=Actor(ActorKind.OPERATOR, "operator", name),
        action=action,
        object=Thing("device", device),
        outcome=Outcome.SUCCESS,
        gate=None,
        session=None,
        case=None,
        detail={"topic": "fault", "activity": "idle", **detail},
    )
    return do_apply_help(device, entry, now=now_ms())


def test_one_entry_opens_one_case():
    case = asked(state="clock")
    assert asked() is None
    assert Case.objects.count() == 1
    assert (case.topic, case.asked_by) == ("fault", "L. Roy")
    assert case.state == {"activity": "idle", "state": "clock"}
    assert case.number.startswith("C-1")
    assert actions_of(case=case.number) == ["case:record:opened"]
    assert asked(seq=8).number != case.number


def test_what_asks_for_nothing_opens_nothing():
    assert asked(action=JournalAction.DEVICE_SERVICE_VERIFIED) is None
    assert not Case.objects.exists()


def test_what_a_device_says_is_foreign():
    case = asked(topic="<script>", name="x" * 190, state="y" * 300, activity=7)
    assert (case.topic, len(case.asked_by)) == ("other", 120)
    assert len(case.state["state"]) <= 60
    assert asked(seq=9, name="-").asked_by == ""


def test_the_first_to_take_it_has_it():
    case = asked()
    go_abroad()
    User.objects.filter(name="Sam Okafor").update(country="US")
    assert do_take_case(case, acting_user=person("Marie"))
    assert not do_take_case(case, acting_user=person("Sam"))
    assert Case.objects.get().taken_by.name == "Marie Tremblay"


def test_it_is_closed_once_and_with_a_finding():
    case = asked()
    do_take_case(case, acting_user=person("Marie"))
    with pytest.raises(ValidationError):
        do_close_case(case, finding=" \n", acting_user=person("Marie"))
    assert do_close_case(case, finding="Loose\ncable", acting_user=person("Marie"))
    assert not do_close_case(case, finding="Again", acting_user=person("Sam"))
    assert Case.objects.get().finding == "Loose cable"
    assert not do_take_case(case, acting_user=person("Sam"))


def test_the_page_leads_to_a_request_with_the_case_filled_in():
    case = asked()
    reader = Reader("Marie", "fr")
    assert "L’appareil affiche une anomalie" in reader.text("/cases/")
    reader.post(f"/cases/{case.number}/take/")
    page = reader.get(f"/cases/{case.number}/").content.decode()
    assert f"/devices/{DEVICE}/request/?case={case.number}&amp;reason=" in page
    said = reader.text(f"/devices/{DEVICE}/request/", case=case.number, reason="x")
    assert case.number in said
    answer = reader.post(f"/cases/{case.number}/", finding="Câble débranché")
    assert answer.status_code == 302
    assert "Câble débranché" in reader.text(f"/cases/{case.number}/")
    assert reader.post(f"/cases/{case.number}/", finding="").status_code == 400


def test_the_page_says_how_the_device_is_now():
    case, session = asked(), ask()
    chain, here = Chain(DEVICE), {"thing": Thing("device", DEVICE)}
    refused = JournalAction.ORDER_DOCUMENT_REFUSED
    chain.write(refused, now_ms(), None, outcome=Outcome.REFUSED, gate=Gate.EXAM_RUNNING, **here)
    chain.write(JournalAction.DEVICE_SERVICE_VERIFIED, now_ms(), None, **here)
    chain.report(now_ms())
    said = unescape(Reader("Marie").text(f"/cases/{case.number}/")).split("The device now", 1)[1]
    for words in (
        "Online last change 20",
        "at relay “a”",
        "Now Nobody is connected",
        "Agent 0.1.0, polls are held",
        "Open session Marie Tremblay",
        gate_sentence(Gate.EXAM_RUNNING, Language.ENGLISH),
        f"Told last {action_sentence(JournalAction.DEVICE_SERVICE_VERIFIED, Language.ENGLISH)} 20",
    ):
        assert words in said
    assert session.person_name in said


def test_a_device_that_was_never_seen_says_so_in_its_case():
    said = Reader("Alex").text(f"/cases/{asked(device=FOREIGN).number}/")
    assert "Never seen" in said
    assert "Told last" not in said


def test_a_site_sees_its_own_cases_and_takes_none():
    mine, other = asked(), asked(device=FOREIGN)
    reader = Reader("Julie")
    assert mine.number in reader.text("/cases/", state="all")
    assert reader.get(f"/cases/{other.number}/").status_code == 404
    assert reader.post(f"/cases/{mine.number}/take/").status_code == 403
    with pytest.raises(Exception, match=r".*"):
        access_case(person("Julie"), other.number, Permission.CASES_CASE_READ)


def test_the_same_by_the_api():
    case = asked()
    marie, sam, julie = Api("Marie"), Api("Sam"), Api("Julie", "fr")
    assert [each["number"] for each in marie.get("/cases", state="waiting").json()["items"]] == [
        case.number
    ]
    assert julie.get(f"/cases/{case.number}").json()["topic_words"].startswith("L’appareil affiche")
    assert julie.post(f"/cases/{case.number}/take").status_code == 403
    assert marie.post(f"/cases/{case.number}/take").json()["taken_by"] == "Marie Tremblay"
    assert sam.post(f"/cases/{case.number}/take").status_code == 409
    assert marie.post(f"/cases/{case.number}/close", {"finding": ""}).status_code == 422
    closed = marie.post(f"/cases/{case.number}/close", {"finding": "Cable"}).json()
    assert closed["finding"] == "Cable"
    assert marie.get("/cases", state="elsewhere").status_code == 422


def test_who_may_not_serve_the_device_takes_no_case():
    case = asked()
    with pytest.raises(CannotServeError) as refused:
        do_take_case(case, acting_user=person("Sam"))
    assert [reason.gate for reason in refused.value.reasons] == ["product_right"]
    User.objects.filter(name="Marie Tremblay").update(country="CA")
    with pytest.raises(CannotServeError, match="country"):
        do_take_case(case, acting_user=person("Marie"))
    with pytest.raises(CannotServeError, match="role"):
        do_take_case(case, acting_user=person("Alex"))
    assert Case.objects.get().taken_by is None
    assert actions_of(case=case.number) == ["case:record:opened"]


def test_a_taken_case_is_given_back_and_closed_by_who_has_it_or_a_manager():
    case = asked()
    assert not do_release_case(case, acting_user=person("Alex"))
    with pytest.raises(NotYoursError):
        do_close_case(case, finding="Cable", acting_user=person("Marie"))
    do_take_case(case, acting_user=person("Marie"))
    with pytest.raises(NotYoursError):
        do_release_case(case, acting_user=person("Sam"))
    with pytest.raises(NotYoursError):
        do_close_case(case, finding="Cable", acting_user=person("Sam"))
    assert do_release_case(case, acting_user=person("Marie"))
    assert (case.taken_by, case.taken_ms) == (None, None)
    do_take_case(case, acting_user=person("Marie"))
    User.objects.filter(name="Alex Martin").update(role="manager")
    assert do_release_case(case, acting_user=person("Alex"))
    do_take_case(case, acting_user=person("Marie"))
    assert do_close_case(case, finding="Cable", acting_user=person("Alex"))
    assert not do_release_case(case, acting_user=person("Marie"))
    assert actions_of(case=case.number).count("case:record:released") == 2


def test_the_page_names_the_gate_instead_of_the_button():
    case = asked()
    reader = Reader("Sam")
    path = f"/cases/{case.number}/"
    assert "Take this case" not in reader.text(path)
    assert 'data-gate="product_right"' in reader.get(path).content.decode()
    answer = reader.post(f"{path}take/")
    assert (answer.status_code, Case.objects.get().taken_by) == (403, None)
    assert 'data-gate="product_right"' in answer.content.decode()
    marie = Reader("Marie", "fr")
    assert "Prendre ce dossier" in marie.text(path)
    marie.post(f"{path}take/")
    assert reader.post(path, finding="Cable").status_code == 403
    assert reader.post(f"{path}release/").status_code == 403
    assert "Close the case" not in reader.text(path)
    assert "Rendre ce dossier" in marie.text(path)
    marie.post(f"{path}release/")
    assert Case.objects.get().taken_by is None


def test_the_api_names_the_gate_and_gives_a_case_back():
    path = f"/cases/{asked().number}"
    marie, sam = Api("Marie"), Api("Sam", "fr")
    refused = sam.post(f"{path}/take")
    assert (refused.status_code, refused.json()["code"]) == (403, "refused")
    (reason,) = refused.json()["reasons"]
    assert reason["gate"] == "product_right"
    assert reason["sentence"]
    assert marie.post(f"{path}/release").json()["code"] == "not_taken"
    marie.post(f"{path}/take")
    for act, body in (("release", {}), ("close", {"finding": "Cable"})):
        answer = sam.post(f"{path}/{act}", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_yours")
    assert marie.post(f"{path}/release").json()["taken_by"] is None
    marie.post(f"{path}/take")
    assert marie.post(f"{path}/close", {"finding": "Cable"}).json()["finding"] == "Cable"


@pytest.mark.parametrize("ended", ["left", "closed", "training"])
def test_a_case_goes_back_into_the_queue_with_the_standing_of_whoever_took_it(ended):
    case, marie, alex = asked(), person("Marie"), person("Alex")
    do_take_case(case, acting_user=marie)
    if ended == "left":
        said = Reader("Alex").text(f"/people/{marie.pk}/leave/")
        assert "1 case goes back into the queue" in said
        do_leave(marie, acting_user=alex)
    elif ended == "closed":
        do_close_account(marie, reason="Away", acting_user=alex)
    else:
        do_end_product_rights(marie, acting_user=alex)
    case.refresh_from_db()
    assert (case.taken_by, case.taken_ms) == (None, None)
    assert actions_of(case=case.number)[-1] == "case:record:released"


def test_a_case_that_is_closed_stays_with_whoever_closed_it():
    case, marie = asked(), person("Marie")
    do_take_case(case, acting_user=marie)
    do_close_case(case, finding="A fuse", acting_user=marie)
    do_leave(marie, acting_user=person("Alex"))
    case.refresh_from_db()
    assert case.taken_by == marie
