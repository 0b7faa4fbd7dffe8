"""The charts of the first system's page: each route answers with the base64 of a PNG, and nothing else, as text."""

from __future__ import annotations

import base64
from collections.abc import Callable

from flask import Response, g

from gallery.documents.access_log import AccessAction
from server.access.permissions import Permission, accepts_own_page, needs
from server.access_log.declaration import AccessNote, logged
from server.error_codes import GALLERY, SCOPED
from server.legacy.blueprint import bp
from server.legacy.requests import ChartOfClass, ChartOfStudent
from server.operations.first_page import class_numbers, numbers_beside, numbers_of_class, numbers_of_student
from server.routes.common import service
from server.typed_routes import answers

_OF_NAME = GALLERY | {"ambiguous_name", "student_not_found"}


@bp.get("/generate_heatmap")
@needs(Permission.STATISTICS)
@answers(str, streams="text/plain", refuses=GALLERY)
@logged(AccessAction.READ, of_stream=AccessAction.READ)
def generate_heatmap() -> Response:
    """A chart: attendance and participation per student, by class."""
    from server.charts.school_charts import heatmap

    return _as_text(lambda: heatmap(class_numbers(service().gallery)))


@bp.get("/generate_bubble_chart")
@needs(Permission.STATISTICS)
@answers(str, streams="text/plain", refuses=GALLERY)
@logged(AccessAction.READ, of_stream=AccessAction.READ)
def generate_bubble_chart() -> Response:
    """A chart: participation against attendance, by student."""
    from server.charts.school_charts import bubbles

    return _as_text(lambda: bubbles(class_numbers(service().gallery)))


@bp.get("/generate_pie_chart")
@needs(Permission.STATISTICS)
@answers(str, streams="text/plain", refuses=GALLERY)
@logged(AccessAction.READ, of_stream=AccessAction.READ)
def generate_pie_chart() -> Response:
    """A chart: how many students each class has."""
    from server.charts.school_charts import pie

    return _as_text(lambda: pie(class_numbers(service().gallery)))


@bp.post("/generate_class_specific_bar_chart")
@needs(Permission.STATISTICS)
@accepts_own_page
@answers(str, streams="text/plain", refuses=GALLERY | SCOPED | {"class_not_found"})
@logged(AccessAction.READ, of_stream=AccessAction.READ)
def generate_class_specific_bar_chart(body: ChartOfClass) -> Response:
    """A chart: attendance and participation per student of a class."""
    from server.charts.class_charts import class_means

    return _as_text(lambda: class_means(numbers_of_class(service().gallery, body.className)))


@bp.post("/generate_class_participation_box_plot")
@needs(Permission.STATISTICS)
@accepts_own_page
@answers(str, streams="text/plain", refuses=GALLERY | SCOPED | {"class_not_found"})
@logged(AccessAction.READ, of_stream=AccessAction.READ)
def generate_class_participation_box_plot(body: ChartOfClass) -> Response:
    """A chart: how often the students of a class took part."""
    from server.charts.class_charts import class_spread

    return _as_text(lambda: class_spread(numbers_of_class(service().gallery, body.className)))


@bp.post("/generate_student_attendance_bar_chart")
@needs(Permission.READ)
@accepts_own_page
@answers(str, streams="text/plain", refuses=_OF_NAME)
@logged(AccessAction.READ, of_stream=AccessAction.READ)
def generate_student_attendance_bar_chart(body: ChartOfStudent) -> Response:
    """A chart: one student's attendance and participation, beside the class."""
    from server.charts.student_charts import student_bars

    found = numbers_of_student(service().gallery, body.className)
    g.access_note = AccessNote(AccessAction.READ, (found.matricula,))
    return _as_text(lambda: student_bars(found.own, found.of_class))


@bp.post("/generate_student_ranking_bar_graph")
@needs(Permission.STATISTICS)
@accepts_own_page
@answers(str, streams="text/plain", refuses=_OF_NAME | {"class_not_found"})
@logged(AccessAction.READ, of_stream=AccessAction.READ)
def generate_student_ranking_bar_graph(body: ChartOfStudent) -> Response:
    """A chart: a student among those who are next in the ranking of the class."""
    from server.charts.student_charts import ranking

    found = numbers_beside(service().gallery, body.className)
    g.access_note = AccessNote(AccessAction.READ, (found.matricula,))
    return _as_text(lambda: ranking(found.places, found.of_class))


def _as_text(draw: Callable[[], bytes]) -> Response:
    return Response(base64.b64encode(draw()), mimetype="text/plain", headers={"Cache-Control": "private, no-store"})
