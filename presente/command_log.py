"""What commands write into the access log. A line is on disk before the command goes on to its next change."""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC

from gallery.documents.access_log import AccessAction, AccessEvent, in_lines
from gallery.documents.access_log_store import AccessLogStore
from presente.access_roles import AccessRole
from presente.clock import Clock
from presente.settings.settings import AccessLogLevel

_HERE = "local"
"""The address of what is done on this machine."""


@dataclass(frozen=True, slots=True)
class CommandRun:
    """One run of a command, in however many processes: its request id, and who runs it."""

    request: str
    caller: str

    @classmethod
    def begun_here(cls) -> CommandRun:
        """A new run, by the account of this process."""
        return cls(uuid.uuid4().hex, f"shell:{_login_name()}")


class CommandLog:
    """The access log of one command. Its lines have one request id."""

    def __init__(
        self, store: AccessLogStore, clock: Clock, level: AccessLogLevel, run: CommandRun | None = None
    ) -> None:
        """``level``: with ``off`` nothing is written; whatever a command writes is a change. ``run``: a new one."""
        self._store = store
        self._clock = clock
        self._is_on = level != "off"
        self._run = run or CommandRun.begun_here()

    def write(self, action: AccessAction, about: Sequence[str] = (), detail: str = "") -> None:
        """Write that something was done; in several lines when it is about many students.

        Args:
            action: what.
            about: matriculas of the students concerned.
            detail: more about it; it names no student.
        """
        if not self._is_on:
            return
        at = self._clock.now().astimezone(UTC).isoformat(timespec="milliseconds")
        made = AccessEvent(
            at, self._run.caller, str(AccessRole.ADMIN), _HERE, action, request=self._run.request, detail=detail
        )
        self._store.append(in_lines(replace(made, about=tuple(about))))


def _login_name() -> str:
    """The name of this machine's account that runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have none
        return "-"
