"""``calibrate``: fit the share of strangers who reach a score, and keep the curve with the gallery; or, by
:mod:`evaluation.commands.calibrate_liveness`, the score from which a face is called live."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evaluation.commands.calibrate_liveness import calibrate_liveness
from evaluation.experiment import Experiment
from evaluation.templates import as_probe
from faces.image.decode import ACCEPTED_SUFFIXES
from faces.packs.model_pack import ModelPack
from gallery.documents.access_log import AccessAction
from gallery.threshold import impostor_scores
from gallery.threshold.calibration import CalibrationCurve, check_target
from gallery.threshold.impostor_scores import EnrolledTemplates
from gallery.threshold.operating_point import OperatingPoint, operating_point
from presente import cli, composition
from presente.command_log import CommandLog
from presente.errors import InvalidInput
from presente.settings import Settings

_FPIR = 0.001
_LADDER = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0001)


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "calibrate",
        run,
        "Calibrate the threshold: fit how often strangers would be named, and keep the curve with the gallery.",
        "evaluation calibrate --fpir 0.001",
    )
    parser.add_argument(
        "--fpir",
        type=float,
        metavar="RATE",
        help=f"share of strangers who may be named, as the gallery's default [default {_FPIR:g}]",
    )
    parser.add_argument(
        "--unknown",
        type=Path,
        metavar="DIR",
        help="photos of people who are not enrolled: one folder per person, or single files of different people",
    )
    parser.add_argument(
        "--bpcer",
        type=float,
        metavar="RATE",
        help="instead, of the liveness check: share of live people who may be called attacks",
    )
    parser.add_argument(
        "--bona-fide",
        type=Path,
        metavar="DIR",
        help="with --bpcer: photos of live people, taken as the service will take them, in folders as with --unknown",
    )


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Search for people who are not enrolled, fit the curve to their best scores, and store it."""
    if (arguments.bpcer is None) != (arguments.bona_fide is None):
        raise InvalidInput("missing_protocol", "Of --bpcer and --bona-fide one is missing.", "Give both.")
    if arguments.bpcer is not None:
        if arguments.fpir is not None or arguments.unknown is not None:
            raise InvalidInput(
                "missing_protocol", "--bpcer was given with --fpir or --unknown.", "Calibrate one after the other."
            )
        return calibrate_liveness(arguments.bpcer, arguments.bona_fide, settings, output)
    fpir = _FPIR if arguments.fpir is None else arguments.fpir
    check_target(fpir)
    pack = composition.open_pack(settings)
    gallery = composition.open_gallery(settings, pack)
    try:
        students = impostor_scores.enrolled_people(gallery.store, gallery.dim, cohort=False)
        people = len(students.people)
        if people < 2:
            raise InvalidInput("too_few_people", f"{people} people are enrolled.", "Enrol at least two.")
        if arguments.unknown is not None:
            searches = _of_strangers(arguments.unknown, students, settings, output)
        else:
            searches = impostor_scores.from_gallery(
                students, impostor_scores.enrolled_people(gallery.store, gallery.dim, cohort=True)
            )
        curve = impostor_scores.calibrate(searches, people, pack.tag, fpir)
        gallery.store.store_calibration(curve.to_json())
        log = CommandLog(gallery.store.access_log, composition.open_clock(settings), settings.access_log)
        log.write(AccessAction.CALIBRATED)
    finally:
        gallery.close()
    point = operating_point("stored", pack.threshold, pack.threshold_source, curve, people)
    result = calibration_result(curve, point, pack)
    output.result(result, lines(result))
    return cli.DONE


def _of_strangers(
    folder: Path, students: EnrolledTemplates, settings: Settings, output: cli.Output
) -> impostor_scores.ImpostorScores:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ACCEPTED_SUFFIXES)
    if not paths:
        raise InvalidInput("unreadable_folder", f"{folder} holds no photos.", "Name a folder of photos.")
    experiment = Experiment(settings, output)
    templates = experiment.embed(paths, as_probe(experiment.embedder))
    # Photos that lie in the folder itself are of different people; those in one subfolder are of one.
    names = [str(path if path.parent == folder else path.parent) for path in paths]
    usable = [(name, made.template) for name, made in zip(names, templates, strict=True) if made.template is not None]
    return impostor_scores.strangers_of(usable, students)


def calibration_result(curve: CalibrationCurve, point: OperatingPoint, pack: ModelPack) -> dict[str, Any]:
    """The curve, its thresholds at the rate asked for and at others, and the threshold that the gallery uses now.

    ``pack_threshold`` is the least that an unsupported rate gives, ``pack_threshold_source`` where that comes from.
    """
    people = point.people
    rates = sorted({*_LADDER, curve.target}, reverse=True)
    return {
        **asdict(curve),
        "fpir_asked": curve.target,
        "threshold": point.threshold,
        "pack_threshold": pack.threshold,
        "pack_threshold_source": pack.threshold_source,
        "pack_threshold_described": pack.described_threshold(pack.threshold, pack.threshold_source),
        "supported": not curve.doubt(curve.target, people),
        "doubt": curve.doubt(curve.target, people),
        "note": curve.enrolled_twice_note(),
        "rates": [_rate(curve, rate, people) for rate in rates],
    }


def _rate(curve: CalibrationCurve, rate: float, people: int) -> dict[str, Any]:
    threshold = curve.threshold(rate, people)
    doubt = curve.doubt(rate, people)
    return {
        "fpir": rate,
        "threshold": threshold,
        "fpir_interval": list(curve.interval(threshold, people)),
        "supported": not doubt,
        "doubt": doubt,
    }


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The lines of a calibration."""
    yield (
        f"{result['searches']} non-mated searches of {result['subjects']} people among {result['people']} enrolled "
        f"({', '.join(f'{count} {source}' for source, count in result['sources'].items())}){result['note']}"
    )
    for rate in result["rates"]:
        low, high = rate["fpir_interval"]
        yield (
            f"FPIR {rate['fpir']:g}: threshold {rate['threshold']:.4f}; the true FPIR there is from {low:.2g} to "
            f"{high:.2g} (95 % interval)" + ("" if rate["supported"] else "   NOT SUPPORTED by the data")
        )
    yield f"kept with the gallery: threshold {result['threshold']:.4f} for FPIR {result['fpir_asked']:g}"
    if result["doubt"]:
        yield (
            f"FPIR {result['fpir_asked']:g} is not supported: {result['doubt']}. Until then the threshold is not below "
            f"{result['pack_threshold_described']}."
        )
