"""A ProxyCommand: the specialist's leg of a tunnel, from a folder that a test wrote."""

import json
import os
import socket
import sys
import threading
from pathlib import Path

from bedside.pki.contexts import specialist_client_context
from bedside.protocol.http import ResponseReader
from bedside.protocol.tunnel import proof, tunnel_request


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
    os.write(1, reader.trailing) if reader.trailing else None
    # Two threads on one SSLSocket: Python holds its lock around each OpenSSL call.
    threading.Thread(target=_send, args=(line,), daemon=True).start()
    while data := line.recv(65536):
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]


def _send(line) -> None:
    while data := os.read(0, 65536):
        line.sendall(data)
    line.shutdown(socket.SHUT_WR)


def _next_index(folder: Path) -> int:
    for index in range(64):
        try:
            (folder / f"used-{index}").touch(exist_ok=False)
        except FileExistsError:
            continue
        return index
    sys.exit("no proof is left")


main(Path(sys.argv[1]))
