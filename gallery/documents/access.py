"""The values of access: keys of machines, accounts of people, and the sessions of those who logged in.

No secret is in them: a key and a session's token are kept as their SHA-256, a password as its argon2id hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from presente.access_roles import AccessRole
from presente.errors import Conflict


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, and whom it reaches.

    Attributes:
        role: what may be done.
        classes: the classes that are seen; None for all of the school.
        matricula: the one student who is seen; empty unless the role is ``student``.
    """

    role: AccessRole
    classes: frozenset[str] | None = None
    matricula: str = ""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """The key of a machine.

    Attributes:
        name: unique among keys; what logs say.
        digest: SHA-256 of the key's text, hex.
        grant: what the key may do.
        created: when, UTC, ISO.
        last_used: UTC, ISO, not more exact than a minute; empty while it was never used.
    """

    name: str
    digest: str = field(repr=False)
    grant: Grant
    created: str
    last_used: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """The account of a person.

    Attributes:
        name: unique among accounts; what logs say.
        grant: what the person may do.
        password_hash: as argon2 encodes it, with its parameters and salt.
        enabled: whether the person may log in.
        created: when, UTC, ISO.
    """

    name: str
    grant: Grant
    password_hash: str = field(repr=False)
    enabled: bool
    created: str

    @property
    def is_admin(self) -> bool:
        """Whether the person may log in as an admin."""
        return self.enabled and self.grant.role is AccessRole.ADMIN


@dataclass(frozen=True, slots=True)
class AccountChanges:
    """What changes of an account; what is None stays as it is then, whatever it was when the change was asked for."""

    grant: Grant | None = None
    password_hash: str | None = field(default=None, repr=False)
    enabled: bool | None = None

    def applied(self, account: Account) -> Account:
        """The account with the changes."""
        return replace(
            account,
            grant=account.grant if self.grant is None else self.grant,
            password_hash=account.password_hash if self.password_hash is None else self.password_hash,
            enabled=account.enabled if self.enabled is None else self.enabled,
        )


def last_admin(name: str) -> Conflict:
    """That no admin could log in any more."""
    return Conflict("last_admin", f"{name} is the only admin who may log in.", "Make another admin first.")


@dataclass(frozen=True, slots=True)
class LoginSession:
    """The session of a person who logged in.

    Attributes:
        digest: SHA-256 of the token that the browser holds, hex.
        account: name of the account.
        created: when the person logged in, UTC, ISO.
        last_seen: when the last request came, UTC, ISO, not more exact than a minute.
    """

    digest: str = field(repr=False)
    account: str
    created: str
    last_seen: str


def loggable_name(name: str, role: AccessRole) -> str:
    """The name of a key or an account for the access log; empty for a student's, which may tell who that is: the line
    is about the student then, and an erasure takes the student out of it."""
    return "" if role is AccessRole.STUDENT else name


def grant_detail(name: str, grant: Grant) -> str:
    """What the access log says of a key or an account that was made, changed or revoked."""
    classes = "" if grant.classes is None or grant.matricula else f"classes={','.join(sorted(grant.classes))}"
    return " ".join(filter(None, (loggable_name(name, grant.role), f"role={grant.role}", classes)))


def digest_of_secret(text: str) -> str:
    """What is stored of a secret of 128 random bits or more: its SHA-256, hex."""
    return hashlib.sha256(text.encode()).hexdigest()
