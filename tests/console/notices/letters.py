"""What waits in the outbox, as its readers would see it."""

from dataclasses import dataclass

from bedside.console.notices.models import Notice
from bedside.console.notices.sealing import open_secret

__all__ = ["Letter", "letters"]


@dataclass(frozen=True)
class Letter:
    to: list[str]
    subject: str
    body: str


def letters() -> list[Letter]:
    """Return the mails in the outbox, oldest first."""
    rows = Notice.objects.filter(channel="mail").order_by("id")
    return [
        Letter([row.address], row.subject, open_secret(row.body) if row.private else row.body)
        for row in rows
    ]
