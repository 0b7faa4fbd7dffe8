"""One request to a receiver: by when it must have answered, and in which words it is said why it did not.

It is a coroutine because the time of all of it has a limit: a receiver may send its answer byte by byte.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator, Mapping

import httpx


class NotTaken(Exception):
    """A receiver did not take what it was sent. The text says why, and never the address."""


async def post(address: str, body: bytes, headers: Mapping[str, str], within_s: float) -> None:
    """Send a body. Of the answer only the status is read.

    Args:
        address: where to.
        body: what is sent.
        headers: beside those of every request.
        within_s: seconds that it may take, from looking up the host to the status.

    Raises:
        NotTaken: the answer was no 2xx, or none came.
    """
    try:
        async with (
            asyncio.timeout(within_s),
            httpx.AsyncClient(timeout=within_s, follow_redirects=False) as client,
            client.stream("POST", address, content=body, headers=dict(headers)) as reply,
        ):
            status = reply.status_code
    except (TimeoutError, httpx.TimeoutException) as error:
        raise NotTaken(f"it did not answer within {within_s:g} seconds") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotTaken(_in_words(error)) from error
    if not 200 <= status < 300:
        raise NotTaken(f"it answered {status}")


def _in_words(error: Exception) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted ({cause.verify_message.rstrip('.')})"
        if isinstance(cause, ssl.SSLError):
            return "it does not speak TLS as it should"
        if isinstance(cause, socket.gaierror):
            return "its host cannot be looked up now" if cause.errno == socket.EAI_AGAIN else "there is no such host"
        if isinstance(cause, ConnectionRefusedError):
            return "it refused the connection"
        if isinstance(error, httpx.ConnectError) and isinstance(cause, OSError) and cause.errno:
            return f"no connection ({cause.strerror})"
    if isinstance(error, httpx.RemoteProtocolError):
        return "it answered nothing, or no HTTP"
    if isinstance(error, httpx.NetworkError):
        return "the connection broke off"
    return type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What an error comes from, the error itself first."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _causes(each)
    cause = error.__cause__ or error.__context__
    if cause is not None:
        yield from _causes(cause)
