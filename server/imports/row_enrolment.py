"""Enrols one row of an import, as ``POST /v1/students`` and ``.../images`` would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from gallery.documents.access_log import DONE, AccessAction, AccessEvent
from gallery.documents.student_rules import POSSIBLE_DUPLICATE
from presente.errors import PhotoRefused
from presente.recognition import digest_of
from server.imports.planning import merged_fields, student_of_row
from server.imports.values import ImportRow, ImportRun, RefusedRowPhoto, RowOutcome, RowResult
from server.photo_enrolment import DuplicateWarning

if TYPE_CHECKING:
    from server.service import Service

_Sent = Sequence[tuple[str, bytes]]
"""Photos that are to be enrolled, each with its place in the sheet."""
_Enrolled = tuple[tuple[RefusedRowPhoto, ...], tuple[str, ...]]
"""Photos that cannot be used, and codes of what a person should look at."""


def enrol_row(service: Service, row: ImportRow, photo: Callable[[str], bytes | None], run: ImportRun) -> RowOutcome:
    """Enrol the student of a row, or add photos and change fields; what came of it.

    Photos are judged together. When one cannot be used, each is enrolled alone, and those that cannot are named.

    Raises:
        PresenteError: nothing of the row was enrolled.
    """
    student = student_of_row(row)
    stored = service.gallery.store.student(student.matricula)
    there = set() if stored is None else set(service.gallery.store.digests(student.matricula))
    found = [(each.place, photo(each.file)) for each in row.photos if each.file and each.file not in there]
    sent = list({digest_of(content): (place, content) for place, content in found if content is not None}.values())
    if stored is None and not sent:
        text = "The photos of the row are gone. Upload the sheet again."
        return RowOutcome(line=row.line, result="refused", code="photo_missing", text=text)
    refused, warnings = _enrol(service, row, sent, stored is None)
    changed = bool(sent) and len(refused) < len(sent)
    if stored is not None:
        kept = service.gallery.student(student.matricula).student  # with an aviso that the photos gave
        made = merged_fields(kept, student)
        if made != kept:
            service.change(made)
            changed = True
    result: RowResult = "changed" if changed else "same"
    if stored is None or (row.change == "new" and not (changed or refused)):
        result = "enrolled"  # in the second case by an attempt whose outcome a stop has cut off
    if refused and not changed and stored is not None:
        return RowOutcome(line=row.line, result="refused", code=refused[0].code, text=refused[0].text, photos=refused)
    if changed or stored is None:
        _log(service, run, student.matricula, AccessAction.ENROLLED if stored is None else AccessAction.CHANGED)
    return RowOutcome(line=row.line, result=result, photos=refused, warnings=warnings)


def _enrol(service: Service, row: ImportRow, sent: _Sent, new: bool) -> _Enrolled:
    """Enrol photos. Raises what is wrong with the first when none can be used."""
    student = student_of_row(row)
    if new and not student.fecha_de_registro:
        student = replace(student, fecha_de_registro=service.clock.today())
    contents = [content for _, content in sent]
    if not contents:
        return (), ()
    try:
        return (), _codes(service.enrol(student, contents, "create" if new else "extend").warnings)
    except PhotoRefused as error:
        if len(contents) == 1:
            if new:
                raise
            return (RefusedRowPhoto(place=sent[0][0], code=error.code, text=str(error)),), ()
    warnings: list[DuplicateWarning] = []
    refused: list[RefusedRowPhoto] = []
    first: PhotoRefused | None = None
    for place, content in sent:
        try:
            warnings += service.enrol(student, [content], "create" if new else "extend").warnings
            new = False
        except PhotoRefused as error:
            first = first or error
            refused.append(RefusedRowPhoto(place=place, code=error.code, text=str(error)))
    if new and first is not None:
        raise first
    return tuple(refused), _codes(warnings)


def _codes(warnings: Sequence[DuplicateWarning]) -> tuple[str, ...]:
    return (POSSIBLE_DUPLICATE,) if warnings else ()


def _log(service: Service, run: ImportRun, matricula: str, action: AccessAction) -> None:
    at = service.clock.now().astimezone(UTC).isoformat(timespec="milliseconds")
    event = AccessEvent(at, run.caller, run.role, "-", action, DONE, "", "import", (matricula,))
    service.access_log.record([event])
