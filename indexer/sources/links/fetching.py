"""The photo behind an http(s) link: within limits, tried again, and never from a private address unless allowed.

A name is resolved once for each request, all its addresses are checked, and the connection goes to the address that was
checked (a name server that answers differently the second time gains nothing). TLS still checks the name. Proxies
of the environment play no part: they would connect wherever they like.
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
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|script|meta|!--)", re.IGNORECASE)
_HEADERS = {"User-Agent": "Presente", "Accept": "image/*, */*;q=0.5", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class LinkRules:
    """What fetching one photo may cost, and where it may lead. Times are seconds.

    Attributes:
        max_bytes: longer files are refused, and not read to their end.
        private: allow addresses that are not the open internet's.
        attempts: how often a link is tried while its server is busy or away.
        connect_s, read_s: the longest wait for a connection, and for more bytes.
        total_s: no attempt, and no reading, goes on after this.
        backoff_s: the first pause between attempts; each further one is twice as long.
        pause_s: the longest pause, whatever ``Retry-After`` says.
        redirects: how many are followed.
        drive: where Google Drive gives files.
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


class _TryAgain(Exception):
    """A failure that another attempt may not have; ``pause_s`` is how long the server asked to wait."""

    def __init__(self, what: str, pause_s: float | None = None) -> None:
        super().__init__(what)
        self.pause_s = pause_s


def fetch(link: str, rules: LinkRules | None = None) -> bytes:
    """The content behind a link; of a share link of Google Drive's, the file that it shares.

    Raises:
        PhotoRefused: ``link_refused`` (a private address, not http), ``too_many_bytes``, ``not_shared`` (a web page, or
            a server that wants a login), ``link_failed`` (anything else; where it may help, after several attempts).
    """
    rules = rules or LinkRules()
    url = direct_url(link, rules.drive)
    deadline = time.monotonic() + rules.total_s
    attempt = 0
    while True:
        try:
            return _follow(url, rules, attempt, deadline)
        except _TryAgain as failure:
            if time.monotonic() >= deadline:
                raise _failed(f"it took longer than {rules.total_s:.0f} seconds") from failure
            asked = rules.backoff_s * 2**attempt if failure.pause_s is None else failure.pause_s
            pause = min(asked, rules.pause_s)
            attempt += 1
            if attempt >= rules.attempts or time.monotonic() + pause > deadline:
                raise _failed(f"{failure}, at {attempt} attempts") from failure
            time.sleep(pause)


def _follow(url: str, rules: LinkRules, attempt: int, deadline: float) -> bytes:
    """One attempt, along its redirects; every hop is checked like the first."""
    for _ in range(rules.redirects + 1):
        with _answer(url, rules, attempt, deadline) as reply:
            target = reply.get_redirect_location()
            if not target:
                return _photo(reply, rules, deadline)
            url = urljoin(url, target)
    raise _failed(f"it was redirected more than {rules.redirects} times")


@contextmanager
def _answer(url: str, rules: LinkRules, attempt: int, deadline: float) -> Iterator[BaseHTTPResponse]:
    """The reply to one request, its body yet to be read."""
    target = _parsed(url)
    headers = _HEADERS | {"Host": target.netloc or ""}
    try:
        with closing(_connection(target, rules, attempt)) as connection, _hung_up_at(deadline, connection):
            connection.connect()
            connection.timeout = rules.read_s
            connection.request("GET", target.request_uri, headers=headers, preload_content=False, decode_content=False)
            with closing(connection.getresponse()) as reply:
                yield reply
    except ssl.SSLCertVerificationError as exc:
        raise _failed(f"{target.host} has no certificate to trust ({exc.verify_message})") from exc
    except (HTTPError, HTTPException, OSError) as exc:
        raise _TryAgain(f"{target.host} cannot be read ({exc})") from exc


@contextmanager
def _hung_up_at(deadline: float, connection: HTTPConnection) -> Iterator[None]:
    """Cut the connection at the deadline: a server that sends a byte now and then never times out."""

    def hang_up() -> None:
        if connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(max(0.0, deadline - time.monotonic()), hang_up)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _parsed(url: str) -> Url:
    try:
        target = parse_url(url)
    except LocationParseError as exc:
        raise _failed(f"{url!r} is no address") from exc
    if target.scheme not in _PORTS or not target.host:
        raise PhotoRefused("link_refused", f"{url!r} is not an http or https address.", "Only those are fetched.")
    return target


def _connection(target: Url, rules: LinkRules, attempt: int) -> HTTPConnection:
    """A connection, yet to be made, to one of the host's addresses, another at each attempt, all of them checked."""
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
            "Set PRESENTE_PRIVATE_LINKS=true if links may lead into your own network.",
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


def _photo(reply: BaseHTTPResponse, rules: LinkRules, deadline: float) -> bytes:
    """The body of a good reply, as long as it is short enough and quick enough."""
    if reply.status in _TRY_AGAIN:
        raise _TryAgain(f"the server answers {reply.status}", _asked_pause(reply))
    if reply.status in (401, 403):
        raise _not_shared(f"the server answers {reply.status}, as it does to strangers")
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
    if not content or time.monotonic() >= deadline:  # cut off in its headers, an answer looks like one without a body
        raise _TryAgain("the server's answer is empty")
    if _WEB_PAGE.match(content):
        raise _not_shared("it leads to a web page, not to a photo")
    return bytes(content)


def _asked_pause(reply: BaseHTTPResponse) -> float | None:
    """The seconds that ``Retry-After`` asks for, as a number or as a date; None when it says nothing."""
    try:
        return Retry().get_retry_after(reply)
    except InvalidHeader:
        return None


def _failed(why: str) -> PhotoRefused:
    return PhotoRefused("link_failed", f"The link gives no photo: {why}.", "Check it in a browser; run again for it.")


def _not_shared(why: str) -> PhotoRefused:
    return PhotoRefused(
        "not_shared",
        f"The link gives no photo: {why}.",
        "Share the file with anyone who has the link (Google Drive: Share, General access, Anyone with the link).",
    )
