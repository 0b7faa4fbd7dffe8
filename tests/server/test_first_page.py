"""The first system's page, from its public contract: every call as it makes it, and what it does with the answer.

It knows of no cookie, key or token: a browser adds the cookie, because the page comes from the same server.
"""

import base64
import io
import json
import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from faces.embedder import FaceEmbedder
from gallery.documents.access import Grant
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from tests.conftest import SAMPLE, Command, on_sqlite
from tests.server.conftest import Reply, Running, Serve
from tests.server.console.films import filmed_page, framed
from tests.server.people import PASSWORD, guarded_app, key_of, logged_in, presente_at, wait_until
from tests.server.sample import ANA, EVA, problem, upload

WHOLE_SCHOOL = ("heatmap", "bubble_chart", "pie_chart")
OF_CLASS = ("class_specific_bar_chart", "class_participation_box_plot")
OF_STUDENT = ("student_attendance_bar_chart", "student_ranking_bar_graph")
CONSENT = {"fecha": "2026-08-01", "texto": "aviso de privacidad 3"}
INVALID = {"component": "InvalidLogin"}


class FirstPage:
    """A browser that shows the page: what ``fetch`` sends from it, with the cookies of the server it came from."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._origin = running.address.replace("127.0.0.1", "localhost")
        self._cookies: dict[str, str] = {}

    def fetch(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Reply:
        headers = {"Host": self._origin.removeprefix("http://"), "Accept": "*/*", "Sec-Fetch-Site": "same-origin"}
        if method == "POST":  # browsers name the page's origin then
            headers |= {"Origin": self._origin, "Content-Type": kind}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        reply = self._running.fetch(method, path, body, **headers)
        for line in reply.headers.get_all("Set-Cookie", []):
            self._cookies |= {name: found.value for name, found in SimpleCookie(line).items()}
        return reply

    def post(self, path: str, **said: Any) -> Reply:
        return self.fetch("POST", path, json.dumps(said).encode())

    def put(self, path: str, said: Any) -> Reply:
        """What the console sends, with the session's token."""
        token = self.fetch("GET", "/v1/session").json["csrf_token"]
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Cookie": cookie, "X-CSRF-Token": token, "Content-Type": "application/json"}
        return self._running.fetch("PUT", path, json.dumps(said).encode(), **headers)

    def login(self, email: str, password: str = PASSWORD) -> Any:
        """Which component the page shows then."""
        return self.post("/login", email=email, password=password).json["component"]

    def picture(self, reply: Reply) -> Image.Image:
        """What ``<img src="data:image/png;base64,...">`` shows: the text goes there as it is."""
        assert reply.status == 200 and reply.headers.get_content_type() == "text/plain", reply.body
        return drawn(reply.body.decode())


def drawn(text: str) -> Image.Image:
    """A picture from bare base64, which has to show something."""
    assert re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", text), text[:200]
    picture = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
    picture.load()
    assert picture.format == "PNG" and picture.width == 900 and 300 <= picture.height <= 1300
    grey = picture.convert("L")
    ink = sum(grey.histogram()[:200]) / (picture.width * picture.height)
    assert 0.003 < ink < 0.9, ink
    return picture


