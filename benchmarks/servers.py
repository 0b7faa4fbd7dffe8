"""A server in a process of its own, for benchmarks that ask it over HTTP."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import common
from benchmarks.processes import ServerProcess
from presente.installation import IMPORT_ROOT as ROOT

SAMPLE_CLASS = ROOT / "data_sample" / "students.csv"
_PATIENCE_S = 30.0
UNLIMITED = {"PRESENTE_REQUEST_LIMIT": "off", "PRESENTE_REQUEST_LIMIT_STRANGERS": "off"}
"""Settings of a server with keys that is asked as often as it can answer."""


@dataclass(frozen=True, slots=True)
class BenchmarkServer:
    """A running server.

    Attributes:
        address: host and port.
        process: the server's process and log.
        environment: the environment of the server, which programs on the same gallery need, too.
        folder: where the gallery lies.
    """

    address: str
    process: ServerProcess
    environment: Mapping[str, str]
    folder: Path

    @property
    def port(self) -> int:
        """The port alone."""
        return int(self.address.rpartition(":")[2])


@contextmanager
def served(
    given: argparse.Namespace,
    source: Path | None = SAMPLE_CLASS,
    *,
    folder: Path | None = None,
    checkout: Path = ROOT,
    descriptors: int | None = None,
    **settings: str,
) -> Iterator[BenchmarkServer]:
    """Serve a gallery until the block ends.

    Args:
        given: the benchmark's flags; those of settings hold for the server, too.
        source: what is enrolled first; None: nothing.
        folder: where the gallery lies; None: a new folder, which is deleted afterwards.
        checkout: the version of this project that serves.
        descriptors: how many files the server may have open; None: as many as this process.
        settings: variables (``PRESENTE_...``) that go before the flags.
    """
    if folder is None:
        with (
            tempfile.TemporaryDirectory() as name,
            served(given, source, folder=Path(name), checkout=checkout, descriptors=descriptors, **settings) as running,
        ):
            yield running
        return
    environment = common.environment_in(given, folder, **(UNLIMITED | settings))
    if source is not None:
        words = [sys.executable, "-m", "indexer", "add", str(source.resolve()), "--json"]
        subprocess.run(words, cwd=checkout, env=environment, check=True, stdout=subprocess.DEVNULL)

    def limit() -> None:
        if descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    log = folder / "server.log"
    with (
        log.open("w", encoding="utf-8") as stream,
        subprocess.Popen(
            [sys.executable, "-m", "server", "--port", "0", "--json"],
            cwd=checkout,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            preexec_fn=limit,  # no threads are running yet
        ) as process,
    ):
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the server did not start: {log.read_text(encoding='utf-8')[-2000:]}")
            address = str(json.loads(line)["address"]).removeprefix("http://")
            yield BenchmarkServer(address, ServerProcess(process.pid, log), environment, folder)
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:  # it may be decoding for ever
                process.kill()
