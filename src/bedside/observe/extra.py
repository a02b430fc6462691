"""The extra `tracing`, which a machine may lack: nobody stops serving for that."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bedside.observe.spans import Spans

__all__ = ["TRACING_CURE", "TRACING_LOCK", "has_tracing", "spans_class"]

TRACING_LOCK = "requirements/tracing.lock"
"""What `pip install --require-hashes -r` installs it from."""
TRACING_CURE = f"pip install --require-hashes -r {TRACING_LOCK}"


def spans_class() -> "type[Spans]":
    """Return what sends spans. Raises ImportError where the extra is not, or not whole."""
    from bedside.observe.spans import Spans

    return Spans


def has_tracing() -> bool:
    """Whether the extra can be used by the Python that runs this."""
    try:
        spans_class()
    except ImportError:
        return False
    return True
