"""What pages do: each asks first, says what will happen, and leaves its entry in the journal."""

import io
import zipfile

import pytest

from bedside.console.devices.models import Device
from bedside.console.service_sessions.models import ServiceSession
from tests.console.pages.reader import Reader, ask, words
from tests.console.world import DEVICE, actions_of

pytestmark = pytest.mark.usefixtures("fleet")


def test_locking_says_what_ends_and_ends_it():
    session = ask()
    reader = Reader("Julie", "fr")
    assert "1 séance ouverte se termine aussitôt." in reader.text(f"/devices/{DEVICE}/lock/")
    answer = reader.post(f"/devices/{DEVICE}/lock/", reason="Transducteur en commande")
    assert answer.status_code == 302
    said = reader.text(f"/devices/{DEVICE}/")
    assert "Un verrou est posé sur cet appareil" in said
    assert "Transducteur en commande" in said
    assert ServiceSession.objects.get(pk=session.pk).ending == "revoked"


def test_a_lock_needs_its_reason():
    answer = Reader("Julie").post(f"/devices/{DEVICE}/lock/", reason="  ")
    assert answer.status_code == 400
    assert Device.objects.get(pk=DEVICE).lock_reason == ""


def test_unlocking_opens_it_again():
    reader = Reader("Alex")
    reader.post(f"/devices/{DEVICE}/lock/", reason="Maintenance")
    assert "Maintenance" in reader.text(f"/devices/{DEVICE}/unlock/")
    reader.post(f"/devices/{DEVICE}/unlock/")
    assert Device.objects.get(pk=DEVICE).lock_reason == ""
    assert actions_of(device=DEVICE)[-2:] == ["device:lock:set", "device:lock:cleared"]


@pytest.mark.parametrize(("typed", "state"), [("CI-20418", "enrolled"), (DEVICE, "revoked")])
def test_revoking_needs_the_devices_name(typed, state):
    Reader("Alex").post(f"/devices/{DEVICE}/revoke/", confirm=typed)
    assert Device.objects.get(pk=DEVICE).state == state


def test_looking_at_an_enrolment_makes_no_code():
    before = actions_of(device=DEVICE)
    Reader("Alex").text(f"/devices/{DEVICE}/enrol/")
    assert actions_of(device=DEVICE) == before


def test_an_enrolment_code_is_shown_once_with_its_file_and_command():
    answer = Reader("Alex").post(f"/devices/{DEVICE}/enrol/")
    said = words(answer)
    assert "Shown once" in said
    assert f"bedside agent enrol --bundle {DEVICE}.bundle --code " in said
    assert f'download="{DEVICE}.bundle"' in answer.content.decode()


def test_whoever_asked_ends_it():
    session = ask()
    reader = Reader("Marie")
    assert "End" in reader.text(f"/sessions/{session.pk}/")
    reader.post(f"/sessions/{session.pk}/end/")
    assert ServiceSession.objects.get(pk=session.pk).ending == "by_specialist"


def test_another_specialist_does_not():
    session = ask()
    reader = Reader("Sam")
    assert 'id="end"' not in reader.get(f"/sessions/{session.pk}/").content.decode()
    assert reader.post(f"/sessions/{session.pk}/end/").status_code == 403
    assert ServiceSession.objects.get(pk=session.pk).ending == ""


def test_the_journal_leaves_as_a_file_and_says_so():
    answer = Reader("Alex").post("/journal/export/")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert archive.testzip() is None
    assert actions_of()[-1] == "journal:export:made"


def test_a_site_does_not_take_the_whole_journal():
    assert Reader("Julie").post("/journal/export/").status_code == 403


def test_the_language_button_goes_back_to_the_page_but_never_elsewhere():
    reader = Reader("Marie")
    answer = reader.post("/language/", language="fr", next="/sessions/")
    assert answer["Location"] == "/sessions/"
    assert answer.cookies["bedside_language"].value == "fr"
    assert reader.post("/language/", language="fr", next="//evil.example/")["Location"] == "/"
