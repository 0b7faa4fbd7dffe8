"""A film of the class over HTTP: sent, read in the background, recorded; the file is gone, whatever happened."""

import http.client
import json
import os
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from shutil import disk_usage
from typing import Any

import pytest
from flask.testing import FlaskClient

from gallery.documents.access import Grant
from gallery.documents.jobs import JobEnd, JobRequest
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from presente.clock import Clock
from presente.errors import InvalidInput, StoreError
from server.access.authentication import Access
from server.films.folder import FilmFolder
from server.films.jobs import LONGEST_AWAY, MOST_BEGUN, FilmJobs
from server.jobs.runner import JobRunner
from server.operations.jobs import MOST_UNFINISHED
from tests.conftest import on_sqlite
from tests.films import SAMPLE, SEATED, drawn_frames, write_film
from tests.server.conftest import Running, Serve, client_of
from tests.server.people import ended, guarded_app, key_of, process_of, wait_until
from tests.server.sample import problem

AT = "2026-11-20T08:00:00+00:00"
WEBM = {"Content-Type": "video/webm"}


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Three seconds of three students, as a browser records them."""
    return write_film(tmp_path_factory.mktemp("film") / "class.webm", drawn_frames(3, fps=4), "libvpx", 4).read_bytes()


def form(content: bytes, name: str = "video", more: bytes = b"") -> tuple[bytes, str]:
    """A form with a film, and its media type."""
    head = f'--xx\r\nContent-Disposition: form-data; name="{name}"; filename="IA-101 Abril.webm"\r\n\r\n'.encode()
    return more + head + content + b"\r\n--xx--\r\n", "multipart/form-data; boundary=xx"


def send(running: Running, number: int, film: bytes, query: str = "", **headers: str) -> Any:
    body, kind = form(film)
    made = running.fetch("POST", f"/v1/sessions/{number}/video{query}", body, Content_Type=kind, **headers)
    assert made.status == 202, made.body
    assert made.headers["Location"] == f"/v1/jobs/{made.json['id']}"
    return made.json


def begin(running: Running, **said: Any) -> int:
    session = {"clase": "IA-101", "fecha": "2024-01-12", "starts": "08:00", "late_after": 10, **said}
    made = running.fetch("POST", "/v1/sessions", json.dumps(session).encode(), Content_Type="application/json")
    assert made.status == 201, made.body
    return int(made.json["id"])


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "var" / "films").iterdir())


def statuses(running: Running, number: int) -> dict[str, str]:
    return {line["matricula"]: line["status"] for line in running.ask(f"/v1/sessions/{number}")["roll"]}


@on_sqlite
@pytest.mark.usefixtures("sample_gallery")
def test_a_film_of_the_class_fills_the_roll(serve: Serve, film: bytes, tmp_path: Path) -> None:
    running = serve()
    number = begin(running)
    made = send(running, number, film, Idempotency_Key="k1")
    assert (made["kind"], made["session"], made["result"]) == ("film", number, None)
    assert send(running, number, film)["id"] == made["id"]  # it waits, or is read, already
    found = ended(running, made["id"])
    assert found["state"] == "done", found
    expected = {
        "photo": 1, "repeated": False, "damaged": False, "appearances": 3, "present": 3, "late": 0, "waiting": 0,
        "off_roster": 0, "unknown": 0, "raises": 0,
    }  # fmt: skip
    result = found["result"]["film"]
    assert {name: result[name] for name in expected} == expected and 2.5 < result["duration_s"] < 3.1
    assert found["progress"]["unit"] == "seconds" and found["progress"]["done"] == found["progress"]["of"] == 3
    assert left(tmp_path) == []
    roll = statuses(running, number)
    assert {matricula for matricula, status in roll.items() if status == "present"} == set(SEATED)

    (shown,) = running.ask(f"/v1/sessions/{number}/photos")["photos"]
    assert shown["film"]["starts"] == "08:00:00" and (shown["number"], shown["kept"]) == (1, True)
    assert {face["matricula"] for face in shown["faces"]} == set(SEATED)
    for face in shown["faces"]:
        when = face["film"]
        assert when["first_s"] < 1 and when["last_s"] > 2 and when["spans"] and face["candidates"][0]["score"] > 0.8
        assert face["box"] == when["views"][0]["box"] and all(0 <= view["at_s"] < 3 for view in when["views"])
    sheet = running.fetch("GET", f"/v1/sessions/{number}/photos/1")
    assert sheet.headers["Content-Type"] == "image/jpeg" and sheet.body[:2] == b"\xff\xd8"

    for again in (send(running, number, film), send(running, number, film, Idempotency_Key="k1")):
        assert (again["id"], again["state"]) == (made["id"], "done") and left(tmp_path) == []
    again = running.fetch(
        "POST", f"/v1/sessions/{number}/video?starts=08:20", form(film)[0], Content_Type=form(film)[1]
    )
    assert (again.status, again.json["code"]) == (409, "film_starts_differ") and "photo 1" in again.json["detail"]
    history = running.ask("/v1/attendance?clase=IA-101&history=true")["attendance"]
    assert len(history) == 3
    undone = running.ask(f"/v1/sessions/{number}/undo", b'{"photo": 1}', "application/json")
    assert {line["status"] for line in undone["roll"]} == {"absent"} and undone["counts"]["present"] == 0
    (shown,) = running.ask(f"/v1/sessions/{number}/photos")["photos"]
    assert shown["undone"] and not shown["kept"] and shown["film"] is None
    found = ended(running, send(running, number, film, "?starts=08:20:00")["id"])  # now it counts again
    expected = {**result, "repeated": True, "present": 0, "late": 3}
    assert found["result"]["film"] == expected
    roll = statuses(running, number)
    assert {matricula for matricula, status in roll.items() if status == "late"} == set(SEATED)

    lines = running.ask("/v1/access-log?accion=attendance_taken")["lines"]
    assert sorted(each["matricula"] for each in lines[0]["about"]) == sorted(SEATED)
    assert lines[0]["detail"] == f"session={number} film=1"
    log = (tmp_path / "server.log").read_text()
    assert "Abril" not in log and "webm" not in log and not any(name in log for name in SEATED)


@on_sqlite
@pytest.mark.usefixtures("sample_gallery")
@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
def test_a_film_waits_for_its_server_and_goes_with_its_job(serve: Serve, film: bytes, tmp_path: Path) -> None:
    running = serve()
    one, two, three = begin(running), begin(running, starts="10:00"), begin(running, starts="12:00")
    first, second, third = (send(running, each, film)["id"] for each in (one, two, three))
    os.kill(process_of(running), signal.SIGSTOP)  # else it may be done before the test goes on
    assert len([name for name in left(tmp_path) if "." not in name]) == 3
    assert running.ask(f"/v1/jobs/{second}/cancel", b"", "application/json")["state"] == "cancelled"
    assert len([name for name in left(tmp_path) if "." not in name]) == 2  # at once
    running.ask(f"/v1/sessions/{three}/close", b"", "application/json")  # which waits
    closed = ended(running, third)
    assert (closed["state"], closed["problem"]["code"]) == ("failed", "session_closed")
    assert running.stop() == 0
    assert len([name for name in left(tmp_path) if "." not in name]) == 1
    assert "Traceback" not in (tmp_path / "server.log").read_text()

    running = serve()  # where it is begun again
    os.kill(process_of(running), signal.SIGSTOP)
    (tmp_path / "var" / "films" / ("0" * 32)).write_bytes(b"half a film")  # of an upload that was cut off
    running.kill()
    running = serve()
    found = ended(running, first)
    assert found["state"] == "done" and found["result"]["film"]["present"] == 3, found
    wait_until(lambda: left(tmp_path) == [])

    fourth = send(running, two, film)["id"]
    os.kill(process_of(running), signal.SIGSTOP)
    assert running.ask(f"/v1/sessions/{two}/video")["jobs"][0]["id"] == fourth
    running.ask(f"/v1/sessions/{two}/close", b"", "application/json")  # while it is read
    found = ended(running, fourth)
    assert (found["state"], found["problem"]["code"]) == ("failed", "session_closed")
    wait_until(lambda: left(tmp_path) == [])


@on_sqlite
@pytest.mark.usefixtures("sample_gallery")
def test_a_film_is_written_to_disk_as_it_comes(serve: Serve, tmp_path: Path) -> None:
    running = serve(PRESENTE_VIDEO_MB="150")
    number = begin(running)
    before = peak_mb(running)
    noise = os.urandom(1 << 20)
    found = ended(running, send(running, number, noise * 140)["id"])
    assert (found["state"], found["problem"]["code"]) == ("failed", "unreadable_film")
    assert peak_mb(running) - before < 60
    wait_until(lambda: left(tmp_path) == [])
    (line,) = [line for line in (tmp_path / "server.log").read_text().splitlines() if "unreadable_film" in line]
    assert " INFO " in line  # a mistake of who sent it, and no fault of the server

    path = f"/v1/sessions/{number}/video"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: video/mp4\r\nContent-Length: %d\r\n\r\n"
    host, _, port = running.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 20) as asked:  # refused by the head: nothing of it was sent
        asked.sendall((head % 151_000_000).encode())
        reply = http.client.HTTPResponse(asked)
        reply.begin()
        assert (reply.status, json.loads(reply.read())["code"]) == (413, "too_many_bytes")
    for query, code in (("starts=8:00:30", "invalid_times"), ("foo=1", "unknown_parameter")):
        with socket.create_connection((host, int(port)), 20) as asked:
            asked.sendall((head % 20_000_000).replace("/video ", f"/video?{query} ").encode())
            reply = http.client.HTTPResponse(asked)
            reply.begin()
            assert (reply.status, json.loads(reply.read())["code"]) == (400, code)
    with socket.create_connection((host, int(port)), 20) as asked:
        asked.sendall((head % 20_000_000).encode() + noise * 3)
        wait_until(lambda: left(tmp_path) != [])
        assert (tmp_path / "var" / "films" / left(tmp_path)[0]).stat().st_mode & 0o777 == 0o600
    wait_until(lambda: left(tmp_path) == [])  # its sender hung up
    assert running.fetch("POST", path, noise * 1, Content_Type="image/jpeg").json["code"] == "unsupported_media_type"
    running.ask(f"/v1/sessions/{number}/close", b"", "application/json")
    assert running.fetch("POST", path, noise, Content_Type="video/webm").json["code"] == "session_closed"
    assert left(tmp_path) == []


def peak_mb(running: Running) -> float:
    """Megabytes of memory that a server has had at most."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


