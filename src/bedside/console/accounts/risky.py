"""The acts that ask who one is: one list, for pages and for the REST API.

Rules held here:

1. What gives somebody rights or a way in, takes an account or a device away for good, changes whom
   a site's events reach, or opens what a site had closed, is risky.
2. What only stops something now is not held up: ending a session, closing a window, refusing,
   locking one person or one device, ending broken glass, signing a browser or a token out.
3. What a device asks for itself is not asked for twice: a request needs the operator, an approval
   is a passkey's signature.

`docs/reference/risky-acts.md` is this list for people; a test holds the two together, and another
holds that each page and each operation that writes is either here or named as an ordinary one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bedside.vocabulary import Permission

__all__ = ["RISKY", "RiskyAct", "act_of_operation", "act_of_page"]

Told = Mapping[str, object]
"""What a form or a body says."""

_WIDE = ("everything", "product", "site")


def _always(_told: Told) -> bool:
    return True


def _is_wide(told: Told) -> bool:
    return told.get("scope") in _WIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskyAct:
    """One act, by whatever address it is done.

    Attributes:
        name: its name in the documentation.
        permission: what it asks for; whoever may not is refused, and not asked who they are. None:
            anybody may, about themselves.
        operations: the operations of the REST API that do it.
        pages: pages that are about nothing else: opening one asks already, so that no form is lost.
        posts: pages that show something too, and addresses that are posted to only: opening them asks
            nobody.
        when: whether what was sent is risky at all.
    """

    name: str
    permission: Permission | None = None
    operations: frozenset[str] = frozenset()
    pages: frozenset[str] = frozenset()
    posts: frozenset[str] = frozenset()
    when: Callable[[Told], bool] = _always


def _act(
    name: str,
    permission: Permission | None = None,
    *,
    operations: str = "",
    pages: str = "",
    posts: str = "",
    when: Callable[[Told], bool] = _always,
) -> RiskyAct:
    return RiskyAct(
        name=name,
        permission=permission,
        operations=frozenset(operations.split()),
        pages=frozenset(pages.split()),
        posts=frozenset(posts.split()),
        when=when,
    )


RISKY: tuple[RiskyAct, ...] = (
    _act("let a program in", pages="activate"),
    _act("make a token", pages="token_make"),
    _act(
        "invite a person",
        Permission.ACCOUNTS_PERSON_MANAGE,
        operations="invitePerson sendInvitation",
        pages="invite",
        posts="person_invitation",
    ),
    _act(
        "change a person",
        Permission.ACCOUNTS_PERSON_MANAGE,
        operations="changePerson",
        pages="person_edit",
    ),
    _act(
        "enrol or remove a workstation",
        Permission.ACCOUNTS_PERSON_MANAGE,
        operations="enrolWorkstation removeWorkstation",
        posts="person_workstation",
    ),
    _act(
        "close an account, open it, leave",
        Permission.ACCOUNTS_PERSON_CLOSE,
        operations="closePerson openPerson leavePerson",
        pages="person_close person_open person_leave",
    ),
    _act(
        "reset second factors",
        Permission.ACCOUNTS_PERSON_CLOSE,
        operations="resetFactors",
        pages="person_factors",
    ),
    _act(
        "state or end training",
        Permission.ACCESS_RIGHT_MANAGE,
        operations="trainPerson endTraining",
        pages="person_train",
        posts="person_end_training",
    ),
    _act(
        "change an organisation, its contacts, its single sign-on",
        Permission.ACCOUNTS_ORGANISATION_MANAGE,
        operations="saveOrganisation saveSignOn endSignOn",
        pages="organisation organisation_new organisation_sign_on",
    ),
    _act(
        "change the rules of level and country",
        Permission.ACCESS_POLICY_MANAGE,
        operations="saveRules",
        pages="policy",
    ),
    _act(
        "state a contract",
        Permission.ACCESS_ENTITLEMENT_MANAGE,
        operations="saveContract",
        posts="entitlements",
    ),
    _act(
        "lock a site, a product, everything",
        Permission.DEVICES_DEVICE_LOCK,
        operations="setLock",
        posts="locks",
        when=_is_wide,
    ),
    _act(
        "clear a lock",
        Permission.DEVICES_DEVICE_LOCK,
        operations="clearLock unlockDevice",
        pages="device_unlock",
        posts="lock_clear",
    ),
    _act(
        "register a device, move it, offer it an enrolment",
        Permission.DEVICES_DEVICE_ENROL,
        operations="saveDevice offerEnrolment",
        pages="device_enrol",
    ),
    _act(
        "pin devices to relays",
        Permission.RELAYS_RELAY_MANAGE,
        operations="saveRelayPin",
        posts="pin_remove relays",
    ),
    _act(
        "retire a relay",
        Permission.RELAYS_RELAY_MANAGE,
        operations="retireRelay",
        pages="relay_retire",
    ),
    _act(
        "revoke a device",
        Permission.DEVICES_DEVICE_REVOKE,
        operations="revokeDevice",
        pages="device_revoke",
    ),
    _act(
        "register a site's key, publish its policy",
        Permission.SITES_POLICY_PUBLISH,
        operations="registerSiteKey publishSitePolicy",
        posts="site_policy",
    ),
    _act(
        "say when a site is served, plan a window",
        Permission.SITES_WINDOW_MANAGE,
        operations="arrangeSite openWindow",
        posts="site_arrange site_windows",
    ),
    _act(
        "change whom a site has told",
        Permission.SITES_WINDOW_MANAGE,
        operations="addContact removeContact addHook removeHook",
        posts="contact_remove hook_remove site_contacts site_hook_add",
    ),
    _act(
        "break the glass",
        Permission.SITES_BREAK_GLASS_START,
        operations="breakGlass",
        pages="break_glass",
    ),
)

_BY_OPERATION = {name: act for act in RISKY for name in act.operations}
_BY_PAGE = {name: act for act in RISKY for name in act.pages | act.posts}


def act_of_operation(operation: str) -> RiskyAct | None:
    """Return the risky act that an operation of the REST API does, or None."""
    return _BY_OPERATION.get(operation)


def act_of_page(name: str) -> RiskyAct | None:
    """Return the risky act that a page, by the name of its address, does; or None."""
    return _BY_PAGE.get(name)
