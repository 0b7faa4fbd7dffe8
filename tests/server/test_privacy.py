"""Withdrawals, receipts and what is held about a person, over HTTP, in both stores."""

import base64
import io
import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from gallery.access_log.recorder import AccessLog
from gallery.documents.access import Grant
from gallery.documents.access_log import AccessAction
from gallery.documents.erasure_list import Cause
from gallery.gallery import Gallery
from gallery.privacy.receipts import Receipt, check_receipt, erase_student
from gallery.privacy.retention import Policy, RetentionReport, RetentionRun
from gallery.signing import public_key
from presente.access_roles import AccessRole
from presente.clock import Clock
from presente.recognition import digest_of
from presente.settings.retention import retention
from server.jobs.daily import DailyRetention
from tests.gallery.unknown_faces import unknown_face
from tests.server.conftest import client_of
from tests.server.people import guarded_app, key_of
from tests.server.sample import ANA, DAY, EVA, JPEG, PROBE, enrol, photos, problem

CLASS = ANA["clase"]
PATH = f"/v1/students/{ANA['matricula']}"
GIVEN = {
    "fecha": "2026-08-01",
    "texto": "aviso 3",
    "otorgado_por": "tutor",
    "tutor": "Rosa Ruiz",
    "parentesco": "madre",
    "hasta": "2027-07-31",
}


@dataclass
class Hands:
    """What a clock shows."""

    at: datetime

    def clock(self) -> Clock:
        return Clock("America/Mexico_City", lambda: self.at)


@pytest.fixture
def hands() -> Hands:
    return Hands(datetime(2026, 11, 28, 16, tzinfo=UTC))  # 10:00 at the school


@pytest.fixture
def school(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path, hands: Hands) -> FlaskClient:
    made = client_of(gallery, embedder, tmp_path, hands.clock())
    for student in (ANA, EVA):
        assert enrol(made, student).status_code == 201
    assert made.patch(PATH, json={"consentimiento": GIVEN}).status_code == 200
    return made


def run(gallery: Gallery, hands: Hands, periods: str = "", dry: bool = False, days: int = 14) -> RetentionReport:
    forgotten: list[str] = []
    policy = Policy(retention(periods), days)
    return RetentionRun(gallery, policy, hands.clock(), forgotten.extend, lambda *_: None, dry).run()


def recognised(client: FlaskClient) -> str | None:
    faces = client.post("/v1/identify", data=PROBE, headers=JPEG).get_json()["faces"]
    named: str | None = faces[0]["matricula"]
    return named


def receipt_in(reply: Any) -> Receipt:
    assert reply.status_code == 204, reply.text
    return Receipt.of_text(reply.headers["Presente-Receipt"])


