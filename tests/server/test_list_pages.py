"""Lists a page at a time: all pages have each line once, and counts of the whole list; long replies are streamed."""

import csv
import io
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from gallery.documents.attendance import Attendance, EntryFilter, Participation
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from tests.conftest import on_sqlite
from tests.server.sample import problem

AT = "2026-11-21T08:00:00+00:00"
DAYS = ("2026-11-19", "2026-11-20")


@pytest.fixture
def recorded(gallery: Gallery) -> dict[str, int]:
    """Seven students, without photos, six of them in one class; subject ids by matricula."""
    people = [Student(f"P{number}", f"Nombre {number}", "C-1" if number else "C-2", DAYS[0]) for number in range(7)]
    gallery.store.enrol([Enrolment(person, ()) for person in reversed(people)])
    ids = {person.matricula: gallery.student(person.matricula).id for person in people}
    attendance = gallery.store.attendance
    seen = [("P5", "present"), ("P1", "present"), ("P3", "rejected"), ("P0", "present")]
    for day in DAYS:
        statements = [Attendance(ids[who], "C-1", day, 0, status, "hand", AT) for who, status in seen]  # type: ignore[arg-type]
        attendance.add_entries(statements)
    attendance.add_entries([Attendance(ids["P1"], "C-1", DAYS[0], 1, "rejected", "hand", AT)])
    for number in range(5):
        attendance.add_participation(Participation(ids["P2"], "C-1", DAYS[0], "x", "", AT, f"r{number}"))
    return ids


def pages(client: FlaskClient, path: str, name: str, limit: int) -> list[dict[str, Any]]:
    """All that a list has, by its cursors."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        reply = client.get(f"{path}&limit={limit}&cursor={quote(cursor)}")
        assert reply.status_code == 200, reply.text
        body = reply.get_json()
        assert len(body[name]) <= limit
        found.append(body)
        cursor = body["next_cursor"]
        if cursor is None:
            return found


def names(lines: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(line["fecha"], line["matricula"], line["status"]) for line in lines]


def whole(client: FlaskClient, query: str) -> list[dict[str, Any]]:
    body = client.get(f"/v1/attendance?{query}").get_json()
    assert body["next_cursor"] is None
    found: list[dict[str, Any]] = body["attendance"]
    return found


@pytest.mark.parametrize(
    "query", ["clase=C-1&fecha=2026-11-19", "clase=C-1", "history=true", "matricula=P1", "clase=C-2"]
)
def test_attendance_in_pages_is_attendance(client: FlaskClient, recorded: dict[str, int], query: str) -> None:
    everything = whole(client, query)
    for limit in (1, 2, 3, 7, 1000):
        found = pages(client, f"/v1/attendance?{query}", "attendance", limit)
        assert [line for page in found for line in page["attendance"]] == everything
        assert {page["present"] for page in found} == {sum(line["status"] == "present" for line in everything)}
    text = client.get(f"/v1/attendance?{query}&format=csv").text
    assert text.startswith("\ufefffecha,clase,matricula")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [(row["fecha"], row["matricula"], row["status"]) for row in rows] == names(everything)


def test_a_class_on_a_date_has_every_student_in_order(
    client: FlaskClient, recorded: dict[str, int], gallery: Gallery
) -> None:
    expected = ["P0 present", "P1 rejected", "P2 absent", "P3 rejected", "P4 absent", "P5 present", "P6 absent"]
    day = "clase=C-1&fecha=2026-11-19"
    assert [f"{matricula} {status}" for _, matricula, status in names(whole(client, day))] == expected
    gallery.remove(["P5"])
    found = pages(client, f"/v1/attendance?{day}", "attendance", 2)
    gone = [line["matricula"] for page in found for line in page["attendance"]]
    assert gone == [None, "P0", "P1", "P2", "P3", "P4", "P6"]


def test_participations_in_pages(client: FlaskClient, recorded: dict[str, int], gallery: Gallery) -> None:
    third = gallery.store.attendance.participations(EntryFilter())[2].id
    assert client.delete(f"/v1/participations/{third}").status_code == 204
    for query, count in (("", 4), ("history=true", 6), ("matricula=P2", 4), ("clase=C-2", 0)):
        for limit in (1, 2, 1000):
            found = pages(client, f"/v1/participations?{query}", "participations", limit)
            ids = [line["id"] for page in found for line in page["participations"]]
            assert ids == sorted(set(ids)) and len(ids) == count and {page["count"] for page in found} == {count}


def test_a_list_of_a_class_that_does_not_exist(client: FlaskClient, recorded: dict[str, int], gallery: Gallery) -> None:
    for path in (
        "/v1/students?clase=",
        "/v1/attendance?clase=",
        "/v1/attendance?format=csv&clase=",
        "/v1/participations?clase=",
    ):
        assert "'X'" in problem(client.get(f"{path}X"), 404, "class_not_found")
        for empty in ("", "%20"):  # a variable that a client has not filled
            assert "clase is empty" in problem(client.get(path + empty), 400, "invalid_parameter")
        assert client.get(f"{path}C-2").status_code == 200  # a student is in it, and nothing is recorded of it
    gallery.remove([f"P{number}" for number in range(7)])
    problem(client.get("/v1/students?clase=C-2"), 404, "class_not_found")
    for path in ("/v1/students", "/v1/attendance", "/v1/participations"):  # its students are gone, its entries stay
        assert client.get(f"{path}?clase=C-1&limit=1").status_code == 200
    assert client.get("/v1/students?clase=C-1").get_json()["students"] == []


def test_conditions_that_are_empty_are_refused(client: FlaskClient) -> None:
    for path in ("/v1/attendance", "/v1/participations", "/v1/access-log"):
        assert "matricula is empty" in problem(client.get(f"{path}?matricula="), 400, "invalid_parameter")
        problem(client.get(f"{path}?desde="), 400, "invalid_fecha")
        problem(client.get(f"{path}?hasta=%20"), 400, "invalid_fecha")
    problem(client.get("/v1/attendance?fecha="), 400, "invalid_fecha")
    problem(client.get("/v1/sessions?desde="), 400, "invalid_fecha")
    problem(client.get("/v1/statistics/classes?hasta="), 400, "invalid_fecha")
    problem(client.get("/v1/access-log?quien="), 400, "invalid_parameter")


LISTS = {
    "/v1/students?clase=C-1": "students",
    "/v1/students?q=Nombre": "students",
    "/v1/attendance?clase=C-1": "attendance",
    "/v1/attendance?clase=C-1&history=true": "attendance",
    "/v1/attendance?clase=C-1&fecha=2026-11-19": "attendance",
    "/v1/participations?matricula=P2": "participations",
    "/v1/participations?matricula=P2&history=true": "participations",
}


def test_a_cursor_of_another_list_is_refused(client: FlaskClient, recorded: dict[str, int]) -> None:
    cursors = {path: client.get(f"{path}&limit=1").get_json()["next_cursor"] for path in LISTS}
    for path, name in LISTS.items():
        for origin, cursor in cursors.items():
            reply = client.get(f"{path}&limit=2&cursor={quote(cursor)}")
            if origin == path:  # the page may have another length
                assert len(reply.get_json()[name]) == 2
            else:
                problem(reply, 400, "invalid_cursor")


@pytest.mark.parametrize("query", ["clase=C-1", "clase=C-1&fecha=2026-11-19", "clase=C-1&history=true"])
def test_a_line_that_changes_between_two_pages_is_listed_once(
    client: FlaskClient, recorded: dict[str, int], query: str
) -> None:
    """Only the history has a student's later entry, too."""
    found: list[dict[str, Any]] = []
    cursor, statements = "", 0
    while True:
        page = client.get(f"/v1/attendance?{query}&limit=1&cursor={quote(cursor)}").get_json()
        found += page["attendance"]
        if (line := page["attendance"][-1])["fecha"] == DAYS[0] and statements < 5:
            statements += 1
            said = "present" if line["status"] != "present" else "rejected"
            where = f"/v1/attendance?clase=C-1&fecha={line['fecha']}"
            assert client.post(where, json={"matricula": line["matricula"], "status": said}).status_code == 201
        if (cursor := page["next_cursor"]) is None:
            break
    keys = [(line["fecha"], line["matricula"]) for line in found]
    assert statements >= 4 and (len(keys) == len(set(keys))) == ("history" not in query)


