"""Draws the sample class: `python -m data_sample.make_class`.

Everything is drawn from fixed seeds, so the same files come out byte for byte every time.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .draw import (
    ENROLLED,
    EVERYDAY,
    Desk,
    Identity,
    Portrait,
    Seat,
    Spread,
    Truth,
    render_portrait,
    render_scene,
    sample_identity,
    sample_look,
)
from .draw.look import Look
from .draw.seeds import CLASS, STRANGERS, assert_disjoint, assert_unseen
from .names import MEN, WOMEN

HERE = Path(__file__).resolve().parent
COLUMNS = ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "fotos")
ENROLLED_PHOTOS, PROBE_PHOTOS, STRANGER_COUNT = 4, 2, 6
QUALITY = 88
GROUP_SIZE = (960, 600)
PHONE_SIZE, PHONE_QUALITY = (4000, 3000), 80
PHONE_ROWS = (56.0, 72.0, 92.0, 118.0)
"""Width of the faces in each row of the phone's class photo, from the back to the front, in pixels."""
DESK = (176, 138, 98)
PHONE_SEED = STRANGERS.start + 5017
"""Every student in the photo scores well above the threshold: with other seeds one or two come close to it."""
CLOSE_UP_SIZE, CLOSE_UP_FACE = (1200, 1500), 0.72


@dataclass(frozen=True)
class Student:
    """One row of the class list, and the identity that is drawn for it."""

    matricula: str
    name: str
    group: str
    registered: str
    who: Identity


def choose_students(count: int = 24) -> list[Student]:
    """Return the students: half of them in each class, names that fit how they are drawn."""
    rng = np.random.default_rng(0xC1A55)
    women, men = iter(WOMEN), iter(MEN)
    students = []
    number = 170
    for k, who in enumerate(young_people(count)):
        number += int(rng.integers(1, 9))
        group = "IA-101" if k < count // 2 else "IA-102"
        day = f"2025-08-{11 + int(rng.integers(0, 12)):02d}"
        students.append(Student(f"A{number:04d}", next(women if who.feminine else men), group, day, who))
    return students


def young_people(count: int) -> list[Identity]:
    """Return the first young identities of the class's range, as many women as men."""
    chosen: list[Identity] = []
    for seed in CLASS:
        assert_unseen(seed)
        who = sample_identity(seed)
        alike = sum(other.feminine == who.feminine for other in chosen)
        bare = who.hair.style == "bald" or (who.hair.style == "buzz" and max(who.hair.colour) > 120)
        grey = min(who.hair.colour) > 120 and max(who.hair.colour) - min(who.hair.colour) < 25
        if who.age < 0.4 and not bare and not grey and alike < (count + 1) // 2:
            chosen.append(who)
        if len(chosen) == count:
            break
    return chosen


def strangers() -> list[Identity]:
    """Return the people who are in no class; the last one is only in the second group photo."""
    people = [sample_identity(STRANGERS.start + k) for k in range(STRANGER_COUNT + 1)]
    for who in people:
        assert_unseen(who.seed)
    return people


