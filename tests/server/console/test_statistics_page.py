"""The statistics page in a real browser: what each chart shows, where it leads, its table and its files."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from gallery.documents.access import Grant
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from server.access import administration
from tests.conftest import on_sqlite
from tests.server.conftest import Running, Serve
from tests.server.console.pages import complaints_of, violations
from tests.server.people import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

NAMES = {"A1": "Ana Ruiz", "A2": "Eva Sosa", "A3": "Luz Paz", "A4": "Sol Rey", "A5": "Paz Mar", "B1": "Leo Gil"}
MONDAY, TUESDAY, NEXT = "2025-03-03", "2025-03-04", "2025-03-10"
WHOLE = "period=all"
ADMIN = "admin-0123456789abcdef"


@pytest.fixture
def term(gallery: Gallery, client: FlaskClient) -> Gallery:
    """Two classes in an earlier year. IA met three times, IB (Leo, and Luz beside IA) once.

    =======  =======  =======  =============  ==============
    student  MONDAY   TUESDAY  NEXT (a session)  participations
    =======  =======  =======  =============  ==============
    Ana      present  present  late           2 on MONDAY
    Eva      present           excused        1 on NEXT
    Luz      present           present        1 on NEXT
    Sol
    Paz      present  present  present
    =======  =======  =======  =============  ==============
    """
    gallery.enrol(
        [
            Enrolment(Student(each, name, "IB" if each == "B1" else "IA", otras_clases=("IB",) * (each == "A3")), ())
            for each, name in NAMES.items()
        ]
    )
    there = {MONDAY: ("A1", "A2", "A3", "A5"), TUESDAY: ("A1", "A5")}
    for fecha, clase, matricula in [
        *((fecha, "IA", each) for fecha, several in there.items() for each in several),
        (MONDAY, "IB", "B1"),
    ]:
        said = {"matricula": matricula, "status": "present"}
        assert client.post(f"/v1/attendance?clase={clase}&fecha={fecha}", json=said).status_code == 201
    begun = client.post("/v1/sessions", json={"clase": "IA", "fecha": NEXT, "starts": "08:00"}).get_json()["id"]
    for matricula, status in (("A1", "late"), ("A2", "excused"), ("A3", "present"), ("A5", "present")):
        said = {"matricula": matricula, "status": status}
        assert client.post(f"/v1/sessions/{begun}/entries", json=said).status_code == 200
    for matricula, fecha in (("A1", MONDAY), ("A1", MONDAY), ("A2", NEXT), ("A3", NEXT)):
        said = {"matricula": matricula, "clase": "IA", "fecha": fecha}
        assert client.post("/v1/participations", json=said).status_code == 201
    return gallery


def option_of(page: "Page", chart: str) -> Any:
    """What a chart draws: its series and axes, from the library itself; None before it is drawn."""
    return page.evaluate(
        """async (id) => {
            const { getInstanceByDom } = await import("/console/libraries/charts.js");
            const element = document.getElementById(id);
            const option = (element && getInstanceByDom(element))?.getOption();
            if (!option?.series?.length) return null;
            const axes = (all) => (all ?? []).map(({ name, type, data }) => ({ name, type, data }));
            const series = option.series.map(({ type, name, data }) => ({ type, name, data }));
            return JSON.parse(JSON.stringify({ series, x: axes(option.xAxis), y: axes(option.yAxis) }));
        }""",
        chart,
    )


def drawn(page: "Page", chart: str) -> Any:
    """What a chart draws, once it does, and something is to be seen of it."""
    wait_until(lambda: option_of(page, chart) is not None)
    ink = page.evaluate(
        """(id) => {
            const canvas = document.querySelector(`#${id} canvas`);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let found = 0;
            for (let at = 3; at < data.length; at += 4) found += data[at] > 0;
            return found;
        }""",
        chart,
    )
    assert ink > 100, chart
    return option_of(page, chart)


def values(series: Any) -> list[Any]:
    return [each["value"] if isinstance(each, dict) else each for each in series["data"]]


def table(page: "Page", chart: str) -> list[list[str]]:
    """A chart's numbers as its table has them."""
    button = f"button[aria-controls={chart}-table]"
    if page.get_attribute(button, "aria-expanded") != "true":
        page.click(button)
    rows = page.locator(f"#{chart}-table tbody tr").all()
    return [row.locator("td").all_inner_texts() for row in rows]


