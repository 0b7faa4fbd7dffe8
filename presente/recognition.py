"""Where faces and gallery meet: neither knows the other, and indexer, server and evaluation all need both."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import msgspec
import numpy as np

from faces.embedder import AlignedFace, EmbeddedFace, FaceEmbedder
from gallery.decision import Decision
from gallery.documents.values import EnrolledPhoto, Template
from gallery.gallery import Gallery
from gallery.threshold.operating_point import OperatingPoint
from presente.face_json import identified_face_json

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
    """A photo's faces, largest first, with a decision for each."""

    faces: tuple[tuple[EmbeddedFace, Decision], ...]
    operating_point: OperatingPoint
    timings_ms: dict[str, float]


def identify(content: bytes, embedder: FaceEmbedder, gallery: Gallery, query: IdentifyQuery) -> Identified:
    """Find every face of a photo and say who it is.

    Raises:
        PhotoRefused: the bytes are not a photo that can be used.
        InvalidInput: ``invalid_k``.
    """
    timings = Timings()
    aligned = detected(content, embedder, timings)
    if query.faces == "largest":
        aligned = aligned[:1]
    with timings.stage("embed"):
        faces = embedder.embed(aligned)
    with timings.stage("search"):
        probes = np.array([face.template for face in faces], dtype=np.float32).reshape(-1, gallery.dim)
        held_to, decisions = gallery.identify(probes, query.k, query.threshold, query.clase, query.cohort)
    return Identified(tuple(zip(faces, decisions, strict=True)), held_to, timings.as_dict())


def detected(content: bytes, embedder: FaceEmbedder, timings: Timings) -> list[AlignedFace]:
    """Every face of a photo, largest first; its pixels are given back before this returns.

    Raises:
        PhotoRefused: the bytes are not a photo that can be used.
    """
    with ExitStack() as held:
        with timings.stage("decode"):
            photo = held.enter_context(embedder.opened(content))
        with timings.stage("detect"):
            return embedder.detect(photo)


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
    """What a photo is known by: the SHA-256 of its bytes, hex."""
    return hashlib.sha256(content).hexdigest()


def identified_json(found: Identified) -> list[dict[str, Any]]:
    """Every face of a photo as plain values of JSON: where it is and who it is."""
    faces = [identified_face_json(face, decision, found.operating_point) for face, decision in found.faces]
    return cast("list[dict[str, Any]]", msgspec.to_builtins(faces))
