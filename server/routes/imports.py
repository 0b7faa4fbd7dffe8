"""``/v1/imports``: a sheet of students is uploaded, looked at row by row, and run."""

from __future__ import annotations

from flask import Blueprint, g, request

from gallery.documents.access_log import AccessAction
from server.access.permissions import Permission, needs
from server.access_log.declaration import logged
from server.body_sizes import PHOTOS, takes
from server.error_codes import GALLERY, KEYED, SCOPED
from server.idempotency import KeyedRequest
from server.operations.imports import desk_of, make_import, start_import
from server.requests.imports import ImportListParameters, ImportPageParameters, ImportParameters, RunFields, SentSheet
from server.responses.imports import ImportListReply, ImportReply, import_list_reply, import_reply
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("imports", __name__, url_prefix="/v1/imports")
_FIRST_PAGE = ImportPageParameters()


@bp.post("")
@needs(Permission.ENROL)
@takes(PHOTOS)
@answers(
    {201: ImportReply},
    refuses=GALLERY
    | SCOPED
    | KEYED
    | {"ambiguous_column", "empty_source", "import_not_found", "imports_unwritable", "invalid_archive"}
    | {"invalid_columns", "invalid_field", "missing_column", "no_sheet", "several_sheets", "sheet_too_large"}
    | {"too_many_imports", "unknown_field", "unreadable_sheet", "unsupported_media_type"},
    headers={"Location": "The address of the import."},
)
@logged(AccessAction.READ, detail=lambda _, reply: f"import planned rows={len(reply.rows)}")
def upload(parameters: ImportParameters, body: SentSheet) -> tuple[ImportReply, dict[str, str]]:
    """Upload a sheet with its photos: what importing it would do, row by row; no one is enrolled."""
    made = make_import(KeyedRequest.of(request), service(), body, parameters)
    return import_reply(made, _FIRST_PAGE), {"Location": f"/v1/imports/{made.plan.id}"}


@bp.get("")
@needs(Permission.ENROL)
@answers(ImportListReply, refuses=GALLERY | SCOPED | {"import_not_found", "imports_unwritable", "invalid_cursor"})
@logged(AccessAction.READ, detail=lambda _, reply: f"imports={len(reply.imports)}")
def listing(parameters: ImportListParameters) -> ImportListReply:
    """The imports that are kept: how far each is, without the rows."""
    return import_list_reply(desk_of(service()).summaries(), parameters)


@bp.get("/<number>")
@needs(Permission.ENROL)
@answers(ImportReply, refuses=GALLERY | SCOPED | {"import_not_found", "imports_unwritable", "invalid_cursor"})
@logged(AccessAction.READ, detail=lambda _, reply: f"import rows={len(reply.rows)}")
def read(number: str, parameters: ImportPageParameters) -> ImportReply:
    """An import: its rows, a page at a time, and what came of each."""
    return import_reply(desk_of(service()).status(number), parameters)


@bp.post("/<number>/run")
@needs(Permission.ENROL)
@answers(
    {202: ImportReply},
    refuses=GALLERY | SCOPED | {"import_not_found", "import_started", "imports_unwritable", "unknown_rows"},
)
@logged(AccessAction.READ, detail=lambda _, __: "import started")
def run(number: str, body: RunFields) -> ImportReply:
    """Let an import run in the background; each row that is enrolled is a line of the access log."""
    return import_reply(start_import(service(), number, body, g.caller), _FIRST_PAGE)


@bp.delete("/<number>")
@needs(Permission.ENROL)
@answers({204: None}, refuses=GALLERY | SCOPED | {"import_not_found", "imports_unwritable"})
@logged(AccessAction.READ, detail=lambda _, __: "import dropped")
def drop(number: str) -> None:
    """Delete an import and what was uploaded; what it has enrolled stays."""
    desk_of(service()).drop(number)
