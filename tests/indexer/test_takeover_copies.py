"""Taking over a database of the first system in which the documents of ``images`` hold a photo and nothing else."""

import base64
import hashlib
import random
from typing import Any

import numpy as np

from faces.image.copies import fault_beside
from faces.image.decode import decode
from faces.image.jpeg_damage import scan_damage, scan_start
from gallery.documents.attendance import EntryFilter
from gallery.documents.values import Consent
from presente.errors import PhotoRefused
from tests.conftest import Command, OpenStore, on_sqlite, student_in
from tests.indexer.sample import STUDENTS, FirstSystem, fields, identified, photo, take_over, url_of

PHOTOS = [photo(student) for student in STUDENTS]
GONE = b"\xff\xd8" + bytes(3000)
"""A photo of which nothing is left."""


def silently_damaged(content: bytes, seed: int = 1, lower: float = 0.6) -> bytes:
    """A photo with one changed byte that decodes without an error, with garbage in its lower part."""
    chance = random.Random(seed)
    start = scan_start(content)
    whole = decode(content).pixels.astype(np.int16)
    while True:
        damaged = bytearray(content)
        damaged[chance.randrange(start + int(lower * (len(content) - start)), len(content) - 99)] ^= 0xFF
        try:
            pixels = decode(bytes(damaged)).pixels
        except PhotoRefused:
            continue
        if scan_damage(bytes(damaged)) and (np.abs(pixels - whole) > 8).mean() > 0.02:
            return bytes(damaged)


def two_damaged(content: bytes) -> tuple[bytes, bytes]:
    """Two damaged copies of a photo, the better one first."""
    one = silently_damaged(content)
    for seed in range(2, 50):
        other = silently_damaged(content, seed, 0.3)
        if fault_beside(other, one):
            return one, other
    raise AssertionError("no seed makes two that can be told apart")


def as_uploaded(database: FirstSystem, own: dict[int, bytes], count: int = 16, **more: Any) -> list[Any]:
    """Insert what the first system wrote: one document per upload in each collection; ``own`` has damaged photos.

    Returns:
        the ids of the documents of ``images``.
    """
    ids = []
    for place in range(count):
        document = fields(STUDENTS[place], image=own.get(place, PHOTOS[place])) | more.get(f"_{place}", {})
        database.estudiantes.insert_one(document)
        ids.append(database.images.insert_one({"image": PHOTOS[place]}).inserted_id)
    return ids


