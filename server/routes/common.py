"""What every blueprint needs."""

from __future__ import annotations

from flask import current_app

from server.service import Service, ServiceHandle


def service_handle() -> ServiceHandle:
    """The handle of the app's service."""
    found: ServiceHandle = current_app.extensions["presente"]
    return found


def service() -> Service:
    """The service; 503 ``not_ready`` while it loads."""
    return service_handle().get()
