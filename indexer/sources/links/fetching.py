"""Fetches the photo behind an http(s) link: within limits, with retries, never from a private address unless allowed.

A name is resolved once per request, all its addresses are checked, and the connection goes to a checked address: a name
server that answers differently the second time gains nothing. TLS still checks the name. Proxies of the environment are
not used, because a proxy may connect to any address.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urljoin

import certifi
from urllib3 import BaseHTTPResponse, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, InvalidHeader, LocationParseError
from urllib3.util import Url, parse_url

from indexer.sources.links.addresses import is_public, resolve
from indexer.sources.links.drive import DOWNLOAD, direct_url
from presente.errors import PhotoRefused

_CHUNK = 1 << 16
_PORTS = {"http": 80, "https": 443}
_RETRYABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|script|meta|!--)", re.IGNORECASE)
_HEADERS = {"User-Agent": "Presente", "Accept": "image/*, */*;q=0.5", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class LinkRules:
    """What fetching one photo may cost, and where it may lead. Times are in seconds.

    Attributes:
        max_bytes: longer files are refused, and not read to their end.
        private: allow addresses that are not of the open internet.
        attempts: how often a link is tried while its server is busy or unreachable.
        connect_s, read_s: the longest wait for a connection, and for more bytes.
        total_s: after this time no attempt and no reading goes on.
        backoff_s: the first pause between attempts; each further pause is twice as long.
        pause_s: the longest pause, whatever ``Retry-After`` says.
        redirects: how many redirects are followed.
        drive: address from which Google Drive serves files.
        authorities: file with the certificates that TLS trusts.
    """

    max_bytes: int = 16_000_000
    private: bool = False
    attempts: int = 4
    connect_s: float = 10.0
    read_s: float = 20.0
    total_s: float = 120.0
    backoff_s: float = 0.5
    pause_s: float = 30.0
    redirects: int = 5
    drive: str = DOWNLOAD
    authorities: str = certifi.where()


class _RetryableFailure(Exception):
    """A failure that another attempt may not have; ``pause_s`` is the wait that the server asked for, if any."""

    def __init__(self, what: str, pause_s: float | None = None) -> None:
        super().__init__(what)
        self.pause_s = pause_s


def fetch(link: str, rules: LinkRules | None = None) -> bytes:
    """The content behind a link; for a share link of Google Drive, the file that it shares.

    Raises:
        PhotoRefused: ``link_refused`` (a private address, or not http), ``too_many_bytes``, ``not_shared`` (a web page,
            or a server that wants a login), ``link_failed`` (anything else, after retries where they may help).
    """
    rules = rules or LinkRules()
    url = direct_url(link, rules.drive)
    deadline = time.monotonic() + rules.total_s
    attempt = 0
    while True:
        try:
            return _follow(url, rules, attempt, deadline)
        except _RetryableFailure as failure:
            if time.monotonic() >= deadline:
                raise _failed(f"it took longer than {rules.total_s:.0f} seconds") from failure
            wanted_pause = rules.backoff_s * 2**attempt if failure.pause_s is None else failure.pause_s
            pause = min(wanted_pause, rules.pause_s)
            attempt += 1
            if attempt >= rules.attempts or time.monotonic() + pause > deadline:
                raise _failed(f"{failure}, in {attempt} attempts") from failure
            time.sleep(pause)


def _follow(url: str, rules: LinkRules, attempt: int, deadline: float) -> bytes:
    """One attempt, with its redirects; every address on the way is checked like the first."""
    for _ in range(rules.redirects + 1):
        with _response(url, rules, attempt, deadline) as reply:
            target = reply.get_redirect_location()
            if not target:
                return _read_body(reply, rules, deadline)
            url = urljoin(url, target)
    raise _failed(f"it was redirected more than {rules.redirects} times")


@contextmanager
def _response(url: str, rules: LinkRules, attempt: int, deadline: float) -> Iterator[BaseHTTPResponse]:
    """The reply to one request; its body is not read yet."""
    target = _parse_address(url)
    headers = _HEADERS | {"Host": target.netloc or ""}
    try:
        with closing(_connection(target, rules, attempt)) as connection, _closed_at(deadline, connection):
            connection.connect()
            connection.timeout = rules.read_s
            connection.request("GET", target.request_uri, headers=headers, preload_content=False, decode_content=False)
            with closing(connection.getresponse()) as reply:
                yield reply
    except ssl.SSLCertVerificationError as exc:
        raise _failed(f"{target.host} has no certificate to trust ({exc.verify_message})") from exc
    except (HTTPError, HTTPException, OSError) as exc:
        raise _RetryableFailure(f"{target.host} cannot be read ({exc})") from exc


@contextmanager
def _closed_at(deadline: float, connection: HTTPConnection) -> Iterator[None]:
    """Close the connection at the deadline, because a server that sends single bytes never times out."""

    def close() -> None:
        if connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _parse_address(url: str) -> Url:
    try:
        target = parse_url(url)
    except LocationParseError as exc:
        raise _failed(f"{url!r} is not an address") from exc
    if target.scheme not in _PORTS or not target.host:
        raise PhotoRefused("link_refused", f"{url!r} is not an http or https address.", "Only those links are fetched.")
    return target


def _connection(target: Url, rules: LinkRules, attempt: int) -> HTTPConnection:
    """An unopened connection to one of the host's addresses, another one at each attempt; all addresses are checked."""
    host = (target.host or "").strip("[]")
    port = target.port or _PORTS[target.scheme or ""]
    try:
        addresses = resolve(host, port)
    except socket.gaierror as exc:
        if exc.errno == socket.EAI_AGAIN:
            raise
        raise _failed(f"{host} is not known ({exc.strerror})") from exc
    private = [address for address in addresses if not is_public(address)]
    if private and not rules.private:
        raise PhotoRefused(
            "link_refused",
            f"{host} is {private[0]}, which is not an address of the open internet.",
            "Set PRESENTE_PRIVATE_LINKS=true to allow links into your own network.",
        )
    address = addresses[attempt % len(addresses)]
    if target.scheme == "http":
        return HTTPConnection(address, port, timeout=rules.connect_s)
    return HTTPSConnection(
        address,
        port,
        timeout=rules.connect_s,
        cert_reqs="CERT_REQUIRED",
        ca_certs=rules.authorities,
        server_hostname=host,
    )


