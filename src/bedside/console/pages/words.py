"""The words and shapes in which pages show the vocabulary's values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from bedside.language import Language, contact_name, country_name, parse_language
from bedside.policy.decide import Obligation
from bedside.policy.facts import DeviceState, LockScope, SiteFacts
from bedside.policy.naming import Standing
from bedside.protocol.site import SitePolicy
from bedside.vocabulary import (
    AccessKind,
    Activity,
    Contact,
    Ending,
    Gate,
    Mode,
    Outcome,
    Permission,
    Role,
    SessionState,
    SiteAction,
    SiteRule,
)

__all__ = [
    "ACCESS_HELP",
    "ACTIVITIES",
    "DEVICE_STATES",
    "GATE_NAMES",
    "LOCKED",
    "LOCK_SCOPES",
    "MODE_HELP",
    "OBJECTS",
    "OBLIGATIONS",
    "OUTCOMES",
    "PERMISSIONS",
    "PERSON_STATES",
    "ROLES",
    "SITE_ACTIONS",
    "SITE_RULES",
    "Look",
    "bytes_text",
    "contact_look",
    "device_look",
    "fact_text",
    "language",
    "minutes_text",
    "person_look",
    "session_look",
    "windows_text",
]


@dataclass(frozen=True, slots=True)
class Look:
    """A state as a colour's name and an icon's name; the word stands beside it."""

    tone: str
    icon: str


_SESSION_LOOKS = {
    SessionState.LIVE_VIEW: Look("view", "eye"),
    SessionState.LIVE_CONTROL: Look("control", "hand-click"),
}
_WAITING = Look("wait", "clock")
_WELL = frozenset(
    {
        Ending.BY_OPERATOR,
        Ending.BY_SPECIALIST,
        Ending.IDLE,
        Ending.EXPIRED,
        Ending.RELAY_STOPPED,
    }
)
_NO = frozenset({Ending.REFUSED, Ending.UNANSWERED, Ending.REVOKED, Ending.SITE_TERMINATED})

DEVICE_STATES = {
    DeviceState.REGISTERED: _("Registered"),
    DeviceState.ENROLLED: _("In service"),
    DeviceState.CLONED: _("Copied"),
    DeviceState.REVOKED: _("Revoked"),
}
_DEVICE_LOOKS = {
    DeviceState.REGISTERED: Look("off", "point"),
    DeviceState.ENROLLED: Look("good", "circle-check"),
    DeviceState.CLONED: Look("bad", "alert-triangle"),
    DeviceState.REVOKED: Look("bad", "ban"),
}
_CONTACT_LOOKS = {
    Contact.ONLINE: Look("good", "plug-connected"),
    Contact.OVERDUE: Look("wait", "clock"),
    Contact.OFFLINE: Look("bad", "plug-connected-x"),
    Contact.RELAY_LOST: Look("off", "help-circle"),
    Contact.NEVER_SEEN: Look("off", "point"),
}
ACTIVITIES = {
    Activity.IDLE: _("Nobody is connected"),
    Activity.ASKED: _("The operator is asked"),
    Activity.CONNECTING: _("Connecting"),
    Activity.VIEWING: _("Somebody is viewing"),
    Activity.CONTROLLING: _("Somebody is in control"),
}
OUTCOMES = {
    Outcome.SUCCESS: _("Done"),
    Outcome.REFUSED: _("Refused"),
    Outcome.FAILURE: _("Failed"),
}
ROLES = {
    Role.ADMINISTRATOR: _("Administrator"),
    Role.AUDITOR: _("Auditor"),
    Role.MANAGER: _("Support manager"),
    Role.SITE_APPROVER: _("Site approver"),
    Role.SITE_MANAGER: _("Site manager"),
    Role.SPECIALIST: _("Support specialist"),
}
PERSON_STATES = {
    "active": _("In use"),
    "invited": _("Not activated"),
    "closed": _("Closed"),
    "left": _("Left"),
}
_PERSON_LOOKS = {
    "active": Look("good", "circle-check"),
    "invited": Look("wait", "clock"),
    "closed": Look("off", "lock"),
    "left": Look("off", "ban"),
}
PERMISSIONS = {
    Permission.ACCESS_ENTITLEMENT_MANAGE: _("Change service contracts"),
    Permission.ACCESS_POLICY_MANAGE: _("Change the rules of access"),
    Permission.ACCESS_POLICY_READ: _("Read the rules of access"),
    Permission.ACCESS_RIGHT_MANAGE: _("Change training and rights to products"),
    Permission.ACCOUNTS_ORGANISATION_MANAGE: _("Change organisations"),
    Permission.ACCOUNTS_PERSON_CLOSE: _("Close accounts"),
    Permission.ACCOUNTS_PERSON_MANAGE: _("Invite people and change their rights"),
    Permission.ACCOUNTS_PERSON_READ: _("Read people"),
    Permission.ACCOUNTS_PERSON_REVIEW: _("Review rights"),
    Permission.CASES_CASE_MANAGE: _("Give back and close the cases of others"),
    Permission.CASES_CASE_READ: _("Read cases"),
    Permission.CASES_CASE_TAKE: _("Take cases"),
    Permission.CASES_REVIEW_CLOSE: _("Close reviews after emergencies"),
    Permission.DEVICES_DEVICE_ENROL: _("Enrol devices"),
    Permission.DEVICES_DEVICE_LOCK: _("Lock devices"),
    Permission.DEVICES_DEVICE_READ: _("Read devices"),
    Permission.DEVICES_DEVICE_REVOKE: _("Revoke devices"),
    Permission.JOURNAL_ENTRY_EXPORT: _("Export the journal"),
    Permission.JOURNAL_ENTRY_READ: _("Read the journal"),
    Permission.MONITORING_ALARM_MANAGE: _("Say whose silence is an alarm, and mute"),
    Permission.MONITORING_ALARM_READ: _("Read alarms"),
    Permission.NOTICES_NOTICE_READ: _("Read notices"),
    Permission.RELAYS_RELAY_MANAGE: _("Pin devices to relays, and retire relays"),
    Permission.SESSIONS_SESSION_END: _("End sessions"),
    Permission.SESSIONS_SESSION_READ: _("Read sessions"),
    Permission.SESSIONS_SESSION_REQUEST: _("Ask for sessions"),
    Permission.SESSIONS_SESSION_WATCH: _("Watch sessions at one’s own site"),
    Permission.SITES_BREAK_GLASS_START: _("Start emergency access"),
    Permission.SITES_POLICY_PUBLISH: _("Change the site's own rules"),
    Permission.SITES_POLICY_READ: _("Read the sites' own rules"),
    Permission.SITES_REQUEST_APPROVE: _("Approve requests for the site"),
    Permission.SITES_WINDOW_MANAGE: _("Change the site's access windows"),
}
GATE_NAMES = {
    Gate.ACCOUNT: _("Account active, vetted, with a second factor"),
    Gate.ROLE: _("Role that may ask for sessions"),
    Gate.PRODUCT_RIGHT: _("Training for this product"),
    Gate.LEVEL: _("Support level"),
    Gate.COUNTRY: _("Country"),
    Gate.ENTITLEMENT: _("Service contract of the site"),
    Gate.ACCESS_KIND: _("Access offered by the product"),
    Gate.MODE: _("Mode offered for this access"),
    Gate.DURATION: _("Duration within the limits"),
    Gate.CASE: _("Case number"),
    Gate.REASON: _("Reason for the operator"),
    Gate.DEVICE_STATE: _("Device in service and seen by a relay"),
    Gate.LOCK: _("No lock on person, device, site or product"),
    Gate.PATIENT_DATA: _("Right to see patient data, where this access can show it"),
    Gate.SITE_POLICY: _("Allowed by the site's policy"),
    Gate.SITE_WINDOW: _("Service window of the site, where it asks for one"),
    Gate.CHANGE_TICKET: _("Change ticket, where the site asks for one"),
}
_FACTS = {
    "access": _("access"),
    "case": _("case"),
    "contract": _("contract number"),
    "country": _("country"),
    "covers": _("covers"),
    "denied": _("denied"),
    "device": _("device"),
    "duration_s": _("seconds asked"),
    "lacks": _("does not fit"),
    "level": _("level"),
    "limit": _("limit"),
    "max_duration_s": _("seconds at most"),
    "min_duration_s": _("seconds at least"),
    "missing": _("missing"),
    "mode": _("mode"),
    "needed": _("needed for"),
    "offered": _("offered"),
    "organisation": _("of"),
    "others": _("locks beside it"),
    "policy": _("policy"),
    "product": _("product"),
    "role": _("role"),
    "rule": _("rule"),
    "rule_country": _("for people in"),
    "rule_level": _("for level"),
    "rule_modes": _("allows"),
    "rule_product": _("for the product"),
    "ruled": _("the site says"),
    "scope": _("scope"),
    "serial": _("policy number"),
    "set_by": _("set by"),
    "shows": _("shows patient data"),
    "since_ms": _("since"),
    "site": _("site"),
    "standing": _("validity"),
    "state": _("state"),
    "target": _("what is locked"),
    "ticket": _("change ticket"),
    "until_ms": _("until"),
    "waived": _("waived by"),
    "why": _("why"),
}
SITE_ACTIONS = {
    SiteAction.FILES_IN: _("Files to the device"),
    SiteAction.FILES_OUT: _("Files from the device"),
    SiteAction.JOB: _("Maintenance job"),
    SiteAction.SERVICE_CONTROL: _("Service application, control"),
    SiteAction.SERVICE_VIEW: _("Service application, view"),
    SiteAction.SYSTEM_CONTROL: _("Operating system, control"),
    SiteAction.SYSTEM_VIEW: _("Operating system, view"),
    SiteAction.UPDATE: _("Software update"),
}
SITE_RULES = {
    SiteRule.ALLOW: _("Allowed"),
    SiteRule.ASK_DEVICE: _("Ask at the device"),
    SiteRule.ASK_SITE: _("Ask the site's approvers"),
    SiteRule.DENY: _("Never"),
}
_DAYS = (
    _("Monday"),
    _("Tuesday"),
    _("Wednesday"),
    _("Thursday"),
    _("Friday"),
    _("Saturday"),
    _("Sunday"),
)
OBLIGATIONS = {
    Obligation.SITE_APPROVAL: _("One of the site's approvers approves it with a passkey."),
    Obligation.TWO_SITE_APPROVALS: _("Two of the site's approvers approve it with their passkeys."),
    Obligation.BREAK_GLASS_REVIEW: _(
        "The site opened the device itself: somebody reviews it after."
    ),
    Obligation.OPERATOR_CONSENT: _(
        "The operator at the device sees who asks, why and for how long, and allows it with a name."
    ),
    Obligation.SECOND_AUTHENTICATION: _(
        "The device asks you for its support credential and the code that the operator reads out."
    ),
    Obligation.VERIFY_BEFORE_USE: _(
        "After control, the operator verifies the device before clinical use."
    ),
}
ACCESS_HELP = {
    AccessKind.SERVICE: (
        _("Service application"),
        _("The product's own service menu."),
    ),
    AccessKind.SYSTEM: (
        _("Operating system"),
        _("A shell, commands and files."),
    ),
}
MODE_HELP = {
    Mode.VIEW: (_("View"), _("Nothing can be changed.")),
    Mode.CONTROL: (_("Control"), _("The device can be changed; it is verified afterwards.")),
}
OBJECTS = {
    "code": _("code"),
    "configuration": _("configuration"),
    "device": _("device"),
    "endpoint": _("endpoint"),
    "everything": _("everything"),
    "journal": _("journal"),
    "lock": _("lock"),
    "log": _("journal"),
    "organisation": _("organisation"),
    "person": _("person"),
    "product": _("product"),
    "relay": _("relay"),
    "right": _("right"),
    "rule": _("rule"),
    "session": _("session"),
    "site": _("site"),
    "token": _("token"),
}
_ACCESS_AND_MODE = {
    **{access.value: name for access, (name, _help) in ACCESS_HELP.items()},
    **{mode.value: name for mode, (name, _help) in MODE_HELP.items()},
}
_FACT_VALUES: dict[str, Mapping[Any, object]] = {
    "access": _ACCESS_AND_MODE,
    "covers": {"device": _("the device"), "site": _("every device of the site")},
    "denied": SITE_ACTIONS,
    "lacks": {
        "country": _("country"),
        "level": _("level"),
        "mode": _("mode"),
        "product": _("product"),
        "rule": _("there is no rule"),
    },
    "missing": {
        "active": _("active account"),
        "second_factor": _("second factor"),
        "vetted": _("background check"),
    },
    "mode": _ACCESS_AND_MODE,
    "needed": SITE_ACTIONS,
    "offered": _ACCESS_AND_MODE,
    "role": ROLES,
    "rule_modes": _ACCESS_AND_MODE,
    "rule_product": {"*": _("all products")},
    "scope": OBJECTS,
    "shows": {"no": _("no"), "yes": _("yes")},
    "standing": {
        Standing.HOLDS: _("valid"),
        Standing.NONE: _("none is stated"),
        Standing.OVER: _("over"),
        Standing.TO_COME: _("to come"),
    },
    "state": {**DEVICE_STATES, "never_seen": _("Never seen")},
    "waived": {"break_glass": _("break-glass")},
}
LOCKED = {
    LockScope.DEVICE: _("A device"),
    LockScope.EVERYTHING: _("Everything"),
    LockScope.PERSON: _("A person"),
    LockScope.PRODUCT: _("A product"),
    LockScope.SITE: _("A site"),
}
LOCK_SCOPES = {
    LockScope.DEVICE: _("this device"),
    LockScope.EVERYTHING: _("everything"),
    LockScope.PERSON: _("you"),
    LockScope.PRODUCT: _("this product"),
    LockScope.SITE: _("this site"),
}


def language() -> Language:
    """Return the language of the page being made."""
    return parse_language(get_language() or "en")


def fact_text(name: str, value: str | int) -> tuple[str, str]:
    """Return what a decision looked at, and what it saw there, in the reader's words.

    Args:
        name: a name among a reason's fields.
        value: what stands there; several names are set apart by spaces.
    """
    heading = gettext("%(fact)s:") % {"fact": _FACTS.get(name, name)}
    if name in ("country", "rule_country"):
        return heading, country_name(str(value), language())
    if name == "ruled":
        return heading, ", ".join(map(_ruled_text, str(value).split()))
    if name not in _FACT_VALUES:
        return heading, str(value)
    known = _FACT_VALUES[name]
    return heading, ", ".join(str(known.get(each, each)) for each in str(value).split())


def _ruled_text(said: str) -> str:
    action, _equals, rule = said.partition("=")
    words = {"action": SITE_ACTIONS[SiteAction(action)], "rule": SITE_RULES[SiteRule(rule)]}
    return gettext("%(action)s (%(rule)s)") % words


def rule_text(site: SiteFacts, action: SiteAction) -> str:
    """Return what a site says of one action, with whatever else it asks for."""
    said = [SITE_RULES[site.rules.get(action, SiteRule.DENY)]]
    said += [
        name
        for asked, name in (
            (site.two_approvers, _("two approvers")),
            (site.ticket, _("change ticket")),
            (site.window, _("in a window only")),
        )
        if action in asked
    ]
    return gettext("Site's policy: %(rule)s") % {"rule": ", ".join(map(str, said))}


def session_look(state: SessionState, ending: Ending | None) -> Look:
    """Return how a session's state looks; an ending colours the end."""
    if ending is not None:
        if ending in _WELL:
            return Look("good", "circle-check")
        return Look("off", "ban") if ending in _NO else Look("bad", "circle-x")
    return _SESSION_LOOKS.get(state, _WAITING)


