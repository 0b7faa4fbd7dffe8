"""Keys and accounts of the store, in memory: a request looks them up without asking the store.

A thread asks the store every second whether they have changed, and reads them again if so. A key or an account that is
revoked by another process therefore stops working within about two seconds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gallery.documents.access import AccessKey, Account, digest_of_secret
from gallery.documents.access_protocol import AccessStore
from presente.access_roles import AccessRole
from presente.errors import PresenteError, StoreError
from presente.log_limits import rate_limited
from server.access.tokens import TokenSigner

_POLL_S = 1.0
_WHOLE_S = 30.0
"""How often keys and accounts are read even if nothing says that they changed: a writer may have died before."""

log = rate_limited(logging.getLogger("presente.access.register"))


@dataclass(frozen=True, slots=True)
class _Copy:
    """What the store had at a revision: keys by digest, accounts by name."""

    revision: str
    keys: Mapping[str, AccessKey]
    accounts: Mapping[str, Account]
    read_at: float = field(default_factory=time.monotonic)


class AccessRegister:
    """Follows the keys and accounts of one store. Safe to use from several threads."""

    def __init__(self) -> None:
        self._store: AccessStore | None = None
        self._signer: TokenSigner | None = None
        self._copy = _Copy("", {}, {})
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._used: dict[tuple[str, str], str] = {}
        self._noted: dict[tuple[str, str], str] = {}

    def follow(self, store: AccessStore) -> None:
        """Read the keys and accounts of a store, and follow them from now on."""
        self._signer = TokenSigner(store.access_secret())
        self._copy = _read(store)
        self._store = store
        self._thread = threading.Thread(target=self._run, args=(store,), name="access register", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer; what was used is noted in the store first."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def store(self) -> AccessStore:
        """The store.

        Raises:
            StoreError: ``not_ready`` before it is open.
        """
        if self._store is None:
            raise StoreError("not_ready", "The keys and accounts are still loading.", "Ask again in a second.")
        return self._store

    @property
    def signer(self) -> TokenSigner:
        """What signs this store's tokens. Raises as :attr:`store`."""
        if self._signer is None:
            raise StoreError("not_ready", "The keys and accounts are still loading.", "Ask again in a second.")
        return self._signer

    @property
    def is_loaded(self) -> bool:
        """Whether keys and accounts are known."""
        return self._store is not None

    def key(self, text: str) -> AccessKey | None:
        """The key of the store with this text; None when there is none."""
        return self._copy.keys.get(digest_of_secret(text))

    def key_named(self, name: str) -> AccessKey | None:
        """The key of the store with this name; None when there is none."""
        return next((key for key in self._copy.keys.values() if key.name == name), None)

    def account(self, name: str) -> Account | None:
        """The account with this name; None when there is none."""
        return self._copy.accounts.get(name)

    def has_admin(self) -> bool:
        """Whether there is an account of an admin, enabled or not."""
        return any(account.grant.role is AccessRole.ADMIN for account in self._copy.accounts.values())

    def refresh(self) -> None:
        """Read keys and accounts now: this process has changed one."""
        self._update(self.store)

    def used(self, kind: str, name: str) -> None:
        """Note that a key (by name) or a session (by digest) was used; the store is told later, by another thread."""
        self._used[kind, name] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00+00:00")

    def _run(self, store: AccessStore) -> None:
        while not self._stopped.wait(_POLL_S):
            try:
                stale = time.monotonic() - self._copy.read_at > _WHOLE_S
                if stale or store.access_revision() != self._copy.revision:
                    self._update(store)
                self._note_uses(store)
            except PresenteError as error:  # what was read last holds until the store is back
                log.warning("keys and accounts cannot be read: %s", error)
            except Exception:  # the thread must outlive whatever the store raises: else nothing could be revoked
                log.exception("keys and accounts cannot be read")
        try:
            self._note_uses(store)
        except PresenteError as error:
            log.warning("when keys were used could not be noted: %s", error)

    def _update(self, store: AccessStore) -> None:
        with self._lock:  # else an older copy could follow a newer one
            self._copy = _read(store)

    def _note_uses(self, store: AccessStore) -> None:
        """Tell the store what was used in a minute of which it was not told yet."""
        due = {who: at for who, at in list(self._used.items()) if self._noted.get(who) != at}
        for kind, note in (("key", store.note_key_uses), ("session", store.note_session_uses)):
            if uses := {name: at for (of, name), at in due.items() if of == kind}:
                note(uses)
        self._noted |= due
        this_minute = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00+00:00")
        for who in [who for who, at in list(self._noted.items()) if at < this_minute]:
            self._noted.pop(who, None)
            if self._used.get(who, "") < this_minute:
                self._used.pop(who, None)


def _read(store: AccessStore) -> _Copy:
    revision = store.access_revision()  # first: a change while the rest is read makes it be read again
    keys = {key.digest: key for key in store.access_keys()}
    return _Copy(revision, keys, {account.name: account for account in store.accounts()})
