"""Films of photos of people, made here of drawn ones: who is where, and what is enrolled."""

import math
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.face_film import draw, make
from benchmarks.face_film_cast import Actor, Plan, cast, stance
from evaluation.classroom import box_of
from evaluation.composites import empty_room, matched
from evaluation.film_truth import read_truth
from faces.embedder import FaceEmbedder
from presente.errors import InvalidInput
from tests.conftest import SAMPLE

PLAN = Plan(seconds=16, width=640, height=480, fps=4, students=4, absent=2, visitors=1, passers=1, enrolled=2, seed=3)
Made = tuple[list[Actor], dict[str, list[Path]]]


@pytest.fixture(scope="module")
def made(embedder: FaceEmbedder) -> Made:
    return cast(SAMPLE / "students", PLAN, embedder)


def test_film_truth_and_photos_are_written(made: Made, tmp_path: Path) -> None:
    actors, enrolled = made
    told = make(actors, enrolled, PLAN, tmp_path)
    truth = read_truth(tmp_path / "film.json")
    assert len(truth.roster) == 6 and len(told["absent"]) == 2
    students = [person for person in truth.people if person.matricula is not None]
    assert len(students) == 4 and len(truth.people) == 6
    assert [person.late for person in students].count(True) == 1
    assert {folder.name: len(list(folder.iterdir())) for folder in truth.enrolled.iterdir()} == dict.fromkeys(
        truth.roster, 2
    )
    for person in truth.people:
        assert not {person.name} & set(told["absent"])
        assert all(person.seen[0][0] - 0.3 <= face.at_s <= person.seen[-1][1] + 0.3 for face in person.faces)
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 64


def test_no_photo_is_both_enrolled_and_shown(made: Made, embedder: FaceEmbedder) -> None:
    actors, enrolled = made
    photos = {path: embedder.decode(path.read_bytes()).pixels for paths in enrolled.values() for path in paths}
    for actor in actors:
        for view in actor.views:
            assert not any(np.array_equal(view.pixels, pixels) for pixels in photos.values())


def test_faces_are_where_the_truth_says(made: Made, embedder: FaceEmbedder) -> None:
    frame, boxes = draw(empty_room(PLAN.width, PLAN.height, PLAN.seed), made[0], 14.0)
    found = embedder.finder.first_looks(frame).faces
    pairs = matched(list(boxes.values()), [box_of(face.box) for face in found], 0.3)
    assert len(boxes) >= 5
    assert sum(place is not None for place in pairs) >= len(boxes) - 1


def test_faces_move_without_jumps_and_stay_near_their_seats(made: Made) -> None:
    for actor in made[0]:
        places = [stance(actor, k / 10, PLAN.width) for k in range(160)]
        there = [now.place for now in places if now is not None]
        steps = [math.hypot(b.x - a.x, b.y - a.y) for a, b in pairwise(there)]
        assert max(steps) < 1.2 * actor.size
        assert actor.passes_s is None or there[-1].x * there[0].x < 0 or abs(there[-1].x - there[0].x) > PLAN.width


def test_too_few_people_are_refused(embedder: FaceEmbedder) -> None:
    with pytest.raises(InvalidInput, match="too few people") as raised:
        cast(SAMPLE / "students", Plan(16, 640, 480, 4, 2, 30, 0, 1, 2, 3), embedder)
    assert raised.value.code == "too_few_people"
