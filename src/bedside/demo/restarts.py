"""Whether a program of the demonstration that ended is started again, as a service manager decides."""

__all__ = ["MOST", "WITHIN_S", "Restarts"]

MOST = 5
WITHIN_S = 60.0


class Restarts:
    """Counts how often each program ended.

    Args:
        most: how often one program is started again within `within_s` seconds.
        within_s: how long an end is remembered (seconds).
    """

    def __init__(self, most: int = MOST, within_s: float = WITHIN_S) -> None:
        self.most = most
        self._within_s = within_s
        self._ends: dict[str, list[float]] = {}

    def again(self, name: str, now_s: float) -> bool:
        """Note that `name` ended at `now_s`; return whether it is started again."""
        recent = [at for at in self._ends.get(name, []) if now_s - at < self._within_s]
        self._ends[name] = [*recent, now_s]
        return len(recent) < self.most
