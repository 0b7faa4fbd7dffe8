"""``/v1/jobs``: long work, asked for, looked at and cancelled."""

from __future__ import annotations

from flask import Blueprint, g, request

from gallery.documents.access_log import AccessAction
from server.access.permissions import Permission, needs
from server.access_log.declaration import logged
from server.error_codes import GALLERY, KEYED
from server.idempotency import KeyedRequest
from server.operations.jobs import ask_for_job, cancel_job, jobs_page, visible_job
from server.requests.jobs import JobFields, JobListParameters
from server.responses.jobs import JobJson, JobListReply, job_json, job_list_reply
from server.routes.common import service
from server.typed_routes import answers

bp = Blueprint("jobs", __name__, url_prefix="/v1/jobs")


@bp.post("")
@needs(Permission.ADMINISTER)
@answers(
    {202: JobJson},
    refuses=GALLERY | KEYED | {"invalid_field", "invalid_fpir", "job_not_found", "too_many_jobs"},
    headers={"Location": "The address of the job."},
)
@logged(
    AccessAction.JOB_ASKED,
    detail=lambda _, reply: reply.kind if reply.fpir is None else f"{reply.kind} fpir={reply.fpir:g}",
)
def ask_for(body: JobFields) -> tuple[JobJson, dict[str, str]]:
    """Ask for long work; it is done in the background."""
    made = ask_for_job(KeyedRequest.of(request), service(), body, g.caller)
    return job_json(made), {"Location": f"/v1/jobs/{made.number}"}


@bp.get("")
@needs(Permission.LOOK_AFTER)
@answers(JobListReply, refuses=GALLERY | {"invalid_cursor"})
def listing(parameters: JobListParameters) -> JobListReply:
    """The jobs of the last 30 days, the newest first."""
    return job_list_reply(parameters, *jobs_page(service(), parameters))


@bp.get("/<int:number>")
@needs(Permission.STATUS)
@answers(JobJson, refuses=GALLERY | {"job_not_found"})
def read(number: int) -> JobJson:
    """A job: where it is, how far, and what came of it. Who is no admin sees those of films of own sessions."""
    return job_json(visible_job(service(), number, g.caller, Permission.LOOK_AFTER))


@bp.post("/<int:number>/cancel")
@needs(Permission.RECORD)
@answers({202: JobJson}, refuses=GALLERY | {"job_not_found"})
@logged(AccessAction.JOB_CANCELLED, detail=lambda _, reply: reply.kind)
def cancel(number: int) -> JobJson:
    """Ask for the end of a job; one that has ended stays as it is. A teacher ends those of films of own sessions."""
    return job_json(cancel_job(service(), visible_job(service(), number, g.caller, Permission.ADMINISTER)))
