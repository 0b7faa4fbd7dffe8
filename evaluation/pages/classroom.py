"""The report of ``classroom``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation import plots
from evaluation.class_faces import ClassFace, rates, rates_by_size, read_faces
from evaluation.pages.glossary import terms
from evaluation.pages.parts import (
    Case,
    Cases,
    Figure,
    ReportPage,
    ReportTable,
    Tile,
    count,
    percent,
    percent_interval,
    score,
)

_WORST = 12


def build(result: dict[str, Any], out: Path) -> ReportPage:
    """Every rate is computed from the table of faces; ``result`` describes the run."""
    faces = read_faces(out / Path(result["scores"]).name)
    sizes, together = rates_by_size(faces), rates(faces)
    asked = result["arguments"]
    return ReportPage(
        title="Class photos: who is found in them, and who is recorded as present?",
        lead=[
            f"{count(together['photos'], 'class photo')} of {asked['width']} × {asked['height']} pixels "
            f"{'was' if together['photos'] == 1 else 'were'} made of portraits: {count(together['students'], 'face')} "
            f"of students, {together['strangers']:,} of strangers. {together['present']:,} students were recorded as "
            f"present by their own face, {together['strangers_named']:,} strangers were given a student's name.",
            f"The threshold in force is {result['deployed']['described']}.",
        ],
        tiles=_tiles(together),
        doubts=[] if together["strangers"] else ["There were no strangers: how often one is named is not known."],
        tables=[_table(sizes)],
        figures=[_figure(sizes)],
        cases=[_wrong(faces), _missed(faces)],
        result=result,
        terms=terms("Size of a face", "Found", "Present", "False face", "Threshold", "Score", "Interval"),
    )


def _tiles(together: dict[str, Any]) -> list[Tile]:
    shown = (("found", "faces found"), ("present", "students present"), ("strangers_named", "strangers named"))
    return [
        Tile(percent(together[f"{name}_rate"]), label, percent_interval(together[f"{name}_interval"]))
        for name, label in shown
    ] + [Tile(f"{together['named_wrongly']:,}", "names given wrongly", "to students and to what is no face")]


def _table(sizes: Sequence[dict[str, Any]]) -> ReportTable:
    rows = [
        (
            one["size"],
            f"{one['found']:,} of {one['faces']:,} ({percent_interval(one['found_interval'])})",
            f"{one['false_faces']:,}",
            f"{one['present']:,} of {one['students']:,} ({percent_interval(one['present_interval'])})",
            f"{one['ambiguous']:,}",
            f"{one['missed']:,}",
            f"{one['named_wrongly']:,}",
            f"{one['strangers_named']:,} of {one['strangers']:,} ({percent_interval(one['strangers_named_interval'])})",
        )
        for one in sizes
    ]
    head = (
        "Size, pixels",
        "Found",
        "False faces",
        "Present",
        "Ambiguous",
        "Missed",
        "Named wrongly",
        "Strangers named",
    )
    return ReportTable("By size of face", head, rows, "In brackets 95 % intervals.")


def _figure(sizes: Sequence[dict[str, Any]]) -> Figure:
    lines = [
        (
            label,
            [
                plots.Dot(one["size"], one[f"{name}_rate"], one[f"{name}_interval"])
                for one in sizes
                if one[f"{name}_rate"] is not None
            ],
        )
        for name, label in (
            ("found", "faces found"),
            ("present", "students present"),
            ("strangers_named", "strangers named"),
        )
    ]
    said = "; ".join(f"at {one['size']} pixels {one['found']} of {one['faces']} found" for one in sizes)
    return Figure(
        "sizes",
        "Found and present, by size of face",
        "Size: shorter side of the face's box in the class photo, pixels. Lines beside points: 95 % intervals.",
        f"Share of faces found and of students present at each size: {said}.",
        plots.levels(
            [line for line in lines if line[1]], "Size of the faces, pixels", "Found and present, by size of face"
        ),
    )


def _wrong(faces: Sequence[ClassFace]) -> Cases:
    wrong = sorted((face for face in faces if face.wrong), key=lambda face: -face.score)
    return Cases(
        "Names given wrongly",
        f"{count(len(wrong), 'face')} got a name that is not the person's.",
        [
            Case(
                score(face.score),
                f"{face.person or 'no face'} ({face.role})",
                f"named {face.named}, in photo {face.photo}, {face.side:.0f} pixels",
                (face.path,) if face.path else (),
            )
            for face in wrong[:_WORST]
        ],
    )


def _missed(faces: Sequence[ClassFace]) -> Cases:
    missed = [face for face in faces if face.role == "student" and not face.right]
    missed.sort(key=lambda face: (face.found, -face.side))
    return Cases(
        "Students who were not recorded",
        f"{count(len(missed), 'student')} {'is' if len(missed) == 1 else 'are'} in a photo and not recorded as present "
        "by their own face; those whose face was not found first, the largest faces first.",
        [
            Case(
                score(face.score),
                face.person,
                f"{face.status or 'not found'}, in photo {face.photo}, {face.side:.0f} pixels",
                (face.path,),
            )
            for face in missed[:_WORST]
        ],
    )
