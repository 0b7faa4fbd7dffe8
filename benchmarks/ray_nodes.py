"""A Ray cluster of several nodes on this machine, each with an address of its own on loopback; nodes can be killed.

Ray replaces 127.0.0.1 by the machine's own address, and a driver then waits for ever. So the head is 127.0.0.2 and the
other nodes follow. The daemons keep the streams that they were started with, so these are files.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from benchmarks.processes import cpu_seconds

_STORE_BYTES = 100_000_000
_START_S = 60.0
_QUICK = {  # a node that died is noticed within seconds
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # as local runs have; Ray's own is 15
    "RAY_health_check_initial_delay_ms": "5000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "5",
}


class RayNodes:
    """A head without cores, and nodes with one core each.

    Attributes:
        address: of the head.
        token: variables that a process needs to join.
    """

    def __init__(self, folder: Path, nodes: int, environment: Mapping[str, str], cwd: Path) -> None:
        """Start them.

        Args:
            folder: for their output.
            nodes: how many besides the head.
            environment: of the processes in which workers run.
            cwd: their folder.
        """
        self._folder = folder
        self.token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self._environment = {**environment, **_QUICK, **self.token}
        self._cwd = cwd
        self._sockets = tempfile.TemporaryDirectory(prefix="ray-")  # their paths must be short
        self.address = f"127.0.0.2:{_free_port('127.0.0.2')}"
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            port = self.address.partition(":")[2]
            self._wait(self._start("--head", f"--port={port}", "--num-cpus=0", host="127.0.0.2"))
            for number in range(nodes):  # one after the other: two that start at once choose one name for their sockets
                self._wait(self.add(number))
        except BaseException:
            self.stop()
            raise

    def add(self, number: int) -> Path:
        """Start one more node, which joins in its own time; its log."""
        return self._start(f"--address={self.address}", "--num-cpus=1", host=f"127.0.0.{number + 3}")

    def kill(self, number: int) -> None:
        """SIGKILL to all processes of a node, which cannot say goodbye."""
        self._end(self._processes[1 + number], signal.SIGKILL)

    def cpu_by_process(self) -> dict[tuple[int, str], float]:
        """CPU seconds of each process of the nodes without the head, by id and start time: daemons and workers."""
        groups = {process.pid for process in self._processes[1:]}
        found = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError, IndexError):
                fields = (entry / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
                if entry.name.isdigit() and int(fields[3]) in groups:
                    found[int(entry.name), fields[19]] = cpu_seconds(int(entry.name))
        return found

    def stop(self) -> None:
        """End every node."""
        for process in reversed(self._processes):
            self._end(process, signal.SIGKILL)
        self._sockets.cleanup()

    def _start(self, *words: str, host: str) -> Path:
        program = str(Path(sys.executable).with_name("ray"))
        common = [
            f"--node-ip-address={host}",
            f"--object-store-memory={_STORE_BYTES}",
            "--min-worker-port=0",
            "--max-worker-port=0",
            "--disable-usage-stats",
            "--include-log-monitor=false",
            "--block",
        ]
        if "--head" in words:
            common += ["--no-monitor", "--include-dashboard=false", f"--temp-dir={self._sockets.name}"]
        path = self._folder / f"ray-{host}.log"
        with path.open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [program, "start", *words, *common],
                    cwd=self._cwd,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        return path

    def _wait(self, log: Path) -> None:
        """Wait until a node says that it has started."""
        deadline = time.monotonic() + _START_S
        while b"Ray runtime started" not in log.read_bytes():
            if time.monotonic() > deadline or any(process.poll() is not None for process in self._processes):
                raise RuntimeError(f"a Ray node did not start: {log.read_text(errors='replace')}")
            time.sleep(0.1)

    @staticmethod
    def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """Signal every process of a node: those of its session, whatever group they are in."""
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError, IndexError):
                fields = (entry / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
                if entry.name.isdigit() and int(fields[3]) == process.pid:
                    os.kill(int(entry.name), number)
        process.wait()


def _free_port(host: str) -> int:
    """A port that no one listens at, below those that systems hand out: the head binds it seconds later."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as free, suppress(OSError):
            free.bind((host, port))
            return port
