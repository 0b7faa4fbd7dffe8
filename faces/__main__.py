"""``python -m faces``: model packs on this machine."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from faces.packs.download import pull
from faces.packs.model_pack import PUBLISHED, installed, load_pack
from presente import cli, logs
from presente.errors import InvalidInput, PackError
from presente.settings import Settings
from tools.facenet.convert import WEIGHTS_SHA256, WEIGHTS_URL


def run_list(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Packs that are here, and those that can be pulled."""
    here = {name: str(folder) for name, folder in installed(settings.pack_places)}
    pullable = sorted(PUBLISHED.keys() - here.keys())
    lines = [f"{name:12s} here      {folder}" for name, folder in here.items()]
    lines += [f"{name:12s} can be pulled   ({PUBLISHED[name].licence})" for name in pullable]
    output.result({"here": here, "can_be_pulled": pullable}, lines)
    return cli.DONE


def run_pull(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Download a published pack after its licence was accepted."""
    from tqdm import tqdm

    pack = PUBLISHED.get(arguments.name)
    if pack is None:
        raise InvalidInput(
            "unknown_pack", f"{arguments.name!r} cannot be pulled.", f"Name one of {', '.join(sorted(PUBLISHED))}."
        )
    output.note(f"{pack.name}: {pack.licence}. Terms: https://github.com/deepinsight/insightface#license")
    if not arguments.accept_licence and not _accepted():
        raise PackError(
            "licence_not_accepted",
            f"The licence of {pack.name} was not accepted.",
            "Answer yes, or pass --accept-licence.",
        )
    with tqdm(unit="B", unit_scale=True, desc=pack.name, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total or None
            bar.update(done - bar.n)

        folder = pull(pack, settings.pulled_packs, show, arguments.url)
    output.result({"name": pack.name, "folder": str(folder), "licence": pack.licence}, [f"{pack.name} is in {folder}"])
    return cli.DONE


def _accepted() -> bool:
    if not sys.stdin.isatty():
        return False
    print("Do you accept it? [yes/no] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"yes", "y", "si", "sí"}


def run_check(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Check a pack's files and open both models."""
    from faces.embedder import EmbedderSettings, FaceEmbedder
    from faces.runtime.session import RuntimeOptions

    pack = load_pack(arguments.name, settings.pack_places)
    runtime = RuntimeOptions(settings.runtime, settings.precision)
    embedder = FaceEmbedder(pack, EmbedderSettings(runtime=runtime))
    data = {
        "name": pack.name,
        "tag": pack.tag,
        "dim": pack.dim,
        "threshold": pack.threshold,
        "licence": pack.licence,
        "runtime": embedder.runtime,
        "detection": str(pack.detection),
        "recognition": str(pack.recognition),
    }
    output.result(data, [f"{key:12s} {value}" for key, value in data.items()])
    return cli.DONE


def run_convert(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Make a FaceNet pack of facenet-pytorch's weights, with the detector of the pack that the settings name."""
    from tools.facenet.convert import convert

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
    parser = cli.program("faces", "Model packs on this machine.", "faces pull buffalo_l")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    cli.subcommand(
        commands, "list", run_list, "Packs that are here, and those that can be pulled.", "faces list --json"
    )
    pulling = cli.subcommand(
        commands,
        "pull",
        run_pull,
        "Download a published pack (resumed, checked).",
        "faces pull buffalo_l --accept-licence",
    )
    pulling.add_argument("name", help="buffalo_l, buffalo_m, buffalo_s, buffalo_sc or antelopev2")
    pulling.add_argument("--accept-licence", action="store_true", help="accept the pack's licence without being asked")
    pulling.add_argument("--url", help="take the archive from this mirror instead")
    converting = cli.subcommand(
        commands,
        "convert",
        run_convert,
        "Make a FaceNet pack of facenet-pytorch's weights, with another pack's detector (developers).",
        "faces convert 20180402-114759-vggface2.pt --pack buffalo_l",
    )
    converting.add_argument("weights", type=Path, help=f"the file from {WEIGHTS_URL}")
    converting.add_argument("--sha256", default=WEIGHTS_SHA256, metavar="HEX", help="what it must hash to")
    converting.add_argument("--out", type=Path, metavar="DIR", help="where to (default: beside pulled packs)")
    checking = cli.subcommand(
        commands, "check", run_check, "Check a pack's files and open both models.", "faces check sample"
    )
    checking.add_argument("name", help="a pack's name, or a folder")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.WARNING, "%(levelname)s %(message)s")
    return cli.main(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
