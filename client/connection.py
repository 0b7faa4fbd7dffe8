"""Carries out the steps of a call: sends and waits, in the calling thread or in the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

import httpx

from .answers import Outcome
from .calls import Call
from .errors import UnexpectedAnswer
from .exchange import Step, steps
from .replies import Page
from .settings import Settings

Result = TypeVar("Result")

_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=15.0)
"""Connections rest for less long than the server lets them: a request is not sent on one that it has just closed."""


class Connection:
    """Sends from the calling thread; several threads may use it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http = httpx.Client(timeout=settings.timeout, limits=_LIMITS, verify=settings.trust)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def do(self, call: Call[Result]) -> Result:
        """Do a call.

        Raises:
            PresenteError: see :func:`steps`.
        """
        todo = steps(call, self._settings)
        outcome: Outcome | None = None
        while True:
            try:
                step = todo.send(outcome)
            except StopIteration as done:
                result: Result = done.value
                return result
            outcome = self._carry_out(step)

    def lines(self, page_of: Callable[[str | None], Call[Page[Result]]]) -> Iterator[Result]:
        """The lines of a list; a page is asked for when it is needed."""
        cursors = _Cursors()
        while True:
            page = self.do(page_of(cursors.last))
            yield from page.lines
            if cursors.ends(page):
                return

    def _carry_out(self, step: Step) -> Outcome | None:
        if isinstance(step, float):
            time.sleep(step)
            return None
        step.extensions["timeout"] = self._settings.timeout.as_dict()
        try:
            return self._http.send(step)
        except httpx.RequestError as error:
            return error


class AsyncConnection:
    """Sends from one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http = httpx.AsyncClient(timeout=settings.timeout, limits=_LIMITS, verify=settings.trust)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def do(self, call: Call[Result]) -> Result:
        """Do a call.

        Raises:
            PresenteError: see :func:`steps`.
            RuntimeError: an earlier one was done in another event loop, which the connections belong to.
        """
        self._stay_in_loop()
        todo = steps(call, self._settings)
        outcome: Outcome | None = None
        while True:
            try:
                step = todo.send(outcome)
            except StopIteration as done:
                result: Result = done.value
                return result
            outcome = await self._carry_out(step)

    async def lines(self, page_of: Callable[[str | None], Call[Page[Result]]]) -> AsyncIterator[Result]:
        """The lines of a list; a page is asked for when it is needed."""
        cursors = _Cursors()
        while True:
            page = await self.do(page_of(cursors.last))
            for line in page.lines:
                yield line
            if cursors.ends(page):
                return

    def _stay_in_loop(self) -> None:
        running = asyncio.get_running_loop()
        self._loop = self._loop or running
        if self._loop is not running:
            raise RuntimeError(
                "an AsyncClient belongs to the event loop of its first call, and this is another: make one in each "
                "asyncio.run, or do everything in one"
            )

    async def _carry_out(self, step: Step) -> Outcome | None:
        if isinstance(step, float):
            await asyncio.sleep(step)
            return None
        step.extensions["timeout"] = self._settings.timeout.as_dict()
        try:
            return await self._http.send(step)
        except httpx.RequestError as error:
            return error


class _Cursors:
    """The cursors of a list that is being read, so that a list which leads back to a page of its own has an end."""

    def __init__(self) -> None:
        self.last: str | None = None
        self._seen: set[str] = set()

    def ends(self, page: Page[Result]) -> bool:
        """Whether a page is the last; otherwise ``last`` leads to the next one.

        Raises:
            UnexpectedAnswer: its cursor led to an earlier page.
        """
        self.last = page.next_cursor
        if self.last is None:
            return True
        if self.last in self._seen:
            raise UnexpectedAnswer("the list has no end: next_cursor leads back to a page that was read already")
        self._seen.add(self.last)
        return False