def test_every_call_of_the_page_is_answered_as_it_expects(
    serve: Serve, environment: dict[str, str], tmp_path: Path
) -> None:
    for name, *more in (("direccion@escuela.mx", "admin"), ("ruiz@escuela.mx", "teacher", "--clase", ANA["clase"])):
        made = presente_at(tmp_path, environment, "users", "add", name, "--role", *more, typed=PASSWORD)
        assert made.returncode == 0, made.stderr
    page = FirstPage(serve(PRESENTE_ACCOUNTS="on", PRESENTE_CONSENT="required"))

    assert page.fetch("GET", "/get-students").status == 401
    refused = page.post("/login", email="direccion@escuela.mx", password="no es esta")
    assert refused.status == 401 and refused.json["component"] == "InvalidLogin" and refused.json["message"]
    assert page.login("direccion@escuela.mx") == "FirstComponent"

    without = page.post("/upload", **upload(ANA))
    assert without.status == 422 and without.json["code"] == "consent_missing" and without.json["error"]
    for student in (ANA, EVA):
        stored = page.post("/upload", **upload(student, consentimiento=CONSENT))
        assert (stored.status, stored.json) == (200, {"message": "Image uploaded successfully"})

    students = page.fetch("GET", "/get-students").json
    assert len({each["_id"] for each in students}) == 2 and all(isinstance(each["_id"], str) for each in students)
    for each in students:  # what the page's table, its search and its sorting read
        assert each["nombre_del_alumno"].lower() and each["clase"].lower() and each["matricula"]
        assert each["fecha_de_registro"] and each["asistencias"] == each["participaciones"] == 0

    assert page.login("ruiz@escuela.mx") == "SecondComponent"
    for chart in WHOLE_SCHOOL:
        page.picture(page.fetch("GET", f"/generate_{chart}"))
    for chart in OF_CLASS:
        page.picture(page.post(f"/generate_{chart}", className=ANA["clase"]))
    for chart in OF_STUDENT:
        page.picture(page.post(f"/generate_{chart}", className=ANA["nombre_del_alumno"]))

    form = (
        b'--x\r\nContent-Disposition: form-data; name="video"; filename="blob"\r\n\r\n' + bytes(200_000) + b"\r\n--x--"
    )
    for path in ("/upload-assistance", "/upload-parti"):
        video = page.fetch("POST", path, form, "multipart/form-data; boundary=x")
        assert video.status == 409 and video.json["code"] == "no_session" and video.json["message"]
    assert page.post("/upload", **upload(ANA, consentimiento=CONSENT)).json["code"] == "role_not_enough"


@on_sqlite
def test_without_accounts_the_page_is_the_local_users(serve: Serve) -> None:
    page = FirstPage(serve())
    assert page.login("quien sea", "lo que sea") == "FirstComponent"
    assert page.post("/upload", **upload(ANA)).status == 200
    page.picture(page.fetch("GET", "/generate_heatmap"))


@on_sqlite
def test_the_build_is_served_beside_its_calls(serve: Serve, tmp_path: Path) -> None:
    build = tmp_path / "out"
    files = {
        "index.html": "<title>Inicio</title>", "alumnos.html": "<title>Alumnos</title>", "graficas/index.html": "g",
        "_next/static/a.js": "1", "logo.png": "p",
    }  # fmt: skip
    for name, text in files.items():
        (build / name).parent.mkdir(parents=True, exist_ok=True)
        (build / name).write_text(text)
    (tmp_path / "secret.txt").write_text("no es de la página")
    running = serve(PRESENTE_ACCOUNTS="on", PRESENTE_FIRST_PAGE=str(build))
    for path, name in (
        ("/first/", "index.html"), ("/first/alumnos", "alumnos.html"), ("/first/graficas/", "graficas/index.html"),
        ("/first/logo.png", "logo.png"), ("/_next/static/a.js", "_next/static/a.js"),
        ("/first/_next/static/a.js", "_next/static/a.js"),
    ):  # fmt: skip
        reply = running.fetch("GET", path)
        assert (reply.status, reply.body.decode()) == (200, files[name])
        assert "default-src 'self'" in reply.headers["Content-Security-Policy"]
        assert "RateLimit" not in reply.headers
    assert running.fetch("GET", "/first").headers["Location"].endswith("/first/")
    for path in ("/first/no", "/first/../secret.txt", "/first/%2e%2e/secret.txt", "/_next/../../secret.txt"):
        assert running.fetch("GET", path).status in (400, 401, 404)
    assert serve().fetch("GET", "/first/").json["code"] == "not_found"


BUILD = """<!doctype html><title>Primera página</title><pre id=done></pre><script src="/_next/page.js"></script>"""
SCRIPT = """
const server = `http://localhost:${location.port}`;
const json = (body) => ({method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
const shows = (text) => new Promise((good) => {
  const img = new Image();
  img.onload = () => good(img.naturalWidth);
  img.onerror = () => good(0);
  img.src = `data:image/png;base64,${text}`;
});
async function run({email, password, clase, name}) {
  const seen = {};
  const said = await fetch(`${server}/login`, json({email, password})).then((reply) => reply.json());
  seen.component = said.component;
  seen.students = (await fetch(`${server}/get-students`).then((reply) => reply.json())).map((each) => each._id).length;
  for (const chart of ["heatmap", "bubble_chart", "pie_chart"])
    seen[chart] = await shows(await fetch(`${server}/generate_${chart}`).then((reply) => reply.text()));
  const asked = {class_specific_bar_chart: clase, class_participation_box_plot: clase,
                 student_attendance_bar_chart: name, student_ranking_bar_graph: name};
  for (const [chart, className] of Object.entries(asked))
    seen[chart] = await shows(await fetch(`${server}/generate_${chart}`, json({className})).then((got) => got.text()));
  const form = new FormData();
  form.append("video", await recorded(3000), "recorded-video.webm");
  const video = await fetch(`${server}/upload-parti`, {method: "POST", body: form});
  seen.video = [video.status, (await video.json()).message];
  return seen;
}
async function recorded(ms) {
  const stream = await navigator.mediaDevices.getUserMedia({video: true});
  const recorder = new MediaRecorder(stream), parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.start();
  await new Promise((good) => setTimeout(good, ms));
  await new Promise((good) => { recorder.onstop = good; recorder.stop(); });
  stream.getTracks().forEach((track) => track.stop());
  return new Blob(parts, {type: "video/webm"});
}
"""


