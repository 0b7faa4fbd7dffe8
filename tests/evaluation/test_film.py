"""``evaluation film`` on the sample class's film, by both rules."""

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation import film_rates
from evaluation.film_events import read_events
from evaluation.film_truth import read_truth
from evaluation.first_match import by_first_match
from faces.embedder import FaceEmbedder
from tests.conftest import SAMPLE, Command, on_sqlite
from tests.evaluation.report_page import check_self_contained, parsed

FILM = SAMPLE / "film" / "class.webm"


@on_sqlite
def test_the_sample_class_is_recorded_and_the_stranger_is_not(command: Command, tmp_path: Path) -> None:
    done = command("evaluation", "film", FILM, "--rule", "presente", "first-match", "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    ours, first = result["rules"]
    assert (ours["rule"], first["rule"]) == ("presente", "first match")
    assert (ours["students"], ours["present"], ours["missed"], ours["ambiguous"]) == (8, 8, 0, 0)
    assert ours["strangers_recorded"] == ours["absent_recorded"] == ours["named_wrongly"] == 0
    assert (ours["lateness"]["late"], ours["lateness"]["late_found"], ours["lateness"]["late_false"]) == (1, 1, 0)
    assert abs(ours["lateness"]["error_s_median"]) < 1
    assert 20 <= ours["looked_at"] <= 240 and first["looked_at"] == 24
    assert ours["threshold"] >= 0.8 and first["threshold"] == 0.5
    assert first["students"] == first["present"] == 8
    assert ours["raises"]["true"] == 4 and ours["raises"]["found"] >= 3
    assert ours["raises"]["false"] + ours["raises"]["wrong_person"] == 0
    assert first["raises"]["found"] + first["raises"]["false"] + first["raises"]["wrong_person"] <= 8, "once per name"
    for one in (ours, first):
        assert one["speed"]["film_s"] == pytest.approx(24, abs=1.1)
        assert one["speed"]["cpu_s"] > 0 and one["speed"]["film_s_per_wall_s"] > 0
    assert result["subjects"] == 24 and result["fte"] == 0

    events = read_events(tmp_path / "out" / "events.tsv")
    for one in (ours, first):
        again = film_rates.rates(events, one["rule"], one["raises"] is not None)
        assert again == {name: one[name] for name in again}
    page = parsed(tmp_path / "out" / "report.html")
    check_self_contained(page)
    assert "stranger 1" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    drawn = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert drawn == {"timeline-presente.png", "timeline-first-match.png"}


def test_without_a_pose_pack_hands_are_not_looked_for(embedder: FaceEmbedder) -> None:
    truth, told = read_truth(FILM.with_suffix(".json")), list[float]()
    gallery = {"A0178": np.zeros((2, embedder.pack.dim), dtype=np.float32)}
    run = by_first_match(FILM, truth, embedder, gallery, None, lambda at_s, _: told.append(at_s))
    assert not run.hands and run.events == [] and run.looked_at == 24
    assert told == pytest.approx([float(second) for second in range(24)])


@on_sqlite
def test_what_cannot_be_measured_is_refused(command: Command, tmp_path: Path) -> None:
    told = json.loads(FILM.with_suffix(".json").read_text(encoding="utf-8"))
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps(told | {"enrolled": str(SAMPLE / "students")}))
    for words, code in (
        (("gone.webm", "--truth", truth), "unreadable_film"),
        ((FILM, "--truth", "gone.json"), "unreadable_truth"),
        ((FILM, "--enrolled", tmp_path), "too_few_people"),
        ((FILM, "--enrolled", "gone"), "unreadable_folder"),
        ((truth, "--truth", truth), "unreadable_film"),
    ):
        done = command("evaluation", "film", *words, "--json")
        assert done.returncode != 0 and not done.stdout.strip().startswith('{"protocol"')
        assert code in done.stderr + done.stdout, (code, done.stderr)
