import pytest

from bedside.console.access.models import Entitlement, ProductRight, StartRule
from bedside.console.accounts.models import User
from bedside.console.enrolment.models import DeviceIdentity
from bedside.console.journal.actions import now_ms
from bedside.console.relays.models import DeviceMessage, DevicePresence, Tunnel
from bedside.console.service_sessions.models import ServiceSession
from bedside.pki.host_certificates import open_host_certificate
from bedside.pki.ssh_certificates import fingerprint, load_ssh_key
from bedside.vocabulary import DeviceId
from tests.console.service_sessions.news import ASKED, GIVEN, live, requested, tell
from tests.console.world import DEVICE, FOREIGN, Api, actions_of, asking, empowered, person, stale

pytestmark = pytest.mark.usefixtures("fleet")


def test_a_request_that_every_rule_allows_is_on_its_way_to_the_device():
    answer = Api("Marie").post("/sessions", asking())
    assert answer.status_code == 201, answer.content
    session = answer.json()
    assert (session["state"], session["relay"]) == ("routed", "a")
    assert [step["state"] for step in session["timeline"]] == ["requested", "routed"]
    assert session["person"]["employer"] == "Bayard Imaging"
    assert DeviceMessage.objects.get(kind="order").session == session["id"]
    tunnel = Tunnel.objects.get()
    assert (len(tunnel.device_proofs), len(tunnel.specialist_proofs)) == (64, 64)
    assert actions_of(session=session["id"]) == [
        "session:request:allowed",
        "session:request:routed",
    ]


def no_entitlement():
    Entitlement.objects.all().delete()


def lapsed_entitlement():
    Entitlement.objects.update(end_ms=now_ms() - 1)


def untrained():
    ProductRight.objects.all().delete()


def in_canada():
    User.objects.filter(name="Marie Tremblay").update(country="CA")


def without_level():
    User.objects.filter(name="Marie Tremblay").update(level=None)


def not_vetted():
    User.objects.filter(name="Marie Tremblay").update(vetted_on=None)


def no_rule():
    StartRule.objects.all().delete()


def never_seen():
    DevicePresence.objects.all().delete()


def locked():
    Api("Alex").post(f"/devices/{DEVICE}/lock", {"reason": "recall"})


def auditor():
    User.objects.filter(name="Marie Tremblay").update(role="auditor")


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        (no_entitlement, "entitlement"),
        (lapsed_entitlement, "entitlement"),
        (untrained, "product_right"),
        (in_canada, "country"),
        (without_level, "level"),
        (not_vetted, "account"),
        (no_rule, "level"),
        (never_seen, "device_state"),
        (locked, "lock"),
        (auditor, "role"),
    ],
)
def test_each_missing_fact_refuses_and_names_its_gate(change, gate):
    api = Api("Marie")
    change()
    answer = api.post("/sessions", asking())
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "refused"
    assert gate in [reason["gate"] for reason in problem["reasons"]]
    reason = next(reason for reason in problem["reasons"] if reason["gate"] == gate)
    assert reason["sentence"]
    assert reason["advice"]
    session = ServiceSession.objects.get(pk=problem["session"])
    assert (session.state, session.ending) == ("ended", "refused")
    assert actions_of(session=session.pk) == ["session:request:refused"]
    assert not DeviceMessage.objects.filter(kind="order").exists()
    assert not Tunnel.objects.exists()


@pytest.mark.parametrize(
    ("changed", "gate"),
    [
        ({"case": "  "}, "case"),
        ({"reason": ""}, "reason"),
        ({"duration_minutes": 300}, "duration"),
    ],
)
def test_a_request_without_its_why_is_refused_by_the_policy(changed, gate):
    problem = Api("Marie").post("/sessions", asking(**changed)).json()
    assert [reason["gate"] for reason in problem["reasons"]] == [gate]


def test_a_specialist_for_another_product_is_refused_beside_one_who_may():
    assert Api("Marie").post("/sessions", asking()).status_code == 201
    problem = Api("Sam").post("/sessions", asking()).json()
    assert [reason["gate"] for reason in problem["reasons"]] == ["product_right"]


def test_a_refusal_speaks_the_readers_language():
    Entitlement.objects.all().delete()
    problem = Api("Marie", language="fr").post("/sessions", asking()).json()
    assert problem["title"] == "La demande est refusée."


@pytest.mark.parametrize(
    "changed",
    [
        {"public_key": "ssh-rsa AAAA"},
        {"public_key": "ecdsa-sha2-nistp256 " + "A" * 140},
        {"reason": "right to left \u202e override"},
        {"case": "two\nlines"},
        {"case": "C" * 65},
        {"mode": "root"},
        {"duration_minutes": "30"},
        {"duration_minutes": 0},
        {"more": 1},
        {"device": 5},
    ],
)
def test_a_value_that_cannot_be_used_is_named_and_nothing_is_kept(changed):
    answer = Api("Marie").post("/sessions", asking(**changed))
    assert answer.status_code == 422, answer.content
    assert answer.json()["code"] == "invalid"
    assert not ServiceSession.objects.exists()


