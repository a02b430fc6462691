"""The demonstration's world in a test database: two sites, four people, two devices, one relay."""

import json
from pathlib import Path
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from django.conf import settings
from django.test import Client, RequestFactory

from bedside.audit.entry import SYSTEM
from bedside.console.accounts.models import ApiToken, User
from bedside.console.accounts.program_tokens import do_make_token
from bedside.console.accounts.queries import scoped_permissions
from bedside.console.accounts.tokens import digest
from bedside.console.devices.actions import do_import_profile, do_mark_enrolled, do_offer_enrolment
from bedside.console.devices.models import Device
from bedside.console.enrolment.actions import do_enrol
from bedside.console.enrolment.authority import create_authority
from bedside.console.journal.actions import now_ms
from bedside.console.journal.export import log_folder
from bedside.console.journal.models import JournalRow
from bedside.console.journal.sealing import Sequencer
from bedside.console.journal.signer import log_signer
from bedside.console.project.world import apply_world
from bedside.console.relays.actions import do_note_sightings
from bedside.pki.device_keys import create_device_keys
from bedside.pki.requests import build_enrolment_request
from bedside.pki.ssh_certificates import ssh_key_line
from bedside.protocol.enrolment import parse_enrolment_code
from bedside.vocabulary import DeviceId, Permission
from tests.console.relays.world import add_relays, seen

PROFILES = Path(__file__).parents[2] / "src" / "bedside" / "demo" / "profiles"
PASSWORD = "a long password of the tests"
TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
DEVICE = "CI-20417"
FOREIGN = "WS-00311"

WORLD = f"""
[[organisations]]
key = "bayard-imaging"
name = "Bayard Imaging"
kind = "manufacturer"
country = "US"
language = "en"

[[organisations]]
key = "notre-dame"
name = "Hôpital Notre-Dame"
kind = "site"
country = "CA"
language = "fr"
timezone = "America/Toronto"

[[organisations]]
key = "st-mary"
name = "St. Mary Medical Center"
kind = "site"
country = "US"
language = "en"
timezone = "America/New_York"

[[people]]
email = "alex@bayard.example"
name = "Alex Martin"
organisation = "bayard-imaging"
role = "administrator"
country = "US"
vetted_on = "2025-02-03"
password = "{PASSWORD}"
totp = "{TOTP}"

[[people]]
email = "marie@bayard.example"
name = "Marie Tremblay"
organisation = "bayard-imaging"
role = "specialist"
level = 2
country = "US"
vetted_on = "2025-02-03"
language = "fr"
password = "{PASSWORD}"
totp = "{TOTP}"
training = [{{ product = "contrast-injector", from = "2025-01-01" }}]

[[people]]
email = "sam@bayard.example"
name = "Sam Okafor"
organisation = "bayard-imaging"
role = "specialist"
level = 1
country = "US"
vetted_on = "2025-02-03"
password = "{PASSWORD}"
totp = "{TOTP}"
training = [{{ product = "workstation", from = "2025-01-01" }}]

[[people]]
email = "julie@notre-dame.example"
name = "Julie Gagnon"
organisation = "notre-dame"
role = "site_manager"
country = "CA"
vetted_on = "2025-02-03"
language = "fr"
password = "{PASSWORD}"
totp = "{TOTP}"

[[devices]]
id = "{DEVICE}"
product = "contrast-injector"
site = "notre-dame"
display_name = "Injector, room 3"
room = "3"

[[devices]]
id = "{FOREIGN}"
product = "workstation"
site = "st-mary"
display_name = "Reading room"

[[entitlements]]
site = "notre-dame"
from = "2025-01-01"
"""


def make_world(settings, folder: Path) -> None:
    """Fill the database, with real keys in `folder`, two relays and one enrolled device."""
    settings.BEDSIDE_DATA_DIR = folder
    create_authority(name="Bayard Imaging", now=now_ms())
    add_relays("a", "b")
    for profile in sorted(PROFILES.glob("*.toml")):
        do_import_profile(profile.read_bytes(), acting_user=SYSTEM)
    apply_world(WORLD.encode(), acting_user=SYSTEM)
    sequencer = Sequencer(log_folder(), log_signer())
    sequencer.seal(now=now_ms())
    sequencer.close()


