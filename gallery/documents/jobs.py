"""Long work that a server was asked for: what a job is, and how far it is. Nothing of it is about any person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

JobState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What was asked for.

    Attributes:
        kind: which work.
        arguments: of the work, values of JSON.
        caller, role: who asked, as the access log says it.
        at: when, UTC, ISO.
        request: what tells a repeated request from another one; empty for none.
    """

    kind: str
    arguments: Mapping[str, Any]
    caller: str
    role: str
    at: str
    request: str = ""


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How much is done, of how much (None while that is not known), and of what."""

    done: int = 0
    of: int | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a job ended.

    Attributes:
        state: ``done``, ``failed``, ``cancelled`` or ``interrupted``.
        at: when, UTC, ISO.
        result: of a job that is done, values of JSON. It names no person.
        code, text: of the error of one that failed.
    """

    state: JobState
    at: str
    result: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as a store has it.

    Attributes:
        number: its id.
        asked: what was asked for.
        server: the server that runs it; empty while none does.
        started: when that server began, UTC, ISO; None before.
        seen: when that server last said that it is at it.
        progress: how far it was then.
        is_cancelled: whether someone asked for its end.
        end: how it ended; None before.
    """

    number: int
    asked: JobRequest
    server: str = ""
    started: str | None = None
    seen: str | None = None
    progress: JobProgress = JobProgress()
    is_cancelled: bool = False
    end: JobEnd | None = None

    @property
    def state(self) -> JobState:
        """Where it is on its way."""
        return self.end.state if self.end else "running" if self.started else "queued"

    @property
    def seconds_left(self) -> float | None:
        """How long it may take yet, at the pace so far; None while that is not known, and once it has ended."""
        done, of = self.progress.done, self.progress.of
        if self.end is not None or self.started is None or self.seen is None or not done or of is None:
            return None
        took = datetime.fromisoformat(self.seen) - datetime.fromisoformat(self.started)
        return took.total_seconds() / done * max(0, of - done)
