"""A ProxyCommand: standard input and output to a Unix socket, in TLS when told so.

TLS is carried by the product's own pump: one thread, as for a specialist. Two threads on one TLS
connection (one reads the server's tickets while the other writes) send records that nobody can open.
"""

import os
import socket
import ssl
import sys
import threading
from pathlib import Path


def copy_out(line: socket.socket) -> None:
    """Carry what the device says until it ends."""
    try:
        while data := line.recv(65536):
            while data:
                data = data[os.write(1, data) :]
    except OSError:
        pass
    os._exit(0)


def carry_plain(line: socket.socket) -> None:
    """Carry what ssh says; the other direction has a thread of its own."""
    threading.Thread(target=copy_out, args=[line]).start()
    while data := os.read(0, 65536):
        line.sendall(data)
    line.shutdown(socket.SHUT_WR)


def carry_tls(line: socket.socket) -> None:
    """Carry both directions in TLS, with a server that nobody verifies here."""
    sys.path.insert(0, str(Path(__file__).parents[3] / "src"))
    from bedside.specialist.dial import Leg
    from bedside.specialist.proxy import pump

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    pump(Leg(context.wrap_socket(line), b""), source=0, sink=1)


def main(path: str, *words: str) -> None:
    """Connect, then carry until either side ends."""
    line = socket.socket(socket.AF_UNIX)
    line.connect(path)
    (carry_tls if words else carry_plain)(line)


main(*sys.argv[1:])
