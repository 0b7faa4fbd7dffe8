"""A web server on this machine for tests of links: it sends the replies that a test sets and records the requests."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """One reply. ``length`` replaces the Content-Length of the body; ``pause_s`` passes before every thousand bytes."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    pause_s: float = 0.0


class LinkServer:
    """``replies`` holds the replies of each path in their order; the last one is repeated."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.asked: list[str] = []
        self.hosts: list[str] = []
        self.sent = 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                owner.asked.append(self.path)
                owner.hosts.append(self.headers["Host"])
                queue = owner.replies.get(self.path) or owner.replies.get(self.path.partition("?")[0])
                reply = Reply(404) if not queue else queue.pop(0) if len(queue) > 1 else queue[0]
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
                self.end_headers()
                self.close_connection = True
                try:
                    for start in range(0, len(reply.body), 1000):
                        time.sleep(reply.pause_s)
                        owner.sent += self.wfile.write(reply.body[start : start + 1000])
                except OSError:  # the client closed the connection
                    pass

            def log_message(self, *arguments: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.address = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def tell(self, path: str, *replies: Reply) -> str:
        """Set the replies of a path; its full address."""
        self.replies[path] = list(replies)
        return self.address + path

    def wrap(self, context: object) -> None:
        """Use TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)  # type: ignore[attr-defined]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
