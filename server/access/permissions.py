"""What each role may do. A route declares the permission that it needs: ``@needs(Permission.RECORD)``.

A route that declares none needs ``ADMINISTER``, which only the admin has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

from flask import Flask

from presente.access_roles import AccessRole

_View = TypeVar("_View", bound=Callable[..., Any])
_DECLARED = "presente_permission"
_BY_ORIGIN = "presente_by_origin"


class Permission(Enum):
    """What a route does.

    Whom it may be done to is another question: :class:`server.access.caller.Caller` says of which classes.
    """

    OPEN = "asks for neither key nor session"
    KNOWN = "asks who the caller is, whatever the role"
    STATUS = "reads how much there is, pack, index and threshold"
    READ = "reads students, attendance and participations"
    STATISTICS = "reads statistics of classes and of those who are in them"
    ASK = "asks by photo or embedding"
    RECORD = "records and corrects attendance and participations"
    SEE_PHOTOS = "sees the stored photos of students"
    SEE_UNKNOWN = "sees pictures of people who are not enrolled"
    OWN_DATA = "reads all that is held about a student, and withdraws the consent"
    ADD_PHOTOS = "adds photos to a student"
    ENROL = "enrols new students"
    MANAGE = "changes and erases students, exports photos"
    LOOK_AFTER = "sees settings, jobs and the calibration, which are about no student"
    ADMINISTER = "everything else: keys, accounts, thresholds below the gallery's"


_P = Permission
_KNOWN = frozenset({_P.OPEN, _P.KNOWN})
_TEACHING = _KNOWN | {_P.STATUS, _P.READ, _P.STATISTICS, _P.ASK, _P.RECORD}

GRANTED: Mapping[AccessRole, frozenset[Permission]] = {
    AccessRole.NONE: frozenset({_P.OPEN}),
    AccessRole.VIEWER: _KNOWN | {_P.STATUS, _P.READ, _P.STATISTICS},
    AccessRole.STUDENT: _KNOWN | {_P.READ, _P.SEE_PHOTOS, _P.ADD_PHOTOS, _P.OWN_DATA},
    AccessRole.TEACHER: _TEACHING | {_P.SEE_PHOTOS, _P.SEE_UNKNOWN},
    AccessRole.ATTENDANCE: _TEACHING,
    AccessRole.ADMIN: frozenset(_P),
}


def roles_with(permission: Permission) -> list[AccessRole]:
    """The roles that have a permission."""
    return [role for role, granted in GRANTED.items() if permission in granted]


def needs(permission: Permission) -> Callable[[_View], _View]:
    """Declare the permission that a route needs; goes below the route's own decorator."""

    def declare(view: _View) -> _View:
        view.__dict__[_DECLARED] = permission
        return view

    return declare


def accepts_own_page(view: _View) -> _View:
    """Declare that a route takes a session's request from a page of this server's own origin, which the browser names
    in ``Origin``, in place of the CSRF token: for pages that know of no token. Goes below the route's own decorator."""
    view.__dict__[_BY_ORIGIN] = True
    return view


def goes_by_origin(app: Flask, endpoint: str | None) -> bool:
    """Whether an endpoint takes the page's origin in place of the CSRF token."""
    return endpoint is not None and bool(app.view_functions[endpoint].__dict__.get(_BY_ORIGIN))


def permission_needed(app: Flask, endpoint: str | None) -> Permission:
    """The permission that an endpoint needs; without a route KNOWN: strangers need not know which routes exist."""
    if endpoint is None:
        return Permission.KNOWN
    permission: Permission = app.view_functions[endpoint].__dict__.get(_DECLARED, Permission.ADMINISTER)
    return permission
