"""A ProxyCommand: the specialist's leg of a tunnel, from a folder that a test wrote."""

import json
import socket
import sys
from pathlib import Path

from bedside.pki.contexts import specialist_client_context
from bedside.protocol.http import ResponseReader
from bedside.protocol.tunnel import proof, tunnel_request
from bedside.specialist.dial import Leg
from bedside.specialist.proxy import pump


def main(folder: Path) -> None:
    told = json.loads((folder / "leg.json").read_text())
    context = specialist_client_context(folder / "leg.pem", folder / "leg.key", told["ca"])
    index = _next_index(folder)
    raw = socket.create_connection((told["host"], told["port"]), 10)
    line = context.wrap_socket(raw, server_hostname=told["server_name"])
    secret = proof(bytes.fromhex(told["seed"]), "specialist", index)
    line.sendall(tunnel_request(told["server_name"], told["session"], index, secret))
    reader = ResponseReader()
    while (answer := reader.next()) is None:
        data = line.recv(65536)
        if not data or reader.error:
            sys.exit("the relay closed")
        reader.receive(data)
    if answer.status != 101:
        sys.exit(f"refused: {answer.status} {answer.body!r}")
    pump(Leg(line, reader.trailing), source=0, sink=1)


def _next_index(folder: Path) -> int:
    for index in range(64):
        try:
            (folder / f"used-{index}").touch(exist_ok=False)
        except FileExistsError:
            continue
        return index
    sys.exit("no proof is left")


main(Path(sys.argv[1]))
