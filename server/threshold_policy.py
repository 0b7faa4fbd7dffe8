"""Which threshold a request may ask for: a stricter one every client, a looser one only an admin, and it is logged.

A lower threshold names strangers: in one reply or, with attendance, in what is recorded.
"""

from __future__ import annotations

import logging

from flask import Request, g

from gallery.gallery import Gallery
from presente.errors import Forbidden
from server.access.permissions import Permission
from server.access_log.recording import note_lowered_threshold

log = logging.getLogger(__name__)


def check(
    request: Request, gallery: Gallery, threshold: float | None, clase: str | None = None, cohort: bool = False
) -> None:
    """Refuse a threshold below the gallery's own for the people who are searched, unless an admin asks.

    Raises:
        Forbidden: ``threshold_too_low``.
    """
    if threshold is None:
        return
    own = gallery.operating_point(None, clase, cohort).threshold
    if threshold >= own:
        return
    if not g.caller.may(Permission.ADMINISTER):
        raise Forbidden(
            "threshold_too_low",
            f"threshold is {threshold:g}, and below the gallery's {own:.4f} strangers would be named.",
            "Ask for at least that, or use a key of role admin.",
        )
    note_lowered_threshold(f"threshold {threshold:g} instead of {own:.4f}")
    log.warning("%s %s threshold %g instead of %.4f", g.request_id, request.url_rule, threshold, own)