@pytest.fixture
def number(client: FlaskClient, school: Gallery) -> int:
    assert school.store.counts().students
    return int(client.post("/v1/sessions", json={"clase": "IA-101", "starts": "08:00"}).get_json()["id"])


PORTRAIT = (SAMPLE / "students" / SEATED[0] / "1.jpg").read_bytes()
FIELD = b'--xx\r\nContent-Disposition: form-data; name="clase"\r\n\r\nIA-101\r\n'


NO_FILMS: tuple[tuple[bytes, str, str, int], ...] = (
    (b"", "video/webm", "no_video", 400),
    (b"x", "text/plain", "unsupported_media_type", 415),
    (b"x", "", "unsupported_media_type", 415),
    (b"x", "multipart/form-data", "unsupported_media_type", 415),
    (b"--xx--\r\n", "multipart/form-data; boundary=xx", "no_video", 400),
    (b"x" * 100, "multipart/form-data; boundary=xx", "invalid_form", 400),
    (b"--xx\r\nA: b\r\n\r\nx\r\n--xx--", "multipart/form-data; boundary=xx", "invalid_form", 400),
    (b"y" * 5_000_000 + form(b"x")[0], form(b"x")[1], "invalid_form", 400),
    (form(b"x", more=FIELD)[0], form(b"x")[1], "unknown_field", 400),
    (form(b"x", "film")[0], form(b"x")[1], "unknown_field", 400),
    (form(b"")[0], form(b"")[1], "no_video", 400),
    (form(b"x" * 50)[0][:90], form(b"x")[1], "invalid_form", 400),
    (form(b"x")[0][:-8] + form(b"y")[0], form(b"x")[1], "invalid_field", 400),
    (PORTRAIT, "video/mp4", "unsupported_media_type", 415),
    (form(PORTRAIT)[0], form(b"x")[1], "unsupported_media_type", 415),
    (b"\x89PNG\r\n\x1a\n" + bytes(600), "video/mp4", "unsupported_media_type", 415),
    (b"\0\0\0\x18ftypheic" + bytes(600), "video/mp4", "unsupported_media_type", 415),
    (b"#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n", "video/mp4", "unsupported_media_type", 415),
    ("Matrícula,nombre\r\n".encode() * 40, "application/octet-stream", "unsupported_media_type", 415),
    (bytes(50_100_000), "video/mp4", "too_many_bytes", 413),
    (bytes(50_010_000), "video/mp4", "too_many_bytes", 413),
)


