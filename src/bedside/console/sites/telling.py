"""Tells a site's own programs of what happens: one webhook each."""

from collections.abc import Callable

from bedside.console.notices.actions import Webhook, do_tell
from bedside.console.notices.sealing import SealError, open_secret
from bedside.console.sites.models import SiteHook

__all__ = ["Facts", "tell_hooks"]

Facts = dict[str, str | int | bool | None]


def tell_hooks(site: str, facts: Callable[[], Facts], *, event: str, about: str) -> None:
    """Tell every program of a site, once each; call it inside the change's own transaction.

    Args:
        site: the site's key; empty where it is nobody's, and nobody is told.
        facts: what is posted; asked for only where somebody listens.
        event: its name on the wire.
        about: the id of what it is about.
    """
    for hook in SiteHook.objects.filter(site_id=site or None):
        webhook = Webhook(url=hook.url, secret=_secret_of(hook), facts=facts())
        do_tell(webhook, event=event, key=f"{event} {about} {hook.pk}", organisation=site)


def _secret_of(hook: SiteHook) -> str:
    """Return what signs; nothing where it cannot be opened, and then its notice is a dead letter.

    Whatever is told of has happened, and does not wait for who is to hear of it.
    """
    try:
        return open_secret(hook.secret)
    except SealError:
        return ""
