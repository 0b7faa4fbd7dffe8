"""What every blueprint needs."""

from __future__ import annotations

from flask import current_app, g

from server.access.authentication import Authenticator
from server.access.caller import Caller
from server.service import Service, ServiceHandle


def service_handle() -> ServiceHandle:
    """The handle of the app's service."""
    found: ServiceHandle = current_app.extensions["presente"]
    return found


def authenticator() -> Authenticator:
    """What tells who asks."""
    found: Authenticator = current_app.extensions["presente.authenticator"]
    return found


def service() -> Service:
    """The service, for the part of the school that the caller may see; 503 ``not_ready`` while it loads."""
    caller: Caller = g.caller
    return service_handle().get().within(caller.scope)
