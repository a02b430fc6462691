"""Whether a process of the console may be given work: database, migrations, keys."""

from django.db import DatabaseError
from django.utils.translation import gettext as _

from bedside.console.health.queries import check_database, missing_keys, unapplied_migrations
from bedside.observe.health import Check, Health

__all__ = ["readiness"]


def readiness() -> Health:
    """Return whether the database answers, is at this version, and the keys can be read."""
    try:
        database = check_database()
        unapplied = unapplied_migrations()
    except DatabaseError as error:
        said = str(error).strip().partition("\n")[0]
        lost = _("it does not answer: {error}").format(error=said)
        return Health.of([Check("database", good=False, reason=lost), _keys()])
    answers = _("it answers: {database}").format(database=database)
    return Health.of(
        [Check("database", good=True, reason=answers), _migrations(unapplied), _keys()]
    )


def _migrations(unapplied: tuple[str, ...]) -> Check:
    if not unapplied:
        return Check("migrations", good=True, reason=_("all applied"))
    names = ", ".join(unapplied[:3])
    words = _("not applied: {count} ({names}); run bedside console migrate")
    said = words.format(count=len(unapplied), names=names)
    return Check("migrations", good=False, reason=said)


def _keys() -> Check:
    missing = missing_keys()
    if not missing:
        return Check("keys", good=True, reason=_("all can be read"))
    said = _("cannot be read: {names}").format(names=", ".join(missing))
    return Check("keys", good=False, reason=said)
