"""Damaged files for the fuzz run: photos of every accepted format and .npy arrays, changed at random from a seed."""

# ruff: noqa: E501 - lists of odd values, as many on a line as are of a kind
from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

_HEIC = Path(__file__).resolve().parent.parent / "tests" / "faces" / "photos"
"""Nothing here encodes HEIC."""

_EXTREMES = (b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\x00\x00\x00\x01")


def photos_by_format(photo: bytes) -> dict[str, list[bytes]]:
    """A photo, made small, as files of each accepted format and of the kinds that each format has."""
    with Image.open(io.BytesIO(photo)) as opened:
        image = opened.convert("RGB")
    image.thumbnail((160, 160))
    grey, palette, alpha = image.convert("L"), image.convert("P"), image.convert("RGBA")
    deep = Image.fromarray(np.asarray(grey, dtype=np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the side
    return {
        "JPEG": [
            _saved(image, "JPEG"),
            _saved(image, "JPEG", progressive=True, exif=exif),
            _saved(grey, "JPEG"),
            _saved(image.convert("CMYK"), "JPEG"),
            _saved(image, "MPO", save_all=True, append_images=[image]),
        ],
        "PNG": [_saved(image, "PNG"), _saved(palette, "PNG"), _saved(alpha, "PNG"), _saved(deep, "PNG")],
        "WebP": [
            _saved(image, "WEBP"),
            _saved(alpha, "WEBP", lossless=True),
            _saved(image, "WEBP", save_all=True, append_images=[image.rotate(90)], exif=exif),
        ],
        "HEIC": [path.read_bytes() for path in sorted(_HEIC.glob("*.heic")) if path.stat().st_size > 3000],
        "AVIF": [
            _saved(image, "AVIF", max_threads=1),
            _saved(alpha, "AVIF", exif=exif, max_threads=1),
            _saved(image, "AVIF", subsampling="4:4:4", max_threads=1),  # a sequence would have the time of day in it
        ],
        "TIFF": [
            _saved(image, "TIFF"),
            _saved(alpha, "TIFF", compression="tiff_lzw"),
            _saved(image, "TIFF", compression="jpeg"),
            _saved(palette, "TIFF", compression="tiff_adobe_deflate", tiffinfo={0x0112: 6}),
            _saved(deep, "TIFF"),
            _saved(image.convert("1"), "TIFF", compression="packbits"),
        ],
        "PNM": [_saved(image, "PPM"), _saved(grey, "PPM"), _saved(grey.convert("1"), "PPM"), _saved(deep, "PPM")],
    }


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Bytes that are changed in one way or several: bits, cuts, copies, insertions, extreme numbers."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_WAYS)(rng, data)
    return data


def damaged_photo(rng: random.Random, data: bytes) -> bytes:
    """A photo's file that is damaged; half of the time where its format keeps its parts and its size."""
    if rng.random() < 0.5:
        return damaged(rng, data)
    if data.startswith(b"\x89PNG"):
        return _damaged_png(rng, data)
    if data.startswith(b"\xff\xd8"):
        return _damaged_jpeg(rng, data)
    if data.startswith(b"RIFF"):
        return _damaged_webp(rng, data)
    if data[4:8] == b"ftyp":
        return _damaged_in_place(rng, data, len(data))
    if data[:2] in (b"II", b"MM"):
        return _damaged_in_place(rng, data, int.from_bytes(data[4:8], "little") + 300)
    return _damaged_pnm(rng, data)


def damaged_npy(rng: random.Random) -> bytes:
    """An .npy file whose header, or what follows it, is not what it should be."""
    rows = np.ones((rng.choice((0, 1, 3)), rng.choice((1, 8, 512))), dtype=np.float32)
    out = io.BytesIO()
    np.save(out, rows)
    if rng.random() < 0.3:
        return damaged(rng, out.getvalue())
    shape = rng.choice(("(1, 512)", "(512,)", "()", "(-1, 512)", "(1, -512)", "(99999999999999999999, 1)", "(0, 512)",
                        "(1, 512", "[1, 512]", "(1.0, 512)", "(True, 512)", "'x'", "1" * 5000, "(1,)*99999", "(" * 3000,
                        "(1, 2**60)", "(0x1, 512)", "(1e3, 1)", "(4611686018427387904, 4, 512)"))  # fmt: skip
    kind = rng.choice(("'<f4'", "'>f8'", "'<f2'", "'|b1'", "'|O'", "'<c8'", "'<M8[s]'", "'|S0'", "'|V4'", "'<U1'",
                       "[('a', '<f4'), ('b', '|O')]", "[('a', '<f4', (99999, 99999))]", "'<f99'", "5", "None", "'x' * 9",
                       "'<f4\\x00'", "\"'\"", "'''", "{", "'<m8[99999999999s]'", "('<f4', (9999999999,))"))  # fmt: skip
    order = rng.choice(("False", "True", "1", "'F'", "None"))
    header = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if rng.random() < 0.2:
        header = rng.choice(("", "{", "5", "lambda: 0", "{'descr': '<f4'}", "\x00" * 64, "{" * 900, header + ")" * 9,
                             header.replace("'", '"'), "\t" + header, "0x", "1_", "\ud7ff", "'\\N{x}'"))  # fmt: skip
    text = (header + " " * (-len(header) % 64) + "\n").encode()
    version = rng.choice(((1, 0), (1, 0), (2, 0), (3, 0), (4, 0), (0, 0), (255, 255)))
    length = rng.choice((len(text), len(text), len(text), 0, 5, 65535, 2**31, 2**32 - 1))
    size = struct.pack("<H", length % 65536) if version[0] <= 1 else struct.pack("<I", length)
    return b"\x93NUMPY" + bytes(version) + size + text + b"\x00" * rng.choice((0, 1, 2048, 4096))


def _flip(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 4, 32))):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _copy(rng: random.Random, data: bytes) -> bytes:
    start, end = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    place = rng.randrange(len(data) + 1)
    return data[:place] + data[start:end] * rng.choice((1, 1, 3)) + data[place:]


def _drop(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.choice((1, 2, 16, 200)) :]


def _insert(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.randbytes(rng.choice((1, 4, 64))) + data[place:]


def _extreme(rng: random.Random, data: bytes) -> bytes:
    width = rng.choice((1, 2, 4))
    place = rng.randrange(min(len(data), 200) + 1)
    return data[:place] + rng.choice(_EXTREMES)[:width] + data[place + width :]


_WAYS: tuple[Callable[[random.Random, bytes], bytes], ...] = (_flip, _flip, _cut, _copy, _drop, _insert, _extreme)


def _side(rng: random.Random) -> int:
    return rng.choice((0, 1, 15, 16, 17, 161, 1000, 6000, 6325, 16383, 65535))


def _damaged_png(rng: random.Random, data: bytes) -> bytes:
    """Chunks that are damaged, doubled, dropped or moved, with checksums that are right."""
    chunks: list[tuple[bytes, bytes]] = []
    place = 8
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += length + 12
    which = rng.randrange(len(chunks))
    name, content = chunks[which]
    way = rng.choice(("size", "content", "double", "drop", "move", "strange"))
    if way == "size":
        header = bytearray(chunks[0][1])
        header[0:8] = struct.pack(">II", rng.choice((_side(rng), 2**31, 2**32 - 1)), _side(rng))
        header[8:13] = bytes(rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255)) for _ in range(5))
        chunks[0] = (b"IHDR", bytes(header))
    elif way == "content":
        chunks[which] = (name, damaged(rng, content))
    elif way == "double":
        chunks.insert(which, chunks[which])
    elif way == "drop":
        del chunks[which]
    elif way == "move":
        rng.shuffle(chunks)
    else:
        strange = rng.choice((b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"tRNS", b"acTL", b"fcTL", b"PLTE", b"gAMA"))
        filled = rng.choice((b"", b"x" * 100, b"a\0\0" + zlib.compress(b"0" * 100_000), rng.randbytes(40)))
        chunks.insert(rng.randrange(1, len(chunks)), (strange, filled))
    return data[:8] + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def _damaged_jpeg(rng: random.Random, data: bytes) -> bytes:
    """Segments that are damaged, doubled or dropped; another size in the frame's header."""
    starts = [place for place in range(2, len(data) - 4) if data[place] == 0xFF and 0xC0 <= data[place + 1] <= 0xFE]
    frames = [place for place in starts if data[place + 1] in (0xC0, 0xC1, 0xC2)]
    if frames and rng.random() < 0.3:
        place = frames[0] + 5
        return data[:place] + struct.pack(">HH", _side(rng), _side(rng)) + data[place + 4 :]
    place = rng.choice(starts)
    end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    segment = data[place:end]
    made = rng.choice((segment * 2, b"", segment[:2] + damaged(rng, segment[2:]), segment * 50))
    return data[:place] + made + data[end:]