@on_sqlite
def test_what_is_no_film(client: FlaskClient, number: int, tmp_path: Path) -> None:
    for body, kind, code, status in NO_FILMS:
        reply = client.post(f"/v1/sessions/{number}/video", data=body, headers={"Content-Type": kind})
        problem(reply, status, code)
    body, kind = form(b"x", more=FIELD.replace(b"clase", b"starts"))
    reply = client.post(f"/v1/sessions/{number}/video", data=body, headers={"Content-Type": kind})
    assert "?starts=" in problem(reply, 400, "unknown_field")
    assert (
        not list((tmp_path / "films").glob("*")) and not client.get(f"/v1/sessions/{number}/video").get_json()["jobs"]
    )


@on_sqlite
def test_first_bytes_that_say_nothing_pass_whatever_the_type_is_called(client: FlaskClient, number: int) -> None:
    beginnings = (b"YUV4MPEG2 W640 H480 F25:1 Ip A1:1 C420\nFRAME\n", b"\0\0\0\x18ftypisom", b"GIF89a\0", b"\x47\x40\0")
    kinds = ("VIDEO/MP4", "application/x-matroska", "application/mp4; a=b", "application/octet-stream")
    for kind, beginning in zip(kinds, beginnings, strict=True):
        reply = client.post(
            f"/v1/sessions/{number}/video", data=beginning.ljust(600, b"A"), headers={"Content-Type": kind}
        )
        assert reply.status_code == 202, reply.get_json()