def facts(page: "Page") -> list[str]:
    return page.locator("#facts dd").all_inner_texts()


def show(page: "Page", measure: str) -> None:
    page.click(f".measure button:has-text('{measure}')")
    page.wait_for_selector(f".measure button[aria-pressed=true]:has-text('{measure}')")


def place_of(page: "Page", chart: str, at: list[Any]) -> tuple[float, float]:
    """Where on the screen a place of a chart is, in the numbers or names of its axes."""
    page.locator(f"#{chart}").scroll_into_view_if_needed()
    x, y = page.evaluate(
        """async ([id, at]) => {
            const { getInstanceByDom } = await import("/console/libraries/charts.js");
            const element = document.getElementById(id);
            const [x, y] = getInstanceByDom(element).convertToPixel({ gridIndex: 0 }, at);
            const box = element.getBoundingClientRect();
            return [box.left + x, box.top + y];
        }""",
        [chart, at],
    )
    return float(x), float(y)


def press(page: "Page", chart: str, at: list[Any]) -> None:
    x, y = place_of(page, chart, at)
    page.mouse.move(x, y)
    page.mouse.click(x, y)


@on_sqlite
def test_all_classes_over_time_and_beside_each_other(term: Gallery, serve: Serve, page: "Page") -> None:
    complaints = complaints_of(page)
    page.goto(f"{serve().address}/#/statistics?{WHOLE}")
    rates = pytest.approx
    over_time = drawn(page, "school-time")
    assert over_time["x"][0]["data"] == [MONDAY, NEXT] and over_time["y"][0]["name"] == "Asistencia"
    assert values(over_time["series"][0]) == rates([7 / 12, 3 / 4])  # both classes; Eva is excused
    commitment = drawn(page, "commitment")["series"][0]
    assert sorted(each["value"] for each in commitment["data"]) == [
        [MONDAY, "IA", rates(0.6)],
        [MONDAY, "IB", rates(0.5)],
        [NEXT, "IA", rates(0.75)],
    ]
    assert [each["id"] for each in drawn(page, "means")["series"][0]["data"]] == ["IA", "IB"]
    assert values(drawn(page, "means")["series"][0]) == rates([9 / 14, 1 / 2])
    assert values(drawn(page, "sizes")["series"][0]) == [5, 2]
    bubbles = drawn(page, "bubbles")["series"][0]["data"]
    assert [(each["id"], each["value"]) for each in bubbles] == [
        ("IA", rates([9 / 14, 4 / 15])),
        ("IB", rates([0.5, 0])),
    ]
    boxes = values(drawn(page, "spread")["series"][0])
    assert boxes == [rates([0, 0.5, 2 / 3, 1, 1]), rates([0, 0.25, 0.5, 0.75, 1])]
    assert table(page, "means") == [["IA", "5", "3", "64%", "0.27"], ["IB", "2", "1", "50%", "0"]]
    assert table(page, "commitment") == [["IA", "60%", "75%"], ["IB", "50%", "–"]]

    show(page, "Participaciones")
    assert values(drawn(page, "school-time")["series"][0]) == rates([2 / 12, 2 / 5])
    assert drawn(page, "school-time")["y"][0]["name"] == "Participaciones por alumno y sesión"
    assert values(drawn(page, "means")["series"][0]) == rates([4 / 15, 0])
    assert values(drawn(page, "spread")["series"][0])[0] == rates([0, 0, 1 / 3, 1 / 3, 2 / 3])
    assert page.url.endswith(f"?{WHOLE}&show=participation")
    assert complaints == []


