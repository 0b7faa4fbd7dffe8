"""Attendance from class photos that are made of portraits: what the service finds in them, and whom it records.

The photos are read, and attendance is recorded, by the code that ``POST /v1/attendance`` runs. The gallery is one of
its own, in a folder that is deleted; no photo is stored in it.
"""

from __future__ import annotations

import io
import math
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from evaluation.class_faces import NO_FACE, STRANGER, STUDENT, ClassFace
from evaluation.composites import Box, Cutout, cutout, empty_room, matched, paste, places
from evaluation.protocols import Entry
from evaluation.templates import TemplateResult
from faces.embedder import EmbeddedFace, FaceEmbedder
from faces.image.decode import RGB
from faces.packs.model_pack import ModelPack
from faces.reading import Detail
from gallery.attendance.attendance_log import AttendanceLog
from gallery.attendance.class_photo import record_class_photo
from gallery.attendance.face_attendance import ClassPhoto, ClassPhotoFace, FaceAttendance
from gallery.documents.values import EnrolledPhoto, Enrolment, Student, Template
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.settings import GallerySettings
from presente import composition
from presente.errors import InvalidInput, PhotoRefused
from presente.recognition import digest_of

SAME_FACE = 0.35
"""Share of their union from which a found box is that of a pasted face."""

CLASS, _OTHER_CLASS = "in the photo", "another class"
_JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True)
class FaceSizes:
    """The sizes of a class photo's faces: pixels of the shorter side of their boxes, between two bounds."""

    least: float
    most: float

    @classmethod
    def of(cls, text: str) -> FaceSizes:
        """From ``80``, or ``60-140``.

        Raises:
            InvalidInput: ``invalid_size``.
        """
        try:
            least, dash, most = text.partition("-")
            sizes = cls(float(least), float(most if dash else least))
        except ValueError:
            sizes = cls(0, 0)
        if not 8 <= sizes.least <= sizes.most < math.inf:
            raise InvalidInput(
                "invalid_size", f"--size {text!r} is no size.", "Give pixels from 8, or a range: 60-140."
            )
        return sizes

    def __str__(self) -> str:
        """As :meth:`of` reads it."""
        return f"{self.least:g}" if self.least == self.most else f"{self.least:g}-{self.most:g}"


@dataclass(frozen=True, slots=True)
class Sitter:
    """A person who is in a class photo, and the portrait that the face is cut out of."""

    person: str
    role: str
    path: Path
    cut: Cutout


@dataclass(frozen=True, slots=True)
class Scene:
    """How class photos are made: their size in pixels, and their rows; None: as many as spread the faces evenly."""

    width: int
    height: int
    rows: int | None


class SitterFinder:
    """Chooses a portrait per person, and where its face is. Only its boxes are remembered."""

    def __init__(self, entries: Sequence[Entry], embedder: FaceEmbedder) -> None:
        self._embedder = embedder
        self._cuts: dict[Path, Cutout | None] = {}
        self._portraits: dict[tuple[str, str], list[Path]] = defaultdict(list)
        for entry in entries:
            if entry.role != "gallery":
                self._portraits[STUDENT if entry.role == "probe" else STRANGER, entry.person].append(entry.path)

    def draw(self, students: int, strangers: int, chance: random.Random) -> list[Sitter]:
        """At most so many students and strangers, in random order; people without a usable portrait are passed over.

        Raises:
            InvalidInput: ``too_few_people`` when there is no student.
        """
        chosen = [*self._drawn(STUDENT, students, chance), *self._drawn(STRANGER, strangers, chance)]
        if not any(sitter.role == STUDENT for sitter in chosen):
            raise InvalidInput(
                "too_few_people",
                "No enrolled person has a probe from which a face can be cut out.",
                "Give photos of the role probe in which one face is alone, and at least one --students.",
            )
        chance.shuffle(chosen)
        return chosen

    def _drawn(self, role: str, count: int, chance: random.Random) -> Iterator[Sitter]:
        people = sorted(person for of, person in self._portraits if of == role)
        chance.shuffle(people)
        for person in people:
            if count <= 0:
                return
            paths = sorted(self._portraits[role, person])
            chance.shuffle(paths)
            usable = ((path, self._cut(path)) for path in paths)
            path, cut = next(((path, cut) for path, cut in usable if cut is not None), (None, None))
            if path is not None and cut is not None:
                count -= 1
                yield Sitter(person, role, path, cut)

    def _cut(self, path: Path) -> Cutout | None:
        if path not in self._cuts:
            self._cuts[path] = self._found(path)
        return self._cuts[path]

    def _found(self, path: Path) -> Cutout | None:
        content = read_photo(path)
        try:
            read = self._embedder.read_faces(content)
        except PhotoRefused:
            return None
        if read.prominent is None or read.rotated:
            return None
        with self._embedder.opened(content) as photo:
            height, width = photo.pixels.shape[:2]
        others = [box_of(each.face.box) for each in read.faces if each is not read.prominent]
        return cutout(box_of(read.prominent.face.box), others, width, height)


