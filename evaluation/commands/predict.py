"""``predict``: the people in photos, by the gallery that the settings name."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from faces.embedder import FaceEmbedder
from gallery.gallery import Gallery
from presente import cli, composition
from presente.errors import PhotoRefused
from presente.recognition import IdentifyQuery, identified_json, identify
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "predict",
        run,
        "Name the people in photos, by the gallery, as the server does.",
        "evaluation predict data_sample/probes/*/1.jpg",
    )
    parser.add_argument("photo", type=Path, nargs="+", help="photos")
    parser.add_argument("-k", type=int, default=5, help="number of candidates per face")
    parser.add_argument("--cohort", action="store_true", help="search people of the cohort, too (CelebA, LFW)")


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Say who is in each photo, by the gallery that the settings name."""
    pack = composition.open_pack(settings)
    gallery = composition.open_gallery(settings, pack)
    query = IdentifyQuery(k=arguments.k, cohort=arguments.cohort)
    try:
        embedder = composition.open_embedder(settings, pack)
        point = gallery.operating_point(cohort=query.cohort)
        results = [_predicted(path, embedder, gallery, query) for path in arguments.photo]
    finally:
        gallery.close()
    for hint in dict.fromkeys(result["hint"] for result in results if result.get("hint")):
        output.note(f"hint: {hint}")
    data = {"pack": pack.name, "threshold": point.threshold, "threshold_source": point.source, "photos": results}
    output.result(data, (line for result in results for line in _predicted_lines(result)))
    return cli.PARTLY_FAILED if any("error" in result for result in results) else cli.DONE


def _predicted(path: Path, embedder: FaceEmbedder, gallery: Gallery, query: IdentifyQuery) -> dict[str, Any]:
    try:
        found = identify(path.read_bytes(), embedder, gallery, query)
    except OSError as exc:
        return {"photo": str(path), "error": "unreadable_file", "what": f"{path} cannot be read ({exc.strerror})."}
    except PhotoRefused as exc:
        return {"photo": str(path), "error": exc.code, "what": str(exc)}
    hint = {"hint": found.hint} if found.hint else {}
    return {"photo": str(path), "faces": identified_json(found), **hint}


def _name(face: dict[str, Any]) -> str:
    if face["decision"] == "duplicate":
        return f"another face of {face['candidates'][0]['nombre_del_alumno']}"
    return str(face["nombre"])


def _predicted_lines(result: dict[str, Any]) -> list[str]:
    if "error" in result:
        return [f"{result['photo']}: {result['what']}"]
    if not result["faces"]:
        return [f"{result['photo']}: no face"]
    return [
        f"{result['photo']}: {_name(face)}"
        + (f" ({face['matricula']})" if face["matricula"] else "")
        + ("" if face["score"] is None else f", score {face['score']:.3f}")
        for face in result["faces"]
    ]
