"""Two servers with folders of their own on one store: what one does holds on the other, also when one is killed."""

import json
import random
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faces.packs.model_pack import ModelPack
from gallery.documents.access import Grant
from presente.access_roles import AccessRole
from presente.composition import open_store
from server.access import administration
from tests.gallery.erasing import holding
from tests.server.conftest import Running, Serve
from tests.server.killed import Client, Promised, check, check_over_http, opened
from tests.server.people import PASSWORD, logged_in_at, wait_until
from tests.server.sample import ANA, CLASS, EVA, GROUP, HEADER, HERE, JPEG, MOVED, STUDENTS, line_of, photos

pytestmark = [pytest.mark.untraced, pytest.mark.usefixtures("sample_gallery")]

Start = Callable[..., Running]


@pytest.fixture
def start(serve: Serve, tmp_path: Path) -> Start:
    """Starts a server by name; all that it writes lies in a folder of that name, which begins with a copied index."""

    def one(name: str, **settings: str) -> Running:
        folder = tmp_path / name
        if not folder.exists():
            shutil.copytree(tmp_path / "index", folder / "index")
        own = {f"PRESENTE_{kind.upper()}": str(folder / kind) for kind in ("index", "export", "imports", "cache")}
        return serve(**own | settings)

    return one


def ask(running: Running, path: str, body: Any, method: str = "POST", **headers: str) -> Any:
    return running.fetch(method, path, json.dumps(body).encode(), Content_Type="application/json", **headers)


def vectors_of(store_url: str, pack: ModelPack, folder: Path, matricula: str) -> np.ndarray:
    with closing(opened(store_url, folder, pack)) as gallery:
        return np.array(gallery.templates_of(gallery.student(matricula).id))


def named(running: Running, photo: bytes) -> str | None:
    found = running.ask("/v1/identify?k=1", photo)["faces"][0]["matricula"]
    return None if found is None else str(found)


def kept_of(folder: Path, matricula: str, vectors: np.ndarray) -> list[str]:
    """What a server keeps of a student on its disk: vectors, exported photos, what is cached of any photo."""
    exported = [path.name for path in (folder / "export").glob(f"{matricula}_*")]
    cached = [name for name in ("templates.db", "downloads") if (folder / "cache" / name).exists()]
    return holding(folder / "index", vectors) + exported + cached


def fill_cache(folder: Path) -> None:
    (folder / "cache" / "downloads").mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "downloads" / "photo").write_bytes(b"downloaded")
    (folder / "cache" / "templates.db").write_bytes(b"templates")


def test_what_one_erases_the_other_forgets_also_when_it_was_away(
    start: Start, store_url: str, sample_pack: ModelPack, tmp_path: Path
) -> None:
    ana, eva = (vectors_of(store_url, sample_pack, tmp_path / "own", each["matricula"]) for each in (ANA, EVA))
    here, other = tmp_path / "b", start("a")
    replica = start("b")
    assert named(replica, photos(ANA)[0]) == ANA["matricula"]
    assert ask(replica, "/save_all_images", {}).status == 200
    fill_cache(here)
    assert len(kept_of(here, ANA["matricula"], ana)) >= 4
    listed = other.ask(f"/v1/students/{STUDENTS[2]['matricula']}/images")["photos"]
    exported = sorted(path.name for path in (here / "export").glob(f"{STUDENTS[2]['matricula']}_*"))
    assert len(listed) == len(exported) > 1
    assert other.fetch("DELETE", f"/v1/students/{ANA['matricula']}").status == 204
    wait_until(lambda: not kept_of(here, ANA["matricula"], ana))
    assert named(replica, photos(ANA)[0]) is None
    path = f"/v1/students/{STUDENTS[2]['matricula']}/images/{listed[0]['id']}"
    assert other.fetch("DELETE", path).status == 204
    wait_until(lambda: len(list((here / "export").glob(f"{STUDENTS[2]['matricula']}_*"))) == len(exported) - 1)
    replica.kill()
    fill_cache(here)
    assert other.fetch("DELETE", f"/v1/students/{EVA['matricula']}").status == 204
    assert len(kept_of(here, EVA["matricula"], eva)) >= 4
    again = start("b")
    assert kept_of(here, EVA["matricula"], eva) == []
    assert named(again, photos(EVA)[0]) is None
    ready = again.fetch("GET", "/readyz").json
    assert ready == {"status": "ready", "behind_changes": 0, "behind_seconds": 0.0}


