"""After an erasure no text that anyone gave about the student is in the store, whatever field it was given in."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from gallery.documents.access import Account, Grant
from gallery.documents.access_log import AccessAction, AccessEvent
from gallery.documents.attendance import Attendance, Participation
from gallery.documents.protocol import DocumentStore
from gallery.documents.request_keys import Claim
from gallery.documents.values import Consent
from presente.access_roles import AccessRole
from tests.conftest import enrolment, student_in
from tests.gallery.conftest import vectors

AT = "2026-11-27T10:00:00+00:00"


def secret(field: str) -> str:
    """A text that is nowhere else."""
    return f"ZZ-{field}-ZZ"


def give_texts(store: DocumentStore, matricula: str) -> None:
    """Everything that callers can say about a student. Class and date of an entry are not about the student."""
    given = enrolment(matricula, vectors(1, 8))
    fields: dict[str, Any] = {name: secret(name) for name in ("nombre_del_alumno", "aviso")}
    consent = Consent("2026-11-27", secret("texto"))
    photos = tuple(replace(photo, source=secret("source")) for photo in given.photos)
    store.enrol([replace(given, student=replace(given.student, consentimiento=consent, **fields), photos=photos)])
    subject = student_in(store, matricula).id
    said: dict[str, Any] = {"clase": "4A", "fecha": "2026-11-27", "at": AT, "subject": subject}
    statement: dict[str, Any] = {"note": secret("note"), "request": secret("request")}
    assert not store.attendance.add_entries(
        [Attendance(revision=0, status="present", source="hand", **statement, **said)]
    )
    took_part: dict[str, Any] = {"kind": secret("kind"), "note": secret("remark"), "request": secret("key")}
    store.attendance.add_participation(Participation(**took_part, **said))
    store.request_keys.claim(Claim(secret("idempotency"), secret("digest"), AT), [subject])
    grant = Grant(AccessRole.STUDENT, frozenset(), matricula)
    store.access.add_account(Account(secret("account"), grant, "hash", True, AT))
    store.access_log.append(
        [AccessEvent(AT, "key:door", "attendance", "10.0.0.7", AccessAction.IDENTIFIED, about=(matricula,))]
    )


def whole(url: str, folder: Path) -> str:
    """All that the store holds, as text."""
    if url.startswith("sqlite"):
        return "".join(path.read_bytes().decode("latin-1") for path in sorted(folder.glob("gallery.db*")))
    with MongoClient[dict[str, Any]](url) as client:
        database = client.get_default_database()
        return json.dumps([list(database[name].find()) for name in database.list_collection_names()], default=str)


def test_no_text_about_an_erased_student_is_left(store: DocumentStore, store_url: str, tmp_path: Path) -> None:
    give_texts(store, secret("matricula"))
    before = whole(store_url, tmp_path)
    fields = ["matricula", "nombre_del_alumno", "aviso", "texto", "source", "note", "request", "kind", "remark", "key"]
    fields += ["idempotency", "digest", "account"]
    assert [field for field in fields if secret(field) not in before] == []
    store.remove([secret("matricula")])
    store.finish_erasing()
    assert "ZZ-" not in whole(store_url, tmp_path)