@on_sqlite
def test_a_browser_that_shows_the_page_gets_its_pictures(
    serve: Serve, environment: dict[str, str], tmp_path: Path, command: Command
) -> None:
    """Chromium, the page on its own server, and a session that the page knows nothing of; a recording by its camera."""
    for name, role in (("direccion@escuela.mx", "admin"),):
        assert presente_at(tmp_path, environment, "users", "add", name, "--role", role, typed=PASSWORD).returncode == 0
    (tmp_path / "out" / "_next").mkdir(parents=True)
    (tmp_path / "out" / "index.html").write_text(BUILD)
    (tmp_path / "out" / "_next" / "page.js").write_text(SCRIPT)
    running = serve(PRESENTE_ACCOUNTS="on", PRESENTE_FIRST_PAGE=str(tmp_path / "out"))
    setup = FirstPage(running)
    setup.login("direccion@escuela.mx")
    for student in (ANA, EVA):
        assert setup.post("/upload", **upload(student)).status == 200
    timetable = {"meetings": [{"weekday": day, "starts": "00:00"} for day in range(1, 8)]}
    assert setup.put(f"/v1/classes/{ANA['clase']}/timetable", timetable).status == 200
    who = {"email": "direccion@escuela.mx", "password": PASSWORD}
    with filmed_page(tmp_path, framed(SAMPLE / "probes" / ANA["matricula"] / "1.jpg", 300)) as page:
        page.goto(running.address.replace("127.0.0.1", "localhost") + "/first/")
        seen = page.evaluate("(given) => run(given)", who | {"clase": ANA["clase"], "name": ANA["nombre_del_alumno"]})
    charts = dict.fromkeys((*WHOLE_SCHOOL, *OF_CLASS, *OF_STUDENT), 900)
    video = [202, "Participaciones actualizadas"]
    assert seen == {"component": "FirstComponent", "students": 2, "video": video, **charts}

    def roll() -> Any:
        return setup.fetch("GET", "/v1/sessions/1").json["roll"]

    wait_until(lambda: {line["status"] for line in roll() if line["matricula"] == ANA["matricula"]} == {"present"})
    assert [line["matricula"] for line in roll() if line["status"] != "absent"] == [ANA["matricula"]]
    wait_until(lambda: not list((tmp_path / "var" / "films").iterdir()))  # the recording is gone


@pytest.fixture
def people(gallery: Gallery) -> Gallery:
    """Ten students of two classes, of whom two have one name, and one with numbers of an earlier system."""
    students = [Student(f"A{number}", f"Alumno {number}", "IA" if number < 7 else "IB") for number in range(1, 10)]
    students.append(Student("A10", "  alumno 9 ", "IA", asistencias_previas=12, participaciones_previas=30))
    gallery.enrol([Enrolment(student, ()) for student in students])
    return gallery


def test_a_name_of_two_students_is_refused_and_a_matricula_taken(people: Gallery, client: FlaskClient) -> None:
    for chart in OF_STUDENT:
        refused = client.post(f"/generate_{chart}", json={"className": "Alumno 9"})
        detail = problem(refused, 409, "ambiguous_name")
        assert "A10, A9" in detail and refused.get_json()["error"] == refused.get_json()["message"] == detail
        drawn(client.post(f"/generate_{chart}", json={"className": "A9"}).text)
        drawn(client.post(f"/generate_{chart}", json={"className": "alumno 3"}).text)
        problem(client.post(f"/generate_{chart}", json={"className": "Alumno"}), 404, "student_not_found")
    for chart in OF_CLASS:
        problem(client.post(f"/generate_{chart}", json={"className": "IZ"}), 404, "class_not_found")
        problem(client.post(f"/generate_{chart}", json={}), 400, "missing_field")


