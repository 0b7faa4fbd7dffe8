"""How a photo is read. There are two ways: as a portrait, to enrol one face of it, and for every face, to identify.

Server, indexer and evaluation read photos with :meth:`PhotoReader.read_portrait`, :meth:`PhotoReader.portraits` and
:meth:`PhotoReader.read_faces`, and in no other way: how closely a photo is looked at is decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faces.alignment import SIZE, align, cut_box
from faces.detection.detector import DetectedFace, DetectionSettings, Detector, face_at, most_prominent
from faces.image.decode import RGB, DecodedPhoto, ImageLimits, decode
from faces.image.decoder import Decoder, InlineDecoder
from faces.packs.model_pack import Preprocessing
from faces.quality import Quality, QualityRules, measure
from faces.runtime.session import RuntimeOptions
from presente.errors import PhotoRefused

Stage = Callable[[str], AbstractContextManager[object]]
"""Gives a context that a stage of reading, ``decode`` or ``detect``, is carried out in: a caller's stopwatch."""


@dataclass(frozen=True, slots=True)
class AlignedFace:
    """A detected face, its crop for the recogniser (RGB uint8), and its quality: all that recognition needs."""

    face: DetectedFace
    crop: RGB
    quality: Quality


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """Every face of a photo, largest first, and the most prominent of them; None when there is none."""

    faces: tuple[AlignedFace, ...]
    prominent: AlignedFace | None


@dataclass(frozen=True, slots=True)
class EmbedderSettings:
    """Everything that decides which templates an embedder makes of a photo."""

    detection: DetectionSettings = field(default_factory=DetectionSettings)
    limits: ImageLimits = field(default_factory=ImageLimits)
    rules: QualityRules = field(default_factory=QualityRules)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    strict: bool = False
    """Refuse an enrolment photo with several faces (``multiple_faces``) instead of taking the most prominent."""


def _untimed(_: str) -> AbstractContextManager[object]:
    return nullcontext()


