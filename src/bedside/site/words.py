"""A site's policy in words, for who signs it, who has it on a device, and who reads it later."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bedside.language import N_, Language, site_action_name, site_rule_name
from bedside.language.typography import minute_text
from bedside.pki.fingerprints import fingerprint_words
from bedside.pki.signing import SignatureError, load_public_key
from bedside.protocol.site import Approver, SitePolicy
from bedside.site.say import say
from bedside.site.windows import single_words, weekly_words
from bedside.vocabulary import SiteAction

__all__ = ["approver_words", "passkey_words", "policy_lines", "rule_words"]


def policy_lines(policy: SitePolicy, language: Language) -> list[str]:
    """Return a policy as lines for a person: rules, windows, approvers."""
    try:
        zone = ZoneInfo(policy.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = None
    written = datetime.fromtimestamp(policy.issued_ms / 1000, UTC)
    lines = [
        say(
            language,
            N_("Policy no. {serial} of the site {site}, written {date}."),
            serial=policy.serial,
            site=policy.site,
            date=minute_text(written.astimezone(zone or UTC), language),
        )
    ]
    width = max(len(site_action_name(action, language)) for action in SiteAction)
    for action in SiteAction:
        name = site_action_name(action, language).ljust(width)
        lines.append(f"  {name}  {rule_words(policy, action, language)}")
    return lines + _windows(policy, zone, language) + _approvers(policy, language)


def rule_words(policy: SitePolicy, action: SiteAction, language: Language) -> str:
    """Return what a policy says to one action."""
    words = [site_rule_name(policy.rules[action], language)]
    if action in policy.two_approvers:
        words.append(say(language, N_("two approvers")))
    if action in policy.ticket:
        words.append(say(language, N_("change ticket")))
    if action in policy.window:
        words.append(say(language, N_("in service windows only")))
    return ", ".join(words)


def approver_words(approver: Approver, language: Language) -> str:
    """Return who an approver is, and the words of their passkey."""
    return say(
        language,
        N_("{name} ({id}), with a passkey of {page}: {words}"),
        name=approver.name,
        id=approver.id,
        page=approver.rp_id,
        words=passkey_words(approver),
    )


def passkey_words(approver: Approver) -> str:
    """Return the words of an approver's passkey, in any language; `?` where its key is none."""
    try:
        return fingerprint_words(load_public_key(approver.public_key))
    except SignatureError:
        return "?"


def _windows(policy: SitePolicy, zone: ZoneInfo | None, language: Language) -> list[str]:
    if not policy.weekly and not policy.single:
        return [say(language, N_("No service window."))]
    if zone is None:
        unknown = N_("The time zone {zone} is not known here: no window opens.")
        return [say(language, unknown, zone=policy.timezone)]
    lines = [say(language, N_("Service windows, on the clock of {zone}:"), zone=policy.timezone)]
    lines += [f"  {weekly_words(window, language)}" for window in policy.weekly]
    return lines + [f"  {single_words(window, zone, language)}" for window in policy.single]


def _approvers(policy: SitePolicy, language: Language) -> list[str]:
    if not policy.approvers:
        return [say(language, N_("No approvers."))]
    lines = [say(language, N_("Approvers:"))]
    return lines + [f"  {approver_words(approver, language)}" for approver in policy.approvers]
