"""Jobs for requests: asked for once per key, listed, cancelled."""

from __future__ import annotations

import hashlib
from datetime import UTC

from gallery.documents.jobs import Job, JobEnd, JobRequest
from gallery.documents.request_keys import Claim
from presente.errors import Conflict, NotFound
from server.access.caller import Caller
from server.access.permissions import Permission
from server.films.jobs import FILM
from server.idempotency import KeyedRequest, carried_out
from server.requests.cursors import number_place
from server.requests.jobs import JobFields, JobListParameters
from server.service import Service

MOST_UNFINISHED = 20
"""Jobs that may wait or run at once."""


def ask_for_job(sent: KeyedRequest, service: Service, body: JobFields, caller: Caller) -> Job:
    """Add a job, once per key: a retry is answered with the job as it is now.

    Raises:
        InvalidInput: ``invalid_fpir``, ``invalid_field``.
        Conflict: ``too_many_jobs``.
    """
    arguments = body.arguments()
    request = hashlib.sha256(sent.key.encode()).hexdigest() if sent.key else ""
    asked = JobRequest(body.kind, arguments, caller.name, str(caller.role), _now(service), request)

    def work(claim: Claim) -> Job:
        jobs = service.gallery.store.jobs
        if claim.first and len(jobs.unfinished()) >= MOST_UNFINISHED:
            raise Conflict("too_many_jobs", f"{MOST_UNFINISHED} jobs wait already.", "Wait, or cancel some.")
        return jobs.add(asked)

    made = carried_out(sent, service, {"kind": body.kind, **arguments}, work)
    service.wake_jobs()
    return job_of(service, made.number)


def job_of(service: Service, number: int) -> Job:
    """A job as it is now.

    Raises:
        NotFound: ``job_not_found``.
    """
    found = service.gallery.whole.store.jobs.job(number)
    if found is None:
        raise job_not_found(number)
    return found


def visible_job(service: Service, number: int, caller: Caller, permission: Permission) -> Job:
    """A job as it is now: any for a caller with a permission; else only that of a film of a session that the caller
    may see.

    Raises:
        NotFound: ``job_not_found``.
    """
    jobs = service.gallery.whole.store.jobs
    found = jobs.job(number)
    if found is not None and not caller.may(permission):
        session = found.asked.arguments.get("session") if found.asked.kind == FILM else None
        if session is None or service.gallery.store.sessions.session(int(session)) is None:
            found = None
    if found is None:
        raise job_not_found(number)
    return found


def jobs_page(service: Service, parameters: JobListParameters) -> tuple[list[Job], int | None]:
    """A page of the jobs, the newest first, and the number before which the next page begins; None after the last."""
    before = number_place(parameters) or None
    found = service.gallery.store.jobs.jobs_before(before, parameters.limit + 1)
    page = found[: parameters.limit]
    return page, page[-1].number if len(found) > len(page) else None


def cancel_job(service: Service, job: Job) -> Job:
    """Ask for the end of a job: at once for one that no server runs yet, within seconds for one that runs. One that has
    ended stays as it is. The film of one that does not run is deleted at once.
    """
    jobs = service.gallery.whole.store.jobs
    jobs.cancel(job.number)
    if job_of(service, job.number).state == "queued":
        jobs.end(job.number, JobEnd("cancelled", _now(service)))
        service.forget_film(job)
    service.wake_jobs()
    return job_of(service, job.number)


def job_not_found(number: int) -> NotFound:
    """The error of naming a job that does not exist, or is not the caller's to see."""
    return NotFound("job_not_found", f"There is no job {number}.", "Jobs are kept for 30 days after their end.")


def _now(service: Service) -> str:
    return service.clock.now().astimezone(UTC).isoformat(timespec="seconds")
