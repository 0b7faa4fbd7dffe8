"""Receipts of erasures: what went, when and from where, signed. A receipt names no one without its code."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any

from gallery.documents.erasure_list import Cause, Erasure
from gallery.documents.note_store import BACKUPS, receipt_note
from gallery.documents.protocol import DocumentStore
from gallery.documents.student_rules import student_not_found
from gallery.gallery import Gallery
from gallery.removal_preview import StudentHoldings, holdings_of
from gallery.signing import is_signed, public_key, signature_of
from presente.errors import InvalidInput, NotFound, StoreError

FORMAT = 1
_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt.

    Attributes:
        stated: what it states, values of JSON.
        signature: over ``stated``, base64.
        code: random, 32 hexadecimal digits. It is the key of the digests in ``stated``; the store does not keep it.
    """

    stated: dict[str, Any]
    signature: str
    code: str = ""

    def to_json(self) -> str:
        """As a file."""
        return json.dumps(self._as_dict(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"

    def to_header(self) -> str:
        """As one word: base64url of the JSON."""
        return base64.urlsafe_b64encode(json.dumps(self._as_dict(), separators=(",", ":")).encode()).decode()

    def _as_dict(self) -> dict[str, Any]:
        return {"receipt": self.stated, "signature": self.signature, "code": self.code}

    @classmethod
    def of_text(cls, text: str) -> Receipt:
        """A receipt as a file or as the word of a header has it.

        Raises:
            InvalidInput: ``invalid_receipt``.
        """
        try:
            if not text.lstrip().startswith("{"):
                text = base64.urlsafe_b64decode(text.strip()).decode()
            found = json.loads(text[:_LONGEST])
            made = cls(found["receipt"], found["signature"], found.get("code", ""))
            if not (isinstance(made.stated, dict) and isinstance(made.signature, str) and isinstance(made.code, str)):
                raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError) as exc:
            raise InvalidInput(
                "invalid_receipt", "The text is no receipt.", "Give the file, or the header, as it was received."
            ) from exc
        return made


def new_code() -> str:
    """A random code."""
    return secrets.token_hex(16)


def keyed_digest(code: str, text: str) -> str:
    """What a receipt has in place of a text: HMAC-SHA256 with the code as the key, hex."""
    return hmac.new(code.encode(), text.encode(), hashlib.sha256).hexdigest()


def erase_student(gallery: Gallery, matricula: str, cause: Cause, code: str = "") -> Receipt:
    """Erase a student; the receipt, which is kept without its code.

    Args:
        gallery: the gallery.
        matricula: of the student.
        cause: why.
        code: of the receipt; empty for the one that was promised when a consent ended, or else a new one.

    Raises:
        NotFound: ``student_not_found``.
        StoreError: as :meth:`gallery.gallery.Gallery.remove`.
    """
    if gallery.store.student(gallery.named(matricula)) is None:
        gallery.remove([matricula])  # it finishes what an earlier erasure left
        raise student_not_found(matricula)
    held, stored = holdings_of(gallery, matricula), gallery.student(matricula)
    matricula, consent = held.student.matricula, stored.student.consentimiento
    gallery.remove([matricula], cause)
    code = code or (consent.recibo if consent is not None else "") or new_code()
    return _receipt(gallery, matricula, stored.id, code, _counted(held), "destroyed")


def erase_photo(gallery: Gallery, matricula: str, sha256: str, cause: Cause) -> Receipt:
    """Erase a photo of a student; the receipt.

    Raises:
        NotFound: ``student_not_found``, ``photo_not_found``.
        StoreError: as :meth:`gallery.gallery.Gallery.remove`.
    """
    stored = gallery.student(matricula)
    erased = {"photos": 1, "unknown_faces": len(gallery.unknown_faces_of([matricula]))}
    gallery.take_photos(stored.student.matricula, [sha256], cause=cause)
    return _receipt(gallery, stored.student.matricula, stored.id, new_code(), erased, "kept", sha256)


def _counted(held: StudentHoldings) -> dict[str, int]:
    return {
        "photos": held.photos,
        "templates": held.templates,
        "accounts": held.accounts,
        "keys": held.keys,
        "session_photos": held.session_photos,
        "unknown_faces": held.unknown_faces,
        "attendance_entries_without_name": held.attendance_entries,
        "participation_entries_without_name": held.participation_entries,
    }


def _receipt(
    gallery: Gallery, matricula: str, subject: int, code: str, erased: dict[str, int], key: str, sha256: str = ""
) -> Receipt:
    store, entry = gallery.store, _entry(gallery.store, subject, sha256)
    is_sealed = store.seals.derived("receipts") is not None
    stated = {
        "format": FORMAT,
        "installation": store.identity(),
        "key": public_key(store),
        "what": "photo" if sha256 else "student",
        "why": entry.kind if entry.kind == "withdrawn" else "erased",
        "asked": entry.asked,
        "at": entry.at,
        "entry": entry.mark,
        "matricula": keyed_digest(code, matricula),
        "photo": keyed_digest(code, sha256) if sha256 else "",
        "erased": erased,
        "generations": gallery.published(),
        "data_key": key if is_sealed else "none",
        "backups": json.loads(store.notes.read(BACKUPS) or "[]"),
    }
    made = Receipt(stated, signature_of(store, stated), code)
    store.notes.write(_note(code), Receipt(stated, made.signature).to_json())
    return made


def _entry(store: DocumentStore, subject: int, sha256: str) -> Erasure:
    """The newest entry of the erasure list about a student, or about a photo of the student."""
    for entry in reversed(store.erasures.entries()):
        if entry.is_of_student(subject) and (entry.is_of_photo(sha256) or (not sha256 and entry.kind != "photo")):
            return entry
    raise StoreError("documents_missing", "The erasure is not in the list of erasures.", "Look at the store.")


def _note(code: str) -> str:
    return receipt_note(hashlib.sha256(code.encode()).hexdigest())


def kept_receipt(store: DocumentStore, code: str) -> Receipt:
    """The receipt with a code.

    Raises:
        NotFound: ``receipt_not_found``: there is none, or the erasure is yet to come.
    """
    kept = store.notes.read(_note(code))
    if kept is None:
        raise NotFound(
            "receipt_not_found", "There is no receipt with this code.", "Ask again once the erasure was carried out."
        )
    found = Receipt.of_text(kept)
    return Receipt(found.stated, found.signature, code)


@dataclass(frozen=True, slots=True)
class CheckedReceipt:
    """What a check of a receipt found.

    Attributes:
        is_valid: whether it is signed by the key, and is of a format that is known.
        names: whether it is about the matricula that was given; None when none was.
        why: why it is not valid; empty otherwise.
    """

    is_valid: bool
    names: bool | None
    why: str = ""


def check_receipt(receipt: Receipt, key: str, matricula: str = "") -> CheckedReceipt:
    """Check a receipt against a public key (base64), and whether it is about a matricula.

    Raises:
        InvalidInput: ``invalid_public_key``.
    """
    names = None
    if matricula:
        expected = keyed_digest(receipt.code, matricula)
        names = hmac.compare_digest(str(receipt.stated.get("matricula", "")).encode(), expected.encode())
    if not is_signed(receipt.stated, receipt.signature, key):
        return CheckedReceipt(False, names, _why_not(receipt))
    if receipt.stated.get("format") != FORMAT:
        return CheckedReceipt(False, names, f"its format is {receipt.stated.get('format')!r}, and {FORMAT} is known")
    return CheckedReceipt(True, names)


def _why_not(receipt: Receipt) -> str:
    """Why a receipt is not signed by a key: it may be signed by the one that it names."""
    try:
        is_whole = is_signed(receipt.stated, receipt.signature, str(receipt.stated.get("key", "")))
    except InvalidInput:
        is_whole = False
    if not is_whole:
        return "it was changed"
    return "another installation's key signed it, or an earlier one of this installation: give that key with --key"
