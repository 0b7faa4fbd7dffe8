"""Faces and gallery together: a photo's faces, read and embedded, become decisions or photos that a store keeps.

Neither library knows the other; indexer, server and evaluation use both, and do so here.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

import msgspec
import numpy as np

from faces.detection.finder import Stage, untimed
from faces.embedder import EmbeddedFace, FaceEmbedder
from faces.reading import AlignedFace, Detail
from gallery.decision import Decision, once_each, unless_live
from gallery.documents.values import EnrolledPhoto, Template
from gallery.gallery import Gallery
from gallery.threshold.operating_point import OperatingPoint
from presente.errors import shown
from presente.face_json import identified_face_json
from presente.installation import command_line
from presente.liveness import NOT_JUDGED, LivenessPoint, LivenessPolicy, wait_reason
from presente.settings.liveness import LivenessUse
from presente.stages import tell

WhichFaces = Literal["all", "largest"]

MAX_CANDIDATES = 100_000
"""Of all faces of a photo together: with many faces, each has fewer than the request asks for."""


@dataclass(slots=True)
class Timings:
    """Milliseconds spent in each stage of one request."""

    stages: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str, told: bool = True) -> Iterator[None]:
        """Time a block under a name. Listeners are told of it (:mod:`presente.stages`), unless ``told`` is false: for a
        stage that consists of others, which tell of themselves."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            end = time.perf_counter()
            self.stages[name] = self.stages.get(name, 0.0) + (end - begin) * 1000
            if told:
                tell(name, begin, end)

    def as_dict(self) -> dict[str, float]:
        """Every stage and the total, in milliseconds with two decimals."""
        return {
            **{name: round(ms, 2) for name, ms in self.stages.items()},
            "total": round((time.perf_counter() - self.started) * 1000, 2),
        }


@dataclass(frozen=True, slots=True)
class IdentifyQuery:
    """Parameters of an identification. ``threshold`` None means the gallery's own; ``most_candidates`` is how many
    all faces of a photo have together: with many faces, each has fewer than ``k``. ``partial``: if a part of the
    index is not there, the rest answers (:meth:`Gallery.partially`)."""

    k: int = 5
    threshold: float | None = None
    faces: WhichFaces = "all"
    clase: str | None = None
    cohort: bool = False
    detail: Detail = "auto"
    most_candidates: int = MAX_CANDIDATES
    partial: bool = False

    def among(self, photos: int) -> IdentifyQuery:
        """The query for one of several photos that are answered together, which share the candidates."""
        return replace(self, most_candidates=self.most_candidates // photos)


@dataclass(frozen=True, slots=True)
class Identified:
    """A photo's faces, largest first, with a decision for each.

    ``hint`` says what to do when there was no one to compare with; None otherwise. ``rotated``: degrees, clockwise, by
    which the photo had to be turned. ``covers``: the share of all people that was searched. ``live_from``: the score
    from which a face counts as live; None where that was not asked.
    """

    faces: tuple[tuple[EmbeddedFace, Decision], ...]
    operating_point: OperatingPoint
    timings_ms: dict[str, float]
    hint: str | None = None
    rotated: int = 0
    covers: float = 1.0
    live_from: LivenessPoint | None = None


def embed_judged(
    embedder: FaceEmbedder,
    aligned: Sequence[AlignedFace],
    policy: LivenessPolicy,
    use: LivenessUse,
    stage: Stage = untimed,
) -> tuple[list[EmbeddedFace], LivenessPoint | None]:
    """Templates of aligned faces, and how live they look where that is asked of a use.

    Returns:
        the faces; and the score from which one counts as live, None where it is not asked.

    Raises:
        ConfigError, StoreError: as :meth:`presente.liveness.LivenessPolicy.point`.
    """
    with stage("embed"):
        faces = embedder.embed(aligned)
    if policy.mode(use) == "off":
        return faces, None
    point = policy.point()
    with stage("liveness"):
        scores = embedder.judged(aligned)
    return [replace(face, liveness=score) for face, score in zip(faces, scores, strict=True)], point


def identify(
    content: bytes,
    embedder: FaceEmbedder,
    gallery: Gallery,
    query: IdentifyQuery,
    policy: LivenessPolicy = NOT_JUDGED,
) -> Identified:
    """Find every face of a photo and say who it is. A person is named for one face at most (:func:`once_each`); where
    only live faces pass, for a face that is live.

    Raises:
        PhotoRefused: the bytes are not a photo that can be used.
        InvalidInput: ``invalid_k``.
        ConfigError: ``liveness_not_calibrated``.
    """
    timings = Timings()
    read = embedder.read_faces(content, timings.stage, query.detail, query.faces)
    aligned = read.faces[:1] if query.faces == "largest" else read.faces
    faces, live_from = embed_judged(embedder, aligned, policy, "identify", timings.stage)
    with timings.stage("search", told=False):  # searching and the store tell of themselves
        probes = np.array([face.template for face in faces], dtype=np.float32).reshape(-1, gallery.dim)
        k = max(1, min(query.k, query.most_candidates // max(1, len(faces))))

        def ask(gallery: Gallery) -> tuple[OperatingPoint, list[Decision]]:
            return gallery.identify(probes, k, query.threshold, query.clase, query.cohort)

        (held_to, decisions), covers = gallery.partially(ask) if query.partial else (ask(gallery), 1.0)
    empty = any(decision.reason == "empty_gallery" for decision in decisions)
    hint = empty_search_hint(gallery, query.clase, query.cohort) if empty else None
    if live_from is not None and policy.mode("identify") == "enforce":
        decisions = unless_live(decisions, [wait_reason(face.liveness, live_from) for face in faces])
    named = tuple(zip(faces, once_each(decisions), strict=True))
    return Identified(named, held_to, timings.as_dict(), hint, read.rotated, covers, live_from)


def empty_search_hint(gallery: Gallery, clase: str | None, cohort: bool) -> str:
    """Why no one could be searched, and what to do."""
    if clase is not None and not gallery.store.students(clase=clase, limit=1):
        return f"No one is in class {shown(clase)}: check clase, or search without it."
    if clase is not None:
        return (
            f"No one in class {shown(clase)} whom this search may find has a template: add photos, or leave out clase."
        )
    if not gallery.scope.is_whole:
        return "No one in your classes has a template: add photos."
    counts = gallery.store.counts()
    if counts.cohort and not cohort:
        return (
            f"No student with a template is enrolled; the cohort ({counts.cohort}) is searched only with cohort=true, "
            "or --cohort."
        )
    if counts.students or counts.cohort:
        return f"No one who is enrolled has a template of this pack: run `{command_line('indexer sync')}`."
    return f"No one is enrolled: send POST /v1/students, or run `{command_line('indexer add')}`."


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


def identified_json(found: Identified) -> list[dict[str, Any]]:
    """Every face of a photo as plain values of JSON: where it is and who it is."""
    faces = [
        identified_face_json(face, decision, found.operating_point, found.live_from) for face, decision in found.faces
    ]
    return cast("list[dict[str, Any]]", msgspec.to_builtins(faces))