def test_charts_show_what_was_counted(people: Gallery, client: FlaskClient) -> None:
    """The same chart of the same numbers is the same picture; what was recorded changes it."""
    asked = {chart: {"className": "IA"} for chart in OF_CLASS} | {
        chart: {"className": "Alumno 3"} for chart in OF_STUDENT
    }

    def pictures() -> dict[str, str]:
        whole = {chart: client.get(f"/generate_{chart}").text for chart in WHOLE_SCHOOL}
        return whole | {chart: client.post(f"/generate_{chart}", json=body).text for chart, body in asked.items()}

    before = pictures()
    assert before == pictures()
    for fecha in ("2026-11-16", "2026-11-17"):
        said = client.post(f"/v1/attendance?clase=IA&fecha={fecha}", json={"matricula": "A3"})
        took = client.post("/v1/participations", json={"matricula": "A3", "clase": "IA", "fecha": fecha})
        assert said.status_code == took.status_code == 201
    after = pictures()
    changed = {chart for chart in before if before[chart] != after[chart]}
    assert changed == before.keys() - {"pie_chart"}
    for text in after.values():
        drawn(text)


def test_charts_of_an_empty_school_say_so(client: FlaskClient) -> None:
    for chart in WHOLE_SCHOOL:
        drawn(client.get(f"/generate_{chart}").text)


@pytest.fixture
def browser(people: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> Iterator[tuple[FlaskClient, dict[str, str]]]:
    with guarded_app(people, embedder, tmp_path) as app:
        yield logged_in(app, people, "ruiz", Grant(AccessRole.TEACHER, frozenset({"IB"})))


@on_sqlite
def test_only_the_servers_own_page_needs_no_token(browser: tuple[FlaskClient, dict[str, str]]) -> None:
    client, token = browser
    path, body = "/generate_class_specific_bar_chart", {"className": "IB"}
    problem(client.post(path, json=body), 403, "wrong_csrf_token")
    problem(client.post(path, json=body, headers={"Origin": "http://evil.example"}), 403, "foreign_origin")
    problem(client.post(path, json=body, headers={"Origin": "null"}), 403, "foreign_origin")
    assert client.post(path, json=body, headers={"Origin": "http://localhost"}).status_code == 200
    assert client.post(path, json=body, headers=token).status_code == 200
    said = {"matricula": "A9", "clase": "IB"}
    own = {"Origin": "http://localhost"}
    problem(client.post("/v1/participations", json=said, headers=own), 403, "wrong_csrf_token")


@on_sqlite
def test_a_teacher_and_a_student_see_charts_of_their_own(
    browser: tuple[FlaskClient, dict[str, str]], people: Gallery
) -> None:
    teacher, token = browser
    problem(
        teacher.post("/generate_class_specific_bar_chart", json={"className": "IA"}, headers=token),
        403,
        "class_not_yours",
    )
    own = teacher.post("/generate_student_ranking_bar_graph", json={"className": "Alumno 9"}, headers=token)
    drawn(own.text)  # the other one of that name is in no class of this teacher
    app = teacher.application
    student = key_of(app, people, "a9", Grant(AccessRole.STUDENT, frozenset(), "A9"))
    asked = {"json": {"className": "Alumno 9"}, "headers": student}
    drawn(app.test_client().post("/generate_student_attendance_bar_chart", **asked).text)
    problem(app.test_client().post("/generate_student_ranking_bar_graph", **asked), 403, "role_not_enough")
    other = {"json": {"className": "Alumno 3"}, "headers": student}
    problem(app.test_client().post("/generate_student_attendance_bar_chart", **other), 404, "student_not_found")


def test_members_that_the_page_may_send_besides_are_passed_over(people: Gallery, client: FlaskClient) -> None:
    drawn(client.post("/generate_class_specific_bar_chart", json={"className": "IA", "theme": "dark"}).text)
    said = client.post("/login", json={"email": "a", "password": "b", "remember": True})
    assert said.get_json() == {"component": "FirstComponent"}


@on_sqlite
def test_a_page_cannot_log_in_where_only_keys_are(serve: Serve) -> None:
    page = FirstPage(serve(PRESENTE_API_KEYS="admin:" + "k" * 40))
    reply = page.post("/login", email="a", password="b")
    assert reply.status == 404 and reply.json["code"] == "accounts_off" and reply.json["component"] == "InvalidLogin"
