"""The server as a process: what survives when it is killed, and what its own README and page promise."""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import http.client
import http.server
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT, SAMPLE, Command, on_sqlite
from tests.server.conftest import Running, Serve
from tests.server.sample import STUDENTS

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs


def enrol(running: Running, student: dict[str, str]) -> None:
    fields = {name: student[name] for name in ("matricula", "nombre_del_alumno", "clase")}
    photos = [base64.b64encode((SAMPLE / name).read_bytes()).decode() for name in student["fotos"].split(";")]
    running.ask("/v1/students", json.dumps(fields | {"images": photos}).encode(), "application/json")


def who(running: Running, photo: Path) -> list[str]:
    return [face["nombre"] for face in running.ask("/v1/identify", photo.read_bytes())["faces"]]


def test_nothing_that_was_acknowledged_is_lost_when_the_server_is_killed(serve: Serve, command: Command) -> None:
    for student in STUDENTS[:4]:
        running = serve()
        enrol(running, student)
        running.kill()  # the moment after the reply
    running = serve()
    for student in STUDENTS[:4]:
        probe = SAMPLE / "probes" / student["matricula"] / "1.jpg"
        assert who(running, probe) == [student["nombre_del_alumno"]]
    assert json.loads(command("indexer", "verify", "--json").stdout)["agrees"]
    running.ask(f"/v1/students/{STUDENTS[0]['matricula']}", method="DELETE")
    running.kill()
    running = serve()
    assert who(running, SAMPLE / "probes" / STUDENTS[0]["matricula"] / "1.jpg") == ["Desconocido"]


def test_a_stop_is_clean_and_publishes(serve: Serve, command: Command, tmp_path: Path) -> None:
    running = serve()
    enrol(running, STUDENTS[0])
    assert running.stop() == 0
    generations = list((tmp_path / "index").glob("gen-*"))
    assert len(generations) == 1
    assert json.loads((generations[0] / "manifest.json").read_text())["templates"] == 4
    assert "Traceback" not in (tmp_path / "server.log").read_text()


def test_what_the_indexer_adds_and_removes_is_seen_at_once(serve: Serve, command: Command) -> None:
    running = serve()
    probe = SAMPLE / "probes" / STUDENTS[2]["matricula"] / "2.jpg"
    assert who(running, probe) == ["Desconocido"]
    command("indexer", "add", SAMPLE / "students.csv")
    assert who(running, probe) == [STUDENTS[2]["nombre_del_alumno"]]
    command("indexer", "remove", STUDENTS[2]["matricula"])
    assert who(running, probe) == ["Desconocido"]


@pytest.mark.usefixtures("sample_gallery")
def test_a_replica_without_requests_forgets_students_whom_another_server_erased(
    serve: Serve, command: Command, tmp_path: Path
) -> None:
    gone = STUDENTS[0]["matricula"]
    replica = serve(PRESENTE_INDEX=str(tmp_path / "replica"), PRESENTE_EXPORT=str(tmp_path / "copies"))
    replica.ask("/save_all_images", b"{}", "application/json")
    replica.stop()  # and it publishes
    replica = serve(PRESENTE_INDEX=str(tmp_path / "replica"), PRESENTE_EXPORT=str(tmp_path / "copies"))
    photos = [(SAMPLE / name).read_bytes() for name in STUDENTS[0]["fotos"].split(";")]

    def copies() -> int:
        kept = []
        for path in (tmp_path / "copies").iterdir():
            with contextlib.suppress(FileNotFoundError):  # the replica deletes while this looks
                kept.append(path.read_bytes())
        return sum(photo in kept for photo in photos)

    assert copies() == len(photos)
    held = (tmp_path / "replica" / "gen-0000000001" / "vectors.npy").read_bytes()
    serve().ask(f"/v1/students/{gone}", method="DELETE")
    deadline = time.monotonic() + 30
    while copies() and time.monotonic() < deadline:
        time.sleep(0.1)
    left = (tmp_path / "replica" / "gen-0000000001" / "vectors.npy").read_bytes()
    assert copies() == 0 and len(left) == len(held) and left.count(bytes(512)) >= len(photos) > held.count(bytes(512))


@pytest.mark.usefixtures("sample_gallery")
def test_many_clients_at_once_get_their_own_answers(serve: Serve, command: Command) -> None:
    running = serve()
    wanted = [
        (SAMPLE / "probes" / s["matricula"] / f"{i}.jpg", s["nombre_del_alumno"]) for s in STUDENTS for i in (1, 2)
    ]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda item: who(running, item[0]), wanted))
    assert answers == [[name] for _, name in wanted]


@on_sqlite
def test_the_port_and_the_address_are_checked(serve: Serve, command: Command) -> None:
    running = serve()
    port = running.address.rsplit(":", 1)[1]
    taken = command("server", "--port", port)
    assert taken.returncode == 2 and "address_unavailable" in taken.stderr
    assert "another program uses this port" in taken.stderr and "None" not in taken.stderr
    opened = command("server", "--host", "0.0.0.0")
    assert opened.returncode == 2 and "unprotected_address" in opened.stderr
    unknown = command("server", "--port", "0", "--pack", "nonesuch")
    assert unknown.returncode == 1 and "pack_not_found" in unknown.stderr


