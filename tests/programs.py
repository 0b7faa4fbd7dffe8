"""Starts the programs under test: as ``python -m MODULE`` or ``python -c CODE`` does, without its second of imports.

One process has imported what the programs import, and forks itself for each of them. A program is a process of its own
all the same, with its own environment, folder, streams and exit status.
``PRESENTE_TEST_FRESH=1`` starts an interpreter per program instead, as is done where this is not Linux.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn, Protocol

ROOT = Path(__file__).resolve().parent.parent
FRESH = os.environ.get("PRESENTE_TEST_FRESH") == "1" or sys.platform != "linux"
ROOMS = ("presente", "faces", "gallery", "indexer", "server", "evaluation", "client")
NOT_IMPORTED = {"faces.runtime.openvino"}  # which is not installed everywhere
ALSO = ("onnxruntime", "tests.conftest")  # what programs import late, and what those of the tests do
_NUMBER = struct.Struct("=i")
_LONGEST_ORDER = 1 << 17


def fresh(words: Sequence[str], cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run an interpreter of its own to its end, in which nothing was done before."""
    return subprocess.run([sys.executable, *words], cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True)


class Process(Protocol):
    """What a test may do with a program: a part of ``subprocess.Popen``."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


def run(
    words: Sequence[str | Path], cwd: Path, env: Mapping[str, str], timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a program, named by its words after ``python``, to its end; what it wrote is read afterwards."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = start(words, cwd, env, out, err)
        try:
            code = process.wait(timeout)
        except BaseException:
            process.kill()
            raise
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([*map(str, words)], code, out.read(), err.read())


def start(
    words: Sequence[str | Path],
    cwd: Path,
    env: Mapping[str, str],
    out: IO[Any],
    err: IO[Any],
    new_session: bool = False,
) -> Process:
    """Start a program, named by its words after ``python``; nothing is on its stdin."""
    texts = [*map(str, words)]
    if FRESH:
        return subprocess.Popen(
            [sys.executable, *texts],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=new_session,
        )
    if not _starters:
        _starters.append(_Starter())
        atexit.register(_starters[0].close)
    return _starters[0].start(texts, cwd, env, out, err, new_session)


class _Forked:
    """A program that the starter forked. Its wait status comes through a pipe."""

    def __init__(self, words: Sequence[str], status: int) -> None:
        self.words = words
        self.returncode: int | None = None
        self._status = status
        self.pid = self._read()

    def __del__(self) -> None:
        os.close(self._status)

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self.returncode = os.waitstatus_to_exitcode(self._read())
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None and not select.select([self._status], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(self.words, timeout or 0.0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read(self) -> int:
        message = os.read(self._status, _NUMBER.size)
        if not message:
            raise RuntimeError("the process that starts programs has ended")
        return int(_NUMBER.unpack(message)[0])


class _Starter:
    """The other end of :func:`serve_orders`. It ends when this process does."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.programs", str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def start(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], out: IO[Any], err: IO[Any], new_session: bool
    ) -> _Forked:
        ours, theirs = os.pipe()
        order = {"words": words, "cwd": str(cwd), "env": dict(env), "new_session": new_session}
        socket.send_fds(self._orders, [json.dumps(order).encode()], [out.fileno(), err.fileno(), theirs])
        os.close(theirs)
        return _Forked(words, ours)

    def close(self) -> None:
        self._orders.close()
        self._process.wait(20)


_starters: list[_Starter] = []
"""None or one: started when the first program is."""


# -- the process that forks ---------------------------------------------------------------------------------------


def import_programs() -> None:
    """Every module of the rooms, and with them what they import."""
    for room in ROOMS:
        package = importlib.import_module(room)
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            if found.name not in NOT_IMPORTED and not found.name.endswith(".__main__"):
                importlib.import_module(found.name)
    for name in ALSO:
        importlib.import_module(name)


def serve_orders(orders: socket.socket) -> dict[str, Any] | None:
    """Fork for each order; what was ordered in the forked process, None in this one when there are no more orders."""
    statuses: dict[int, int] = {}
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is pytest's
    while True:
        watched: list[Any] = [orders, woken]
        ready = select.select(watched, [], [])[0]
        if woken in ready:
            os.read(woken, 1024)
            _report_ended(statuses)
        if orders not in ready:
            continue
        message, streams, _, _ = socket.recv_fds(orders, _LONGEST_ORDER, 3)
        if not message:
            return None
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            order: dict[str, Any] = json.loads(message)
            _take_on(order, *streams[:2])
            for descriptor in (woken, wake, *streams, *statuses.values()):
                os.close(descriptor)
            orders.close()
            return order
        out, err, status = streams
        os.close(out)
        os.close(err)
        os.write(status, _NUMBER.pack(pid))
        statuses[pid] = status


def _report_ended(statuses: dict[int, int]) -> None:
    while statuses:
        pid, ended = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        status = statuses.pop(pid)
        with contextlib.suppress(BrokenPipeError):  # the test is over
            os.write(status, _NUMBER.pack(ended))
        os.close(status)


def _take_on(order: dict[str, Any], out: int, err: int) -> None:
    """Session, folder, environment and streams as ordered."""
    if order["new_session"]:
        os.setsid()
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.dup2(out, 1)
    os.dup2(err, 2)


def become(order: dict[str, Any]) -> None:
    """Run the program as the interpreter would."""
    flag, name, *rest = order["words"]
    sys.path[0] = order["cwd"] if flag == "-m" else ""
    sys.path.insert(1, str(ROOT))
    sys.argv = [flag, *rest]
    if flag == "-m":
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        sys.modules["__main__"] = module = types.ModuleType("__main__")
        exec(compile(name, "<string>", "exec"), module.__dict__)


def end(program: Callable[[], None]) -> NoReturn:
    """Run a program and end as the interpreter does, except that nothing is taken apart: that takes half a second."""
    code = 0
    try:
        program()
    except SystemExit as ending:
        if isinstance(ending.code, int):
            code = ending.code
        elif ending.code is not None:
            sys.stderr.write(f"{ending.code}\n")
            code = 1
    except BaseException as error:  # noqa: BLE001 - the program's, which ends here
        sys.excepthook(type(error), error, error.__traceback__)
        code = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError):  # it is closed
            stream.flush()
    if code < 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def main() -> None:
    import_programs()
    gc.freeze()
    order = serve_orders(socket.socket(fileno=int(sys.argv[1])))
    if order is not None:
        end(lambda: become(order))


if __name__ == "__main__":
    main()
