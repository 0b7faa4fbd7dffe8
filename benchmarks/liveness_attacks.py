"""``python -m benchmarks.liveness_attacks``: photos of faces, and attacks drawn of them, for ``evaluation liveness``.

No camera is involved: screens and prints are drawn by program (:mod:`benchmarks.liveness_media`). So what a check does
with these attacks says which kinds it sees at all, and how much a face needs around it. It is no figure for attacks
with real phones and real paper, and none by ISO/IEC 30107-3. The photos show people: they belong in no repository.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import common
from benchmarks.liveness_media import ON_A_MEDIUM, captured, jpeg
from evaluation import protocols
from evaluation.protocols import Entry
from faces.embedder import FaceEmbedder
from faces.image.decode import RGB
from faces.opencv import cv2
from presente import composition
from presente.settings import load_settings

LONGEST = 640
"""Photos are drawn on media in at most so many pixels per side."""
_TIGHT = 0.15
"""What a tight photo shows around a face, as a share of its box's longer side."""

_TIGHT_SEED = 99


def chosen(entries: Sequence[Entry], count: int, seed: int) -> list[Entry]:
    """So many photos, drawn: one of each person, then a second of each, and so on."""
    draw = random.Random(seed)
    by_person: dict[str, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: entry.path):
        by_person[entry.person].append(entry)
    people = sorted(by_person)
    draw.shuffle(people)
    for photos in by_person.values():
        draw.shuffle(photos)
    rounds = max(map(len, by_person.values()), default=0)
    turns = (by_person[person][turn] for turn in range(rounds) for person in people if turn < len(by_person[person]))
    return [entry for entry, _ in zip(turns, range(count), strict=False)]


def make(entries: Sequence[Entry], embedder: FaceEmbedder, out: Path, seed: int) -> dict[str, int]:
    """Write ``bona_fide`` and ``attacks/KIND``, and the same of tight photos below ``tight``; how many of each.

    Photos in which no face is found are left out.
    """
    counts: dict[str, int] = defaultdict(int)
    behind: RGB | None = None
    for number, entry in enumerate(entries):
        content = entry.path.read_bytes()
        face = embedder.read_faces(content).prominent
        if face is None:
            counts["without_face"] += 1
            continue
        pixels = embedder.decode(content).pixels
        small = _reduced(pixels)
        name = Path(entry.person) / f"{entry.path.stem}.jpg"
        written = {Path("bona_fide") / name.with_suffix(entry.path.suffix): content}
        backdrop = small[::-1, ::-1] if behind is None else behind
        for place, (kind, draw) in enumerate(ON_A_MEDIUM.items()):
            chance = np.random.default_rng([seed, number, place])
            written[Path("attacks") / kind / name] = captured(draw(small, backdrop, chance), chance)
        behind = small
        tight = _reduced(_cropped(pixels, face.face.box))
        written[Path("tight") / "bona_fide" / name] = jpeg(tight)
        chance = np.random.default_rng([seed, number, _TIGHT_SEED])
        written[Path("tight") / "attacks" / "screen" / name] = captured(
            ON_A_MEDIUM["screen"](tight, backdrop, chance), chance
        )
        for path, photo in written.items():
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            (out / path).write_bytes(photo)
            counts["/".join(path.parts[: -len(name.parts)])] += 1
    return dict(counts)


def _reduced(pixels: RGB) -> RGB:
    height, width = pixels.shape[:2]
    scale = LONGEST / max(height, width)
    if scale >= 1:
        return pixels.copy()
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _cropped(pixels: RGB, box: Any) -> RGB:
    """The face with little around it."""
    left, top, right, bottom = (float(edge) for edge in box)
    reach = _TIGHT * max(right - left, bottom - top)
    height, width = pixels.shape[:2]
    rows = slice(max(0, round(top - reach)), min(height, round(bottom + reach)))
    return pixels[rows, max(0, round(left - reach)) : min(width, round(right + reach))]


def lines(found: dict[str, Any]) -> Iterator[str]:
    """What was written."""
    for name, count in found["photos"].items():
        yield f"{count:6} {name}"
    yield f"  python -m evaluation liveness --folder {found['out']}"
    yield f"  python -m evaluation liveness --folder {found['out']}/tight"


def main() -> int:
    """Draw the attacks."""
    parser = common.parser(
        "benchmarks.liveness_attacks",
        "Draw attacks of photos of faces (screens, prints, phone, paper, pasted), for `evaluation liveness`.",
        "benchmarks.liveness_attacks --photos ../shared/faces/lfw --out var/lfw_attacks",
    )
    parser.add_argument("--photos", type=Path, metavar="DIR", help="one folder of photos per person")
    parser.add_argument("--list", type=Path, metavar="LIST.tsv", help="instead: columns role, person, path, by tabs")
    parser.add_argument("--root", type=Path, metavar="DIR", help="what the list's paths are relative to")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="an empty folder, or a new one")
    parser.add_argument("--count", type=int, default=300, metavar="N", help="most photos (default: %(default)s)")
    given = parser.parse_args()
    if (given.photos is None) == (given.list is None):
        parser.error("give one of --photos and --list")
    if given.out.exists() and any(given.out.iterdir()):
        parser.error(f"{given.out} is not empty: name a new folder")
    settings = load_settings(given)
    embedder = composition.open_embedder(settings, composition.open_pack(settings))
    entries = protocols.read_people(given.photos) if given.photos else protocols.read_list(given.list, given.root)
    photos = make(chosen(entries, given.count, given.seed), embedder, given.out, given.seed)
    found = {**common.about_this_run(given.seed), "pack": embedder.pack.tag, "out": str(given.out), "photos": photos}
    common.publish(found, given.json, lines(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
