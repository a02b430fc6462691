"""The local protocol: each line is read or refused by name."""

from bedside.protocol.errors import LocalMisuseError, ProtocolError
from bedside.protocol.local import LineReader, parse_from_agent, parse_from_panel, to_line
from tests.protocol.test_local import ALL

SEEDS = tuple(to_line(message) for message, _ in ALL)


def parse(data: bytes) -> None:
    """Cut the bytes into lines and offer each to both ends."""
    reader = LineReader()
    reader.receive(data)
    try:
        while (line := reader.next()) is not None:
            for read in (parse_from_agent, parse_from_panel):
                _play(read, line)
    except ProtocolError:
        return


def _play(read, line) -> None:
    try:
        message = read(line)
        assert read(to_line(message)[:-1]) == message
    except (ProtocolError, LocalMisuseError):
        return
