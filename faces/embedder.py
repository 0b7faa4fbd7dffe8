"""FaceEmbedder: image bytes to templates. It reads photos as :mod:`faces.reading` says, and embeds the faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from faces.detection.detected_face import DetectedFace
from faces.detection.detector import Detector
from faces.detection.finder import Stage, untimed
from faces.detection.networks import face_network
from faces.image.decoder import Decoder
from faces.liveness.reader import LivenessReader
from faces.liveness.values import LivenessScore
from faces.packs.model_pack import ModelPack
from faces.packs.precision_check import check_command
from faces.quality import Quality
from faces.reading import AlignedFace, EmbedderSettings, PhotoReader, ReadPhoto
from faces.recognition import Recogniser
from faces.runtime.batching import BatchSize
from faces.runtime.session import GPU_BATCH, RuntimeOptions, Session, chosen_runtime, described_runtime, open_session
from faces.surroundings import FacePicture
from presente.errors import ConfigError, PackError

__all__ = ["EMBEDDING_VERSION", "AlignedFace", "EmbeddedFace", "EmbedderSettings", "FaceEmbedder", "ReadPhoto"]

EMBEDDING_VERSION = 3
"""Raised when decoding, detection or alignment changes the templates of photos: cached templates are stale then."""

_CPU_BATCH = 16
"""Most faces in one call of the model on a CPU: more take as long per face, and more memory."""


@dataclass(frozen=True, slots=True)
class EmbeddedFace:
    """A face and its template, float32 (d,) of length 1; ``rotated`` as for :class:`faces.reading.AlignedFace`.

    ``liveness``: what a liveness pack says of it; None when it was not asked. ``picture`` likewise.
    """

    face: DetectedFace
    quality: Quality
    template: NDArray[np.float32]
    rotated: int = 0
    liveness: LivenessScore | None = None
    picture: FacePicture | None = None


class FaceEmbedder(PhotoReader):
    """Reads photos, and makes templates of one model pack. Safe to use from several threads."""

    def __init__(
        self,
        pack: ModelPack,
        settings: EmbedderSettings | None = None,
        decoder: Decoder | None = None,
        liveness: LivenessReader | None = None,
        pictures: bool = False,
    ) -> None:
        """Open a pack's two models; photos are decoded by ``decoder``, in the caller's own thread when None.

        With ``liveness`` faces can be :meth:`judged`; with ``pictures`` each has a picture.

        Raises:
            PackError: ``unsuitable_model``, and as :func:`faces.runtime.session.open_session`.
            ConfigError: ``precision_unchecked``, and likewise.
        """
        settings = settings or EmbedderSettings()
        session = open_session(pack.detection, runtime_of(pack, settings.runtime), any_size=True)
        detector = Detector(face_network(session, settings.detection.min_score), settings.detection)
        super().__init__(detector, pack.preprocessing, settings, decoder, liveness, pictures)
        self.pack = pack
        self.on_gpu = chosen_runtime(settings.runtime) == "cuda"
        self._most = GPU_BATCH if self.on_gpu else _CPU_BATCH
        self.batch_size = BatchSize(self._most)
        recognition = open_recognition(pack, settings.runtime)
        self.recogniser = Recogniser(recognition, pack.recognition, pack.flip, pack.preprocessing)
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
        """Templates of aligned faces, in their order. ``batch_size`` says how many at once are quickest."""
        templates = [
            self.recogniser.embed([face.crop for face in faces[start : start + self._most]])
            for start in range(0, len(faces), self._most)
        ]
        return [
            EmbeddedFace(aligned.face, aligned.quality, template, aligned.rotated, picture=aligned.picture)
            for aligned, template in zip(faces, chain.from_iterable(templates), strict=True)
        ]

    def judged(self, faces: Sequence[AlignedFace]) -> list[LivenessScore]:
        """How live aligned faces look, in their order.

        Raises:
            ValueError: the embedder has no liveness pack, or had none when it read one of the faces.
        """
        crops = [face.liveness for face in faces if face.liveness is not None]
        if self.liveness is None or len(crops) != len(faces):
            raise ValueError("faces can be judged only by an embedder that read them with a liveness pack")
        return self.liveness.scores(crops)

    def embed_portrait(
        self, data: bytes, landmarks: NDArray[np.float32] | None = None, stage: Stage = untimed
    ) -> tuple[str, EmbeddedFace]:
        """A photo's media type and the embedded face of :meth:`read_portrait`; ``stage`` times ``embed``, too."""
        media_type, face = self.read_portrait(data, landmarks, stage)
        with stage("embed"):
            return media_type, self.embed([face])[0]


def open_recognition(pack: ModelPack, runtime: RuntimeOptions) -> Session:
    """The session of a pack's embedder.

    Raises:
        PackError: as :func:`faces.runtime.session.open_session`.
        ConfigError: likewise; ``precision_unchecked``.
    """
    return open_session(pack.graph, runtime_of(pack, runtime), quantized=pack.graph != pack.recognition)


def runtime_of(pack: ModelPack, runtime: RuntimeOptions) -> RuntimeOptions:
    """How the pack's models are run; in the precision that was checked, on the runtime that it was checked on.

    Raises:
        ConfigError: ``precision_unchecked``.
    """
    if pack.check is None:
        if runtime.precision == "int8":
            raise ConfigError(
                "precision_unchecked",
                f"Pack {pack.name!r} was opened in f32, and has no quantized graph then.",
                "Open it with its precision: load_pack(name, places, 'int8').",
            )
        return runtime
    here = chosen_runtime(runtime)
    if here != pack.check.runtime:
        raise ConfigError(
            "precision_unchecked",
            f"Pack {pack.name!r} in {pack.check.precision} was checked on {pack.check.runtime}; here {here} runs it.",
            f"Set PRESENTE_RUNTIME to {pack.check.runtime}, or repeat the check here: "
            f"`{check_command(pack.name, pack.check.precision)}`.",
        )
    return replace(runtime, precision=pack.check.rest)  # the tolerances are those of what is computed
