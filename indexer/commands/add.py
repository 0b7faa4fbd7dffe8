"""``add``: enrol the photos of a source."""

from __future__ import annotations

import argparse
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, get_args

from indexer.sources.options import ImageSet, Partition, SourceKind, SourceOptions
from presente import cli, composition
from presente.errors import InvalidInput
from presente.settings import Settings
from presente.supervisor import SupervisedRun, supervise


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "add",
        run,
        "Enrol the photos of a folder, of CelebA, of LFW, of a .csv or .xlsx sheet, or of a database.",
        "indexer add data_sample/students.csv --report added.txt",
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a folder with one folder (or one photo) per person, CelebA, LFW, a .csv or .xlsx sheet, or "
        "mongodb://HOST/DATABASE of the first system",
    )
    parser.add_argument("--kind", choices=get_args(SourceKind), help="what SOURCE is, instead of recognising it")
    parser.add_argument("--partition", choices=get_args(Partition), help="CelebA: only this part (default: all)")
    parser.add_argument(
        "--images",
        choices=get_args(ImageSet),
        help="CelebA: which photos (default: the aligned ones, if there are any)",
    )
    parser.add_argument(
        "--landmarks", action="store_true", help="CelebA, aligned: use its five landmarks instead of detection"
    )
    parser.add_argument(
        "--columns",
        metavar="FIELD=COLUMN,...",
        help='sheet: which column holds which field, as "matricula=ID,fotos=Ingrese sus fotos"; others are guessed',
    )
    parser.add_argument(
        "--force", action="store_true", help="also enrol photos that clearly are not the student's, and duplicates"
    )
    parser.add_argument(
        "--all-or-nothing",
        action="store_true",
        help="enrol nothing if a row or a photo is refused; everything is gone through twice",
    )
    add_report_flag(parser)


def add_report_flag(parser: argparse.ArgumentParser) -> None:
    """The flag of the commands that report on photos."""
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="also write the report to FILE, with every refused photo: as JSON if FILE ends in .json, else as text",
    )


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Enrol the photos in a process of its own, which a decoder may crash."""
    return supervise(lambda attempt: cli.guarded(output, lambda: _run_attempt(arguments, settings, output, attempt)))


def _run_attempt(arguments: argparse.Namespace, settings: Settings, output: cli.Output, attempt: SupervisedRun) -> int:
    from indexer.access_log import log_changes
    from indexer.pipeline.closing_steps import check_report_file, publish_and_report
    from indexer.pipeline.enrol_source import enrol_source
    from indexer.sources import read_source
    from indexer.sources.links.download_cache import DownloadCache
    from indexer.sources.links.fetching import LinkRules
    from presente.local_files import FileRules

    check_report_file(arguments.report)
    downloads = DownloadCache(settings.download_cache, LinkRules(settings.max_bytes, settings.private_links))
    source = read_source(
        arguments.source,
        _source_options(arguments, settings),
        downloads.read,
        composition.open_clock(settings),
        attempt,
        FileRules(settings.max_bytes, settings.sheet_root),
    )
    pack = composition.open_pack(settings)
    gallery = log_changes(composition.open_gallery(settings, pack), settings)
    with ExitStack() as cleanup, closing(source):
        cleanup.callback(gallery.close)
        embedder = composition.open_embedder(settings, pack)
        steps = len(source.photos) * (2 if arguments.all_or_nothing else 1)
        with output.bar(steps, "photo") as progress:
            report = enrol_source(
                source,
                embedder,
                gallery,
                settings.workers,
                progress,
                attempt,
                arguments.force,
                arguments.all_or_nothing,
            )
        if report.withheld:
            return publish_and_report(report, None, arguments.report, output)
        cleanup.pop_all()  # the gallery is closed after publishing
    return publish_and_report(report, lambda: gallery, arguments.report, output)


def _source_options(arguments: argparse.Namespace, settings: Settings) -> SourceOptions:
    if arguments.landmarks and settings.strict:
        raise InvalidInput(
            "unsuitable_option",
            "--landmarks detects nothing, so that --strict has no faces to count.",
            "Leave one of them out.",
        )
    return SourceOptions(arguments.kind, arguments.partition, arguments.images, arguments.landmarks, arguments.columns)
