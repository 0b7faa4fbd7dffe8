"""How the records of a backup are read from documents of MongoDB, and become documents."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bson import Binary, Int64

from gallery.documents.backup_protocol import RESTORING, RecordKind
from gallery.documents.erasure_list import Erasure
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.erasures import erasure_document, erasure_of
from gallery.documents.mongo.unknown_writes import WRITES
from gallery.documents.mongo.unknowns import EPOCH

LEFT_OUT = ("changes", "removals", "writers", "login_sessions", "jobs", "job_steps", "writing", WRITES)
"""Collections that no record has: a restored store begins its own."""
OWN_SETTINGS = ("access_revision", EPOCH, RESTORING, "schema", "superseded")
"""Settings that no record has."""
_AUDIT = uuid.uuid4().hex


def _words(text: str) -> list[str]:
    return text.split()


_STUDENT = _words(
    "matricula nombre_del_alumno clase fecha_de_registro kind consentimiento aviso asistencias_previas "
    "participaciones_previas otras_clases key"
)
_PHOTO = _words("student sha256 media_type source")
_TEMPLATE = _words("image student pack sha256 vector box quality key")
_SESSION = _words("clase fecha starts ends late_after source state note made_by at request")
_ENTRY = _words("clase fecha session turn status source at note request face_group photo_number face_number undoes")
_FACE = _words("pack box score threshold template generation photo liveness")
_PARTICIPATION = _words("clase fecha kind note at request withdraws")
_NEGATIVE = _words("student about vector pack at source session key")
_SENT, _COPY = _words("session number sha256 at"), _words("width height faces content key")
_UNKNOWN = _words("group pack at last_at source box quality looks clase session worth key vector picture")
_GRANT = _words("role classes matricula student")
_LINE = _words("at caller role address action outcome request detail previous hash")
_CONCERNED = _words("commitment salt matricula student")
_IDS = frozenset(
    ["student", "image", "session", "photo_number", "face_number", "undoes", "key", "source_key", "template", "group"]
)
"""Fields that are 64 bit numbers in documents."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Records of a kind: their collection, what a document becomes, and which documents a record becomes."""

    collection: str
    read: Callable[[Document], dict[str, Any]]
    write: Callable[[dict[str, Any]], dict[str, Any]]


