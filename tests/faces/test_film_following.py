"""Faces followed through a film: what is one face is found to be, what is two is never joined."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.detection.detected_face import DetectedFace
from faces.embedder import FaceEmbedder
from faces.film.following import FaceFollower
from faces.film.live import LiveFaces
from faces.film.reading import read_film
from faces.film.tracks import continued, distances, joined, overlap
from faces.film.values import FilmAppearance
from faces.film.views import MOST_VIEWS, BestViews, fused, one_face, view_quality
from faces.liveness.values import LivenessScore
from faces.quality import Quality
from faces.reading import AlignedFace
from tests.films import SAMPLE, SEATED, drawn_frames, write_film

PIXELS = np.full((480, 640, 3), 128, dtype=np.uint8)
DIM = 32


def unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


PEOPLE = [unit(row) for row in np.random.default_rng(7).normal(size=(4, DIM))]


def seen(person: int, left: float, top: float = 100, side: float = 50, yaw: float = 0.0) -> AlignedFace:
    """A face whose crop says whose it is."""
    box = np.array([left, top, left + side, top + side], dtype=np.float32)
    crop = np.full((112, 112, 3), person, dtype=np.uint8)
    face = DetectedFace(box, np.zeros((5, 2), dtype=np.float32), 0.9)
    return AlignedFace(face, crop, Quality(side, 50.0, yaw, 0.9, 128.0, 0.0))


class Templates:
    """Templates of such faces: each person's, with some noise. It counts what is embedded."""

    def __init__(self) -> None:
        self.made = 0
        self.chance = np.random.default_rng(1)

    def __call__(self, faces: Sequence[AlignedFace]) -> np.ndarray:
        self.made += len(faces)
        rows = [unit(PEOPLE[int(face.crop[0, 0, 0])] + 0.1 * self.chance.normal(size=DIM)) for face in faces]
        return np.array(rows, dtype=np.float32)


def followed(frames: list[tuple[float, list[AlignedFace]]]) -> tuple[tuple[FilmAppearance, ...], Templates]:
    templates = Templates()
    follower = FaceFollower(templates, same=0.6)
    for at_s, faces in frames:
        follower.see(at_s, PIXELS, faces)
    return follower.finish()[0], templates


def person_of(appearance: FilmAppearance) -> int:
    return int(np.argmax([person @ appearance.vector for person in PEOPLE]))


def test_two_people_who_sit_are_two_appearances_embedded_a_few_times() -> None:
    frames = [(t / 2, [seen(0, 100 + 5 * np.sin(t)), seen(1, 400)]) for t in range(240)]
    found, templates = followed(frames)
    assert [person_of(each) for each in found] == [0, 1]
    assert [each.spans for each in found] == [((0.0, 119.5),)] * 2 and found[0].looks == 240
    assert templates.made <= 2 * MOST_VIEWS


def test_people_who_cross_are_not_taken_for_each_other() -> None:
    frames = [(t / 5, [seen(0, 50 + 10 * t), seen(1, 450 - 10 * t)]) for t in range(40)]
    found, _ = followed(frames)
    assert sorted(person_of(each) for each in found) == [0, 1]
    for each in found:
        assert PEOPLE[person_of(each)] @ each.vector > 0.9
        assert each.spans[0][0] == 0.0 and each.spans[-1][1] == pytest.approx(7.8)


def test_a_track_that_passed_to_someone_else_is_divided() -> None:
    """One person takes the other's place between two looks: the boxes alone do not tell."""
    frames = [(t / 2, [seen(0 if t < 20 else 1, 200)]) for t in range(40)]
    found, _ = followed(frames)
    assert [person_of(each) for each in found] == [0, 1]
    assert found[0].last_s < found[1].first_s and abs(found[1].first_s - 10) <= 2


def test_of_a_film_without_end_the_faces_seen_most_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faces.film.following._MOST_PIECES", 2)
    frames = [(t / 2, [seen(0, 100), seen(1, 300), *([seen(2, 500)] if t > 100 else [])]) for t in range(120)]
    assert [person_of(each) for each in followed(frames)[0]] == [0, 1]


def test_who_passes_in_front_of_someone_was_not_there_before_and_after() -> None:
    frames = [(t / 2, [seen(1 if 99 < t < 102 else 0, 200)]) for t in range(200)]
    found, _ = followed(frames)
    assert person_of(found[0]) == 0
    assert found[0].spans[0][0] == 0.0 and found[0].spans[-1][1] == 99.5
    for passed in found[1:]:
        assert person_of(passed) == 1 and passed.first_s >= 49.5 and passed.last_s <= 51


