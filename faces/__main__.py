"""``python -m faces``: model packs on this machine."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from faces.packs.download import pull
from faces.packs.model_pack import Terms, installed, load_pack, terms_of
from faces.packs.published import PUBLISHED
from presente import cli, logs
from presente.errors import InvalidInput, PackError
from presente.settings import Settings


def run_list(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Print the packs that are here, and those that can be pulled."""
    here = dict(installed(settings.pack_places))
    pullable = sorted(PUBLISHED.keys() - here.keys())
    terms = {name: _terms(folder) for name, folder in here.items()}
    terms |= {name: Terms(PUBLISHED[name].licence, PUBLISHED[name].use) for name in pullable}
    lines = [
        f"{name:12s} {'here' if name in here else 'can be pulled':14s} for {each.use:14s} ({each.licence})"
        for name, each in terms.items()
    ]
    lines += [f"{name:12s} {folder}" for name, folder in here.items()]
    output.result(
        {
            "here": {name: str(folder) for name, folder in here.items()},
            "can_be_pulled": pullable,
            "terms": {name: {"licence": each.licence, "use": each.use} for name, each in terms.items()},
        },
        lines,
    )
    return cli.DONE


def _terms(folder: Path) -> Terms:
    """A pack's terms; a folder whose ``pack.json`` is wrong states none."""
    try:
        return terms_of(folder)
    except PackError:
        return Terms("not stated", "not stated")


def run_pull(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Download a published pack, once its licence is accepted."""
    from tqdm import tqdm

    pack = PUBLISHED.get(arguments.name)
    if pack is None:
        raise InvalidInput(
            "unknown_pack", f"{arguments.name!r} cannot be pulled.", f"Name one of {', '.join(sorted(PUBLISHED))}."
        )
    output.note(f"{pack.name}: {pack.licence}; for {pack.use}. Terms: {pack.terms}")
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
        "threshold_source": pack.threshold_source,
        "licence": pack.licence,
        "use": terms_of(pack.detection.parent).use,
        "runtime": embedder.runtime,
        "detection": str(pack.detection),
        "recognition": str(pack.recognition),
    }
    output.result(data, [f"{key:12s} {value}" for key, value in data.items()])
    return cli.DONE


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.program("faces", "List, download and check model packs.", "faces pull buffalo_l")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    cli.subcommand(
        commands,
        "list",
        run_list,
        "List the packs that are here, and those that can be pulled.",
        "faces list --json",
    )
    pulling = cli.subcommand(
        commands,
        "pull",
        run_pull,
        "Download a published pack (resumed, checked).",
        "faces pull buffalo_l --accept-licence",
    )
    pulling.add_argument("name", help="opencv_zoo, buffalo_l, buffalo_m, buffalo_s, buffalo_sc or antelopev2")
    pulling.add_argument("--accept-licence", action="store_true", help="accept the pack's licence without being asked")
    pulling.add_argument(
        "--url", help="address of a mirror: of the archive, or of the folder that opencv_zoo's two files are in"
    )
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
