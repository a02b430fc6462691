"""The rows of `docs/reference/metrics.md`, as the code has them."""

from collections.abc import Iterable
from pathlib import Path

from prometheus_client.core import Metric

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def row(family: Metric) -> str:
    """Return the row of one family: its name as it is asked for, kind, labels, meaning."""
    name = family.name + ("_total" if family.type == "counter" else "")
    names = getattr(family, "_labelnames", None)
    if names is None:  # one that counts by itself: it has been used once
        names = (
            [name for name in family.samples[0].labels if name != "le"] if family.samples else []
        )
    labels = ", ".join(f"`{label}`" for label in names)
    return f"| `{name}` | {family.type} | {labels} | {family.documentation} |"


def rows(families: Iterable[Metric], prefix: str) -> list[str]:
    """Return the rows of all families of ours; a name that stands twice is one too many."""
    ours = [each for each in families if each.name.startswith(prefix)]
    names = [each.name for each in ours]
    assert len(names) == len(set(names)), sorted({n for n in names if names.count(n) > 1})
    return [row(each) for each in ours]


def written(prefix: str) -> list[str]:
    """Return the rows of the page whose metrics have this prefix."""
    lines = PAGE.read_text("utf-8").splitlines()
    return [line for line in lines if line.startswith(f"| `{prefix}")]
