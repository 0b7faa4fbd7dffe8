"""Values to JSON: what several routes say of students, their gallery and its calibration."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gallery.documents.values import StoredStudent
from gallery.enrolment.photo_check import POSSIBLE_DUPLICATE
from gallery.gallery import GalleryStatus
from gallery.threshold.operating_point import OperatingPoint
from presente import __version__
from presente.clock import Clock
from server.enroller import DuplicateWarning
from server.requests.parsing import STUDENT_FIELDS, others_of


def student_json(stored: StoredStudent) -> dict[str, Any]:
    """A student document."""
    student = stored.student
    return {
        **{name: getattr(student, name) for name in STUDENT_FIELDS},
        "otras_clases": list(others_of(student)),
        "kind": student.kind,
        "asistencias": stored.asistencias,
        "participaciones": stored.participaciones,
        "consentimiento": asdict(student.consentimiento) if student.consentimiento else None,
        "aviso": student.aviso,
        "images": stored.images,
        "templates": stored.templates,
    }


def warning_json(warning: DuplicateWarning) -> dict[str, Any]:
    """What a person should look at after an enrolment."""
    return {
        "code": POSSIBLE_DUPLICATE,
        "matricula": warning.rival.matricula,
        "nombre_del_alumno": warning.rival.nombre_del_alumno,
        "score": warning.rival.score,
        "fpir": warning.fpir,
        "photo": warning.photo,
    }


def status_json(status: GalleryStatus, clock: Clock) -> dict[str, Any]:
    """The gallery at a glance, the school's date, and which Presente answers."""
    counts, settings = status.counts, status.settings
    return {
        "subjects": counts.students + counts.cohort,
        "students": counts.students,
        "cohort": counts.cohort,
        "images": counts.images,
        "templates": counts.templates,
        "indexed": status.indexed,
        "pack": status.pack.split("@")[0],
        "pack_tag": status.pack,
        "dim": status.dim,
        **status.index_described(),
        "threshold": status.limit.threshold,
        "threshold_source": status.limit.source,
        "calibration": calibration_json(status.limit),
        "margin": settings.margin,
        "timezone": clock.described(),
        "today": clock.today(),
        "version": __version__,
    }


def calibration_json(limit: OperatingPoint) -> dict[str, Any] | None:
    """What the calibration says of itself, None without one; ``warning`` is empty when all is well."""
    if limit.curve is None:
        return None
    return {
        "people": limit.curve.people,
        "searches": limit.curve.searches,
        "made_at": limit.curve.made_at,
        "fpir": limit.fpir(limit.threshold),
        "warning": limit.warning(),
    }