def test_sessions_and_keys_of_one_hold_and_end_on_the_other(start: Start, store_url: str) -> None:
    with closing(open_store(store_url)) as store:
        administration.add_account(store.access, "ruiz", Grant(AccessRole.ADMIN), PASSWORD)
        _, key = administration.add_key(store.access, "reader", Grant(AccessRole.VIEWER))
    a, b = start("a", PRESENTE_ACCOUNTS="on"), start("b", PRESENTE_ACCOUNTS="on")
    browser = logged_in_at(a, "ruiz")
    assert b.fetch("GET", "/v1/students?limit=1", None, **browser).status == 200
    assert ask(b, "/v1/participations", {"matricula": HERE[0]}, **browser).status == 201, "the CSRF token holds"
    by_key = {"X_API_Key": key}
    assert [each.fetch("GET", "/v1/status", None, **by_key).status for each in (a, b)] == [200, 200]
    assert a.fetch("DELETE", "/v1/keys/reader", None, **browser).status == 204
    wait_until(lambda: b.fetch("GET", "/v1/status", None, **by_key).status == 401)
    assert a.fetch("POST", "/v1/logout", None, **browser).status == 204
    wait_until(lambda: b.fetch("GET", "/v1/students?limit=1", None, **browser).status == 401)


def test_a_request_that_is_sent_to_both_is_carried_out_once(start: Start) -> None:
    servers = [start("a"), start("b")]
    with ThreadPoolExecutor(8) as pool:
        for number in range(5):
            body = {"matricula": HERE[0], "note": f"note {number}"}

            def send(which: int, key: str = f"key-{number}", body: dict[str, str] = body) -> Any:
                return ask(servers[which % 2], "/v1/participations", body, Idempotency_Key=key)

            replies = list(pool.map(send, range(8)))
            done = {reply.json["id"] for reply in replies if reply.status == 201}
            assert len(done) == 1 and {reply.status for reply in replies} <= {201, 409}, replies
            assert send(0).json["id"] == send(1).json["id"] == done.pop()
    listed = servers[1].ask(f"/v1/participations?matricula={HERE[0]}")["participations"]
    assert sorted(line["note"] for line in listed) == [f"note {number}" for number in range(5)]


def test_a_class_session_goes_on_at_the_other_server(start: Start) -> None:
    a, b = start("a"), start("b")
    number = ask(a, "/v1/sessions", {"clase": CLASS, "starts": "08:00"}).json["id"]
    first, missing = HERE[0], HERE[-1]

    def present(running: Running) -> list[str]:
        lines = running.ask(f"/v1/sessions/{number}")["roll"]
        return sorted(line["matricula"] for line in lines if line["status"] in ("present", "late"))

    def send(running: Running, photo: bytes) -> None:
        reply = running.fetch("POST", f"/v1/sessions/{number}/photos", photo, Content_Type=JPEG["Content-Type"])
        assert reply.status in (200, 201), reply.body

    with ThreadPoolExecutor(2) as pool:  # at the same time
        list(pool.map(send, (a, b), (photos_of(first), photos_of(missing))))
    assert present(a) == present(b) == sorted([first, missing])
    send(b, GROUP)
    a.kill()
    assert set(HERE) <= set(present(b))
    assert ask(b, f"/v1/sessions/{number}/close", {}).json["session"]["state"] == "closed"


