"""What comes after the photos: calibration, publishing, the report. Nothing that fails here costs the report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gallery.gallery import Gallery
from gallery.threshold.impostor_scores import refit
from indexer.report import INTERNAL_ERROR, INTERRUPTED, Failure, Report
from presente import cli
from presente.errors import PresenteError
from presente.installation import command_line
from presente.secrets import hidden

log = logging.getLogger(__name__)

AGAIN = f"`{command_line('indexer compact')}`"
"""What publishes and calibrates without any photos."""


class Steps:
    """What is done after the main thing, step by step: each may fail, and the others are still done.

    Attributes:
        failures: what failed.
        interrupted: whether Ctrl-C cut one off.
    """

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self.interrupted = False

    @contextmanager
    def step(self, name: str, repeat: str) -> Iterator[None]:
        """Note what goes wrong inside the block, and how to repeat it, instead of raising it."""
        try:
            yield
        except KeyboardInterrupt:
            self.interrupted = True
        except PresenteError as error:
            log.error("%s failed: %s", name, error)
            self.failures.append(Failure(name, error.code, str(error), repeat))
        except Exception as error:
            log.error("%s failed", name, exc_info=error)
            self.failures.append(Failure(name, INTERNAL_ERROR, hidden(f"{type(error).__name__}: {error}"), repeat))

    def calibrate(self, gallery: Gallery) -> list[str]:
        """Calibrate again if it is time; what was done, if anything."""
        notes: list[str] = []
        with self.step("calibration", AGAIN):
            notes.append(refit(gallery))
        return [note for note in notes if note]

    def exit_code(self, partly: bool) -> int:
        """What a command ends with; ``partly`` when something else failed."""
        if self.interrupted:
            return cli.INTERRUPTED
        return cli.PARTLY_FAILED if partly or self.failures else cli.DONE


def finish(report: Report, open_gallery: Callable[[], Gallery] | None, file: Path | None, output: cli.Output) -> int:
    """Calibrate again if it is time, publish what was done, print the report, write it to a file when asked; the exit
    code that it means.

    Args:
        report: of the photos.
        open_gallery: gives the gallery, which is closed; None to leave it as it is.
        file: where else the report goes.
        output: where it is printed.
    """
    steps = Steps()
    with suppress(OSError):  # now, too: who is killed from here on leaves a report
        _write(report, file)
    if open_gallery is not None:
        with steps.step("publishing", AGAIN):
            gallery = open_gallery()
            try:
                if not report.stopped:
                    report.notes += tuple(steps.calibrate(gallery))
            finally:
                gallery.close(publish=True)
    report.failures = list(steps.failures)
    if steps.interrupted:
        report.stopped = report.stopped or INTERRUPTED
    with steps.step("writing the report", "the same command with another --report: what is done costs nothing"):
        _write(report, file)
    report.failures = list(steps.failures)
    output.result(report.as_dict(), report.lines())
    steps.interrupted |= report.stopped == INTERRUPTED
    return steps.exit_code(partly=bool(report.refused or report.warnings or report.stopped))


def _write(report: Report, file: Path | None) -> None:
    if file is not None:
        file.write_text("\n".join(report.lines()) + "\n", encoding="utf-8")
