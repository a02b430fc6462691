"""A ProxyCommand: standard input and output to a Unix socket."""

import os
import select
import socket
import sys


def main(path: str) -> None:
    line = socket.socket(socket.AF_UNIX)
    line.connect(path)
    there = line.fileno()
    sources = [0, there]
    while there in sources:
        for source in select.select(sources, [], [])[0]:
            data = os.read(source, 65536)
            if not data:
                sources.remove(source)
                if source == 0:
                    line.shutdown(socket.SHUT_WR)
                continue
            target = there if source == 0 else 1
            while data:
                data = data[os.write(target, data) :]


main(sys.argv[1])