@on_sqlite
def test_a_full_disk_is_a_line_in_the_log_without_a_traceback(
    client: FlaskClient, number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.films.folder._SPARE_BYTES", 1 << 60)
    reply = client.post(f"/v1/sessions/{number}/video", data=b"film", headers=WEBM)
    problem(reply, 507, "no_room_for_film")
    (line,) = [record for record in caplog.records if "MB left" in record.getMessage()]
    assert line.exc_info is None


@on_sqlite
def test_which_films_are_taken(client: FlaskClient, number: int, school: Gallery, tmp_path: Path) -> None:
    path = f"/v1/sessions/{number}/video"
    for starts in ("8:00", "24:00:00", "08:00:60", "now"):
        problem(client.post(f"{path}?starts={starts}", data=b"x", headers=WEBM), 400, "invalid_times")
    problem(client.post("/v1/sessions/999/video", data=b"x", headers=WEBM), 404, "session_not_found")
    for each in range(MOST_UNFINISHED):
        assert client.post(f"{path}?starts=00:00:30", data=b"film %d" % each, headers=WEBM).status_code == 202
    problem(client.post(path, data=b"one more", headers=WEBM), 409, "too_many_jobs")
    assert client.post(path, data=b"film 3", headers=WEBM).status_code == 202  # which waits
    reply = client.post(f"{path}?starts=00:00:00", data=b"film 3", headers=WEBM)
    assert "Cancel job 4" in problem(reply, 409, "film_starts_differ")
    assert len(list((tmp_path / "films").glob("*"))) == MOST_UNFINISHED
    numbers = [job["id"] for job in client.get(path).get_json()["jobs"]]
    assert numbers == sorted(numbers, reverse=True) and len(numbers) == MOST_UNFINISHED
    said = client.get(path).get_json()["jobs"][-1]
    assert (said["starts"], said["bytes"]) == ("00:00:30", len(b"film 0"))
    client.post(f"/v1/sessions/{number}/close")
    problem(client.post(path, data=b"x", headers=WEBM), 409, "session_closed")
    JobRunner(school.store.jobs, None, films=FilmJobs(FilmFolder(tmp_path / "films", 1), school.store)).sweep()  # type: ignore[arg-type]
    assert not school.store.jobs.unfinished()
    assert not list((tmp_path / "films").glob("*"))


@on_sqlite
def test_a_film_does_not_begin_in_the_future(school: Gallery, embedder: Any, tmp_path: Path) -> None:
    clock = Clock("America/Mexico_City", lambda: datetime(2026, 11, 20, 14, 0, tzinfo=UTC))  # 08:00 there
    client = client_of(school, embedder, tmp_path, clock)

    def send_to(session: dict[str, str], content: bytes, query: str = "") -> Any:
        number = client.post("/v1/sessions", json={"clase": "IA-101", **session}).get_json()["id"]
        return client.post(f"/v1/sessions/{number}/video{query}", data=content, headers=WEBM)

    assert "08:00:00" in problem(send_to({"starts": "07:00"}, b"1", "?starts=08:05:00"), 400, "invalid_times")
    assert send_to({"starts": "07:30"}, b"2", "?starts=08:00:30").status_code == 202  # clocks differ
    made = school.store.jobs.job(send_to({"starts": "08:30"}, b"3").get_json()["id"])
    assert made is not None and made.asked.arguments["starts"] == "08:00:00"
    assert send_to({"fecha": "2026-11-19", "starts": "08:00"}, b"4", "?starts=23:59:59").status_code == 202


@on_sqlite
def test_a_teacher_sees_the_films_of_own_sessions(school: Gallery, embedder: Any, tmp_path: Path) -> None:
    with guarded_app(school, embedder, tmp_path, Access((), accounts=True)) as app:
        keys = {
            name: key_of(app, school, name, Grant(AccessRole.TEACHER, frozenset({clase})))
            for name, clase in (("one", "IA-101"), ("other", "IA-102"))
        }
        client = app.test_client()
        session = {"clase": "IA-101", "starts": "08:00"}
        number = client.post("/v1/sessions", json=session, headers=keys["one"]).get_json()["id"]
        path = f"/v1/sessions/{number}/video"
        made = client.post(path, data=b"film", headers=WEBM | keys["one"]).get_json()
        audit = school.store.jobs.add(JobRequest("audit", {}, "user:ruiz", "admin", AT)).number
        assert client.get(f"/v1/jobs/{made['id']}", headers=keys["one"]).get_json()["asked_by"] == "key:one"
        problem(client.get(f"/v1/jobs/{made['id']}", headers=keys["other"]), 404, "job_not_found")
        problem(client.post(f"/v1/jobs/{made['id']}/cancel", headers=keys["other"]), 404, "job_not_found")
        problem(client.get(path, headers=keys["other"]), 404, "session_not_found")
        problem(client.post(path, data=b"film", headers=WEBM | keys["other"]), 404, "session_not_found")
        for method in (client.get(f"/v1/jobs/{audit}", headers=keys["one"]),
                       client.post(f"/v1/jobs/{audit}/cancel", headers=keys["one"])):  # fmt: skip
            problem(method, 404, "job_not_found")
        cancelled = client.post(f"/v1/jobs/{made['id']}/cancel", headers=keys["one"]).get_json()
        assert (cancelled["state"], cancelled["is_cancelled"]) == ("cancelled", True)


@pytest.fixture
def folder(tmp_path: Path) -> FilmFolder:
    return FilmFolder(tmp_path / "films", 1000)


def test_what_no_one_writes_and_no_job_names_is_deleted(folder: FilmFolder) -> None:
    arriving, wanted, left = (folder.new(10) for _ in range(3))
    for each in (arriving, wanted, left):
        each.write(b"0123456789")
    wanted.keep()
    left.keep()
    for each in (wanted, left):
        each.close()
    folder.begin(wanted.name)
    folder.begin(left.name)
    asked = []
    folder.sweep(lambda: asked.append(1) or {wanted.name})
    assert asked == [1]
    assert {path.name for path in folder.root.iterdir()} == {arriving.name, wanted.name, f"{wanted.name}.begun"}
    assert folder.begun(wanted.name) == 1
    folder.put_off(wanted.name)
    assert folder.begun(wanted.name) == 0 and folder.has(wanted.name)
    arriving.close()
    assert not folder.has(arriving.name)
    folder.erase(wanted.name)
    folder.erase(wanted.name)
    assert list(folder.root.iterdir()) == [] and folder.root.stat().st_mode & 0o777 == 0o700


def test_a_film_does_not_fill_the_disk(folder: FilmFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    film = folder.new(10)
    with pytest.raises(InvalidInput) as large:
        film.write(bytes(1001))
    assert large.value.code == "too_many_bytes"
    free = disk_usage(folder.root)._replace(free=400_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    with pytest.raises(StoreError) as full:
        folder.new(10)
    assert full.value.code == "no_room_for_film"
    film.close()
    folder.root.rmdir()
    folder.root.write_bytes(b"a file")
    monkeypatch.undo()
    with pytest.raises(StoreError) as unwritable:
        folder.new(10)
    assert unwritable.value.code == "films_unwritable"


def film_job(gallery: Gallery, folder: FilmFolder, session: int, at: str = AT, there: bool = True) -> int:
    made = folder.new(10)
    made.write(b"film")
    arguments = {"session": session, "film": made.name, "sha256": made.sha256, "starts": "08:00:00"}
    number = gallery.store.jobs.add(JobRequest("film", arguments, "user:ruiz", "teacher", at)).number
    if there:
        made.keep()
    made.close()
    return number


def test_films_of_servers_that_are_gone(client: FlaskClient, number: int, school: Gallery, folder: FilmFolder) -> None:
    jobs = school.store.jobs
    runner = JobRunner(jobs, None, films=FilmJobs(folder, school.store))  # type: ignore[arg-type]
    now = runner._now()
    fresh, long_ago = (moment.isoformat(timespec="seconds") for moment in (now, now - 2 * LONGEST_AWAY))
    here, away, lost, fatal = (
        film_job(school, folder, number, at, there)
        for at, there in ((fresh, True), (fresh, False), (long_ago, False), (fresh, True))
    )
    for each in (here, fatal):
        assert jobs.take(each, "elsewhere 1 x", AT)
    found = jobs.job(fatal)
    assert found is not None
    for _ in range(MOST_BEGUN):
        folder.begin(found.asked.arguments["film"])
    runner.sweep()
    states = {
        each: (job.state, job.end.code if job.end else "")
        for each in (here, away, lost, fatal)
        if (job := jobs.job(each))
    }
    assert states == {
        here: ("queued", ""), away: ("queued", ""), lost: ("interrupted", "server_gone"), fatal: ("queued", ""),
    }  # fmt: skip
    taken = runner._next()
    assert taken is not None and taken.number == here
    jobs.end(here, JobEnd("cancelled", AT))
    taken = runner._next()
    assert taken is not None and taken.number == fatal
    runner._run(taken)
    assert (end := jobs.job(fatal)) is not None and end.end is not None and end.end.code == "job_crashed"
    assert runner._next() is None  # the other one's film is elsewhere
    runner._swept = 0.0
    runner.sweep()
    assert list(folder.root.iterdir()) == []
