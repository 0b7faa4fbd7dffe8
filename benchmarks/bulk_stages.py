"""CPU milliseconds of each stage of a photo, one stage after the other, one inference at a time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from benchmarks import common
from faces.alignment import align
from faces.detection.detector import Detector
from faces.detection.finder import FaceFinder
from faces.detection.networks import face_network
from faces.embedder import AlignedFace, EmbeddedFace, FaceEmbedder, open_recognition, runtime_of
from faces.image.decode import DecodedPhoto, decode
from faces.quality import measure
from faces.recognition import Recogniser
from faces.runtime.session import Session, open_session
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from indexer.pipeline.stages import BATCH
from presente import composition
from presente.errors import PhotoRefused
from presente.parallel import in_batches
from presente.recognition import digest_of, enrolled_photo
from presente.settings import Settings

_EMBEDDED_AT_ONCE = 8
_In = TypeVar("_In")
_Out = TypeVar("_Out")


class _Clocked:
    """A session that adds up the CPU seconds of its inferences."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs
        self.seconds = 0.0

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        start = time.process_time()
        found = self._session.run(names, feeds)
        self.seconds += time.process_time() - start
        return found


def by_stage(given: Settings, locations: Sequence[str]) -> dict[str, float]:
    """CPU milliseconds per photo: each stage, their total, and the floor, which is inference alone."""
    with tempfile.TemporaryDirectory() as folder:
        settings = common.own_gallery(given, Path(folder))
        pack = composition.open_pack(settings)
        embedder = composition.open_embedder(settings, pack)
        options = replace(composition.runtime_options(settings), at_once=1)
        detection = _Clocked(open_session(pack.detection, runtime_of(pack, options)))
        recognition = _Clocked(open_recognition(pack, options))
        found = embedder.settings.detection
        embedder.finder = FaceFinder(Detector(face_network(detection, found.min_score), found))
        embedder.recogniser = Recogniser(recognition, pack.recognition, pack.flip, pack.preprocessing)
        gallery = composition.open_gallery(settings, pack)
        try:
            seconds = _walk(embedder, gallery, locations)
        finally:
            gallery.close()
    total = sum(seconds.values())
    seconds |= {"total": total, "floor": detection.seconds + recognition.seconds}
    return {name: round(spent / len(locations) * 1000, 3) for name, spent in seconds.items()}


def _walk(embedder: FaceEmbedder, gallery: Gallery, locations: Sequence[str]) -> dict[str, float]:
    """CPU seconds of each stage, a stage at a time for a batch of photos: no more of them are held at once."""
    seconds = dict.fromkeys(("read", "hash", "decode", "detect", "align", "embed", "write"), 0.0)

    def each(stage: str, work: Callable[[_In], _Out], items: Sequence[_In]) -> list[_Out]:
        start = time.process_time()
        done = [work(item) for item in items]
        seconds[stage] += time.process_time() - start
        return done

    def enrol(entries: Sequence[tuple[str, bytes, DecodedPhoto, EmbeddedFace]]) -> None:
        by_person: dict[str, list[Any]] = {}
        for location, content, photo, face in entries:
            made = enrolled_photo(content, photo.media_type, location, face, gallery.pack)
            by_person.setdefault(Path(location).parent.name, []).append(made)
        gallery.enrol([Enrolment(Student(name, name), tuple(made)) for name, made in by_person.items()])

    sizes = embedder.settings.limits, embedder.portrait_side
    for batch in in_batches(locations, BATCH):
        contents = each("read", lambda location: Path(location).read_bytes(), batch)
        each("hash", digest_of, contents)
        photos = each("decode", lambda content: decode(content, *sizes), contents)
        found = each("detect", lambda photo: _portrait(embedder, photo), photos)
        kept = [entry for entry in zip(batch, contents, photos, found, strict=True) if entry[3] is not None]
        faces = [face for *_, face in kept if face is not None]
        again = [(photo, face) for (_, _, photo, _), face in zip(kept, faces, strict=True)]
        each("align", _align, again)
        embedded = [
            face for some in each("embed", embedder.embed, list(in_batches(faces, _EMBEDDED_AT_ONCE))) for face in some
        ]
        each("write", enrol, [[(*entry[:3], face) for entry, face in zip(kept, embedded, strict=True)]])
    seconds["detect"] -= seconds["align"]  # a portrait is both
    return seconds


def _portrait(embedder: FaceEmbedder, photo: DecodedPhoto) -> AlignedFace | None:
    try:
        return embedder.portrait(photo)
    except PhotoRefused:
        return None


def _align(entry: tuple[DecodedPhoto, AlignedFace]) -> object:
    photo, found = entry
    return measure(found.face, align(photo.pixels, found.face.enlarged(1 / photo.reduction).landmarks))