@on_sqlite
def test_a_class_meeting_by_meeting_and_by_student(term: Gallery, serve: Serve, page: "Page") -> None:
    complaints = complaints_of(page)
    page.goto(f"{serve().address}/#/statistics/class/IA?{WHOLE}")
    over_time = drawn(page, "class-time")
    assert {each["name"]: values(each) for each in over_time["series"]} == {
        "presente": [4, 2, 2],
        "tarde": [0, 0, 1],
        "justificado": [0, 0, 1],
        "ausente": [1, 3, 1],
    }
    assert [each[:10] for each in over_time["x"][0]["data"]] == [MONDAY, TUESDAY, NEXT]
    assert facts(page) == ["5", "3", "64%", "4", "0.27"]
    places = {each["id"]: each["value"] for each in drawn(page, "bubbles")["series"][0]["data"]}
    assert places == {
        "A1": [1, 2],
        "A2": [0.5, 1],
        "A3": [pytest.approx(2 / 3), 1],
        "A4": [0, 0],
        "A5": [1, 0],
    }
    spread = drawn(page, "spread")["series"]
    assert values(spread[0]) == [pytest.approx([0, 0.5, 2 / 3, 1, 1])]
    assert sorted(each["value"][0] for each in spread[1]["data"]) == pytest.approx([0, 0.5, 2 / 3, 1, 1])
    assert [each["id"] for each in drawn(page, "order")["series"][0]["data"]] == ["A4", "A2", "A3", "A1", "A5"]

    at = place_of(page, "class-time", [2, 1])
    page.mouse.move(*at)
    page.wait_for_selector("#class-time .tip:visible")
    said = page.locator("#class-time .tip > *").all_inner_texts()
    assert said[0].endswith("10 de marzo de 2025, 08:00") and said[1:] == [
        "presente: 2", "tarde: 1", "justificado: 1", "ausente: 1", "Asistencia: 75%", "Participaciones: 2",
    ]  # fmt: skip
    page.mouse.move(0, 0)

    show(page, "Participaciones")
    assert values(drawn(page, "class-time")["series"][0]) == [2, 0, 2]
    assert [(each["id"], each["value"]) for each in drawn(page, "order")["series"][0]["data"]] == [
        ("A1", 2), ("A3", 1), ("A2", 1), ("A5", 0), ("A4", 0),
    ]  # fmt: skip
    assert [row[:2] for row in table(page, "order")] == [
        ["Ana Ruiz", "1"], ["Luz Paz", "2"], ["Eva Sosa", "2"], ["Paz Mar", "4"], ["Sol Rey", "4"],
    ]  # fmt: skip
    assert complaints == []


@on_sqlite
def test_a_student_beside_the_class(term: Gallery, serve: Serve, page: "Page") -> None:
    complaints = complaints_of(page)
    page.goto(f"{serve().address}/#/statistics/student/A2?{WHOLE}")
    statuses, took_part = drawn(page, "own-time")["series"]
    assert [each[1] for each in values(statuses)] == ["present", "absent", "excused"]
    assert values(took_part) == [0, 0, 1]
    own, of_class = drawn(page, "own-course")["series"]
    assert values(own) == [1, 0.5, 0.5]
    assert values(of_class) == pytest.approx([0.8, 0.6, (0.8 + 0.4 + 0.75) / 3])
    beside = [values(each)[0] for each in drawn(page, "beside")["series"]]
    assert beside == pytest.approx([0.5, 9 / 14, 1, 4 / 5])
    assert [(each["id"], each["value"]) for each in drawn(page, "neighbours")["series"][0]["data"]] == [
        ("A1", 2), ("A3", 1), ("A2", 1), ("A5", 0), ("A4", 0),
    ]  # fmt: skip
    assert facts(page) == ["1 de 2", "50%", "64%", "1", "0.8", "2 de 5"]
    assert table(page, "own-time")[2][1:] == ["justificado", "1", "75%"]
    page.select_option("#student", label="Luz Paz")
    page.wait_for_selector("h2.what:has-text('Luz Paz')")
    page.click(".tabs a:has-text('IB')")
    page.wait_for_selector(".tabs a[aria-current]:has-text('IB')")
    wait_until(lambda: page.locator("#facts dd").first.inner_text() == "0 de 1")
    assert page.url.endswith(f"/student/A3?{WHOLE}&clase=IB")
    assert complaints == []


