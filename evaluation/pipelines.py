"""Pipelines: the present one and that of the first system's notebook, with all of its mistakes and with all but one.

The notebook's ArcFace run gave RGB pixels to a model that wants BGR, took ``faces[0]`` of insightface's list (the best
detection score, not the person in the middle), detected on insightface's square of 640 pixels, averaged vectors of
unequal length, and guessed the threshold 0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.consolidation import Consolidation
from evaluation.templates import NO_FACE, OK, RoleMakers, TemplateMaker, TemplateResult, as_served, settings_key
from faces.detection.detected_face import DetectedFace, most_prominent
from faces.embedder import FaceEmbedder, runtime_of
from faces.image.decode import RGB
from faces.runtime.session import open_session
from presente.errors import PhotoRefused

NOTEBOOK_THRESHOLD = 0.5
_SQUARE = 640


@dataclass(frozen=True, slots=True)
class Pipeline:
    """How photos become templates, templates people, and scores decisions.

    Attributes:
        name: its name in tables.
        swapped: red and blue change places before anything else.
        first: the face with the best detection score instead of the most prominent one.
        square: insightface's own square canvas of 640 pixels instead of one chosen from the photo.
        consolidation: what a person is compared by.
        threshold: score from which a person is named; None: the one in force.
    """

    name: str
    swapped: bool = False
    first: bool = False
    square: bool = False
    consolidation: Consolidation = "served"
    threshold: float | None = None


PRESENT = Pipeline("present pipeline")
NOTEBOOK = Pipeline("notebook, as it was", True, True, True, "notebook", NOTEBOOK_THRESHOLD)
MENDED: Sequence[Pipeline] = (
    replace(NOTEBOOK, name="  colours mended", swapped=False),
    replace(NOTEBOOK, name="  most prominent face", first=False),
    replace(NOTEBOOK, name="  canvas chosen from the photo", square=False),
    replace(NOTEBOOK, name="  centroid of unit templates", consolidation="centroid"),
    replace(NOTEBOOK, name="  best template", consolidation="best"),
    replace(NOTEBOOK, name="  threshold in force", threshold=None),
)
"""The notebook's run with one mistake mended, one at a time."""


def makers(embedder: FaceEmbedder, pipeline: Pipeline) -> RoleMakers:
    """How a pipeline makes templates of a gallery's photos and of probes.

    A gallery's are the network's vectors, float32 (d,), not of length 1: for the notebook's centroid.
    """
    if not (pipeline.swapped or pipeline.first or pipeline.square):
        return as_served(embedder, raw=True)
    detect = _square_detector(embedder) if pipeline.square else lambda pixels: embedder.finder.first_looks(pixels).faces

    def make(content: bytes) -> TemplateResult:
        try:
            pixels = embedder.decode(content).pixels
        except PhotoRefused as refused:
            return TemplateResult(None, refused.code)
        if pipeline.swapped:
            pixels = np.ascontiguousarray(pixels[:, :, ::-1])
        faces = detect(pixels)
        if not faces:
            return TemplateResult(None, NO_FACE)
        height, width = pixels.shape[:2]
        best = max(range(len(faces)), key=lambda i: faces[i].score)
        chosen = faces[best if pipeline.first else most_prominent(faces, height, width)]
        return TemplateResult(embedder.recogniser.features([embedder.cut(pixels, chosen)])[0], OK)

    key = (
        f"{settings_key(embedder)} features swapped={pipeline.swapped} first={pipeline.first} square={pipeline.square}"
    )
    maker = TemplateMaker(key, make)
    return RoleMakers(maker, maker)  # the notebook read all photos alike


def _square_detector(embedder: FaceEmbedder) -> Callable[[RGB], Sequence[DetectedFace]]:
    """insightface's SCRFD as its FaceAnalysis runs it, best score first."""
    from insightface.model_zoo.scrfd import SCRFD

    session = open_session(embedder.pack.detection, runtime_of(embedder.pack, embedder.settings.runtime))
    scrfd = SCRFD(session=session)
    scrfd.prepare(0, det_thresh=embedder.settings.detection.min_score)

    def detect(pixels: RGB) -> Sequence[DetectedFace]:
        boxes, landmarks = scrfd.detect(np.ascontiguousarray(pixels[:, :, ::-1]), input_size=(_SQUARE, _SQUARE))
        return [
            DetectedFace(box[:4].astype(np.float32), points.astype(np.float32), float(box[4]))
            for box, points in zip(boxes, landmarks if landmarks is not None else (), strict=True)
        ]

    return detect
