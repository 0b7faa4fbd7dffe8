"""A server that answers as it is told, and so as no Presente does."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class FalseAnswer:
    """What is sent, to the byte."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FalseServer:
    """Answers every request with ``answer``; ``paths`` are those that were asked."""

    answer: FalseAnswer | Callable[[str], FalseAnswer]
    paths: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def false_server(answer: FalseAnswer | Callable[[str], FalseAnswer]) -> Iterator[FalseServer]:
    server = FalseServer(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.paths.append(self.path)
            said = server.answer if isinstance(server.answer, FalseAnswer) else server.answer(self.path)
            self.send_response(said.status)
            for name, text in said.headers.items():
                self.send_header(name, text)
            if said.status != 204:
                self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    server.address = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