def test_who_comes_back_is_the_same_appearance() -> None:
    here = [(t / 2, [seen(2, 200)]) for t in range(20)]
    again = [(60 + t / 2, [seen(2, 500)]) for t in range(20)]
    found, _ = followed([*here, (30.0, []), *again])
    assert len(found) == 1 and found[0].spans == ((0.0, 9.5), (60.0, 69.5))


def test_two_who_are_seen_at_once_are_two_however_alike() -> None:
    frames = [(t / 2, [seen(3, 100), seen(3, 400)]) for t in range(20)]
    assert len(followed(frames)[0]) == 2


def test_a_face_that_is_only_seen_from_the_side_appears_in_no_decision() -> None:
    frames = [(t / 2, [seen(0, 100, yaw=2.0), seen(1, 400)]) for t in range(20)]
    assert [person_of(each) for each in followed(frames)[0]] == [1]


def test_a_track_knows_whose_it_was_at_a_time() -> None:
    follower = FaceFollower(Templates(), same=0.6)
    tracks = [follower.see(t / 2, PIXELS, [seen(0 if t < 20 else 1, 200)])[0] for t in range(40)]
    found, whose = follower.finish()
    assert set(tracks) == {tracks[0]}
    early, late = whose(tracks[0], 2.0), whose(tracks[0], 18.0)
    assert early is not None and late is not None
    assert (person_of(found[early]), person_of(found[late])) == (0, 1)
    assert whose(tracks[0], 100.0) is None and whose(99, 2.0) is None


def judged(faces: Sequence[AlignedFace]) -> list[LivenessScore | None]:
    """What the crops of :func:`looking` say."""
    return [LivenessScore(int(face.crop[0, 0, 1]) / 100, "lives@1") for face in faces]


def looking(person: int, left: float, live: float) -> AlignedFace:
    """A face whose crop also says how live it looks, from 0 to 1."""
    face = seen(person, left)
    face.crop[..., 1] = round(100 * live)
    return face


def taken_for_another_once() -> Iterator[tuple[float, list[AlignedFace]]]:
    """Six seconds of someone who is live, and of a picture that is held up; in one second each looks like the other."""
    for look in range(12):
        live, picture = (0.02, 0.9) if look // 2 == 2 else (0.9, 0.1)
        yield look / 2, [looking(0, 100, live), looking(1, 400, picture)]


def test_the_views_of_an_appearance_are_one_piece_of_evidence() -> None:
    follower = FaceFollower(Templates(), 0.6, judged)
    for at_s, faces in taken_for_another_once():
        follower.see(at_s, PIXELS, faces)
    person, picture = follower.finish()[0]
    assert sorted(view.liveness.score or 0 for view in person.views if view.liveness) == [0.02, 0.9, 0.9, 0.9, 0.9]
    assert (person.liveness, picture.liveness) == (LivenessScore(0.9, "lives@1"), LivenessScore(0.1, "lives@1"))


def test_before_a_camera_evidence_grows() -> None:
    live = LiveFaces(Templates(), 0.6, judged)
    told: dict[int, list[float]] = {}
    for at_s, faces in taken_for_another_once():
        for each in live.see(at_s, PIXELS, faces)[1]:
            assert each.face.liveness is not None and each.face.liveness.score is not None
            told.setdefault(each.track, []).append(each.face.liveness.score)
    assert [len(scores) for scores in told.values()] == [3, 3]  # after 3, 6 and 12 looks
    assert {round(scores[-1], 2) for scores in told.values()} == {0.9, 0.1}


def test_liveness_that_no_one_asks_about_is_not_there() -> None:
    frames = [(t / 2, [seen(0, 100)]) for t in range(20)]
    (found,) = followed(frames)[0]
    assert found.liveness is None and {view.liveness for view in found.views} == {None}


def test_the_best_views_are_kept_apart_in_time() -> None:
    best = BestViews()
    for number in range(200):
        best.offer(number / 10, seen(0, 100, yaw=abs(np.sin(number))), PIXELS)
    times = sorted(view.shown.at_s for view in best.views)
    assert MOST_VIEWS / 2 <= len(times) <= MOST_VIEWS and times[-1] > 15
    assert all(view.shown.quality > 0.3 for view in best.views)
    assert all(view.shown.thumbnail[:2] == b"\xff\xd8" for view in best.views)


