"""Enrolling, changing and removing students in MongoDB, in an order that makes a crash at any point safe.

See docs/adr/0008-mongodb.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from bson import Int64
from pymongo.database import Database

from gallery.documents.consent_rules import cause_of, consent_fields, ended_consent, refuse_ended, with_consent_of
from gallery.documents.erasure_list import Cause, Erasure, consent_entries, erased_student
from gallery.documents.foreign_documents import Document, foreign_student, student_of
from gallery.documents.mongo.attempts import Attempt, MongoAttempts
from gallery.documents.mongo.attendance import MongoAttendance
from gallery.documents.mongo.data_keys import MongoSeals, opened_students, sealed_fields
from gallery.documents.mongo.erasing import MongoEraser
from gallery.documents.mongo.erasures import erasure_document
from gallery.documents.mongo.photo_writing import MongoPhotoWriter, Owner, PhotoKey, WantedPhotos, insert_new
from gallery.documents.mongo.recovery import MongoRecovery
from gallery.documents.mongo.sequence import MongoSequence
from gallery.documents.mongo.shapes import VISIBLE, fields_of
from gallery.documents.seals import Sealer, of_student
from gallery.documents.student_rules import student_exists, student_not_found
from gallery.documents.values import (
    ConsentEnd,
    Enrolment,
    EnrolmentMode,
    PhotoFile,
    Student,
    Template,
    TemplateBatch,
    Written,
)
from presente.clock import Clock


def _with_consents(latest: Mapping[str, Student], found: Mapping[str, Document]) -> dict[str, Student]:
    """Students with the consents that are on record once they are written."""
    return {
        matricula: with_consent_of(student_of(found[matricula]) if matricula in found else None, student)
        for matricula, student in latest.items()
    }


def _written(attempt: Attempt, packs: Collection[str], templates: TemplateBatch | None) -> Written | None:
    """What an attempt wrote that is over; None when its templates are not all by one pack."""
    if len(set(packs)) > 1:
        return None
    return Written(attempt.numbers.start - 1, attempt.numbers.stop - 1, next(iter(packs), ""), templates)


class MongoStudentWriter:
    """Writes students, for several threads at once. Lets pymongo's errors through: the store translates them.

    Attributes:
        clock: tells which date a moment is that another program wrote.
        photos: writes photos and templates.
        recovery: runs writes as attempts.
        eraser: erases inside an attempt.
    """

    def __init__(
        self,
        db: Database[dict[str, Any]],
        sequence: MongoSequence,
        attendance: MongoAttendance,
        attempts: MongoAttempts,
        eraser: MongoEraser,
        clock: Clock,
        seals: MongoSeals,
    ) -> None:
        self._seals = seals
        self.clock = clock
        self.eraser = eraser
        self.recovery = MongoRecovery(db, sequence, attempts, eraser)
        self.photos = MongoPhotoWriter(db, sequence, attempts, self.recovery, eraser, seals)
        self._db = db
        self._sequence = sequence
        self._attendance = attendance
        self._attempts = attempts

    # -- enrolling --------------------------------------------------------------------------------------------------

    def enrol(self, enrolments: Sequence[Enrolment], mode: EnrolmentMode, check: Callable[[], None]) -> Written | None:
        """Store students and photos. A new student is visible once everything of the student is there.

        ``check`` is called when every earlier reservation is known, and before anything else is written.

        Raises:
            Conflict, NotFound: as the mode says.
        """
        latest = {enrolment.student.matricula: enrolment.student for enrolment in enrolments}
        while True:
            found = self._existing(latest, mode)
            subjects = {matricula: int(document["subject"]) for matricula, document in found.items()}
            wanted: dict[PhotoKey, tuple[PhotoFile, list[Template]]] = {}
            for enrolment in enrolments:
                owner = subjects.get(enrolment.student.matricula, enrolment.student.matricula)
                for photo in enrolment.photos:
                    wanted[owner, photo.sha256] = photo, [photo.template]
            new = [student for matricula, student in latest.items() if matricula not in found]
            fields = _with_consents(latest, found) if mode == "put" else {}
            self._refuse_photos(enrolments, fields, found)
            done, written = self._enrol(new, list(found.values()), wanted, fields, check)
            if done:
                return written

    def _refuse_photos(
        self, enrolments: Sequence[Enrolment], fields: Mapping[str, Student], found: Mapping[str, Document]
    ) -> None:
        for matricula in {enrolment.student.matricula for enrolment in enrolments if enrolment.photos} & found.keys():
            refuse_ended(fields.get(matricula) or student_of(found[matricula]))

    def _existing(self, latest: Mapping[str, Student], mode: EnrolmentMode) -> dict[str, Document]:
        """The documents of those students who exist, by matricula.

        Raises:
            Conflict, NotFound: as the mode says.
        """
        while True:
            there = list(self._db.students.find({"matricula": {"$in": list(latest)}}))
            changed = False
            for document in there:
                if "subject" not in document:
                    self.number(document, foreign_student(document, self.clock))
                    changed = True
                elif "enrolling" in document and not self._attempts.lives(document["enrolling"]):
                    self._clear_left_over(document)
                    changed = True
            if changed:
                continue
            if mode == "create" and there:
                raise student_exists(min(document["matricula"] for document in there))
            found: dict[str, Document] = {str(document["matricula"]): document for document in there}
            if mode == "extend" and len(found) < len(latest):
                raise student_not_found(min(latest.keys() - found.keys()))
            return found

    def _clear_left_over(self, document: Document) -> None:
        """Undo the attempt that left a student behind; if its marker is gone already, remove the student alone."""
        attempt = self._attempts.find(document["enrolling"])
        if attempt is not None:
            self.recovery.recover(attempt)
        elif self._db.students.find_one({"_id": document["_id"], "enrolling": document["enrolling"]}) is not None:
            self.remove_subject(int(document["subject"]))

    def _enrol(
        self,
        new: Sequence[Student],
        found: Sequence[Document],
        wanted: WantedPhotos,
        fields: Mapping[str, Student],
        check: Callable[[], None],
    ) -> tuple[bool, Written | None]:
        """Write new students, photos, and the fields of existing students.

        Returns:
            False when a new student is there already, and nothing was stored; then what was stored.
        """
        images, missing, templates = self.photos.find_missing(wanted)
        changed = [
            document
            for document in opened_students(self._seals.sealer(), found)
            if document["matricula"] in fields
            and any(document.get(name) != value for name, value in fields_of(fields[document["matricula"]]).items())
        ]
        waited_for = [document for document in found if "enrolling" in document]
        if not (new or missing or templates or changed or waited_for):
            return True, None
        count = max(1, len(new) + len(missing) + len(templates))
        with self.recovery.attempt("enrol", count, len(new), len(templates)) as attempt:
            check()
            ids = iter(attempt.numbers)
            subjects: dict[Owner, int] = {student.matricula: next(ids) for student in new}
            sealer = self._seals.sealer()
            owners = {owner for owner, _ in (*missing, *(key for key, _ in templates))}
            known = (of_student(owner) for owner in owners if isinstance(owner, int))
            sealer.prepare(known, map(of_student, subjects.values()))
            if not self._insert_invisible(sealer, new, subjects, attempt.name):
                self._db.students.delete_many({"enrolling": attempt.name})  # one of the matriculas is taken
                self._seals.destroy(map(of_student, subjects.values()))
                return False, None
            images |= self.photos.put_images(sealer, {key: wanted[key][0] for key in missing}, subjects, ids)
            written = self.photos.put_templates(
                sealer,
                [(images[key], subjects.get(key[0], key[0]), key[1], template) for key, template in templates],
                ids,
            )
            for document in changed:
                self._set_student(document, student_of(document), fields[document["matricula"]])
            self._attempts.check()
            existing = {int(document["subject"]) for document in found}
            self.photos.make_visible({*subjects.values(), *existing}, attempt.name)
        return True, _written(attempt, [template.pack for _, template in templates], written)

    def _insert_invisible(
        self, sealer: Sealer, students: Sequence[Student], subjects: Mapping[Owner, int], attempt: str
    ) -> bool:
        """Insert new students who are invisible until the attempt is over; False when one exists already."""
        documents = [
            {
                "subject": Int64(subjects[student.matricula]),
                **sealed_fields(sealer, subjects[student.matricula], fields_of(student)),
                "asistencias": student.asistencias_previas,
                "participaciones": student.participaciones_previas,
                "enrolling": attempt,
            }
            for student in students
        ]
        return not insert_new(self._db.students, documents)

    # -- fields -----------------------------------------------------------------------------------------------------

    def number(self, document: Document, student: Student) -> None:
        """Give a student whom another program wrote a subject id, and the fields in our form."""
        counts = {"asistencias": student.asistencias_previas, "participaciones": student.participaciones_previas}
        with self.recovery.attempt("number") as attempt:
            subject = attempt.numbers[0]
            fields = sealed_fields(self._seals.sealer(), subject, fields_of(student))
            self._db.students.update_one(
                {"_id": document["_id"], "subject": {"$exists": False}},
                {"$set": {**fields, **counts, "subject": Int64(subject)}},
            )

    def update(self, student: Student) -> bool:
        """Replace a student's fields; False when there is no such student."""
        found = self._db.students.find_one({"matricula": student.matricula, "subject": {"$exists": True}})
        if found is None or "enrolling" in found:
            return False
        stored, without = student_of(found), {}
        if student.consentimiento is None:
            refuse_ended(stored)  # taking the record back would undo the withdrawal
            without = {"$unset": {"consentimiento": ""}}
        else:
            student = with_consent_of(stored, student)
        with self.recovery.attempt("update"):
            self._set_student(found, stored, student, without)
        return True

    def end_consent(self, matricula: str, moment: str, why: ConsentEnd, code: str, listed: bool) -> None:
        """End a student's consent, then delete the templates; if it is cut off, recovery finishes it."""
        found = self._db.students.find_one({"matricula": matricula, **VISIBLE})
        if found is None:
            raise student_not_found(matricula)
        subject, stored = Int64(found["subject"]), student_of(found).consentimiento
        ended = ended_consent(stored, moment, why, code)
        with self.recovery.attempt("consent", student=subject) as attempt:
            self.eraser.erasures.put(consent_entries(subject, stored, ended) * listed)
            which = {"subject": subject}
            self._db.students.update_one(which, {"$set": {"consentimiento": consent_fields(ended)}})
            self.eraser.drop_templates({"student": subject}, attempt.name)

    def _set_student(self, document: Document, stored: Student, student: Student, more: Document | None = None) -> None:
        """Write a student's fields, then the entry of a consent that was given anew: without it none is recognised."""
        self._set_fields(document, fields_of(student), more)
        self.eraser.erasures.put(consent_entries(document["subject"], stored.consentimiento, student.consentimiento))

    def _set_fields(self, document: Document, fields: Document, more: Document | None = None) -> None:
        written = sealed_fields(self._seals.sealer(), int(document["subject"]), fields)
        changes = {"$set": {**written, "recount": True}, **(more or {})}
        self._db.students.update_one({"_id": document["_id"]}, changes)
        self._attendance.counts.refresh(int(document["subject"]))

    # -- removing ---------------------------------------------------------------------------------------------------

    def remove(self, matriculas: Sequence[str], cause: Cause) -> list[str]:
        """Erase students and everything that belongs to them; the matriculas that existed."""
        removed = []
        for matricula in dict.fromkeys(matriculas):
            found = self._db.students.find_one({"matricula": matricula, "subject": {"$exists": True}})
            if found is not None:
                subject, own = int(found["subject"]), cause_of(student_of(found).consentimiento, cause)
                self.remove_subject(subject, [erased_student(subject, own)] * cause.listed)
                removed.append(matricula)
            elif self._db.students.delete_many({"matricula": matricula}).deleted_count:  # another program's
                removed.append(matricula)
        return removed

    def remove_subject(self, subject: int, entries: Sequence[Erasure] = ()) -> None:
        """Erase a student, and list that; if it is cut off, recovery finishes it.

        There are no ``entries`` of a student whose enrolment was cut off, and whom no one saw."""
        about: dict[str, Any] = {"student": Int64(subject), "erasures": [erasure_document(entry) for entry in entries]}
        with self.recovery.attempt("remove", **about) as attempt:
            self.eraser.list_announced(about)
            self.eraser.erase(subject, attempt.name)
