"""Photos that students add of themselves: bounded in number and bytes, and each picture stored once."""

from io import BytesIO
from pathlib import Path

from faces.embedder import FaceEmbedder
from gallery.documents.access import Grant
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from presente.api_keys import read_keys
from server.access.authentication import Access
from server.photo_enrolment import PhotoRoom
from tests.conftest import SAMPLE
from tests.server.conftest import enrolment_of
from tests.server.people import guarded_app, key_of
from tests.server.sample import ADMIN, ANA, JPEG, KEYS, problem

OWN = f"/v1/students/{ANA['matricula']}/images"
BY_ADMIN = {"X-API-Key": ADMIN} | JPEG
ALLOWED = Access(read_keys(KEYS), student_photos=True)
STUDENT = Grant(AccessRole.STUDENT, frozenset(), ANA["matricula"])
PROBE, OTHER = ((SAMPLE / "probes" / ANA["matricula"] / f"{number}.jpg").read_bytes() for number in (1, 2))
COMMENTED = PROBE[:2] + b"\xff\xfe\x00\x12" + b"a comment, 16 by" + PROBE[2:]


def test_a_student_s_own_photos_have_bounded_room_and_a_picture_is_stored_once(
    gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path
) -> None:
    gallery.enrol([enrolment_of(ANA, embedder)])
    size = gallery.store.photo_bytes(ANA["matricula"])
    (there,) = gallery.store.students()

    def stored() -> tuple[int, int]:
        return gallery.student(ANA["matricula"]).images, gallery.store.photo_bytes(ANA["matricula"])

    room = PhotoRoom(there.images + 1, size + len(PROBE) + 10)
    with guarded_app(gallery, embedder, tmp_path, ALLOWED, room=room) as app:
        key, client = key_of(app, gallery, "ana", STUDENT) | JPEG, app.test_client()
        two = {"image": [(BytesIO(PROBE), "1.jpg"), (BytesIO(OTHER), "2.jpg")]}
        only_key = {name: text for name, text in key.items() if name != "Content-Type"}
        problem(client.post(OWN, data=two, headers=only_key), 409, "no_room_for_photos")
        assert stored() == (there.images, size)
        for content in (PROBE + bytes(500_000), PROBE, COMMENTED):  # one picture, in three files
            reply = client.post(OWN, data=content, headers=key)
            assert reply.status_code == 201 and len(reply.get_json()["photos"]) == 1
            assert stored() == (there.images + 1, size + len(PROBE))
        problem(client.post(OWN, data=OTHER, headers=key), 409, "no_room_for_photos")
        assert client.post(OWN, data=OTHER, headers=BY_ADMIN).status_code == 201  # an admin has no such bound
        assert stored() == (there.images + 2, size + len(PROBE) + len(OTHER))
        problem(client.post(OWN, data=PROBE, headers=key), 409, "no_room_for_photos")  # before it is read


def test_a_caller_is_told_whether_photos_may_be_added(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> None:
    gallery.enrol([enrolment_of(ANA, embedder)])
    for access, expected in ((ALLOWED, True), (Access(read_keys(KEYS)), False)):
        with guarded_app(gallery, embedder, tmp_path, access) as app:
            client, key = app.test_client(), key_of(app, gallery, f"ana-{expected}", STUDENT)
            assert client.get("/v1/session", headers=key).get_json()["adds_photos"] is expected
            assert client.get("/v1/session", headers={"X-API-Key": ADMIN}).get_json()["adds_photos"] is True
            teacher = key_of(app, gallery, f"luz-{expected}", Grant(AccessRole.TEACHER, frozenset({"IA-101"})))
            assert client.get("/v1/session", headers=teacher).get_json()["adds_photos"] is False


def test_a_student_s_photos_take_no_more_bytes_than_they_may(
    gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path
) -> None:
    gallery.enrol([enrolment_of(ANA, embedder)])
    room = PhotoRoom(100, gallery.store.photo_bytes(ANA["matricula"]) + len(PROBE) - 1)
    with guarded_app(gallery, embedder, tmp_path, ALLOWED, room=room) as app:
        sent = app.test_client().post(OWN, data=PROBE, headers=key_of(app, gallery, "ana", STUDENT) | JPEG)
        assert "PRESENTE_STUDENT_PHOTOS_MOST" in problem(sent, 409, "no_room_for_photos")


def test_one_picture_twice_in_a_request_is_stored_once_for_everyone(
    gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path
) -> None:
    gallery.enrol([enrolment_of(ANA, embedder)])
    before = gallery.student(ANA["matricula"])
    with guarded_app(gallery, embedder, tmp_path) as app:
        files = [(BytesIO(content), "photo.jpg") for content in (PROBE, PROBE + b"tail", COMMENTED, OTHER)]
        reply = app.test_client().post(OWN, data={"image": files}, headers={"X-API-Key": ADMIN})
    assert reply.status_code == 201 and len(reply.get_json()["photos"]) == 4
    after = gallery.student(ANA["matricula"])
    assert (after.images, after.templates) == (before.images + 2, before.templates + 2)
