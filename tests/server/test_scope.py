"""With a teacher's key nothing of another class comes out, whatever is asked."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from faces.embedder import FaceEmbedder
from gallery.documents.access import Grant
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from presente.recognition import digest_of
from server.access.permissions import GRANTED, permission_needed
from tests.conftest import SAMPLE
from tests.server.people import guarded_app, key_of
from tests.server.sample import CLASS, CLASS_OF, DAY, GROUP, HERE, JPEG, MOVED, STUDENTS, photos, problem

OTHER = "IA-101"
"""A class of another teacher. The one of :data:`MOVED` is another one, too."""
MINE = [student for student in STUDENTS if CLASS_OF[student["matricula"]] == CLASS]
OTHERS = [student for student in STUDENTS if CLASS_OF[student["matricula"]] != CLASS]
STRANGE_WORDS = {student[name] for student in OTHERS for name in ("matricula", "nombre_del_alumno")}


@pytest.fixture
def teacher(school: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> Iterator[FlaskClient]:
    """A client with the key of the teacher of :data:`CLASS`."""
    with guarded_app(school, embedder, tmp_path) as app:
        yield client_with(app.test_client(), key_of(app, school, "ruiz", Grant(AccessRole.TEACHER, frozenset({CLASS}))))


@pytest.fixture
def admin(teacher: FlaskClient, school: Gallery) -> FlaskClient:
    app = teacher.application
    return client_with(app.test_client(), key_of(app, school, "admin", Grant(AccessRole.ADMIN)))


def client_with(client: FlaskClient, key: dict[str, str]) -> FlaskClient:
    client.environ_base["HTTP_AUTHORIZATION"] = key["Authorization"]
    return client


def portrait(matricula: str) -> bytes:
    return (SAMPLE / "probes" / matricula / "1.jpg").read_bytes()


def strange_words(reply: TestResponse) -> set[str]:
    """What a reply says of students of other classes, whether as text or escaped."""
    said = reply.get_data().decode(errors="replace")  # a picture is no text
    unescaped = said.encode().decode("unicode_escape", errors="replace")
    return {word for word in STRANGE_WORDS if word in said or word in unescaped}


def everything(admin: FlaskClient) -> None:
    """Attendance and participations of every class."""
    for clase in sorted(set(CLASS_OF.values())):
        assert admin.post(f"/v1/attendance?clase={clase}&fecha={DAY}", data=GROUP, headers=JPEG).status_code == 200
    for matricula, clase in CLASS_OF.items():
        said = {"matricula": matricula, "clase": clase, "fecha": DAY, "kind": "pregunta"}
        assert admin.post("/v1/participations", json=said).status_code == 201


def session_of(admin: FlaskClient, clase: str) -> int:
    """A session of a class, with a photo of the group; its id."""
    made = admin.post("/v1/sessions", json={"clase": clase, "fecha": DAY, "starts": "09:00"}).get_json()["id"]
    assert admin.post(f"/v1/sessions/{made}/photos", data=GROUP, headers=JPEG).status_code == 200
    return int(made)


def requests(admin: FlaskClient) -> list[tuple[str, str, dict[str, Any]]]:
    """Every way of asking that a teacher has, aimed at other classes."""
    stranger = OTHERS[0]["matricula"]
    entries = admin.get(f"/v1/attendance?clase={CLASS_OF[MOVED]}").get_json()["attendance"]
    taken = admin.get(f"/v1/participations?clase={OTHER}").get_json()["participations"]
    lists = [f"/v1/{name}{query}" for name in ("students", "attendance", "participations") for query in (
        "", f"?clase={CLASS}", f"?clase={OTHER}", "?limit=1",
    )]  # fmt: skip
    theirs = session_of(admin, OTHER)
    own = session_of(admin, CLASS)
    vectors = [[1.0] * 128, [-1.0] * 128]
    photo = {"data": portrait(stranger), "headers": JPEG}
    film = {"data": b"film", "headers": {"Content-Type": "video/webm"}}
    jobs = [admin.post(f"/v1/sessions/{each}/video", **film).get_json() for each in (own, theirs)]
    parts = ("", "/photos", "/photos/1", "/roll?format=csv", "/video", "/events")
    return [
        *[("GET", path, {}) for path in lists],
        ("GET", f"/v1/students?q={stranger}", {}),
        ("GET", f"/v1/students/{stranger}", {}),
        ("GET", f"/v1/students/{stranger}/images", {}),
        ("GET", f"/v1/students/{stranger}/images/{digest_of(photos(OTHERS[0])[0])}?size=thumbnail", {}),
        *[("GET", f"/v1/students/{each}/negatives", {}) for each in (HERE[0], stranger)],
        ("POST", f"/v1/students/{stranger}/negatives", {"data": GROUP, "headers": JPEG}),
        ("DELETE", f"/v1/students/{stranger}/negatives/1", {}),
        *[("GET", f"/v1/unknowns{part}", {}) for part in ("", "?order=visits", "/1", "/1/faces/1/picture")],
        *[("GET", f"/v1/students?sort={order}&without_consent=true", {}) for order in ("nombre", "-clase", "photos")],
        *[("GET", f"/v1/{name}?matricula={stranger}", {}) for name in ("attendance", "participations")],
        *[("GET", f"/v1/{name}?fecha={DAY}&history=true", {}) for name in ("attendance", "participations")],
        ("GET", f"/v1/attendance?clase={CLASS}&fecha={DAY}&format=csv", {}),
        ("GET", "/v1/attendance?format=csv&history=true", {}),
        ("GET", f"/v1/attendance?clase={OTHER}&format=csv", {}),
        ("GET", "/get-students", {}),
        ("GET", "/v1/status", {}),
        ("GET", "/metrics", {}),
        ("GET", "/v1/session", {}),
        *[("POST", f"/v1/identify?k=1000{more}", photo) for more in ("", "&cohort=true", f"&clase={OTHER}")],
        ("POST", "/v1/identify?k=1000", {"data": GROUP, "headers": JPEG}),
        ("POST", "/v1/identify?k=1000", {"data": GROUP, "headers": {**JPEG, "Accept": "application/x-ndjson"}}),
        ("POST", "/v1/search?k=1000", {"json": {"embeddings": vectors}}),
        ("POST", "/v1/search?k=1000&cohort=true", {"json": {"embeddings": vectors}}),
        ("POST", f"/v1/search?clase={OTHER}", {"json": {"embeddings": vectors}}),
        ("POST", f"/v1/verify?matricula={stranger}", photo),
        ("POST", f"/v1/attendance?clase={CLASS}&fecha={DAY}", {"data": GROUP, "headers": JPEG}),
        ("POST", f"/v1/attendance?clase={CLASS}&fecha={DAY}", photo),
        ("POST", f"/v1/attendance?clase={OTHER}&fecha={DAY}", photo),
        ("POST", f"/v1/attendance?clase={CLASS}&fecha={DAY}", {"json": {"matricula": stranger}}),
        ("POST", f"/v1/attendance?clase={OTHER}&fecha={DAY}", {"json": {"matricula": HERE[0]}}),
        ("POST", "/v1/participations", {"json": {"matricula": stranger}}),
        ("POST", "/v1/participations", {"json": {"matricula": HERE[0], "clase": OTHER}}),
        ("POST", "/v1/sessions", {"json": {"clase": OTHER, "starts": "12:00"}}),
        *[("GET", f"/v1/{name}", {}) for name in ("sessions", f"sessions?clase={OTHER}", "classes")],
        *[("GET", f"/v1/statistics/classes{part}", {}) for part in ("", "?format=csv", f"/{CLASS}", f"/{OTHER}")],
        *[("GET", f"/v1/statistics/weeks{part}", {}) for part in ("", "?format=csv")],
        *[("GET", f"/v1/statistics/students/{each}", {}) for each in (HERE[0], stranger)],
        *[("POST", path, {}) for path in ("/upload-assistance", "/upload-parti")],
        *[("GET", f"/generate_{chart}", {}) for chart in ("heatmap", "bubble_chart", "pie_chart")],
        *[
            ("POST", f"/generate_{chart}", {"json": {"className": named}})
            for chart in ("class_specific_bar_chart", "class_participation_box_plot")
            for named in (CLASS, OTHER)
        ],
        *[
            ("POST", f"/generate_student_{chart}", {"json": {"className": named}})
            for chart in ("attendance_bar_chart", "ranking_bar_graph")
            for named in (HERE[0], stranger)
        ],
        ("PUT", f"/v1/classes/{OTHER}/timetable", {"json": {"meetings": []}}),
        ("POST", f"/v1/sessions/{own}/photos", {"data": GROUP, "headers": JPEG}),
        ("POST", f"/v1/sessions/{own}/entries", {"json": {"matricula": stranger}}),
        *[("POST", f"/v1/sessions/{each}/video", film) for each in (own, theirs)],
        *[("GET", f"/v1/sessions/{own}{part}", {}) for part in parts],
        *[("GET", f"/v1/sessions/{theirs}{part}", {}) for part in parts],
        *[("GET", f"/v1/jobs/{each['id']}", {}) for each in jobs],
        *[("POST", f"/v1/jobs/{each['id']}/cancel", {}) for each in jobs],
        ("POST", f"/v1/sessions/{theirs}/photos", {"data": GROUP, "headers": JPEG}),
        ("POST", f"/v1/sessions/{theirs}/entries", {"json": {"matricula": HERE[0]}}),
        ("POST", f"/v1/sessions/{theirs}/undo", {"json": {"photo": 1}}),
        ("PATCH", f"/v1/sessions/{theirs}", {"json": {"note": "mine"}}),
        ("POST", f"/v1/sessions/{theirs}/close", {}),
        ("PATCH", f"/v1/attendance/{entries[0]['id']}", {"json": {"status": "rejected"}}),
        ("DELETE", f"/v1/participations/{taken[0]['id']}", {}),
    ]


def test_nothing_of_another_class_comes_out_of_any_route(teacher: FlaskClient, admin: FlaskClient) -> None:
    everything(admin)
    asked = requests(admin)
    before = snapshot(admin)
    for method, path, given in asked:
        reply = teacher.open(path, method=method, **given)
        # What was sent may be quoted: the sender knows it.
        sent = {word for word in STRANGE_WORDS if word in path or word in json.dumps(given.get("json", ""))}
        assert strange_words(reply) <= sent, (method, path, reply.get_data(as_text=True))
        assert reply.status_code < 500 or path.startswith("/upload-"), (method, path)
    assert snapshot(admin) == before
    app = teacher.application
    match = app.url_map.bind("localhost").match
    walked = {match(path.partition("?")[0], method)[0] for method, path, _ in asked}
    open_to_teachers = {
        endpoint
        for endpoint in app.view_functions
        if permission_needed(app, endpoint) in GRANTED[AccessRole.TEACHER] - GRANTED[AccessRole.NONE]
    }
    assert open_to_teachers - walked == {"login.logout", "login.password"}, "add the route to the requests above"


def snapshot(admin: FlaskClient) -> list[Any]:
    """What is recorded of the other classes."""
    found = []
    for clase in sorted({*CLASS_OF.values()} - {CLASS}):
        for name in ("attendance", "participations"):
            found.append(admin.get(f"/v1/{name}?clase={clase}&history=true").get_json())
        found.append(admin.get(f"/v1/sessions?clase={clase}").get_json())
    return found


def test_a_teacher_is_refused_what_names_another_class(teacher: FlaskClient) -> None:
    photo: dict[str, Any] = {"data": GROUP, "headers": JPEG}
    for method, path, given in (
        ("GET", f"/v1/students?clase={OTHER}", {}),
        ("GET", "/v1/students?clase=no-such-class", {}),
        ("GET", f"/v1/attendance?clase={OTHER}", {}),
        ("GET", f"/v1/participations?clase={OTHER}", {}),
        ("POST", f"/v1/identify?clase={OTHER}", photo),
        ("POST", f"/v1/search?clase={OTHER}", {"json": {"embeddings": [[1.0] * 128]}}),
        ("POST", f"/v1/attendance?clase={OTHER}", photo),
        ("POST", f"/v1/attendance?clase={OTHER}", {"json": {"matricula": HERE[0]}}),
        ("POST", "/v1/participations", {"json": {"matricula": HERE[0], "clase": OTHER}}),
        ("POST", "/v1/sessions", {"json": {"clase": OTHER}}),
        ("GET", f"/v1/sessions?clase={OTHER}", {}),
        ("PUT", f"/v1/classes/{OTHER}/timetable", {"json": {"meetings": []}}),
    ):
        problem(teacher.open(path, method=method, **given), 403, "class_not_yours")
    for path in (f"/v1/students/{MOVED}", f"/v1/attendance?matricula={MOVED}"):
        problem(teacher.get(path), 404, "student_not_found")
    problem(teacher.post(f"/v1/verify?matricula={MOVED}", data=portrait(MOVED), headers=JPEG), 404, "student_not_found")


def test_a_teacher_does_everything_in_the_own_class(teacher: FlaskClient) -> None:
    assert {line["matricula"] for line in teacher.get("/v1/students").get_json()["students"]} == {
        student["matricula"] for student in MINE
    }
    assert [line["matricula"] for line in teacher.get("/get-students").get_json()] == [
        student["matricula"] for student in MINE
    ]
    own = HERE[0]
    (face,) = teacher.post("/v1/identify", data=portrait(own), headers=JPEG).get_json()["faces"]
    assert (face["decision"], face["matricula"]) == ("known", own)
    verified = teacher.post(f"/v1/verify?matricula={own}", data=portrait(own), headers=JPEG).get_json()
    assert verified["same_person"]
    said = teacher.post(f"/v1/attendance?clase={CLASS}&fecha={DAY}", json={"matricula": own})
    assert said.status_code == 201
    assert teacher.patch(f"/v1/attendance/{said.get_json()['id']}", json={"status": "rejected"}).status_code == 200
    took_part = teacher.post("/v1/participations", json={"matricula": own})
    assert took_part.get_json()["clase"] == CLASS
    assert teacher.delete(f"/v1/participations/{took_part.get_json()['id']}").status_code == 204
    for method, path in (("POST", "/v1/students"), ("DELETE", f"/v1/students/{own}"), ("POST", "/v1/keys")):
        problem(teacher.open(path, method=method), 403, "role_not_enough")


def test_a_teacher_states_and_undoes_in_a_session(teacher: FlaskClient, admin: FlaskClient) -> None:
    path = f"/v1/sessions/{session_of(admin, CLASS)}"
    said = teacher.post(f"{path}/entries", json={"matricula": HERE[0], "status": "absent"})
    assert said.status_code < 300, said.get_json()
    undone = teacher.post(f"{path}/undo", json={"photo": 1})
    assert undone.status_code == 200, undone.get_json()


def test_a_face_of_another_class_is_off_roster_and_has_no_name(teacher: FlaskClient, admin: FlaskClient) -> None:
    path = f"/v1/attendance?clase={CLASS}&fecha={DAY}"
    for client, known in ((admin, True), (teacher, False)):
        taken = client.post(path, data=portrait(MOVED), headers=JPEG).get_json()
        (face,) = taken["faces"]
        assert (face["status"], face["reason"], taken["counts"]) == (
            "off_roster",
            "not_in_this_class",
            {"off_roster": 1},
        )
        assert (face["matricula"] == MOVED, face["score"] is not None, bool(face["candidates"])) == (known,) * 3
        assert taken["hint"] is None
    # The threshold is that of everyone who is compared, whoever asks.
    assert teacher.post(path, data=GROUP, headers=JPEG).get_json()["threshold"] == taken["threshold"]


def test_a_student_of_two_classes_is_seen_by_both_teachers(teacher: FlaskClient, admin: FlaskClient) -> None:
    assert admin.patch(f"/v1/students/{MOVED}", json={"otras_clases": [CLASS]}).status_code == 200
    assert teacher.get(f"/v1/students/{MOVED}").status_code == 200
    (face,) = teacher.post("/v1/identify", data=portrait(MOVED), headers=JPEG).get_json()["faces"]
    assert face["matricula"] == MOVED
    assert teacher.post("/v1/participations", json={"matricula": MOVED}).get_json()["clase"] == CLASS
    admin.patch(f"/v1/students/{MOVED}", json={"otras_clases": []})
    problem(teacher.get(f"/v1/students/{MOVED}"), 404, "student_not_found")
    # What was recorded of the class stays the class's, with the name.
    (line,) = teacher.get("/v1/participations").get_json()["participations"]
    assert line["matricula"] == MOVED


def test_a_search_in_several_classes_finds_what_a_search_in_each_finds(
    teacher: FlaskClient, school: Gallery, embedder: FaceEmbedder
) -> None:
    classes = frozenset({CLASS, CLASS_OF[MOVED]})
    both = client_with(
        teacher.application.test_client(),
        key_of(teacher.application, school, "both", Grant(AccessRole.TEACHER, classes)),
    )
    probes = [
        embedder.embed_portrait(portrait(each))[1].template.tolist()
        for each in (MOVED, HERE[0], OTHERS[0]["matricula"])
    ]
    admin = key_of(teacher.application, school, "root", Grant(AccessRole.ADMIN))
    asked = {"embeddings": probes}

    def found(client: FlaskClient, query: str, headers: dict[str, str] | None = None) -> list[list[tuple[str, float]]]:
        results = client.post(f"/v1/search?k=1000{query}", json=asked, headers=headers).get_json()["results"]
        return [[(each["matricula"], each["score"]) for each in line] for line in results]

    in_each = [found(teacher.application.test_client(), f"&clase={clase}", admin) for clase in sorted(classes)]
    expected = [
        sorted((each for one in in_each for each in one[row]), key=lambda each: -each[1]) for row in range(len(probes))
    ]
    assert found(both, "") == expected
    assert len(expected[0]) == sum(clase in classes for clase in CLASS_OF.values())


def test_a_student_reads_the_own_record_and_nothing_else(
    teacher: FlaskClient, admin: FlaskClient, school: Gallery
) -> None:
    everything(admin)
    own = HERE[0]
    student = client_with(
        teacher.application.test_client(),
        key_of(teacher.application, school, "pupil", Grant(AccessRole.STUDENT, frozenset(), own)),
    )
    others = {
        each[name] for each in STUDENTS if each["matricula"] != own for name in ("matricula", "nombre_del_alumno")
    }
    for path in (
        "/v1/students",
        f"/v1/students/{own}",
        f"/v1/students?clase={CLASS}",
        f"/v1/students?q={own[:3]}",
        "/v1/students?sort=-nombre&without_consent=true",
        f"/v1/students/{own}/images",
        f"/v1/attendance?clase={CLASS}&fecha={DAY}",
        "/v1/attendance?history=true",
        "/v1/attendance?format=csv",
        f"/v1/attendance?matricula={own}",
        "/v1/participations",
        "/get-students",
    ):
        reply = student.get(path)
        assert reply.status_code == 200, path
        said = reply.get_data(as_text=True)
        assert own in said and not [word for word in others if word in said], path
    assert student.get("/v1/attendance").get_json()["present"] == 1
    assert student.get("/v1/participations").get_json()["count"] == 1
    problem(student.get(f"/v1/students/{HERE[1]}"), 404, "student_not_found")
    problem(student.get(f"/v1/students/{HERE[1]}/images"), 404, "student_not_found")
    problem(student.get(f"/v1/attendance?matricula={HERE[1]}"), 404, "student_not_found")
    photo = {"image": (io.BytesIO(portrait(own)), "own.jpg")}
    problem(student.post(f"/v1/students/{own}/images", data=photo), 403, "own_photos_not_allowed")
