"""Runs the jobs of a store, one at a time, and says of those whose server is gone that they were interrupted."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gallery.documents.job_store import JobStore
from gallery.documents.jobs import Job, JobEnd, JobProgress, JobState
from presente.errors import PresenteError
from presente.settings import Settings
from server.films.jobs import REFUSED, FilmJobs
from server.jobs.process import JobMessage, JobProcess
from server.jobs.work import JobWork

log = logging.getLogger("presente.jobs")

KEPT = timedelta(days=30)
"""How long a job is kept after its end."""
LEASE = timedelta(seconds=30)
"""A server that has said nothing of its job for so long is gone."""
_LOOK_S = 2.0
"""Seconds between two looks for work, while no one says that there is some."""
_NOTE_S = 1.0
"""Seconds between two notes of how far a job is."""
_SWEEP_S = 5.0
_PASSING = frozenset({"busy", "lease_lost", "store_unavailable"})
"""Errors of recording that pass: the result is kept meanwhile."""
_DROP_S = 3600.0
"""Seconds between two looks for jobs that are too old: it takes the store's lock for writing."""


Finish = Callable[[Job, Mapping[str, Any]], Mapping[str, Any]]


class JobRunner:
    """The jobs of one server. A thread looks for work; the work is done in a process of its own."""

    def __init__(
        self,
        store: JobStore,
        settings: Settings,
        finish: Finish = lambda _, result: result,
        films: FilmJobs | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Run the jobs of a store.

        Args:
            store: the jobs.
            settings: of the processes: which store, index and pack.
            finish: is given each job of this server that was done, with what its process gave; gives the result.
            films: knows the films that jobs are about; None where there are none.
            now: the time, UTC.
        """
        self.name = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex[:8]}"
        self._store = store
        self._settings = settings
        self._finish = finish
        self._films = films
        self._now = now
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._swept = 0.0
        self._looked = 0.0
        self._dropped = 0.0
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin to look for work."""
        self._thread.start()

    def wake(self) -> None:
        """Look for work, and for what was cancelled, now."""
        self._wake.set()

    def stop(self) -> None:
        """End what runs, and look for work no longer. Jobs that no server has begun wait for the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self.sweep()
                found = self._next()
                if found is not None:
                    self._run(found)
                    continue
            except PresenteError as error:  # of the store: it may come back
                log.warning("jobs cannot be looked for: %s", error)
            except Exception:  # the thread must outlive whatever the store raises
                log.exception("jobs cannot be looked for")
            self._wake.wait(_LOOK_S)
            self._wake.clear()

    def sweep(self) -> None:
        """Note the end of jobs whose server is gone, and forget old ones. Films are read from their beginning again.

        Not more often than every few seconds."""
        if self._swept and time.monotonic() - self._swept < _SWEEP_S:
            return
        self._swept = time.monotonic()
        for job in self._store.unfinished():
            if job.server == self.name or self._is_gone(job):  # of the own ones none runs now
                if self._is_film(job):
                    self._give_back(job)
                    continue
                text = "The server that ran it is gone. Ask for it again."
                self._store.end(job.number, self._ended("interrupted", "server_gone", text))
        self._look_after_films()
        if not self._dropped or self._swept - self._dropped >= _DROP_S:
            self._store.drop(self._text(self._now() - KEPT))
            self._dropped = self._swept

    def _is_film(self, job: Job) -> bool:
        return self._films is not None and self._films.is_film(job)

    def _give_back(self, job: Job) -> None:
        """Let the job of a film wait again, if the film is here."""
        assert self._films is not None
        if self._films.is_here(job):
            self._store.give_back(job.number, job.server)

    def _look_after_films(self) -> None:
        """End waiting jobs of films that can come to nothing, and delete films that no job needs."""
        if self._films is None:
            return
        self._looked = time.monotonic()
        for job in self._store.unfinished():
            if job.started is None and self._films.is_lost(job, self._now()):
                text = "The server that had the film is gone. Send it again."
                self._store.end(job.number, self._ended("interrupted", "server_gone", text))
            elif job.started is None and not self._films.is_wanted(job):
                self._store.end(job.number, self._closed())
        self._films.sweep()

    def _closed(self) -> JobEnd:
        return self._ended("failed", "session_closed", "The session was closed before the film was read.")

    def _is_gone(self, job: Job) -> bool:
        if job.started is None:
            return False
        host, process, *_ = [*job.server.split(" "), "", ""]
        if host == socket.gethostname() and process.isdecimal() and not _runs(int(process)):
            return True
        return self._now() - datetime.fromisoformat(job.seen or job.started) > LEASE

    def _next(self) -> Job | None:
        """A job that is now this server's."""
        for job in self._store.unfinished():
            is_here = self._films is None or self._films.is_here(job)
            if job.started is None and is_here and self._store.take(job.number, self.name, self._text(self._now())):
                return job
        return None

    def _run(self, job: Job) -> None:
        end = self._done(job)
        if end is None:  # it goes on at the next start
            self._store.give_back(job.number, self.name)
            return
        self._end(job, end)
        if self._films is not None:
            self._films.forget(job)

    def _done(self, job: Job) -> JobEnd | None:
        """How a job ended that this server has taken; None for a film that is to be read later."""
        film = None
        try:
            if self._films is not None and self._films.is_film(job):
                if not self._films.may_begin(job):
                    text = "The server ended several times while it read the film, perhaps because of it."
                    return self._ended("failed", "job_crashed", text)
                film = self._films.begin(job)
            process = JobProcess(JobWork(self._settings, job.asked, film))
        except PresenteError as error:
            return self._ended("failed", error.code, str(error))
        except OSError as error:
            text = f"No process can be started for it ({error.strerror})."
            return self._ended("failed", "job_crashed", text)
        try:
            last = self._follow(job, process)
        finally:
            process.end()
        if last is None:
            return self._cut_off(job)
        if last.result is None:
            level = logging.INFO if last.code in REFUSED else logging.ERROR
            log.log(level, "job %d (%s) failed: %s %s", job.number, job.asked.kind, last.code, last.text)
            return self._ended("failed", last.code, last.text)
        return self._finished(job, last.result)

    def _cut_off(self, job: Job) -> JobEnd | None:
        if self._stopping.is_set():
            if self._films is not None and self._films.is_film(job):
                self._films.put_off(job)
                return None
            return self._ended("interrupted", "server_stopped", "The server was stopped. Ask for it again.")
        if self._films is not None and not self._films.is_wanted(job):
            return self._closed()
        return self._ended("cancelled")

    def _finished(self, job: Job, result: Mapping[str, Any]) -> JobEnd | None:
        """How a job ended whose process gave a result; a film's is recorded once the store can be written to."""
        while True:
            try:
                return JobEnd("done", self._text(self._now()), self._finish(job, result))
            except PresenteError as error:
                if not self._is_film(job):  # what was done is done
                    log.error("after job %d (%s): %s", job.number, job.asked.kind, error)
                    return JobEnd("done", self._text(self._now()), result)
                if error.code not in _PASSING:
                    return self._ended("failed", error.code, str(error))
                log.warning("the film of job %d cannot be recorded: %s", job.number, error)
            except Exception:
                if not self._is_film(job):
                    raise
                log.exception("job %d (film) failed", job.number)
                return self._ended("failed", "internal_error", "It failed; the server's log has more.")
            if self._stopping.wait(_LOOK_S):
                return self._cut_off(job)

    def _follow(self, job: Job, process: JobProcess) -> JobMessage | None:
        """Note how far a job is until its process ends; its last message, None when it is to be ended before."""
        progress, noted = JobProgress(), 0.0
        while True:
            message = process.message(_NOTE_S / 4)
            if message is not None and message.is_last:
                self._note(job, progress)
                return message
            progress = message.progress if message is not None and message.progress is not None else progress
            if self._wake.is_set() or time.monotonic() - noted >= _NOTE_S:
                self._wake.clear()
                noted = time.monotonic()
                if self._stopping.is_set() or not self._note(job, progress):
                    return None

    def _note(self, job: Job, progress: JobProgress) -> bool:
        try:
            goes_on = self._store.note(job.number, progress, self._text(self._now()))
            if time.monotonic() - self._looked >= _SWEEP_S:
                self._look_after_films()
            return goes_on and (self._films is None or self._films.is_wanted(job))
        except PresenteError as error:  # the work goes on, and is noted once the store is back
            log.warning("how far job %d is cannot be noted: %s", job.number, error)
            return True

    def _end(self, job: Job, end: JobEnd) -> None:
        """Note how a job ended; again while the store is away, until the server stops: then another one will."""
        while True:
            try:
                self._store.end(job.number, end)
                return
            except PresenteError as error:
                log.warning("the end of job %d cannot be noted: %s", job.number, error)
            if self._stopping.wait(_LOOK_S):
                return

    def _ended(self, state: JobState, code: str = "", text: str = "") -> JobEnd:
        return JobEnd(state, self._text(self._now()), {}, code, text)

    @staticmethod
    def _text(moment: datetime) -> str:
        return moment.isoformat(timespec="seconds")


def _runs(process: int) -> bool:
    """Whether there is a process with this id on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
