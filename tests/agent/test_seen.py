"""The memory of orders."""

from bedside.agent.seen import SeenOrders
from bedside.vocabulary import SessionId

ONE = SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0YZ")
TWO = SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0Y0")
DAY = 24 * 3_600_000


def test_it_survives_a_restart_and_ends_after_a_day(tmp_path):
    seen = SeenOrders(tmp_path / "seen")
    assert not seen.knows(ONE)
    seen.remember(ONE, 1000)
    seen.remember(TWO, 5000)
    assert SeenOrders(tmp_path / "seen").knows(ONE)
    assert seen.forget_old(1000 + DAY) == 0
    assert seen.forget_old(1001 + DAY) == 1
    assert not seen.knows(ONE)
    assert seen.knows(TWO)
