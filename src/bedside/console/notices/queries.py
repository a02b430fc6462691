"""Which notices somebody may see: the console's managers all, a site's people their own."""

from django.db.models import QuerySet

from bedside.console.notices.models import Notice

__all__ = ["dead_count", "notices_of"]


def notices_of(organisation: str | None, *, state: str = "") -> QuerySet[Notice]:
    """Return the notices of one organisation, or all for None; a page orders them newest first."""
    found = Notice.objects.all()
    if organisation is not None:
        found = found.filter(organisation=organisation)
    return found.filter(state=state) if state else found


def dead_count() -> int:
    """Return how many notices were given up and wait for somebody."""
    return Notice.objects.filter(state=Notice.State.DEAD).count()