def enrol(device_id: str, folder: Path) -> None:
    """Enrol a device with real keys, and let it be seen at relay a."""
    (folder / device_id).mkdir()
    keys = create_device_keys(folder / device_id)
    offer = do_offer_enrolment(Device.objects.get(pk=device_id), acting_user=SYSTEM)
    request = build_enrolment_request(
        keys.request, DeviceId(device_id), parse_enrolment_code(offer.code)
    )
    do_enrol(request, address="192.0.2.7", now=now_ms())
    do_mark_enrolled(device_id, now=now_ms())
    see(device_id)


def see(device_id: str, relay: str = "a") -> None:
    do_note_sightings(relay, [seen(now_ms(), device=device_id)], now=now_ms())


def person(name: str) -> User:
    """Return the person of this first name."""
    return User.objects.get(name__startswith=name)


def token(name: str, *, age_ms: int = 0) -> str:
    """Return a bearer token of this person, as if it had been asked for properly, `age_ms` ago."""
    user, secret = person(name), f"bdt_test-{name}" + (f"-{age_ms}" if age_ms else "")
    moment = now_ms()
    ApiToken.objects.get_or_create(
        digest=digest(secret),
        defaults={
            "person": user,
            "client": "tests",
            "created_ms": moment - age_ms,
            "expires_ms": moment + 3_600_000,
            # In use: the first use of a while is noted, and costs what later ones do not.
            "used_ms": moment,
        },
    )
    return secret


def stale(name: str) -> "Api":
    """Return the API with a token of this person whose log-in no longer counts as a confirmation."""
    age_ms = settings.CONFIG.sign_in.confirm_minutes * 60_000
    return Api(None, bearer=token(name, age_ms=age_ms))


def another_manager() -> User:
    """Return Omar, who manages the same site as Julie."""
    julie = person("Julie")
    return User.objects.create(
        email="omar@notre-dame.example",
        name="Omar Diallo",
        organisation=julie.organisation,
        role=julie.role,
        country="CA",
        vetted_on=julie.vetted_on,
    )


class Api:
    """The REST API as one person's program sees it."""

    def __init__(
        self, name: str | None, language: str = "en", *, bearer: str | None = None
    ) -> None:
        self._client = Client()
        self._headers = {"Accept-Language": language}
        if bearer or name:
            self._headers["Authorization"] = f"Bearer {bearer or token(name)}"

    def get(self, path: str, **query):
        return self._client.get(f"/api/v1{path}", query, headers=self._headers)

    def environ(self, path: str, **query) -> dict[str, Any]:
        """Return the request for an operation as a web server hands it to the application."""
        return RequestFactory().get(f"/api/v1{path}", query, headers=self._headers).environ

    def named(self, name: str) -> "Api":
        """Give what is posted from now on this name (`Idempotency-Key`)."""
        self._headers["Idempotency-Key"] = name
        return self

    def post(self, path: str, body: object = None):
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return self._client.post(
            f"/api/v1{path}", data, content_type="application/json", headers=self._headers
        )


def empowered(name: str, *scope: Permission) -> Api:
    """Return the API with a token that names `scope`, or whatever its maker may do."""
    user = person(name)
    named = scope or scoped_permissions(user)
    _, secret = do_make_token(user, "tests", scope=named, days=1)
    return Api(None, bearer=secret)


def read(answer) -> bytes:
    """Return all of an answer; its files are closed, the tests' database is not."""
    if not answer.streaming:
        return answer.content
    content = b"".join(answer.streaming_content)
    for close in answer._resource_closers:
        close()
    return content


def public_key() -> str:
    return ssh_key_line(generate_private_key(SECP256R1()).public_key())


def asking(**changed) -> dict:
    """Return the body of a request that is granted to Marie."""
    return {
        "device": DEVICE,
        "access": "system",
        "mode": "control",
        "duration_minutes": 30,
        "case": "C-88213",
        "reason": "Pressure fault E12 after power cut",
        "public_key": public_key(),
        **changed,
    }


def actions_of(**filters) -> list[str]:
    """Return the actions in the journal, oldest first."""
    return list(
        JournalRow.objects.filter(**filters).order_by("id").values_list("action", flat=True)
    )


def without_second_factor(name: str) -> None:
    Authenticator.objects.filter(user=person(name)).delete()