def test_withdrawn_at_ten_refused_at_once_erased_after_the_period_and_the_receipt_verified(
    school: FlaskClient, gallery: Gallery, hands: Hands
) -> None:
    assert recognised(school) == ANA["matricula"]
    reply = school.post(f"{PATH}/consent/withdraw")
    assert reply.status_code == 200
    withdrawn = reply.get_json()
    assert withdrawn["erased_at"] == "2026-12-12T10:00:00-06:00"
    assert withdrawn["student"]["consentimiento"] == {
        **GIVEN,
        "retirado": "2026-11-28T10:00:00-06:00",
        "motivo": "withdrawn",
    }
    assert recognised(school) is None
    class_photo = school.post(f"/v1/attendance?clase={CLASS}", data=PROBE, headers=JPEG).get_json()
    assert [face["matricula"] for face in class_photo["faces"]] == [None]
    compared = school.post("/v1/verify", data={"matricula": ANA["matricula"], "image": (io.BytesIO(PROBE), "a.jpg")})
    assert compared.get_json()["same_person"] is False and compared.get_json()["score"] is None
    problem(school.post(f"{PATH}/images", data=PROBE, headers=JPEG), 409, "consent_withdrawn")
    first_page = {"image": "data:image/jpeg;base64," + base64.b64encode(PROBE).decode(), **ANA}
    assert school.post("/upload", json=first_page).status_code == 409
    assert school.get("/v1/students?consent_ended=true").get_json()["students"][0]["matricula"] == ANA["matricula"]
    assert school.get(f"/v1/receipts/{withdrawn['receipt_code']}").status_code == 404

    hands.at += timedelta(days=14, seconds=-1)
    assert run(gallery, hands).withdrawn == 0 and run(gallery, hands).soon_erased == 1
    hands.at += timedelta(seconds=1)
    assert run(gallery, hands, dry=True).withdrawn == 1 and school.get(PATH).status_code == 200
    assert run(gallery, hands).withdrawn == 1
    problem(school.get(PATH), 404, "student_not_found")
    assert recognised(school) is None

    found = school.get(f"/v1/receipts/{withdrawn['receipt_code']}")
    assert found.status_code == 200
    key = school.get("/v1/receipts/key").get_json()["key"]
    checked = check_receipt(Receipt.of_text(found.text), key, ANA["matricula"])
    assert checked.is_valid and checked.names is True
    stated = found.get_json()["receipt"]
    assert (stated["what"], stated["why"], stated["asked"]) == ("student", "withdrawn", True)
    assert stated["erased"]["photos"] == len(photos(ANA)) and stated["erased"]["templates"] == 0
    entries = gallery.store.erasures.entries()
    assert [(each.kind, each.asked) for each in entries] == [("consent_ended", True), ("withdrawn", True)]
    assert entries[-1].mark == stated["entry"]
    assert school.get(f"/v1/students/{EVA['matricula']}").status_code == 200


def test_a_consent_given_anew_brings_recognition_back(school: FlaskClient, gallery: Gallery, hands: Hands) -> None:
    school.post(f"{PATH}/consent/withdraw")
    problem(school.patch(PATH, json={"consentimiento": None}), 409, "consent_withdrawn")
    problem(
        school.patch(PATH, json={"consentimiento": {"fecha": "2026-11-01", "texto": "x"}}), 409, "consent_withdrawn"
    )
    read = school.get(PATH).get_json()["consentimiento"]
    old_client = {"fecha": read["fecha"], "texto": read["texto"]}
    assert school.patch(PATH, json={"consentimiento": old_client}).get_json()["consentimiento"] == read
    assert recognised(school) is None
    anew = {"fecha": "2026-11-28", "texto": "aviso 4"}
    changed = school.patch(PATH, json={"consentimiento": anew}).get_json()
    assert changed["consentimiento"] == anew and changed["templates"] == len(photos(ANA))
    assert recognised(school) == ANA["matricula"]
    hands.at += timedelta(days=30)
    assert run(gallery, hands).withdrawn == 0
    held = school.get(f"{PATH}/data").get_json()
    assert [each["fecha"] for each in held["earlier_consents"]] == ["2026-08-01"]


def test_a_consent_that_runs_out_ends_like_a_withdrawal_that_no_one_asked_for(
    school: FlaskClient, gallery: Gallery, hands: Hands
) -> None:
    hands.at = datetime(2027, 8, 1, 5, 59, tzinfo=UTC)  # 23:59 on its last day
    assert run(gallery, hands) == RetentionReport(soon_consents=1) and recognised(school) == ANA["matricula"]
    assert (
        school.get("/v1/students?consent_until=2027-07-31").get_json()["students"][0]["matricula"] == ANA["matricula"]
    )
    hands.at += timedelta(minutes=1)
    assert run(gallery, hands).consents_ended == 1
    assert recognised(school) is None
    consent = school.get(PATH).get_json()["consentimiento"]
    assert (consent["retirado"], consent["motivo"]) == ("2027-08-01T00:00:00-06:00", "expired")
    hands.at += timedelta(days=14)
    assert run(gallery, hands).withdrawn == 1
    assert [(each.kind, each.asked) for each in gallery.store.erasures.entries()] == [
        ("consent_ended", False),
        ("withdrawn", False),
    ]