def test_a_frontal_sharp_bright_large_view_is_better() -> None:
    good = Quality(80.0, 60.0, 0.0, 0.9, 128.0, 0.0)
    for worse in (
        Quality(20.0, 60.0, 0.0, 0.9, 128.0, 0.0),
        Quality(80.0, 5.0, 0.0, 0.9, 128.0, 0.0),
        Quality(80.0, 60.0, 0.9, 0.9, 128.0, 0.0),
        Quality(80.0, 60.0, 0.0, 0.9, 20.0, 0.0),
        Quality(80.0, 60.0, 0.0, 0.9, 128.0, 50.0),
    ):
        assert 0 <= view_quality(worse) < 0.6 * view_quality(good)


def test_views_of_two_faces_are_two_groups_and_the_mean_has_length_1() -> None:
    rows = Templates()([seen(0, 1), seen(1, 1), seen(0, 1), seen(1, 1), seen(0, 1)])
    assert sorted(map(tuple, one_face(rows, 0.3))) == [(0, 2, 4), (1, 3)]
    assert np.linalg.norm(fused(rows, [0.0] * 5)) == pytest.approx(1, abs=1e-6)


Places = list[tuple[float, float, float]]
Spans = tuple[tuple[float, float], ...]
BOXES = st.lists(st.tuples(*[st.floats(0, 500), st.floats(0, 300), st.floats(10, 120)]), min_size=1, max_size=6)


@given(BOXES, BOXES)
def test_a_face_goes_on_with_one_track_and_no_farther_than_it_can(before: Places, faces: Places) -> None:
    rows, columns = (
        np.array([(x, y, x + side, y + side) for x, y, side in each], dtype=np.float32) for each in (before, faces)
    )
    apart = distances(rows, np.zeros(len(rows)), columns)
    given, ended = continued(apart)
    assert len(set(given.values())) == len(given) and not ended & set(given.values())
    for face, track in given.items():
        assert apart[track, face] <= 0.7
        assert (np.delete(apart[:, face], track) > apart[track, face]).all()


SPANS = st.lists(st.tuples(st.floats(0, 50), st.floats(0, 5)), max_size=5).map(
    lambda pairs: joined([(start, start + length) for start, length in pairs], 0.0)
)


@given(SPANS, SPANS)
def test_spans_overlap_when_any_two_of_them_do(one: Spans, other: Spans) -> None:
    expected = any(a <= d and c <= b for a, b in one for c, d in other)
    assert overlap(one, other) == overlap(other, one) == expected


def test_a_film_of_the_sample_class_shows_its_people_once_each(embedder: FaceEmbedder, tmp_path: Path) -> None:
    stranger = SAMPLE / "strangers" / "01.jpg"
    photos = [SAMPLE / "students" / name / "1.jpg" for name in SEATED]
    told: list[tuple[float, float | None]] = []
    film = write_film(tmp_path / "film.webm", drawn_frames(5, photos=[*photos, stranger]), "libvpx")
    reading = read_film(str(film), embedder, embedder.pack.threshold, tell=lambda *at: told.append(at))
    known = np.array(
        [embedder.embed_portrait((SAMPLE / "students" / name / "2.jpg").read_bytes())[1].template for name in SEATED]
    )
    scores = np.array([known @ each.vector for each in reading.appearances])
    assert scores.shape == (4, 3)
    assert sorted(scores.argmax(axis=1)[scores.max(axis=1) >= embedder.pack.threshold].tolist()) == [0, 1, 2]
    assert (reading.width, reading.height, reading.frames, reading.raises) == (640, 480, 50, None)
    assert all(each.first_s == 0 and each.last_s >= 4 for each in reading.appearances)
    assert [done for done, _ in told] == sorted(done for done, _ in told) and told[-1][1] == pytest.approx(5, abs=0.2)


def test_a_film_that_lies_on_its_side_is_read_upright(embedder: FaceEmbedder, tmp_path: Path) -> None:
    lying = [np.rot90(frame, -1) for frame in drawn_frames(3)]
    reading = read_film(str(write_film(tmp_path / "film.mp4", lying)), embedder, embedder.pack.threshold)
    assert len(reading.appearances) == 3 and (reading.width, reading.height) == (640, 480)