class PhotoReader:
    """Image bytes to aligned faces. Safe to use from several threads."""

    def __init__(
        self,
        detector: Detector,
        preprocessing: Preprocessing | None,
        settings: EmbedderSettings,
        decoder: Decoder | None = None,
    ) -> None:
        """Read photos with a detector.

        Args:
            detector: finds the faces.
            preprocessing: how the recogniser wants a face; None for an ArcFace.
            settings: limits, quality rules, strictness.
            decoder: decodes the photos; None: the caller's own thread does.
        """
        self.detector = detector
        self.settings = settings
        # None: faces are aligned by their landmarks, for whatever network
        self._preprocessing = preprocessing if preprocessing is not None and preprocessing.crop == "box" else None
        self._decoder = decoder or InlineDecoder()

    # -- the two ways to read a photo --------------------------------------------------------------------------------

    def read_faces(self, data: bytes, stage: Stage = _untimed) -> ReadPhoto:
        """Read a photo to identify people: every face, at full resolution, whatever its quality.

        The photo's pixels are given back before this returns.

        Raises:
            PhotoRefused: as :func:`faces.image.decode.decode`.
        """
        with ExitStack() as held:
            with stage("decode"):
                photo = held.enter_context(self.opened(data))
            with stage("detect"):
                faces = tuple(self.detect(photo))
                height, width = photo.pixels.shape[:2]
        if not faces:
            return ReadPhoto((), None)
        return ReadPhoto(faces, faces[most_prominent([each.face for each in faces], height, width)])

    def read_portrait(self, data: bytes, landmarks: NDArray[np.float32] | None = None) -> tuple[str, AlignedFace]:
        """Read a photo to enrol its one person: its media type, and the face that :meth:`portrait` chooses.

        A large JPEG is decoded in fewer pixels, unless the face in it needs more.

        Raises:
            PhotoRefused: as :func:`faces.image.decode.decode` and :meth:`portrait`.
        """
        if landmarks is None:
            with self.opened_for_portrait(data) as photo:
                face = self._prominent(photo) if photo.reduction > 1 else None
                if face is None:
                    return photo.media_type, self.portrait(photo)
                if min(face.box[2:] - face.box[:2]) >= 2 * SIZE:
                    return photo.media_type, self._usable(photo, face)
        with self.opened(data) as photo:
            return photo.media_type, self.portrait(photo, landmarks)

    def portraits(self, data: bytes) -> list[AlignedFace]:
        """Every face of a photo that is good enough to be enrolled, largest first.

        It is read as by :meth:`read_faces`: for a photo whose most prominent face is not the person's.

        Raises:
            PhotoRefused: as :func:`faces.image.decode.decode`.
        """
        return [face for face in self.read_faces(data).faces if not self.settings.rules.failures(face.quality)]

    # -- their steps -------------------------------------------------------------------------------------------------

    @property
    def portrait_side(self) -> int:
        """The longest side, in pixels, in which a portrait is decoded at least."""
        return 2 * self.settings.detection.max_side

    def opened(self, data: bytes) -> AbstractContextManager[DecodedPhoto]:
        """Bytes to an upright RGB photo, for as long as the block lasts; see :meth:`Decoder.opened`."""
        return self._decoder.opened(data, self.settings.limits, None)

    def opened_for_portrait(self, data: bytes) -> AbstractContextManager[DecodedPhoto]:
        """As :meth:`opened`, but a large JPEG in fewer pixels: per side still twice as many as detection looks at."""
        return self._decoder.opened(data, self.settings.limits, self.portrait_side)

    def decode(self, data: bytes) -> DecodedPhoto:
        """Decode a photo to keep, always in the caller's thread: for programs that look at photos in their own way."""
        return decode(data, self.settings.limits)

    def detect(self, photo: DecodedPhoto) -> list[AlignedFace]:
        """Every face of a photo, largest first, aligned and measured."""
        return [self._align(photo, face) for face in self.detector.detect(photo.pixels)]

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
        if landmarks is None:
            face = self._prominent(photo)
        elif self._preprocessing is None:
            face = face_at(landmarks, height, width)
        else:
            face = self._boxed(photo, landmarks)
        return self._usable(photo, face)

    def cut(self, pixels: RGB, face: DetectedFace) -> RGB:
        """The crop of a face that the recogniser takes: uint8 (s, s, 3), s being 112 for an ArcFace."""
        if self._preprocessing is None:
            return align(pixels, face.landmarks)
        return cut_box(pixels, face.box, self._preprocessing.size, self._preprocessing.margin)

    def _boxed(self, photo: DecodedPhoto, landmarks: NDArray[np.float32]) -> DetectedFace:
        """The detected face in which landmarks lie: a crop by a box needs one."""
        x, y = landmarks.mean(axis=0)
        for face in self.detector.detect(photo.pixels):
            if face.box[0] <= x <= face.box[2] and face.box[1] <= y <= face.box[3]:
                return face
        raise PhotoRefused("no_face", "No face was found where the photo's landmarks are.")

    def _prominent(self, photo: DecodedPhoto) -> DetectedFace:
        """The most prominent face, in ``photo.pixels``."""
        glanced = None if self.settings.strict else self.detector.glance(photo.pixels)
        if glanced is not None:
            return glanced
        faces = self.detector.detect(photo.pixels)
        if not faces:
            raise PhotoRefused(
                "no_face",
                "No face was found in the photo.",
                "Use a photo that shows the face from the front, well lit.",
            )
        if self.settings.strict and len(faces) > 1:
            raise PhotoRefused(
                "multiple_faces", f"The photo shows {len(faces)} faces.", "Use a photo of one person only."
            )
        height, width = photo.pixels.shape[:2]
        return faces[most_prominent(faces, height, width)]

    def _usable(self, photo: DecodedPhoto, face: DetectedFace) -> AlignedFace:
        chosen = self._align(photo, face)
        failures = self.settings.rules.failures(chosen.quality)
        if failures:
            raise PhotoRefused(
                "low_quality", f"The photo cannot be enrolled: {'; '.join(failures)}.", "Use a sharper or larger photo."
            )
        return chosen

    def _align(self, photo: DecodedPhoto, face: DetectedFace) -> AlignedFace:
        crop = self.cut(photo.pixels, face)
        aligned = crop if self._preprocessing is None else align(photo.pixels, face.landmarks)
        whole = face.enlarged(photo.reduction)
        return AlignedFace(face=whole, crop=crop, quality=measure(whole, aligned))
