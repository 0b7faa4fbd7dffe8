"""Sources of photos, one module or folder per kind; :func:`read_source` recognises which kind a path is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from indexer.sources.celeba.source import is_celeba, read_celeba
from indexer.sources.folder import read_folder
from indexer.sources.lfw import is_lfw, read_lfw
from indexer.sources.links.fetching import fetch
from indexer.sources.options import SourceKind, SourceOptions
from indexer.sources.sheet import read_sheet
from indexer.sources.values import Source
from presente.clock import MACHINE_CLOCK, Clock
from presente.errors import InvalidInput
from presente.installation import SAMPLE
from presente.local_files import DEFAULT_RULES, FileRules
from presente.secrets import hidden_address
from presente.student_sheets.file_kind import OTHER_SHEETS, other_sheet
from presente.student_sheets.table import SHEET_SUFFIXES
from presente.supervisor import SupervisedRun


def read_source(
    name: str | Path,
    options: SourceOptions | None = None,
    read_link: Callable[[str], bytes] = fetch,
    clock: Clock = MACHINE_CLOCK,
    attempt: SupervisedRun | None = None,
    files: FileRules = DEFAULT_RULES,
) -> Source:
    """List the photos of a folder, of CelebA, of LFW, of a sheet or of a database. No photo is opened yet.

    Args:
        name: where the source is: a path, ``mongodb://HOST/DATABASE`` of the first system, or ``sample``, the class
            that comes with Presente (a file or folder of that name has precedence).
        options: what the caller says about it.
        read_link: gets the photo behind a link of a sheet, in a worker thread.
        clock: turns the moments that a database keeps into dates.
        attempt: knows which photos crashed earlier attempts of the run.
        files: which local files are read.

    Raises:
        InvalidInput: ``source_not_found``, ``unknown_source``, ``wrong_kind``, ``unsuitable_option``, or what the
            kind of source raises.
    """
    options = options or SourceOptions()
    if is_database(name) or options.kind == "database":
        from indexer.sources.first_system.source import read_first_system  # pymongo is imported only where it is used

        address = hidden_address(str(name))
        if options.kind not in (None, "database"):
            raise InvalidInput("wrong_kind", f"{address} is a database, not a {options.kind}.", "Leave --kind out.")
        options.check_suits("database", address)
        return read_first_system(str(name), clock, attempt)
    path = _sample_or(Path(name))
    try:
        is_folder, exists = path.is_dir(), path.exists()
        if not exists:
            fix = "Name a folder, a .csv or .xlsx sheet, or sample, the class that comes with Presente."
            raise InvalidInput("source_not_found", f"There is no {path}.", fix)
        kind = options.kind or _recognise(path, is_folder)
    except OSError as exc:
        raise InvalidInput(
            "unreadable_folder", f"{path} cannot be read ({exc.strerror}).", "Check its permissions."
        ) from exc
    if is_folder == (kind == "sheet"):
        raise InvalidInput(
            "wrong_kind", f"{path} is {'a folder' if is_folder else 'a file'}, not a {kind}.", "Leave --kind out."
        )
    options.check_suits(kind, str(path))
    if kind == "sheet":
        return read_sheet(path, options.columns, read_link, files)
    if kind == "folder":
        return replace(read_folder(path, files), folder=path)
    source = read_celeba(path, options, files) if kind == "celeba" else read_lfw(path, files)
    if options.kind is None:
        students = " (--kind folder makes students)" if kind == "lfw" else ""
        note = f"{path} was taken for {kind}: its people are cohort, not students{students}"
        source = replace(source, notes=(note, *source.notes))
    return replace(source, folder=path)


def is_database(name: str | Path) -> bool:
    """Whether a source is named by the address of a database."""
    return str(name).startswith(("mongodb://", "mongodb+srv://"))


def _sample_or(path: Path) -> Path:
    return SAMPLE / "students.csv" if path == Path("sample") and not path.exists() else path


def _recognise(path: Path, is_folder: bool) -> SourceKind:
    if is_folder:
        return "celeba" if is_celeba(path) else "lfw" if is_lfw(path) else "folder"
    if path.suffix.lower() in SHEET_SUFFIXES:
        return "sheet"
    if path.suffix.lower() in OTHER_SHEETS:
        raise other_sheet(path, OTHER_SHEETS[path.suffix.lower()])
    raise InvalidInput(
        "unknown_source",
        f"{path} is neither a folder nor a .csv or .xlsx sheet.",
        "Name a folder with one folder per person, or a sheet with the student fields.",
    )