def write_photo(pixels: NDArray[np.uint8], path: Path, quality: int = QUALITY) -> None:
    """Write a photo (H, W, 3), uint8, RGB, as JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    path.write_bytes(stream.getvalue())


def draw_photo(who: Identity, number: int, spread: Spread) -> NDArray[np.uint8]:
    """Return the `number`-th photo (H, W, 3) of a person."""
    seed = who.seed * 32 + number
    rng = np.random.default_rng([0x51DE, seed])
    width = int(rng.integers(240, 301))
    look = dataclasses.replace(sample_look(seed, spread), jpeg=None)
    return render_portrait(who, look, width, int(width * 1.22)).pixels


def write_portraits(out: Path, students: Sequence[Student]) -> None:
    """Write enrolled photos, probes and strangers."""
    for student in students:
        for k in range(ENROLLED_PHOTOS):
            write_photo(draw_photo(student.who, k, ENROLLED), out / "students" / student.matricula / f"{k + 1}.jpg")
        for k in range(PROBE_PHOTOS):
            photo = draw_photo(student.who, ENROLLED_PHOTOS + k, EVERYDAY)
            write_photo(photo, out / "probes" / student.matricula / f"{k + 1}.jpg")
    for k, who in enumerate(strangers()[:STRANGER_COUNT]):
        write_photo(draw_photo(who, 0, EVERYDAY), out / "strangers" / f"{k + 1:02d}.jpg")


def write_list(out: Path, students: Sequence[Student]) -> None:
    """Write students.csv."""
    stream = io.StringIO(newline="")
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(COLUMNS)
    for s in students:
        photos = ";".join(f"students/{s.matricula}/{k + 1}.jpg" for k in range(ENROLLED_PHOTOS))
        table.writerow((s.matricula, s.name, s.group, s.registered, photos))
    (out / "students.csv").write_bytes(stream.getvalue().encode("utf-8"))


def write_experiment(out: Path, students: Sequence[Student]) -> None:
    """Write identify.tsv, each portrait once: every second student is enrolled with two photos, the others are unknown.

    The four other photos of the enrolled are probes.
    """
    rows = [("role", "person", "path", "clase")]
    for number, s in enumerate(students):
        for k in range(ENROLLED_PHOTOS):
            role = "unknown" if number % 2 else "gallery" if k < 2 else "probe"
            rows.append((role, s.matricula, f"students/{s.matricula}/{k + 1}.jpg", s.group))
        role = "unknown" if number % 2 else "probe"
        rows += [(role, s.matricula, f"probes/{s.matricula}/{k + 1}.jpg", s.group) for k in range(PROBE_PHOTOS)]
    names = [f"{k + 1:02d}" for k in range(STRANGER_COUNT)]
    rows += [("unknown", f"stranger {name}", f"strangers/{name}.jpg", "none") for name in names]
    text = "".join("\t".join(row) + "\n" for row in rows)
    (out / "identify.tsv").write_bytes(text.encode("utf-8"))


def arrange(people: Sequence[Identity], seed: int) -> tuple[list[Seat], Look]:
    """Place people in two rows of a group photo, the back row between the heads of the front row."""
    rng = np.random.default_rng([0x6209, seed])
    width, height = GROUP_SIZE
    place = dataclasses.replace(
        sample_look(seed, ENROLLED),
        background="board",
        dark=0.0,
        blur=0.0,
        noise=2.0,
        gain=1.0,
        gamma=1.0,
        jpeg=None,
    )
    back = len(people) // 2
    seats = []
    for row, members in enumerate((people[:back], people[back:])):
        step = width / (len(members) + 0.3)
        for k, who in enumerate(members):
            look = sample_look(seed * 64 + row * 16 + k, ENROLLED)
            look = dataclasses.replace(look, light_x=place.light_x, light_y=place.light_y, contrast=place.contrast)
            x = step * (k + 0.65) + float(rng.normal(0, 5))
            y = height * (0.27 if row == 0 else 0.62) + float(rng.normal(0, 7))
            seats.append(Seat(who, look, x, y, float(rng.uniform(84, 94) if row == 0 else rng.uniform(94, 106))))
    return seats, place


def arrange_class(people: Sequence[Identity], seed: int) -> tuple[list[Seat], list[Desk], Look]:
    """Place a whole class at the desks of a phone's photo: small faces, smaller behind than in front."""
    rng = np.random.default_rng([0x6209, seed])
    width, height = PHONE_SIZE
    place = dataclasses.replace(
        sample_look(seed, ENROLLED), background="board", dark=0.0, blur=0.0, noise=0.0, gain=1.0, gamma=1.0, jpeg=None
    )
    seats: list[Seat] = []
    desks: list[Desk] = []
    for row, (face, members) in enumerate(zip(PHONE_ROWS, _rows(people), strict=True)):
        middle = height * (0.41 + 0.145 * row)
        step = width / (len(members) + 0.6)
        for k, who in enumerate(members):
            look = sample_look(seed * 64 + len(seats), ENROLLED)
            look = dataclasses.replace(look, light_x=place.light_x, light_y=place.light_y, contrast=place.contrast)
            x = step * (k + (0.65 if row % 2 else 0.95)) + float(rng.normal(0, 25))
            y = middle + float(rng.normal(0, 10))
            seats.append(Seat(who, look, x, y, face * float(rng.uniform(0.95, 1.05))))
        desks.append(Desk(len(seats), middle + 2.4 * face, min(height, middle + 7.2 * face), DESK))
    return seats, desks, place


