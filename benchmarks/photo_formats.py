"""``python -m benchmarks.photo_formats``: what decoding takes in memory and CPU time, beside what the header said.

Each photo is decoded in a process of its own, after a small one of its format. HEIC cannot be encoded here: its files
are those of tests/faces/photos, and your own where you name some.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import common
from benchmarks.costly_images import encoded

_HEIC = Path(__file__).resolve().parent.parent / "tests" / "faces" / "photos"
_ONE = """
import json, sys, time
from pathlib import Path
from faces.image.decode import ImageLimits, decode, expected_cost

def resident(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))

limits = ImageLimits(max_bytes=10**9, max_pixels=10**9)
small, data = (Path(name).read_bytes() for name in sys.argv[1:])
decode(small, limits)
before, begin = resident("VmRSS"), time.process_time()
pixels = decode(data, limits).pixels.size / 3
taken, cost = time.process_time() - begin, expected_cost(data, limits)
print(json.dumps({
    "bytes": len(data), "megapixels": round(pixels / 1e6, 2),
    "bytes_per_pixel": round((resident("VmHWM") - before) / pixels, 2),
    "bytes_per_pixel_said": round(cost.peak_bytes / pixels, 2),
    "ns_per_pixel": round(taken / pixels * 1e9, 1), "ns_per_pixel_said": round(cost.seconds / pixels * 1e9, 1),
}))
"""


def _picture(width: int, height: int, seed: int) -> Image.Image:
    """Shades with noise, as a phone's photo has it."""
    noise = np.random.default_rng(seed).normal(0, 4, (height, width, 3))
    shades = np.linspace(30, 220, width)[None, :, None] + np.linspace(-20, 20, height)[:, None, None]
    return Image.fromarray(np.clip(shades + noise, 0, 255).astype(np.uint8))


_KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "JPEG": ("RGB", "JPEG", {"quality": 90}),
    "PNG": ("RGB", "PNG", {"compress_level": 1}),
    "WebP": ("RGB", "WEBP", {"method": 0, "quality": 90}),
    "AVIF": ("RGB", "AVIF", {"speed": 10}),
    "AVIF of quality 95": ("RGB", "AVIF", {"speed": 10, "quality": 95}),
    "AVIF 4:4:4": ("RGB", "AVIF", {"speed": 10, "subsampling": "4:4:4"}),
    "grey AVIF": ("L", "AVIF", {"speed": 10, "subsampling": "4:0:0"}),
    "TIFF": ("RGB", "TIFF", {}),
    "TIFF, LZW": ("RGB", "TIFF", {"compression": "tiff_lzw"}),
    "TIFF, deflate": ("RGBA", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "TIFF, JPEG": ("RGB", "TIFF", {"compression": "jpeg"}),
}


def photos(width: int, height: int, seed: int, folder: Path) -> dict[str, tuple[Path, Path]]:
    """By kind: a small photo and the one to measure, as files."""
    found = {path.stem: (_HEIC / "plain.heic", path) for path in sorted(_HEIC.glob("flat*.heic"))}
    for name, (mode, form, options) in _KINDS.items():
        made = []
        for size in ((64, 64), (width, height)):
            made.append(folder / f"{len(found)}-{size[0]}")
            made[-1].write_bytes(encoded(_picture(*size, seed).convert(mode), form, **options))
        found[name] = (made[0], made[1])
    return found


def measured(small: Path, large: Path) -> dict[str, Any]:
    """What decoding a photo takes after a small one."""
    done = subprocess.run([sys.executable, "-c", _ONE, small, large], check=True, capture_output=True, text=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def main() -> int:
    """Measure and print."""
    example = "python -m benchmarks.photo_formats IMG_0001.HEIC"
    parser = common.parser("python -m benchmarks.photo_formats", __doc__ or "", example, settings=False)
    parser.add_argument("files", nargs="*", type=Path, help="photos to measure instead of the built-in ones")
    parser.add_argument("--width", type=int, default=3072, help="of the built-in photos, in pixels")
    parser.add_argument("--height", type=int, default=2048, help="likewise")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        chosen = {path.name: (path, path) for path in given.files}
        chosen = chosen or photos(given.width, given.height, given.seed, Path(folder))
        figures = {name: measured(*each) for name, each in chosen.items()}
    lines = [
        f"{name:20s} {each['bytes_per_pixel']:6.2f} bytes per pixel (said {each['bytes_per_pixel_said']:6.2f}), "
        f"{each['ns_per_pixel']:6.1f} ns per pixel (said {each['ns_per_pixel_said']:6.1f})"
        for name, each in figures.items()
    ]
    common.publish(common.about_this_run(given.seed) | {"photos": figures}, given.json, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
