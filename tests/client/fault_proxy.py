"""A proxy that fails as networks and busy servers do, by a script: what becomes of the first request, the second..."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Fault = Literal["pass", "busy", "bad_gateway", "cut_before", "cut_after", "cut_within", "gateway_timeout", "nonsense"]
"""Answered by the server; 503 or 502 of the proxy's own; cut before the server sees the request, after it has acted, or
within its answer; 504 of the proxy's own after the server has acted; 200 with a page of some other service."""


@dataclass
class FaultProxy:
    """What is to go wrong next, and what was sent: method, path and Idempotency-Key of each request."""

    server: str
    faults: list[Fault] = field(default_factory=list)
    retry_after: str = "0.05"
    sent: list[tuple[str, str, str | None]] = field(default_factory=list)
    address: str = ""

    def keys(self) -> list[str | None]:
        return [key for _, _, key in self.sent]


@contextmanager
def fault_proxy(server: str) -> Iterator[FaultProxy]:
    proxy = FaultProxy(server)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                proxy.sent.append((self.command, urlsplit(self.path).path, self.headers.get("Idempotency-Key")))
                fault = proxy.faults.pop(0) if proxy.faults else "pass"
            if fault == "cut_before":
                self.cut()
            elif fault in ("busy", "bad_gateway"):
                self.refuse(503 if fault == "busy" else 502)
            elif fault == "nonsense":
                self.answer(200, {"Content-Type": "text/html"}, b"<html>Please log in</html>")
            else:
                self.forward(body, fault)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def forward(self, body: bytes, fault: Fault) -> None:
            connection = http.client.HTTPConnection(urlsplit(proxy.server).netloc, timeout=30)
            connection.request(self.command, self.path, body or None, dict(self.headers.items()))
            reply = connection.getresponse()
            content = reply.read()
            connection.close()
            if fault == "cut_after":
                self.cut()
            elif fault == "gateway_timeout":
                self.refuse(504)
            elif fault == "cut_within":
                self.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n" + content[:50])
                self.cut()
            else:
                kept = {name: text for name, text in reply.headers.items() if name in ("Content-Type", "Retry-After")}
                self.answer(reply.status, kept, content)

        def refuse(self, status: int) -> None:
            problem = {"type": "about:blank", "title": "Busy", "status": status, "detail": "Later."}
            body = json.dumps(problem | {"code": "busy", "request_id": "proxy"}).encode()
            retry = {"Retry-After": proxy.retry_after} if status == 503 else {}
            self.answer(status, {"Content-Type": "application/problem+json"} | retry, body)

        def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def cut(self) -> None:
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    proxy.address = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