def plain(value: Any) -> Any:
    """A value of a document as one that every kind of store has."""
    if isinstance(value, Int64):
        return int(value)
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def _stored(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return Binary(value)
    return Int64(value) if name in _IDS and isinstance(value, int) else value


def _pick(document: Document, names: list[str]) -> dict[str, Any]:
    return {name: plain(document.get(name)) for name in names}


def _put(fields: Mapping[str, Any], names: list[str], absent: tuple[str, ...] = ()) -> dict[str, Any]:
    """Fields as a document has them; those in ``absent`` are left out where they are None, 0 or empty."""
    return {name: _stored(name, fields[name]) for name in names if fields[name] or name not in absent}


def _named(name: str, names: list[str], absent: tuple[str, ...] = (), is_number: bool = True) -> tuple[Any, Any]:
    """Reads and writes documents whose ``_id`` is a field, and whose other fields are those of the record."""

    def read(document: Document) -> dict[str, Any]:
        return {name: plain(document["_id"]), **_pick(document, names)}

    def write(fields: dict[str, Any]) -> dict[str, Any]:
        return {"_id": Int64(fields[name]) if is_number else fields[name], **_put(fields, names, absent)}

    return read, write


def _read_setting(document: Document) -> dict[str, Any]:
    rest = {name: plain(value) for name, value in document.items() if name != "_id"}
    return {"name": document["_id"], "value": rest["value"] if set(rest) == {"value"} else json.dumps(rest)}


def _write_setting(fields: dict[str, Any]) -> dict[str, Any]:
    value = json.loads(fields["value"]) if fields["name"] == "pack" else {"value": fields["value"]}
    return {"_id": fields["name"], **value}


def _read_student(document: Document) -> dict[str, Any]:
    return {"id": int(document["subject"]), **_pick(document, _STUDENT)}


def _write_student(fields: dict[str, Any]) -> dict[str, Any]:
    counts = {"asistencias": fields["asistencias_previas"], "participaciones": fields["participaciones_previas"]}
    kept = _put(fields, _STUDENT, ("consentimiento", "key"))
    return {"subject": Int64(fields["id"]), **kept, **counts, "asistencias_por_clase": []}


def _read_photo(document: Document) -> dict[str, Any]:
    source_key = plain(document.get("key"))
    return {"id": int(document["_id"]), **_pick(document, _PHOTO), "source_key": source_key}


def _write_photo(fields: dict[str, Any]) -> dict[str, Any]:
    key = fields["source_key"] if isinstance(fields["source"], bytes) else None
    return {"_id": Int64(fields["id"]), **_put(fields, _PHOTO), **({} if key is None else {"key": Int64(key)})}


def _read_entry(document: Document) -> dict[str, Any]:
    face = document.get("face")
    subject = int(document["student"])
    fields = {"id": int(document["_id"]), "student": subject if subject > 0 else None, **_pick(document, _ENTRY)}
    fields |= {name: fields[name] or 0 for name in ("session", "photo_number", "face_number")}
    fields |= {"reason": document.get("reason", ""), "late": int(document.get("late", False))}
    about = None if face is None else _pick(face, [name for name in _FACE if name in face])
    return {
        **fields,
        "face": about,
        **({"vector": None, "key": None} if face is None else _pick(face, ["vector", "key"])),
    }


def _write_entry(fields: dict[str, Any]) -> dict[str, Any]:
    number = int(fields["id"])
    document: dict[str, Any] = {"_id": Int64(number), "student": Int64(fields["student"] or -number)}
    document |= _put(fields, _ENTRY, ("photo_number", "face_number", "undoes"))
    document |= {name: kind(fields[name]) for name, kind in (("reason", str), ("late", bool)) if fields[name]}
    if fields["face"] is not None:
        face = _put(fields["face"], [name for name in _FACE if name in fields["face"]])
        document["face"] = {**face, **_put(fields, ["vector", "key"], ("key",))}
    return document


def _read_participation(document: Document) -> dict[str, Any]:
    subject = int(document["student"])
    fields = _pick(document, _PARTICIPATION)
    return {"id": int(document["_id"]), "student": subject if subject > 0 else None, **fields}


def _write_participation(fields: dict[str, Any]) -> dict[str, Any]:
    number = int(fields["id"])
    made = _put(fields, _PARTICIPATION)
    return {"_id": Int64(number), "student": Int64(fields["student"] or -number), **made}


def _read_session_photo(document: Document) -> dict[str, Any]:
    fields = _pick(document, [*_SENT, *_COPY, "about"])
    kept = fields["content"] is not None
    return {
        **fields,
        "width": fields["width"] or 0,
        "height": fields["height"] or 0,
        "about": fields["about"] if kept else [],
    }


def _write_session_photo(fields: dict[str, Any]) -> dict[str, Any]:
    made = _put(fields, _SENT)
    if fields["content"] is None:
        return made
    about = [Int64(subject) for subject in fields["about"]]
    return {**made, **_put(fields, _COPY, ("key",)), "about": about}


def _read_request(document: Document) -> dict[str, Any]:
    return {"key": document["_id"], **_pick(document, ["digest", "at", "done", "students"])}


def _write_request(fields: dict[str, Any]) -> dict[str, Any]:
    students = [Int64(subject) for subject in fields["students"]]
    done = {"done": bool(fields["done"]), "students": students}
    return {"_id": fields["key"], "digest": fields["digest"], "at": fields["at"], **done}


def _read_line(document: Document) -> dict[str, Any]:
    about = [_pick(each, _CONCERNED) for each in document["about"]]
    return {"number": int(document["_id"]), **_pick(document, _LINE), "about": about}


def _write_line(fields: dict[str, Any]) -> dict[str, Any]:
    about = [_put(each, _CONCERNED) for each in fields["about"]]
    return {"_id": Int64(fields["number"]), **_put(fields, _LINE), "about": about}


def _read_finding(document: Document) -> dict[str, Any]:
    photos = [(int(whose), sha256) for whose, _, sha256 in (each.partition(":") for each in document["photos"])]
    about = plain(document["about"])
    aside = "audit" not in document
    return {
        "mark": document["mark"], "aside": aside, "place": None if aside else int(document["place"]),
        "content": document.get("content"), "about": about, "photos": [list(photo) for photo in photos],
    }  # fmt: skip


def _write_finding(fields: dict[str, Any]) -> dict[str, Any]:
    about = [Int64(subject) for subject in fields["about"]]
    photos = [f"{subject}:{sha256}" for subject, sha256 in fields["photos"]]
    made = {"mark": fields["mark"], "about": about, "photos": photos}
    if fields["aside"]:
        return {"_id": f"aside {fields['mark']}", **made}
    place = fields["place"]
    return {"_id": f"{_AUDIT} {place}", "audit": _AUDIT, "place": place, "content": fields["content"], **made}


def _read_erasure(document: Document) -> dict[str, Any]:
    return {"number": int(document["_id"]), **asdict(erasure_of(document))}


def _write_erasure(fields: dict[str, Any]) -> dict[str, Any]:
    number = Int64(fields["number"])
    return {"_id": number, **erasure_document(Erasure(**{**fields, "asked": bool(fields["asked"])}))}


def _read_timetable(document: Document) -> dict[str, Any]:
    return {"clase": document["_id"], "entries": plain(document["entries"])}


def _write_template(fields: dict[str, Any]) -> dict[str, Any]:
    absent = ("key",) if fields["key"] else ("key", "sha256")
    return {
        "_id": Int64(fields["id"]),
        **_put({**fields, "sha256": fields["sha256"] if fields["key"] else None}, _TEMPLATE, absent),
    }


_read_template, _ = _named("id", _TEMPLATE)
_read_unknown, _write_unknown = _named("id", _UNKNOWN, ("key",))
_read_key, _write_key = _named("name", ["digest", "created", "last_used", *_GRANT], is_number=False)
_read_account, _write_named = _named("name", ["password_hash", "enabled", "created", *_GRANT], is_number=False)


def _write_account(fields: dict[str, Any]) -> dict[str, Any]:
    return {**_write_named(fields), "enabled": bool(fields["enabled"])}


SHAPES: Mapping[RecordKind, Shape] = {
    "setting": Shape("gallery", _read_setting, _write_setting),
    "erasure": Shape("erasures", _read_erasure, _write_erasure),
    "student": Shape("students", _read_student, _write_student),
    "photo": Shape("images", _read_photo, _write_photo),
    "template": Shape("templates", _read_template, _write_template),
    "session": Shape("class_sessions", *_named("id", _SESSION)),
    "session_photo": Shape("session_photos", _read_session_photo, _write_session_photo),
    "unknown_face": Shape("unknown_faces", _read_unknown, _write_unknown),
    "data_key": Shape("data_keys", *_named("id", ["owner", "era", "sealed"])),
    "attendance": Shape("attendance", _read_entry, _write_entry),
    "participation": Shape("participations", _read_participation, _write_participation),
    "negative": Shape("negatives", *_named("id", _NEGATIVE, ("key",))),
    "timetable": Shape(
        "timetables", _read_timetable, lambda fields: {"_id": fields["clase"], "entries": fields["entries"]}
    ),
    "request": Shape("requests", _read_request, _write_request),
    "access_key": Shape("access_keys", _read_key, _write_key),
    "account": Shape("accounts", _read_account, _write_account),
    "access_line": Shape("access_log", _read_line, _write_line),
    "finding": Shape("audit_findings", _read_finding, _write_finding),
}
