"""A store in which there is something of every kind, and everything that a store shows, to compare two stores."""

import hashlib
from dataclasses import astuple, replace
from typing import Any

import numpy as np

from gallery.documents.access import AccessKey, Account, Grant
from gallery.documents.access_log import AccessAction, AccessEvent
from gallery.documents.attendance import Attendance, EntryFilter, Participation, SeenFace, SeenLiveness
from gallery.documents.audit_findings import FindingPerson, FindingPhoto, KeptFinding
from gallery.documents.class_sessions import ClassSession, SessionFace, SessionFilter, SessionPhoto, TimetableEntry
from gallery.documents.negatives import Negative, of_entry, of_photo
from gallery.documents.protocol import DocumentStore
from gallery.documents.request_keys import Claim
from gallery.documents.values import Consent, Enrolment, Student, SubjectKind
from presente.access_roles import AccessRole
from tests.conftest import DIM, PACK, enrolment, student_in, unit
from tests.gallery.unknown_faces import at, unknown_face

AT = "2026-03-02T09:00:00+00:00"
CLASE, FECHA = "IA-101", "2026-03-02"
SESSION = ClassSession(CLASE, FECHA, "09:00", "11:00", 10, "photos", "open", "", "ana", AT)


def enrolled(matricula: str, *seeds: int, kind: SubjectKind = "student") -> Enrolment:
    """A student with one made-up photo per seed; digests are those of the photos."""
    made = enrolment(matricula, np.stack([vector(seed) for seed in seeds]), kind)
    photos = tuple(replace(each, sha256=hashlib.sha256(each.content).hexdigest()) for each in made.photos)
    return replace(made, photos=photos)


def vector(seed: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=DIM))


def face(seed: int, template: int = 1) -> SeenFace:
    return SeenFace(vector(seed), PACK, (1.0, 2.0, 3.0, 4.0), 0.7, 0.5, template, 3, "ab" * 32)


def waiting(subject: int, session: int) -> Attendance:
    """An entry of a late student whose face may be a picture."""
    seen = replace(face(7), liveness=SeenLiveness(0.25, "attack", "lives@1"))
    made = Attendance(subject, CLASE, FECHA, 0, "waiting", "photo", AT, "", "", "", seen, session, 1, 3)
    return replace(made, reason="not_live", late=True)


def fill(store: DocumentStore, people: int = 4) -> None:
    """Put something of every kind into a store."""
    store.claim_pack(PACK, DIM)
    for number in range(people):
        store.enrol([enrolled(f"A{number}", *(10 * number + each for each in range(3)))])
    store.enrol([enrolled("C0", 999, kind="cohort")])
    consent = Consent("2026-01-02", "Autorizo")
    store.update(Student("A1", "Ñandú Pérez", CLASE, "2026-01-01", "student", consent, "check", 3, 1, ("IA-102",)))
    first, second = student_in(store, "A0").id, student_in(store, "A1").id
    meeting, _ = store.sessions.add(SESSION)
    store.attendance.add_entries(
        [
            Attendance(first, CLASE, FECHA, 0, "present", "photo", AT, "a note", "req-1", "", face(5)),
            Attendance(first, CLASE, FECHA, 0, "ambiguous", "photo", AT, "", "", "group", face(6), meeting.id, 1, 2),
            Attendance(second, CLASE, FECHA, 0, "ambiguous", "photo", AT, "", "", "group", face(6), meeting.id, 1, 2),
            waiting(student_in(store, "A2").id, meeting.id),
        ]
    )
    made = store.attendance.add_participation(Participation(first, CLASE, FECHA, "pregunta", "bien", AT, "part-1"))
    store.attendance.add_participation(Participation(first, CLASE, FECHA, "pregunta", "", AT, "part-2", made.id))
    store.attendance.add_participation(Participation(second, CLASE, FECHA, "pregunta", "", AT, "part-3"))
    numbered = store.session_photos.number(meeting.id, "cd" * 32, AT)
    assert numbered is not None
    faces = (SessionFace((1.0, 2.0, 3.0, 4.0), "known", ((first, 0.9), (second, 0.2))),)
    sent = SessionPhoto(meeting.id, numbered.number, "cd" * 32, AT, True, 640, 480, faces)
    assert store.session_photos.keep(sent, b"a copy of a class", [first, second])
    store.session_photos.number(meeting.id, "ef" * 32, AT)
    store.classes.put_timetable(CLASE, [TimetableEntry(1, "09:00", "11:00", 10), TimetableEntry(3, "09:00")])
    store.request_keys.claim(Claim("key-1", "digest", AT), [first, second])
    store.request_keys.finish("key-1", [second])
    store.request_keys.claim(Claim("key-2", "digest", AT), [])
    store.access.access_secret()
    store.access.add_key(AccessKey("camera", "ab" * 32, Grant(AccessRole.ATTENDANCE, frozenset({CLASE})), AT))
    store.access.add_account(Account("ana", Grant(AccessRole.ADMIN), "$argon2id$x", True, AT))
    store.access.add_account(Account("a1", Grant(AccessRole.STUDENT, None, "A1"), "$argon2id$y", False, AT))
    unknown = store.unknowns.add([(unknown_face(100 + number, 8 + number), 0) for number in range(4)])
    store.unknowns.join(unknown[0].group, unknown[1].group)
    store.unknowns.mark(unknown[2].group, "not_ours", "the postman")
    store.unknowns.see_again(unknown[3].id, at(15), 2, unknown_face(200, 15, 0.9, CLASE))
    store.access_log.append([logged("A0", "A1"), logged("A2"), logged("nobody")])
    store.access_log.note_head()
    store.store_calibration('{"curve": 1}')
    photo = store.digests("A0")[0]
    one = KeptFinding("twice", "high", (FindingPerson(first, 3),), (FindingPhoto(first, photo),), 0.9, 0.5, "why")
    other = KeptFinding("twice", "high", (FindingPerson(second, 3),), (), 0.8, 0.5, "why")
    store.findings.put([one, other])
    store.findings.put_aside(other.mark)
    store.negatives.add(Negative(first, of_photo("ab" * 32, 1), vector(7), PACK, AT, "identify"))
    store.negatives.add(Negative(second, of_entry(3), vector(8), PACK, AT, "attendance", meeting.id))