def test_cursors_that_are_none(client: FlaskClient) -> None:
    for cursor in (
        "x",
        "e30=",
        "W10=",
        "WzFd",
        "bnVsbA==",
        "5",
        "%00",
        "ñ",
        "W1siYSJdLDEsMiwzXQ==",
        "W" * 3999,
        "[[[[",
    ):
        for path in ("/v1/attendance", "/v1/participations", "/v1/students"):
            problem(client.get(path, query_string={"cursor": cursor}), 400, "invalid_cursor")
    for path in ("/v1/attendance", "/v1/participations"):
        for limit in ("0", "1001", "x"):
            problem(client.get(f"{path}?limit={limit}"), 400, "invalid_limit")
    problem(client.get("/v1/attendance?format=csv&limit=5"), 400, "unknown_parameter")


@on_sqlite  # to enrol that many takes FerretDB minutes
def test_long_replies_are_written_as_they_are_read(client: FlaskClient, gallery: Gallery) -> None:
    people = [Student(f"P{number:04}", "Nombre", "C-1", DAYS[0]) for number in range(1100)]
    gallery.store.enrol([Enrolment(person, ()) for person in people])
    listed = client.get("/get-students")
    assert listed.is_streamed and [each["matricula"] for each in listed.get_json()] == [p.matricula for p in people]
    table = client.get("/v1/attendance?clase=C-1&fecha=2026-11-19&format=csv")
    assert table.is_streamed and len(table.text.splitlines()) == 1101
    first = client.get("/v1/attendance?clase=C-1&fecha=2026-11-19").get_json()
    assert len(first["attendance"]) == 1000 and first["present"] == 0 and first["next_cursor"]


def test_an_empty_gallery_has_empty_lists(client: FlaskClient) -> None:
    assert client.get("/get-students").get_json() == []
    assert client.get("/v1/participations").get_json() == {"participations": [], "count": 0, "next_cursor": None}
    assert len(client.get("/v1/attendance?format=csv").text.splitlines()) == 1
