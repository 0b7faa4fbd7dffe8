"""``/v1/receipts``: receipts of erasures, for who has their codes, and what they are checked with."""

from __future__ import annotations

from flask import Blueprint

from gallery.privacy.receipts import kept_receipt
from gallery.signing import public_key
from server.access.permissions import Permission, needs
from server.error_codes import GALLERY
from server.responses.privacy import ReceiptKeyReply, ReceiptReply, receipt_reply
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("receipts", __name__, url_prefix="/v1/receipts")
_UNREADABLE = frozenset({"signing_key_unreadable"})


@bp.get("/key")
@needs(Permission.OPEN)
@answers(ReceiptKeyReply, refuses=GALLERY | _UNREADABLE)
def key() -> ReceiptKeyReply:
    """The public half of the key that receipts are signed with."""
    return ReceiptKeyReply(key=public_key(service().gallery.whole.store))


@bp.get("/<code>")
@needs(Permission.OPEN)
@answers(ReceiptReply, refuses=GALLERY | {"receipt_not_found"})
def receipt(code: str) -> ReceiptReply:
    """The receipt of an erasure, for who has its code: the student's account is gone with the student."""
    return receipt_reply(kept_receipt(service().gallery.whole.store, code))