def person_look(state: str) -> tuple[Look, str]:
    """Return how the state of an account looks, and its word."""
    return _PERSON_LOOKS[state], str(PERSON_STATES[state])


def device_look(state: DeviceState, *, locked: bool) -> tuple[Look, str]:
    """Return how a device's state looks, and its word; a lock is what one must know first."""
    if locked and state is DeviceState.ENROLLED:
        return Look("wait", "lock"), str(_("Locked"))
    return _DEVICE_LOOKS[state], str(DEVICE_STATES[state])


def contact_look(contact: Contact) -> tuple[Look, str]:
    """Return how a device's contact looks, and its word."""
    return _CONTACT_LOOKS[contact], contact_name(contact, language())


def minutes_text(seconds: int) -> str:
    """Return a duration in minutes, in words."""
    return str(_("%(minutes)s min") % {"minutes": -(-seconds // 60)})


def bytes_text(count: int) -> str:
    """Return a number of bytes in the unit one would say."""
    if count < 1000:
        return str(_("%(count)s bytes") % {"count": count})
    size, unit = float(count), "kB"
    for name in ("kB", "MB", "GB"):
        size, unit = size / 1000, name
        if size < 1000:
            break
    number = f"{size:.1f}"
    if language() is Language.FRENCH:
        number, unit = number.replace(".", ","), unit.replace("B", "o")
    return f"{number}\u00a0{unit}"


def windows_text(policy: SitePolicy) -> list[str]:
    """Return a policy's windows in words, each on the site's own clock."""
    lines = [
        gettext("%(days)s, %(begin)s to %(end)s")
        % {
            "days": ", ".join(str(_DAYS[day]) for day in window.days),
            "begin": _clock(window.from_minute),
            "end": _clock(window.to_minute),
        }
        for window in policy.weekly
    ]
    zone = ZoneInfo(policy.timezone)
    return lines + [
        gettext("%(begin)s to %(end)s") % {"begin": begin, "end": end}
        for begin, end in (
            (_minute(window.start_ms, zone), _minute(window.end_ms, zone))
            for window in policy.single
        )
    ]


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _minute(at_ms: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%Y-%m-%d %H:%M}"
