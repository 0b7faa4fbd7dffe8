"""``python -m benchmarks.face_film``: a film made of photos of real people, with its truth, for ``evaluation film``.

Faces are cut out of photos and move before a drawn room: they come in, sway, turn a little, come nearer and go away,
are now sharp and now blurred, and show one photo of their person after the other. It needs a pack for real faces, which
finds them in the photos. The film and the photos to enrol show real people: they belong in no repository.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import common
from benchmarks.face_film_cast import Actor, Plan, Stance, cast, stance
from data_sample.filming.encoding import write_film
from evaluation.composites import Box, empty_room, paste
from faces.image.decode import RGB
from faces.opencv import cv2
from presente import composition
from presente.settings import load_settings


def draw(room: RGB, actors: Sequence[Actor], at_s: float) -> tuple[RGB, dict[str, Box]]:
    """A frame, uint8 (h, w, 3), and the box of each face whose middle is in it; the small ones are behind."""
    frame, boxes = room.copy(), dict[str, Box]()
    height, width = frame.shape[:2]
    for actor in sorted(actors, key=lambda actor: actor.size):
        now = stance(actor, at_s, width)
        if now is not None and -now.place.size < now.place.x < width + now.place.size:
            box = paste(frame, _changed(now), now.view.cut, now.place)
            if 0 <= now.place.x < width and 0 <= now.place.y < height:
                boxes[actor.name] = box
    return frame, boxes


def _changed(now: Stance) -> RGB:
    """The photo turned around its face, blurred and lit, uint8 (h, w, 3)."""
    face, pixels = now.view.cut.face, now.view.pixels
    middle = ((face[0] + face[2]) / 2, (face[1] + face[3]) / 2)
    size = (pixels.shape[1], pixels.shape[0])
    turn = cv2.getRotationMatrix2D(middle, now.turn, 1.0)
    changed = cv2.warpAffine(pixels, turn, size, borderMode=cv2.BORDER_REPLICATE)
    sigma = now.blur * min(face[2] - face[0], face[3] - face[1])
    changed = cv2.GaussianBlur(changed, (0, 0), max(sigma, 0.1))
    return np.asarray(cv2.convertScaleAbs(changed, alpha=now.gain), dtype=np.uint8)


def make(actors: Sequence[Actor], enrolled: dict[str, list[Path]], plan: Plan, out: Path) -> dict[str, Any]:
    """Write ``film.mp4``, ``film.json`` and the folder ``enrolled``; the truth."""
    for name, paths in enrolled.items():
        (out / "enrolled" / name).mkdir(parents=True, exist_ok=True)
        for path in paths:
            shutil.copyfile(path, out / "enrolled" / name / path.name)
    room = empty_room(plan.width, plan.height, plan.seed)
    faces: dict[str, list[list[float]]] = {actor.name: [] for actor in actors}
    seen: dict[str, list[float]] = {actor.name: [] for actor in actors}

    def frames() -> Iterator[RGB]:
        second = -1
        for number in range(math.floor(plan.seconds * plan.fps)):
            at_s = number / plan.fps
            frame, boxes = draw(room, actors, at_s)
            for name, box in boxes.items():
                seen[name].append(at_s)
                if int(at_s) > second:
                    faces[name].append([round(at_s, 2), *(round(edge, 1) for edge in box)])
            second = int(at_s)
            yield frame

    write_film(out / "film.mp4", frames(), plan.width, plan.height, plan.fps)
    people = [
        {
            "name": actor.name,
            "matricula": actor.name if actor.student else None,
            "seen": [[round(seen[actor.name][0], 2), round(seen[actor.name][-1] + 1 / plan.fps, 2)]],
            "late": actor.student and seen[actor.name][0] > plan.late_after_s,
            "raises": [],
            "away": [list(span) for span in actor.away],
            "gestures": [],
            "faces": faces[actor.name],
        }
        for actor in actors
        if seen[actor.name]
    ]
    truth = {
        "film": "film.mp4",
        "width": plan.width,
        "height": plan.height,
        "fps": plan.fps,
        "duration_s": math.floor(plan.seconds * plan.fps) / plan.fps,
        "seed": plan.seed,
        "enrolled": "enrolled",
        "clase": "film",
        "roster": sorted(enrolled),
        "absent": sorted(set(enrolled) - {actor.name for actor in actors}),
        "late_after_s": plan.late_after_s,
        "people": people,
    }
    (out / "film.json").write_text(json.dumps(truth, ensure_ascii=False) + "\n", encoding="utf-8")
    return truth


def main() -> int:
    """Make the film."""
    parser = common.parser(
        "benchmarks.face_film",
        "Make a film of photos of real people, with its truth, for `evaluation film`.",
        "benchmarks.face_film --photos ../shared/faces/lfw --out var/face_film --pack ../shared/models/research_mbf",
    )
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="one folder of photos per person")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where film, truth and photos go")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the film (default: %(default)g)")
    parser.add_argument("--fps", type=float, default=5.0, help="frames per second (default: %(default)g)")
    parser.add_argument("--width", type=int, default=640, metavar="PX", help="in pixels (default: %(default)s)")
    parser.add_argument("--height", type=int, default=480, metavar="PX", help="in pixels (default: %(default)s)")
    parser.add_argument("--students", type=int, default=20, metavar="N", help="who come (default: %(default)s)")
    parser.add_argument("--absent", type=int, default=6, metavar="N", help="who do not (default: %(default)s)")
    parser.add_argument(
        "--visitors", type=int, default=2, metavar="N", help="strangers who stay (default: %(default)s)"
    )
    parser.add_argument("--passers", type=int, default=4, metavar="N", help="strangers who pass (default: %(default)s)")
    parser.add_argument("--enrolled", type=int, default=3, metavar="N", help="photos to enrol (default: %(default)s)")
    given = parser.parse_args()
    plan = Plan(
        60 * given.minutes, given.width, given.height, given.fps, given.students, given.absent, given.visitors,
        given.passers, given.enrolled, given.seed,
    )  # fmt: skip
    settings = load_settings(given)
    embedder = composition.open_embedder(settings, composition.open_pack(settings))
    actors, enrolled = cast(given.photos, plan, embedder)
    truth = make(actors, enrolled, plan, given.out)
    people = truth["people"]
    about = {
        "film": str(given.out / "film.mp4"),
        "bytes": (given.out / "film.mp4").stat().st_size,
        "students": sum(person["matricula"] is not None for person in people),
        "strangers": sum(person["matricula"] is None for person in people),
        "absent": len(truth["absent"]),
        "seed": plan.seed,
    }
    if given.json:
        print(json.dumps(about))
    else:
        print(
            f"{about['film']}: {about['students']} students, {about['strangers']} strangers, {about['absent']} absent"
        )
        print(f"  PRESENTE_PACK={settings.pack} python -m evaluation film {about['film']} --rule presente first-match")
        print(f"  python -m indexer add {given.out / 'enrolled'}     to try it in a server")
    return 0


if __name__ == "__main__":
    sys.exit(main())
