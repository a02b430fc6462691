"""Product profiles in TOML."""

from bedside.protocol.errors import ProtocolError
from bedside.protocol.profile import parse_profile
from tests.protocol.test_profile import PROFILE

SEEDS = (PROFILE.encode(),)


def parse(data: bytes) -> None:
    """Read one profile, or meet a named refusal."""
    try:
        parse_profile(data)
    except ProtocolError:
        return
