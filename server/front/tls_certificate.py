"""The certificate that the server shows, read again when its files change."""

from __future__ import annotations

import logging
import ssl
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from presente.errors import ConfigError

log = logging.getLogger("presente.tls")

LOOK_S = 1.0
"""Seconds between two looks at the files."""

_State = tuple[tuple[int, int, int], ...]


class TlsCertificate:
    """A certificate with its key, from two PEM files. Used by one thread, the event loop's.

    A connection keeps what it began with: another certificate is for those that come after it.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        """Read the files.

        Args:
            certificate: the server's certificate, then those that lead to a root.
            key: its private key, without a password, which no other user of the machine may read.

        Raises:
            ConfigError: ``tls_unreadable``.
        """
        self._certificate, self._key = certificate, key
        self._state = self._look()
        self._context = _context_of(certificate, key)
        self._next_look = time.monotonic() + LOOK_S

    def context(self) -> ssl.SSLContext:
        """What a connection that comes now begins TLS with.

        Files that changed are read at most :data:`LOOK_S` later. What cannot be used is logged, and what was read
        before holds.
        """
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_S
            self._read_what_changed()
        return self._context

    def _read_what_changed(self) -> None:
        state = self._look()
        if state == self._state:
            return
        self._state = state
        try:
            self._context = _context_of(self._certificate, self._key)
        except ConfigError as error:
            log.error("The certificate that was read before holds. %s", error)

    def _look(self) -> _State:
        """What a file's status says of its content and rights; nothing of a file that is not there."""
        states = []
        for path in (self._certificate, self._key):
            try:
                status = path.stat()
            except OSError:
                continue
            states.append((status.st_ino, status.st_ctime_ns, status.st_size))
        return tuple(states)


def _context_of(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 with the ciphers that Python chooses.

    Raises:
        ConfigError: ``tls_unreadable``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    _check_rights(key)
    try:
        expires = x509.load_pem_x509_certificates(certificate.read_bytes())[0].not_valid_after_utc
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as exc:
        raise _unreadable(
            f"{certificate} and {key} do not belong together, or are no PEM files ({exc.reason or exc}).",
            "Name the certificate's chain and its own key.",
        ) from exc
    except OSError as exc:
        raise _unreadable(f"{exc.filename or certificate} cannot be read ({exc.strerror}).", "Correct it.") from exc
    except ValueError as exc:
        raise _unreadable(f"{certificate} or {key} is no PEM file of its kind ({exc}).", "Correct it.") from exc
    if expires < datetime.now(UTC):
        log.warning("The certificate %s has expired: browsers refuse it.", certificate)
    else:
        log.info("The certificate %s was read. It holds until %s.", certificate, f"{expires:%Y-%m-%d %H:%M} UTC")
    return context


def _check_rights(key: Path) -> None:
    """Refuse a key that every user of the machine can read or change."""
    try:
        mode = key.stat().st_mode
    except OSError as exc:
        raise _unreadable(f"{key} cannot be read ({exc.strerror}).", "Correct it.") from exc
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise _unreadable(
            f"Every user of this machine can read or change the key {key}.",
            "Make it the server's own (chown), and readable by no others (chmod 600, or 640 for a group).",
        )


def _no_password() -> bytes:
    """Called where a key has a password; OpenSSL would ask for it on the terminal."""
    raise ValueError("the key has a password; write it without one, as `openssl pkey` does")


def _unreadable(what: str, fix: str) -> ConfigError:
    return ConfigError("tls_unreadable", what, fix)
