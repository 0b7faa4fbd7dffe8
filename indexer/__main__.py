"""``python -m indexer``: put photos in, keep the gallery in order."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from indexer import audit_actions
from indexer.audit_actions import DIGITS
from indexer.sources.options import Images, Partition, SourceKind, SourceOptions
from presente import __version__, cli, composition, logs
from presente.errors import InvalidInput
from presente.settings import Settings
from presente.supervisor import SupervisedRun, supervise


def run_add(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Enrol the photos of a source; in a process of its own, which a decoder may crash."""
    return supervise(lambda attempt: cli.guarded(output, lambda: _add(arguments, settings, output, attempt)))


def _add(arguments: argparse.Namespace, settings: Settings, output: cli.Output, attempt: SupervisedRun) -> int:
    from indexer.finishing import finish
    from indexer.pipeline import add
    from indexer.sources import read_source
    from indexer.sources.links.downloads import Downloads
    from indexer.sources.links.fetching import LinkRules
    from indexer.sources.local import FileRules

    _check_report_file(arguments.report)
    downloads = Downloads(settings.download_cache, LinkRules(settings.max_bytes, settings.private_links))
    source = read_source(
        arguments.source,
        _source_options(arguments, settings),
        downloads.read,
        composition.open_clock(settings),
        attempt,
        FileRules(settings.max_bytes, settings.sheet_root),
    )
    pack = composition.open_pack(settings)
    gallery = composition.open_gallery(settings, pack)
    with ExitStack() as cleanup, closing(source):
        cleanup.callback(gallery.close)
        embedder = composition.open_embedder(settings, pack)
        with output.bar(len(source.photos), "photo") as progress:
            report = add(source, embedder, gallery, settings.workers, progress, attempt, arguments.force)
        cleanup.pop_all()
    return finish(report, lambda: gallery, arguments.report, output)


def _source_options(arguments: argparse.Namespace, settings: Settings) -> SourceOptions:
    if arguments.landmarks and settings.strict:
        raise InvalidInput(
            "unsuitable_option",
            "--landmarks detects nothing, so that --strict has no faces to count.",
            "Leave one of them out.",
        )
    return SourceOptions(arguments.kind, arguments.partition, arguments.images, arguments.landmarks, arguments.columns)


