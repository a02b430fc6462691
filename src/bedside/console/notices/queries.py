"""Which notices somebody may see: the console's managers all, a site's people their own."""

from django.db.models import QuerySet

from bedside.console.notices.models import Notice

__all__ = ["MOST_DEAD", "dead_count", "notices_of"]

MOST_DEAD = 99
"""Up to how many a page says a number: counting all reads all."""


def notices_of(organisation: str | None, *, state: str = "") -> QuerySet[Notice]:
    """Return the notices of one organisation, or all for None; a page orders them newest first."""
    found = Notice.objects.all()
    if organisation is not None:
        found = found.filter(organisation=organisation)
    return found.filter(state=state) if state else found


def dead_count() -> int:
    """Return how many notices were given up and wait for somebody; one above MOST_DEAD for more."""
    return Notice.objects.filter(state=Notice.State.DEAD)[: MOST_DEAD + 1].count()
