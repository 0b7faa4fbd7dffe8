"""Logging in and out, and making the first admin."""

from __future__ import annotations

import hmac
import threading
from dataclasses import dataclass

from gallery.documents.access import Account, AccountChanges, Grant, LoginSession
from presente.access_roles import AccessRole
from presente.errors import Conflict, Forbidden, Unauthorized
from server.access.administration import add_account
from server.access.login_delays import LoginAttempt, LoginDelays
from server.access.passwords import LONGEST, check_password, hash_password, is_outdated, is_password, place_for_login
from server.access.register import AccessRegister
from server.access.sessions import Sessions
from server.access.tokens import new_setup_code


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """What a browser gets when a person has logged in: the session's token, and the mark of a browser that is known."""

    account: Account
    token: str
    device: str


class LoginDesk:
    """Lets people in. Safe to use from several threads."""

    def __init__(self, register: AccessRegister, sessions: Sessions, delays: LoginDelays | None = None) -> None:
        """Let people in; ``delays`` counts wrong passwords, None: in this process."""
        self._register = register
        self._sessions = sessions
        self._delays = delays or LoginDelays()
        self._setting_up = threading.Lock()
        self._setup_code = ""

    def login(self, name: str, password: str, address: str, device: str) -> LoggedIn:
        """Check a password, and begin a session.

        Args:
            name: of the account.
            password: as it was typed.
            address: which the attempt counts for.
            device: the browser's mark, as it sent it; empty for none.

        Raises:
            Unauthorized: ``wrong_password``: the name, the password, or the account is disabled.
            Busy: ``too_many_logins``, ``busy``.
        """
        store = self._register.store
        with place_for_login():
            account, known = self._check(name, password, address, device)
        if is_outdated(account.password_hash):
            changes = AccountChanges(password_hash=hash_password(password))
            account = store.change_account(name, changes, only_if=account.password_hash) or account
        return self._let_in(account, known)

    def change_password(self, session: LoginSession, current: str, password: str) -> LoggedIn:
        """Give the account of a session another password. All its sessions end, and a new one begins in their place.

        Raises:
            InvalidInput: ``invalid_password``.
            Forbidden: ``wrong_current_password``.
            Unauthorized: ``wrong_password``: the account was disabled or changed meanwhile.
            Busy: ``too_many_logins``, ``busy``.
        """
        check_password(password)
        store = self._register.store
        attempt = LoginAttempt("", session.account, f"session {session.digest}")
        with place_for_login():
            account = store.account(session.account)
            self._delays.begin(attempt)
            if account is None or not _is_right(current, account):
                raise _wrong_current_password()
            self._delays.right(attempt)
        changes = AccountChanges(password_hash=hash_password(password))
        changed = store.change_account(account.name, changes, only_if=account.password_hash)
        if changed is None:  # another one was set meanwhile, so this is not the current one
            raise _wrong_current_password()
        self._sessions.end_all_of(account.name)
        return self._let_in(changed, "")

    def _let_in(self, account: Account, known: str) -> LoggedIn:
        """Begin a session of an account whose password was right, in one of its browsers; empty for a new one."""
        if self._register.account(account.name) != account:
            self._register.refresh()
        token = self._sessions.begin(account.name)
        now = self._register.store.account(account.name)
        if now is None or not now.enabled or now.password_hash != account.password_hash:  # changed while it was checked
            self._sessions.end(token)
            raise _wrong_password()
        signer = self._register.signer
        return LoggedIn(account, token, signer.device_mark(account.name, account.password_hash, known))

    def _check(self, name: str, password: str, address: str, device: str) -> tuple[Account, str]:
        """The account whose password is right, and which of its browsers it is; empty for a new one."""
        account = self._register.store.account(name) if len(name) <= LONGEST else None
        stored = None if account is None else account.password_hash
        known = "" if stored is None else self._register.signer.device_known_to(device, name, stored)
        attempt = LoginAttempt(address, name, known)
        self._delays.begin(attempt)
        if account is None or not _is_right(password, account) or not account.enabled:
            raise _wrong_password()
        self._delays.right(attempt)
        return account, known

    def logout(self, token: str) -> None:
        """End a session."""
        self._sessions.end(token)

    # -- the first admin --------------------------------------------------------------------------------------------

    def open_setup(self) -> str:
        """Make the one-time code with which the first admin is made; empty when there is an admin."""
        self._setup_code = "" if self._register.has_admin() else new_setup_code()
        return self._setup_code

    @property
    def awaits_setup(self) -> bool:
        """Whether the first admin is still to be made."""
        return bool(self._setup_code) and not self._register.has_admin()

    def set_up(self, code: str, name: str, password: str, address: str) -> Account:
        """Make the first admin with the code of this server's terminal, which is worth nothing afterwards.

        Raises:
            Conflict: ``already_set_up``, ``name_taken``.
            Forbidden: ``wrong_setup_code``.
            Busy: ``too_many_logins``.
            InvalidInput: ``invalid_name``, ``invalid_password``.
        """
        with self._setting_up:
            self._register.refresh()
            if not self.awaits_setup:
                raise Conflict("already_set_up", "There is an admin already.", "Log in, or ask that admin.")
            attempt = LoginAttempt(address, account=None)
            self._delays.begin(attempt)
            if not hmac.compare_digest(code.strip().lower().encode(), self._setup_code.encode()):
                raise Forbidden(
                    "wrong_setup_code", "The code is not the one of this server.", "It is on the server's terminal."
                )
            self._delays.right(attempt)
            made = add_account(self._register.store, name, Grant(AccessRole.ADMIN), password)
            self._setup_code = ""
            self._register.refresh()
        return made


def _is_right(password: str, account: Account | None) -> bool:
    """Whether a password is an account's; None of an account that does not exist, which takes as long."""
    return len(password) <= LONGEST and is_password(password, None if account is None else account.password_hash)


def _wrong_current_password() -> Forbidden:
    return Forbidden(
        "wrong_current_password", "The current password is wrong.", "Check it; an admin can give you another password."
    )


def _wrong_password() -> Unauthorized:
    return Unauthorized(
        "wrong_password", "The name or the password is wrong.", "Check both; an admin can give you another password."
    )
