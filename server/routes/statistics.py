"""``/v1/statistics``: what attendance and participation add up to, by class, meeting and student."""

from __future__ import annotations

from flask import Blueprint, Response, request

from gallery.documents.access_log import AccessAction
from server.access.permissions import Permission, needs
from server.access_log.concerned import in_path, which_class, which_list
from server.access_log.declaration import logged
from server.error_codes import GALLERY, SCOPED
from server.operations.statistics import (
    class_statistics,
    classes_page,
    every_class,
    every_week,
    student_statistics,
    weeks_page,
)
from server.requests.cursors import name_place
from server.requests.statistics import (
    CLASSES_PER_PAGE,
    ClassesStatisticsParameters,
    ClassStatisticsParameters,
    StatisticsParameters,
    WeeksStatisticsParameters,
    dates_of,
    wants_csv,
)
from server.responses.statistics import (
    ClassesStatisticsReply,
    ClassStatisticsReply,
    StudentStatisticsReply,
    WeeksStatisticsReply,
    class_statistics_reply,
    classes_statistics_reply,
    student_statistics_reply,
    weeks_statistics_reply,
)
from server.responses.statistics_csv import class_csv, classes_csv, student_csv, weeks_csv
from server.responses.streaming import streamed
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("statistics", __name__, url_prefix="/v1/statistics")
_NAMED = {"Content-Disposition": "attachment; filename=estadisticas.csv"}


@bp.get("/classes")
@needs(Permission.STATISTICS)
@answers(ClassesStatisticsReply, streams="text/csv", refuses=GALLERY | {"invalid_cursor", "unknown_parameter"})
@logged(AccessAction.READ, detail=which_list)
def classes(parameters: ClassesStatisticsParameters) -> ClassesStatisticsReply | Response:
    """Each class in sum: students, meetings, attendance, participation, and how students differ."""
    which, gallery = dates_of(parameters), service().gallery
    if wants_csv(parameters, request):
        return streamed(classes_csv(every_class(gallery, which)), "text/csv", **_NAMED)
    page = classes_page(gallery, which, name_place(parameters), parameters.limit or CLASSES_PER_PAGE)
    return classes_statistics_reply(page, which, parameters)


@bp.get("/classes/<path:clase>")
@needs(Permission.STATISTICS)
@answers(ClassStatisticsReply, streams="text/csv", refuses=GALLERY | SCOPED | {"class_not_found"})
@logged(AccessAction.READ, detail=which_class)
def of_class(clase: str, parameters: ClassStatisticsParameters) -> ClassStatisticsReply | Response:
    """One class: over time, and by student with the ranking."""
    which = dates_of(parameters)
    found = class_statistics(service().gallery, clase, which)
    if wants_csv(parameters, request):
        return streamed(class_csv(found, parameters.table), "text/csv", **_NAMED)
    return class_statistics_reply(found, which)


@bp.get("/weeks")
@needs(Permission.STATISTICS)
@answers(WeeksStatisticsReply, streams="text/csv", refuses=GALLERY | {"invalid_cursor", "unknown_parameter"})
@logged(AccessAction.READ, detail=which_list)
def weeks(parameters: WeeksStatisticsParameters) -> WeeksStatisticsReply | Response:
    """Each class week by week: meetings, attendance and participation."""
    which, gallery = dates_of(parameters), service().gallery
    if wants_csv(parameters, request):
        return streamed(weeks_csv(every_week(gallery, which)), "text/csv", **_NAMED)
    page, following = weeks_page(gallery, which, name_place(parameters), parameters.limit or CLASSES_PER_PAGE)
    return weeks_statistics_reply(page, following, which, parameters)


@bp.get("/students/<matricula>")
@needs(Permission.READ)
@answers(StudentStatisticsReply, streams="text/csv", refuses=GALLERY | {"student_not_found"})
@logged(AccessAction.READ, about=in_path)
def of_student(matricula: str, parameters: StatisticsParameters) -> StudentStatisticsReply | Response:
    """One student by class and meeting, with the class beside it."""
    which = dates_of(parameters)
    stored, of_classes = student_statistics(service().gallery, matricula, which)
    if wants_csv(parameters, request):
        return streamed(student_csv(stored, of_classes), "text/csv", **_NAMED)
    return student_statistics_reply(stored, of_classes, which)