def run_sync(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Embed what the store holds and this pack has not embedded; the gallery is this pack's afterwards."""
    return supervise(lambda attempt: cli.guarded(output, lambda: _sync(arguments, settings, output, attempt)))


def _sync(arguments: argparse.Namespace, settings: Settings, output: cli.Output, attempt: SupervisedRun) -> int:
    from indexer.finishing import finish
    from indexer.pipeline import sync

    _check_report_file(arguments.report)
    pack = composition.open_pack(settings)
    embedder = composition.open_embedder(settings, pack)
    store = composition.open_store(settings.store, composition.open_clock(settings))
    try:
        with output.bar(None, "photo") as progress:
            report = sync(store, embedder, settings.workers, progress, attempt)
    finally:
        store.close()
    open_gallery = None if report.stopped else lambda: composition.open_gallery(settings, pack)
    return finish(report, open_gallery, arguments.report, output)


def _check_report_file(path: Path | None) -> None:
    """Say before the run, not after it, that its report has nowhere to go."""
    try:
        if path is not None:
            path.touch()
    except OSError as exc:
        raise InvalidInput("unwritable_report", f"{path} cannot be written ({exc.strerror}).", "Name another.") from exc


def run_remove(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Erase students, or photos of one: documents, photos, templates, index."""
    if arguments.photo:
        if len(arguments.matricula) > 1:
            raise InvalidInput("unsuitable_option", "--photo names photos of one student.", "Name one student.")
        return _take_photos(arguments.matricula[0], arguments.photo, None, settings, output)
    gallery = composition.open_for_upkeep(settings)
    try:
        named = [gallery.named(matricula) for matricula in arguments.matricula]
        removed = gallery.remove(named)
        composition.forget_copies(settings, named)
    finally:
        gallery.close()
    missing = [matricula for matricula in named if matricula not in removed]
    output.result(
        {"removed": removed, "not_found": missing},
        [f"removed {matricula}" for matricula in removed] + [f"not found: {name}" for name in missing],
    )
    return cli.PARTLY_FAILED if missing else cli.DONE


def run_move(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Give photos of one student to another, with their templates."""
    return _take_photos(arguments.matricula, arguments.photo, arguments.to, settings, output)


def _take_photos(matricula: str, photos: Sequence[str], to: str | None, settings: Settings, output: cli.Output) -> int:
    gallery = composition.open_for_upkeep(settings)
    try:
        matricula = gallery.student(matricula).student.matricula
        composition.forget_copies(
            settings, [matricula]
        )  # before, for who is killed in between; after, for who copies then
        taken = gallery.take_photos(matricula, photos, to)
        composition.forget_copies(settings, [matricula])
    finally:
        gallery.close()
    done = f"moved to {to}" if to else "removed"
    output.result(
        {"matricula": matricula, "to": to, "photos": taken}, [f"{done}: photo {photo[:DIGITS]}" for photo in taken]
    )
    return cli.DONE


def run_merge(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Make one student of two who are the same person."""
    gallery = composition.open_for_upkeep(settings)
    try:
        other = gallery.named(arguments.other)
        gallery.merge(arguments.keep, other)
        composition.forget_copies(settings, [other])
        kept = gallery.student(arguments.keep)
    finally:
        gallery.close()
    data = {
        "matricula": kept.student.matricula,
        "nombre_del_alumno": kept.student.nombre_del_alumno,
        "clase": kept.student.clase,
        "otras_clases": list(kept.student.otras_clases),
        "merged": other,
        "images": kept.images,
        "templates": kept.templates,
        "asistencias": kept.asistencias,
        "participaciones": kept.participaciones,
    }
    output.result(
        data,
        [
            f"{other} is {kept.student.matricula} now: {kept.images} photos, {kept.templates} templates, "
            f"{kept.asistencias} asistencias, {kept.participaciones} participaciones, "
            f"class {', '.join(kept.student.clases) or '-'}"
        ],
    )
    return cli.DONE


def run_audit(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """What is wrong in the gallery, and what to do about it. Changes nothing."""
    from gallery.audit.audit import audit

    gallery = composition.open_gallery(settings, composition.open_pack(settings))
    try:
        with output.bar(None, "photo") as progress:
            found = audit(gallery, arguments.cohort, progress)
    finally:
        gallery.close()
    output.result(audit_actions.as_dict(found), audit_actions.lines(found))
    return cli.DONE


def run_verify(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Compare the published index with the documents, and the counts of students with the entries; read everything."""
    from indexer.consistency import verify

    found = verify(settings, arguments.deep, output)
    output.result(found.as_dict(), found.lines())
    return cli.DONE if found.agrees else cli.PARTLY_FAILED


def run_compact(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Rebuild the index from the documents and publish it as the only generation; count students' entries anew, and
    calibrate again if it is time."""
    from indexer.finishing import Steps

    steps = Steps()
    gallery = composition.open_for_upkeep(settings)
    try:
        generation = gallery.index.rebuild()
        gallery.store.records.recount()
        templates = gallery.store.counts().templates
        notes = steps.calibrate(gallery)
    finally:
        gallery.close()
    output.result(
        {
            "generation": generation,
            "templates": templates,
            "notes": notes,
            "failures": [asdict(failure) for failure in steps.failures],
        },
        [
            f"published generation {generation} with {templates} templates",
            *notes,
            *(failure.line() for failure in steps.failures),
        ],
    )
    return steps.exit_code(partly=False)


def run_status(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """What is stored, what is indexed, and every setting with where it came from."""
    gallery = composition.open_for_upkeep(settings)
    try:
        status = gallery.status()
    finally:
        gallery.close()
    data = {
        "students": status.counts.students,
        "cohort": status.counts.cohort,
        "images": status.counts.images,
        "templates": status.counts.templates,
        "indexed": status.indexed,
        "pack": status.pack or None,
        "dim": status.dim,
        **status.index_described(),
        "timezone": composition.open_clock(settings).described(),
        "runtime": composition.runtime_in_use(settings),
        "version": __version__,
        "settings": settings.described(),
    }
    lines = [f"{key:16s} {value}" for key, value in data.items() if key != "settings"]
    lines += [f"{item['name']:24s} {item['value'] or '-':28s} from {item['from']}" for item in settings.described()]
    output.result(data, lines)
    return cli.DONE


def _add_source_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        help="a folder with one folder (or one photo) a person, CelebA, LFW, a .csv or .xlsx sheet, or "
        "mongodb://HOST/DATABASE of the first system; or sample, the class that comes with Presente",
    )
    parser.add_argument("--kind", choices=get_args(SourceKind), help="what SOURCE is, instead of recognising it")
    parser.add_argument("--partition", choices=get_args(Partition), help="CelebA: only this part (default: all)")
    parser.add_argument(
        "--images", choices=get_args(Images), help="CelebA: which photos (default: aligned when they are there)"
    )
    parser.add_argument(
        "--landmarks", action="store_true", help="CelebA, aligned: use its five landmarks instead of detection"
    )
    parser.add_argument(
        "--columns",
        metavar="FIELD=COLUMN,...",
        help='sheet: which column holds which field, as "matricula=ID,fotos=Ingrese sus fotos"; others are guessed',
    )


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.program(
        "indexer",
        "Put photos in, keep the gallery in order.",
        "indexer add sample",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    adding = cli.subcommand(
        commands,
        "add",
        run_add,
        "Enrol the photos of a folder, of CelebA, of LFW, of a .csv or .xlsx sheet, or of a database.",
        "indexer add students.csv --report added.txt",
    )
    _add_source_arguments(adding)
    adding.add_argument(
        "--force", action="store_true", help="also photos that clearly are not the student's, and refused duplicates"
    )
    syncing = cli.subcommand(
        commands,
        "sync",
        run_sync,
        "Embed what the store holds and this pack has not embedded.",
        "indexer sync --pack buffalo_l",
    )
    for parser_ in (adding, syncing):
        parser_.add_argument("--report", type=Path, metavar="FILE", help="also write the readable report to FILE")
    removing = cli.subcommand(
        commands,
        "remove",
        run_remove,
        "Erase students from documents, index and snapshots.",
        "indexer remove A0175 A0176",
    )
    removing.add_argument("matricula", nargs="+", help="matricula of a student")
    _add_upkeep(commands)
    for parser_, needed in ((removing, False), (commands.choices["move"], True)):
        parser_.add_argument(
            "--photo",
            action="append",
            required=needed,
            metavar="DIGITS",
            help="a photo of the student, by the first digits of its SHA-256; once or more",
        )
    return parser


def _add_upkeep(commands: Any) -> None:
    """What keeps a gallery in order."""
    auditing = cli.subcommand(
        commands,
        "audit",
        run_audit,
        "Find people under two names, mislabelled, duplicate and weak photos; print what to do about each.",
        "indexer audit",
    )
    auditing.add_argument("--cohort", action="store_true", help="also the people who are nobody's students")
    merging = cli.subcommand(
        commands,
        "merge",
        run_merge,
        "Make one student of two who are the same person; the second is gone then.",
        "indexer merge A0175 A0176",
    )
    merging.add_argument("keep", metavar="KEEP", help="matricula of the student who stays")
    merging.add_argument("other", metavar="OTHER", help="matricula of the one whose photos and entries KEEP gets")
    moving = cli.subcommand(
        commands,
        "move",
        run_move,
        "Give photos of one student to another.",
        "indexer move A0175 A0176 --photo 0f3a9c51d2e4",
    )
    moving.add_argument("matricula", metavar="MATRICULA", help="whose the photos are")
    moving.add_argument("to", metavar="TO", help="matricula of the student who gets them")
    verifying = cli.subcommand(
        commands,
        "verify",
        run_verify,
        "Compare the index with the documents; with --deep read everything and find what is damaged.",
        "indexer verify --deep",
    )
    verifying.add_argument("--deep", action="store_true", help="read every photo, page and file: what is damaged?")
    cli.subcommand(
        commands,
        "compact",
        run_compact,
        "Rebuild the index from the documents and publish it.",
        "indexer compact",
    )
    cli.subcommand(
        commands,
        "status",
        run_status,
        "What is stored and indexed, and every setting's origin.",
        "indexer status --json",
    )


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.WARNING, "%(levelname)s %(message)s")
    return cli.main(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
