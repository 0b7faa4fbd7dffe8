"""``/upload-assistance``, ``/upload-parti``: the first page sends a film of the class, and says nothing else of it."""

from __future__ import annotations

from flask import g, request

from gallery.documents.access_log import AccessAction
from server.access.permissions import Permission, accepts_own_page, needs
from server.access_log.declaration import logged
from server.body_sizes import FILM, takes
from server.error_codes import FILMS, GALLERY, KEYED, SCOPED
from server.idempotency import KeyedRequest
from server.legacy.blueprint import bp
from server.legacy.responses import FilmReply
from server.operations.films import check_hands, send_film
from server.operations.running_session import running_session
from server.requests.films import SentFilm
from server.routes.common import service
from server.typed_routes import answers

_PARTICIPATIONS = "first_page.upload_parti"
_RECORDINGS = frozenset({"first_page.upload_assistance", _PARTICIPATIONS})
_REFUSES = GALLERY | SCOPED | KEYED | FILMS | {
    "class_not_found", "invalid_field", "job_not_found", "no_session", "session_closed", "session_exists",
    "session_not_found", "several_sessions",
}  # fmt: skip


@bp.before_request
def look_before_reading() -> None:
    """Refuse a film by its head where no session is: it may be long, and would be read for nothing."""
    if request.endpoint in _RECORDINGS:
        if request.endpoint == _PARTICIPATIONS:
            check_hands(service())
        running_session(service(), g.caller, begins=False)


@bp.post("/upload-assistance")
@needs(Permission.RECORD)
@accepts_own_page
@takes(FILM)
@answers({202: FilmReply}, refuses=_REFUSES)
@logged(AccessAction.JOB_ASKED, detail=lambda _, reply: f"film session={reply.session}")
def upload_assistance(body: SentFilm) -> FilmReply:
    """A film of the class that meets now: who is in it, and whose hand is raised? It is read in the background."""
    return _sent(body, "Asistencias actualizadas")


@bp.post("/upload-parti")
@needs(Permission.RECORD)
@accepts_own_page
@takes(FILM)
@answers({202: FilmReply}, refuses=_REFUSES | {"hands_off"})
@logged(AccessAction.JOB_ASKED, detail=lambda _, reply: f"film session={reply.session}")
def upload_parti(body: SentFilm) -> FilmReply:
    """The same: a hand that is raised is a participation of someone who is there."""
    return _sent(body, "Participaciones actualizadas")


def _sent(body: SentFilm, message: str) -> FilmReply:
    stored = running_session(service(), g.caller)
    assert stored is not None
    job = send_film(KeyedRequest.of(request), service(), stored.id, body.film, "", g.caller)
    return FilmReply(message=message, session=stored.id, job=job.number)
