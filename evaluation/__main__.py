"""``python -m evaluation``: measure, and try."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from evaluation import metrics, protocols, report, scores
from evaluation.templates import TemplateCache, embed_photos
from faces.embedder import FaceEmbedder
from gallery.gallery import Gallery
from presente import bridge, cli, compose
from presente.config import Settings
from presente.errors import InvalidInput, PhotoRefused


def run_identification(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Closed-set and open-set identification on a list or on a split folder."""
    start = time.perf_counter()
    for rate in arguments.fpir:
        metrics.check_rate(rate)
    entries = _entries(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    pack = compose.open_pack(settings)
    embedder = compose.open_embedder(settings, pack)
    cache = TemplateCache(settings.template_cache, embedder)
    try:
        with output.bar(len(entries), "photo") as progress:
            outcomes = embed_photos([entry.path for entry in entries], embedder, cache, settings.workers, progress)
    finally:
        cache.close()
    table = arguments.out / "scores.tsv"
    scores.write_scores(table, scores.identification_scores(entries, outcomes))
    result: dict[str, Any] = {
        "pack": pack.name,
        "pack_tag": pack.tag,
        **report.enrolment_result(entries, outcomes),
        **report.identification_result(scores.read_scores(table), arguments.fpir),
        "detection": str(embedder.settings.detection),
        "scores": str(table),
    }
    result["seconds"] = round(time.perf_counter() - start, 2)
    (arguments.out / "result.json").write_text(
        json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    output.result(result, report.lines(result))
    return cli.DONE


def _entries(arguments: argparse.Namespace) -> list[protocols.Entry]:
    if (arguments.list is None) == (arguments.folder is None):
        raise InvalidInput("missing_protocol", "Neither or both of --list and --folder were given.", "Give one.")
    if arguments.list is not None:
        return protocols.read_list(arguments.list, arguments.root)
    return protocols.split_folder(arguments.folder, arguments.gallery_photos, arguments.strangers, arguments.seed)


def run_predict(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Say who is in each photo, by the gallery that the settings name."""
    pack = compose.open_pack(settings)
    gallery = compose.open_gallery(settings, pack)
    try:
        embedder = compose.open_embedder(settings, pack)
        results = [_predicted(path, embedder, gallery, arguments.k) for path in arguments.photo]
    finally:
        gallery.close()
    data = {"pack": pack.name, "threshold": gallery.settings.threshold, "photos": results}
    output.result(data, (line for result in results for line in _predicted_lines(result)))
    return cli.PARTLY_FAILED if any("error" in result for result in results) else cli.DONE


def _predicted(path: Path, embedder: FaceEmbedder, gallery: Gallery, k: int) -> dict[str, Any]:
    try:
        found = bridge.identify(path.read_bytes(), embedder, gallery, bridge.IdentifyQuery(k=k))
    except OSError as exc:
        return {"photo": str(path), "error": "unreadable_file", "what": f"{path} cannot be read ({exc.strerror})."}
    except PhotoRefused as exc:
        return {"photo": str(path), "error": exc.code, "what": str(exc)}
    return {"photo": str(path), "faces": bridge.identified_json(found)}


def _predicted_lines(result: dict[str, Any]) -> list[str]:
    if "error" in result:
        return [f"{result['photo']}: {result['what']}"]
    if not result["faces"]:
        return [f"{result['photo']}: no face"]
    return [
        f"{result['photo']}: {face['nombre']}"
        + (f" ({face['matricula']})" if face["matricula"] else "")
        + ("" if face["score"] is None else f", score {face['score']:.3f}")
        for face in result["faces"]
    ]


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.program(
        "python -m evaluation", "Measure, and try.", "python -m evaluation predict data_sample/strangers/01.jpg"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    measuring = cli.subcommand(
        commands,
        "identification",
        run_identification,
        "Closed-set and open-set identification.",
        "python -m evaluation identification --list identify.tsv --fpir 0.01 0.05",
    )
    measuring.add_argument("--list", type=Path, metavar="LIST.tsv", help="columns role, person, path, by tabs")
    measuring.add_argument("--root", type=Path, metavar="DIR", help="what the list's paths are relative to")
    measuring.add_argument("--folder", type=Path, metavar="DIR", help="instead of a list: one folder a person, split")
    measuring.add_argument(
        "--gallery-photos", type=int, default=3, metavar="N", help="with --folder: enrolled a person"
    )
    measuring.add_argument(
        "--strangers", type=float, default=0.2, metavar="SHARE", help="with --folder: unknown people"
    )
    measuring.add_argument("--seed", type=int, default=1, help="with --folder: which split")
    measuring.add_argument(
        "--fpir", type=float, nargs="+", default=[0.01], metavar="RATE", help="rates to report FNIR at"
    )
    measuring.add_argument(
        "--out",
        type=Path,
        default=Path("var/evaluation/identification"),
        metavar="DIR",
        help="where scores.tsv and result.json go",
    )
    trying = cli.subcommand(
        commands,
        "predict",
        run_predict,
        "Say who is in each photo.",
        "python -m evaluation predict data_sample/probes/*/1.jpg",
    )
    trying.add_argument("photo", type=Path, nargs="+", help="photos")
    trying.add_argument("-k", type=int, default=5, help="how many candidates are looked at")
    return parser


if __name__ == "__main__":
    sys.exit(cli.main(build_parser()))
