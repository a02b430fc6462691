"""What a site signs, as it comes to the console: received, checked, shown, and sent on.

1. The console holds public keys only: it checks with them, and no device believes it.
2. Another key follows by a statement that the site's present key signed, for this site.
3. Without one it follows only where a person says that the present key is lost.
4. Policies that were signed with a key before stay what they are, and apply until the next one.
"""

from dataclasses import dataclass
from hashlib import sha256

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bedside.audit.entry import Entry, Thing
from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import actor_of
from bedside.console.devices.models import Device
from bedside.console.enrolment import actions as enrolment
from bedside.console.journal.actions import now_ms, record
from bedside.console.sites.models import AppliedPolicy, SiteKey, SitePolicyVersion
from bedside.pki.signing import (
    SITE_KEY,
    SITE_POLICY,
    SignatureError,
    key_id,
    load_public_key,
    open_envelope,
    public_key_pem,
)
from bedside.policy.facts import DeviceState
from bedside.protocol.document import MAX_DOCUMENT
from bedside.protocol.errors import ProtocolError
from bedside.protocol.site import SiteKeyHandOver, SitePolicy
from bedside.vocabulary import DeviceId, JournalAction, Outcome

__all__ = ["NewKey", "do_follow_device", "do_publish_policy", "do_register_key", "do_send_policy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key as a person of the site brings it: PEM, and why it may follow the present one.

    `statement` is the present key's signed word for it, None for none; `lost` says that the present
    key can sign nothing any more.
    """

    public_key: str
    statement: bytes | None = None
    lost: bool = False


def do_register_key(site: Organisation, new: NewKey, *, acting_user: User) -> SiteKey:
    """Note the site's public key, to verify what the site publishes.

    Raises ValidationError for what is no P-256 key, for a statement that does not hold, and where a
    policy signed by another key applies and nothing says that this one follows it.
    """
    pem = _read_key(new.public_key)
    with transaction.atomic():
        known = SiteKey.objects.select_for_update().filter(pk=site.pk).first()
        if known and known.public_key == pem:
            return known
        policies = SitePolicyVersion.objects.filter(site=site)
        detail = {"key": key_id(load_public_key(pem))}
        if known:
            detail["previous_key_id"] = key_id(load_public_key(known.public_key))
            detail["change"] = _may_follow(known, pem, new, in_use=policies.exists())
            policies.filter(public_key="").update(public_key=known.public_key)  # rule 4
        row, _created = SiteKey.objects.update_or_create(
            site=site,
            defaults={
                "public_key": pem,
                "registered_by": acting_user,
                "registered_ms": now_ms(),
            },
        )
        record(
            JournalAction.SITE_KEY_TRUSTED,
            actor=actor_of(acting_user),
            thing=Thing("site", site.pk),
            detail=detail,
        )
    return row


def do_publish_policy(
    site: Organisation, envelope: bytes, *, acting_user: User
) -> SitePolicyVersion:
    """Receive a policy that the site signed, and send it to every device of the site.

    Raises ValidationError where it is not signed with the site's key, not for this site, malformed,
    or not newer than the one that applies.
    """
    policy = _open(site, envelope)
    with transaction.atomic():
        newest = SitePolicyVersion.objects.select_for_update().filter(site=site).first()
        if newest is not None and policy.serial <= newest.serial:
            raise ValidationError(
                _("Policy %(serial)s applies already: sign this one with a higher number.")
                % {"serial": newest.serial},
                code="serial",
            )
        row = SitePolicyVersion.objects.create(
            site=site,
            serial=policy.serial,
            envelope=envelope,
            digest=sha256(envelope).hexdigest(),
            published_by=acting_user,
        )
        record(
            JournalAction.SITE_POLICY_APPLIED,
            actor=actor_of(acting_user),
            thing=Thing("site", site.pk),
            detail={"serial": policy.serial, "digest": row.digest},
        )
        for device in site.devices.filter(state=DeviceState.ENROLLED.value):
            do_send_policy(device, now=row.published_ms)
    return row


def do_send_policy(device: Device, *, now: int) -> bool:
    """Send a device the policy of its site; False where there is none."""
    row = SitePolicyVersion.objects.filter(site_id=device.site_id).order_by("-serial").first()
    if row is None:
        return False
    enrolment.do_send_site_policy(DeviceId(device.pk), bytes(row.envelope), now=now)
    return True


def do_follow_device(device_id: str, entry: Entry, *, now: int) -> bool:
    """Note what a device's journal says of its site's policy; True where the policy is sent again.

    That is once somebody there has it trust the site's key: what came before was refused.
    """
    match entry.action:
        case JournalAction.SITE_POLICY_APPLIED:
            serial, digest = entry.detail.get("serial"), str(entry.detail.get("sha256", ""))
            said = serial if isinstance(serial, int) else 0  # the device's words, whatever they are
            _note(device_id, now, serial=max(said, 0), digest=digest[:64], refused="")
        case JournalAction.SITE_POLICY_REFUSED:
            _note(device_id, now, refused=str(entry.gate or ""))
        case JournalAction.SITE_KEY_TRUSTED if entry.outcome is Outcome.SUCCESS:
            _note_key(device_id, str(entry.detail.get("key_id", ""))[:32], now)
            return do_send_policy(Device.objects.get(pk=device_id), now=now)
    return False


def _read_key(text: str) -> str:
    try:
        return public_key_pem(load_public_key(text.replace("\r\n", "\n").strip() + "\n"))
    except SignatureError as error:
        raise ValidationError(_("This is not a P-256 public key in PEM."), code="key") from error


def _may_follow(known: SiteKey, pem: str, new: NewKey, *, in_use: bool) -> str:
    """Return by what a key takes the place of `known`, one word of the journal (2, 3)."""
    if new.statement is not None:
        _check_statement(known, pem, new.statement)
        return "handed_over"
    if new.lost:
        return "lost"
    if in_use:
        raise ValidationError(
            _(
                "A policy signed with the present key applies. Add the statement that the present "
                "key signs for this one (bedside site key hand-over). If the present key is lost "
                "or stolen, say so."
            ),
            code="statement_missing",
        )
    return "replaced"


def _check_statement(known: SiteKey, pem: str, statement: bytes) -> None:
    key = load_public_key(known.public_key)
    try:
        data = open_envelope(statement, SITE_KEY, {key_id(key): key}, limit=MAX_DOCUMENT)
        said = SiteKeyHandOver.from_bytes(data)
        named = public_key_pem(load_public_key(said.public_key))
    except (SignatureError, ProtocolError) as error:
        raise ValidationError(
            _("The statement is not signed with the site's present key."), code="statement"
        ) from error
    if (said.site, named) != (known.site_id, pem):
        raise ValidationError(
            _("The statement is for another key or another site."), code="statement"
        )


def _open(site: Organisation, envelope: bytes) -> SitePolicy:
    known = SiteKey.objects.filter(pk=site.pk).first()
    if known is None:
        raise ValidationError(_("Register the site's public key first."), code="no_key")
    key = load_public_key(known.public_key)
    try:
        data = open_envelope(envelope, SITE_POLICY, {key_id(key): key}, limit=MAX_DOCUMENT)
        policy = SitePolicy.from_bytes(data)
    except SignatureError as error:
        raise ValidationError(
            _(
                "This is not signed with the site's key. If the site has a new key, register that "
                "one first."
            ),
            code="key",
        ) from error
    except ProtocolError as error:
        raise ValidationError(_("This is not a site policy."), code="malformed") from error
    if policy.site != site.pk:
        raise ValidationError(_("This policy is for another site."), code="site")
    return policy


def _note(device_id: str, now: int, **said: object) -> None:
    AppliedPolicy.objects.update_or_create(device_id=device_id, defaults={**said, "at_ms": now})


def _note_key(device_id: str, trusted: str, now: int) -> None:
    known = AppliedPolicy.objects.filter(pk=device_id).first()
    if known is None or known.key_id != trusted:
        # What another key signed does not apply there any more.
        _note(device_id, now, key_id=trusted, serial=0, digest="", refused="")
