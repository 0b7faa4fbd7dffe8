"""Who asks: what a request is answered for, in ``g.caller``."""

from __future__ import annotations

from dataclasses import dataclass

from gallery.documents.scope import Scope
from presente.access_roles import AccessRole
from server.access.permissions import GRANTED, Permission


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and for which part of the school.

    Attributes:
        role: what the caller may do.
        name: what a log may name: ``key:NAME``, ``user:NAME``, ``local`` for a client on this machine of a server
            without keys, ``-`` for a caller who has shown nothing. It is never a person's real name.
        classes: the classes that the caller may see; None for all.
        matricula: the one student whom the caller may see; empty unless the role is ``student``, who has no classes.
    """

    role: AccessRole
    name: str
    classes: frozenset[str] | None = None
    matricula: str = ""

    @property
    def scope(self) -> Scope:
        """The part of the school that the caller may see."""
        return Scope(self.classes, self.matricula)

    def may(self, permission: Permission) -> bool:
        """Whether the role has a permission."""
        return permission in GRANTED[self.role]


NO_ONE = Caller(AccessRole.NONE, "-", frozenset())
"""A caller without a key and without a session."""

LOCAL = Caller(AccessRole.ADMIN, "local")
"""A client on this machine, of a server without keys and accounts."""
