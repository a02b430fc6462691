"""One key asks for control; the others reach nothing, and the first of them is told."""

from bedside.agent.ssh.keys import TAKE_KEY, IdleKeys


def test_one_key_takes_and_the_first_other_is_refused():
    told: list[str] = []
    keys = IdleKeys(take=lambda: told.append("take"), refused=lambda: told.append("refused"))
    for data in (b"rm -rf /\n", b"x", TAKE_KEY, TAKE_KEY + b"x", TAKE_KEY):
        keys.pressed(data)
    assert told == ["refused", "take", "take"]
