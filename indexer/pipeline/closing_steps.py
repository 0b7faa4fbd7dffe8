"""The steps after the photos: calibrating again, publishing, reporting. A step that fails never costs the report."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gallery.gallery import Gallery
from gallery.recalibration import refit
from indexer.pipeline.run_report import INTERNAL_ERROR, INTERRUPTED, RunReport, StepFailure
from presente import cli
from presente.errors import InvalidInput, PresenteError
from presente.installation import command_line
from presente.secrets import hidden, hidden_in

log = logging.getLogger(__name__)

REPEAT = f"`{command_line('indexer compact')}`"
"""The command that publishes and calibrates without reading any photo."""


class ClosingSteps:
    """Steps after the main work of a command: each may fail, and the next ones are still done.

    Attributes:
        failures: the steps that failed.
        interrupted: whether Ctrl-C ended a step.
    """

    def __init__(self) -> None:
        self.failures: list[StepFailure] = []
        self.interrupted = False

    @contextmanager
    def step(self, name: str, repeat: str) -> Iterator[None]:
        """Note an error inside the block, and the command that repeats the step, instead of raising the error."""
        try:
            yield
        except KeyboardInterrupt:
            self.interrupted = True
        except PresenteError as error:
            log.error("%s failed: %s", name, error)
            self.failures.append(StepFailure(name, error.code, str(error), repeat))
        except Exception as error:
            log.error("%s failed", name, exc_info=error)
            self.failures.append(StepFailure(name, INTERNAL_ERROR, hidden(f"{type(error).__name__}: {error}"), repeat))

    def refit_calibration(self, gallery: Gallery) -> list[str]:
        """Calibrate again if the gallery has outgrown its calibration; notes of what was done."""
        notes: list[str] = []
        with self.step("calibration", REPEAT):
            notes.append(refit(gallery))
        return [note for note in notes if note]

    def exit_code(self, partly_failed: bool) -> int:
        """The exit code of the command; ``partly_failed`` when something other than these steps failed."""
        if self.interrupted:
            return cli.INTERRUPTED
        return cli.PARTLY_FAILED if partly_failed or self.failures else cli.DONE


def publish_and_report(
    report: RunReport, open_gallery: Callable[[], Gallery] | None, file: Path | None, output: cli.Output
) -> int:
    """Calibrate again if it is time, publish the index, print the report and write it to a file; the exit code.

    Args:
        report: of the photos.
        open_gallery: gives the gallery, which this function closes; None to leave the gallery as it is.
        file: where the report is written; None for nowhere.
        output: where the report is printed.
    """
    steps = ClosingSteps()
    with suppress(OSError):  # a process that is killed from here on leaves a report
        _write_report(report, file)
    if open_gallery is not None:
        with steps.step("publishing", REPEAT):
            gallery = open_gallery()
            try:
                if not report.stopped:
                    report.notes += tuple(steps.refit_calibration(gallery))
            finally:
                gallery.close(publish=True)
    report.failures = list(steps.failures)
    if steps.interrupted:
        report.stopped = report.stopped or INTERRUPTED
    with steps.step("writing the report", "the same command with another --report: what is done costs nothing"):
        _write_report(report, file)
    report.failures = list(steps.failures)
    output.result(report.as_dict(), report.summary())
    steps.interrupted |= report.stopped == INTERRUPTED
    return steps.exit_code(partly_failed=bool(report.refused or report.warnings or report.stopped))


def check_report_file(file: Path | None) -> None:
    """Refuse, before the run, a report file that cannot be written.

    Raises:
        InvalidInput: ``unwritable_report``.
    """
    try:
        if file is not None:
            file.touch()
    except OSError as exc:
        raise InvalidInput("unwritable_report", f"{file} cannot be written ({exc.strerror}).", "Name another.") from exc


def _write_report(report: RunReport, file: Path | None) -> None:
    """Write every refusal: as one JSON object to a file called ``.json``, else as lines for people."""
    if file is None:
        return
    if file.suffix.lower() == ".json":
        text = json.dumps(hidden_in(report.as_dict()), ensure_ascii=False, allow_nan=False, indent=1)
    else:
        text = hidden("\n".join(report.lines()))
    file.write_text(text + "\n", encoding="utf-8")
