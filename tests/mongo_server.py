"""A real MongoDB-compatible server for the tests: FerretDB on SQLite, built once with Go and kept in the user's cache.

``python -m tests.mongo_server`` builds it; the tests start it when it is there. ``MONGODB_URL`` names another server.
"""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "mongoserver"


def binary() -> Path:
    """Where the built server is kept: another place for every version of its source."""
    digest = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in ("go.mod", "go.sum", "main.go")))
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    return cache / "presente" / f"mongoserver-{digest.hexdigest()[:12]}"


def build() -> Path:
    """Build it unless it is there already."""
    target = binary()
    if not target.exists():
        go = shutil.which("go")
        if go is None:
            sys.exit("Go is needed to build the tests' MongoDB server; or set MONGODB_URL")
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = target.with_suffix(f".{os.getpid()}")
        subprocess.run([go, "build", "-o", str(staged), "."], cwd=SOURCE, check=True)
        staged.replace(target)
    return target


class MongoServer:
    """One server process on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, or start again on the same data."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        words = [str(binary()), "-listen", f"127.0.0.1:{self.port}", "-dir", str(data)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"the server did not start: {(self.folder / 'server.log').read_text()}")

    def stop(self) -> None:
        """Stop; the data stay."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)


if __name__ == "__main__":
    sys.stdout.write(f"{build()}\n")
