"""Frames of films as people and browsers make them: each is given at its time, upright; what is no film is refused."""

import contextlib
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from faces.film.frames import FilmFrame, FilmFrames, FilmLimits
from presente.errors import FilmRefused
from tests.films import drawn_frames, write_film, write_sound


@pytest.fixture(scope="module")
def drawn() -> list[np.ndarray]:
    return drawn_frames(4)


@pytest.fixture(scope="module")
def webm(drawn: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_film(tmp_path_factory.mktemp("film") / "film.webm", drawn, "libvpx").read_bytes()


def frames_of(path: Path, limits: FilmLimits | None = None) -> tuple[list[FilmFrame], FilmFrames]:
    with contextlib.closing(FilmFrames(str(path), limits)) as frames:
        return list(frames), frames


def code_of(path: Path, limits: FilmLimits | None = None) -> str:
    with pytest.raises(FilmRefused) as refused:
        frames_of(path, limits)
    assert refused.value.fix
    return refused.value.code


def test_a_frame_is_given_every_half_second_while_something_moves(drawn: list[np.ndarray], tmp_path: Path) -> None:
    given, frames = frames_of(write_film(tmp_path / "film.mp4", drawn))
    assert [frame.at_s for frame in given] == pytest.approx([*np.arange(8) / 2, 3.9], abs=0.11)
    assert (frames.decoded, frames.damaged) == (40, False)
    assert frames.reached_s == pytest.approx(3.9, abs=0.01) and frames.claimed_s == pytest.approx(4, abs=0.2)
    assert np.abs(given[0].pixels.astype(int) - drawn[0]).mean() < 6


def test_where_nothing_moves_fewer_frames_are_given(drawn: list[np.ndarray], tmp_path: Path) -> None:
    given, frames = frames_of(write_film(tmp_path / "film.mp4", [drawn[0]] * 60))
    assert [frame.at_s for frame in given] == pytest.approx([0, 2, 4, 5.9], abs=0.61)
    assert frames.decoded == 60 and given[-1].at_s == frames.reached_s  # until when someone was there shows only here


def test_frames_are_given_at_the_times_that_they_have(drawn: list[np.ndarray], tmp_path: Path) -> None:
    steps = np.random.default_rng(3).choice([10, 33, 100, 700], len(drawn))
    times = [int(time) for time in np.cumsum(steps)]
    _, frames = frames_of(write_film(tmp_path / "film.mp4", drawn, fps=30, times_ms=times))
    assert frames.reached_s == pytest.approx((times[-1] - times[0]) / 1000, abs=0.05)


def test_a_phones_film_is_turned_upright(drawn: list[np.ndarray], tmp_path: Path) -> None:
    lying = [np.rot90(frame, -1) for frame in drawn[:10]]
    given, _ = frames_of(write_film(tmp_path / "film.mp4", lying, rotation=90))
    assert np.abs(given[0].pixels.astype(int) - drawn[0]).mean() < 6


@pytest.mark.parametrize(("shape", "size"), [("64/45", (480, 910)), ("3/4", (640, 640)), ("40/1", (480, 640))])
def test_pixels_that_are_no_squares_are_drawn_out(
    drawn: list[np.ndarray], tmp_path: Path, shape: str, size: tuple[int, int]
) -> None:
    film = write_film(tmp_path / "tape.mp4", drawn[:10], pixel_shape=Fraction(shape))
    given, _ = frames_of(film)
    assert {each.pixels.shape for each in given} == {(*size, 3)}


def test_large_frames_are_reduced(tmp_path: Path) -> None:
    given, _ = frames_of(write_film(tmp_path / "film.mp4", drawn_frames(0.3, size=(3840, 2160))))
    assert given[0].pixels.shape == (1080, 1920, 3)


@pytest.mark.parametrize(
    ("name", "codec", "fps", "size"),
    [
        ("film.y4m", "wrapped_avframe", 10, (320, 240)),
        ("film.mxf", "mpeg2video", 25, (320, 240)),
        ("film.dv", "dvvideo", 25, (720, 576)),
        ("film.gif", "gif", 10, (320, 240)),
        ("film.avi", "mjpeg", 10, (320, 240)),
        ("film.ts", "libx264", 10, (320, 240)),
    ],
)
def test_what_other_cameras_and_programs_write_is_read(
    name: str, codec: str, fps: int, size: tuple[int, int], tmp_path: Path
) -> None:
    pixels = {"gif": "rgb8", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
    film = write_film(tmp_path / name, drawn_frames(2, fps, size=size), codec, fps, pixels=pixels)
    given, frames = frames_of(film.rename(tmp_path / "film"))
    assert frames.decoded == 2 * fps and 3 <= len(given) <= 5 and not frames.damaged
    wide = 768 if codec == "dvvideo" else size[0]  # a tape's pixels are wider than high
    assert given[0].pixels.shape == (size[1], wide, 3)


def test_times_that_begin_anew_go_on(webm: bytes, tmp_path: Path) -> None:
    (tmp_path / "twice.webm").write_bytes(webm + webm)
    given, frames = frames_of(tmp_path / "twice.webm")
    assert frames.decoded == 80 and frames.reached_s == pytest.approx(7.8, abs=0.3)
    assert all(one.at_s < other.at_s for one, other in itertools.pairwise(given))


def test_of_a_film_that_was_cut_off_the_rest_is_read(webm: bytes, tmp_path: Path) -> None:
    (tmp_path / "cut.webm").write_bytes(webm[: len(webm) * 2 // 3])
    given, frames = frames_of(tmp_path / "cut.webm")
    assert given and 0 < frames.decoded < 40
    assert frames.claimed_s == pytest.approx(4, abs=0.2) and frames.reached_s < 3.5  # its header says more than it has


def test_of_a_damaged_film_the_rest_is_read_and_it_is_said(webm: bytes, tmp_path: Path) -> None:
    damaged, chance = bytearray(webm), np.random.default_rng(2)
    for place in chance.integers(len(webm) // 4, len(webm), 400).tolist():
        damaged[place] = int(chance.integers(256))
    (tmp_path / "damaged.webm").write_bytes(damaged)
    given, frames = frames_of(tmp_path / "damaged.webm")
    assert given and frames.damaged


def test_what_is_no_film_is_refused(webm: bytes, tmp_path: Path) -> None:
    for name, content in {
        "unreadable_film": np.random.default_rng(1).bytes(100_000),
        "empty_film": b"",
    }.items():
        (tmp_path / "film.webm").write_bytes(content)
        assert code_of(tmp_path / "film.webm") == name
    assert code_of(write_sound(tmp_path / "sound.webm")) == "no_picture"
    (tmp_path / "film.mp4").write_bytes(webm[:600])  # a header without a frame
    assert code_of(tmp_path / "film.mp4") == "empty_film"


def test_a_list_of_files_is_not_followed(webm: bytes, tmp_path: Path) -> None:
    """Playlists name other files and addresses; a server must not open what a stranger names."""
    (tmp_path / "film.webm").write_bytes(webm)
    lists = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://{tmp_path}/film.webm\n#EXT-X-ENDLIST\n",
        "list.ffconcat": f"ffconcat version 1.0\nfile '{tmp_path}/film.webm'\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        assert code_of(tmp_path / name) == "unreadable_film"


def test_a_film_costs_no_more_than_its_limits(webm: bytes, tmp_path: Path) -> None:
    (tmp_path / "film.webm").write_bytes(webm)
    assert code_of(tmp_path / "film.webm", FilmLimits(longest_s=2)) == "film_too_long"
    assert code_of(tmp_path / "film.webm", FilmLimits(most_pixels=300_000)) == "film_too_large"
    too_little = FilmLimits(memory=1_000_000)  # the decoder says so, or gives nothing, or crashes
    assert code_of(tmp_path / "film.webm", too_little) in ("film_too_large", "unreadable_film", "empty_film")


def test_closing_ends_the_process_in_the_middle_of_a_film(webm: bytes, tmp_path: Path) -> None:
    (tmp_path / "film.webm").write_bytes(webm)
    frames = FilmFrames(str(tmp_path / "film.webm"))
    assert next(iter(frames)).at_s == 0
    frames.close()
    assert frames._process.returncode is not None
