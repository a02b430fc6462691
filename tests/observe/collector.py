"""A collector that takes OTLP over HTTP, in this process, and keeps what it was sent."""

import gzip
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Kept:
    """A span as it arrived."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    start_ms: int
    end_ms: int
    good: bool
    attributes: dict
    links: tuple


class Collector:
    """Listens on a free port until it is closed."""

    def __init__(self) -> None:
        self.spans: list[Kept] = []
        kept = self.spans

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                kept.extend(_read(ExportTraceServiceRequest.FromString(body)))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def wait_for(self, holds, seconds: float = 30) -> None:
        """Wait until what has arrived satisfies `holds`."""
        until = time.monotonic() + seconds
        while not holds(self.spans):
            assert time.monotonic() < until, [(s.service, s.name) for s in self.spans]
            time.sleep(0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _read(sent):
    for each in sent.resource_spans:
        names = {a.key: a.value.string_value for a in each.resource.attributes}
        for scope in each.scope_spans:
            for span in scope.spans:
                yield Kept(
                    names["service.name"],
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano // 1_000_000,
                    span.end_time_unix_nano // 1_000_000,
                    span.status.code == 1,
                    {a.key: a.value.string_value or a.value.int_value for a in span.attributes},
                    tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                )
