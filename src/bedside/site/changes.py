"""What a new policy changes against the last one, line by line, for who is about to sign it."""

from zoneinfo import ZoneInfo

from bedside.language import N_, Language, site_action_name
from bedside.protocol.site import SitePolicy
from bedside.site.say import say
from bedside.site.windows import single_words, weekly_words
from bedside.site.words import approver_words, rule_words
from bedside.vocabulary import SiteAction

__all__ = ["change_lines"]


def change_lines(before: SitePolicy | None, after: SitePolicy, language: Language) -> list[str]:
    """Return each difference as a line; `before` None is a site that had no policy."""
    if before is None:
        return [say(language, N_("This is the site's first policy."))]
    lines = _rules(before, after, language)
    if before.timezone != after.timezone:
        text = N_("~ time zone: {before}, now {after}")
        lines.append(say(language, text, before=before.timezone, after=after.timezone))
    lines += _listed(_windows(before, language), _windows(after, language))
    lines += _listed(
        [approver_words(each, language) for each in before.approvers],
        [approver_words(each, language) for each in after.approvers],
    )
    return lines or [say(language, N_("Nothing changes but the number."))]


def _rules(before: SitePolicy, after: SitePolicy, language: Language) -> list[str]:
    lines = []
    for action in SiteAction:
        old, new = rule_words(before, action, language), rule_words(after, action, language)
        if old != new:
            name = site_action_name(action, language)
            text = N_("~ {name}: {before}; now {after}")
            lines.append(say(language, text, name=name, before=old, after=new))
    return lines


def _windows(policy: SitePolicy, language: Language) -> list[str]:
    zone = ZoneInfo(policy.timezone)
    return [weekly_words(window, language) for window in policy.weekly] + [
        single_words(window, zone, language) for window in policy.single
    ]


def _listed(before: list[str], after: list[str]) -> list[str]:
    gone = [f"- {line}" for line in before if line not in after]
    return gone + [f"+ {line}" for line in after if line not in before]
