"""The list of students over HTTP: its orders and conditions, page by page."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from gallery.documents.values import Consent, Enrolment, Student
from gallery.gallery import Gallery
from tests.server.sample import problem

PEOPLE = [("A3", "Ñu Ñandú", "B"), ("A1", "Ámbar", "A"), ("A2", "Nora", ""), ("A4", "ambar", "A")]


@pytest.fixture
def school(client: FlaskClient, gallery: Gallery) -> FlaskClient:
    consent = {"A1": Consent("2026-08-01", "1")}
    gallery.enrol([
        Enrolment(Student(m, n, c, consentimiento=consent.get(m), aviso="possible_duplicate" * (m == "A3")), ())
        for m, n, c in PEOPLE
    ])  # fmt: skip
    return client


def listed(client: FlaskClient, query: str, limit: int = 1) -> list[str]:
    cursor, found = "", list[str]()
    while True:
        page: Any = client.get(f"/v1/students?{query}&limit={limit}&cursor={cursor}").get_json()
        found += [line["matricula"] for line in page["students"]]
        if page["next_cursor"] is None:
            return found
        cursor = page["next_cursor"]


def test_orders_and_conditions(school: FlaskClient) -> None:
    for limit in (1, 3):
        assert listed(school, "", limit) == ["A1", "A2", "A3", "A4"]
        assert listed(school, "sort=-matricula", limit) == ["A4", "A3", "A2", "A1"]
        assert listed(school, "sort=nombre", limit) == ["A1", "A4", "A2", "A3"]
        assert listed(school, "sort=-nombre", limit) == ["A3", "A2", "A4", "A1"]
        assert listed(school, "sort=clase", limit) == ["A2", "A1", "A4", "A3"]
        assert listed(school, "sort=-photos&without_photos=true", limit) == ["A4", "A3", "A2", "A1"]
        assert listed(school, "without_consent=true&sort=nombre", limit) == ["A4", "A2", "A3"]
        assert listed(school, "aviso=any", limit) == listed(school, "aviso=possible_duplicate", limit) == ["A3"]


def test_a_cursor_goes_with_its_order(school: FlaskClient) -> None:
    cursor = school.get("/v1/students?sort=nombre&limit=1").get_json()["next_cursor"]
    for query in ("sort=photos", "sort=-nombre", "sort=nombre&aviso=any", "limit=1"):
        problem(school.get(f"/v1/students?{query}&cursor={cursor}"), 400, "invalid_cursor")
    for query, code in (
        ("sort=edad", "invalid_sort"),
        ("without_photos=si", "invalid_without_photos"),
        ("without_consent=1", "invalid_without_consent"),
    ):
        problem(school.get(f"/v1/students?{query}"), 400, code)
