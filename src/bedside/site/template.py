"""A first policy to edit: everything asked at the device, each line explained."""

import json

from bedside.language import N_, Language, site_action_name, site_rule_name
from bedside.site.say import say
from bedside.vocabulary import SiteAction, SiteRule

__all__ = ["template"]


def template(site: str, timezone: str, language: Language) -> str:
    """Return a policy in TOML that `parse_draft` reads, commented in `language`.

    Args:
        site: the site's id, as the console names it.
        timezone: the zone of its clock, an IANA name.
        language: of the comments.
    """
    lines = [
        *_comment(language, N_("What your site allows on its devices. Edit, then sign it.")),
        *_comment(language, N_("Your site's id, as the console and `bedside agent site show` name it.")),
        f"site = {json.dumps(site)}",
        *_comment(language, N_("The clock on which the windows below open and close.")),
        f"timezone = {json.dumps(timezone)}",
        "",
        *_comment(language, N_("Actions that need the number of your change ticket.")),
        "ticket = []",
        *_comment(language, N_("Actions that two different approvers must approve (their rule is ask_site).")),
        "two_approvers = []",
        *_comment(language, N_("Actions that are allowed in a service window only.")),
        "window = []",
        "",
        *_comment(language, N_("One rule for each action. Whatever it says, the person at the device decides last.")),
        *(f"#   {rule.value:<12}{site_rule_name(rule, language)}" for rule in SiteRule),
        "[rules]",
        *(
            f'{action.value:<16}= "{SiteRule.ASK_DEVICE}"   # {site_action_name(action, language)}'
            for action in SiteAction
        ),
        "",
        "[windows]",
        *_comment(language, N_('Every week, for example "mon-fri 20:00-23:00" or "sat,sun 00:00-24:00".')),
        "weekly = []",
        *_comment(language, N_('Once, for example "2026-11-23 20:00 - 2026-11-24 02:00".')),
        "single = []",
        "",
        *_comment(language, N_("Who may approve: add each with `bedside site approver add`, never by hand.")),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _comment(language: Language, text: str) -> list[str]:
    return [f"# {say(language, text)}"]
