"""A gallery and a database that an earlier commit made open, verify and go on: golden/README.md says what they hold."""

import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from bson import json_util
from flask.testing import FlaskClient
from pymongo import MongoClient
from werkzeug.test import TestResponse

from faces.embedder import FaceEmbedder
from presente.clock import Clock
from presente.composition import open_gallery as open_configured
from presente.settings import load_settings
from tests.conftest import SAMPLE, Command
from tests.server.conftest import client_of

GOLDEN = Path(__file__).parent / "golden"
CLOCK = Clock("America/Mexico_City", lambda: datetime(2026, 11, 21, 15, tzinfo=UTC))
"""Stands still within the 30 days for which the keys of requests are kept."""


@pytest.fixture(autouse=True)
def index(store_url: str, tmp_path: Path) -> Path:
    """Copies the golden gallery of the store's kind to where the test's settings point; the folder of its index."""
    if store_url.startswith("sqlite"):
        shutil.copy(GOLDEN / "gallery-0.1" / "gallery.db", tmp_path / "gallery.db")
        made = GOLDEN / "gallery-0.1" / "index"
    else:
        restore(GOLDEN / "database-0.1" / "database.json", store_url)
        made = GOLDEN / "database-0.1" / "index"
    return Path(shutil.copytree(made, tmp_path / "index"))


def restore(file: Path, url: str) -> None:
    """What ``mongorestore`` does, from a file of Extended JSON."""
    with MongoClient[dict[str, Any]](url) as client:
        database = client.get_default_database()
        for name, kept in json_util.loads(file.read_text(encoding="utf-8")).items():
            collection = database.create_collection(name)
            for index, described in kept["indexes"].items():
                keys = [(field, int(order)) for field, order in described["key"]]
                collection.create_index(keys, name=index, unique=described["unique"])
            if kept["documents"]:
                collection.insert_many(kept["documents"])


@pytest.fixture
def client(environment: dict[str, str], embedder: FaceEmbedder, tmp_path: Path) -> Iterator[FlaskClient]:
    """A client of a server on the golden gallery."""
    gallery = open_configured(load_settings(environment=environment, folder=tmp_path), embedder.pack)
    yield client_of(gallery, embedder, tmp_path, CLOCK)
    gallery.close()


