"""Servers to ask, and both clients, which every test asks alike."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from client import AsyncClient, Client, Retries
from tests.server.conftest import Serve, serve

__all__ = ["serve"]

QUICK = Retries(attempts=4, first_wait_s=0.01, longest_wait_s=5.0)

MakeClient = Callable[..., Any]
"""What the fixture `make_client` is: makes a client of an address, with the arguments of :class:`Client`."""


class Awaited:
    """What an AsyncClient has, but that methods return what they are awaited for; a list is read to its end."""

    def __init__(self, client: Any, loop: asyncio.Runner) -> None:
        self._client, self._loop = client, loop

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if not callable(method):
            return Awaited(method, self._loop)

        def run(*arguments: Any, **named: Any) -> Any:
            made = method(*arguments, **named)
            return self._loop.run(_all(made) if inspect.isasyncgen(made) else made)

        return run

    def close(self) -> None:
        self._loop.run(self._client.close())
        self._loop.close()


async def _all(lines: AsyncIterator[Any]) -> list[Any]:
    return [line async for line in lines]


@pytest.fixture(params=["sync", "async"])
def make_client(request: pytest.FixtureRequest) -> Iterator[MakeClient]:
    made: list[Any] = []

    def make(address: str, *arguments: Any, **named: Any) -> Any:
        kind = Client if request.param == "sync" else AsyncClient
        client: Any = kind(address, *arguments, **({"retries": QUICK} | named))
        made.append(client if request.param == "sync" else Awaited(client, asyncio.Runner()))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def presente(serve: Serve, make_client: MakeClient) -> Any:
    """A client of a server with an empty gallery."""
    return make_client(serve().address)
