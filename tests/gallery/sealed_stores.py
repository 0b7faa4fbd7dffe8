"""A store with one record of each kind that is sealed: what the tests of seals share."""

import hashlib

import numpy as np

from gallery.documents.attendance import Attendance, EntryFilter, SeenFace
from gallery.documents.class_sessions import ClassSession, SessionFace, SessionPhoto
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import EnrolledPhoto, Enrolment, Student, Template
from tests.conftest import DIM, PACK, student_in, unit
from tests.gallery.unknown_faces import unknown_face

NAMES = {"A1": "Inés Velarde", "A2": "Zoë Quintanilla"}
STRANGER = unknown_face(77)
COPY = b"the reduced copy of a photo of the class"


def content_of(matricula: str) -> bytes:
    return f"the photo's bytes of {matricula}".encode() * 50


def vectors() -> dict[str, np.ndarray]:
    return dict(zip(NAMES, unit(np.random.default_rng(7).normal(size=(len(NAMES), DIM))), strict=True))


def enrolment(matricula: str) -> Enrolment:
    content = content_of(matricula)
    template = Template(vectors()[matricula], PACK, (0.0, 0.0, 10.0, 10.0), {"size": 10.0})
    digest = hashlib.sha256(content).hexdigest()
    photo = EnrolledPhoto(content, digest, "image/jpeg", f"{NAMES[matricula]}/1.jpg", template)
    return Enrolment(Student(matricula, NAMES[matricula], "IA-101", "2026-01-01"), (photo,))


def fill(store: DocumentStore) -> int:
    """Two students, an entry with a face of each, an unknown person, and an open session with a photo; the session."""
    store.claim_pack(PACK, DIM)
    store.enrol([enrolment(matricula) for matricula in NAMES])
    for matricula in NAMES:
        face = SeenFace(vectors()[matricula], PACK, (0.0, 0.0, 9.0, 9.0), 0.9, 0.5, 1, 1, "ab" * 32)
        subject = student_in(store, matricula).id
        entry = Attendance(subject, "IA-101", "2026-03-02", 0, "present", "photo", "2026-03-02T10:00:00", face=face)
        assert store.attendance.add_entries([entry]) == []
    store.unknowns.add([(STRANGER, 0)])
    session = store.sessions.add(
        ClassSession("IA-101", "2026-03-02", "10:00", None, None, "photos", "open", "", "", "2026-03-02T10:00:00", "")
    )[0].id
    subject = student_in(store, "A1").id
    number = store.session_photos.number(session, "cd" * 32, "2026-03-02T10:00:00")
    assert number is not None
    seen = (SessionFace((1.0, 2.0, 3.0, 4.0), "present", ((subject, 0.9),)),)
    photo = SessionPhoto(session, number.number, "cd" * 32, number.at, True, 640, 480, seen)
    assert store.session_photos.keep(photo, COPY, [subject])
    return session


def check(store: DocumentStore, session: int, *, has_stranger: bool = True) -> None:
    """Everything that :func:`fill` wrote can be read as it was."""
    assert {each.student.matricula: each.student.nombre_del_alumno for each in store.students()} == NAMES
    assert {photo.matricula: photo.content for photo in store.photos()} == {each: content_of(each) for each in NAMES}
    (batch,) = store.templates()
    assert np.array_equal(batch.vectors, np.stack([vectors()[matricula] for matricula in NAMES]))
    entries = store.attendance.entries(EntryFilter())
    faces = [each.entry.face.vector for each in entries if each.entry.face is not None]
    assert np.array_equal(np.stack(faces), np.stack([vectors()[matricula] for matricula in NAMES]))
    assert store.session_photos.content(session, 1) == COPY
    if has_stranger:
        (unknown,) = store.unknowns.templates(PACK)
        assert np.array_equal(unknown.vectors, STRANGER.vector[None])
        assert store.unknowns.picture(int(unknown.ids[0])) == STRANGER.picture
    assert store.session_photos.photos(session)[0].faces[0].box == (1.0, 2.0, 3.0, 4.0)
    (described,) = store.student_photos.described("A1", PACK)
    assert described.size == len(content_of("A1")) == store.photo_bytes("A1")
    assert described.source == "Inés Velarde/1.jpg" == next(store.enrolled()).source
    assert [each.student.matricula for each in store.students(query="velarde")] == ["A1"]
    assert [damage.line() for damage in store.damage()] == []