def logged(*about: str) -> AccessEvent:
    return AccessEvent(AT, "ana", "admin", "::1", AccessAction.READ, request="r", detail="d", about=about)


def everything(store: DocumentStore) -> dict[str, Any]:
    """What a store shows of everything that it holds."""
    students = store.students(kind=None, limit=1000)
    meetings = store.sessions.sessions_after(SessionFilter(), None, 1000)
    photos = [photo for each in meetings for photo in store.session_photos.photos(each.id)]
    return {
        "identity": store.identity(),
        "pack": store.pack(),
        "students": students,
        "photos": [(each.id, each.matricula, each.sha256, each.content, each.media_type) for each in store.photos()],
        "described": [store.student_photos.described(each.student.matricula, PACK) for each in students],
        "templates": [
            (batch.ids.tolist(), batch.subjects.tolist(), batch.vectors.tolist()) for batch in store.templates()
        ],
        "entries": [shown(each) for each in store.attendance.entries(EntryFilter())],
        "participations": store.attendance.participations(EntryFilter()),
        "miscounted": store.attendance.miscounted(),
        "sessions": meetings,
        "session_photos": [(photo, store.session_photos.content(photo.session, photo.number)) for photo in photos],
        "timetables": store.classes.timetables(),
        "keys": store.access.access_keys(),
        "accounts": store.access.accounts(),
        "secret": store.access.access_secret(),
        "lines": list(store.access_log.every_line()),
        "noted": store.access_log.noted_head(),
        "unknown": unknown_people(store),
        "calibration": store.calibration(),
        "findings": sorted(store.findings.findings(), key=lambda each: each.mark),
        "aside": store.findings.aside(),
        "negatives": [
            [
                (each.id, *astuple(each.negative)[:2], each.negative.vector.tolist(), *astuple(each.negative)[3:])
                for each in store.negatives.of(student.id)
            ]
            for student in students
        ],
        "erasures": store.erasures.entries(),
        "damage": [each.line() for each in store.damage()],
    }


def unknown_people(store: DocumentStore) -> list[Any]:
    """The groups of unknown people, with their faces and pictures."""
    groups = [each for state in ("open", "not_ours") for each in store.unknowns.groups(state, "last_at", None, 1000)]
    faces = [face for group in groups for face in store.unknowns.faces(group.id, 0, 1000)]
    pictures = [(face.id, face.group, store.unknowns.picture(face.id)) for face in faces]
    vectors = [face.face.vector.tolist() for face in faces]
    bare = [replace(face.face, vector=np.zeros(0, np.float32)) for face in faces]
    return [groups, pictures, vectors, [astuple(each)[1:] for each in bare], store.unknowns.counts()]


def shown(stored: Any) -> Any:
    """An attendance entry that can be compared."""
    fields = list(astuple(stored.entry))
    seen = stored.entry.face
    return (
        stored.id,
        [each for each in fields if not isinstance(each, tuple)],
        None if seen is None else (seen.vector.tolist(), seen.liveness),
    )
