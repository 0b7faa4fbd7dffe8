"""The protocol of the part of a store that keeps keys, accounts and sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gallery.documents.access import AccessKey, Account, AccountChanges, LoginSession


class AccessStore(Protocol):
    """Keys, accounts and sessions of a store. When a student is erased, or merged into another, the student's keys and
    accounts are deleted, and the sessions of these accounts. None is stored of a student who is gone, however closely
    the two follow each other: adding and changing raise ``NotFound`` (``student_not_found``)."""

    def access_secret(self) -> str:
        """64 hex digits that the store got when it was first asked: what servers of this store sign with."""

    def access_revision(self) -> str:
        """A random word that is another one after each change of a key's or account's existence, grant or state. Cheap:
        followers ask for it every second."""

    def add_key(self, key: AccessKey) -> bool:
        """Add a key; False when there is one with its name."""

    def access_keys(self) -> list[AccessKey]:
        """Every key, in order of name."""

    def remove_key(self, name: str) -> bool:
        """Delete a key; False when there is none with the name."""

    def note_key_uses(self, uses: Mapping[str, str]) -> None:
        """Set when keys, by name, were last used. An earlier moment than the stored one changes nothing."""

    def add_account(self, account: Account) -> bool:
        """Add an account; False when there is one with its name."""

    def accounts(self) -> list[Account]:
        """Every account, in order of name."""

    def account(self, name: str) -> Account | None:
        """The account with a name; None when there is none."""

    def change_account(self, name: str, changes: AccountChanges, only_if: str | None = None) -> Account | None:
        """Change an account at once, as it is then; the account afterwards. None, and nothing is changed, when there is
        none with the name, or its password's hash is not ``only_if``.

        Raises ``Conflict`` (``last_admin``) when no admin could log in any more: of several changes at once that
        together would do so, at least one raises."""

    def add_session(self, session: LoginSession) -> None:
        """Add a session. One whose account is gone is not stored."""

    def session(self, digest: str) -> LoginSession | None:
        """The session of a token; None when there is none."""

    def note_session_uses(self, uses: Mapping[str, str]) -> None:
        """Likewise, when sessions, by digest, were last seen."""

    def end_session(self, digest: str) -> None:
        """Delete a session."""

    def end_sessions_of(self, account: str) -> None:
        """Delete the sessions of an account."""

    def drop_sessions(self, created_before: str, seen_before: str) -> None:
        """Delete the sessions that were created, or last seen, before these moments."""
