"""One thing of each kind at Notre-Dame, for walks over every address that names one."""

from allauth.mfa.models import Authenticator

from bedside.console.access.actions import LockTarget, do_save_product_right
from bedside.console.accounts.models import ApiToken, BrowserSession, Organisation, SingleSignOn
from bedside.console.accounts.tokens import digest
from bedside.console.cases.models import Case
from bedside.console.devices.models import Device, Product, RelayPin
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from bedside.console.monitoring.actions import do_mute, do_set_rule
from bedside.console.notices.actions import Mail, do_tell
from bedside.console.notices.models import Notice
from bedside.console.service_sessions.actions import do_set_lock
from bedside.console.sites.actions import Window, do_add_hook, do_break_glass, do_open_window
from bedside.console.sites.models import SiteContact
from bedside.policy.facts import Interval, LockScope
from bedside.vocabulary import AlarmScope
from tests.console.passkeys import register_passkey
from tests.console.service_sessions.news import requested
from tests.console.world import DEVICE, person, token

__all__ = ["things"]


def things() -> dict[str, str]:
    """Return, for each name in an address, the id of a real thing of Notre-Dame or of Alex."""
    session = requested()
    site, julie, alex = Organisation.objects.get(pk="notre-dame"), person("Julie"), person("Alex")
    device, moment = Device.objects.get(pk=DEVICE), now_ms()
    register_passkey(alex)
    do_add_hook(site, "https://siem.notre-dame.example/bedside", acting_user=julie)
    window = Window(start_ms=moment, end_ms=moment + 3_600_000)
    mail = Mail(to="it@notre-dame.example", subject="x", body="x")
    do_tell(mail, event="session.asked", key="walk", organisation=site.pk)
    SingleSignOn.objects.create(organisation=site, server_url="https://sso.example", client_id="x")
    glass = do_break_glass(device, reason="x", minutes=5, acting_user=julie)
    lock = LockTarget(LockScope.SITE, site.pk)
    token("Alex")
    product = Product.objects.get(pk="contrast-injector")
    do_save_product_right(alex, product, Interval(0), acting_user=julie)
    ids = {
        "browser_id": BrowserSession.objects.create(
            person=alex, session_key="walk", started_ms=moment
        ),
        "contact_id": SiteContact.objects.create(site=site, name="IT", email="it@nd.example"),
        "device_id": device,
        "glass_id": glass,
        "hook_id": site.hooks.get(),
        "lock_id": do_set_lock(lock, reason="x", acting_user=julie),
        "mute_id": do_mute(
            AlarmScope.SITE, site.pk, reason="x", until_ms=moment + 3_600_000, acting_user=julie
        ),
        "notice_id": Notice.objects.get(key="walk"),
        "organisation_id": site,
        "passkey_id": Authenticator.objects.filter(user=alex, type="webauthn").latest("id"),
        "person_id": alex,
        "pin_id": RelayPin.objects.create(scope="site", subject=site.pk, relays=["b", "a"]),
        "row_id": JournalRow.objects.filter(session=session.pk).latest("id"),
        "rule_id": do_set_rule(AlarmScope.SITE, site.pk, minutes=5, acting_user=julie),
        "session_id": session,
        "site_id": site,
        "token_id": ApiToken.objects.get(digest=digest(token("Alex"))),
        "window_id": do_open_window(site, window, acting_user=julie),
    }
    case = Case.objects.create(number="C-90001", device=device, topic="fault", opened_ms=moment)
    named = {name: str(thing.pk) for name, thing in ids.items()}
    return {
        **named,
        "number": case.number,
        "relay": "b",
        "name": "b",
        "product_id": "contrast-injector",
    }
