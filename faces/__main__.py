"""``python -m faces``: model packs on this machine."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from faces.liveness.liveness_pack import liveness_description, load_liveness_pack
from faces.liveness.published import PUBLISHED_LIVENESS
from faces.packs.description import LIVENESS_DESCRIPTION, POSE_DESCRIPTION
from faces.packs.download import pull
from faces.packs.model_pack import Terms, installed, load_pack, terms_of
from faces.packs.published import PUBLISHED, Published
from faces.pose.pose_pack import load_pose_pack, pose_description
from faces.pose.published import PUBLISHED_POSES
from presente import cli, logs
from presente.errors import InvalidInput, PackError
from presente.settings import Settings

if TYPE_CHECKING:
    from faces.runtime.session import RuntimeOptions

Kind = Literal["faces", "pose", "liveness"]

_LOSS, _SHIPPED_LOSS = 0.01, 0.05

_PULLABLE: Mapping[str, Published] = {**PUBLISHED, **PUBLISHED_POSES, **PUBLISHED_LIVENESS}


def run_list(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Print the packs that are here, and those that can be pulled."""
    here = dict(installed(settings.pack_places))
    pullable = sorted(_PULLABLE.keys() - here.keys())
    terms = {name: _terms(folder) for name, folder in here.items()}
    terms |= {name: Terms(_PULLABLE[name].licence, _PULLABLE[name].use) for name in pullable}
    kinds = {name: _kind(folder) for name, folder in here.items()}
    kinds |= {name: _published_kind(name) for name in pullable}
    lines = [
        f"{name:20s} {kinds[name]:8s} {'here' if name in here else 'can be pulled':14s} for {each.use:14s} "
        f"({each.licence})"
        for name, each in terms.items()
    ]
    lines += [f"{name:20s} {folder}" for name, folder in here.items()]
    output.result(
        {
            "here": {name: str(folder) for name, folder in here.items()},
            "can_be_pulled": pullable,
            "kinds": kinds,
            "terms": {name: {"licence": each.licence, "use": each.use} for name, each in terms.items()},
        },
        lines,
    )
    return cli.DONE


def _terms(folder: Path) -> Terms:
    """A pack's terms; a folder whose description is wrong states none."""
    try:
        described = pose_description(folder) or liveness_description(folder)
        return Terms(described.licence, described.use) if described else terms_of(folder)
    except PackError:
        return Terms("not stated", "not stated")


def _kind(folder: Path) -> Kind:
    """Which kind of pack a folder is, or means to be."""
    if (folder / POSE_DESCRIPTION).exists():
        return "pose"
    if (folder / LIVENESS_DESCRIPTION).exists():
        return "liveness"
    return _published_kind(folder.name)


def _published_kind(name: str) -> Kind:
    """The kind of a published pack; any other name is a face pack's."""
    return "pose" if name in PUBLISHED_POSES else "liveness" if name in PUBLISHED_LIVENESS else "faces"