def photos_of(matricula: str) -> bytes:
    return photos(next(student for student in STUDENTS if student["matricula"] == matricula))[0]


def sent_sheet(running: Running, student: dict[str, str]) -> Any:
    sheet = (HEADER + line_of(student, "a.jpg", clase="IB-9")).encode()
    parts = b"".join(
        b'--part\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n' % each
        for each in ((b"alumnos.csv", sheet), (b"a.jpg", photos(student)[0]))
    )
    return running.fetch(
        "POST", "/v1/imports", parts + b"--part--\r\n", Content_Type="multipart/form-data; boundary=part"
    )


def test_an_import_lies_where_it_was_uploaded_or_in_a_folder_that_servers_share(start: Start, tmp_path: Path) -> None:
    a, b = start("a"), start("b")
    own = sent_sheet(a, ANA).json["id"]
    assert a.ask(f"/v1/imports/{own}")["id"] == own
    missing = b.fetch("GET", f"/v1/imports/{own}")
    assert (missing.status, missing.json["code"]) == (404, "import_not_found")
    assert "the folder of another server" in missing.json["detail"]
    shared = {"PRESENTE_IMPORTS": str(tmp_path / "shared")}
    c, d = start("c", **shared), start("d", **shared)
    made = sent_sheet(c, ANA).json["id"]
    assert ask(d, f"/v1/imports/{made}/run", {}).status == 202
    c.kill()
    wait_until(lambda: d.ask(f"/v1/imports/{made}")["state"] == "done")
    assert d.ask(f"/v1/students/{ANA['matricula']}")["clase"] == "IB-9"
    left = sent_sheet(d, EVA).json["id"]
    assert start("c", **shared).fetch("DELETE", f"/v1/students/{EVA['matricula']}").status == 204
    assert d.ask(f"/v1/imports/{left}")["rows"] == [], "an erasure reaches the shared folder at once"


def test_jobs_and_the_calibration_of_one_are_the_others(start: Start) -> None:
    a, b = start("a"), start("b")
    job = ask(a, "/v1/jobs", {"kind": "calibrate", "fpir": 0.05}).json["id"]
    wait_until(lambda: b.ask(f"/v1/jobs/{job}")["state"] not in ("queued", "running"))
    assert b.ask(f"/v1/jobs/{job}")["state"] == "done"
    # Within a second, as docs/replicas.md says: b may have read just before that there is none.
    wait_until(lambda: (b.ask("/v1/calibration")["calibration"] or {}).get("fpir") == 0.05)
    assert ask(a, "/v1/calibration", {"fpir": 0.2}, "PUT").status == 200
    wait_until(lambda: b.ask("/v1/calibration")["calibration"]["fpir"] == 0.2)
    assert b.ask("/v1/status")["threshold"] == a.ask("/v1/status")["threshold"]


def test_one_is_killed_and_the_other_goes_on(
    start: Start, store_url: str, sample_pack: ModelPack, tmp_path: Path
) -> None:
    b, rng = start("b"), random.Random(17)
    assert b.fetch("DELETE", f"/v1/students/{MOVED}").status == 204, "who is in another class in the checks below"
    promised = Promised()
    patience = threading.Event()
    for number in range(2):
        a = start("a")
        client = Client(a, promised, rng, number)
        client.enrol(f"first-{number}")
        worker = threading.Thread(target=client.work)
        worker.start()
        patience.wait(rng.uniform(0.5, 1.5))
        a.kill()
        worker.join()
        check_over_http(b, promised)  # at once, and again below
    with closing(opened(store_url, tmp_path / "own", sample_pack)) as observer:
        check(observer, promised)
        assert observer.index.verify().agrees
    for name in sorted(promised.there):
        assert b.ask(f"/v1/students/{name}")["images"] == 2
    for name in sorted(promised.gone):
        assert b.fetch("GET", f"/v1/students/{name}").status == 404