@on_sqlite
def test_a_body_that_is_too_large_is_refused_over_the_wire(serve: Serve) -> None:
    running = serve()
    with pytest.raises(urllib.error.HTTPError) as caught:
        running.ask("/v1/identify", bytes(17_000_000))
    assert caught.value.code == 413
    caught.value.close()
    announced = http.client.HTTPConnection(running.address.removeprefix("http://"), timeout=10)
    announced.putrequest("POST", "/v1/identify")
    announced.putheader("Content-Length", str(10**12))
    announced.endheaders()
    reply = announced.getresponse()
    body = json.loads(reply.read())
    assert (reply.status, body["code"], reply.headers["Content-Type"]) == (
        413,
        "too_many_bytes",
        "application/problem+json",
    )
    assert reply.headers["X-Request-Id"] == body["request_id"]
    announced.close()
    assert running.ask("/readyz")["status"] == "ready"


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_the_readmes_curl_lines_work_as_printed(serve: Serve, command: Command) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    running = serve()
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^(?:\$ )?(curl .+)$", text, flags=re.MULTILINE)
    assert len(lines) >= 5
    for line in lines:
        assert "http://127.0.0.1:8000" in line or "localhost:8000" in line, line
        words = shlex.split(re.sub(r"http://(127\.0\.0\.1|localhost):8000", running.address, line))
        done = subprocess.run(
            [*words, "-sS", "-w", "\n%{http_code}"], cwd=ROOT, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0 and done.stdout.strip()[-3:] in {"200", "201", "204"}, (line, done.stdout)


class _Blank(http.server.BaseHTTPRequestHandler):
    """A site of one empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def other_sites() -> Iterator[list[str]]:
    """Origins of two sites that really are on this machine: browsers keep others away from it by themselves."""
    with contextlib.ExitStack() as cleanup:
        origins = []
        for _ in range(2):
            site = cleanup.enter_context(http.server.HTTPServer(("127.0.0.1", 0), _Blank))
            threading.Thread(target=site.serve_forever, daemon=True).start()
            cleanup.callback(site.shutdown)
            origins.append(f"http://localhost:{site.server_port}")
        yield origins


@on_sqlite
def test_a_browser_lets_a_listed_page_call_and_another_not(serve: Serve, page: Page, other_sites: list[str]) -> None:
    key = "admin-0123456789abcdef"
    listed_page, other_page = other_sites
    running = serve(PRESENTE_API_KEYS=f"admin:{key}", PRESENTE_CORS_ORIGINS=listed_page)
    photo = base64.b64encode((SAMPLE / STUDENTS[0]["fotos"].split(";")[0]).read_bytes()).decode()
    document = {name: STUDENTS[0][name] for name in ("matricula", "nombre_del_alumno", "clase")}
    script = """async ([address, key, document]) => {
        const headers = { "Content-Type": "application/json", Authorization: `Bearer ${key}` };
        const call = async (method, path, body) => {
            try {
                const reply = await fetch(address + path, { method, headers, body: body && JSON.stringify(body) });
                return [reply.status, await reply.json(), reply.headers.get("X-Request-Id") !== null];
            } catch (error) { return "blocked"; }
        };
        document.fecha_de_registro = new Date(2026, 10, 21).toLocaleDateString("es-MX");
        return [await call("POST", "/upload", document), await call("GET", "/get-students"),
                await call("POST", "/save_all_images"), await call("DELETE", "/v1/students/nobody")];
    }"""
    told = {}
    for origin in other_sites:
        page.goto(origin)
        told[origin] = page.evaluate(
            script, [running.address, key, {**document, "image": f"data:image/jpeg;base64,{photo}"}]
        )
    uploaded, listed, saved, erased = told[listed_page]
    assert uploaded == [200, {"message": "Image uploaded successfully"}, True]
    assert [student["fecha_de_registro"] for student in listed[1]] == ["2026-11-21"]
    assert saved[1]["saved"] == 1 and erased[0] == 404 and erased[1]["code"] == "student_not_found"
    assert told[other_page] == ["blocked"] * 4


@on_sqlite
def test_interrupting_the_server_ends_it(serve: Serve) -> None:
    running = serve()
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(20) == 0


@on_sqlite
def test_the_walkthrough_of_attendance_goes_as_it_is_written(serve: Serve, command: Command, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    page = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    section = page.partition("### A walkthrough")[2].partition("\n## ")[0]
    script = "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))
    command("indexer", "add", SAMPLE / "students.csv")
    running = serve()
    script = script.replace("server=http://127.0.0.1:8000", f"server={running.address}")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    (tmp_path / "data_sample").symlink_to(SAMPLE)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert '"code"' not in done.stdout, done.stdout  # no answer was an error
    lines = {
        line["matricula"]: line for line in running.ask("/v1/attendance?clase=IA-102&fecha=2026-11-20")["attendance"]
    }
    assert (lines["A0241"]["status"], lines["A0241"]["note"]) == ("rejected", "era su hermana")
    assert (lines["A0283"]["status"], lines["A0283"]["source"]) == ("present", "hand")
    assert lines["A0278"]["source"] == "photo" and lines["A0288"]["status"] == "absent"
    assert len((tmp_path / "asistencia.csv").read_text().splitlines()) == len(lines) + 1
