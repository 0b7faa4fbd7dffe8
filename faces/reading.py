"""How a photo is read. There are two ways: as a portrait, to enrol one face of it, and for every face, to identify.

Server, indexer and evaluation read photos with :meth:`PhotoReader.read_portrait`, :meth:`PhotoReader.portraits` and
:meth:`PhotoReader.read_faces`, and in no other way: how closely a photo is looked at is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faces.alignment import align, cut_box
from faces.detection.detected_face import DetectedFace, face_at, most_prominent
from faces.detection.detector import DetectionSettings, Detector
from faces.detection.finder import FaceFinder, Found, Stage, Wanted, untimed
from faces.image.decode import RGB, DecodedPhoto, ImageLimits, decode
from faces.image.decoder import Decoder, InlineDecoder
from faces.liveness.crops import LivenessCrop
from faces.liveness.reader import LivenessReader
from faces.packs.model_pack import Preprocessing
from faces.quality import Quality, QualityRules, measure
from faces.quality_words import in_words
from faces.runtime.session import RuntimeOptions
from faces.surroundings import FacePicture, picture_of
from presente.errors import PhotoRefused

Detail = Literal["auto", "portrait", "group"]
"""How closely a photo is looked at: as its faces ask for; for large faces only; for small faces in any case."""


@dataclass(frozen=True, slots=True)
class AlignedFace:
    """A detected face, its crop for the recogniser (RGB uint8), and its quality: all that recognition needs.

    ``rotated``: degrees, clockwise, by which the photo had to be turned for its faces to be upright: 0, 90, 180 or 270.
    ``liveness``: what a liveness pack is given of the face; None when photos are read without one. ``picture``: the
    face and what is around it; None unless the reader cuts out pictures.
    """

    face: DetectedFace
    crop: RGB
    quality: Quality
    rotated: int = 0
    liveness: LivenessCrop | None = None
    picture: FacePicture | None = None


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """Every face of a photo, largest first, and the most prominent of them; None when there is none.

    ``rotated`` as for :class:`AlignedFace`; ``size`` is height and width of the photo, in the pixels of its boxes.
    """

    faces: tuple[AlignedFace, ...]
    prominent: AlignedFace | None
    rotated: int = 0
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class EmbedderSettings:
    """Everything that decides which templates an embedder makes of a photo."""

    detection: DetectionSettings = field(default_factory=DetectionSettings)
    limits: ImageLimits = field(default_factory=ImageLimits)
    rules: QualityRules = field(default_factory=QualityRules)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    strict: bool = False
    """Refuse an enrolment photo with several faces (``multiple_faces``) instead of taking the most prominent."""


_ENOUGH = 160
"""Pixels per side with which a face gives nearly the template that all of the photo's pixels give: cosine 0.996
(docs/adr/0028-looks.md)."""


def _need_all_pixels(faces: Sequence[DetectedFace]) -> bool:
    """Whether a face of a photo that was decoded in fewer pixels, in which these are its faces, needs all of them."""
    return any(face.side < _ENOUGH for face in faces)


@contextmanager
def _timed(opening: AbstractContextManager[DecodedPhoto], stage: Stage) -> Iterator[DecodedPhoto]:
    """A photo for the block; opening it is timed as ``decode``, the block as ``detect``."""
    with ExitStack() as held:
        with stage("decode"):
            photo = held.enter_context(opening)
        with stage("detect"):
            yield photo


class PhotoReader:
    """Image bytes to aligned faces. Safe to use from several threads."""

    def __init__(
        self,
        detector: Detector,
        preprocessing: Preprocessing | None,
        settings: EmbedderSettings,
        decoder: Decoder | None = None,
        liveness: LivenessReader | None = None,
        pictures: bool = False,
    ) -> None:
        """Read photos with a detector.

        Args:
            detector: finds the faces.
            preprocessing: how the recogniser wants a face; None for an ArcFace.
            settings: limits, quality rules, strictness.
            decoder: decodes the photos; None: the caller's own thread does.
            liveness: cuts out what it will judge of each face; None: nothing is cut out.
            pictures: whether each face is cut out with what is around it, too.
        """
        self.finder = FaceFinder(detector)
        self.settings = settings
        # None: faces are aligned by their landmarks, for whatever network
        self._preprocessing = preprocessing if preprocessing is not None and preprocessing.crop == "box" else None
        self._decoder = decoder or InlineDecoder()
        self.liveness = liveness
        self._pictures = pictures

    # -- the two ways to read a photo --------------------------------------------------------------------------------

    def read_faces(
        self, data: bytes, stage: Stage = untimed, detail: Detail = "auto", wanted: Wanted = "all"
    ) -> ReadPhoto:
        """Read a photo to identify people: every face, whatever its size and quality.

        A large JPEG is decoded in fewer pixels first, and in all of them only when its faces are small. The photo's
        pixels are given back before this returns.

        Args:
            data: the photo's bytes.
            stage: times the stages: ``decode``, ``detect``, and in that each look, as :class:`FaceFinder` says.
            detail: ``portrait`` leaves out the closer look for small faces; ``group`` takes it in any case.
            wanted: the faces whose size decides on the closer look when ``detail`` is ``auto``; all are read.

        Raises:
            PhotoRefused: as :func:`faces.image.decode.decode`.
        """
        found: Found | None = None
        for enough in (None,) if detail == "group" else (self.portrait_side, None):
            with ExitStack() as held:
                with stage("decode"):
                    photo = held.enter_context(self._decoder.opened(data, self.settings.limits, enough))
                with stage("detect"):
                    found = found or self.finder.first_looks(photo.pixels, stage)
                    closer = self._closer_is_due(photo, found, detail, wanted)
                    if photo.reduction > 1 and (closer or _need_all_pixels(found.faces)):
                        found = found.enlarged(photo.reduction)
                        continue
                    if closer:
                        found = self.finder.closer_look(photo.pixels, found, stage)
                    return self.read(photo, found)
        raise AssertionError("a photo that is decoded whole is read")

    def read_portrait(
        self, data: bytes, landmarks: NDArray[np.float32] | None = None, stage: Stage = untimed
    ) -> tuple[str, AlignedFace]:
        """Read a photo to enrol its one person: its media type, and the face that :meth:`portrait` chooses.

        A large JPEG is decoded in fewer pixels, unless the face in it needs more. ``stage`` times ``decode`` and
        ``detect``.

        Raises:
            PhotoRefused: as :func:`faces.image.decode.decode` and :meth:`portrait`.
        """
        if landmarks is None:
            with _timed(self.opened_for_portrait(data), stage) as photo:
                if photo.reduction == 1:
                    return photo.media_type, self.portrait(photo)
                found = self._first_looks(photo)
                if found.faces and not self._closer_is_due(photo, found, "auto", "most prominent"):
                    face = self._chosen(photo, found)
                    if not _need_all_pixels([face]):
                        return photo.media_type, self._usable(photo, face, found.turns)
        with _timed(self.opened(data), stage) as photo:
            return photo.media_type, self.portrait(photo, landmarks)

    def portraits(self, data: bytes, stage: Stage = untimed) -> list[AlignedFace]:
        """Every face of a photo that is good enough to be enrolled, largest first.

        It is read as by :meth:`read_faces`: for a photo whose most prominent face is not the person's.

        Raises:
            PhotoRefused: as :func:`faces.image.decode.decode`.
        """
        return [face for face in self.read_faces(data, stage).faces if not self.settings.rules.broken(face.quality)]

    # -- their steps -------------------------------------------------------------------------------------------------

    @property
    def portrait_side(self) -> int:
        """The longest side, in pixels, in which a photo is decoded at least: more than the usual look has."""
        return self.settings.detection.max_side * 3 // 2

    def opened(self, data: bytes, enough: int | None = None) -> AbstractContextManager[DecodedPhoto]:
        """Bytes to an upright RGB photo, for as long as the block lasts; see :meth:`Decoder.opened`.

        ``enough``: pixels that the longest side has at least, where all of the photo's are not needed.
        """
        return self._decoder.opened(data, self.settings.limits, enough)

    def opened_for_portrait(self, data: bytes) -> AbstractContextManager[DecodedPhoto]:
        """As :meth:`opened`, but a large JPEG in fewer pixels: its longest side has still :attr:`portrait_side`."""
        return self._decoder.opened(data, self.settings.limits, self.portrait_side)

    def opened_to_show(self, data: bytes, longest: int) -> AbstractContextManager[DecodedPhoto]:
        """As :meth:`opened`, but a large JPEG in fewer pixels: its longest side has still ``longest``."""
        return self._decoder.opened(data, self.settings.limits, longest)

    def decode(self, data: bytes) -> DecodedPhoto:
        """Decode a photo to keep, always in the caller's thread: for programs that look at photos in their own way."""
        return decode(data, self.settings.limits)

    def detect(self, photo: DecodedPhoto) -> list[AlignedFace]:
        """Every face of a decoded photo, largest first, aligned and measured."""
        found = self.finder.first_looks(photo.pixels)
        if self._closer_is_due(photo, found, "auto"):
            found = self.finder.closer_look(photo.pixels, found)
        return list(self.read(photo, found).faces)

    def portrait(self, photo: DecodedPhoto, landmarks: NDArray[np.float32] | None = None) -> AlignedFace:
        """The one face that an enrolment photo is of: the most prominent, if it is good enough.

        Args:
            photo: the photo.
            landmarks: (5, 2), the face's, when they are known. Then nothing is detected and no faces are counted; only
                for a pack that cuts faces out by their boxes, the face that they lie in is detected.

        Raises:
            PhotoRefused: ``no_face``; ``multiple_faces`` when strict; ``low_quality`` with what is wrong.
        """
        height, width = photo.pixels.shape[:2]
        if landmarks is not None:
            known = face_at(landmarks, height, width) if self._preprocessing is None else self._boxed(photo, landmarks)
            return self._usable(photo, known)
        found = self._first_looks(photo)
        if self._closer_is_due(photo, found, "auto", "most prominent"):
            found = self.finder.closer_look(photo.pixels, found)
        return self._usable(photo, self._chosen(photo, found), found.turns)

    def cut(self, pixels: RGB, face: DetectedFace) -> RGB:
        """The crop of a face that the recogniser takes: uint8 (s, s, 3), s being 112 for an ArcFace."""
        if self._preprocessing is None:
            return align(pixels, face.landmarks)
        return cut_box(pixels, face.box, self._preprocessing.size, self._preprocessing.margin)

    def _boxed(self, photo: DecodedPhoto, landmarks: NDArray[np.float32]) -> DetectedFace:
        """The detected face in which landmarks lie: a crop by a box needs one."""
        x, y = landmarks.mean(axis=0)
        for face in self.finder.first_looks(photo.pixels).faces:
            if face.box[0] <= x <= face.box[2] and face.box[1] <= y <= face.box[3]:
                return face
        raise PhotoRefused("no_face", "No face was found where the photo's landmarks are.")

    def _first_looks(self, photo: DecodedPhoto) -> Found:
        """The faces of a photo of one person: only the most prominent, when a look at few pixels tells which it is."""
        glanced = None if self.settings.strict else self.finder.detector.prominent_at_a_glance(photo.pixels)
        if glanced is not None and self.finder.is_upright(photo.pixels, glanced):
            return Found((glanced,))
        return self.finder.first_looks(photo.pixels)

    def _closer_is_due(self, photo: DecodedPhoto, found: Found, detail: Detail, wanted: Wanted = "all") -> bool:
        """Whether ``found``, in the photo's decoded pixels, calls for the closer look."""
        height, width = photo.size
        if detail == "auto":
            return self.finder.closer_is_due(found.enlarged(photo.reduction), height, width, wanted)
        return detail == "group" and self.finder.closer_is_due(Found(()), height, width)

    def _chosen(self, photo: DecodedPhoto, found: Found) -> DetectedFace:
        """The most prominent face of a photo to enrol."""
        if not found.faces:
            raise PhotoRefused(
                "no_face",
                "No face was found in the photo.",
                "Use a photo that shows the face from the front, well lit.",
            )
        if self.settings.strict and len(found.faces) > 1:
            raise PhotoRefused(
                "multiple_faces", f"The photo shows {len(found.faces)} faces.", "Use a photo of one person only."
            )
        height, width = photo.pixels.shape[:2]
        return found.faces[most_prominent(found.faces, height, width)]

    def read(self, photo: DecodedPhoto, found: Found) -> ReadPhoto:
        """The faces that were found in a decoded photo, aligned and measured."""
        if not found.faces:
            return ReadPhoto((), None, size=photo.size)
        height, width = photo.pixels.shape[:2]
        faces = tuple(self._align(photo, face, found.turns) for face in found.faces)
        return ReadPhoto(faces, faces[most_prominent(found.faces, height, width)], 90 * found.turns, photo.size)

    def _usable(self, photo: DecodedPhoto, face: DetectedFace, turns: int = 0) -> AlignedFace:
        chosen = self._align(photo, face, turns)
        broken = self.settings.rules.broken(chosen.quality)
        if broken:
            words = in_words(broken)
            raise PhotoRefused(
                "low_quality",
                f"The photo cannot be enrolled: {'; '.join(broken.values())}.",
                "" if words is None else words.en,
                faults=broken,
            )
        return chosen

    def _align(self, photo: DecodedPhoto, face: DetectedFace, turns: int) -> AlignedFace:
        crop = self.cut(photo.pixels, face)
        aligned = crop if self._preprocessing is None else align(photo.pixels, face.landmarks)
        whole = face.enlarged(photo.reduction).clipped(*photo.size)
        return AlignedFace(
            face=whole,
            crop=crop,
            quality=measure(whole, aligned, 90 * turns),
            rotated=90 * turns,
            liveness=None if self.liveness is None else self.liveness.cut(photo.pixels, face),
            picture=picture_of(photo.pixels, face.box, turns) if self._pictures else None,
        )