def run_pull(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Download a published pack, once its licence is accepted."""
    from tqdm import tqdm

    pack = _PULLABLE.get(arguments.name)
    if pack is None:
        raise InvalidInput(
            "unknown_pack", f"{arguments.name!r} cannot be pulled.", f"Name one of {', '.join(sorted(_PULLABLE))}."
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
    """Check a pack's files and open both models; in bf16 or int8 compare it with f32, too, and refuse what loses."""
    from faces.embedder import EmbedderSettings, FaceEmbedder
    from faces.runtime.session import RuntimeOptions

    name = Path(arguments.name).expanduser()
    kinds = {_kind(place / name) for place in (Path(), *settings.pack_places)}
    if "pose" in kinds:
        return _check_pose(arguments.name, settings, output)
    if "liveness" in kinds:
        return _check_liveness(arguments.name, settings, output)
    runtime = RuntimeOptions(settings.runtime, settings.precision)
    compared = {} if settings.precision == "f32" else _compare_with_f32(arguments, settings, runtime, output)
    pack = load_pack(arguments.name, settings.pack_places, settings.precision)
    embedder = FaceEmbedder(pack, EmbedderSettings(runtime=runtime))
    data = compared | {
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


def _check_pose(name: str, settings: Settings, output: cli.Output) -> int:
    """Check a pose pack's file and open its model."""
    from faces.pose.reader import PoseReader
    from faces.runtime.session import RuntimeOptions, described_runtime

    pack, runtime = load_pose_pack(name, settings.pack_places), RuntimeOptions(settings.runtime)
    PoseReader(pack, runtime)
    described = pack.description
    data = {
        "name": pack.name,
        "tag": pack.tag,
        "input": f"{described.input.width} x {described.input.height}, {described.input.layout}",
        "output": described.output.form,
        "keypoints": len(described.order),
        "licence": described.licence,
        "use": described.use,
        "runtime": described_runtime(runtime),
        "model": str(pack.model),
    }
    output.result(data, [f"{key:12s} {value}" for key, value in data.items()])
    return cli.DONE


def _check_liveness(name: str, settings: Settings, output: cli.Output) -> int:
    """Check a liveness pack's files and open its models."""
    from faces.liveness.reader import LivenessReader
    from faces.runtime.session import RuntimeOptions, described_runtime

    pack, runtime = load_liveness_pack(name, settings.pack_places), RuntimeOptions(settings.runtime)
    LivenessReader(pack, runtime)
    described = pack.description
    data: dict[str, object] = {
        "name": pack.name,
        "tag": pack.tag,
        "threshold": described.threshold,
        "least_face": described.least_face,
        "licence": described.licence,
        "use": described.use,
        "runtime": described_runtime(runtime),
        "models": [
            {
                "file": str(file),
                "crop": f"{model.crop.scale:g} x {model.crop.around}, {model.crop.beyond}",
                "input": f"{model.input.width} x {model.input.height}, {model.input.colours}",
                "output": f"{model.output.form}, number {model.output.live} of {model.output.classes} is live",
            }
            for file, model in zip(pack.files, described.models, strict=True)
        ],
    }
    lines = [f"{key:12s} {value}" for key, value in data.items() if key != "models"]
    lines += [f"{'model':12s} {'; '.join(model.values())}" for model in data["models"]]  # type: ignore[attr-defined]
    output.result(data, lines)
    return cli.DONE


def _compare_with_f32(
    arguments: argparse.Namespace, settings: Settings, runtime: RuntimeOptions, output: cli.Output
) -> dict[str, object]:
    """What the check of the precision measured.

    Raises:
        PackError: ``precision_loses``, with the figures.
    """
    from faces.precision.check import GateLimits, check_precision
    from faces.precision.photos import labelled_photos, shipped_photos

    pack = load_pack(arguments.name, settings.pack_places)
    if arguments.photos is None and pack.name != "sample":
        raise InvalidInput(
            "photos_needed",
            f"What pack {pack.name!r} loses in {settings.precision} shows only on photos of people, and those that "
            "come with Presente are drawn.",
            "Name a folder with one folder per person: --photos FOLDER.",
        )
    photos = shipped_photos() if arguments.photos is None else labelled_photos(arguments.photos)
    limits = GateLimits(arguments.fpir, arguments.most_loss or (_SHIPPED_LOSS if arguments.photos is None else _LOSS))
    with output.bar(2 * len(photos), "photo") as progress:
        result = check_precision(pack, runtime, photos, limits, progress)
    found = result.comparison
    figures: dict[str, object] = {
        "calibrated_with": result.calibrated_with,
        "without_face": result.without_face,
        "cosine": f"{found.agreement.median:.4f} median, {found.agreement.worst_percent:.4f} worst 1 %",
        "searches": found.mated,
        "fnir": f"{found.other.fnir:.4f}, in f32 {found.f32.fnir:.4f}, at FPIR {limits.fpir:g}",
        "lost_gained": f"{found.lost} lost, {found.gained} won",
        "most_loss": f"{found.most_loss:.4f} with 95 % confidence; {limits.loss:g} is allowed",
        "speed": f"{result.speed:.2f} times f32",
    }
    if result.faults:
        for key, value in figures.items():
            output.note(f"{key:15s} {value}")
        raise PackError(
            "precision_loses",
            f"Pack {pack.name!r} loses in {settings.precision}. {' '.join(result.faults)}",
            "Leave PRESENTE_PRECISION at f32; nothing was installed.",
        )
    return figures


def _share(text: str) -> float:
    """A share between 0 and 1."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1.")
    return share


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
    pulling.add_argument("name", help=", ".join(_PULLABLE))
    pulling.add_argument("--accept-licence", action="store_true", help="accept the pack's licence without being asked")
    pulling.add_argument(
        "--url", help="address of a mirror: of the archive, or of the folder with the files of a pack without one"
    )
    checking = cli.subcommand(
        commands, "check", run_check, "Check a pack's files and open its models.", "faces check sample"
    )
    checking.add_argument("name", help="a pack's name, or a folder")
    checking.add_argument(
        "--photos",
        type=Path,
        metavar="FOLDER",
        help="with --precision bf16 or int8: one folder per person (default, only for the sample pack: its class)",
    )
    checking.add_argument(
        "--fpir", type=_share, default=0.01, help="share of strangers accepted where FNIR is compared (default: 0.01)"
    )
    checking.add_argument(
        "--most-loss",
        type=_share,
        metavar="RATE",
        help=f"rise of FNIR that counts as none (default: {_LOSS}; with the sample class {_SHIPPED_LOSS})",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.WARNING, "%(levelname)s %(message)s")
    return cli.main(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
