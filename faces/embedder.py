"""FaceEmbedder: decode, detect, align, embed, in that order, one photo or many."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faces.alignment import SIZE, align
from faces.detection.detector import DetectedFace, DetectionSettings, Detector, face_at, most_prominent
from faces.image.decode import RGB, DecodedPhoto, ImageLimits, decode
from faces.image.decoder import Decoder, OwnThread
from faces.packs.model_pack import ModelPack
from faces.quality import Quality, QualityRules, measure
from faces.recognition import Recogniser
from faces.runtime.session import RuntimeOptions, described_runtime, open_session
from presente.errors import PackError, PhotoRefused

EMBEDDING_VERSION = 2
"""Raised when decoding, detection or alignment changes what becomes of a photo: templates kept elsewhere are stale."""


@dataclass(frozen=True, slots=True)
class AlignedFace:
    """A detected face, what of it the recogniser looks at (RGB uint8), and its quality: all that recognition needs."""

    face: DetectedFace
    crop: RGB
    quality: Quality


@dataclass(frozen=True, slots=True)
class EmbeddedFace:
    """A face and its template, float32 (d,) of length 1."""

    face: DetectedFace
    quality: Quality
    template: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmbedderSettings:
    """Everything that decides what an embedder makes of a photo."""

    detection: DetectionSettings = field(default_factory=DetectionSettings)
    limits: ImageLimits = field(default_factory=ImageLimits)
    rules: QualityRules = field(default_factory=QualityRules)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    strict: bool = False
    """Refuse an enrolment photo with several faces (``multiple_faces``) instead of taking the most prominent."""


class FaceEmbedder:
    """The face half of Presente: image bytes in, templates of one model pack out. Safe to use from several threads."""

    def __init__(
        self, pack: ModelPack, settings: EmbedderSettings | None = None, decoder: Decoder | None = None
    ) -> None:
        """Open a pack's models; photos are decoded by ``decoder``, in the caller's own thread when None."""
        self.pack = pack
        self.settings = settings or EmbedderSettings()
        self._decoder = decoder or OwnThread()
        runtime = self.settings.runtime
        self.detector = Detector(open_session(pack.detection, runtime), self.settings.detection)
        self.recogniser = Recogniser(
            open_session(pack.recognition, runtime), pack.recognition, pack.flip, pack.preprocessing
        )
        if self.recogniser.dim != pack.dim:
            raise PackError(
                "unsuitable_model",
                f"Pack {pack.name!r} says {pack.dim} dimensions, its model gives {self.recogniser.dim}.",
                "Correct pack.json, or check the pack's files.",
            )

    @property
    def runtime(self) -> str:
        """What runs the models: runtime, version, precision."""
        return described_runtime(self.settings.runtime)

    @property
    def portrait_side(self) -> int:
        """Pixels of the longest side that a portrait is decoded in, at least."""
        return 2 * self.settings.detection.max_side

    def opened(self, data: bytes) -> AbstractContextManager[DecodedPhoto]:
        """Bytes to an upright RGB photo, for as long as the block lasts; see :meth:`Decoder.opened`."""
        return self._decoder.opened(data, self.settings.limits, None)

    def opened_for_portrait(self, data: bytes) -> AbstractContextManager[DecodedPhoto]:
        """As :meth:`opened`, a large JPEG in fewer pixels: still twice as many a side as detection looks at."""
        return self._decoder.opened(data, self.settings.limits, self.portrait_side)

    def decode(self, data: bytes) -> DecodedPhoto:
        """A photo to keep, decoded in this thread whatever the decoder: for programs that read photos of their own."""
        return decode(data, self.settings.limits)

    def detect(self, photo: DecodedPhoto) -> list[AlignedFace]:
        """Every face of a photo, largest first, aligned and measured."""
        return [self._align(photo, face) for face in self.detector.detect(photo.pixels)]

    def read_portrait(self, data: bytes, landmarks: NDArray[np.float32] | None = None) -> tuple[str, AlignedFace]:
        """A photo's media type and :meth:`portrait` of it, decoded in no more pixels than that takes.

        Raises:
            PhotoRefused: as :meth:`opened` and :meth:`portrait`.
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
        """Every face of a photo that an enrolment could be of, largest first.

        Raises:
            PhotoRefused: as :meth:`opened`.
        """
        with self.opened(data) as photo:
            found = self.detect(photo)
        return [face for face in found if not self.settings.rules.failures(face.quality)]

    def portrait(self, photo: DecodedPhoto, landmarks: NDArray[np.float32] | None = None) -> AlignedFace:
        """The one face that an enrolment photo is of.

        Args:
            photo: the photo.
            landmarks: (5, 2), the face's, when they are known: then nothing is detected, and nothing counted; but for a
                pack that cuts faces out by their boxes, the face there is.

        Raises:
            PhotoRefused: ``no_face``; ``multiple_faces`` when strict; ``low_quality`` with what is wrong.
        """
        height, width = photo.pixels.shape[:2]
        if landmarks is None:
            face = self._prominent(photo)
        elif self.pack.preprocessing is None:
            face = face_at(landmarks, height, width)
        else:
            face = self._boxed(photo, landmarks)
        return self._usable(photo, face)

    def _boxed(self, photo: DecodedPhoto, landmarks: NDArray[np.float32]) -> DetectedFace:
        """The detected face that landmarks lie in: what is cut out by its box needs one."""
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

    def embed(self, faces: Sequence[AlignedFace]) -> list[EmbeddedFace]:
        """Templates of aligned faces, in their order, in one batch."""
        templates = self.recogniser.embed([face.crop for face in faces])
        return [
            EmbeddedFace(face=aligned.face, quality=aligned.quality, template=template)
            for aligned, template in zip(faces, templates, strict=True)
        ]

    def _align(self, photo: DecodedPhoto, face: DetectedFace) -> AlignedFace:
        crop = self.recogniser.cut(photo.pixels, face)
        aligned = crop if self.pack.preprocessing is None else align(photo.pixels, face.landmarks)
        whole = face.enlarged(photo.reduction)
        return AlignedFace(face=whole, crop=crop, quality=measure(whole, aligned))
