"""What a specialist's sftp client sends."""

from bedside.agent.ssh.sftp_wire import SftpError
from tests.agent.ssh.test_sftp_wire import ALL, read_all

SEEDS = (ALL, ALL[:40])


def parse(data: bytes) -> None:
    """Read requests, or meet the named error; the pieces never matter."""
    try:
        whole = read_all([data])
    except SftpError:
        return
    assert whole == read_all([data[place : place + 1] for place in range(len(data))])
