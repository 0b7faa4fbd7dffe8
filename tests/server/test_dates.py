"""Every date that the server makes is the school's: attendance, participation, enrolment, the first page's upload."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from gallery.gallery import Gallery
from presente.clock import Clock
from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Running, Serve, client_of
from tests.server.sample import ANA, EVA, JPEG, PROBE, STUDENTS, problem

EVENING = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
"""19:00 of the 20th in Mexico City."""

LUZ = STUDENTS[2]


def photo(student: dict[str, str]) -> str:
    return base64.b64encode((SAMPLE / student["fotos"].split(";")[0]).read_bytes()).decode()


def body_of(student: dict[str, str]) -> dict[str, str]:
    return {name: student[name] for name in ("matricula", "nombre_del_alumno", "clase")} | {"image": photo(student)}


def test_an_evening_class_is_on_its_own_day(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> None:
    mexico = Clock("America/Mexico_City", lambda: EVENING)
    client: FlaskClient = client_of(gallery, embedder, tmp_path, mexico)
    enrolled = client.post("/v1/students", json=body_of(ANA)).get_json()["student"]
    assert enrolled["fecha_de_registro"] == "2026-11-20"
    assert client.post("/upload", json=body_of(EVA)).status_code == 200
    assert client.get(f"/v1/students/{EVA['matricula']}").get_json()["fecha_de_registro"] == "2026-11-20"
    by_hand = client.post(f"/v1/attendance?clase={ANA['clase']}", json={"matricula": ANA["matricula"]})
    assert by_hand.get_json()["fecha"] == "2026-11-20"
    by_photo = client.post(f"/v1/attendance?clase={ANA['clase']}", data=PROBE, headers=JPEG).get_json()
    assert by_photo["fecha"] == "2026-11-20"
    (held,) = [entry for face in by_photo["faces"] for entry in face["entries"]]
    assert held == {"id": by_hand.get_json()["id"], "status": "present", "reason": None}
    took_part = client.post("/v1/participations", json={"matricula": ANA["matricula"]})
    assert took_part.get_json()["fecha"] == "2026-11-20"
    status = client.get("/v1/status").get_json()
    assert (status["timezone"], status["today"]) == ("America/Mexico_City", "2026-11-20")


def test_tomorrow_is_the_schools_tomorrow(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> None:
    client = client_of(gallery, embedder, tmp_path, Clock("America/Mexico_City", lambda: EVENING))
    client.post("/v1/students", json=body_of(ANA))

    def say(fecha: str) -> Any:
        return client.post(f"/v1/attendance?clase=IA-101&fecha={fecha}", json={"matricula": ANA["matricula"]})

    assert say("2026-11-20").status_code == 201
    refused = problem(say("2026-11-21"), 400, "invalid_fecha")  # although it has begun in UTC
    assert all(word in refused for word in ("2026-11-20", "America/Mexico_City", "PRESENTE_TIMEZONE"))
    tomorrow = {"matricula": ANA["matricula"], "fecha": "2026-11-21"}
    problem(client.post("/v1/participations", json=tomorrow), 400, "invalid_fecha")
    east = client_of(gallery, embedder, tmp_path, Clock("Pacific/Kiritimati", lambda: EVENING))
    assert east.post("/v1/participations", json=tomorrow).status_code == 201


@on_sqlite
def test_a_server_uses_the_setting_and_not_the_machines_zone(serve: Serve) -> None:
    """Kiritimati and Pago Pago are 25 hours apart: their dates always differ."""
    dates: dict[str, set[str]] = {}
    for zone, machine in (
        ("Pacific/Kiritimati", "Pacific/Pago_Pago"),
        ("Pacific/Pago_Pago", "Pacific/Kiritimati"),
    ):
        server = serve(PRESENTE_TIMEZONE=zone, TZ=machine)
        before = server.ask("/v1/status")
        assert before["timezone"] == zone
        student = STUDENTS[len(dates)]

        def post(path: str, body: dict[str, str], server: Running = server) -> Any:
            return server.ask(path, json.dumps(body).encode(), "application/json")

        statement = {"matricula": student["matricula"]}
        made = {
            post("/v1/students", body_of(student))["student"]["fecha_de_registro"],
            post("/v1/attendance?clase=X", statement)["fecha"],
            post("/v1/participations", statement)["fecha"],
        }
        post("/upload", body_of(LUZ))
        made.add(server.ask(f"/v1/students/{LUZ['matricula']}")["fecha_de_registro"])
        dates[zone] = {before["today"], server.ask("/v1/status")["today"]}  # two if it was midnight just now
        assert made <= dates[zone]
        if zone == "Pacific/Pago_Pago":
            future = json.dumps(statement | {"fecha": max(dates["Pacific/Kiritimati"])}).encode()
            reply = server.fetch("POST", "/v1/participations", future, Content_Type="application/json")
            assert (reply.status, reply.json["code"]) == (400, "invalid_fecha")
        server.stop()
    assert not dates["Pacific/Kiritimati"] & dates["Pacific/Pago_Pago"]
