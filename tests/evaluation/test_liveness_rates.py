"""Rates of a liveness check by hand, and lists and folders of presentations."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from evaluation import liveness_rates
from evaluation.intervals import wilson
from evaluation.liveness_scores import JudgedPresentation, read_judged, write_judged
from evaluation.presentations import Presentation, read_bona_fide, read_folder, read_list, read_presentations
from presente.errors import InvalidInput


def live(score: float, person: str = "", outcome: str = "ok") -> JudgedPresentation:
    path = f"{person or 'p'}{score}{outcome}.jpg"
    return JudgedPresentation("bona_fide", "", person or path, path, outcome, score)


def attack(kind: str, score: float, person: str = "", outcome: str = "ok") -> JudgedPresentation:
    path = f"{kind}{score}{outcome}.jpg"
    return JudgedPresentation("attack", kind, person or path, path, outcome, score)


NONE = -math.inf
# Ten judged live people and two who are not; four prints, one of them not judged; two screens.
JUDGED = [
    *(live(score) for score in (0.05, 0.3, 0.55, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99)),
    live(NONE, outcome="too_tight"),
    live(NONE, outcome="no_face"),
    *(attack("print", score) for score in (0.1, 0.58, 0.92)),
    attack("print", NONE, outcome="too_small"),
    *(attack("screen", score) for score in (0.2, 0.6)),
]


def test_rates_at_a_threshold_by_hand() -> None:
    found = liveness_rates.rates_at(JUDGED, 0.6)  # a score at the threshold is live
    assert (found.bpcer.events, found.bpcer.trials) == (3, 10)
    assert found.bpcer.interval == pytest.approx(wilson(3, 10), abs=1e-9)
    assert (found.held_up.events, found.held_up.trials) == (5, 12)  # those who got no score, too
    assert [(kind, rate.events, rate.trials) for kind, rate in found.apcer] == [("print", 1, 3), ("screen", 1, 2)]
    assert found.worst is not None and found.worst[0] == "screen"
    assert found.acer == pytest.approx((0.3 + 0.5) / 2)
    lenient = liveness_rates.rates_at(JUDGED, 0.0)
    assert (lenient.bpcer.share, lenient.held_up.events, lenient.acer) == (0, 2, 0.5)
    assert lenient.worst == lenient.apcer[0]  # of equal shares that of more attacks


def test_who_got_no_score_is_counted_apart() -> None:
    assert liveness_rates.reasons(JUDGED) == {"too_tight": 1, "no_face": 1, "too_small": 1}
    found = liveness_rates.no_response_of_live(JUDGED)
    assert (found.events, found.trials) == (2, 12)
    kinds = liveness_rates.kinds_of(JUDGED)
    assert [(each.kind, each.presentations, each.no_response.events) for each in kinds] == [
        ("print", 4, 1),
        ("screen", 2, 0),
    ]


def test_equal_error_rates_by_hand() -> None:
    # From 0.6 on one print of three passes and three of ten live people are refused, at 0.7 one and four: nearest are
    # 1/3 and 3/10. Of the screens at 0.6 one of two passes and three of ten are refused, above it none and three.
    prints, screens = liveness_rates.kinds_of(JUDGED)
    assert prints.eer == pytest.approx((1 / 3 + 3 / 10) / 2)
    assert screens.eer == pytest.approx((1 / 2 + 3 / 10) / 2)
    low, high = prints.eer_interval
    assert low < 3 / 10 and high > 1 / 3


def test_the_threshold_for_an_asked_bpcer_by_hand() -> None:
    scores = np.array([0.9, 0.1, 0.4, 0.4, 0.8])
    assert liveness_rates.threshold_at_bpcer(scores, 0.2) == (0.4, True)  # one of five: 0.1
    assert liveness_rates.threshold_at_bpcer(scores, 0.4) == (0.4, True)  # two of five: with 0.4 it would be three
    assert liveness_rates.threshold_at_bpcer(scores, 0.1) == (0.1, False)  # none of five shows a tenth
    point = liveness_rates.at_bpcer(JUDGED, 0.2)
    assert (point.at.threshold, point.resolved, point.at.bpcer.events) == (0.55, True, 2)
    assert dict(point.at.apcer)["print"].events == 2
    for asked in (0, 0.5, -1, math.nan):
        with pytest.raises(InvalidInput) as caught:
            liveness_rates.check_bpcer(asked)
        assert caught.value.code == "invalid_bpcer"
    with pytest.raises(InvalidInput) as caught:
        liveness_rates.at_bpcer([live(NONE, outcome="no_face")], 0.1)
    assert caught.value.code == "no_judged_photos"


def test_photos_of_one_person_are_no_independent_witnesses() -> None:
    of_two = [*(live(0.9, "ana") for _ in range(50)), *(live(0.1, "bo") for _ in range(50))]
    rate = liveness_rates.rates_at(of_two, 0.5).bpcer
    assert rate.share == 0.5 and rate.interval == pytest.approx(wilson(1, 2))
    of_many = [*(live(0.9, f"a{i}") for i in range(50)), *(live(0.1, f"b{i}") for i in range(50))]
    assert liveness_rates.rates_at(of_many, 0.5).bpcer.interval == pytest.approx(wilson(50, 100), abs=1e-9)


def test_what_cannot_be_known_is_none() -> None:
    nothing = [live(NONE, outcome="no_face"), attack("print", NONE, outcome="no_face")]
    found = liveness_rates.rates_at(nothing, 0.5)
    assert all(value is None for value in (found.bpcer.share, found.worst, found.acer))
    assert found.bpcer.interval == (0.0, 1.0) and found.held_up.share == 1
    assert liveness_rates.kinds_of(nothing)[0].eer is None


def test_the_table_is_read_back(tmp_path: Path) -> None:
    write_judged(tmp_path / "scores.tsv", JUDGED)
    assert read_judged(tmp_path / "scores.tsv") == JUDGED
    (tmp_path / "scores.tsv").write_text((tmp_path / "scores.tsv").read_text().replace("bona_fide", "alive"))
    with pytest.raises(InvalidInput) as caught:
        read_judged(tmp_path / "scores.tsv")
    assert caught.value.code == "unreadable_scores" and "alive" in str(caught.value)


def photo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_folder_of_presentations(tmp_path: Path) -> None:
    own = [photo(tmp_path / "bona_fide" / name) for name in ("1.jpg", "ana/1.jpg", "ana/morning/2.PNG")]
    photo(tmp_path / "bona_fide" / "notes.txt")
    held = [photo(tmp_path / "attacks" / name) for name in ("phone/1.jpg", "print/ana/1.jpg")]
    expected = [
        Presentation(own[0], "bona_fide", "", str(own[0])),
        Presentation(own[1], "bona_fide", "", "ana"),
        Presentation(own[2], "bona_fide", "", "ana"),
        Presentation(held[0], "attack", "phone", str(held[0])),
        Presentation(held[1], "attack", "print", "ana"),
    ]
    assert read_folder(tmp_path) == read_presentations(None, tmp_path) == expected
    assert read_bona_fide(tmp_path / "bona_fide") == expected[:3]
    for folder, code in ((tmp_path / "attacks", "unreadable_folder"), (tmp_path / "none", "unreadable_folder")):
        with pytest.raises(InvalidInput) as caught:
            read_folder(folder)
        assert caught.value.code == code
    for path in held:
        path.unlink()
    with pytest.raises(InvalidInput, match="no photo of an attack"):
        read_folder(tmp_path)


def test_a_list_of_presentations(tmp_path: Path) -> None:
    listed = tmp_path / "list.tsv"
    listed.write_text("path\tlabel\tkind\tperson\tlight\na.jpg\tbona_fide\t\tana\tday\nb.jpg\tattack\tprint\t\tnight\n")
    live_one, print_one = read_list(listed, group="light")
    assert live_one == Presentation(tmp_path / "a.jpg", "bona_fide", "", "ana", "day")
    assert print_one == Presentation(tmp_path / "b.jpg", "attack", "print", str(tmp_path / "b.jpg"), "night")
    assert read_list(listed, tmp_path / "there")[0].path == tmp_path / "there" / "a.jpg"
    for text, code in (
        ("path\tlabel\na.jpg\tbona_fide\n", "missing_column"),
        ("path\tlabel\tkind\na.jpg\tlive\t\n", "invalid_list"),
        ("path\tlabel\tkind\na.jpg\tbona_fide\tprint\n", "invalid_list"),
        ("path\tlabel\tkind\na.jpg\tattack\t\n", "invalid_list"),
        ("path\tlabel\tkind\n\tattack\tprint\n", "invalid_list"),
        ("path\tlabel\tkind\na.jpg\tattack\tprint\n", "invalid_list"),
        ("path\tlabel\tkind\na.jpg\tbona_fide\t\n", "invalid_list"),
    ):
        listed.write_text(text)
        with pytest.raises(InvalidInput) as caught:
            read_list(listed)
        assert caught.value.code == code, text
    listed.write_text("path\tlabel\tkind\na.jpg\tbona_fide\t\nb.jpg\tattack\tprint\n")
    with pytest.raises(InvalidInput) as caught:
        read_list(listed, group="light")
    assert caught.value.code == "missing_column" and "light" in str(caught.value)


@pytest.mark.parametrize(
    ("listed", "folder", "group", "code"),
    [
        (None, None, None, "missing_protocol"),
        (Path("list.tsv"), Path("photos"), None, "missing_protocol"),
        (None, Path("photos"), "light", "invalid_group"),
        (Path("none.tsv"), None, None, "unreadable_list"),
    ],
)
def test_what_is_asked_for_is_checked(listed: Path | None, folder: Path | None, group: str | None, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_presentations(listed, folder, group=group)
    assert caught.value.code == code