@pytest.mark.parametrize(
    ("changed", "where", "english", "french"),
    [
        ({"reason": "a\u202eb"}, "reason", "Reason: holds a character", "Motif : contient un"),
        ({"reason": "x" * 501}, "reason", "Reason: at most 500 characters.", "500 caractères"),
        ({"duration_minutes": 99999}, "duration_minutes", "Minutes: at most 1440.", "Minutes : au plus 1440."),
        ({"mode": "root"}, "mode", "mode: one of 'view'", "mode : "),
        ({"more": 1}, "more", "more: there is no such field.", "more : ce champ"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_said_with_its_limit(changed, where, english, french):
    for language, words in (("en", english), ("fr", french)):
        told = Api("Marie", language).post("/sessions", asking(**changed)).json()
        assert words in told["detail"]
        assert told["errors"][0]["where"] == where
        assert words in told["errors"][0]["message"]


def test_a_device_of_nobody_and_one_that_does_not_exist_are_the_same():
    answer = Api("Marie").post("/sessions", asking(device="CI-99999"))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_certificates_are_given_while_the_operator_is_asked_and_only_to_whoever_asked():
    session = requested()
    path = f"/sessions/{session.pk}/connection"
    early = Api("Marie").post(path)
    assert early.status_code == 200, early.content
    assert early.json()["expires_ms"] == session.answer_by_ms + session.duration_s * 1000
    tell(session.pk, ASKED)
    tell(session.pk, GIVEN)
    answer = Api("Marie").post(path)
    assert answer.status_code == 200, answer.content
    connection = answer.json()
    session.refresh_from_db()
    assert connection["expires_ms"] == session.expires_ms
    assert connection["relay"]["name"] == "a"
    assert connection["client_certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert connection["ssh_certificate"].startswith("ecdsa-sha2-nistp256-cert-v01@openssh.com ")
    shown = open_host_certificate(
        connection["ssh_host_certificate"], device=DeviceId(DEVICE), now_ms=now_ms()
    )
    assert shown.key == DeviceIdentity.objects.get(pk=DEVICE).ssh_host_key
    assert shown.ca == fingerprint(Api("Marie").get("/trust").json()["ssh_host_ca"])
    load_ssh_key(session.public_key)
    other = Api("Sam").post(path)
    assert (other.status_code, other.json()["code"]) == (403, "forbidden")
    Api("Marie").post(f"/sessions/{session.pk}/end")
    late = Api("Marie").post(path)
    assert (late.status_code, late.json()["state"]) == (409, "ended")


@pytest.mark.parametrize(
    ("name", "ending"),
    [("Marie", "by_specialist"), ("Julie", "site_terminated"), ("Alex", "revoked")],
)
def test_who_ends_a_session_says_how_it_ended(name, ending):
    session = live(requested())
    answer = Api(name).post(f"/sessions/{session.pk}/end")
    assert answer.json()["ending"] == ending
    assert DeviceMessage.objects.filter(kind="withdrawal", session=session.pk).exists()
    assert Tunnel.objects.get().ending == ending
    again = Api("Marie").post(f"/sessions/{session.pk}/end")
    assert again.json()["ending"] == ending
    assert actions_of(session=session.pk).count("session:life:ended") == 1


def test_a_specialist_does_not_end_a_colleagues_session():
    session = requested()
    assert Api("Sam").post(f"/sessions/{session.pk}/end").status_code == 403
    session.refresh_from_db()
    assert session.state == "routed"


def test_a_list_is_newest_first_and_goes_on_by_its_cursor():
    ids = [requested().pk for _ in range(3)]
    first = Api("Marie").get("/sessions", limit=2).json()
    second = Api("Marie").get("/sessions", limit=2, cursor=first["next"]).json()
    assert [each["id"] for each in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None
    assert Api("Marie").get("/sessions", state="live_view").json()["items"] == []
    assert Api("Sam").get("/sessions", mine="true").json()["items"] == []


@pytest.mark.parametrize("cursor", ["!", "A" * 150, "_w"])
def test_a_cursor_that_is_not_ours_is_refused(cursor):
    answer = Api("Marie").get("/sessions", cursor=cursor)
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor")


def test_lock_and_revocation_end_what_is_live_and_tell_the_device():
    session = live(requested())
    assert Api("Marie").post(f"/devices/{DEVICE}/lock", {"reason": "x"}).status_code == 403
    assert Api("Julie").post(f"/devices/{DEVICE}/lock", {"reason": "recall"}).status_code == 204
    session.refresh_from_db()
    assert (session.state, session.ending, session.gate) == ("ended", "revoked", "lock")
    shown = Api("Julie").get(f"/devices/{DEVICE}").json()
    assert (shown["locked"], shown["lock_reason"]) == (True, "recall")
    assert Api("Marie").post("/sessions", asking()).status_code == 403
    assert Api("Julie").post(f"/devices/{DEVICE}/unlock").status_code == 204
    assert Api("Marie").post("/sessions", asking()).status_code == 201

    assert Api("Julie").post(f"/devices/{DEVICE}/revoke").status_code == 403
    answer = stale("Alex").post(f"/devices/{DEVICE}/revoke")
    assert (answer.status_code, answer.json()["code"]) == (403, "confirmation_needed")
    assert empowered("Alex").post(f"/devices/{DEVICE}/revoke").status_code == 204
    assert Api("Alex").get(f"/devices/{DEVICE}").json()["state"] == "revoked"
    problem = Api("Marie").post("/sessions", asking()).json()
    assert [reason["gate"] for reason in problem["reasons"]] == ["device_state"]
    assert not ServiceSession.objects.exclude(state="ended").exists()


def test_another_sites_sessions_are_as_unknown():
    session = requested()
    assert Api("Julie").get(f"/sessions/{session.pk}").status_code == 200
    User.objects.filter(name="Julie Gagnon").update(organisation_id="st-mary")
    assert Api("Julie").get(f"/sessions/{session.pk}").status_code == 404
    assert Api("Julie").get("/sessions").json()["items"] == []
    assert Api("Julie").post(f"/sessions/{session.pk}/end").status_code == 404
    assert Api("Julie").get(f"/devices/{DEVICE}").status_code == 404
    assert Api("Julie").get(f"/devices/{FOREIGN}").status_code == 200
    assert person("Julie").site == "st-mary"