def lines_about(report: dict[str, Any], place: int) -> str:
    return "\n".join(line for line in report["warnings"] if f"of {STUDENTS[place]['matricula']}:" in line)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_copy_is_found_however_the_photo_was_damaged(
    command: Command, first_system: FirstSystem, mongo_server: str, store: OpenStore
) -> None:
    silent = silently_damaged(PHOTOS[1])
    copies = as_uploaded(
        first_system,
        {
            1: silent,
            2: base64.b64encode(PHOTOS[2][: len(PHOTOS[2]) // 3]),
            4: GONE,
            6: PHOTOS[20],
            8: GONE,
            9: b"",
            11: PHOTOS[11][:8000],
        },
        _2={"image": base64.b64encode(PHOTOS[2][: len(PHOTOS[2]) // 3]).decode()},
        _6={"sha256": digest(PHOTOS[6])},
    )
    first_system.images.update_one({"_id": copies[13]}, {"$set": {"image": silently_damaged(PHOTOS[13], 3)}})
    report = take_over(command, url_of(first_system, mongo_server), 1)
    assert (report["photos"], report["done"], report["refused"]) == (16, 16, 0)
    for place, said in {
        1: "found by content",
        2: "found by content",
        4: "found by order of insertion, between two photos whose copies are known",
        6: "found by its hash",
        8: "found by order of insertion: check it",
        9: "found by order of insertion: check it",
        11: "found by content",
    }.items():
        line = lines_about(report, place)
        assert "the fallback copy was used" in line and said in line and str(copies[place]) in line, line
        assert ("check it" in line) == (place in (8, 9))
    assert "differs from its copy" in lines_about(report, 1) and str(scan_damage(silent)) in lines_about(report, 1)
    assert "two copies differ" in lines_about(report, 13) and "own image is used" in lines_about(report, 13)
    assert len(report["warnings"]) == 8 and report["notes"] == []
    view = store()
    stored = {found.student.matricula: found.student for found in view.students()}
    flagged = {place for place in range(16) if stored[STUDENTS[place]["matricula"]].aviso == "image_fallback"}
    assert flagged == {1, 2, 4, 6, 8, 9, 11} and not stored[STUDENTS[13]["matricula"]].aviso
    for place in range(16):
        assert view.digests(STUDENTS[place]["matricula"]) == [digest(PHOTOS[place])]
    assert identified(command, STUDENTS[4]) == STUDENTS[4]["nombre_del_alumno"]
    again = take_over(command, url_of(first_system, mongo_server), 1)
    assert (again["done"], again["already"], again["students_updated"]) == (0, 16, 0)


@on_sqlite
def test_both_damaged_none_there_and_one_too_many(
    command: Command, first_system: FirstSystem, mongo_server: str, store: OpenStore
) -> None:
    (better, worse), (milder, wilder) = (two_damaged(PHOTOS[place]) for place in (2, 3))
    own = {2: better, 3: wilder, 5: silently_damaged(PHOTOS[5]), 7: PHOTOS[7][:4000], 10: PHOTOS[10][:9000]}
    copies = as_uploaded(
        first_system,
        {**own, 12: GONE},
        _10={"sha256": digest(PHOTOS[10])},
        _7={"asistencias": 9, "participaciones": [{"fecha": "2025-03-01"}, "ayer"]},
    )
    first_system.images.update_one({"_id": copies[2]}, {"$set": {"image": worse}})
    first_system.images.update_one({"_id": copies[3]}, {"$set": {"image": milder}})
    first_system.images.delete_one({"_id": copies[5]})
    first_system.images.update_one({"_id": copies[7]}, {"$set": {"image": PHOTOS[7][:3000]}})
    first_system.images.update_one({"_id": copies[10]}, {"$set": {"image": silently_damaged(PHOTOS[10])}})
    first_system.images.delete_one({"_id": copies[12]})
    stranger, repeated, empty = first_system.images.insert_many(
        [{"image": photo(STUDENTS[20], 2)}, {"image": PHOTOS[0]}, {"name": "no photo"}]
    ).inserted_ids
    report = take_over(command, url_of(first_system, mongo_server), 1)
    assert (report["photos"], report["done"], report["refused"]) == (16, 14, 2)
    assert "two copies differ" in lines_about(report, 2) and "the copy is no better; look at it" in lines_about(
        report, 2
    )
    assert "fallback copy was used" in lines_about(report, 3) and "The copy is damaged, too" in lines_about(report, 3)
    assert "it is damaged" in lines_about(report, 5) and "there is no copy of it; look at it" in lines_about(report, 5)
    assert "found by content" in lines_about(report, 10)
    assert "though not what the student's hash says: check it" in lines_about(report, 10)
    reasons = {refusal["location"]: refusal["reason"] for refusal in report["refusals"]}
    assert all("Nor can the copy be used" in reason for reason in reasons.values())
    left = f"{STUDENTS[7]['matricula']} could not be enrolled: not taken over are 9 asistencias and 1 participaciones"
    assert any(line.startswith(left) and "1 entries" in line for line in report["warnings"])
    said = "\n".join(report["warnings"])
    assert f"images: 1 document is no student's copy, as far as can be told, and is left out: {stranger}" in said
    assert f"images: 1 document holds no image: {empty}" in said
    assert str(repeated) in "\n".join(report["notes"]) and str(repeated) not in said
    view = store()
    flagged = {place: student_in(view, STUDENTS[place]["matricula"]).student.aviso for place in (2, 3, 5, 10, 13)}
    assert flagged == {2: "image_damaged", 3: "image_fallback", 5: "image_damaged", 10: "image_fallback", 13: ""}
    assert view.digests(STUDENTS[5]["matricula"]) == [digest(own[5])]


@on_sqlite
def test_shuffled_copies_are_found_by_content_or_not_at_all(
    command: Command, first_system: FirstSystem, mongo_server: str, store: OpenStore
) -> None:
    own = {2: silently_damaged(PHOTOS[2]), 5: PHOTOS[5][:6000], 8: GONE, 11: GONE}
    first_system.estudiantes.insert_many(
        [fields(STUDENTS[place], image=own.get(place, PHOTOS[place])) for place in range(16)]
    )
    order = random.Random(4).sample(range(16), 16)
    first_system.images.insert_many([{"image": PHOTOS[place]} for place in order])
    report = take_over(command, url_of(first_system, mongo_server), 1)
    assert (report["done"], report["refused"], report["reasons"]) == (14, 2, {"ambiguous_copy": 2})
    assert all("nothing says which" in refusal["reason"] for refusal in report["refusals"])
    assert all("found by content" in lines_about(report, place) for place in (2, 5))
    view = store()
    for place in (2, 5):
        assert view.digests(STUDENTS[place]["matricula"]) == [digest(PHOTOS[place])]
    assert all(view.student(STUDENTS[place]["matricula"]) is None for place in (8, 11))


def test_a_student_in_two_classes_keeps_both_and_the_sum(
    command: Command, first_system: FirstSystem, mongo_server: str, store: OpenStore
) -> None:
    ana, eva = STUDENTS[:2]
    first_system.estudiantes.insert_many(
        [
            fields(ana, image=photo(ana, 0), clase="IA-101", asistencias=7, participaciones=2),
            fields(eva, image=photo(eva, 0), clase="IA-101", asistencias=5),
            fields(ana, image=photo(ana, 1), clase="IA-102", asistencias=3, participaciones=["2025-03-01", "ayer"]),
            fields(ana, image=photo(ana, 2), clase="IA-101", asistencias=0, participaciones=4),  # a second upload
            fields(ana, image=photo(ana, 3), clase=None, asistencias=1),
            fields(eva, image=photo(eva, 1), clase="IA-101", asistencias=0, fecha_de_registro=None),
        ]
    )
    report = take_over(command, url_of(first_system, mongo_server), 0)
    (line,) = [line for line in report["notes"] if line.startswith(f"{ana['matricula']} is in 2 classes")]
    assert "asistencias 7 + 3, participaciones 4 + 1" in line
    view = store()
    found = student_in(view, ana["matricula"])
    assert found.student.clases == ("IA-101", "IA-102") and found.images == 4
    assert (found.asistencias, found.participaciones) == (10, 6)
    other = student_in(view, eva["matricula"])
    assert (other.asistencias, other.student.clases) == (5, ("IA-101",))
    assert other.student.fecha_de_registro == eva["fecha_de_registro"]
    assert list(view.roster(clase="IA-101")) == sorted([found.id, other.id])
    assert list(view.roster(clase="IA-102")) == [found.id]
    (entry,) = view.attendance.participations(EntryFilter())
    assert (entry.entry.clase, entry.entry.fecha) == ("IA-102", "2025-03-01")
    again = take_over(command, url_of(first_system, mongo_server), 0)
    assert (again["already"], again["students_updated"]) == (6, 0)
    assert store().student(ana["matricula"]) == found


@on_sqlite
def test_nothing_is_left_out_without_a_line(
    command: Command, first_system: FirstSystem, mongo_server: str, store: OpenStore
) -> None:
    odd: list[dict[str, Any]] = [
        {"asistencias": "3", "participaciones": 2.0, "clase": 101, "correo": "a@x", "nota": 7},
        {"asistencias": "tres", "participaciones": -2, "correo": "b@x"},
        {"asistencias": 3.5, "participaciones": {"2025-03-01": True}, "fecha_de_registro": "hace tiempo"},
        {"asistencias": ["2025-03-01", {"date": "2025-03-01", "profesor": "X"}, None], "consentimiento": True},
        {"fecha_de_registro": "2025-02-03T10:00:00 GMT", "participaciones": "1e999"},
        {"consentimiento": {"fecha": "2025-01-01", "texto": "sí"}, "fecha_de_registro": 20250304, "imagen": PHOTOS[9]},
    ]
    for place, more in enumerate(odd):
        first_system.estudiantes.insert_one(fields(STUDENTS[place], image=PHOTOS[place]) | more)
    first_system.estudiantes.insert_one(fields(STUDENTS[6], matricula="A/6", image=PHOTOS[6], asistencias=4))
    first_system.usuarios.insert_one({"user": "profe"})
    report = take_over(command, url_of(first_system, mongo_server), 1)
    assert (report["photos"], report["done"]) == (6, 6)
    warnings, notes = "\n".join(report["warnings"]), "\n".join(report["notes"])
    for said in (
        "'tres' is no count; 0",
        "-2 is no count; 0",
        "3.5 is no count; 3",
        "'hace tiempo' is no date",
        "'1e999' is no count; 0",
        "A/6",
    ):
        assert said in warnings
    assert "{'2025-03-01': True}" in warnings and len(report["warnings"]) == 7
    for said in (
        "correo (in 2)",
        "nota (in 1)",
        "consentimiento (in 1)",
        "asistencias.profesor (in 1)",
        "asistencias: 1 entries have no date",
        "asistencias: 1 entries name a student's class and date once more",
        "with several images, of which the first is taken",
        "collections that are not taken over: usuarios",
    ):
        assert said in notes
    view = store()
    stored = [student_in(view, student["matricula"]) for student in STUDENTS[:6]]
    assert [found.asistencias for found in stored] == [3, 0, 3, 2, 0, 0]
    assert [found.participaciones for found in stored] == [2, 0, 0, 0, 0, 0]
    assert stored[0].student.clase == "101" and stored[5].student.consentimiento == Consent("2025-01-01", "sí")
    dates = [found.student.fecha_de_registro for found in stored]
    assert dates[2] == "" and dates[4].startswith("2025-02-03") and dates[5].startswith("2025")
