"""The access review's clock: announced beforehand, and closed when nobody reviewed in time."""

from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from bedside.audit.entry import Thing
from bedside.console.accounts.mail import do_send_letter
from bedside.console.accounts.models import User
from bedside.console.journal.actions import record, worker_actor
from bedside.console.people.actions import do_close_person
from bedside.console.people.queries import due_ms, reviewers, sites_of
from bedside.vocabulary import JournalAction

__all__ = ["do_review_duty"]

_DAY_MS = 86_400_000
_AT_ONCE = 200


def do_review_duty(*, now: int) -> int:
    """Announce the reviews that come due, close the accounts past theirs; return how many closed."""
    _announce(now)
    return _close(now)


def _announce(now: int) -> None:
    limits = settings.CONFIG.sign_in
    days = limits.review_days - limits.review_notice_days
    with transaction.atomic():
        coming = list(
            User.objects.select_related("organisation")
            .filter(is_active=True, review_told_ms=0, reviewed_ms__lte=now - days * _DAY_MS)
            .order_by("id")[:_AT_ONCE]
        )
        for person in coming:
            User.objects.filter(pk=person.pk).update(review_told_ms=now)
            _tell_person(person)
            record(
                JournalAction.ACCOUNT_REVIEW_ANNOUNCED,
                actor=worker_actor(),
                thing=Thing("person", person.pk),
                detail={"name": person.name, "until_ms": due_ms(person)},
                at_ms=now,
            )
        for site in sites_of(coming):
            for reviewer in reviewers(site):
                _tell_reviewer(reviewer, len(coming))


def _close(now: int) -> int:
    # A person is told first: whoever was not, because the worker slept, has the notice's days left.
    limits = settings.CONFIG.sign_in
    late = User.objects.select_related("organisation").filter(
        is_active=True,
        reviewed_ms__lte=now - limits.review_days * _DAY_MS,
        review_told_ms__gt=0,
        review_told_ms__lte=now - limits.review_notice_days * _DAY_MS,
    )
    closed = 0
    for person in late.order_by("id")[:_AT_ONCE]:
        closed += do_close_person(person, reason="review", acting_user=worker_actor())
    return closed


def _tell_person(person: User) -> None:
    facts = {"person": person, "day": _day(due_ms(person))}
    do_send_letter(person.email, "review_due", facts, language=person.language)


def _tell_reviewer(reviewer: User, count: int) -> None:
    page = settings.CONFIG.public_url.rstrip("/") + reverse("access_review") + "?due=on"
    facts = {"person": reviewer, "count": count, "page": page}
    do_send_letter(reviewer.email, "review_asked", facts, language=reviewer.language)


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