def _rows(people: Sequence[Identity]) -> list[Sequence[Identity]]:
    """People in as many rows as the phone's photo has, about as many in each."""
    edges = [round(len(people) * row / len(PHONE_ROWS)) for row in range(len(PHONE_ROWS) + 1)]
    return [people[first:last] for first, last in pairwise(edges)]


def draw_close_up(who: Identity, seed: int) -> Portrait:
    """Draw a photo that a person takes from too near: the face fills the frame."""
    look = dataclasses.replace(
        sample_look(seed, ENROLLED),
        face=CLOSE_UP_FACE,
        shift_x=0.0,
        shift_y=0.03,
        dark=0.0,
        blur=0.0,
        noise=0.0,
        jpeg=None,
    )
    return render_portrait(who, look, *CLOSE_UP_SIZE)


def write_groups(out: Path, students: Sequence[Student]) -> None:
    """Write two group photos, a phone's photo of all, a close-up, and groups.json, which says who is where."""
    names = {s.who.seed: s.matricula for s in students}
    half = len(students) // 2
    first = [s.who for s in students[:half]][:10]
    second = [s.who for s in students[half:]][:9]
    second.insert(4, strangers()[-1])
    truth = {}
    for number, people in enumerate((first, second), start=1):
        seats, place = arrange(people, STRANGERS.start + 5000 + number)
        scene = render_scene(seats, place, *GROUP_SIZE)
        write_photo(scene.pixels, out / "groups" / f"group_{number:02d}.jpg")
        truth[f"group_{number:02d}.jpg"] = _truths(seats, scene.truths, names)
    seats, desks, place = arrange_class([*(s.who for s in students), strangers()[-1]], PHONE_SEED)
    scene = render_scene(seats, place, *PHONE_SIZE, desks)
    write_photo(scene.pixels, out / "groups" / "phone_class.jpg", PHONE_QUALITY)
    truth["phone_class.jpg"] = _truths(seats, scene.truths, names)
    near = draw_close_up(students[3].who, STRANGERS.start + 5004)
    write_photo(near.pixels, out / "groups" / "close_up.jpg")
    truth["close_up.jpg"] = [_truth(students[3].who, near.truth, names)]
    text = json.dumps(truth, indent=1, ensure_ascii=False) + "\n"
    (out / "groups" / "groups.json").write_text(text, encoding="utf-8")


def _truths(seats: Sequence[Seat], truths: Sequence[Truth], names: Mapping[int, str]) -> list[dict[str, Any]]:
    return [_truth(seat.who, truth, names) for seat, truth in zip(seats, truths, strict=True)]


def _truth(who: Identity, truth: Truth, names: Mapping[int, str]) -> dict[str, Any]:
    """What groups.json says of one face."""
    return {"box": [round(v, 1) for v in truth.box], "matricula": names.get(who.seed)}


def make_class(out: Path) -> None:
    """Write the whole sample class below `out`."""
    assert_disjoint()
    students = choose_students()
    assert len({s.matricula for s in students}) == len(students)
    out.mkdir(parents=True, exist_ok=True)
    write_list(out, students)
    write_experiment(out, students)
    write_portraits(out, students)
    write_groups(out, students)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Draw the sample class.")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write below (default: data_sample)")
    make_class(parser.parse_args().out)


if __name__ == "__main__":
    main()
