"""Statistics over HTTP: what was recorded through the API, added up; JSON and CSV; who sees what of it."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from gallery.documents.access import Grant
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from tests.server.people import guarded_app, key_of
from tests.server.sample import problem

ANA, EVA, LUZ, SOL, LEO = "A1", "A2", "A3", "A4", "B1"
NAMES = {ANA: "Ana Ruiz", EVA: "Eva Sosa", LUZ: "Luz Paz", SOL: "=Sol Rey", LEO: "Leo Gil"}
FIRST, SECOND, THIRD = "2026-11-16", "2026-11-17", "2026-11-18"


@pytest.fixture
def term(gallery: Gallery, client: FlaskClient) -> FlaskClient:
    """Class IA of four students (Luz is in IB, too) met three times: on two dates, and in one session.

    =========  =======  =======  ========  ===============
    student    FIRST    SECOND   session   participations
    =========  =======  =======  ========  ===============
    Ana        present  present  late      2 on FIRST
    Eva        present           excused   1 on THIRD
    Luz        present           present   1 on THIRD
    Sol
    =========  =======  =======  ========  ===============
    """
    gallery.enrol(
        [
            Enrolment(
                Student(each, NAMES[each], "IB" if each == LEO else "IA", otras_clases=("IB",) * (each == LUZ)), ()
            )
            for each in NAMES
        ]
    )
    for fecha, matriculas in ((FIRST, (ANA, EVA, LUZ)), (SECOND, (ANA,))):
        for matricula in matriculas:
            attend(client, matricula, fecha)
    begun = client.post("/v1/sessions", json={"clase": "IA", "fecha": THIRD, "starts": "08:00"}).get_json()["id"]
    for matricula, status in ((ANA, "late"), (EVA, "excused"), (LUZ, "present")):
        said = client.post(f"/v1/sessions/{begun}/entries", json={"matricula": matricula, "status": status})
        assert said.status_code == 200
    for matricula, fecha in ((ANA, FIRST), (ANA, FIRST), (EVA, THIRD), (LUZ, THIRD)):
        took_part(client, matricula, fecha)
    attend(client, LEO, FIRST, "IB")
    return client


def attend(client: FlaskClient, matricula: str, fecha: str, clase: str = "IA", status: str = "present") -> None:
    said = client.post(f"/v1/attendance?clase={clase}&fecha={fecha}", json={"matricula": matricula, "status": status})
    assert said.status_code == 201


def took_part(client: FlaskClient, matricula: str, fecha: str, clase: str = "IA") -> int:
    said = client.post("/v1/participations", json={"matricula": matricula, "clase": clase, "fecha": fecha})
    assert said.status_code == 201
    return int(said.get_json()["id"])


def sums(**of: int) -> dict[str, Any]:
    every = {"present": 0, "late": 0, "excused": 0, "absent": 0, "waiting": 0} | of
    counted = every["present"] + every["late"] + every["absent"]
    rate = (every["present"] + every["late"]) / counted if counted else None
    return every | {"rate": rate if rate is None else pytest.approx(rate)}


def table(client: FlaskClient, path: str) -> list[dict[str, str]]:
    reply = client.get(path)
    assert reply.status_code == 200 and reply.mimetype == "text/csv", reply.text
    assert reply.text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(reply.text.removeprefix("\ufeff"))))


def test_each_class_in_sum(term: FlaskClient) -> None:
    reply = term.get("/v1/statistics/classes").get_json()
    one, other = reply["classes"]
    assert (one["clase"], one["students"], one["meetings"]) == ("IA", 4, 3)
    assert one["attendance"] == sums(present=5, late=1, excused=1, absent=5)
    assert one["participations"] == 4 and one["participations_per_meeting"] == pytest.approx(4 / 12)
    rates = one["attendance_spread"]  # 1, 1/2, 2/3, 0
    assert (rates["students"], rates["low"], rates["high"], rates["outliers"]) == (4, 0, 1, [])
    assert [rates[name] for name in ("q1", "median", "q3")] == pytest.approx([0.375, 7 / 12, 0.75])
    assert one["participation_spread"]["mean"] == pytest.approx(1 / 3)
    assert (other["clase"], other["students"], other["meetings"]) == ("IB", 2, 1)
    assert other["attendance"] == sums(present=1, absent=1)
    assert reply["desde"] is reply["hasta"] is reply["next_cursor"] is None


def test_a_class_over_time_and_by_student(term: FlaskClient) -> None:
    of = term.get("/v1/statistics/classes/IA").get_json()
    assert [(each["fecha"], each["starts"], each["session"] is None) for each in of["meetings"]] == [
        (FIRST, None, True),
        (SECOND, None, True),
        (THIRD, "08:00", False),
    ]
    assert [each["attendance"] for each in of["meetings"]] == [
        sums(present=3, absent=1),
        sums(present=1, absent=3),
        sums(present=1, late=1, excused=1, absent=1),
    ]
    assert [each["participations"] for each in of["meetings"]] == [2, 0, 2]
    ranking = [(each["matricula"], each["rank"], each["participations"], each["attended"]) for each in of["students"]]
    assert ranking == [(ANA, 1, 2, 3), (LUZ, 2, 1, 2), (EVA, 2, 1, 1), (SOL, 4, 0, 0)]
    luz = of["students"][1]
    assert [(each["matricula"], each["rank"]) for each in luz["before"]] == [(ANA, 1)]
    assert [(each["matricula"], each["rank"]) for each in luz["after"]] == [(EVA, 2), (SOL, 4)]
    assert luz["attendance"] == sums(present=2, absent=1)
    assert of["summary"] == term.get("/v1/statistics/classes").get_json()["classes"][0]


def test_each_class_week_by_week(term: FlaskClient) -> None:
    took_part(term, LUZ, "2026-11-24")  # a date without a meeting
    attend(term, EVA, "2026-11-15")  # a Sunday
    reply = term.get("/v1/statistics/weeks").get_json()
    one, other = reply["classes"]
    assert (one["clase"], one["students"], other["clase"], other["students"]) == ("IA", 4, "IB", 2)
    assert one["weeks"] == [
        {
            "monday": "2026-11-09",
            "meetings": 1,
            "attendance": sums(present=1, absent=3),
            "participations": 0,
            "participations_per_meeting": 0.0,
        },
        {
            "monday": FIRST,
            "meetings": 3,
            "attendance": sums(present=5, late=1, excused=1, absent=5),
            "participations": 4,
            "participations_per_meeting": pytest.approx(4 / 12),
        },
    ]
    assert [each["attendance"] for each in other["weeks"]] == [sums(present=1, absent=1)]
    rows = table(term, "/v1/statistics/weeks?format=csv")
    assert [(row["clase"], row["monday"], row["meetings"], row["late"]) for row in rows] == [
        ("IA", "2026-11-09", "1", "0"),
        ("IA", FIRST, "3", "1"),
        ("IB", FIRST, "1", "0"),
    ]
    narrowed = term.get(f"/v1/statistics/weeks?desde={THIRD}&hasta={THIRD}").get_json()["classes"]
    assert [[each["meetings"] for each in of["weeks"]] for of in narrowed] == [[1], []]
    first = term.get("/v1/statistics/weeks?limit=1").get_json()
    assert [each["clase"] for each in first["classes"]] == ["IA"]
    rest = term.get(f"/v1/statistics/weeks?limit=1&cursor={first['next_cursor']}").get_json()
    assert [each["clase"] for each in rest["classes"]] == ["IB"] and rest["next_cursor"] is None
    of_other_list = term.get(f"/v1/statistics/classes?limit=1&cursor={first['next_cursor']}")
    problem(of_other_list, 400, "invalid_cursor")


def test_a_student_beside_each_class(term: FlaskClient) -> None:
    took_part(term, LUZ, SECOND, "IB")  # a date on which IB did not meet
    luz = term.get(f"/v1/statistics/students/{LUZ}").get_json()
    assert (luz["matricula"], luz["nombre_del_alumno"]) == (LUZ, "Luz Paz")
    one, other = luz["classes"]
    assert (one["clase"], one["member"], one["attended"], one["participations"], one["rank"]) == ("IA", True, 2, 1, 2)
    assert one["attendance"] == sums(present=2, absent=1)
    assert [(each["fecha"], each["status"], each["participations"]) for each in one["meetings"]] == [
        (FIRST, "present", 0),
        (SECOND, "absent", 0),
        (THIRD, "present", 1),
    ]
    assert [each["class_rate"] for each in one["meetings"]] == pytest.approx([3 / 4, 1 / 4, 2 / 3])
    assert (one["students"], one["class_participations"]) == (4, 1.0) and one["class_rate"] == pytest.approx(6 / 11)
    assert (other["clase"], other["attended"], other["participations"], len(other["meetings"])) == ("IB", 0, 1, 1)


def test_what_a_student_did_in_a_class_of_before_stays_the_students(term: FlaskClient) -> None:
    moved = term.patch(f"/v1/students/{ANA}", json={"clase": "IB"})
    assert moved.status_code == 200
    assert term.get("/v1/statistics/classes/IA").get_json()["summary"]["students"] == 3
    before, now = term.get(f"/v1/statistics/students/{ANA}").get_json()["classes"]
    assert (before["clase"], before["member"], before["rank"]) == ("IA", False, None)
    assert before["attendance"] == sums(present=2, late=1)
    assert (now["clase"], now["member"], now["attendance"]["absent"]) == ("IB", True, 1)


def test_dates_narrow_what_counts(term: FlaskClient) -> None:
    of = term.get(f"/v1/statistics/classes/IA?desde={SECOND}&hasta={SECOND}").get_json()
    assert (of["desde"], of["hasta"], of["summary"]["meetings"]) == (SECOND, SECOND, 1)
    assert of["summary"]["attendance"] == sums(present=1, absent=3) and of["summary"]["participations"] == 0
    problem(term.get(f"/v1/statistics/classes?desde={THIRD}&hasta={FIRST}"), 400, "invalid_fecha")
    problem(term.get("/v1/statistics/classes?desde=ayer"), 400, "invalid_fecha")
    nothing = term.get("/v1/statistics/classes/IA?desde=2020-01-01&hasta=2020-12-31").get_json()["summary"]
    assert (
        nothing["attendance"]["rate"] is nothing["attendance_spread"] is nothing["participations_per_meeting"] is None
    )


def test_a_correction_and_a_withdrawal_are_counted_at_once(term: FlaskClient) -> None:
    attend(term, SOL, SECOND)
    attend(term, ANA, SECOND, status="rejected")
    number = took_part(term, SOL, SECOND)
    assert term.delete(f"/v1/participations/{number}").status_code == 204
    of = term.get("/v1/statistics/classes/IA").get_json()
    assert of["meetings"][1]["attendance"] == sums(present=1, absent=3) and of["meetings"][1]["participations"] == 0


def test_csv_has_the_same_numbers_and_no_formula(term: FlaskClient) -> None:
    one, other = table(term, "/v1/statistics/classes?format=csv")
    assert [one[name] for name in ("clase", "students", "meetings", "present", "participations")] == [
        "IA",
        "4",
        "3",
        "5",
        "4",
    ]
    assert float(one["attendance_median"]) == pytest.approx(7 / 12) and other["clase"] == "IB"
    students = table(term, "/v1/statistics/classes/IA?format=csv")
    assert [(row["matricula"], row["rank"], row["late"]) for row in students][:2] == [(ANA, "1", "1"), (LUZ, "2", "0")]
    assert students[-1]["nombre_del_alumno"] == "'=Sol Rey"
    meetings = table(term, "/v1/statistics/classes/IA?format=csv&table=meetings")
    assert [(row["fecha"], row["starts"], row["participations"]) for row in meetings][-1] == (THIRD, "08:00", "2")
    own = table(term, f"/v1/statistics/students/{EVA}?format=csv")
    assert [(row["clase"], row["status"]) for row in own] == [("IA", "present"), ("IA", "absent"), ("IA", "excused")]
    problem(term.get("/v1/statistics/classes?format=csv&limit=1"), 400, "unknown_parameter")
    asked = term.get("/v1/statistics/classes", headers={"Accept": "text/csv"})
    assert asked.mimetype == "text/csv"


def test_classes_come_in_pages(term: FlaskClient) -> None:
    first = term.get("/v1/statistics/classes?limit=1").get_json()
    assert [each["clase"] for each in first["classes"]] == ["IA"]
    second = term.get(f"/v1/statistics/classes?limit=1&cursor={first['next_cursor']}").get_json()
    assert [each["clase"] for each in second["classes"]] == ["IB"] and second["next_cursor"] is None
    problem(term.get("/v1/statistics/classes?cursor=x"), 400, "invalid_cursor")


def test_what_is_not_there(term: FlaskClient) -> None:
    problem(term.get("/v1/statistics/classes/IZ"), 404, "class_not_found")
    problem(term.get("/v1/statistics/students/none"), 404, "student_not_found")


def test_before_anything_is_recorded(client: FlaskClient) -> None:
    assert client.get("/v1/statistics/classes").get_json()["classes"] == []
    assert table(client, "/v1/statistics/classes?format=csv") == []


@pytest.fixture
def callers(term: FlaskClient, gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> Iterator[Any]:
    """Clients of one gallery by role: a teacher of IB, and Luz."""
    granted = {
        "teacher": Grant(AccessRole.TEACHER, frozenset({"IB"})),
        "student": Grant(AccessRole.STUDENT, frozenset(), LUZ),
    }
    with guarded_app(gallery, embedder, tmp_path) as app:
        found = {}
        for role, grant in granted.items():
            found[role] = app.test_client()
            found[role].environ_base["HTTP_AUTHORIZATION"] = key_of(app, gallery, role, grant)["Authorization"]
        yield found


def test_a_teacher_sees_the_own_classes(callers: dict[str, FlaskClient]) -> None:
    teacher = callers["teacher"]
    assert [each["clase"] for each in teacher.get("/v1/statistics/classes").get_json()["classes"]] == ["IB"]
    assert [each["clase"] for each in teacher.get("/v1/statistics/weeks").get_json()["classes"]] == ["IB"]
    problem(teacher.get("/v1/statistics/classes/IA"), 403, "class_not_yours")
    assert [each["clase"] for each in teacher.get(f"/v1/statistics/students/{LUZ}").get_json()["classes"]] == ["IB"]
    problem(teacher.get(f"/v1/statistics/students/{ANA}"), 404, "student_not_found")


def test_a_student_sees_the_own_record_and_no_one_elses(callers: dict[str, FlaskClient], gallery: Gallery) -> None:
    student = callers["student"]
    for name in ("classes", "weeks"):
        problem(student.get(f"/v1/statistics/{name}"), 403, "role_not_enough")
    problem(student.get(f"/v1/statistics/students/{ANA}"), 404, "student_not_found")
    one, other = student.get(f"/v1/statistics/students/{LUZ}").get_json()["classes"]
    assert (one["attended"], other["attended"]) == (2, 0) and one["attendance"] == sums(present=2, absent=1)
    for of in (one, other):  # of four students, and of two: it would say how the others do
        assert of["class_rate"] is of["rank"] is of["students"] is of["class_participations"] is None
        assert {each["class_rate"] for each in of["meetings"]} == {None}
    gallery.enrol([Enrolment(Student("A5", "Paz Mar", "IA"), ())])
    one = student.get(f"/v1/statistics/students/{LUZ}").get_json()["classes"][0]
    assert (one["students"], one["rank"]) == (5, 2) and one["class_rate"] == pytest.approx(6 / 14)
