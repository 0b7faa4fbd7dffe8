"""The list of students."""

from __future__ import annotations

from collections.abc import Sequence

from gallery.documents.values import StoredStudent
from gallery.gallery import Gallery
from server.operations.known_classes import check_class
from server.requests.cursors import student_place
from server.requests.students import StudentListParameters


def students_page(gallery: Gallery, parameters: StudentListParameters) -> Sequence[StoredStudent]:
    """A page of students in the order asked for, and one more if there is a next page.

    Raises:
        NotFound: ``class_not_found``.
    """
    order = parameters.order()
    found = gallery.store.listed_students(
        parameters.which(), order, student_place(parameters, order), parameters.limit + 1
    )
    if not found:
        check_class(gallery, parameters.clase)
    return found