@on_sqlite
def test_a_chart_leads_to_the_class_and_to_the_student(term: Gallery, serve: Serve, page: "Page") -> None:
    page.goto(f"{serve().address}/#/statistics?{WHOLE}")
    drawn(page, "means")
    press(page, "means", [0.3, "IA"])
    page.wait_for_selector("h2.what:has-text('IA')")
    assert page.url.endswith(f"#/statistics/class/IA?{WHOLE}")
    drawn(page, "bubbles")
    press(page, "bubbles", [0.5, 1])
    page.wait_for_selector("h2.what:has-text('Eva Sosa')")
    page.go_back()
    page.wait_for_selector("h2.what:has-text('IA')")
    table(page, "order")
    page.click("#order-table a:has-text('Sol Rey')")
    page.wait_for_selector("h2.what:has-text('Sol Rey')")
    page.focus("#clase")
    page.select_option("#clase", "IB")
    page.wait_for_selector("h2.what:has-text('IB')")
    assert page.evaluate("document.activeElement.id") == "clase"  # the keyboard stays where it was
    page.click(".trail a")
    page.wait_for_selector("#means canvas")


@on_sqlite
def test_charts_are_saved_as_numbers_and_as_a_picture_to_print(term: Gallery, serve: Serve, page: "Page") -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(f"{serve().address}/#/statistics/class/IA?{WHOLE}")
    drawn(page, "class-time")

    def saved(chart: str, kind: str) -> tuple[str, Path]:
        with page.expect_download() as download:
            page.click(f"section[aria-labelledby={chart}-title] button:has-text('{kind}')")
        return download.value.suggested_filename, Path(download.value.path())

    name, path = saved("class-time", "CSV")
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert name == "sesiones-IA.csv" and [row["present"] for row in rows] == ["4", "2", "2"]
    name, path = saved("order", "CSV")
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert name == "alumnos-IA.csv" and [row["matricula"] for row in rows] == ["A1", "A3", "A2", "A5", "A4"]
    for chart in ("class-time", "bubbles", "spread", "order"):
        name, path = saved(chart, "PNG")
        picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
        assert name == f"{chart}.png" and picture.shape[1] == 2000
        assert (picture[0, 0] == 255).all()  # light, though the page is dark
        title, below = picture[:168], picture[168:]
        assert (title.sum(axis=2) < 300).any() and (np.ptp(below, axis=2) > 100).mean() > 0.001  # words, colours
    page.click("header nav a:has-text('Estadísticas')")
    page.wait_for_selector("#order-title", state="detached")  # of the class
    page.select_option("#period", "all")
    drawn(page, "commitment")
    _, path = saved("commitment", "CSV")
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert [(row["clase"], row["monday"]) for row in rows] == [("IA", MONDAY), ("IA", NEXT), ("IB", MONDAY)]


@on_sqlite
def test_dates_without_a_session_say_what_to_do(term: Gallery, serve: Serve, page: "Page") -> None:
    page.goto(f"{serve().address}/#/statistics")
    page.wait_for_selector(".empty:has-text('No hay ninguna sesión en estas fechas')")
    assert values(drawn(page, "sizes")["series"][0]) == [5, 2]  # who is in a class does not depend on dates
    page.click("text=Ver todas las fechas")
    drawn(page, "school-time")
    page.select_option("#period", "dates")
    page.fill("#desde", TUESDAY)
    page.fill("#hasta", TUESDAY)
    wait_until(lambda: values(drawn(page, "means")["series"][0]) == [0.4])
    assert f"desde={TUESDAY}&hasta={TUESDAY}" in page.url
    page.fill("#hasta", MONDAY)  # before it begins
    page.wait_for_selector(".empty.wrong:has-text('La fecha no es válida')")
    page.fill("#hasta", TUESDAY)
    drawn(page, "means")
    show(page, "Participaciones")
    press(page, "sizes", [2, "IA"])
    page.wait_for_selector("section:has(#class-time-title) .empty:has-text('No hay participaciones')")


