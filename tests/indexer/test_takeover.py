"""A database of the first system is taken over; students whom another program writes into ours are taken in."""

import base64
import hashlib
import json
import uuid
from datetime import datetime
from typing import Any

import pytest
from pymongo import MongoClient

from gallery.documents.attendance import EntryFilter
from presente.composition import open_store
from tests.conftest import Command, OpenStore, on_sqlite, student_in
from tests.indexer.sample import ANA, EVA, IRIS, LUZ, FirstSystem, fields, identified, photo, take_over, url_of


def test_a_database_of_the_first_system(
    command: Command, first_system: FirstSystem, mongo_server: str, store: OpenStore
) -> None:
    torn = photo(EVA)[: len(photo(EVA)) // 3]
    flipped = bytearray(photo(LUZ))
    flipped[len(flipped) // 2] ^= 0xFF
    ids = first_system.estudiantes.insert_many(
        [
            fields(ANA, image=photo(ANA), asistencias=7),
            fields(
                EVA, image=base64.b64encode(torn).decode(), participaciones=[{"fecha": "2025-03-01", "tipo": "p"}] * 2
            ),
            fields(
                LUZ,
                image=bytes(flipped),
                hash=hashlib.sha256(photo(LUZ)).hexdigest(),
                asistencias=["2025-03-01", datetime(2025, 3, 2, 8), "2025-03-01", "no date"],
                fecha_de_registro=datetime(2025, 2, 1),
            ),
            fields(IRIS, image=f"data:image/jpeg;base64,{base64.b64encode(photo(IRIS)).decode()}"),
            {"nombre_del_alumno": "Sin matrícula", "image": photo(IRIS, 1)},
            fields(ANA, image=photo(ANA, 1), nombre_del_alumno="ANA MAYUSCULA", fecha_de_registro="03/02/2026"),
        ]
    ).inserted_ids
    first_system.images.insert_many(
        [
            {"matricula": EVA["matricula"], "image": photo(EVA)},
            {"estudiante_id": ids[2], "image": base64.b64encode(photo(LUZ)).decode()},
        ]
    )
    url = url_of(first_system, mongo_server)
    report = take_over(command, url, 1)
    assert (report["photos"], report["done"], report["refused"]) == (5, 5, 0)
    said = "\n".join(report["warnings"])
    assert f"{EVA['matricula']}: the fallback copy was used" in said and "hash" in said and "ANA MAYUSCULA" in said
    assert str(ids[4]) in said and len(report["warnings"]) == 4
    view = store()
    stored = {found.student.matricula: found for found in view.students()}
    assert set(stored) == {student["matricula"] for student in (ANA, EVA, LUZ, IRIS)}
    flagged = {matricula for matricula, found in stored.items() if found.student.aviso == "image_fallback"}
    assert flagged == {EVA["matricula"], LUZ["matricula"]}
    ana = stored[ANA["matricula"]]
    assert (ana.images, ana.asistencias, ana.student.fecha_de_registro) == (2, 7, "2026-02-03")
    assert stored[EVA["matricula"]].participaciones == 2
    assert stored[LUZ["matricula"]].asistencias == 3 and stored[LUZ["matricula"]].student.asistencias_previas == 1
    assert stored[LUZ["matricula"]].student.fecha_de_registro == "2025-02-01"
    contents = {kept.matricula: hashlib.sha256(kept.content).digest() for kept in view.unembedded("none")}
    assert contents[EVA["matricula"]] == hashlib.sha256(photo(EVA)).digest()  # the copy, not the damaged photo
    entries = len(view.attendance.entries(EntryFilter())) + len(view.attendance.participations(EntryFilter()))
    assert entries == 4
    for student, name in ((EVA, EVA["nombre_del_alumno"]), (LUZ, LUZ["nombre_del_alumno"]), (ANA, "ANA MAYUSCULA")):
        assert identified(command, student) == name
    again = take_over(command, url, 1)
    assert (again["done"], again["already"], again["students_updated"]) == (0, 5, 0)
    assert len(view.attendance.entries(EntryFilter())) + len(view.attendance.participations(EntryFilter())) == entries
    assert first_system.estudiantes.count_documents({}) == 6 and first_system.images.count_documents({}) == 2


@on_sqlite
def test_neither_image_can_be_used(command: Command, first_system: FirstSystem, mongo_server: str) -> None:
    first_system.estudiantes.insert_many([fields(ANA, image=b"\xff\xd8\xffnothing"), fields(EVA), fields(LUZ, image=3)])
    first_system.images.insert_one({"matricula": ANA["matricula"], "image": "*** no base64 ***"})
    report = take_over(command, url_of(first_system, mongo_server), 1)
    assert (report["done"], report["refused"]) == (0, 3)
    reasons = {entry["reason"] for entry in report["refusals"]}
    assert any("Nor can the copy be used" in reason and "base64" in reason for reason in reasons)
    assert set(report["reasons"]) <= {"not_an_image", "damaged_image", "no_image", "invalid_base64"}


@on_sqlite
def test_databases_that_are_not_of_the_first_system(
    command: Command, first_system: FirstSystem, mongo_server: str
) -> None:
    empty = command("indexer", "add", url_of(first_system, mongo_server))
    assert empty.returncode == 2 and "empty_source" in empty.stderr
    ours = f"{mongo_server}/ours_{uuid.uuid4().hex[:8]}"
    open_store(ours).close()
    assert "source_is_gallery" in command("indexer", "add", ours).stderr
    gone = command("indexer", "add", "mongodb://127.0.0.1:1/fcRecog")
    assert gone.returncode == 1 and "source_unavailable" in gone.stderr
    assert command("indexer", "add", "mongodb://127.0.0.1:27017").returncode == 2
    first_system.estudiantes.insert_one(fields(ANA))
    used = command("indexer", "status", PRESENTE_STORE=url_of(first_system, mongo_server))
    assert used.returncode == 2 and "foreign_database" in used.stderr


@pytest.mark.usefixtures("sample_gallery")
@pytest.mark.parametrize("store_url", ["mongo"], indirect=True)
def test_sync_takes_in_what_another_program_enrolled(command: Command, store_url: str, store: OpenStore) -> None:
    command("indexer", "remove", *[student["matricula"] for student in (ANA, EVA, LUZ, IRIS)])
    with MongoClient[dict[str, Any]](store_url) as client:
        students = client.get_default_database().students
        students.insert_one(fields(ANA, image=photo(ANA), asistencias=5))
        students.insert_one(fields(EVA, image=base64.b64encode(photo(EVA)).decode()))
        students.insert_one(fields(LUZ, image=photo(LUZ)) | {"matricula": "bad/name"})
        students.insert_one(fields(IRIS, image=photo(IRIS), consentimiento="yes"))
        assert json.loads(command("indexer", "status", "--json").stdout)["students"] == 20  # nothing foreign
        done = command("indexer", "sync", "--json")
        report = json.loads(done.stdout)
        assert done.returncode == 1 and (report["photos"], report["done"], report["refused"]) == (4, 2, 2)
        assert "bad/name" in report["refusals"][0]["reason"] and "'yes'" in report["refusals"][1]["reason"]
        assert identified(command, ANA) == ANA["nombre_del_alumno"]
        assert identified(command, EVA) == EVA["nombre_del_alumno"]
        assert students.find_one({"matricula": ANA["matricula"]}, {"image": 1}).keys() == {"_id"}  # type: ignore[union-attr]
        assert student_in(store(), ANA["matricula"]).asistencias == 5
        assert json.loads(command("indexer", "verify", "--json").stdout)["agrees"]
        students.update_one({"matricula": ANA["matricula"]}, {"$set": {"image": photo(ANA, 1)}})
        assert json.loads(command("indexer", "sync", "--json").stdout)["done"] == 1