def _read_body(reply: BaseHTTPResponse, rules: LinkRules, deadline: float) -> bytes:
    """The body of a good reply, if it is within the limits of size and time."""
    if reply.status in _RETRYABLE_STATUS:
        raise _RetryableFailure(f"the server answers {reply.status}", _retry_after(reply))
    if reply.status in (401, 403):
        raise _not_shared(f"without a login, the server answers {reply.status}")
    if reply.status != 200:
        raise _failed(f"the server answers {reply.status}")
    content = bytearray()
    announced = reply.headers.get("Content-Length", "")
    too_long = announced.isdecimal() and int(announced) > rules.max_bytes
    while not too_long and time.monotonic() < deadline and (chunk := reply.read1(_CHUNK)):
        content += chunk
        too_long = len(content) > rules.max_bytes
    if too_long:
        raise PhotoRefused(
            "too_many_bytes",
            f"The file behind the link has more than {rules.max_bytes:,} bytes.",
            "Share a smaller JPEG.",
        )
    if not content or time.monotonic() >= deadline:  # a reply that was cut off in its headers looks empty
        raise _RetryableFailure("the server's reply is empty")
    if _WEB_PAGE.match(content):
        raise _not_shared("it leads to a web page, not to a photo")
    return bytes(content)


def _retry_after(reply: BaseHTTPResponse) -> float | None:
    """The seconds that ``Retry-After`` asks for, as a number or as a date; None when it does not ask for any."""
    try:
        return Retry().get_retry_after(reply)
    except InvalidHeader:
        return None


def _failed(why: str) -> PhotoRefused:
    return PhotoRefused(
        "link_failed", f"The link gives no photo: {why}.", "Check the link in a browser, then run the command again."
    )


def _not_shared(why: str) -> PhotoRefused:
    return PhotoRefused(
        "not_shared",
        f"The link gives no photo: {why}.",
        "Share the file with anyone who has the link (Google Drive: Share, General access, Anyone with the link).",
    )