def test_the_daily_job_is_asked_for_once_and_only_where_there_is_something_to_do(
    school: FlaskClient, gallery: Gallery, hands: Hands
) -> None:
    school.patch(PATH, json={"consentimiento": None})
    woken: list[None] = []
    servers = [DailyRetention(gallery, retention(""), hands.clock(), lambda: woken.append(None)) for _ in range(2)]
    for server in servers:
        server.stop()
        server.ask()
    assert gallery.store.jobs.unfinished() == []
    school.patch(PATH, json={"consentimiento": GIVEN})
    for server in (*servers, *servers):
        server.ask()
    assert [job.asked.kind for job in gallery.store.jobs.unfinished()] == ["retention"]
    hands.at += timedelta(days=1)
    servers[0].ask()
    assert len(gallery.store.jobs.unfinished()) == 2
    school.patch(PATH, json={"consentimiento": None})
    hands.at += timedelta(days=1)
    servers[0].ask()
    assert len(gallery.store.jobs.unfinished()) == 2
    gallery.store.unknowns.add([(unknown_face(1), 0)])  # also where the setting was turned off since
    servers[0].ask()
    assert len(gallery.store.jobs.unfinished()) == 3


def test_a_withdrawn_student_who_is_erased_by_hand_has_the_promised_receipt(school: FlaskClient) -> None:
    promised = school.post(f"{PATH}/consent/withdraw").get_json()["receipt_code"]
    problem(
        school.post(f"{PATH}/images/{digest_of(photos(ANA)[0])}/move", json={"to": EVA["matricula"]}),
        409,
        "consent_withdrawn",
    )
    answered = receipt_in(school.delete(PATH))
    assert answered.code == promised and answered.stated["asked"] is True and answered.stated["why"] == "withdrawn"
    assert school.get(f"/v1/receipts/{promised}").get_json()["receipt"] == answered.stated


def test_a_consent_that_is_over_is_refused(school: FlaskClient) -> None:
    over = {**GIVEN, "fecha": "2026-01-01", "hasta": "2026-11-27"}
    reply = school.patch(PATH, json={"consentimiento": over})
    problem(reply, 400, "invalid_student")
    assert "2026-11-27" in reply.get_json()["detail"]


def test_an_erasure_answers_a_receipt_that_any_change_spoils(school: FlaskClient, gallery: Gallery) -> None:
    key = public_key(gallery.store)
    sha256 = digest_of(photos(EVA)[0])
    photo = receipt_in(school.delete(f"/v1/students/{EVA['matricula']}/images/{sha256}?asked=true"))
    whole = receipt_in(school.delete(PATH))
    assert (photo.stated["what"], photo.stated["asked"], photo.stated["erased"]) == (
        "photo",
        True,
        {"photos": 1, "unknown_faces": 0},
    )
    assert (whole.stated["what"], whole.stated["asked"]) == ("student", False)
    assert whole.stated["erased"]["templates"] == len(photos(ANA))
    for receipt, matricula in ((photo, EVA["matricula"]), (whole, ANA["matricula"])):
        assert check_receipt(receipt, key, matricula).is_valid and check_receipt(receipt, key, matricula).names
        assert check_receipt(receipt, key, "A0000").names is False
        assert matricula not in receipt.to_json() and Receipt.of_text(receipt.to_json()) == receipt
        for name in receipt.stated:
            spoilt = Receipt({**receipt.stated, name: "other"}, receipt.signature, receipt.code)
            assert not check_receipt(spoilt, key).is_valid
        other = base64.b64encode(b"\x01" * 32).decode()
        assert not check_receipt(receipt, other).is_valid
        assert "another installation" in check_receipt(receipt, other).why
    problem(school.get("/v1/receipts/" + "0" * 32), 404, "receipt_not_found")
    problem(school.delete(PATH), 404, "student_not_found")


