"""Cursors of the attendance list: a place in it, as text that a client gives back."""

from __future__ import annotations

import base64
import json

from gallery.documents.attendance import ListPosition
from presente.errors import InvalidInput, shown
from server.requests import json_parser


def position_of(cursor: str | None) -> ListPosition | None:
    """The place that a cursor means; None for the beginning.

    Raises:
        InvalidInput: ``invalid_cursor``.
    """
    if cursor is None:
        return None
    try:
        fecha, clase, matricula, number = json_parser.parse(base64.urlsafe_b64decode(cursor.encode("ascii")))
        if not all(isinstance(text, str) for text in (fecha, clase, matricula)) or type(number) is not int:
            raise TypeError
        if not 0 <= number < 2**63:
            raise ValueError
    except (ValueError, TypeError, InvalidInput) as exc:
        raise InvalidInput(
            "invalid_cursor", f"cursor is {shown(cursor)}.", "Send next_cursor of the page before, as it was."
        ) from exc
    return ListPosition(fecha, clase, matricula, number)


def cursor_of(position: ListPosition | None) -> str | None:
    """The cursor that means a place; None after the last page."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(position.sort_key, ensure_ascii=False).encode()).decode("ascii")
