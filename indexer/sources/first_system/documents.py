"""The documents of the first system's database: their photos, hashes and names, whatever the fields are called."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.collection import Collection

from gallery.documents.foreign_documents import image_bytes
from presente.errors import InvalidInput, PhotoRefused

STUDENTS, COPIES = "estudiantes", "images"
IMAGE_FIELDS = ("image", "imagen", "data", "content")
HASH_FIELDS = ("sha256", "image_sha256", "hash", "image_hash", "md5", "image_md5", "checksum")
LINK_FIELDS = ("estudiante_id", "student_id", "id_estudiante", "estudiante", "student")
_ALGORITHM_BY_LENGTH = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_AT_ONCE = 8
"""Documents in memory at once while all photos are hashed."""

_SHOWN = 20
"""Documents that one line of the report names."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HashedDocument:
    """A document without its photo: the hashes of the photo's bytes, and how many photos the document had."""

    document: Document
    digests: frozenset[str]
    photos: int


def hash_documents(
    collection: Collection[dict[str, Any]], algorithms: Iterable[str] = ("sha256",)
) -> list[HashedDocument]:
    """Read a collection once, in order of insertion; photos are hashed and not kept in memory."""
    found = []
    for document in collection.find({}, batch_size=_AT_ONCE).sort("_id", 1):
        content = undamaged_part(document)
        digests = frozenset(hashlib.new(name, content).hexdigest() for name in algorithms) if content else frozenset()
        photos = sum(bool(document.pop(name, None)) for name in IMAGE_FIELDS)
        found.append(HashedDocument(document, digests, photos))
    return found


def names_of(document: Document, link_fields: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(kind of name, name) by which documents refer to each other, the surest first; the document's own id last."""
    links = [("id", str(document[name])) for name in link_fields if document.get(name) is not None]
    fields = [(name, str(document[name])) for name in ("matricula", "nombre_del_alumno") if document.get(name)]
    yield from (*links, *fields, ("id", str(document["_id"])))


def declared_hashes(document: Document) -> list[tuple[str, str, str]]:
    """(field, algorithm, digest) of each hash that a document declares of its photo."""
    values = {name: str(document[name]).lower() for name in HASH_FIELDS if isinstance(document.get(name), str)}
    return [
        (name, _ALGORITHM_BY_LENGTH[len(value)], value)
        for name, value in values.items()
        if len(value) in _ALGORITHM_BY_LENGTH
    ]


def photo_of(document: Document | None, what: str) -> tuple[Document, bytes]:
    """A document and the bytes of its photo; ``what`` begins the error.

    Raises:
        PhotoRefused: ``no_image``, or what is wrong with its base64.
    """
    found = _first_image(document) if document else None
    if document is None or not found:
        raise PhotoRefused("no_image", f"{what} is not there.", "Send the photo again.")
    try:
        return document, image_bytes(found)
    except InvalidInput as error:
        raise PhotoRefused(error.code, f"{what} cannot be read: {error.what}", error.fix) from error


def verified_photo(document: Document, content: bytes) -> bytes:
    """The bytes, if every hash that the document declares is theirs.

    Raises:
        PhotoRefused: ``hash_mismatch``.
    """
    for name, algorithm, digest in declared_hashes(document):
        if not hmac.compare_digest(hashlib.new(algorithm, content).hexdigest(), digest):
            raise PhotoRefused(
                "hash_mismatch", f"The image does not have the {name} of its document.", "It was damaged."
            )
    return content


def undamaged_part(document: Document) -> bytes:
    """A document's photo, for comparing: of damaged base64 the readable part; empty when there is none."""
    value = _first_image(document) or b""
    try:
        return image_bytes(value) if value else b""
    except InvalidInput:
        text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
        if not isinstance(text, str):
            return b""
    letters = "".join(text.rpartition(",")[2].split())
    plain = "".join(letter if letter in _BASE64 else "A" for letter in letters)
    return base64.b64decode(plain[: len(plain) // 4 * 4])


def _first_image(document: Document) -> Any:
    return next((document[name] for name in IMAGE_FIELDS if document.get(name)), None)


def join_limited(items: Sequence[object]) -> str:
    """Items by name, separated by commas; only the first ones when they are many."""
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(str(item) for item in items[:_SHOWN]) + more
