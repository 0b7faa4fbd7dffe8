"""The filmed sample class: its truth is made again exactly, its frames nearly, and the sample pack knows its faces."""

import io
import json
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from data_sample.filming.encoding import CODINGS, write_film
from data_sample.filming.frames import Camera
from data_sample.filming.plan import Film, plan
from data_sample.filming.script import Role, Script
from data_sample.filming.truth import truth_of
from data_sample.make_film import FPS, SHIPPED, make_film
from faces.embedder import FaceEmbedder
from tests.conftest import SAMPLE

TRUTH = json.loads(SHIPPED.with_suffix(".json").read_text(encoding="utf-8"))
LONG = Film(duration_s=3000, people=10, visitors=1, seed=2)


@pytest.fixture(scope="module")
def script() -> Script:
    return plan(Film())


@pytest.fixture(scope="module")
def shipped() -> list[np.ndarray]:
    with av.open(str(SHIPPED)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


@pytest.fixture(scope="module")
def long() -> Script:
    return plan(LONG)


def test_the_truth_is_made_again_exactly(script: Script) -> None:
    assert truth_of(script, Camera(script), SHIPPED.name, FPS, "../students") == TRUTH


def test_the_film_shows_what_is_drawn_but_for_its_compression(script: Script, shipped: list[np.ndarray]) -> None:
    assert SHIPPED.stat().st_size < 600_000
    assert len(shipped) == 240 and shipped[0].shape == (480, 640, 3)
    camera = Camera(script)
    for number in range(5, 240, 26):
        drawn = np.asarray(camera.draw(number / FPS)[0], dtype=np.int16)
        assert np.abs(drawn - shipped[number]).mean() < 4, number
        other = shipped[(number + 120) % 240]
        assert np.abs(drawn - other).mean() > 4, "a tolerance that another frame passes shows nothing"


def test_the_film_has_something_of_everything() -> None:
    students = [person for person in TRUTH["people"] if person["matricula"]]
    assert len(students) == 8 and len(TRUTH["absent"]) == 4
    assert {person["matricula"] for person in students} | set(TRUTH["absent"]) == set(TRUTH["roster"])
    assert [person["late"] for person in students].count(True) == 1
    assert sum(len(person["raises"]) for person in students) >= 4
    assert any(person["away"] for person in students) and any(person["gestures"] for person in students)
    (stranger,) = (person for person in TRUTH["people"] if person["matricula"] is None)
    assert not stranger["raises"] and not stranger["late"] and stranger["faces"]


def test_the_sample_pack_knows_the_faces_and_no_stranger(embedder: FaceEmbedder, shipped: list[np.ndarray]) -> None:
    gallery = {
        matricula: np.stack(
            [
                embedder.embed(embedder.detect(embedder.decode(path.read_bytes())))[0].template
                for path in sorted((SAMPLE / "students" / matricula).glob("*.jpg"))
            ]
        )
        for matricula in TRUTH["roster"]
    }
    right = wrong = faces = 0
    for second in range(0, 24, 3):
        content = io.BytesIO()
        Image.fromarray(shipped[round(second * FPS)]).save(content, "PNG")
        found = embedder.embed(embedder.detect(embedder.decode(content.getvalue())))
        for person in TRUTH["people"]:
            for at, *box, facing, covered in person["faces"]:
                if at != second or not facing or covered > 0.1:
                    continue
                faces += 1
                own = [each for each in found if _middle_is_in(box, each.face.box)]
                for each in own:
                    score, named = max((float((rows @ each.template).max()), name) for name, rows in gallery.items())
                    right += named == person["matricula"] and score >= embedder.pack.threshold
                    wrong += named != person["matricula"] and score >= embedder.pack.threshold
    assert faces > 30
    assert right / faces > 0.8
    assert wrong == 0


def test_whoever_is_seen_has_a_face_in_the_truth_and_no_one_else() -> None:
    for person in TRUTH["people"]:
        for at, x1, y1, x2, y2, _, covered in person["faces"]:
            assert any(start - 0.1 <= at <= end + 0.1 for start, end in person["seen"]), (person["name"], at)
            assert x1 < x2 and y1 < y2 and 0 <= covered <= 1
        seconds = sum(end - start for start, end in person["seen"])
        assert abs(len(person["faces"]) - seconds) < 2


def test_a_person_does_one_thing_at_a_time_and_only_while_seated(long: Script) -> None:
    seated = 0
    for role in long.roles:
        for act, following in pairwise(role.acts):
            assert act.to_s < following.from_s
        for act in role.acts:
            path = next(path for path in role.paths if path[0].at_s <= act.from_s and act.to_s <= path[-1].at_s)
            lifts = [point.lift for point in path if act.from_s <= point.at_s <= act.to_s]
            assert not any(lifts), (role.name, act)
            seated += 1
    assert seated > 300


def test_a_long_film_has_outings_visitors_and_several_strangers(long: Script) -> None:
    students = [role for role in long.roles if role.matricula]
    assert any(len(long.seen(role)) == 2 for role in students)
    assert sum(role.name.startswith("stranger") for role in long.roles) == 5
    (visitor,) = (role for role in long.roles if role.name.startswith("visitor"))
    assert long.seen(visitor)[-1].to_s == 3000
    assert 30 <= sum(len(role.raises) for role in students) <= 60
    assert all(1.5 < span.to_s - span.from_s < 10 for role in students for span in role.raises)


def test_a_face_moves_without_jumps(long: Script) -> None:
    for role in long.roles:
        assert isinstance(role, Role)
        start = role.paths[0][0].at_s
        places = [role.where(start + k / 10) for k in range(100)]
        moves = [np.hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(p for p in places if p is not None)]
        assert max(moves) < 0.8 * role.face_width


def test_the_same_seed_gives_the_same_script_and_another_seed_another() -> None:
    assert plan(Film(seed=7)) == plan(Film(seed=7))
    assert plan(Film(seed=7)).roles != plan(Film(seed=8)).roles


@pytest.mark.parametrize("ending", sorted(CODINGS))
def test_films_of_every_kind_are_read_back(tmp_path: Path, ending: str) -> None:
    frames = [np.full((48, 64, 3), level, dtype=np.uint8) for level in (20, 120, 220)]
    path = tmp_path / f"levels{ending}"
    assert write_film(path, frames, 64, 48, 10) == 3
    with av.open(str(path)) as film:
        levels = [frame.to_ndarray(format="rgb24").mean() for frame in film.decode(video=0)]
    assert np.allclose(levels, (20, 120, 220), atol=6)


@pytest.mark.parametrize(
    ("film", "what"),
    [
        (Film(duration_s=3), "12 s to 4 hours"),
        (Film(width=641), "even sizes"),
        (Film(width=1600), "1 to 2.5 times"),
        (Film(people=13), "2 to 12"),
        (Film(people=11, visitors=2), "12 in all"),
    ],
)
def test_what_cannot_be_filmed_is_refused(film: Film, what: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=what):
        make_film(film, tmp_path / "film.webm")


def test_an_unknown_kind_of_film_and_a_rate_out_of_bounds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ends in"):
        make_film(Film(), tmp_path / "film.avi")
    with pytest.raises(ValueError, match="frames per second"):
        make_film(Film(), tmp_path / "film.webm", fps=0.5)


def _middle_is_in(box: list[float], found: np.ndarray) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return bool(found[0] < x < found[2] and found[1] < y < found[3])
