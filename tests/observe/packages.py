"""A machine without the extra `tracing`."""

import sys

__all__ = ["remove_packages"]


def remove_packages(monkeypatch):
    """Let every import of what sends spans fail, until the test is over."""
    monkeypatch.delitem(sys.modules, "bedside.observe.spans", raising=False)
    for name in ["opentelemetry", *sys.modules]:
        if name.partition(".")[0] == "opentelemetry":
            monkeypatch.setitem(sys.modules, name, None)
