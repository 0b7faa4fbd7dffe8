"""A real MongoDB-compatible server for the tests, built once and kept in the user's cache.

``python -m tests.mongo_server`` builds it; the tests start it when it is there. ``PRESENTE_TEST_MONGO`` says which:

    ferretdb              FerretDB on SQLite (needs Go); what is used when nothing is said
    ferretdb-postgresql   FerretDB on a PostgreSQL of its own (needs Go, and PostgreSQL's programs)
    java                  mongo-java-server on an H2 file (needs Java 17 and Maven)

``MONGODB_URL`` names another server, which the tests neither start nor stop.
"""

import atexit
import getpass
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "mongoserver"
KIND = os.environ.get("PRESENTE_TEST_MONGO", "ferretdb")


@dataclass(frozen=True)
class Kind:
    """A server that can be built.

    Attributes:
        tool: the program that builds it.
        sources: files that it is built from, below ``SOURCE``: another place in the cache for every version of them.
        build: makes the program at a path.
    """

    tool: str
    sources: Sequence[str]
    build: Callable[[Path], None]


def _build_go(target: Path) -> None:
    subprocess.run(["go", "build", "-o", str(target), "."], cwd=SOURCE, check=True)


def _build_java(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        words = ["mvn", "--quiet", "--batch-mode", f"-Dtarget={folder}", "package"]
        subprocess.run(words, cwd=SOURCE / "java", check=True)
        shutil.copy(Path(folder) / "mongoserver-1.jar", target)


_GO = ("go.mod", "go.sum", "main.go")
KINDS = {
    "ferretdb": Kind("go", _GO, _build_go),
    "ferretdb-postgresql": Kind("go", _GO, _build_go),
    "java": Kind("mvn", ("java/pom.xml", "java/Server.java"), _build_java),
}


def kind() -> Kind:
    if KIND not in KINDS:
        sys.exit(f"PRESENTE_TEST_MONGO is {KIND!r}: it must be one of {', '.join(KINDS)}")
    return KINDS[KIND]


def binary() -> Path:
    """Where the built server is kept: another place for every version of its source."""
    digest = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in kind().sources))
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    return cache / "presente" / f"mongoserver-{digest.hexdigest()[:12]}"


def build() -> Path:
    """Build it unless it is there already."""
    target = binary()
    if not target.exists():
        tool = kind().tool
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is needed to build the tests' MongoDB server {KIND!r}; or set MONGODB_URL")
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = target.with_suffix(f".{os.getpid()}")
        kind().build(staged)
        staged.replace(target)
    return target


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def answers(port: int) -> bool:
    """Whether a port is listened to within twenty seconds."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


class PostgreSQL:
    """A PostgreSQL of one user and one database, on a port of its own."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.port = free_port()
        # It refuses to run as root, and the tests' own folders are root's then.
        self.user = "postgres" if os.geteuid() == 0 else getpass.getuser()
        self.folder = tempfile.mkdtemp(prefix="presente-postgresql-")
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user)
        self.run("initdb", "--username", "presente", "--encoding", "UTF8", "--no-sync")
        self.start()

    @property
    def url(self) -> str:
        return f"postgres://presente@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start, and wait until it answers."""
        # Processes are killed here, machines are not: without fsync.
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self.run("pg_ctl", "start", "--wait", "--log", f"{self.folder}/log", "--options", options)

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "--wait", "--mode", "fast")

    def run(self, name: str, *words: str) -> None:
        """One of its programs, which Debian keeps apart from the others."""
        folders = map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
        program = shutil.which(name, path=os.pathsep.join([*folders, os.environ["PATH"]]))
        if program is None:
            raise FileNotFoundError(f"{name} of PostgreSQL is needed (Debian: apt-get install postgresql)")
        with self.log.open("ab") as said:
            command = [program, *words, "--pgdata", self.folder]
            subprocess.run(command, user=self.user, cwd="/", stdout=said, stderr=said, check=True)


class MongoServer:
    """One server process on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.postgresql = PostgreSQL(folder / "postgresql.log") if KIND == "ferretdb-postgresql" else None
        self.run()

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start again on the same data."""
        if self.postgresql is not None:
            self.postgresql.start()
        self.run()

    def run(self) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(self.words(), stdout=log, stderr=log)
        if not answers(self.port):
            raise RuntimeError(f"the server did not start: {(self.folder / 'server.log').read_text()}")

    def words(self) -> list[str]:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        if KIND == "java":
            quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
            return ["java", *quick, "-jar", str(binary()), str(self.port), str(data / "data.mv")]
        words = [str(binary()), "-listen", f"127.0.0.1:{self.port}"]
        return [*words, "-dir", str(data)] if self.postgresql is None else [*words, "-postgresql", self.postgresql.url]

    def stop(self) -> None:
        """Stop; the data stay."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
        if self.postgresql is not None:
            self.postgresql.stop()


if __name__ == "__main__":
    sys.stdout.write(f"{build()}\n")
