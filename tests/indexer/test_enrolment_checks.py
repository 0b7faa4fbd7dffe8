"""``indexer add`` compares the photos of students with those that they have, and with other students."""

import json
import shutil
from pathlib import Path

from presente.composition import open_store
from tests.conftest import SAMPLE, Command, on_sqlite
from tests.indexer.sample import SHEET, added


def photo(matricula: str, number: int) -> Path:
    return SAMPLE / "students" / matricula / f"{number}.jpg"


def folder(root: Path, **people: list[Path]) -> Path:
    """One folder per person; the photos are numbered in the order given."""
    for name, paths in people.items():
        (root / name).mkdir(parents=True)
        for number, path in enumerate(paths):
            shutil.copy(path, root / name / f"{number}.jpg")
    return root


def avisos(store_url: str) -> dict[str, str]:
    store = open_store(store_url)
    try:
        return {stored.student.matricula: stored.student.aviso for stored in store.students(limit=1000)}
    finally:
        store.close()


def test_a_mislabelled_photo_is_refused(command: Command, tmp_path: Path, store_url: str) -> None:
    added(command, SHEET)
    assert set(avisos(store_url).values()) == {""}
    stranger = SAMPLE / "strangers" / "01.jpg"
    source = folder(
        tmp_path / "class",
        A0178=[SAMPLE / "probes" / "A0178" / "1.jpg", stranger, photo("A0184", 1)],
        New=[stranger, SAMPLE / "strangers" / "02.jpg"],
    )
    report = added(command, source, "--report", tmp_path / "report.txt", code=1)
    assert (report["done"], report["refused"], report["reasons"]) == (2, 3, {"different_person": 3})
    reasons = {"/".join(Path(item["location"]).parts[-2:]): item["reason"] for item in report["refusals"]}
    assert set(reasons) == {"A0178/1.jpg", "A0178/2.jpg", "New/1.jpg"}
    assert "'A0184'" in reasons["A0178/2.jpg"] and "--force" in reasons["A0178/1.jpg"]
    assert str(source / "New" / "0.jpg") in reasons["New/1.jpg"]  # the photo that it was compared with
    assert "refused, different_person: 3" in (tmp_path / "report.txt").read_text()
    assert added(command, source, code=1)["already"] == 2

    forced = added(command, source, "--force")
    assert (forced["done"], forced["already"], forced["refused"]) == (3, 2, 0)
    # A0178 now has photos of a stranger and of another student: both new pairs are reported
    assert {(pair["matricula"], pair["other"]) for pair in forced["possible_duplicates"]} >= {("A0178", "A0184")}


@on_sqlite
def test_the_first_photo_of_a_folder_may_be_the_wrong_one(command: Command, tmp_path: Path) -> None:
    source = folder(
        tmp_path / "class", One=[SAMPLE / "strangers" / "01.jpg", *(photo("A0178", number) for number in (1, 2, 3))]
    )
    report = added(command, source, code=1)
    assert [Path(item["location"]).name for item in report["refusals"]] == ["0.jpg"] and report["done"] == 3


def test_one_face_under_two_matriculas_is_reported_once_per_pair(
    command: Command, tmp_path: Path, store_url: str
) -> None:
    source = folder(
        tmp_path / "class",
        A=[photo("A0178", 1), photo("A0178", 2)],
        B=[photo("A0184", 1), photo("A0184", 2)],
        C=[photo("A0178", 3), photo("A0178", 4)],  # in one batch with A
    )
    report = added(command, source)  # a warning is not a failure
    (pair,) = report["possible_duplicates"]
    assert (pair["matricula"], pair["other"], pair["photos"]) == ("C", "A", 2) and 0.8 <= pair["score"] <= 1
    assert report["warnings"] == [f"C and A may be one person (score {pair['score']:.2f} on 2 photos)"]
    assert avisos(store_url) == {"A": "", "B": "", "C": "possible_duplicate"}
    later = folder(tmp_path / "later", D=[SAMPLE / "probes" / "A0184" / "1.jpg"])
    report = added(command, later)
    assert [(pair["matricula"], pair["other"]) for pair in report["possible_duplicates"]] == [("D", "B")]
    last = folder(tmp_path / "last", E=[photo("A0201", 1)], F=[photo("A0201", 2)])
    assert "F and E may be one person" in command("indexer", "add", last).stdout


@on_sqlite
def test_duplicates_are_refused_or_allowed_by_a_setting(command: Command, tmp_path: Path, store_url: str) -> None:
    source = folder(tmp_path / "class", A=[photo("A0178", 1)], B=[photo("A0178", 2)])
    report = added(command, source, "--duplicates", "refuse", code=1)
    assert report["reasons"] == {"possible_duplicate": 1} and list(avisos(store_url)) == ["A"]
    report = added(command, source, "--duplicates", "allow")
    assert report["done"] == 1 and report["warnings"] == [] and avisos(store_url) == {"A": "", "B": ""}


@on_sqlite
def test_people_of_a_data_set_are_as_it_labels_them(command: Command, tmp_path: Path) -> None:
    root = tmp_path / "lfw"
    for name, number, path in (
        ("Ana_Ruiz", 1, photo("A0178", 1)),
        ("Ana_Ruiz", 2, SAMPLE / "strangers" / "01.jpg"),
        ("Eva_Soto", 1, photo("A0178", 2)),
    ):
        (root / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / name / f"{name}_{number:04d}.jpg")
    report = added(command, root, "--kind", "lfw")
    assert (report["done"], report["possible_duplicates"]) == (3, [])


@on_sqlite
def test_more_photos_of_one_student_than_a_batch_holds(command: Command, tmp_path: Path) -> None:
    own = [photo("A0178", number) for number in (1, 2, 3, 4)]
    source = folder(tmp_path / "class", A=own, B=[photo("A0184", 1)])
    for number in range(4, 60):  # copies of the photos, each with other last bytes
        (source / "A" / f"{number}.jpg").write_bytes(own[number % 4].read_bytes() + f"{number}".encode())
    (source / "A" / "99.jpg").write_bytes((SAMPLE / "strangers" / "01.jpg").read_bytes())
    report = added(command, source, code=1)
    assert (report["done"], report["refused"], report["warnings"]) == (61, 1, [])
    assert json.loads(command("indexer", "verify", "--json").stdout)["agrees"]