def test_everything_that_is_held_about_a_person_and_nothing_about_others(
    school: FlaskClient, gallery: Gallery, hands: Hands
) -> None:
    school.post(f"/v1/attendance?clase={CLASS}&fecha={DAY}", json={"matricula": ANA["matricula"]})
    school.post("/v1/participations", json={"matricula": ANA["matricula"], "clase": CLASS, "fecha": DAY})
    held = school.get(f"{PATH}/data")
    assert held.status_code == 200
    found = held.get_json()
    assert found["student"]["consentimiento"] == GIVEN
    assert {photo["sha256"] for photo in found["photos"]} == {digest_of(each) for each in photos(ANA)}
    assert all(photo["face"]["box"] for photo in found["photos"]) and found["templates"]["count"] == len(photos(ANA))
    assert [entry["status"] for entry in found["attendance"]] == ["present"] and len(found["participations"]) == 1
    assert EVA["matricula"] not in held.text and EVA["nombre_del_alumno"] not in held.text
    archived = school.get(f"{PATH}/data?format=zip")
    with zipfile.ZipFile(io.BytesIO(archived.data)) as archive:
        assert archive.testzip() is None
        inside = {name: archive.read(name) for name in archive.namelist()}
    assert json.loads(inside.pop("data.json"))["matricula"] == ANA["matricula"]
    assert sorted(inside.values()) == sorted(photos(ANA))
    problem(school.get("/v1/students/A0000/data"), 404, "student_not_found")


def test_who_may_read_and_withdraw(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> None:
    for student in (ANA, EVA):
        assert enrol(client_of(gallery, embedder, tmp_path), student).status_code == 201
    log = AccessLog(gallery.store.access_log, "all")
    with guarded_app(gallery, embedder, tmp_path, log=log) as app:
        client = app.test_client()
        own = key_of(app, gallery, "ana", Grant(AccessRole.STUDENT, None, ANA["matricula"]))
        teacher = key_of(app, gallery, "ruiz", Grant(AccessRole.TEACHER, frozenset({CLASS})))
        other = f"/v1/students/{EVA['matricula']}"
        for method, path in (("GET", "/data"), ("POST", "/consent/withdraw")):
            problem(client.open(other + path, method=method, headers=own), 404, "student_not_found")
            problem(client.open(PATH + path, method=method, headers=teacher), 403, "role_not_enough")
        assert client.get(f"{PATH}/data", headers=own).status_code == 200
        assert client.post(f"{PATH}/consent/withdraw", headers=own).status_code == 200
        assert gallery.student(ANA["matricula"]).templates == 0 and gallery.student(EVA["matricula"]).templates
        problem(client.get("/v1/privacy", headers=teacher), 403, "role_not_enough")
        assert client.get("/v1/receipts/key").status_code == 200  # asks for no key: the student's is gone
    log.close()
    lines = [line for line in gallery.store.access_log.every_line() if line.event.outcome == "done"]
    logged = {line.event.action: line.event.role for line in lines}
    assert logged[AccessAction.DATA_EXPORTED] == logged[AccessAction.CONSENT_ENDED] == "student"


def test_the_report_says_what_is_held_and_where_consents_stand(school: FlaskClient, hands: Hands) -> None:
    counted = school.get("/v1/privacy").get_json()
    assert (counted["students"], counted["consents"]) == (2, {"holds": 1, "none": 1})
    assert counted["photos"] == len(photos(ANA)) + len(photos(EVA)) and counted["lists"] == {}
    assert counted["givers"] == {"tutor": 1} and counted["classes"] == {CLASS: 2}
    assert ANA["matricula"] not in json.dumps(counted)
    hands.at = datetime(2027, 7, 15, tzinfo=UTC)
    lists = school.get("/v1/privacy?names=true").get_json()["lists"]
    assert [each["matricula"] for each in lists["ends_soon"]] == [ANA["matricula"]]
    assert [each["matricula"] for each in lists["none"]] == [EVA["matricula"]]
    school.post(f"{PATH}/consent/withdraw")
    hands.at += timedelta(days=15)
    overdue = school.get("/v1/privacy?names=true").get_json()
    assert overdue["overdue"] == 1 and overdue["lists"]["ended"] == overdue["lists"]["overdue"]


def test_a_receipt_needs_no_name_in_the_store(school: FlaskClient, gallery: Gallery) -> None:
    receipt = erase_student(gallery, ANA["matricula"], Cause(asked=True))
    kept = school.get(f"/v1/receipts/{receipt.code}")
    assert Receipt.of_text(kept.text) == receipt
    assert receipt.code not in (gallery.store.notes.read("receipt_key") or "")
