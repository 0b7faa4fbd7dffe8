"""What a run says of refused photos: a few per reason on the terminal, every one in a report file and with --json."""

import json
from pathlib import Path

from indexer.pipeline.past_attendance import _request_key
from indexer.pipeline.run_report import REFUSALS_SHOWN, Refusal, RunReport
from indexer.sources.values import PastAttendance
from tests.conftest import SAMPLE, Command, on_sqlite


def report(*refusals: Refusal) -> RunReport:
    return RunReport("class", photos=len(refusals), refused=list(refusals))


def test_refusals_are_grouped_by_reason_the_most_frequent_first() -> None:
    found = report(
        Refusal("z.jpg", "no_face", "It shows no face."),
        *(Refusal(f"{number}.jpg", "file_not_found", "There is no such file.") for number in range(200_000)),
        Refusal("a.jpg", "different_person", "It shows 'A1'."),
        Refusal("b.jpg", "different_person", "It shows 'A2'."),
    )
    assert list(found.summary())[1:] == [
        "refused, file_not_found: 200000. There is no such file.",
        *(f"  {number}.jpg" for number in range(REFUSALS_SHOWN)),
        f"  and {200_000 - REFUSALS_SHOWN} more; --report FILE lists all",
        "refused, different_person: 2",
        "  a.jpg: It shows 'A1'.",
        "  b.jpg: It shows 'A2'.",
        "refused, no_face: 1. It shows no face.",
        "  z.jpg",
    ]
    assert len(list(found.lines())) == 1 + 3 + 200_003
    assert len(found.as_dict()["refusals"]) == 200_003
    assert found.as_dict()["reasons"] == {"file_not_found": 200_000, "different_person": 2, "no_face": 1}


def test_many_warnings_and_notes_are_cut_short_on_the_terminal_only() -> None:
    found = RunReport("class", 0, warnings=tuple(f"warning {n}" for n in range(50)), notes=tuple("ab" * 15))
    shown = list(found.summary())
    assert "warning 19" in shown and "warning 20" not in shown
    assert (
        "and 30 more warnings; --report FILE lists all" in shown
        and "and 10 more notes; --report FILE lists all" in shown
    )
    assert "warning 49" in list(found.lines()) and len(found.as_dict()["warnings"]) == 50


@on_sqlite
def test_the_terminal_names_a_few_and_both_kinds_of_report_file_name_all(command: Command, tmp_path: Path) -> None:
    source = tmp_path / "class"
    source.mkdir()
    (source / "good.jpg").write_bytes((SAMPLE / "strangers" / "01.jpg").read_bytes())
    for number in range(12):
        (source / f"text{number:02d}.jpg").write_text("not a photo")
    done = command("indexer", "add", source, "--report", tmp_path / "report.json")
    assert done.returncode == 1
    assert "refused, not_an_image: 12. " in done.stdout and "and 7 more; --report FILE lists all" in done.stdout
    assert done.stdout.count("text0") == 5 and done.stdout.count("text") == 5
    written = json.loads((tmp_path / "report.json").read_text())
    assert len(written["refusals"]) == written["reasons"]["not_an_image"] == 12
    command("indexer", "add", source, "--report", tmp_path / "report.txt")
    lines = (tmp_path / "report.txt").read_text().splitlines()
    assert sum("text" in line for line in lines) == 12 and not any("more;" in line for line in lines)
    assert len(json.loads(command("indexer", "add", source, "--json").stdout)["refusals"]) == 12


def test_the_key_of_a_past_participation_never_changes() -> None:
    """Stores hold such keys: with another one, a database that is taken over again would count twice."""
    entry = PastAttendance("participaciones", "A0175", "2025-03-01", "IA-101", "pregunta", 'it\'s "ñ"')
    assert _request_key(entry, 2) == "02af011fb4cd9880ead7c7f768cc48b241c8fae7447f102d15f1a4e00095844b"
