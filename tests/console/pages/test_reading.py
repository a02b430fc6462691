"""What pages say of the fleet, a request, a session and the journal."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bedside.console.accounts.models import Organisation, SingleSignOn
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from bedside.console.journal.proofs import holds, prove
from bedside.console.service_sessions.models import ServiceSession
from bedside.vocabulary import Mode
from tests.console.pages.reader import Reader, ask
from tests.console.pages.seed import Chain, files, live, seal
from tests.console.service_sessions.news import go_abroad, joining, requested
from tests.console.service_sessions.news import live as live_session
from tests.console.world import DEVICE, FOREIGN

pytestmark = pytest.mark.usefixtures("fleet")


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ({"q": "injector"}, DEVICE, FOREIGN),
        ({"q": "mary"}, FOREIGN, DEVICE),
        ({"contact": "online"}, DEVICE, FOREIGN),
        ({"contact": "never_seen"}, FOREIGN, DEVICE),
        ({"state": "registered"}, FOREIGN, DEVICE),
        ({"site": "notre-dame"}, DEVICE, FOREIGN),
    ],
)
def test_filters_are_the_address(query, shown, hidden):
    said = Reader("Marie").text("/", **query)
    assert shown in said
    assert hidden not in said


def test_a_filter_that_means_nothing_is_passed_over():
    said = Reader("Marie").text("/", state="nonsense", contact="nonsense", site="nonsense")
    assert DEVICE in said
    assert FOREIGN in said


@pytest.mark.parametrize("name", ["Marie", "Julie"])
@pytest.mark.parametrize("query", [{"site": "zzz"}, {"state": "zzz"}, {"q": "x" * 300}])
def test_a_filter_that_cannot_be_used_is_named_and_can_be_cleared(name, query):
    said = Reader(name).text("/", **query)
    assert "this filter cannot be used, and is passed over." in said
    assert "Search Clear" in said
    assert "Clear" not in Reader(name).text("/")


def test_a_device_that_polls_is_shown_with_its_last_change_not_its_last_poll():
    assert "Online last change 20" in Reader("Marie").text("/")
    assert "En ligne dernier changement 20" in Reader("Marie", "fr").text(f"/devices/{DEVICE}/")


def test_nothing_found_says_so_and_offers_a_way_back():
    assert "Aucun appareil ne correspond" in Reader("Marie", "fr").text("/", q="rien de tel")


def test_a_site_sees_its_own_devices_only():
    said = Reader("Julie").text("/")
    assert DEVICE in said
    assert FOREIGN not in said


def test_the_fleet_costs_the_same_however_long_it_is(django_assert_max_num_queries):
    reader = Reader("Marie")
    ask()
    with django_assert_max_num_queries(14):
        reader.get("/")


def test_a_request_that_would_be_allowed_gives_the_command():
    said = Reader("Marie").text(
        f"/devices/{DEVICE}/request/", access="system", mode="control", minutes="60",
        case="C-88213", reason="Pressure fault", ticket="CHG-1",
    )  # fmt: skip
    assert "Would be allowed" in said
    assert "allows it with a name" in said
    assert (
        "bedside request CI-20417 --access system --mode control --minutes 60 --case C-88213"
        " --reason &#x27;Pressure fault&#x27; --ticket CHG-1" in said
    )


def test_a_request_that_would_be_refused_says_by_which_gate():
    said = Reader("Sam").text(
        f"/devices/{DEVICE}/request/", access="service", mode="view", case="C-1", reason="E12"
    )
    assert "Would be refused" in said
    assert "Training for this product No right for this product." in said


def test_looking_at_a_request_asks_nothing():
    before = JournalRow.objects.count()
    Reader("Marie").text(f"/devices/{DEVICE}/request/", case="C-1", reason="E12")
    assert JournalRow.objects.count() == before + 1  # the sign-in


def test_a_command_cannot_be_broken_out_of():
    said = Reader("Marie").text(
        f"/devices/{DEVICE}/request/", case="C-1; reboot", reason="$(reboot) 'x"
    )
    assert "--case &#x27;C-1; reboot&#x27;" in said
    assert "--reason &#x27;$(reboot) &#x27;&quot;&#x27;&quot;&#x27;x&#x27;" in said


def test_a_session_asked_for_elsewhere_shows_here_with_what_the_device_told():
    session = ask()
    chain = Chain(DEVICE)
    live(chain, session.pk, Mode.CONTROL, now_ms())
    files(chain, session.pk, now_ms())
    chain.report(now_ms())
    said = Reader("Marie", "fr").text(f"/sessions/{session.pk}/")
    for words in (
        "Nadia Roy",
        "Fichier envoyé",
        "18,4",
        "event-log",
        "Canal refusé",
        "Chronologie",
    ):
        assert words in said, words


def test_the_journal_filters_by_person_and_act():
    ask()
    said = Reader("Alex").text("/journal/", person="marie@bayard.example",
                               action="session:request:allowed")  # fmt: skip
    assert said.count("Marie Tremblay") >= 1
    assert "Alex Martin Done" not in said


def test_days_are_those_of_the_readers_own_zone():
    assert "No entry matches" in Reader("Julie").text("/journal/", until="2020-01-01")
    assert "No entry matches" not in Reader("Julie").text("/journal/", since="2020-01-01")


def test_an_entry_opens_to_its_proof():
    ask()
    seal(now_ms())
    row = JournalRow.objects.get(action="session:request:allowed")
    said = Reader("Alex").text(f"/journal/{row.pk}/")
    assert "In the sealed journal" in said
    assert "Pressure fault E12 after power cut" in said


def test_an_entry_that_waits_for_its_seal_says_so():
    ask()
    row = JournalRow.objects.get(action="session:request:allowed")
    assert "Pas encore scellée" in Reader("Alex", "fr").text(f"/journal/{row.pk}/")


def test_a_proof_holds_and_a_changed_line_does_not():
    proofs = prove(JournalRow.objects.values_list("pk", flat=True))
    assert proofs is not None
    assert proofs.entries
    assert all(holds(proofs, entry) for entry in proofs.entries)
    entry = proofs.entries[0]
    other = type(entry)(entry.id, entry.sequence, entry.line, b"\0" * 32, entry.proof)
    assert not holds(proofs, other)


def test_who_may_not_read_a_field_is_not_given_its_line():
    row = JournalRow.objects.filter(sequence__isnull=False).exclude(device="").first()
    everything = Reader("Alex").get("/journal/proofs/", entry=row.pk).json()
    assert everything["entries"][0]["line"]
    secret = [
        each
        for each in Reader("Marie").get("/journal/proofs/", entry=[r.pk for r in
                                        JournalRow.objects.all()]).json()["entries"]
        if each["line"] is None
    ]  # fmt: skip
    assert all(each["leaf"] and each["proof"] is not None for each in secret)


def test_proofs_of_another_sites_entries_are_not_given():
    row = JournalRow.objects.filter(device=FOREIGN, sequence__isnull=False).first()
    assert row is not None
    assert Reader("Julie").get("/journal/proofs/", entry=row.pk).json()["entries"] == []
    assert len(Reader("Alex").get("/journal/proofs/", entry=row.pk).json()["entries"]) == 1


def test_missing_tiles_are_said_not_hidden(settings):
    from bedside.console.journal.export import log_folder

    for tile in (log_folder() / "tile" / "0").rglob("*"):
        if tile.is_file():
            tile.unlink()
    row = JournalRow.objects.filter(sequence__isnull=False).first()
    assert "The seal cannot be read" in Reader("Alex").text(f"/journal/{row.pk}/")
    assert Reader("Alex").get("/journal/proofs/", entry=row.pk).status_code == 503


def test_a_session_shows_who_controls_who_joined_and_how_to_join():
    go_abroad()
    host = live_session(requested())
    path = f"/sessions/{host.pk}/"
    command = f"bedside request {DEVICE} --join {host.pk} --case"
    assert command in Reader("Sam").text(path)
    for name in ("Marie", "Julie"):
        assert "--join" not in Reader(name).text(path)
    answer = joining(host)
    join = ServiceSession.objects.get(pk=answer.json()["id"])
    said = Reader("Julie", "fr").text(path)
    assert "Marie Tremblay · États-Unis · Bayard Imaging · a la prise en main" in said
    assert "Sam Okafor · Canada · Bayard Imaging" in said
    said = Reader("Julie").text(f"/sessions/{join.pk}/")
    assert "Joins the session of Marie Tremblay to watch it" in said
    assert "Refused or ended, that session goes on." in said


def test_of_many_sites_one_is_named_and_not_chosen_from_a_list():
    reader = Reader("Alex")
    assert "<select" in reader.get("/").content.decode().partition('name="site"')[0][-200:]
    for number in range(45):
        Organisation.objects.create(
            key=f"clinic-{number}", name=f"Clinic {number:02d}", kind="site", country="CA"
        )
    page = reader.get("/").content.decode()
    assert 'type="text" name="site"' in page
    assert "Clinic 07" not in page
    assert DEVICE in reader.text("/", site="notre")
    assert DEVICE not in reader.text("/", site="Clinic")
    assert DEVICE in reader.text("/", q=DEVICE.lower())
    assert DEVICE not in reader.text("/", q="CI-99")
    assert 'type="text" name="organisation"' in reader.get("/people/").content.decode()
    assert "Julie Gagnon" in reader.text("/people/", organisation="notre")


@pytest.mark.parametrize(
    ("language", "state"), [("en", "State: this filter"), ("fr", "État : ce filtre")]
)
def test_a_filter_that_cannot_be_used_names_its_field(language, state):
    said = Reader("Marie", language).text("/", state="'\"><script>")
    assert state in said
    assert "valid choice" not in said


def test_a_sign_in_elsewhere_is_offered_where_an_organisation_has_one():
    nobody = Reader(None, "fr")
    assert "Se connecter avec votre organisation" not in nobody.text("/account/login/")
    SingleSignOn.objects.create(
        organisation_id="notre-dame", domains=["notre-dame.example"], client_id="bedside",
        server_url="https://id.notre-dame.example",
    )  # fmt: skip
    assert "Se connecter avec votre organisation" in nobody.text("/account/login/")


def test_without_javascript_passkeys_say_why_in_the_page_s_language():
    said = Reader(None, "fr").text("/account/login/")
    assert "Les clés d’accès ont besoin de JavaScript" in said
    assert "requires JavaScript" not in said


def test_a_list_and_a_session_s_page_tell_the_time_of_the_site_with_its_zone():
    session = ask()
    zone = ZoneInfo(session.device.site.timezone)
    asked = datetime.fromtimestamp(session.requested_ms / 1000, zone)
    exact = f"{asked:%Y-%m-%d %H:%M:%S} {asked.tzname()}"
    assert asked.tzname() != "UTC"
    reader = Reader("Marie")
    assert exact in reader.text("/sessions/")
    assert exact in reader.text(f"/sessions/{session.pk}/")


def test_the_journal_says_whose_zone_its_times_are_in():
    assert "times in the zone UTC" in Reader("Alex").text("/journal/")
    assert "heures du fuseau America/Toronto" in Reader("Julie", "fr").text("/journal/")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_both_journals_say_of_a_session_is_in_words(language):
    session = ask()
    chain = Chain(DEVICE)
    live(chain, session.pk, Mode.CONTROL, now_ms())
    files(chain, session.pk, now_ms())
    chain.report(now_ms())
    said = Reader("Marie", language).text(f"/sessions/{session.pk}/")
    for raw in ("bytes_", "break_glass", "exit_status", "_ms", "runs_as", "False"):
        assert raw not in said, raw
