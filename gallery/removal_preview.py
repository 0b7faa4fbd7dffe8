"""What erasing or merging a student would do, read before it is done. It changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from gallery.documents.attendance import EntryFilter
from gallery.documents.student_rules import merge_students
from gallery.documents.values import StoredStudent, Student
from gallery.gallery import Gallery, check_different


@dataclass(frozen=True, slots=True)
class StudentHoldings:
    """What a gallery holds of a student.

    Attributes:
        student: the student.
        photos, templates: how many; templates of every pack.
        attendance_entries, participation_entries: how many entries have the student's name.
        accounts, keys: how many accounts and keys are the student's own.
        session_photos: how many copies of photos of open sessions may show the student; they go in any case.
        unknown_faces: how many faces of unknown people an erasure takes, because they resemble the student.
    """

    student: Student
    photos: int
    templates: int
    attendance_entries: int
    participation_entries: int
    accounts: int
    keys: int
    session_photos: int
    unknown_faces: int


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge would do.

    Attributes:
        kept: the student who stays, with the fields as they would be.
        photos: how many photos the student who stays would have.
        photos_in_both: photos of both, which are there once afterwards.
        gone: what the gallery holds of the other. Photos and entries go to the student who stays; accounts and keys are
            deleted.
    """

    kept: Student
    photos: int
    photos_in_both: int
    gone: StudentHoldings


def holdings_of(gallery: Gallery, matricula: str) -> StudentHoldings:
    """What an erasure of a student would take, and which entries would lose the name.

    Raises:
        NotFound: ``student_not_found``.
    """
    return _holdings(gallery, gallery.student(matricula), len(gallery.unknown_faces_of([matricula])))


def preview_merge(gallery: Gallery, keep: str, other: str) -> MergePreview:
    """What :meth:`gallery.gallery.Gallery.merge` would do.

    Raises:
        InvalidInput: ``same_student``.
        NotFound: ``student_not_found``.
    """
    staying, leaving = gallery.student(keep), gallery.student(other)
    check_different(staying.student.matricula, leaving.student.matricula)
    own, theirs = (set(gallery.store.digests(each.student.matricula)) for each in (staying, leaving))
    merged, gone = merge_students(staying.student, leaving.student), _holdings(gallery, leaving, 0)
    return MergePreview(merged, len(own | theirs), len(own & theirs), gone)


def _holdings(gallery: Gallery, stored: StoredStudent, unknown_faces: int) -> StudentHoldings:
    store, matricula, entries = gallery.store, stored.student.matricula, EntryFilter(subject=stored.id)
    return StudentHoldings(
        stored.student,
        stored.images,
        stored.templates,
        len(store.attendance.entries(entries)),
        len(store.attendance.participations(entries)),
        sum(account.grant.matricula == matricula for account in store.access.accounts()),
        sum(key.grant.matricula == matricula for key in store.access.access_keys()),
        store.session_photos.kept_of(stored.id),
        unknown_faces,
    )
