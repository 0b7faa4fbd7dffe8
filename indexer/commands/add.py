"""``add``: enrol the photos of a source."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from indexer.sources.options import ImageSet, Partition, SourceKind, SourceOptions
from presente import cli, composition
from presente.errors import InvalidInput
from presente.settings import Settings
from presente.supervisor import SupervisedRun, supervise

if TYPE_CHECKING:
    from faces.packs.model_pack import ModelPack
    from gallery.gallery import Gallery
    from indexer.pipeline.run_report import RunReport
    from indexer.sources.values import Source
    from presente.command_log import CommandRun


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
    parser.add_argument(
        "--shard",
        metavar="NUMBER/COUNT",
        help="enrol only this part of the people, as 3/16; processes with the other parts may run at the same time",
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="what does the work: this machine (default), or the machines of a Ray cluster",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="--engine ray: the cluster's head (default: RAY_ADDRESS, else a cluster of this machine alone)",
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
    from presente.command_log import CommandRun

    check_report_file(arguments.report)
    _check_engine(arguments)
    source = _read_source(arguments, settings, attempt)
    pack = composition.open_pack(settings)
    run = CommandRun.begun_here()
    gallery = log_changes(composition.open_gallery(settings, pack), settings, run)
    with ExitStack() as cleanup, closing(source):
        cleanup.callback(gallery.close)
        on_cluster = arguments.engine == "ray"
        enrol = partial(_enrol_on_cluster, run=run) if on_cluster else partial(_enrol_here, attempt=attempt)
        report = enrol(arguments, settings, output, source, pack, gallery)
        if report.withheld:
            return publish_and_report(report, None, arguments.report, output)
        cleanup.pop_all()  # the gallery is closed after publishing
    return publish_and_report(report, lambda: gallery, arguments.report, output)


def _enrol_here(
    arguments: argparse.Namespace,
    settings: Settings,
    output: cli.Output,
    source: Source,
    pack: ModelPack,
    gallery: Gallery,
    attempt: SupervisedRun,
) -> RunReport:
    from indexer.pipeline.enrol_source import enrol_source
    from indexer.pipeline.late_duplicates import note_late_duplicates
    from indexer.pipeline.stages import run_timed

    embedder = composition.open_embedder(settings, pack)
    steps = len(source.photos) * (2 if arguments.all_or_nothing else 1)
    with output.bar(steps, "photo") as progress:
        report = enrol_source(
            source, embedder, gallery, settings.workers, progress, attempt, arguments.force, arguments.all_or_nothing
        )
    if arguments.shard and not report.stopped:
        run_timed(report, lambda: note_late_duplicates(source, gallery, pack.threshold, report))
    return report


def _enrol_on_cluster(
    arguments: argparse.Namespace,
    settings: Settings,
    output: cli.Output,
    source: Source,
    pack: ModelPack,
    gallery: Gallery,
    run: CommandRun,
) -> RunReport:
    from indexer.cluster.enrol import enrol_on_cluster, worker_task
    from indexer.cluster.ray_cluster import joined_cluster

    on_gpus = settings.runtime == "cuda"
    with joined_cluster(arguments.address, on_gpus) as cluster, output.bar(len(source.photos), "photo") as progress:
        task = worker_task(source, settings, pack, gallery, run, arguments.force, cluster.cores_per_worker())
        return enrol_on_cluster(source, task, cluster, gallery, pack.threshold, settings.workers, progress)


def _check_engine(arguments: argparse.Namespace) -> None:
    """Refuse options that do not go together."""
    from indexer.sources import is_database
    from presente.installation import command_line

    if arguments.all_or_nothing and (arguments.shard or arguments.engine == "ray"):
        raise InvalidInput(
            "unsuitable_option",
            "--all-or-nothing goes through the whole source before it writes, so one process must do both.",
            "Leave out --shard and --engine, or leave out --all-or-nothing.",
        )
    if arguments.address and arguments.engine != "ray":
        raise InvalidInput("unsuitable_option", "--address is for --engine ray.", "Leave it out, or say --engine ray.")
    if arguments.engine == "ray" and (arguments.kind == "database" or is_database(arguments.source)):
        raise InvalidInput(
            "unsuitable_option",
            "--engine ray reads files and links, and the first system's database has its photos in itself.",
            f"Say `{command_line('indexer add SOURCE --shard 1/2')}` on one machine, and 2/2 on another.",
        )


def _read_source(arguments: argparse.Namespace, settings: Settings, attempt: SupervisedRun) -> Source:
    from indexer.sources import read_source
    from indexer.sources.links.download_cache import DownloadCache
    from indexer.sources.links.fetching import LinkRules, fetch
    from indexer.sources.parts import Shard
    from presente.local_files import FileRules

    shard = Shard.read(arguments.shard) if arguments.shard is not None else None
    rules = LinkRules(settings.max_bytes, settings.private_links)
    read_link: Callable[[str], bytes] = DownloadCache(settings.download_cache, rules).read
    # No machine of the cluster keeps photos: an erasure does not reach it. With a master key none is kept in the clear.
    if arguments.engine == "ray" or settings.master_key is not None:
        read_link = partial(fetch, rules=rules)
    source = read_source(
        arguments.source,
        _source_options(arguments, settings),
        read_link,
        composition.open_clock(settings),
        attempt,
        FileRules(settings.max_bytes, settings.sheet_root),
    )
    return source if shard is None else shard.of(source)


def _source_options(arguments: argparse.Namespace, settings: Settings) -> SourceOptions:
    if arguments.landmarks and settings.strict:
        raise InvalidInput(
            "unsuitable_option",
            "--landmarks detects nothing, so that --strict has no faces to count.",
            "Leave one of them out.",
        )
    return SourceOptions(arguments.kind, arguments.partition, arguments.images, arguments.landmarks, arguments.columns)
