"""What a change of the rules of level and country would do to whom: pure (S36)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bedside.policy.facts import StartRule
from bedside.vocabulary import Level, Mode

__all__ = ["Change", "Holder", "preview"]


@dataclass(frozen=True, slots=True)
class Holder:
    """A person with a right to a product, as far as the rules look at them."""

    id: str
    name: str
    level: Level | None
    country: str | None
    product: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one person may start or join on one product, before and after."""

    holder: Holder
    lost_start: frozenset[Mode]
    lost_join: frozenset[Mode]
    gained_start: frozenset[Mode]
    gained_join: frozenset[Mode]

    @property
    def loses(self) -> bool:
        """Whether something is taken away."""
        return bool(self.lost_start or self.lost_join)


def preview(
    before: Sequence[StartRule], after: Sequence[StartRule], holders: Iterable[Holder]
) -> list[Change]:
    """Return what would change for whom; whoever keeps everything and gains nothing is left out."""
    changes = []
    for holder in holders:
        old, new = _may(before, holder), _may(after, holder)
        change = Change(holder, old[0] - new[0], old[1] - new[1], new[0] - old[0], new[1] - old[1])
        if change.loses or change.gained_start or change.gained_join:
            changes.append(change)
    return changes


def _may(rules: Iterable[StartRule], holder: Holder) -> tuple[frozenset[Mode], frozenset[Mode]]:
    fitting = [
        rule
        for rule in rules
        if rule.level == holder.level
        and rule.country == holder.country
        and rule.product in (None, holder.product)
    ]
    start = frozenset[Mode]().union(*(rule.start for rule in fitting))
    join = frozenset[Mode]().union(*(rule.join for rule in fitting))
    return start, join
