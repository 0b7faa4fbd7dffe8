"""A moment that MongoDB keeps, in UTC, becomes the school's date; a date stays that date."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from gallery.documents.attendance import EntryFilter
from gallery.documents.foreign_documents import day_of
from presente.clock import Clock
from presente.composition import open_store
from tests.conftest import Command, on_sqlite
from tests.indexer.sample import ANA, EVA, LUZ, FirstSystem, fields, photo, url_of

MEXICO = Clock("America/Mexico_City")
EVENING = datetime(2025, 3, 4, 1, 0)
"""19:00 of the 3rd in Mexico City, as MongoDB keeps it."""


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (EVENING, "2025-03-03"),
        (datetime(2025, 3, 4, 15, 0), "2025-03-04"),
        (datetime(2025, 3, 4), "2025-03-04"),  # without a time, it is a date
        (datetime(2025, 3, 4) + timedelta(milliseconds=1), "2025-03-03"),
        (datetime(1, 1, 1, 3), "0001-01-01"),  # no earlier date can be written
    ],
)
def test_the_day_of_a_moment(moment: datetime, day: str) -> None:
    assert day_of(moment, MEXICO) == day


@on_sqlite
def test_the_first_systems_evening_classes(
    command: Command,
    first_system: FirstSystem,
    mongo_server: str,
    store_url: str,
) -> None:
    first_system.estudiantes.insert_many(
        [
            fields(
                ANA,
                image=photo(ANA),
                asistencias=[EVENING, {"fecha": "2025-03-05T01:00:00.000Z"}],
                fecha_de_registro=EVENING,
            ),
            fields(EVA, image=photo(EVA), participaciones=[{"fecha": EVENING}], fecha_de_registro=datetime(2025, 3, 4)),
        ]
    )
    done = command(
        "indexer",
        "add",
        url_of(first_system, mongo_server),
        "--json",
        TZ="UTC",
        PRESENTE_TIMEZONE="America/Mexico_City",
    )
    assert done.returncode == 0, done.stderr
    store = open_store(store_url)
    registered = {found.student.matricula: found.student.fecha_de_registro for found in store.students()}
    assert registered == {ANA["matricula"]: "2025-03-03", EVA["matricula"]: "2025-03-04"}
    entries = [stored.entry.fecha for stored in store.attendance.entries(EntryFilter())]
    entries += [stored.entry.fecha for stored in store.attendance.participations(EntryFilter())]
    store.close()
    assert entries == ["2025-03-03", "2025-03-04", "2025-03-03"]


@pytest.fixture
def students(store_url: str) -> Iterator[Any]:
    open_store(store_url).close()  # makes the database a gallery
    with MongoClient[dict[str, Any]](store_url) as client:
        yield client.get_default_database().students


@pytest.mark.parametrize("store_url", ["mongo"], indirect=True)
def test_students_whom_another_program_registers_in_our_database(
    command: Command, store_url: str, students: Any
) -> None:
    students.insert_one(fields(ANA, image=photo(ANA), fecha_de_registro=EVENING))
    students.insert_one(fields(LUZ, image=photo(LUZ), fecha_de_registro=datetime(2025, 3, 4)))
    zone = {"TZ": "UTC", "PRESENTE_TIMEZONE": "America/Mexico_City"}
    assert json.loads(command("indexer", "sync", "--json", **zone).stdout)["done"] == 2
    store = open_store(store_url)
    registered = {found.student.matricula: found.student.fecha_de_registro for found in store.students()}
    store.close()
    assert registered == {ANA["matricula"]: "2025-03-03", LUZ["matricula"]: "2025-03-04"}
    status = command("indexer", "status", "--json", **zone)
    assert json.loads(status.stdout)["timezone"] == "America/Mexico_City"
