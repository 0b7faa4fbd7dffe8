"""FaceEmbedder: image bytes to templates. It reads photos as :mod:`faces.reading` says, and embeds the faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from faces.detection.detected_face import DetectedFace
from faces.detection.detector import Detector
from faces.detection.finder import Stage, untimed
from faces.detection.networks import face_network
from faces.image.decoder import Decoder
from faces.packs.model_pack import ModelPack
from faces.quality import Quality
from faces.reading import AlignedFace, EmbedderSettings, PhotoReader, ReadPhoto
from faces.recognition import Recogniser
from faces.runtime.session import described_runtime, open_session
from presente.errors import PackError

__all__ = ["EMBEDDING_VERSION", "AlignedFace", "EmbeddedFace", "EmbedderSettings", "FaceEmbedder", "ReadPhoto"]

EMBEDDING_VERSION = 3
"""Raised when decoding, detection or alignment changes the templates of photos: cached templates are stale then."""


_AT_ONCE = 16
"""Faces in one call of the model: more take as long per face, and more memory."""


@dataclass(frozen=True, slots=True)
class EmbeddedFace:
    """A face and its template, float32 (d,) of length 1; ``rotated`` as for :class:`faces.reading.AlignedFace`."""

    face: DetectedFace
    quality: Quality
    template: NDArray[np.float32]
    rotated: int = 0


class FaceEmbedder(PhotoReader):
    """Reads photos, and makes templates of one model pack. Safe to use from several threads."""

    def __init__(
        self, pack: ModelPack, settings: EmbedderSettings | None = None, decoder: Decoder | None = None
    ) -> None:
        """Open a pack's two models; photos are decoded by ``decoder``, in the caller's own thread when None.

        Raises:
            PackError: ``unsuitable_model``, and as :func:`faces.runtime.session.open_session`.
        """
        settings = settings or EmbedderSettings()
        session = open_session(pack.detection, settings.runtime, any_size=True)
        detector = Detector(face_network(session, settings.detection.min_score), settings.detection)
        super().__init__(detector, pack.preprocessing, settings, decoder)
        self.pack = pack
        self.recogniser = Recogniser(
            open_session(pack.recognition, settings.runtime), pack.recognition, pack.flip, pack.preprocessing
        )
        if self.recogniser.dim != pack.dim:
            raise PackError(
                "unsuitable_model",
                f"Pack {pack.name!r} says {pack.dim} dimensions, its model gives {self.recogniser.dim}.",
                "Correct pack.json, or check the pack's files.",
            )

    @property
    def runtime(self) -> str:
        """Name, version and precision of the runtime that runs the models."""
        return described_runtime(self.settings.runtime)

    def embed(self, faces: Sequence[AlignedFace]) -> list[EmbeddedFace]:
        """Templates of aligned faces, in their order."""
        templates = [
            self.recogniser.embed([face.crop for face in faces[start : start + _AT_ONCE]])
            for start in range(0, len(faces), _AT_ONCE)
        ]
        return [
            EmbeddedFace(aligned.face, aligned.quality, template, aligned.rotated)
            for aligned, template in zip(faces, chain.from_iterable(templates), strict=True)
        ]

    def embed_portrait(
        self, data: bytes, landmarks: NDArray[np.float32] | None = None, stage: Stage = untimed
    ) -> tuple[str, EmbeddedFace]:
        """A photo's media type and the embedded face of :meth:`read_portrait`; ``stage`` times ``embed``, too."""
        media_type, face = self.read_portrait(data, landmarks, stage)
        with stage("embed"):
            return media_type, self.embed([face])[0]
