"""``POST /login``: the first system's page logs in."""

from __future__ import annotations

from flask import g

from gallery.documents.access_log import AccessAction
from presente.access_roles import AccessRole
from server.access.permissions import Permission, needs
from server.access_log.declaration import logged
from server.error_codes import GALLERY
from server.legacy.blueprint import bp
from server.legacy.requests import FirstPageLogin
from server.legacy.responses import COMPONENT_OF, ComponentReply
from server.routes.common import authenticator
from server.routes.login import log_in
from server.typed_routes import answers


@bp.post("/login")
@needs(Permission.OPEN)
@answers(
    ComponentReply,
    refuses=GALLERY | {"accounts_off", "busy", "too_many_logins", "wrong_password"},
    headers={"Set-Cookie": "The session, and a mark of this browser."},
)
@logged(AccessAction.LOGGED_IN)
def first_page_login(body: FirstPageLogin) -> tuple[ComponentReply, list[tuple[str, str]]]:
    """Log in; which part of the page the role is shown. The session is a cookie, which the page need not know of."""
    if not authenticator().access.protects:  # every client on this machine is admin
        return ComponentReply(component=COMPONENT_OF[AccessRole(g.caller.role)]), []
    cookies = log_in(body.email, body.password)
    return ComponentReply(component=COMPONENT_OF[AccessRole(g.caller.role)]), cookies
