"""The process of one job: ``python -m server.jobs.child``.

The work comes pickled on stdin, which stays open as long as the server lives: when it ends, so does this process. What
is told comes as one JSON object per line on stdout: how far the work is, and at last its result or its error.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO

_NICE = 10
"""As imports. At 19 the process would hold a lock that it has, such as that for writing, for as long as others want to
compute, and requests would wait for the lock."""


def main() -> int:
    """Do the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the server's to handle
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    work = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_server, name="watches the server", daemon=True).start()
    told = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no message
    return _do(work, told)


def _do(work: Any, told: BinaryIO) -> int:
    from dataclasses import asdict

    from presente.errors import PresenteError
    from server.jobs.work import do

    def say(**message: Any) -> None:
        told.write(json.dumps(message, allow_nan=False).encode() + b"\n")
        told.flush()

    try:
        result: Mapping[str, Any] = do(work, lambda progress: say(progress=asdict(progress)))
        say(result=dict(result))
        return 0
    except PresenteError as error:
        say(code=error.code, text=str(error))
    except Exception as error:
        logging.getLogger("presente.jobs").exception("a job failed")
        say(code="internal_error", text=f"It failed ({type(error).__name__}); the server's log has more.")
    return 1


def _end_with_server() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
