"""Students who are kept at a position of the change sequence."""

import numpy as np

from gallery.documents.mongo.known_students import KnownStudents
from gallery.documents.values import Position, Student
from tests.conftest import DIM, enrolment


def test_a_name_that_was_read_before_an_erasure_is_not_kept_after_it() -> None:
    known, student = KnownStudents(), enrolment("A1", np.empty((0, DIM), dtype=np.float32)).student

    def read(_: object) -> dict[int, Student]:
        known.forget()  # the erasure is followed while the name is on its way
        return {1: student}

    assert known.at(Position(1), [1], read) == {1: student} and len(known) == 0
    assert known.at(Position(1), [1, 2], lambda _: {1: student}) == {1: student} and len(known) == 1
    assert known.at(Position(1), [1], lambda _: {}) == {1: student}
    assert known.at(Position(2), [1], lambda _: {}) == {} and len(known) == 0