def _damaged_webp(rng: random.Random, data: bytes) -> bytes:
    """Chunks that are damaged, doubled or dropped, in a file whose length is right."""
    chunks: list[tuple[bytes, bytes]] = []
    place = 12
    while place + 8 <= len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        chunks.append((data[place : place + 4], data[place + 8 : place + 8 + length]))
        place += 8 + length + length % 2
    which = rng.randrange(len(chunks))
    name, content = chunks[which]
    made = rng.choice(([], [chunks[which]] * 2, [(name, damaged(rng, content))], [(name, _extreme(rng, content))],
                       [(rng.choice((b"VP8 ", b"VP8L", b"VP8X", b"ANMF", b"EXIF", b"ICCP")), content)]))  # fmt: skip
    chunks[which : which + 1] = made
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2) for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _damaged_in_place(rng: random.Random, data: bytes, end: int) -> bytes:
    """Numbers of boxes or tags that are others; the file keeps its length, so that most of it is still found."""
    out = bytearray(data)
    start = max(0, min(end, len(data)) - rng.choice((300, 700, len(data))))
    for _ in range(rng.choice((1, 1, 2, 5))):
        place = rng.randrange(start, max(start + 1, min(end, len(data)) - 4))
        width = rng.choice((1, 1, 2, 4))
        value = rng.choice((0, 1, 2, 3, 255, 2**15, 2**31 - 1, 2**32 - 1, rng.randrange(2**32))) % 256**width
        out[place : place + width] = value.to_bytes(width, rng.choice(("big", "little")))
    return bytes(out)


def _damaged_pnm(rng: random.Random, data: bytes) -> bytes:
    """Another header before the same samples."""
    kind = rng.choice((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7", b"Pf", b"P0CMYK", b"Py"))
    words = [
        str(_side(rng)).encode(),
        str(_side(rng)).encode(),
        rng.choice((b"255", b"1", b"0", b"65535", b"-1", b"9" * 30)),
    ]
    if rng.random() < 0.3:
        words[rng.randrange(3)] = rng.choice((b"", b"#x", b"-5", b"0x10", b"1.5", b"1e9", b"\xff", b"+7", b"1_0"))
    return kind + b"\n" + rng.choice((b" ", b"\n", b"\n#c\n")).join(words) + b"\n" + data[15:]
