"""Jobs in MongoDB. A job is one document; that it was taken, cancelled and ended are documents of their own.

Inserting a document is the one thing that every server does atomically: of two servers that take a job, or that say how
it ended, one inserts the document of that step. The job's own document is changed by the server that runs it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from bson import Int64
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from gallery.documents.foreign_documents import Document
from gallery.documents.jobs import Job, JobEnd, JobProgress, JobRequest
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.sequence import MongoSequence

_PAGE = 100


class MongoJobs:
    """A :class:`gallery.documents.job_store.JobStore` on the database of a MongoDB store."""

    def __init__(self, connection: MongoConnection, sequence: MongoSequence) -> None:
        self._connection = connection
        self._db = connection.db
        self._sequence = sequence

    def prepare(self) -> None:
        """Create the indexes."""
        self._db.job_steps.create_index([("job", ASCENDING)], name="job")
        self._db.job_steps.create_index([("step", ASCENDING), ("at", ASCENDING)], name="step")

    def add(self, asked: JobRequest) -> Job:
        with self._connection.calls():
            number = self._number(asked.request)
            made: dict[str, Any] = {"_id": Int64(number), **asdict(asked), "arguments": dict(asked.arguments)}
            try:
                self._db.jobs.insert_one(made | {"over": False, "seen": None, "progress": asdict(JobProgress())})
            except DuplicateKeyError:
                found = self._job(number)
                if found is not None:
                    return found
        return Job(number, asked)

    def _number(self, request: str) -> int:
        """The number of a new job; of a request that was sent before, the number that it has."""
        number = self._sequence.reserve(1, "job")[0]
        if request:
            try:
                self._db.job_steps.insert_one({"_id": f"request {request}", "job": Int64(number)})
            except DuplicateKeyError:
                step = self._db.job_steps.find_one({"_id": f"request {request}"})
                number = number if step is None else int(step["job"])
        return number

    def job(self, number: int) -> Job | None:
        with self._connection.calls():
            return self._job(number)

    def jobs_before(self, number: int | None, limit: int) -> list[Job]:
        which: Document = {} if number is None else {"_id": {"$lt": Int64(number)}}
        with self._connection.calls():
            return self._with_steps(self._db.jobs.find(which).sort("_id", -1).limit(limit))

    def latest_done(self, kind: str) -> Job | None:
        before = None
        with self._connection.calls():
            while True:
                which: Document = {"kind": kind} | ({} if before is None else {"_id": {"$lt": Int64(before)}})
                page = self._with_steps(self._db.jobs.find(which).sort("_id", -1).limit(_PAGE))
                for job in page:
                    if job.state == "done":
                        return job
                if len(page) < _PAGE:
                    return None
                before = page[-1].number

    def unfinished(self) -> list[Job]:
        with self._connection.calls():
            found = self._with_steps(self._db.jobs.find({"over": False}).sort("_id", 1))
        return [job for job in found if job.end is None]

    def take(self, number: int, server: str, at: str) -> bool:
        with self._connection.calls():
            turn = self._turn(number)
            found = self._job(number)
            if found is None or found.end is not None or found.is_cancelled:
                return False
            return self._step(number, _taken(turn), {"server": server, "at": at})

    def give_back(self, number: int, server: str) -> bool:
        with self._connection.calls():
            turn = self._turn(number)  # first: a step of a turn that is over is there already, and is refused
            found = self._job(number)
            if found is None or found.end is not None or found.started is None or found.server != server:
                return False
            return self._step(number, _given_back(turn), {})

    def note(self, number: int, progress: JobProgress, at: str) -> bool:
        with self._connection.calls():
            noted = {"$set": {"progress": asdict(progress), "seen": at}}
            self._db.jobs.update_one({"_id": Int64(number)}, noted)
            found = self._job(number)
        return found is not None and found.end is None and not found.is_cancelled

    def cancel(self, number: int) -> None:
        with self._connection.calls():
            self._step(number, "cancelled", {})

    def end(self, number: int, end: JobEnd) -> bool:
        with self._connection.calls():
            first = self._step(number, "ended", {**asdict(end), "result": dict(end.result)})
            self._db.jobs.update_one({"_id": Int64(number)}, {"$set": {"over": True}})
        return first

    def drop(self, before: str) -> None:
        with self._connection.calls():
            for step in list(self._db.job_steps.find({"step": "ended", "at": {"$lt": before}}, {"job": 1})):
                self._db.jobs.delete_one({"_id": step["job"]})
                self._db.job_steps.delete_many({"job": step["job"]})

    def _step(self, number: int, step: str, about: Mapping[str, Any]) -> bool:
        """Note a step of a job; False when it was noted before, or there is no such job."""
        if self._db.jobs.find_one({"_id": Int64(number)}, {"_id": 1}) is None:
            return False
        try:
            self._db.job_steps.insert_one({"_id": f"{number} {step}", "job": Int64(number), "step": step, **about})
        except DuplicateKeyError:
            return False
        return True

    def _turn(self, number: int) -> int:
        """How often a job was taken and given back."""
        turn = 0
        while self._db.job_steps.find_one({"_id": f"{number} {_given_back(turn)}"}, {"_id": 1}) is not None:
            turn += 1
        return turn

    def _job(self, number: int) -> Job | None:
        return next(iter(self._with_steps(self._db.jobs.find({"_id": Int64(number)}))), None)

    def _with_steps(self, documents: Iterable[Document]) -> list[Job]:
        found = list(documents)
        wanted = {"job": {"$in": [document["_id"] for document in found]}, "step": {"$exists": True}}
        steps = {(int(step["job"]), step["step"]): step for step in (self._db.job_steps.find(wanted) if found else ())}
        return [_job(document, steps) for document in found]


def _taken(turn: int) -> str:
    """The step of taking a job that was given back so often."""
    return f"taken {turn}" if turn else "taken"


def _given_back(turn: int) -> str:
    return f"given back {turn}"


_ASKED = ("kind", "caller", "role", "at", "request")
_END = ("state", "at", "result", "code", "text")


def _job(document: Document, steps: Mapping[tuple[int, str], Document]) -> Job:
    number = int(document["_id"])
    turn = 0
    while (number, _given_back(turn)) in steps:
        turn += 1
    taken, ended = steps.get((number, _taken(turn))), steps.get((number, "ended"))
    taken_at = None if taken is None else str(taken["at"])
    noted = taken_at is not None and (document["seen"] or "") >= taken_at  # else what is noted is of an earlier turn
    asked: Any = {name: document[name] for name in _ASKED}
    end: Any = None if ended is None else {name: ended[name] for name in _END}
    return Job(
        number,
        JobRequest(arguments=document["arguments"], **asked),
        "" if taken is None else str(taken["server"]),
        taken_at,
        document["seen"] if noted else taken_at,
        JobProgress(**document["progress"]) if noted else JobProgress(),
        (number, "cancelled") in steps,
        None if end is None else JobEnd(**end),
    )
