"""The first system's rule for films: every tenth frame, each face the nearest person, once per film a name counts.

So does a raised hand: a wrist above the nose in one of these frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from evaluation.classroom import box_of
from evaluation.film_events import FilmEvent
from evaluation.film_truth import FilmTruth
from evaluation.films import RuleRun, Stopwatch, person_at
from faces.embedder import FaceEmbedder
from faces.film.reading import Tell
from faces.image.decode import RGB, DecodedPhoto
from faces.pose.keypoints import Keypoints
from faces.pose.reader import PoseReader
from presente.errors import FilmRefused

FIRST_MATCH = "first match"
_EVERY = 10
"""It looked at every so many-th frame,"""
_THRESHOLD = 0.5
"""and took two faces for one person's from this cosine."""

_SEEN = 0.3
"""The score from which a keypoint is seen."""

_Span = tuple[float, float, float]
"""From when, to when, and the best score."""


def by_first_match(
    film: Path,
    truth: FilmTruth,
    embedder: FaceEmbedder,
    gallery: Mapping[str, NDArray[np.float32]],
    pose: PoseReader | None,
    tell: Tell,
) -> RuleRun:
    """What the rule makes of a film: a line per name and person whose face was given it.

    Args:
        film: the film.
        truth: says whose faces they are.
        embedder: finds and embeds them.
        gallery: by matricula, the templates, float32 (n, d) unit rows.
        pose: finds keypoints; None: raised hands are not looked for.
        tell: is told how far it is.

    Raises:
        FilmRefused: ``unreadable_film``.
    """
    watch = Stopwatch()
    people = [matricula for matricula, rows in gallery.items() for _ in rows]
    templates = np.concatenate([np.atleast_2d(rows) for rows in gallery.values()])
    spans: dict[tuple[str, str], _Span] = {}
    raised: dict[str, FilmEvent] = {}
    reached, looked_at = 0.0, 0
    for at_s, pixels in _frames(film):
        reached, looked_at = at_s, looked_at + 1
        faces = embedder.embed(embedder.detect(DecodedPhoto(pixels, "", pixels.shape[:2])))
        boxes = [box_of(face.face.box) for face in faces]
        names = person_at(truth, at_s, boxes)
        up = [False] * len(faces) if pose is None else [_is_up(found) for found in pose.keypoints(pixels, boxes)]
        for face, name, hand in zip(faces, names, up, strict=True):
            cosines = templates @ face.template
            nearest = int(cosines.argmax())
            if cosines[nearest] >= _THRESHOLD:
                key = people[nearest], name or ""
                first, _, best = spans.get(key, (at_s, at_s, -1.0))
                spans[key] = first, at_s, max(best, float(cosines[nearest]))
                if hand:
                    raised.setdefault(key[0], FilmEvent(FIRST_MATCH, "raise", name or "", key[0], at_s, at_s))
        tell(at_s, truth.duration_s)
    events = [
        FilmEvent(FIRST_MATCH, "present", name, matricula, first, last, score)
        for (matricula, name), (first, last, score) in sorted(spans.items())
    ]
    events += sorted(raised.values(), key=lambda event: event.from_s)
    return RuleRun(FIRST_MATCH, events, pose is not None, _THRESHOLD, looked_at, watch.speed(reached))


def _is_up(found: Keypoints) -> bool:
    """Whether a wrist is above the nose."""
    nose = found.point("nose", _SEEN)
    wrists = [found.point(name, _SEEN) for name in ("left_wrist", "right_wrist")]
    return nose is not None and any(wrist is not None and wrist[1] < nose[1] for wrist in wrists)


def _frames(film: Path) -> Iterator[tuple[float, RGB]]:
    """Every tenth frame, with its moment."""
    try:
        with av.open(str(film)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number % _EVERY == 0:
                    yield float(frame.time or 0.0), np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    except (FFmpegError, IndexError) as error:
        raise FilmRefused("unreadable_film", f"{film} cannot be read ({error}).", "Give a film: MP4, WebM.") from error
