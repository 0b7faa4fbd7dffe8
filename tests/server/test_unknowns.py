"""``/v1/unknowns``: strangers become cards, and what a person says of a card holds."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from faces.packs.model_pack import ModelPack
from gallery.access_log.recorder import AccessLog
from gallery.documents.access_log import ALL_LINES, AccessAction
from gallery.gallery import Gallery
from presente.errors import StoreError
from server.unknown_faces import UnknownFaces
from tests.conftest import on_sqlite
from tests.server.people import grants, guarded_app, key_of
from tests.server.sample import ANA, EVA, JPEG, enrol, problem
from tests.server.strangers import Corridor, corridor, photo_of

NEW = {"matricula": "A9001", "nombre_del_alumno": "Nadia Sol", "clase": "IA-101"}


@pytest.fixture
def seen(gallery: Gallery, sample_pack: ModelPack, tmp_path: Path) -> Iterator[Corridor]:
    with corridor(gallery, sample_pack, tmp_path) as made:
        yield made


def who(client: FlaskClient, stranger: int, view: int = 0) -> str | None:
    """Whose matricula a photo of a stranger gives."""
    found: str | None = client.post("/v1/identify", data=photo_of(stranger, view), headers=JPEG).get_json()["faces"][0][
        "matricula"
    ]
    return found


def test_strangers_come_back_are_named_ignored_and_forgotten(seen: Corridor) -> None:
    """The whole way: two strangers are two cards; one is enrolled, one is not ours; one is forgotten by photo."""
    client = seen.client
    assert enrol(client, ANA).status_code == 201
    for view, clase in ((0, ""), (1, ANA["clase"]), (2, "")):
        seen.see(1, view, clase)
    for view in (0, 1):
        seen.see(2, view)
    one, other = seen.cards(order="visits")
    assert (one["visits"], one["clases"], other["visits"], other["clases"]) == (3, [ANA["clase"]], 2, [])
    assert [card["id"] for card in seen.cards()] == [other["id"], one["id"]]  # who was seen last comes first
    assert one["resembles"][0]["matricula"] == ANA["matricula"] and one["alike"] == []
    page = client.get(f"/v1/unknowns/{one['id']}").get_json()
    assert [face["source"] for face in page["faces"]] == ["identify", "attendance", "identify"]
    shown = client.get(one["picture"])
    assert shown.mimetype == "image/jpeg" and shown.headers["Cache-Control"] == "private, no-store"

    named = client.post(f"/v1/unknowns/{one['id']}/enrol", json=NEW)
    assert named.status_code == 201 and named.headers["Location"] == "/v1/students/A9001"
    reply = named.get_json()
    assert (reply["photos"], reply["erased"], reply["student"]["images"], reply["warnings"]) == (3, 3, 3, [])
    assert who(client, 1, 3) == "A9001" and [card["id"] for card in seen.cards()] == [other["id"]]
    photos = client.get("/v1/students/A9001/images").get_json()["photos"]
    assert {photo["source"] for photo in photos} == {"unknown"} and all(photo["has_template"] for photo in photos)
    problem(client.get(f"/v1/unknowns/{one['id']}"), 404, "unknown_person_not_found")

    said = client.patch(f"/v1/unknowns/{other['id']}", json={"state": "not_ours", "note": "cartero"}).get_json()
    assert (said["state"], said["note"]) == ("not_ours", "cartero")
    seen.see(2, 2)
    assert seen.cards() == [] and [card["id"] for card in seen.cards(state="not_ours")] == [other["id"]]

    seen.see(3)
    seen.see(4)
    forgotten = client.post("/v1/unknowns/forget", data=photo_of(3, 4), headers=JPEG).get_json()
    assert forgotten["faces"] == 1 and len(seen.cards()) == 1
    assert [entry.asked for entry in seen.gallery.store.erasures.entries() if entry.kind == "unknown_face"][-1]

    assert client.delete("/v1/students/A9001").status_code == 204
    seen.see(1, 4)
    (left, again) = sorted(seen.cards(), key=lambda card: card["id"])
    assert again["visits"] == 1 and left["id"] != again["id"]  # a stranger once more, of whom nothing older is kept


def test_erasing_a_student_leaves_no_unknown_face_of_the_student(seen: Corridor) -> None:
    client = seen.client
    seen.see(1)
    seen.see(2)
    enrolled = client.post("/v1/students", data=NEW | {"image": [(BytesIO(photo_of(1, 1)), "1.jpg")]})
    assert enrolled.status_code == 201 and len(seen.cards()) == 2  # enrolled by a photo of one's own
    assert client.delete("/v1/students/A9001").status_code == 204
    (left,) = seen.cards()
    assert left["visits"] == 1 and who(client, 1) is None


@on_sqlite
def test_what_the_model_missed_becomes_a_template_once_a_person_has_said_so(seen: Corridor) -> None:
    client = seen.client
    client.post("/v1/students", data=NEW | {"image": [(BytesIO(photo_of(4)), "1.jpg")]})
    seen.gallery.settings = replace(seen.gallery.settings, threshold=0.95)
    seen.see(4, 4)
    (card,) = seen.cards()
    assert card["resembles"][0]["matricula"] == "A9001" and 0.8 < card["resembles"][0]["score"] < 0.95
    merged = client.post(f"/v1/unknowns/{card['id']}/merge", json={"matricula": "A9001"}).get_json()
    assert (merged["photos"], merged["erased"], merged["student"]["images"]) == (1, 1, 2)
    assert who(client, 4, 4) == "A9001" and seen.cards() == []
    problem(client.post("/v1/unknowns/1/merge", json={"matricula": "none"}), 404, "student_not_found")


@on_sqlite
def test_who_was_not_ours_and_is_named_is_known(seen: Corridor) -> None:
    client = seen.client
    for view in (0, 1):
        seen.see(1, view)
    (card,) = seen.cards()
    first = client.get(f"/v1/unknowns/{card['id']}").get_json()["faces"][0]["id"]
    client.patch(f"/v1/unknowns/{card['id']}", json={"state": "not_ours"})
    problem(client.post(f"/v1/unknowns/{card['id']}/enrol", json=NEW | {"matricula": ""}), 400, "missing_field")
    assert [each["id"] for each in seen.cards(state="not_ours")] == [card["id"]]  # nothing was done
    assert client.post(f"/v1/unknowns/{card['id']}/enrol", json=NEW | {"faces": [first]}).status_code == 201
    assert [each["id"] for each in seen.cards()] == [card["id"]] and who(client, 1, 1) == "A9001"


@on_sqlite
def test_what_was_said_of_two_cards_holds_of_the_one_they_become(seen: Corridor) -> None:
    client = seen.client
    seen.see(1)
    seen.see(2)
    one, other = (card["id"] for card in seen.cards())
    client.patch(f"/v1/unknowns/{one}", json={"note": "a" * 490})
    client.patch(f"/v1/unknowns/{other}", json={"state": "not_ours", "note": "cartero de la tarde"})
    problem(client.post(f"/v1/unknowns/{one}/join", json={"other": other}), 400, "invalid_field")
    assert len(seen.cards()) == len(seen.cards(state="not_ours")) == 1
    client.patch(f"/v1/unknowns/{one}", json={"note": "azul"})
    joined = client.post(f"/v1/unknowns/{one}/join", json={"other": other}).get_json()
    assert (joined["note"], joined["state"], joined["visits"]) == ("azul / cartero de la tarde", "not_ours", 2)


@on_sqlite
def test_some_faces_become_photos_and_the_rest_stays_or_goes(seen: Corridor) -> None:
    client = seen.client
    enrol(client, ANA)
    for view in range(4):
        seen.see(1, view)
    (card,) = seen.cards()
    number, own = card["id"], client.get(f"/v1/students/{ANA['matricula']}").get_json()["images"]
    first, second, *others = [face["id"] for face in client.get(f"/v1/unknowns/{number}").get_json()["faces"]]
    path, body = f"/v1/unknowns/{number}/merge", {"matricula": ANA["matricula"], "faces": [first]}
    detail = problem(client.post(path, json=body), 409, "different_person")
    assert ANA["matricula"] in detail and len(seen.cards()) == 1
    merged = client.post(f"{path}?force=true", json=body).get_json()
    assert (merged["photos"], merged["erased"], merged["student"]["images"]) == (1, 1, own + 1)
    assert [face["id"] for face in client.get(f"/v1/unknowns/{number}").get_json()["faces"]] == [second, *others]
    last = {"matricula": ANA["matricula"], "faces": [second], "rest": "forget"}
    merged = client.post(f"{path}?force=true", json=last).get_json()
    assert (merged["photos"], merged["erased"], merged["student"]["images"]) == (1, 3, own + 2)
    assert seen.cards() == []
    problem(client.post(path, json=body), 404, "unknown_person_not_found")


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}])
@pytest.mark.parametrize("route", ["enrol", "merge"])
def test_an_attempt_that_was_cut_off_is_ended_by_the_next(
    seen: Corridor, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], route: str
) -> None:
    """The photos are stored and the faces are not gone yet when the server fails: then nothing is there twice."""
    client, body = seen.client, NEW
    if route == "merge":
        client.post("/v1/students", data=NEW | {"image": [(BytesIO(photo_of(1, 4)), "1.jpg")]})
        seen.gallery.remove(["A9001"])
        client.post("/v1/students", data=NEW | {"image": [(BytesIO(photo_of(2)), "1.jpg")]})
        body = {"matricula": "A9001"}
    seen.see(1)
    seen.see(1, 1)
    (card,) = seen.cards()
    path, before = f"/v1/unknowns/{card['id']}/{route}?force=true", int(route == "merge")

    def fails(*_: object) -> int:
        raise StoreError("store_unavailable", "The store is away.", "Try again.")

    with monkeypatch.context() as patched:
        patched.setattr(seen.gallery, "erase_unknown", fails)
        problem(client.post(path, json=body, headers=headers), 503, "store_unavailable")
    assert len(seen.cards()) == 1 and client.get("/v1/students/A9001").get_json()["images"] == before + 2
    again = client.post(path, json=body, headers=headers)
    assert again.status_code == (201 if route == "enrol" else 200), again.text
    assert again.get_json()["student"]["images"] == before + 2 and seen.cards() == []
    if headers:  # it was done: the present state, and nothing again
        done = client.post(path, json=body, headers=headers).get_json()
        assert done["student"]["images"] == before + 2 and done["erased"] == 0


@on_sqlite
def test_cut_off_after_the_last_step_a_key_still_answers(seen: Corridor, monkeypatch: pytest.MonkeyPatch) -> None:
    seen.see(1)
    (card,) = seen.cards()
    path, headers, keys = (
        f"/v1/unknowns/{card['id']}/enrol",
        {"Idempotency-Key": "one"},
        type(seen.gallery.store.request_keys),
    )

    def fails(*_: object) -> None:
        raise StoreError("store_unavailable", "The store is away.", "Try again.")

    with monkeypatch.context() as patched:
        patched.setattr(keys, "finish", fails)
        problem(seen.client.post(path, json=NEW, headers=headers), 503, "store_unavailable")
    assert seen.cards() == []
    assert seen.client.post(path, json=NEW, headers=headers).get_json()["student"]["matricula"] == "A9001"
    problem(seen.client.post(path, json=NEW), 404, "unknown_person_not_found")


@on_sqlite
def test_what_an_enrolment_is_refused_for(seen: Corridor) -> None:
    client = seen.client
    enrol(client, ANA)
    seen.see(1)
    (card,) = seen.cards()
    path, face = f"/v1/unknowns/{card['id']}/enrol", card["cover"]
    problem(client.post(path, json=NEW | {"matricula": ANA["matricula"]}), 409, "student_exists")
    problem(client.post(path, json=NEW | {"faces": [face, face + 1]}), 404, "face_not_found")
    problem(client.post(path, json=NEW | {"faces": []}), 400, "invalid_field")
    problem(client.post(path, json={"matricula": "A9001"}), 400, "missing_field")
    problem(client.post(path, json=NEW | {"image": "x"}), 400, "unknown_field")
    seen.gallery.settings = replace(seen.gallery.settings, consent_required=True)
    problem(client.post(path, json=NEW), 422, "consent_missing")
    assert len(seen.cards()) == 1
    consent = {"consentimiento": {"fecha": "2026-11-01", "texto": "aviso 3"}}
    assert client.post(path, json=NEW | consent).status_code == 201


def test_cards_are_joined_and_split(seen: Corridor) -> None:
    client = seen.client
    for stranger, view in ((1, 0), (1, 1), (2, 0)):
        seen.see(stranger, view)
    two, one = seen.cards()
    problem(client.post(f"/v1/unknowns/{one['id']}/join", json={"other": one["id"]}), 400, "same_unknown_person")
    problem(client.post(f"/v1/unknowns/{one['id']}/join", json={"other": 999}), 404, "unknown_person_not_found")
    joined = client.post(f"/v1/unknowns/{one['id']}/join", json={"other": two["id"]}).get_json()
    assert (joined["id"], joined["visits"]) == (one["id"], 3) and len(seen.cards()) == 1
    faces = client.get(f"/v1/unknowns/{one['id']}").get_json()["faces"]
    split = f"/v1/unknowns/{one['id']}/split"
    problem(client.post(split, json={"faces": [face["id"] for face in faces]}), 400, "invalid_faces")
    problem(client.post(split, json={"faces": [999]}), 404, "face_not_found")
    made = client.post(split, json={"faces": [two["cover"]]})
    assert made.status_code == 201 and made.get_json()["cover"] == two["cover"]
    assert {card["id"]: card["visits"] for card in seen.cards()} == {one["id"]: 2, made.get_json()["id"]: 1}
    assert client.delete(f"/v1/unknowns/{one['id']}/faces/{faces[0]['id']}").status_code == 204
    assert client.delete(f"/v1/unknowns/{one['id']}").status_code == 204
    assert [card["id"] for card in seen.cards()] == [made.get_json()["id"]]
    problem(client.delete(f"/v1/unknowns/{one['id']}"), 404, "unknown_person_not_found")
    problem(client.delete(f"/v1/unknowns/{made.get_json()['id']}/faces/1"), 404, "face_not_found")


@on_sqlite
def test_cards_come_page_by_page(seen: Corridor) -> None:
    client = seen.client
    for stranger in (1, 2, 3, 3, 4):
        seen.see(stranger, view=int(stranger == 3 and len(seen.cards()) == 3))
    for order in ("last_at", "visits"):
        found, cursor = list[int](), None
        while not found or cursor:
            query = {"order": order, "limit": "1"} | ({"cursor": cursor} if cursor else {})
            page = client.get("/v1/unknowns", query_string=query).get_json()
            found, cursor = found + [card["id"] for card in page["unknowns"]], page["next_cursor"]
        assert found == [card["id"] for card in seen.cards(order=order)] and len(found) == 4
    number = seen.cards(order="visits")[0]["id"]
    first = client.get(f"/v1/unknowns/{number}?limit=1").get_json()
    second = client.get(f"/v1/unknowns/{number}?limit=1&cursor={first['next_cursor']}").get_json()
    assert first["faces"][0]["id"] < second["faces"][0]["id"] and second["next_cursor"] is None
    problem(client.get(f"/v1/unknowns?cursor={first['next_cursor']}"), 400, "invalid_cursor")
    problem(client.get("/v1/unknowns?order=name"), 400, "invalid_order")
    problem(client.get("/v1/unknowns?limit=101"), 400, "invalid_limit")


@on_sqlite
def test_where_no_one_is_kept_only_forgetting_works(client: FlaskClient, gallery: Gallery) -> None:
    problem(client.get("/v1/unknowns"), 404, "unknowns_off")
    for method, path, body in (
        ("GET", "/1", None),
        ("GET", "/1/faces/1/picture", None),
        ("POST", "/1/enrol", NEW),
        ("POST", "/1/join", {"other": 2}),
        ("POST", "/1/split", {"faces": [1]}),
        ("PATCH", "/1", {"state": "open"}),
        ("DELETE", "/1", None),
        ("DELETE", "/1/faces/1", None),
    ):
        problem(client.open(f"/v1/unknowns{path}", method=method, json=body), 404, "unknowns_off")
    assert client.post("/v1/unknowns/forget", data=photo_of(1), headers=JPEG).get_json()["faces"] == 0
    problem(client.post("/v1/unknowns/forget", data=b"x", headers=JPEG), 415, "not_an_image")


def test_a_teacher_sees_whom_the_own_classes_showed(gallery: Gallery, sample_pack: ModelPack, tmp_path: Path) -> None:
    own, other = ANA["clase"], "IB-999"
    with corridor(gallery, sample_pack, tmp_path) as seen:
        enrol(seen.client, ANA)
        enrol(seen.client, EVA | {"clase": other})
        seen.see(1, 0, own)
        seen.see(1, 1, other)
        seen.see(1, 2)
        seen.see(2, 0, other)
        seen.see(3)
        log = AccessLog(gallery.store.access_log, "all")
        with (
            closing(UnknownFaces(gallery, lambda _: None)) as keeps,
            guarded_app(gallery, seen.service.embedder, tmp_path, log=log, unknown_faces=keeps) as app,
        ):
            everyone = seen.cards()
            keys = {
                role: key_of(app, gallery, f"a-{role}", grant) for role, grant in grants(own, ANA["matricula"]).items()
            }
            client = app.test_client()
            (card,) = client.get("/v1/unknowns", headers=keys["teacher"]).get_json()["unknowns"]
            whole = next(each for each in everyone if each["visits"] == 3)
            assert len(everyone) == 3 and card["id"] == whole["id"] and whole["clases"] == [own, other]
            assert (card["visits"], card["clases"], card["last_at"]) == (1, [own], whole["first_at"])
            seen.see(4, 0, own)
            for order in ("last_at", "visits"):
                query = f"/v1/unknowns?limit=1&order={order}"
                first = client.get(query, headers=keys["teacher"]).get_json()
                following = base64.urlsafe_b64decode(first["next_cursor"])
                assert json.loads(following)[1:] == [first["unknowns"][0]["id"]]  # nothing of other classes
                second = client.get(f"{query}&cursor={first['next_cursor']}", headers=keys["teacher"]).get_json()
                ids = [each["id"] for each in (*first["unknowns"], *second["unknowns"])]
                of_others = next(each["id"] for each in everyone if each["clases"] == [other])
                made_up = json.dumps([json.loads(following)[0], of_others]).encode()
                cursor = base64.urlsafe_b64encode(made_up).decode()
                problem(client.get(f"{query}&cursor={cursor}", headers=keys["teacher"]), 400, "invalid_cursor")
                assert card["id"] in ids and len(set(ids)) == 2 and second["next_cursor"] is None
            page = client.get(f"/v1/unknowns/{card['id']}", headers=keys["teacher"]).get_json()
            (face,) = page["faces"]
            assert page["unknown"]["visits"] == 1 and face["clase"] == own
            assert client.get(face["picture"], headers=keys["teacher"]).status_code == 200
            hidden = client.get(
                f"/v1/unknowns/{card['id']}/faces/{whole['cover'] + 1}/picture", headers=keys["teacher"]
            )
            problem(hidden, 404, "face_not_found")
            for each in everyone:
                if each["id"] != card["id"]:
                    missing = client.get(f"/v1/unknowns/{each['id']}", headers=keys["teacher"])
                    problem(missing, 404, "unknown_person_not_found")
            for role in ("viewer", "attendance", "student"):
                problem(client.get("/v1/unknowns", headers=keys[role]), 403, "role_not_enough")
            problem(client.delete(f"/v1/unknowns/{card['id']}", headers=keys["teacher"]), 403, "role_not_enough")
            assert client.delete(f"/v1/unknowns/{card['id']}", headers=keys["admin"]).status_code == 204
        lines = [line.event for line in gallery.store.access_log.lines(ALL_LINES, 0, 99)]
        read = [
            (line.caller, line.detail) for line in lines if line.action == AccessAction.READ and line.outcome == "done"
        ]
        assert ("key:a-teacher", f"unknown={card['id']} face={face['id']}") in read
        erased = [line for line in lines if line.action == AccessAction.UNKNOWN_ERASED]
        assert [(line.caller, line.detail, line.outcome) for line in erased] == [
            ("key:a-teacher", "", "role_not_enough"),
            ("key:a-admin", f"unknown={card['id']}", "done"),
        ]
