"""``/v1/sessions``: the meetings of a class, and who was there."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from gallery.documents.access_log import AccessAction
from server import threshold_policy
from server.access.permissions import Permission, needs
from server.access_log.concerned import in_roll, of_session, recognised_in_photos, which_list
from server.access_log.declaration import logged
from server.body_sizes import FILM, PHOTOS, takes
from server.error_codes import FILMS, GALLERY, JUDGED, KEYED, PHOTO, SCOPED
from server.idempotency import KeyedRequest
from server.operations.films import film_jobs, send_film, start_of
from server.operations.session_films import shown_evidence
from server.operations.session_photos import photo_copy, take_session_photos
from server.operations.sessions import (
    begin_session,
    change_session,
    record_statement,
    session_roll,
    sessions_page,
    take_back,
)
from server.requests.films import FilmParameters, SentFilm
from server.requests.json_body import json_value
from server.requests.parameters import read_parameters
from server.requests.photos import NoFields, SentPhotos
from server.requests.sessions import (
    NewSession,
    RollParameters,
    SessionChanges,
    SessionListParameters,
    SessionPhotoParameters,
    SessionStatement,
    UndoRequest,
    given_changes,
    moodle_acronyms,
)
from server.responses.jobs import JobJson, SessionFilmsReply, job_json
from server.responses.roll_files import XLSX, roll_csv, roll_moodle, roll_xlsx
from server.responses.session_photos import (
    SessionPhotoListReply,
    SessionPhotosReply,
    session_photo_list_reply,
    session_photos_reply,
)
from server.responses.sessions import (
    ClassSessionJson,
    ClassSessionListReply,
    ClassSessionReply,
    RollChangeReply,
    roll_change_reply,
    session_json,
    session_list_reply,
    session_reply,
)
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("sessions", __name__, url_prefix="/v1/sessions")
_READING = GALLERY | {"session_not_found"}
_WRITING = _READING | KEYED | {"session_closed", "student_not_found"}


def _names_callers() -> bool:
    """Whether the caller may know who made a session: a student may not."""
    return not g.caller.matricula


@bp.post("")
@needs(Permission.RECORD)
@answers(
    {201: ClassSessionJson},
    refuses=GALLERY | SCOPED | KEYED | {"class_not_found", "session_exists"},
    headers={"Location": "The address of the session."},
)
@logged(AccessAction.SESSION_OPENED, detail=of_session)
def begin(body: NewSession) -> tuple[ClassSessionJson, dict[str, str]]:
    """A class meets: make a session, open for attendance."""
    stored = begin_session(KeyedRequest.of(request), service(), json_value(request), body, g.caller.name)
    return session_json(stored), {"Location": f"/v1/sessions/{stored.id}"}


@bp.get("")
@needs(Permission.READ)
@answers(ClassSessionListReply, refuses=GALLERY | SCOPED | {"class_not_found", "invalid_cursor"})
@logged(AccessAction.READ, detail=which_list)
def listing(parameters: SessionListParameters) -> ClassSessionListReply:
    """Sessions, the latest first, a page at a time."""
    return session_list_reply(sessions_page(service(), parameters), parameters, _names_callers())


@bp.get("/<int:number>")
@needs(Permission.READ)
@answers(ClassSessionReply, refuses=_READING)
@logged(AccessAction.READ, detail=of_session)
def read(number: int) -> ClassSessionReply:
    """A session and its roll: one line per student of the class."""
    return session_reply(session_roll(service(), number), _names_callers())


@bp.patch("/<int:number>")
@needs(Permission.RECORD)
@answers(ClassSessionReply, refuses=_READING | {"session_exists"})
@logged(AccessAction.SESSION_CHANGED, detail=of_session)
def change(number: int, body: SessionChanges) -> ClassSessionReply:
    """Change a session, close it, or open it again."""
    return session_reply(change_session(service(), number, given_changes(body)))


@bp.post("/<int:number>/close")
@needs(Permission.RECORD)
@answers(ClassSessionReply, refuses=_READING | {"session_exists"})
@logged(AccessAction.SESSION_CHANGED, detail=of_session)
def close(number: int) -> ClassSessionReply:
    """Close a session: nothing is recorded any more, and its photos are erased."""
    return session_reply(change_session(service(), number, {"state": "closed"}))


@bp.post("/<int:number>/photos")
@needs(Permission.RECORD)
@takes(PHOTOS)
@answers(
    SessionPhotosReply,
    refuses=_WRITING | PHOTO | SCOPED | JUDGED | {"class_not_found", "no_photos", "threshold_too_low"},
)
@logged(AccessAction.ATTENDANCE_TAKEN, about=recognised_in_photos, detail=of_session)
def add_photos(number: int, parameters: SessionPhotoParameters, body: SentPhotos[NoFields]) -> SessionPhotosReply:
    """Who of the class is in these photos? Photos add to each other."""
    threshold_policy.check(request, service().gallery.whole, parameters.threshold)
    sent = KeyedRequest.of(request)
    return session_photos_reply(g.request_id, take_session_photos(sent, service(), number, body.several(), parameters))


@bp.before_request
def look_before_reading() -> None:
    """Refuse a film by its head where nothing is recorded any more, and one whose query is wrong: it may be long, and
    would be read for nothing."""
    if request.endpoint == "sessions.add_film" and request.view_args:
        stored = service().session_log.open_session(request.view_args["number"])
        start_of(service(), stored, read_parameters(request, FilmParameters).starts)


@bp.post("/<int:number>/video")
@needs(Permission.RECORD)
@takes(FILM)
@answers(
    {202: JobJson},
    refuses=_WRITING | FILMS | SCOPED | {"invalid_field", "job_not_found", "unknown_field"},
    headers={"Location": "The address of the job."},
)
@logged(AccessAction.JOB_ASKED, detail=lambda asked, _: f"film session={asked['number']}")
def add_film(number: int, parameters: FilmParameters, body: SentFilm) -> tuple[JobJson, dict[str, str]]:
    """A film of the class: who is in it, and whose hand is raised? It is read in the background, and then gone."""
    made = send_film(KeyedRequest.of(request), service(), number, body.film, parameters.starts, g.caller)
    return job_json(made), {"Location": f"/v1/jobs/{made.number}"}


@bp.get("/<int:number>/video")
@needs(Permission.RECORD)
@answers(SessionFilmsReply, refuses=_READING)
@logged(AccessAction.READ, detail=of_session)
def films(number: int) -> SessionFilmsReply:
    """The films of a session that wait, are read or were read lately: how far each is."""
    return SessionFilmsReply(jobs=[job_json(job) for job in film_jobs(service(), number)])


@bp.get("/<int:number>/photos")
@needs(Permission.RECORD)
@answers(SessionPhotoListReply, refuses=_READING)
@logged(AccessAction.READ, detail=of_session)
def photos(number: int) -> SessionPhotoListReply:
    """The photos and films of a session, and what holds of the faces of those that are kept."""
    return session_photo_list_reply(shown_evidence(service(), number))


@bp.get("/<int:number>/photos/<int:photo>")
@needs(Permission.RECORD)
@answers(str, streams="image/jpeg", refuses=_READING | {"photo_not_found"})
@logged(AccessAction.READ, detail=of_session, of_stream=AccessAction.READ)
def picture(number: int, photo: int) -> Response:
    """The reduced copy of a photo: a JPEG of at most 1600 pixels on its longer side."""
    kept = photo_copy(service(), number, photo)
    return Response(kept, content_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


@bp.post("/<int:number>/entries")
@needs(Permission.RECORD)
@answers(RollChangeReply, refuses=_WRITING | SCOPED | {"face_not_found", "missing_field", "photo_not_found"})
@logged(AccessAction.ATTENDANCE_CORRECTED, about=in_roll, detail=of_session)
def say(number: int, body: SessionStatement) -> RollChangeReply:
    """A person says what holds for a student, or whom a face shows."""
    sent = KeyedRequest.of(request)
    return roll_change_reply(record_statement(sent, service(), json_value(request), number, body))


@bp.post("/<int:number>/undo")
@needs(Permission.RECORD)
@answers(RollChangeReply, refuses=_WRITING | SCOPED | {"entry_not_found", "missing_field", "photo_not_found"})
@logged(AccessAction.ATTENDANCE_CORRECTED, about=in_roll, detail=of_session)
def undo(number: int, body: UndoRequest) -> RollChangeReply:
    """Take back what a photo recorded, or one statement: what was said before holds again."""
    return roll_change_reply(take_back(KeyedRequest.of(request), service(), json_value(request), number, body))


@bp.get("/<int:number>/roll")
@needs(Permission.READ)
@answers(ClassSessionReply, streams="text/csv", also_streams=[XLSX], refuses=_READING)
@logged(AccessAction.READ, detail=of_session)
def roll(number: int, parameters: RollParameters) -> ClassSessionReply | Response:
    """The roll of a session as JSON, CSV, xlsx, or as Moodle imports it."""
    acronyms, found = moodle_acronyms(parameters), session_roll(service(), number)
    if parameters.format == "json":
        return session_reply(found, _names_callers())
    if parameters.format == "xlsx":
        return _file(number, roll_xlsx(found), XLSX, "xlsx")
    text = roll_csv(found) if parameters.format == "csv" else roll_moodle(found, acronyms)
    return _file(number, text, "text/csv", "csv")


def _file(number: int, content: str | bytes, media_type: str, ending: str) -> Response:
    named = {"Content-Disposition": f"attachment; filename=sesion-{number}.{ending}"}
    return Response(content, mimetype=media_type, headers=named)
