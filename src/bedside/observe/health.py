"""Whether a program lives and may be given work: checks with plain reasons."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Check", "Health"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `reason` says what was found, in words for a person."""

    name: str
    good: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Health:
    """Several checks; good when all of them are."""

    checks: tuple[Check, ...]

    @classmethod
    def of(cls, checks: Sequence[Check]) -> "Health":
        """Return the health that these checks make."""
        return cls(tuple(checks))

    @property
    def good(self) -> bool:
        """Whether every check is good."""
        return all(check.good for check in self.checks)

    @property
    def status(self) -> int:
        """The HTTP status that says so: 200, or 503."""
        return 200 if self.good else 503

    def text(self) -> str:
        """Return one line for each check: whether it is good, its name, the reason."""
        lines = [
            f"{'ok ' if each.good else 'BAD'} {each.name}: {each.reason}" for each in self.checks
        ]
        return "\n".join(lines) + "\n"
