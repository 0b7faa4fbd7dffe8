"""What every blueprint needs."""

from __future__ import annotations

from flask import current_app

from server.service import Service, ServiceHandle


def holder() -> ServiceHandle:
    """The app's holder of its service."""
    found: ServiceHandle = current_app.extensions["presente"]
    return found


def service() -> Service:
    """The service; 503 ``not_ready`` while it loads."""
    return holder().get()
