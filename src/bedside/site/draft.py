"""A site's policy as the hospital writes it: one TOML file, read strictly.

What cannot be meant is refused while a person still looks: an unknown name when the file is read,
an action that two must approve while fewer are enrolled when it is signed.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from bedside.language import N_
from bedside.language.config_error import toml_error
from bedside.pki.signing import SignatureError, load_public_key, public_key_pem
from bedside.protocol.codec import Fields
from bedside.protocol.errors import ProtocolError
from bedside.protocol.site import MAX_APPROVERS, Approver, SitePolicy
from bedside.protocol.windows import MAX_WINDOWS
from bedside.site.errors import SiteError
from bedside.site.windows import parse_single, parse_weekly
from bedside.vocabulary import SiteAction, SiteRule

__all__ = ["MAX_DRAFT", "Draft", "check_site", "load_approver", "parse_draft"]

MAX_DRAFT = 64 * 1024
_MAX_POLICY = SitePolicy.LIMIT - 64  # its number and date grow
_LISTS = ("ticket", "two_approvers", "window")


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy before it has its number and its date."""

    _policy: SitePolicy

    def numbered(self, serial: int, now_ms: int) -> SitePolicy:
        """Return the policy to be signed: number `serial`, of the moment `now_ms`.

        Raises SiteError where it asks approvers who are not enrolled: only here, since the file is
        written before its approvers are added to it.
        """
        _check_sense(self._policy)
        return replace(self._policy, serial=serial, issued_ms=now_ms)

    @property
    def site(self) -> str:
        """Whose policy it is."""
        return self._policy.site

    @property
    def approvers(self) -> tuple[Approver, ...]:
        """Who may approve."""
        return self._policy.approvers


def parse_draft(data: bytes) -> Draft:
    """Return the policy in a TOML file; raises SiteError with what is wrong."""
    if len(data) > MAX_DRAFT:
        raise SiteError(N_("the file is too large"))
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise SiteError(N_("not a text file: save it as UTF-8")) from None
    try:
        table = tomllib.loads(text)
    except ValueError as error:
        # Python's own sentence is English.
        place = toml_error(error).fields
        text = N_("not TOML at line {line}, column {column}") if place else N_("not TOML")
        raise SiteError(text, **place) from None
    except RecursionError:
        raise SiteError(N_("not a policy: it is nested too deeply")) from None
    try:
        policy = _policy(table)
    except ProtocolError as error:
        raise SiteError(N_("this cannot be a policy: {why}"), why=error) from None
    if len(policy.to_json()) > _MAX_POLICY:
        raise SiteError(N_("the policy is too long: take approvers or windows out"))
    return Draft(policy)


def check_site(site: str) -> str:
    """Return a site's id if a document can name it; raises SiteError."""
    try:
        return Fields({"site": site.encode().decode()}).text("site", max=64)
    except (ProtocolError, UnicodeEncodeError):
        raise SiteError(N_("no id of a site: write the one that the console shows")) from None


def load_approver(fields: Fields) -> Approver:
    """Return one approver as the portal exports it; raises ProtocolError or SiteError."""
    approver = Approver.from_fields(fields)
    try:
        # One spelling for one key, so that no key stands twice.
        pem = public_key_pem(load_public_key(approver.public_key))
    except SignatureError:
        raise SiteError(
            N_("{name}: this is not a passkey's public key"), name=approver.name
        ) from None
    return replace(approver, public_key=pem)


def _policy(table: dict[str, Any]) -> SitePolicy:
    fields = Fields(table)
    rules, windows = fields.object("rules"), fields.object("windows")
    zone = _zone(fields.text("timezone", max=64))
    told = {
        "v": 1,
        "site": fields.text("site", max=64),
        "serial": 1,
        "issued_ms": 0,
        "timezone": zone.key,
        "rules": {action: rules.text(action, max=16) for action in SiteAction},
        **{name: sorted(fields.texts(name, max=len(SiteAction), each=32)) for name in _LISTS},
        "weekly": _each(windows, "weekly", parse_weekly),
        "single": _each(windows, "single", lambda text: parse_single(text, zone)),
        "approvers": _approvers(fields),
    }
    for read in (rules, windows, fields):
        read.end()
    return SitePolicy.from_dict(told)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise SiteError(N_("no time zone: {name} (write: America/Toronto)"), name=name) from None


def _each(windows: Fields, name: str, parse: Callable[[str], Any]) -> list[dict[str, Any]]:
    return [parse(text).to_dict() for text in windows.texts(name, max=MAX_WINDOWS, each=64)]


def _approvers(fields: Fields) -> list[dict[str, Any]]:
    # TOML has no empty list of tables: a policy without approvers has no such name.
    if not fields.has("approvers"):
        return []
    tables = fields.objects("approvers", max=MAX_APPROVERS)
    return [load_approver(each).to_dict() for each in tables]


def _check_sense(policy: SitePolicy) -> None:
    people = len({approver.id for approver in policy.approvers})
    for action, rule in policy.rules.items():
        needed = policy.approvals_needed((action,))
        if rule is SiteRule.ASK_SITE and people < needed:
            raise SiteError(
                N_("{action}: approvers needed: {needed}, enrolled: {people}"),
                action=action,
                needed=needed,
                people=people,
            )
