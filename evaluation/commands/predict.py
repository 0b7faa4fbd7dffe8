"""``predict``: who is in these photos, by the gallery that the settings name."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from faces.embedder import FaceEmbedder
from gallery.gallery import Gallery
from presente import cli, composition, recognition
from presente.errors import PhotoRefused
from presente.settings import Settings


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "predict",
        run,
        "Say who is in each photo.",
        "evaluation predict party.jpg corridor.jpg",
    )
    parser.add_argument("photo", type=Path, nargs="+", help="photos")
    parser.add_argument("-k", type=int, default=5, help="how many candidates are looked at")


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Say who is in each photo, by the gallery that the settings name."""
    pack = composition.open_pack(settings)
    gallery = composition.open_gallery(settings, pack)
    try:
        embedder = composition.open_embedder(settings, pack)
        threshold = gallery.operating_point().threshold
        results = [_predicted(path, embedder, gallery, arguments.k) for path in arguments.photo]
    finally:
        gallery.close()
    data = {"pack": pack.name, "threshold": threshold, "photos": results}
    output.result(data, (line for result in results for line in _predicted_lines(result)))
    return cli.PARTLY_FAILED if any("error" in result for result in results) else cli.DONE


def _predicted(path: Path, embedder: FaceEmbedder, gallery: Gallery, k: int) -> dict[str, Any]:
    try:
        found = recognition.identify(path.read_bytes(), embedder, gallery, recognition.IdentifyQuery(k=k))
    except OSError as exc:
        return {"photo": str(path), "error": "unreadable_file", "what": f"{path} cannot be read ({exc.strerror})."}
    except PhotoRefused as exc:
        return {"photo": str(path), "error": exc.code, "what": str(exc)}
    return {"photo": str(path), "faces": recognition.identified_json(found)}


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
