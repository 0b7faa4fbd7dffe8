"""Draws photos in which someone presents a photo of a student: `python -m data_sample.make_attacks`.

Everything is drawn from fixed seeds, so the same files come out byte for byte every time.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .draw import ENROLLED, Desk, Identity, Look, Seat, Truth, sample_look
from .draw.attack import Held, render_filling, render_held
from .draw.medium import Kind
from .draw.seeds import ATTACKS_SHIPPED, assert_disjoint
from .make_class import DESK, HERE, Student, choose_students, write_photo

CLASS_SIZE, DOOR_SIZE, CLOSE_SIZE = (1280, 800), (640, 720), (480, 600)
PRESENT, ABSENT = 6, 9
"""How many students of the first class sit in the photo, and which one is only on the phone."""

PHONE_SEED, PAPER_SEED, SCREEN_SEED, PRINT_SEED = (ATTACKS_SHIPPED.start + k for k in (1, 2, 4, 6))
"""With these the sample pack recognises whoever is presented: with others some photos are too poor for it."""

Face = dict[str, Any]


def careful(seed: int) -> Look:
    """Return place and camera of a good photo."""
    return dataclasses.replace(
        sample_look(seed, ENROLLED), background="board", dark=0.0, blur=0.0, noise=2.0, gain=1.0, gamma=1.0, jpeg=None
    )


def seat(who: Identity, seed: int, place: Look, x: float, y: float, face: float) -> Seat:
    """Return a person in a place's light."""
    own = dataclasses.replace(
        sample_look(seed, ENROLLED), light_x=place.light_x, light_y=place.light_y, contrast=place.contrast
    )
    return Seat(who, own, x, y, face)


def face(truth: Truth, student: Student, attack: Kind | None = None) -> Face:
    """What attacks.json says of one face."""
    return {"box": [round(v, 1) for v in truth.box], "matricula": student.matricula, "attack": attack}


def draw_class(students: list[Student]) -> tuple[NDArray[np.uint8], list[Face]]:
    """Draw a class at its desks: the last one in front holds up a phone with a photo of a student who is not there."""
    place, (width, height) = careful(PHONE_SEED), CLASS_SIZE
    here, absent = students[:PRESENT], students[ABSENT]
    rng = np.random.default_rng([0xC1A5, PHONE_SEED])
    seats = []
    for number, student in enumerate(here):
        row, column = divmod(number, PRESENT // 2)
        x = width * ((0.2, 0.5, 0.78), (0.12, 0.42, 0.7))[row][column] + float(rng.normal(0, 8))
        y = height * (0.3, 0.58)[row] + float(rng.normal(0, 6))
        seats.append(seat(student.who, PHONE_SEED * 64 + number, place, x, y, (84.0, 100.0)[row]))
    holder = seats[-1]
    held = Held(absent.who, "phone", holder.x + 215, holder.y + 30, 92.0, holder.who.skin, PHONE_SEED, ENROLLED)
    desk = Desk(PRESENT // 2, height * 0.5, height * 0.8, DESK)
    scene, (shown,) = render_held(seats, [held], place, width, height, [desk])
    assert shown is not None
    faces = [face(truth, student) for truth, student in zip(scene.truths, here, strict=True)]
    return scene.pixels, [*faces, face(shown, absent, "phone")]


def draw_at_the_door(students: list[Student]) -> tuple[NDArray[np.uint8], list[Face]]:
    """Draw a student alone, who holds up a printed photo of another one."""
    place, (width, height) = careful(PAPER_SEED), DOOR_SIZE
    holder, absent = students[2], students[ABSENT]
    alone = seat(holder.who, PAPER_SEED * 64, place, width * 0.36, height * 0.24, 118.0)
    held = Held(absent.who, "paper", width * 0.64, height * 0.66, 116.0, holder.who.skin, PAPER_SEED, ENROLLED)
    scene, (shown,) = render_held([alone], [held], place, width, height)
    assert shown is not None
    return scene.pixels, [face(scene.truths[0], holder), face(shown, absent, "paper")]


def draw_close(student: Student, kind: Kind, seed: int) -> tuple[NDArray[np.uint8], list[Face]]:
    """Draw a photo of a photo, whose edges are outside."""
    place = dataclasses.replace(careful(seed), face=0.4, shift_x=0.0, shift_y=0.0)
    shown = render_filling(student.who, kind, place, seed, CLOSE_SIZE, ENROLLED)
    return shown.pixels, [face(shown.truth, student, kind)]


def make_attacks(out: Path) -> None:
    """Write the photos and attacks.json into the folder `out`."""
    assert_disjoint()
    students = choose_students()
    drawn = {
        "phone_in_class.jpg": draw_class(students),
        "paper_at_the_door.jpg": draw_at_the_door(students),
        "screen.jpg": draw_close(students[ABSENT], "screen", SCREEN_SEED),
        "print.jpg": draw_close(students[4], "print", PRINT_SEED),
    }
    for name, (pixels, _) in drawn.items():
        write_photo(pixels, out / name)
    truth = {name: faces for name, (_, faces) in drawn.items()}
    (out / "attacks.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Draw photos of presentation attacks.")
    parser.add_argument("--out", type=Path, default=HERE / "attacks", help="folder to write into")
    make_attacks(parser.parse_args().out)


if __name__ == "__main__":
    main()
