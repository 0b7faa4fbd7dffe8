"""``remove`` says what it erased and what it cannot reach."""

import hashlib
import json

from gallery.documents.attendance import Attendance, EntryFilter, Participation
from indexer.upkeep.erasure import NOT_REACHED
from presente.composition import open_store
from tests.conftest import SAMPLE, Command, on_sqlite, student_in

NOW = "2026-03-03T12:00:00+00:00"


def test_what_went_and_what_stays_without_a_name(command: Command, store_url: str) -> None:
    command("indexer", "add", SAMPLE / "students.csv")
    store = open_store(store_url)
    subject = student_in(store, "A0178").id
    for day in ("2026-03-02", "2026-03-03"):
        store.attendance.add_entries([Attendance(subject, "IA-101", day, 0, "present", "hand", NOW)])
    store.attendance.add_participation(Participation(subject, "IA-101", "2026-03-03", "", "", NOW, "request"))
    store.close()
    done = command("indexer", "remove", "A0178", "A0184", "NOBODY", "--json")
    result = json.loads(done.stdout)
    assert done.returncode == 1 and result["removed"] == ["A0178", "A0184"] and result["not_found"] == ["NOBODY"]
    assert result["erased"][0] == {
        "matricula": "A0178",
        "photos": 4,
        "templates": 4,
        "unknown_faces": 0,
        "attendance_entries": 2,
        "participation_entries": 1,
    }
    assert result["erased"][1]["attendance_entries"] == result["erased"][1]["participation_entries"] == 0
    assert result["not_reached"] == list(NOT_REACHED)
    store = open_store(store_url)
    entries = [stored.entry.subject for stored in store.attendance.entries(EntryFilter())]
    entries += [stored.entry.subject for stored in store.attendance.participations(EntryFilter())]
    store.close()
    assert entries == [None] * 3, "the entries that were said to stay without a name"


@on_sqlite
def test_in_words(command: Command) -> None:
    command("indexer", "add", SAMPLE / "students.csv")
    shown = command("indexer", "remove", "A0178", "NOBODY").stdout
    assert "removed A0178: 4 photos, 4 templates" in shown and "not found: NOBODY" in shown
    for place in ("CSV", "python -m evaluation", "backups", "the source", "PRESENTE_EXPORT"):
        assert place in shown
    nobody = command("indexer", "remove", "NOBODY")
    assert (nobody.returncode, nobody.stdout) == (1, "not found: NOBODY\n")
    assert json.loads(command("indexer", "remove", "NOBODY", "--json").stdout)["not_reached"] == []
    digest = hashlib.sha256((SAMPLE / "students" / "A0184" / "1.jpg").read_bytes()).hexdigest()
    of_a_photo = json.loads(command("indexer", "remove", "A0184", "--photo", digest[:12], "--json").stdout)
    assert of_a_photo["photos"] == [digest] and of_a_photo["not_reached"] == list(NOT_REACHED)
