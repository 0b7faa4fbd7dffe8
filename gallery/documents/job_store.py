"""The protocol of jobs, which every document store satisfies: each job is taken once and ends once."""

from __future__ import annotations

from typing import Protocol

from gallery.documents.jobs import Job, JobEnd, JobProgress, JobRequest


class JobStore(Protocol):
    """The jobs of a store. Several servers may look for work in it."""

    def add(self, asked: JobRequest) -> Job:
        """Add a job, which no server runs yet; or return the one that has the same ``request``."""

    def job(self, number: int) -> Job | None:
        """The job with an id; None when there is none."""

    def jobs_before(self, number: int | None, limit: int) -> list[Job]:
        """At most ``limit`` jobs with an id below one, or of all; the newest first."""

    def latest_done(self, kind: str) -> Job | None:
        """The newest job of a kind that was done; None when there is none."""

    def unfinished(self) -> list[Job]:
        """The jobs that have not ended, the oldest first."""

    def take(self, number: int, server: str, at: str) -> bool:
        """Make a server the one that runs a job; False when another one does, or the job has ended."""

    def give_back(self, number: int, server: str) -> bool:
        """Let a job that a server has taken wait again, as if none had begun it; False when it is not that server's, or
        has ended."""

    def note(self, number: int, progress: JobProgress, at: str) -> bool:
        """Note how far a job is, and that its server is at it; False when the server is to stop: someone asked for the
        end, or the job has ended."""

    def cancel(self, number: int) -> None:
        """Ask for the end of a job. Who runs it learns of that with the next :meth:`note`."""

    def end(self, number: int, end: JobEnd) -> bool:
        """Note how a job ended; False when it has ended already, and stays as it is."""

    def drop(self, before: str) -> None:
        """Forget the jobs that ended before a moment."""