def result(done: CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def answer(reply: TestResponse, status: int = 200) -> Any:
    assert reply.status_code == status, reply.get_data(as_text=True)
    return reply.get_json()


def photo(name: str) -> bytes:
    return (SAMPLE / name).read_bytes()


def send(client: FlaskClient, path: str, name: str, key: str = "", status: int = 200) -> Any:
    """The answer to a photo of the sample class."""
    headers = {"Idempotency-Key": key} if key else {}
    return answer(client.post(path, data=photo(name), content_type="image/jpeg", headers=headers), status)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def attendance(client: FlaskClient, **asked: str) -> list[tuple[Any, ...]]:
    listed = answer(client.get("/v1/attendance", query_string=asked))["attendance"]
    names = ("fecha", "clase", "matricula", "status", "source", "note", "score")
    rounded = [line | {"score": line.get("score") and round(line["score"], 4)} for line in listed]
    return [tuple(line.get(name) for name in names) for line in rounded]


def participations(client: FlaskClient, **asked: str) -> list[tuple[Any, ...]]:
    listed = answer(client.get("/v1/participations", query_string=asked))["participations"]
    numbers = {line["id"]: place for place, line in enumerate(listed)}  # ids depend on the store
    return [
        (line["fecha"], line["clase"], line["matricula"], line["kind"], line["note"], numbers.get(line["withdraws"]))
        for line in listed
    ]


def students(client: FlaskClient) -> list[tuple[Any, ...]]:
    names = ("matricula", "clase", "otras_clases", "aviso", "images", "templates", "asistencias", "participaciones")
    return [tuple(line[name] for name in names) for line in answer(client.get("/v1/students"))["students"]]


STUDENTS: list[tuple[Any, ...]] = [
    ("A0178", "IA-101", [], "", 3, 3, 1, 1),
    ("A0189", "IA-101", [], "", 1, 1, 1, 0),
    ("A0201", "IA-101", [], "", 1, 1, 0, 0),
    ("A0227", "IA-101", [], "", 1, 1, 1, 0),
    ("A0246", "IA-102", [], "", 1, 1, 3, 3),
    ("A0250", "IA-102", [], "", 2, 2, 2, 1),
    ("A0256", "IA-102", [], "", 1, 1, 0, 0),
    ("A0265", "IA-102", ["IA-101"], "possible_duplicate", 1, 1, 0, 0),
    ("A0266", "IA-102", [], "possible_duplicate", 1, 1, 0, 0),
]
HELD: list[tuple[Any, ...]] = [
    ("2025-09-01", "IA-102", "A0246", "present", "takeover", "", None),
    ("2025-09-03", "IA-102", "A0246", "present", "takeover", "", None),
    ("2026-11-17", "IA-101", None, "present", "hand", "", None),
    ("2026-11-18", "IA-101", None, "present", "photo", "", None),
    ("2026-11-18", "IA-101", "A0178", "present", "photo", "", 0.9008),
    ("2026-11-18", "IA-101", "A0189", "present", "hand", "sí era", None),
    ("2026-11-18", "IA-101", "A0201", "rejected", "hand", "salió antes", None),
    ("2026-11-18", "IA-101", "A0227", "present", "photo", "", 0.861),
    ("2026-11-18", "IA-102", "A0250", "present", "hand", "llegó tarde", None),
    ("2026-11-19", "IA-102", "A0246", "present", "photo", "", 0.9014),
    ("2026-11-19", "IA-102", "A0250", "present", "photo", "", 0.9283),
    ("2026-11-19", "IA-102", "A0265", "ambiguous", "photo", "", 0.8677),
    ("2026-11-19", "IA-102", "A0266", "ambiguous", "photo", "", 0.8563),
]
CORRECTED: list[tuple[Any, ...]] = [
    ("2026-11-18", "IA-101", "A0189", "present", "photo", "", 0.8814),
    ("2026-11-18", "IA-101", "A0189", "rejected", "hand", "no era él", None),
    ("2026-11-18", "IA-101", "A0201", "present", "photo", "", 0.8965),
]


def test_it_agrees_with_its_index(command: Command, index: Path) -> None:
    before = contents(index)
    found = result(command("indexer", "verify", "--deep", "--json"))
    assert found["agrees"] and found["deep"] and found["templates"] == 13 and found["findings"] == []
    status = result(command("indexer", "status", "--json"))
    counts = [status[name] for name in ("students", "cohort", "images", "templates", "indexed")]
    assert counts == [9, 1, 13, 13, 13]
    # The newest generation was loaded, not made anew, and the two templates that came after it were caught up on.
    assert (status["generation"], status["unpublished"], status["unerased"]) == (3, 2, 0)
    assert (status["pack"], status["dim"], status["index_kind"]) == ("sample@a1cc2c5130cd", 128, "flat")
    assert contents(index) == before


def test_the_generation_before_has_an_erased_row_and_opens_too(command: Command, index: Path) -> None:
    shutil.rmtree(index / "gen-0000000003")
    status = result(command("indexer", "status", "--json"))
    assert (status["generation"], status["unpublished"], status["indexed"]) == (2, 3, 13)
    assert result(command("indexer", "verify", "--deep", "--json"))["agrees"]


def test_everyone_is_still_enrolled(client: FlaskClient) -> None:
    assert students(client) == STUDENTS
    consents = {
        line["matricula"]: line["consentimiento"]
        for line in answer(client.get("/v1/students"))["students"]
        if line["consentimiento"]
    }
    of_the_sheet = {"fecha": "2025-08-25", "texto": "aviso de privacidad 3"}
    over_http = {"fecha": "2026-11-20", "texto": "aviso de privacidad 4"}
    assert consents == {"A0178": of_the_sheet, "A0250": of_the_sheet, "A0256": over_http}
    ana = answer(client.get("/v1/students/A0178"))
    assert (ana["nombre_del_alumno"], ana["fecha_de_registro"]) == ("Abril Montemayor Ríos", "2025-08-20")
    assert answer(client.get("/v1/students/A0207"), 404)["code"] == "student_not_found"


def test_attendance_is_as_it_was_recorded(client: FlaskClient) -> None:
    assert attendance(client) == HELD
    assert sorted(attendance(client, history="true"), key=str) == sorted(HELD + CORRECTED, key=str)
    counted = [answer(client.get(f"/v1/attendance?history={history}"))["present"] for history in ("false", "true")]
    assert counted == [10, 12]
    of_the_photo = answer(client.get("/v1/attendance?matricula=A0178"))["attendance"]
    assert [(line["pack"], line["generation"], line["threshold"], line["box"]) for line in of_the_photo] == [
        ("sample@a1cc2c5130cd", 2, 0.8, [71.2, 126.1, 160.0, 224.6])
    ]
    counting = [
        ("2026-11-18", "IA-101", "A0178", "pregunta", "capítulo 2", None),
        ("2026-11-18", "IA-102", "A0250", "tarea", "", None),
        ("2026-11-18", "IA-101", None, "", "", None),
    ]
    assert participations(client) == counting
    withdrawn = ("2026-11-18", "IA-101", "A0178", "exposición", "")
    assert participations(client, history="true") == [
        counting[0],
        (*withdrawn, None),
        *counting[1:],
        (*withdrawn, 1),
    ]


def test_the_calibration_of_another_score_is_passed_over(client: FlaskClient, command: Command) -> None:
    """It was fitted to the best template's score: the pack's threshold holds until the gallery is calibrated."""
    status = answer(client.get("/v1/status"))
    assert (status["threshold"], status["threshold_source"], status["calibration"]) == (0.8, "pack sample", None)
    for words in ("'best'", "evaluation calibrate --fpir 0.1"):
        assert words in status["unused_calibration"]
    assert status["unused_calibration"] in command("indexer", "status").stdout
    asked = command("indexer", "status", "--json", PRESENTE_THRESHOLD="fpir=0.1")
    (problem,) = json.loads(asked.stdout)["problems"]
    assert problem["code"] == "not_calibrated" and status["unused_calibration"] in problem["what"]


RECOGNISED = [
    ("probes/A0178/1.jpg", "", "known", "A0178", 0.901501),  # of three templates; the best alone: 0.896529
    ("probes/A0246/1.jpg", "", "known", "A0246", 0.951022),  # taken over
    ("probes/A0256/1.jpg", "", "known", "A0256", 0.891017),  # in no generation
    ("probes/A0265/1.jpg", "", "known", "A0266", 0.890091),  # one face, two students
    ("probes/A0207/1.jpg", "", "unknown", None, 0.138725),  # erased
    ("strangers/01.jpg", "", "unknown", None, 0.265723),
    ("strangers/02.jpg", "", "unknown", None, 0.178767),
    ("strangers/02.jpg", "?cohort=true", "known", "lfw-Ada_Prueba", 0.979282),
]


def test_photos_are_recognised_with_scores_of_all_templates(client: FlaskClient) -> None:
    for name, query, decision, matricula, score in RECOGNISED:
        (face,) = send(client, f"/v1/identify{query}", name)["faces"]
        assert (face["decision"], face["matricula"]) == (decision, matricula), name
        assert face["score"] == pytest.approx(score, abs=1e-4), name


def test_requests_of_then_are_not_carried_out_again(client: FlaskClient) -> None:
    def everything() -> tuple[Any, ...]:
        return students(client), attendance(client, history="true"), participations(client, history="true")

    def ask(method: str, path: str, key: str, **body: Any) -> TestResponse:
        return client.open(path, method=method, headers={"Idempotency-Key": key}, **body)

    before = everything()
    lesson = "/v1/attendance?clase=IA-102&fecha=2026-11-19"
    counts = send(client, lesson, "groups/group_02.jpg", "golden-photo")["counts"]
    assert (counts["present"], counts["ambiguous"]) == (3, 1)  # A0256, who was enrolled later, is not recorded now
    hand = {"matricula": "A0250", "status": "present", "note": "llegó tarde"}
    held = answer(ask("POST", "/v1/attendance?clase=IA-102&fecha=2026-11-18", "golden-hand", json=hand), 201)
    assert (held["matricula"], held["status"], held["note"]) == ("A0250", "present", "llegó tarde")
    rejected = {"status": "rejected", "note": "salió antes"}
    history = answer(client.get("/v1/attendance?matricula=A0201&history=true"))["attendance"]
    (entry,) = [line["id"] for line in history if line["source"] == "photo"]
    (settled,) = answer(ask("PATCH", f"/v1/attendance/{entry}", "golden-correction", json=rejected))["entries"]
    assert (settled["matricula"], settled["status"], settled["note"]) == ("A0201", "rejected", "salió antes")
    said = {"matricula": "A0178", "fecha": "2026-11-18", "kind": "pregunta", "note": "capítulo 2"}
    (first, *_) = answer(client.get("/v1/participations"))["participations"]
    again = answer(ask("POST", "/v1/participations", "golden-participation", json=said), 201)
    assert again == first
    extended = send(client, "/v1/students/A0178/images", "students/A0178/4.jpg", "golden-images", 201)
    assert extended["student"]["images"] == 3
    form = {
        "matricula": "A0256",
        "nombre_del_alumno": "Joaquín Ávila Treviño",
        "clase": "IA-102",
        "fecha_de_registro": "2025-08-15",
        "consentimiento": json.dumps({"fecha": "2026-11-20", "texto": "aviso de privacidad 4"}),
    }
    enrolled = ask("POST", "/v1/students", "golden-student", data=form | {"image": file("students/A0256/3.jpg")})
    assert answer(enrolled, 201)["student"]["matricula"] == "A0256"
    assert everything() == before
    other = ask("POST", "/v1/participations", "golden-participation", json=said | {"note": "capítulo 3"})
    assert answer(other, 409)["code"] == "idempotency_key_reused"
    free = ask("POST", "/v1/participations", "golden-erased-hand", json=said | {"note": "capítulo 3"})
    assert answer(free, 201)["note"] == "capítulo 3"  # the key went with the student whom it was about


def file(name: str) -> tuple[io.BytesIO, str, str]:
    return io.BytesIO(photo(name)), "photo.jpg", "image/jpeg"


def test_the_gallery_goes_on(client: FlaskClient, command: Command) -> None:
    (waiting,) = answer(client.get("/v1/attendance?matricula=A0265"))["attendance"]
    settled = answer(client.patch(f"/v1/attendance/{waiting['id']}", json={"status": "present"}))["entries"]
    assert {line["matricula"]: line["status"] for line in settled} == {"A0265": "present", "A0266": "rejected"}
    form = {"matricula": "A0184", "nombre_del_alumno": "Camila Zúñiga Peralta", "clase": "IA-101"}
    answer(client.post("/v1/students", data=form | {"image": file("students/A0184/1.jpg")}), 201)
    assert client.delete("/v1/students/A0266").status_code == 204
    taken = send(client, "/v1/attendance?clase=IA-101&fecha=2026-11-21", "groups/group_01.jpg")
    assert sorted(face["matricula"] for face in taken["faces"] if face["status"] == "present") == [
        "A0178",
        "A0184",
        "A0189",
        "A0201",
        "A0227",
    ]
    for name, matricula in (("probes/A0184/1.jpg", "A0184"), ("probes/A0265/1.jpg", "A0265")):
        assert [face["matricula"] for face in send(client, "/v1/identify", name)["faces"]] == [matricula]
    found = result(command("indexer", "verify", "--deep", "--json"))
    assert found["agrees"] and found["templates"] == 13
    published = result(command("indexer", "compact", "--json"))
    assert (published["templates"], published["failures"]) == (13, [])
    assert result(command("indexer", "verify", "--deep", "--json"))["agrees"]
    asistencias = {line[0]: line[6] for line in students(client)}
    assert asistencias == {
        "A0178": 2,
        "A0184": 1,
        "A0189": 2,
        "A0201": 1,
        "A0227": 2,
        "A0246": 3,
        "A0250": 2,
        "A0256": 0,
        "A0265": 1,
    }
