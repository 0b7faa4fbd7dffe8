"""The sample class over HTTP: its students, their photos, keys, and the requests that several test modules send."""

import base64
import csv
import io
import json

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from faces.embedder import FaceEmbedder
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from presente.recognition import enrolled_photo
from tests.conftest import SAMPLE

ADMIN, ATTENDANCE, UNKNOWN = "admin-0123456789abcdef", "attendance-0123456789", "unknown-0123456789ab"
KEYS = f"admin:{ADMIN},attendance:{ATTENDANCE}"
JPEG = {"Content-Type": "image/jpeg"}
with (SAMPLE / "students.csv").open(encoding="utf-8") as stream:
    STUDENTS = list(csv.DictReader(stream))
ANA, EVA = STUDENTS[0], STUDENTS[1]
STRANGER = (SAMPLE / "strangers" / "01.jpg").read_bytes()
PROBE = (SAMPLE / "probes" / ANA["matricula"] / "1.jpg").read_bytes()


def photos(student: dict[str, str]) -> list[bytes]:
    return [(SAMPLE / name).read_bytes() for name in student["fotos"].split(";")]


def enrol(client: FlaskClient, student: dict[str, str], **other: object) -> TestResponse:
    """Send a student with all photos, as a form."""
    fields = {name: student[name] for name in ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro")}
    files = [(io.BytesIO(content), f"{i}.jpg") for i, content in enumerate(photos(student))]
    return client.post("/v1/students", data={**fields, "image": files, **other})


def problem(reply: TestResponse, status: int, code: str) -> str:
    """The detail of an error, which has to have this status and this code."""
    assert reply.status_code == status, reply.text
    assert reply.content_type == "application/problem+json"
    body = reply.get_json()
    assert body["code"] == code and body["status"] == status
    assert body["request_id"] == reply.headers["X-Request-Id"]
    return str(body["detail"])


DAY = "2026-11-20"
GROUP = (SAMPLE / "groups" / "group_02.jpg").read_bytes()
TRUTH = json.loads((SAMPLE / "groups" / "groups.json").read_text())["group_02.jpg"]
THERE = sorted(face["matricula"] for face in TRUTH if face["matricula"])
MOVED, HERE = THERE[0], THERE[1:]
"""Who is in the photo beside a stranger: one whom `school` moves to another class, and the others, who are of CLASS."""
CLASS = next(student["clase"] for student in STUDENTS if student["matricula"] == MOVED)
CLASS_OF = {s["matricula"]: s["clase"] if s["matricula"] != MOVED else "IA-201" for s in STUDENTS}


def send(
    client: FlaskClient,
    photo: bytes = GROUP,
    clase: str = CLASS,
    fecha: str = DAY,
    headers: dict[str, str] | None = None,
) -> TestResponse:
    """Send a class photo for attendance."""
    return client.post(f"/v1/attendance?clase={clase}&fecha={fecha}", data=photo, headers=JPEG | (headers or {}))


def say(client: FlaskClient, matricula: str, status: str = "present", **more: str) -> TestResponse:
    """State a student's attendance by hand."""
    body = {"matricula": matricula, "status": status, **more}
    return client.post(f"/v1/attendance?clase={CLASS}&fecha={DAY}", json=body)


def present(client: FlaskClient, query: str = f"clase={CLASS}&fecha={DAY}") -> list[str]:
    lines = client.get(f"/v1/attendance?{query}").get_json()["attendance"]
    return [line["matricula"] for line in lines if line["status"] == "present"]


def asistencias(client: FlaskClient, matricula: str) -> int:
    return int(client.get(f"/v1/students/{matricula}").get_json()["asistencias"])


def twins(gallery: Gallery, embedder: FaceEmbedder) -> None:
    """Two students with the same photo: no one can tell them apart."""
    content = (SAMPLE / ANA["fotos"].split(";")[0]).read_bytes()
    face = embedder.embed([embedder.portrait(embedder.decode(content))])[0]
    photo = enrolled_photo(content, "image/jpeg", "test", face, embedder.pack.tag)
    gallery.enrol([Enrolment(Student(name, name, CLASS), (photo,)) for name in ("T1", "T2")])


def photo(student: dict[str, str], number: int = 0) -> bytes:
    return (SAMPLE / student["fotos"].split(";")[number]).read_bytes()


def upload(student: dict[str, str], number: int = 0, **other: object) -> dict[str, object]:
    """What the page sends when its form is filled in."""
    fields = {name: student[name] for name in ("nombre_del_alumno", "matricula", "clase")}
    data_url = "data:image/jpeg;base64," + base64.b64encode(photo(student, number)).decode()
    return {**fields, "fecha_de_registro": "2026-11-21T15:04:05.000Z", "image": data_url, **other}


HEADER = "matricula,nombre_del_alumno,clase,fecha_de_registro,fotos\n"


def line_of(student: dict[str, str], *names: str, **other: str) -> str:
    values = {**student, **other}
    fields = [values[name] for name in ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro")]
    return ",".join([*fields, ";".join(names)]) + "\n"
