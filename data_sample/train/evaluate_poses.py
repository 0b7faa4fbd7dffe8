"""Measures the exported pose pack on held-out people, below the faces that the sample pack finds."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faces.pose.keypoints import COCO, Keypoints
from faces.pose.pose_pack import load_pose_pack
from faces.pose.raised_hands import Raise, RaiseRule, find_raises
from faces.pose.reader import PoseReader
from faces.runtime.session import RuntimeOptions

from ..draw.posture import KINDS, RAISED
from ..draw.seeds import HELD_OUT
from .poses import DrawnPerson, draw_people
from .service import Recogniser, overlap

PICTURES = 500
NEAR = 0.2
"""A keypoint is found when it is at most so far from the truth, in longer sides of the face's box."""

ANY_WRIST = RaiseRule(seconds=0, above_nose=0, clear_of_head=0)
"""The first system's rule: a wrist above the nose, wherever it is."""

Report = dict[str, Any]


class _Tally:
    """What was found of each kind of keypoint."""

    def __init__(self) -> None:
        self._off: dict[str, list[float]] = defaultdict(list)
        self._scores: dict[tuple[str, int], list[float]] = defaultdict(list)

    def note(self, person: DrawnPerson, found: Keypoints) -> None:
        for place, name in enumerate(COCO):
            part, (x, y, seen) = name.removeprefix("left_").removeprefix("right_"), person.keypoints[place]
            self._scores[part, int(seen)].append(float(found.scores[place]))
            if seen == 2:
                away = np.hypot(*(found.points[place] - (x, y)))
                self._off[part].append(float(away) / found.face_side)

    def report(self, least: float) -> Report:
        """Per part of the body: how many were seen, how far off they were found, and which are thought to be seen."""
        return {
            part: {
                "visible": len(off),
                "error_median": round(float(np.median(off)), 3),
                f"within_{NEAR}": round(float((np.array(off) <= NEAR).mean()), 4),
                "visible_and_scored": _share(self._scores[part, 2], least),
                "absent": len(self._scores[part, 0]),
                "absent_but_scored": _share(self._scores[part, 0], least),
            }
            for part, off in self._off.items()
        }


def _share(scores: list[float], least: float) -> float | None:
    return round(float((np.array(scores) >= least).mean()), 4) if scores else None


def people_found(recogniser: Recogniser, reader: PoseReader, pictures: int) -> Iterator[tuple[DrawnPerson, Keypoints]]:
    """Held-out people whose face is found, with what the pose pack says of each."""
    for number in range(pictures):
        scene, people = draw_people(np.random.default_rng([0xE7A1, number]), HELD_OUT)
        faces = recogniser.find(scene.pixels)
        for person in people:
            box: NDArray[np.float32] = np.array(person.face, np.float32)
            own = max(faces, key=lambda face, box=box: overlap(face.box, box), default=None)
            if own is not None and overlap(own.box, box) > 0.4:
                x1, y1, x2, y2 = (float(v) for v in own.box)
                yield person, reader.keypoints(scene.pixels, [(x1, y1, x2, y2)])[0]


def evaluate(models: Path, folder: Path, pictures: int = PICTURES) -> Report:
    """Return every figure of the pose pack that README.md quotes."""
    reader = PoseReader(load_pose_pack(str(folder), []), RuntimeOptions("onnxruntime"))
    rule, tally = RaiseRule(seconds=0), _Tally()
    counts: dict[str, list[int]] = {kind: [0, 0, 0, 0] for kind in KINDS}
    for person, found in people_found(Recogniser(models), reader, pictures):
        tally.note(person, found)
        if not person.between:
            truth = true_keypoints(person)
            said = (True, _is_up(found, rule), _is_up(truth, rule), _is_up(truth, ANY_WRIST))
            counts[person.posture.kind] = [n + yes for n, yes in zip(counts[person.posture.kind], said, strict=True)]
    return {
        "keypoints": tally.report(rule.least_score),
        "raised": _summed([counts[kind] for kind in RAISED]),
        "not_raised": _summed([counts[kind] for kind in KINDS if kind not in RAISED]),
        "by_kind": {kind: _summed([counts[kind]]) for kind in KINDS},
        "milliseconds_per_crop": speed(reader),
        "bytes": reader.pack.model.stat().st_size,
    }


def true_keypoints(person: DrawnPerson) -> Keypoints:
    """A person's own keypoints, as a model that errs nowhere would find those that are not absent."""
    points = person.keypoints.astype(np.float32)
    return Keypoints(points[:, :2], (points[:, 2] > 0).astype(np.float32), person.face)


def _is_up(keypoints: Keypoints, rule: RaiseRule) -> bool:
    """Whether one look says that a hand is up."""
    return find_raises([(0.0, keypoints)], rule) == [Raise(0.0, 0.0)]


def _summed(rows: list[list[int]]) -> dict[str, int]:
    """People, and how many have a hand up: by net and rule, by the rule on true keypoints, by any true wrist."""
    names = ("people", "up", "up_by_true_keypoints", "true_wrist_above_nose")
    return dict(zip(names, (sum(column) for column in zip(*rows, strict=True)), strict=True))


def speed(reader: PoseReader) -> Report:
    """Return milliseconds per face on one thread, cutting included, for one face and for eight at once."""
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    best = {}
    for count in (1, 8):
        boxes, times = [(300.0, 200.0, 340.0, 250.0)] * count, []
        for _ in range(15):
            began = time.perf_counter()
            reader.keypoints(pixels, boxes)
            times.append(time.perf_counter() - began)
        best[f"{count}_at_once"] = round(1000 * min(times) / count, 2)
    return best
