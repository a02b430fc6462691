"""When a call whose answer was lost is made again: pure.

A call that changes something carries a name (`Idempotency-Key`), so that the console does it once
however often it arrives. Whoever lost the answer on its way asks again under the same name.
"""

import secrets

__all__ = ["WAITS_S", "is_lost", "is_of_a_proxy", "new_name", "wait_after"]

WAITS_S = (0.5, 1.0, 2.0, 4.0)
"""Seconds before the second try and each further one."""
_LONGEST_S = 10.0

_OF_A_PROXY = frozenset({502, 503, 504})
_UNDER_WAY = (409, "idempotency_busy")


def new_name() -> str:
    """Return a name that no other call has."""
    return secrets.token_urlsafe(18)


def is_lost(status: int, code: str) -> bool:
    """Whether an answer says nothing of what became of the call, or that it is still under way.

    Args:
        status: HTTP status.
        code: the problem's code, or an empty text.
    """
    return is_of_a_proxy(status) or (status, code) == _UNDER_WAY


def is_of_a_proxy(status: int) -> bool:
    """Whether this is what a proxy says of an answer that it did not get."""
    return status in _OF_A_PROXY


def wait_after(tries: int, *, asked_s: float = 0.0) -> float | None:
    """Return the seconds to wait before a lost call is made again, None to give it up.

    Args:
        tries: how often it was made.
        asked_s: how long the other side asked to wait (`Retry-After`), seconds.
    """
    if tries > len(WAITS_S):
        return None
    return min(max(WAITS_S[tries - 1], asked_s), _LONGEST_S)
