"""Films as jobs: which film a job is about, whether it is here, and whether it is still wanted."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gallery.documents.jobs import Job
from gallery.documents.protocol import DocumentStore
from presente.errors import PresenteError
from server.films.folder import FilmFolder

log = logging.getLogger("presente.films")

FILM = "film"
"""The kind of these jobs. Their arguments: ``session``, ``film`` (its name in the folder), ``sha256``, ``starts``,
``bytes``."""
REFUSED = frozenset({"unreadable_film", "no_picture", "empty_film", "film_too_long", "film_too_large"})
"""What films are refused for when they are read: mistakes of who sent them, and no fault of the server."""
MOST_BEGUN = 3
"""How often a film is begun whose server ends meanwhile: it may be what ends it."""
LONGEST_AWAY = timedelta(days=2)
"""How long a film is waited for that lies in the folder of another server, which may come back."""


class FilmJobs:
    """What the runner of jobs asks about films. Used by the runner's thread, and :meth:`forget` by any."""

    def __init__(self, folder: FilmFolder, store: DocumentStore) -> None:
        """``store`` is the whole school's."""
        self._folder = folder
        self._store = store

    @staticmethod
    def is_film(job: Job) -> bool:
        """Whether a job is about a film."""
        return job.asked.kind == FILM

    def is_here(self, job: Job) -> bool:
        """Whether this server can do a job: a film may lie in another server's folder."""
        return not self.is_film(job) or self._folder.has(job.asked.arguments["film"])

    def is_lost(self, job: Job, now: datetime) -> bool:
        """Whether a job waits for a film that no server had for days."""
        return (
            self.is_film(job)
            and not self.is_here(job)
            and now.astimezone(UTC) - datetime.fromisoformat(job.asked.at) > LONGEST_AWAY
        )

    def is_wanted(self, job: Job) -> bool:
        """Whether the session of a film is still open; true of every other job."""
        if not self.is_film(job):
            return True
        stored = self._store.sessions.session(int(job.asked.arguments["session"]))
        return stored is not None and stored.session.state == "open"

    def begin(self, job: Job) -> Path | None:
        """The file that a job is about, which is going to be read; None for a job about no film.

        Raises:
            StoreError: ``films_unwritable``.
        """
        if not self.is_film(job):
            return None
        film = job.asked.arguments["film"]
        self._folder.begin(film)
        return self._folder.path(film)

    def may_begin(self, job: Job) -> bool:
        """Whether a job may be begun once more, after those times that its server ended meanwhile."""
        return not self.is_film(job) or self._folder.begun(job.asked.arguments["film"]) < MOST_BEGUN

    def put_off(self, job: Job) -> None:
        """The job is going on later, as if it had not been begun."""
        if self.is_film(job):
            self._folder.put_off(job.asked.arguments["film"])

    def forget(self, job: Job) -> None:
        """Delete the film of a job that has ended. What cannot be deleted now, a later sweep deletes."""
        if self.is_film(job):
            try:
                self._folder.erase(job.asked.arguments["film"])
            except PresenteError as error:
                log.error("%s", error)

    def sweep(self) -> None:
        """Delete films that no job needs.

        Raises:
            StoreError: ``films_unwritable``; or of the store.
        """
        self._folder.sweep(
            lambda: {job.asked.arguments["film"] for job in self._store.jobs.unfinished() if self.is_film(job)}
        )