@on_sqlite
def test_charts_speak_both_languages_fit_a_phone_and_are_accessible(term: Gallery, serve: Serve, page: "Page") -> None:
    running = serve()
    complaints = complaints_of(page)
    places = {"statistics": "commitment", "statistics/class/IA": "order", "statistics/student/A1": "neighbours"}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            for place, chart in places.items():
                page.goto(f"{running.address}/#/{place}?{WHOLE}")
                page.reload()
                drawn(page, chart)
                table(page, chart)
                assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (place, width)
                assert violations(page) == [], (place, width, scheme)
    assert (page.get_attribute("#neighbours", "aria-label") or "").startswith("Su lugar en la clase. Lugar 1 de 5")
    page.click("#language")
    page.wait_for_selector("#neighbours[aria-label^='Rank in the class. Rank 1 of 5']")
    page.goto(f"{running.address}/#/statistics/class/IA?{WHOLE}")
    wait_until(lambda: drawn(page, "class-time")["series"][0]["name"] == "present")
    assert drawn(page, "class-time")["y"][0]["name"] == "Students"
    assert complaints == []


@on_sqlite
def test_a_school_of_many_classes_shows_the_first_ones_until_all_are_asked_for(
    gallery: Gallery, serve: Serve, page: "Page"
) -> None:
    gallery.enrol([Enrolment(Student(f"M{n}", f"Nombre {n}", f"CLASE-{n % 30:02}"), ()) for n in range(45)])
    page.goto(f"{serve().address}/#/statistics")
    shown = drawn(page, "sizes")
    assert len(shown["y"][0]["data"]) == 20 and values(shown["series"][0])[:16] == [2] * 15 + [1]
    before = page.locator("#sizes").bounding_box()
    page.click("text=Mostrar todos: 30")
    wait_until(lambda: len(option_of(page, "sizes")["y"][0]["data"]) == 30)
    after = page.locator("#sizes").bounding_box()
    assert before and after and after["height"] > before["height"] * 1.2
    assert len(table(page, "sizes")) == 30


def enter(running: Running, page: "Page", text: str, place: str) -> None:
    """Open a page with a key."""
    page.goto(f"{running.address}/#/{place}")
    page.evaluate("key => sessionStorage.setItem('presente.key', key)", text)
    page.reload()


@on_sqlite
def test_each_role_sees_its_own_part(term: Gallery, serve: Serve, page: "Page") -> None:
    granted = {
        "teacher": Grant(AccessRole.TEACHER, frozenset({"IB"})),
        "viewer": Grant(AccessRole.VIEWER),
        "student": Grant(AccessRole.STUDENT, frozenset(), "A3"),
    }
    keys = {name: administration.add_key(term.store.access, name, grant)[1] for name, grant in granted.items()}
    running = serve(PRESENTE_API_KEYS=f"admin:{ADMIN}")
    enter(running, page, keys["teacher"], f"statistics?{WHOLE}")
    assert [each["id"] for each in drawn(page, "sizes")["series"][0]["data"]] == ["IB"]
    page.goto(f"{running.address}/#/statistics/class/IA?{WHOLE}")
    page.wait_for_selector(".empty.wrong:has-text('Esa clase no es suya')")
    enter(running, page, keys["viewer"], f"statistics?{WHOLE}")
    assert [each["id"] for each in drawn(page, "sizes")["series"][0]["data"]] == ["IA", "IB"]
    enter(running, page, keys["student"], f"statistics/student/A1?{WHOLE}")
    page.wait_for_selector("h2.what:has-text('Luz Paz')")
    drawn(page, "own-time")
    page.select_option("#period", "month")
    page.wait_for_selector(".empty:has-text('Elija otras fechas')")
    assert page.locator(".empty a").all_inner_texts() == ["Ver todas las fechas"]
    page.click("text=Ver todas las fechas")
    drawn(page, "own-time")
    assert page.locator("#clase, #student, #neighbours, .trail").count() == 0
    assert page.locator("header nav a:has-text('Estadísticas')").count() == 1
