"""Imports from upload to the last row: made, looked at, run by one thread in the background, forgotten in time."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from msgspec import structs

from gallery.documents.protocol import DocumentStore
from gallery.gallery import Gallery
from presente.errors import Conflict, InvalidInput, NotFound, PresenteError, listed, shown
from presente.sealing import Cipher
from server.imports.folder import Gone, ImportFolder, without_students
from server.imports.folder_lock import FolderLock
from server.imports.planning import plan_import
from server.imports.upload import PhotoPaths, UploadedFile, only_sheet
from server.imports.values import ImportPlan, ImportRow, ImportRun, RowOutcome

log = logging.getLogger(__name__)

LONGEST = timedelta(days=1)
"""How long an import is kept, whether it has run or not."""
MOST_WAITING = 20
"""Imports that are kept at once: each may have some hundred megabytes of photos."""
_SWEEP_S = 600.0
_LOOK_S = 5.0
"""Seconds between two looks for imports that another server began, where the folder is shared."""
_NICE = 10

RunRow = Callable[[ImportRow, Callable[[str], bytes | None], ImportRun], RowOutcome]
"""Enrols a row, whose photos the second argument gives by SHA-256."""


@dataclass(frozen=True, slots=True)
class ImportStatus:
    """An import as it is now."""

    plan: ImportPlan
    run: ImportRun | None
    outcomes: dict[int, RowOutcome]


class ImportDesk:
    """Keeps and runs imports. Safe to use from several threads, and by several servers that share a folder."""

    def __init__(
        self, root: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC), cipher: Cipher | None = None
    ) -> None:
        """``cipher`` seals what is kept on disk."""
        self._folder = ImportFolder(root, cipher)
        self._now = now
        self._changing = FolderLock(root)
        """Held while a row is enrolled, and by an erasure until the rows of the student are gone."""
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    # -- making and looking -----------------------------------------------------------------------------------------

    def add(
        self, files: Iterable[UploadedFile], columns: str | None, gallery: Gallery, number: str | None = None
    ) -> ImportStatus:
        """Keep what was uploaded and plan it.

        Raises:
            InvalidInput: ``no_sheet``, ``several_sheets``, and as :func:`server.imports.planning.plan_import`.
            Conflict: ``too_many_imports``.
            StoreError: ``imports_unwritable``.
        """
        number = number or uuid.uuid4().hex
        self.sweep()
        with self._changing:
            if len(self._folder.ids()) >= MOST_WAITING:
                raise Conflict(
                    "too_many_imports", f"{MOST_WAITING} imports are kept.", "Drop one with DELETE /v1/imports/ID."
                )
            try:
                kept = self._folder.keep(number, files)
                sheet = only_sheet(path for path, _ in kept)
                digest = dict(kept)[sheet]
                photos = PhotoPaths(sheet, [(path, each) for path, each in kept if path != sheet])
                with self._folder.sheet(number, digest, PurePosixPath(sheet).suffix.lower()) as path:
                    at = self._now().isoformat(timespec="seconds")
                    self._folder.write_plan(plan_import(number, at, path, columns, photos, gallery))
            except BaseException:
                self._folder.drop(number)
                raise
        return self.status(number)

    def status(self, number: str) -> ImportStatus:
        """An import as it is now.

        Raises:
            NotFound: ``import_not_found``.
        """
        self.sweep()
        return self._status(number)

    def _status(self, number: str) -> ImportStatus:
        plan = self._folder.plan(number)
        if plan is None:
            raise NotFound(
                "import_not_found",
                f"There is no import {shown(number)}.",
                "It may be more than a day old, or lie in the folder of another server: upload the sheet again.",
            )
        return ImportStatus(plan, self._folder.run(number), self._folder.outcomes(number))

    def summaries(self) -> list[ImportStatus]:
        """All imports that are kept, the latest first."""
        self.sweep()
        found = []
        for number in self._folder.ids():
            with suppress(NotFound):  # dropped meanwhile, or still being uploaded
                found.append(self._status(number))
        return sorted(found, key=lambda status: (status.plan.at, status.plan.id), reverse=True)

    def drop(self, number: str) -> None:
        """Delete an import; one that runs stops before its next row. What was enrolled stays.

        Raises:
            NotFound: ``import_not_found``.
        """
        with self._changing:
            self.status(number)
            self._folder.drop(number)

    # -- running ----------------------------------------------------------------------------------------------------

    def start(self, number: str, lines: Collection[int] | None, caller: str, role: str) -> ImportStatus:
        """Let an import run, of these lines or of all that can be run.

        Raises:
            NotFound: ``import_not_found``.
            InvalidInput: ``unknown_rows``.
            Conflict: ``import_started``.
        """
        with self._changing:
            status = self.status(number)
            if status.run is not None:
                raise Conflict("import_started", "The import was started already.", "GET it to see how far it is.")
            good = {row.line for row in status.plan.rows if not row.problem}
            wrong = [] if lines is None else sorted(set(lines) - good)
            if wrong:
                raise InvalidInput(
                    "unknown_rows", f"Line {listed(map(str, wrong))} cannot be run.", "Send lines without a problem."
                )
            chosen = tuple(sorted(good if lines is None else set(lines)))
            self._folder.write_run(number, ImportRun(state="running", lines=chosen, caller=caller, role=role))
        self._waiting.put(number)
        return self.status(number)

    def work(self, run_row: RunRow) -> None:
        """Begin to run imports, in a thread of low priority; first those that a stop has interrupted."""
        with self._changing:
            for number in self._folder.ids():
                if self._folder.plan(number) is None:  # cut off while it was uploaded
                    self._folder.drop(number)
        self.sweep()
        self._look_for_started()
        self._thread = threading.Thread(target=self._work, args=(run_row,), name="imports", daemon=True)
        self._thread.start()

    def _look_for_started(self) -> None:
        """Let imports go on whose server was stopped or killed. Where it still runs, the two take turns, row by row."""
        for number in self._folder.ids():
            run = self._folder.run(number)
            if run is not None and run.state == "running":
                self._waiting.put(number)

    def stop(self) -> None:
        """End the thread after the row that it is at; the rest goes on at the next start."""
        self._stopping.set()
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()

    def _work(self, run_row: RunRow) -> None:
        with suppress(OSError, AttributeError):  # of this thread alone, where the system can
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        swept = time.monotonic()
        while not self._stopping.is_set():
            try:
                number = self._waiting.get(timeout=_LOOK_S)
            except queue.Empty:
                number = ""
            try:
                if number is None:
                    return
                if number:
                    self.run_import(number, run_row)
                else:
                    self._look_for_started()
                if number or time.monotonic() - swept > _SWEEP_S:
                    self.sweep()
                    swept = time.monotonic()
            except Exception as error:  # noqa: BLE001  # the next import must run all the same
                log.error("An import stopped: %s", type(error).__name__)

    def run_import(self, number: str, run_row: RunRow) -> None:
        """Run the rows of an import that have no outcome yet, one after the other."""
        while not self._stopping.is_set():
            with self._changing:  # an erasure waits for the row, and then takes what it has left
                plan, run = self._folder.plan(number), self._folder.run(number)
                if plan is None or run is None or run.state != "running":
                    return
                done = self._folder.outcomes(number)
                row = next((row for row in plan.rows if row.line in run.lines and row.line not in done), None)
                if row is None:
                    self._folder.drop_photos(number)
                    self._folder.write_run(number, structs.replace(run, state="done"))
                    return
                self._folder.add_outcome(number, self._outcome(number, row, run, run_row))

    def _outcome(self, number: str, row: ImportRow, run: ImportRun, run_row: RunRow) -> RowOutcome:
        try:
            return run_row(row, lambda digest: self._folder.photo(number, digest), run)
        except PresenteError as error:
            return RowOutcome(line=row.line, result="refused", code=error.code, text=str(error))

    # -- forgetting -------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Delete imports that are a day old, also one that runs: what was enrolled stays."""
        if not self._changing.acquire(blocking=False):  # a row is being enrolled: the next sweep will do
            return
        try:
            for number in self._folder.ids():
                plan = self._folder.plan(number)
                if plan is not None and self._now() - datetime.fromisoformat(plan.at) >= LONGEST:
                    self._folder.drop(number)
        finally:
            self._changing.release()

    def forget(self, matriculas: Collection[str]) -> None:
        """Delete the rows of some students with their photos, before and after they are erased."""
        self._forget(lambda matricula: matricula in matriculas)

    def forget_erased(self, store: DocumentStore) -> None:
        """Delete the rows of students who were enrolled when their sheet was read, or have been since, and whom the
        store does not have any more: another process has erased them."""
        self._forget(lambda matricula: store.student(matricula) is None, known_only=True)

    def _forget(self, gone: Gone, known_only: bool = False) -> None:
        with self._changing:
            for number in self._folder.ids():
                plan = self._folder.plan(number)
                if plan is None:
                    continue
                enrolled = {line for line, each in self._folder.outcomes(number).items() if each.result != "refused"}
                known = {row.matricula for row in plan.rows if row.change != "new" or row.line in enrolled}
                kept = without_students(plan, lambda each: (not known_only or each in known) and gone(each))  # noqa: B023
                if len(kept.rows) < len(plan.rows):
                    lines = {row.line for row in plan.rows} - {row.line for row in kept.rows}
                    self._folder.write_plan(kept)
                    self._folder.drop_outcomes(number, lines)
