"""Real servers on this machine: an SMTP server and a program that listens for events."""

import contextlib
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller

from bedside.demo.processes import free_port

__all__ = ["Listener", "MailServer", "listener", "mail_server"]


class MailServer:
    """Keeps what arrives; answers with `refusal` instead where it is set."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusal = ""

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options) -> str:  # noqa: N802
        del server, session, rcpt_options
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802
        del server, session
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@contextlib.contextmanager
def mail_server() -> Iterator[tuple[MailServer, int]]:
    server = MailServer()
    port = free_port()
    controller = Controller(server, hostname="127.0.0.1", port=port, ready_timeout=60)
    controller.start()
    try:
        yield server, port
    finally:
        controller.stop()


class Listener:
    """Keeps the events that are posted; answers with `status`."""

    def __init__(self) -> None:
        self.events: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        self.url = ""


@contextlib.contextmanager
def listener() -> Iterator[Listener]:
    kept = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.events.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(kept.status)
            if kept.status == 302:
                self.send_header("Location", kept.url + "/elsewhere")
            self.end_headers()

        def log_message(self, *_args) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}/events"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
