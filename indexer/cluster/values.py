"""What the driver of a cluster's run and its workers tell each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from indexer.pipeline.run_report import RunReport
from presente.command_log import CommandRun
from presente.settings import Settings


@dataclass(frozen=True, slots=True, repr=False)
class WorkerTask:
    """What every worker of one run is told. It has no ``repr``: the settings may hold a password.

    Attributes:
        settings: those of the command.
        folder: the command's working directory, which relative paths start from.
        photos: the folder that the photos' files lie in; None when the source has no files.
        fields: the student fields that the source knows.
        force: enrol photos whatever they show.
        version: of Presente.
        pack: tag of the model pack.
        store: the store's identity.
        machine: the driver's machine.
        run: what the access log names.
    """

    settings: Settings
    folder: Path
    photos: Path | None
    fields: frozenset[str]
    force: bool
    version: str
    pack: str
    store: str
    machine: str
    run: CommandRun


@dataclass(frozen=True, slots=True)
class WorkerRefusal:
    """Why a worker cannot work: an error as :class:`presente.errors.PresenteError` has it, and where it is."""

    place: str
    code: str
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that a worker logged: the level's number and the text."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class PartResult:
    """What became of some photos: the report of them, and what the worker logged meanwhile."""

    report: RunReport
    log: tuple[LogLine, ...]