def read_photo(path: Path) -> bytes:
    """The bytes of a photo.

    Raises:
        InvalidInput: ``unreadable_photo``.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            "unreadable_photo", f"{path} cannot be read ({error}).", "Correct the list or --root."
        ) from error


def compose(
    sitters: Sequence[Sitter], sizes: FaceSizes, scene: Scene, embedder: FaceEmbedder, seed: int
) -> tuple[bytes, list[Box]]:
    """A class photo, JPEG, and the box of each sitter's face in it.

    Raises:
        InvalidInput: ``faces_do_not_fit``.
    """
    chance = random.Random(f"sizes {seed}")
    sides = [chance.uniform(sizes.least, sizes.most) for _ in sitters]
    stands = places(sides, scene.width, scene.height, scene.rows, seed)
    photo = empty_room(scene.width, scene.height, seed)
    boxes: dict[int, Box] = {}
    for number in sorted(range(len(sitters)), key=lambda number: stands[number].y):  # who is in front covers who is not
        with embedder.opened(read_photo(sitters[number].path)) as portrait:
            boxes[number] = paste(photo, portrait.pixels, sitters[number].cut, stands[number])
    return _jpeg(photo), [boxes[number] for number in range(len(sitters))]


def _jpeg(photo: RGB) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()


@contextmanager
def temporary_gallery(
    people: Sequence[tuple[Entry, TemplateResult]], in_class: set[str], pack: ModelPack, settings: GallerySettings
) -> Iterator[Gallery]:
    """A gallery in which people are enrolled with these templates, some of them in the class that is photographed."""
    enrolled: dict[str, list[EnrolledPhoto]] = defaultdict(list)
    for number, (entry, made) in enumerate(people):
        if made.template is not None:
            about = f"{number} {entry.path}".encode()
            template = Template(made.template, pack.tag, (0.0, 0.0, 0.0, 0.0))
            photo = EnrolledPhoto(about, digest_of(about), "image/jpeg", str(entry.path), template)
            enrolled[entry.person].append(photo)
    with tempfile.TemporaryDirectory(prefix="presente-classroom-") as folder:
        store = composition.open_store(f"sqlite:///{folder}/gallery.db")
        gallery = Gallery(store, GenerationStore(Path(folder) / "index"), pack.tag, pack.dim, settings)
        try:
            gallery.enrol(
                [
                    Enrolment(Student(person, person, CLASS if person in in_class else _OTHER_CLASS), tuple(photos))
                    for person, photos in enrolled.items()
                ]
            )
            yield gallery
        finally:
            gallery.close()


def take_attendance(
    content: bytes, number: int, embedder: FaceEmbedder, gallery: Gallery, detail: Detail = "auto"
) -> list[_Seen]:
    """Read a class photo and record attendance from it, as the server does; each photo is of a day of its own.

    ``detail`` as for :meth:`FaceEmbedder.read_faces`.
    """
    embedded = embedder.embed(embedder.read_faces(content, detail=detail).faces)
    day = date(2000, 1, 1) + timedelta(days=number)
    threshold = gallery.operating_point().threshold
    class_photo = ClassPhoto(CLASS, day.isoformat(), digest_of(content), threshold)
    faces = [ClassPhotoFace(face.template, box_of(face.face.box)) for face in embedded]
    return list(zip(embedded, record_class_photo(AttendanceLog(gallery), faces, class_photo), strict=True))


_Seen = tuple[EmbeddedFace, FaceAttendance]
"""A face that was found, and what was made of it."""


def compare_faces(
    seen: Sequence[_Seen], sitters: Sequence[Sitter], boxes: Sequence[Box], number: int, sizes: FaceSizes
) -> list[ClassFace]:
    """The lines of the table about one class photo."""
    found = matched(boxes, [box_of(face.face.box) for face, _ in seen], SAME_FACE)
    lines = []
    for sitter, box, place in zip(sitters, boxes, found, strict=True):
        side = min(box[2] - box[0], box[3] - box[1])
        about = (number, str(sizes), side, sitter.role, sitter.person, str(sitter.path))
        lines.append(ClassFace(*about, place is not None, *_answer(None if place is None else seen[place][1])))
    for place, (face, attendance) in enumerate(seen):
        if place not in found:
            x1, y1, x2, y2 = box_of(face.face.box)
            about = (number, str(sizes), min(x2 - x1, y2 - y1), NO_FACE, "", "")
            lines.append(ClassFace(*about, True, *_answer(attendance)))
    return lines


def _answer(attendance: FaceAttendance | None) -> tuple[str, str, float]:
    """Status, name and score of a face; of one that was not found, none."""
    if attendance is None:
        return "", "", -math.inf
    named = attendance.student.matricula if attendance.student else ""
    return attendance.status, named, attendance.candidates[0].score if attendance.candidates else -math.inf


def box_of(values: np.ndarray) -> Box:
    """A detected box as the server passes it on: tenths of pixels."""
    x1, y1, x2, y2 = (round(float(value), 1) for value in values)
    return x1, y1, x2, y2
