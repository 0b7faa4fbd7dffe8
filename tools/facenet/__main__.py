"""``python -m tools.facenet``: make a FaceNet pack of facenet-pytorch's weights, with another pack's detector."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from faces.packs.model_pack import load_pack
from presente import cli, logs
from presente.settings import Settings
from tools.facenet.convert import WEIGHTS_SHA256, WEIGHTS_URL, convert


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Convert the weights, with the detector of the pack that the settings name."""
    folder = arguments.out or settings.pulled_packs / "facenet"
    detector = load_pack(settings.pack, settings.pack_places)
    pack = convert(arguments.weights, detector, folder, arguments.sha256)
    output.result(
        {"name": pack.name, "folder": str(folder), "tag": pack.tag, "licence": pack.licence},
        [f"{pack.tag} is in {folder} ({pack.licence})"],
    )
    return cli.DONE


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.command(
        "python -m tools.facenet",
        run,
        "Make a FaceNet pack of facenet-pytorch's weights, with another pack's detector.",
        "python -m tools.facenet 20180402-114759-vggface2.pt --pack buffalo_l",
    )
    parser.add_argument("weights", type=Path, help=f"the file from {WEIGHTS_URL}")
    parser.add_argument("--sha256", default=WEIGHTS_SHA256, metavar="HEX", help="the SHA-256 that the file must have")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the new pack (default: beside pulled packs)")
    return parser


if __name__ == "__main__":
    logs.set_up(logging.WARNING, "%(levelname)s %(message)s")
    sys.exit(cli.main(build_parser()))
