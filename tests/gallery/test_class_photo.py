"""Who of a class is in a photo, on small vectors: one person, one face, the closest one."""

import numpy as np
import pytest

from gallery.attendance.attendance_log import AttendanceLog
from gallery.attendance.class_photo import record_class_photo
from gallery.attendance.face_attendance import ClassPhoto, ClassPhotoFace
from gallery.documents.attendance import EntryFilter
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from tests.conftest import DIM, OpenGallery, enrolment
from tests.gallery.class_photos import THRESHOLD, face


@pytest.fixture
def school(open_gallery: OpenGallery) -> Gallery:
    """Ana, Eva and Luz of one class, each with one template along an axis of her own."""
    gallery = open_gallery(THRESHOLD)
    for axis, name in enumerate(("Ana", "Eva", "Luz")):
        made = enrolment(name, np.eye(DIM, dtype=np.float32)[axis : axis + 1])
        gallery.enrol([Enrolment(Student(name, name, "IA-101"), made.photos)])
    return gallery


@pytest.mark.parametrize(
    ("faces", "statuses"),
    [
        ([face(0.7), face(0.9)], ["duplicate", "present"]),
        ([face(0.78, 0.6), face(0.75)], ["present", "duplicate"]),  # by the sum alone, the second would be Ana
        ([face(0.8), face(0.55, 0.5)], ["present", "duplicate"]),
        ([face(0.8), face(0.55, 0.54)], ["present", "present"]),  # not clear alone: as Ana is there, it is Eva
        ([face(0.9), face(0.1, 0.9), face(0.5), face(0.1, 0.1, 0.1)], ["present", "present", "duplicate", "unknown"]),
    ],
)
def test_a_person_is_recorded_for_the_closest_face(
    school: Gallery, faces: list[ClassPhotoFace], statuses: list[str]
) -> None:
    log = AttendanceLog(school)
    found = record_class_photo(log, faces, ClassPhoto("IA-101", "2026-11-20", "ab" * 32, THRESHOLD))
    assert [each.status for each in found] == statuses
    recorded = {each.candidates[0].student.matricula for each in found if each.status == "present"}
    entries = school.store.attendance.entries(EntryFilter())
    assert {stored.entry.status for stored in entries} == {"present"} and len(entries) == len(recorded)
    for each in found:
        if each.status == "duplicate":
            assert each.student is None and each.candidates[0].student.matricula in recorded and not each.entries
