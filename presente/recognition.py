"""Faces and gallery together: a photo's faces, read and embedded, become decisions or photos that a store keeps.

Neither library knows the other; indexer, server and evaluation use both, and do so here.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from faces.embedder import EmbeddedFace, FaceEmbedder
from gallery.decision import Candidate, Decision
from gallery.documents.values import EnrolledPhoto, Template
from gallery.gallery import Gallery
from gallery.threshold.operating_point import OperatingPoint

UNKNOWN = "Desconocido"
"""The name of a face that is no enrolled person's."""

WhichFaces = Literal["all", "largest"]


@dataclass(slots=True)
class Timings:
    """Milliseconds spent in each stage of one request."""

    stages: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block under a name."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + (time.perf_counter() - begin) * 1000

    def as_dict(self) -> dict[str, float]:
        """Every stage and the total, in milliseconds with two decimals."""
        return {
            **{name: round(ms, 2) for name, ms in self.stages.items()},
            "total": round((time.perf_counter() - self.started) * 1000, 2),
        }


@dataclass(frozen=True, slots=True)
class IdentifyQuery:
    """Parameters of an identification. ``threshold`` None means the gallery's own."""

    k: int = 5
    threshold: float | None = None
    faces: WhichFaces = "all"
    clase: str | None = None
    cohort: bool = False


@dataclass(frozen=True, slots=True)
class Identified:
    """A photo's faces, largest first, with a decision for each.

    ``hint`` says what to do when no one was searched although people are enrolled; empty else.
    """

    faces: tuple[tuple[EmbeddedFace, Decision], ...]
    limit: OperatingPoint
    timings_ms: dict[str, float]
    hint: str = ""


def identify(content: bytes, embedder: FaceEmbedder, gallery: Gallery, query: IdentifyQuery) -> Identified:
    """Find every face of a photo and say who it is.

    Raises:
        PhotoRefused: the bytes are not a photo that can be used.
        InvalidInput: ``invalid_k``.
    """
    timings = Timings()
    read = embedder.read_faces(content, timings.stage).faces
    aligned = read[:1] if query.faces == "largest" else read
    with timings.stage("embed"):
        faces = embedder.embed(aligned)
    with timings.stage("search"):
        probes = np.array([face.template for face in faces], dtype=np.float32).reshape(-1, gallery.dim)
        limit, decisions = gallery.identify(probes, query.k, query.threshold, query.clase, query.cohort)
    hint = empty_gallery_hint(gallery, query) if any(each.reason == "empty_gallery" for each in decisions) else ""
    return Identified(tuple(zip(faces, decisions, strict=True)), limit, timings.as_dict(), hint)


def empty_gallery_hint(gallery: Gallery, query: IdentifyQuery) -> str:
    """Why a query that found no one to compare with may have searched too few; empty when there is no one at all."""
    counts = gallery.store.counts()
    if not query.cohort and counts.cohort:
        students = f"of class {query.clase} " if query.clase is not None else ""
        people = "1 person" if counts.cohort == 1 else f"{counts.cohort} people"
        return (
            f"No student {students}has a template here, but {people} of the cohort (data sets such as CelebA) can be "
            "searched with cohort=true, or --cohort."
        )
    if query.clase is not None and counts.students:
        return f"No student of class {query.clase} has a template here. Enrolled students: {counts.students}."
    return ""


def as_template(face: EmbeddedFace, pack: str) -> Template:
    """An embedded face as a store keeps it."""
    x1, y1, x2, y2 = (float(value) for value in face.face.box)
    return Template(face.template, pack, (x1, y1, x2, y2), face.quality.as_dict())


def enrolled_photo(content: bytes, media_type: str, source: str, face: EmbeddedFace, pack: str) -> EnrolledPhoto:
    """A photo and its template as a store keeps them."""
    return EnrolledPhoto(
        content=content,
        sha256=digest_of(content),
        media_type=media_type,
        source=source,
        template=as_template(face, pack),
    )


def digest_of(content: bytes) -> str:
    """The identity of a photo: the SHA-256 of its bytes, hex."""
    return hashlib.sha256(content).hexdigest()


def face_json(face: EmbeddedFace) -> dict[str, Any]:
    """Where a face is and how good it is."""
    return {
        "box": [round(float(value), 1) for value in face.face.box],
        "landmarks": [[round(float(x), 1), round(float(y), 1)] for x, y in face.face.landmarks],
        "detection_score": round(face.face.score, 4),
        "quality": face.quality.as_dict(),
    }


def decision_json(decision: Decision, limit: OperatingPoint) -> dict[str, Any]:
    """Who a face is; ``fpir`` is the share of strangers whose best score is as high, None without a calibration."""
    student = decision.student
    return {
        "decision": decision.verdict,
        "nombre": student.nombre_del_alumno if student else UNKNOWN,
        "matricula": student.matricula if student else None,
        "score": decision.score,
        "fpir": limit.fpir(decision.score),
        "reason": decision.reason,
        "candidates": [candidate_json(candidate, limit) for candidate in decision.candidates],
    }


def candidate_json(candidate: Candidate, limit: OperatingPoint) -> dict[str, Any]:
    """One person of a ranked list, with the share of strangers whose best score is as high."""
    student = candidate.student
    return {
        "rank": candidate.rank,
        "matricula": student.matricula,
        "nombre_del_alumno": student.nombre_del_alumno,
        "clase": student.clase,
        "kind": student.kind,
        "score": candidate.score,
        "fpir": limit.fpir(candidate.score),
    }


def identified_json(found: Identified) -> list[dict[str, Any]]:
    """Every face of a photo: where it is and who it is."""
    return [{**face_json(face), **decision_json(decision, found.limit)} for face, decision in found.faces]
