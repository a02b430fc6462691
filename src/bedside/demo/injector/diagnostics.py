"""The injector's diagnostics page: read-only JSON on the device's own loopback.

It belongs to the product, not to the agent, which listens nowhere; a session reaches it only
because the product profile names it as an endpoint.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bedside.demo.injector.store import Store

__all__ = ["diagnostics_server"]


def diagnostics_server(store: Store, port: int) -> ThreadingHTTPServer:
    """Return a server for `http://127.0.0.1:port/`; port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(store.load().to_dict()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing: the terminal belongs to the demonstration."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)
