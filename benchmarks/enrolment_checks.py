"""``python -m benchmarks.enrolment_checks``: faults that the checks of an enrolment find and miss, on labelled photos.

Some people are enrolled with all their photos but one. That one is enrolled under the person's own matricula, under
another's, and under a new one; so are photos of people who are not enrolled. Only each photo's most prominent face is
looked at. People whose names share a word are not held against each other: research sets hold people under two names.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import common
from benchmarks.calibration import Templates, embedded, namesakes
from evaluation.experiment import Experiment
from evaluation.protocols import read_list, read_people
from gallery.documents.values import EnrolledPhoto, Enrolment, Student, Template
from gallery.enrolment.nearest_others import NEW_STUDENT, SimilarStudent, nearest_others
from gallery.enrolment.photo_check import judge
from gallery.enrolment.score_levels import STRANGER_RATE, STUDENT_RATE, EnrolmentLevels, LevelKeeper
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.person_score import scores_with
from gallery.settings import GallerySettings
from presente import cli, composition
from presente.settings import Settings, load_settings

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EnrolledPerson:
    """A person's templates, float32 (t, d)."""

    name: str
    templates: Vectors


def people_of(templates: Templates) -> list[EnrolledPerson]:
    """The templates, person by person."""
    names = sorted({name for name, _ in templates})
    own: dict[str, list[Vectors]] = {name: [] for name in names}
    for name, template in templates:
        own[name].append(template)
    return [EnrolledPerson(name, np.stack(found)) for name, found in own.items()]


class Trial:
    """People enrolled with all their photos but the last, or the first alone; photos are tried against them."""

    def __init__(self, gallery: Gallery, threshold: float, enrolled: Sequence[EnrolledPerson]) -> None:
        """Enrol people in an empty gallery of a pack with this threshold."""
        self.gallery = gallery
        self.enrolled = {person.name: person for person in enrolled}
        gallery.enrol([_enrolment(person, gallery.pack) for person in enrolled])
        self.ids = {name: gallery.student(name).id for name in self.enrolled}
        self.levels: EnrolmentLevels = LevelKeeper(gallery, threshold).now()

    def rivals(self, photos: Sequence[tuple[str, Vectors]], own: Sequence[int]) -> list[SimilarStudent | None]:
        """The students whom photos of people clearly show."""
        probes = np.stack([template for _, template in photos])
        found = nearest_others(self.gallery, probes, own, self.levels.duplicate)
        return [
            None if rival is None or (rival.matricula != name and namesakes(rival.matricula, name)) else rival
            for rival, (name, _) in zip(found, photos, strict=True)
        ]

    def refused(self, photos: Sequence[tuple[str, Vectors]], matriculas: Sequence[str]) -> NDArray[np.bool_]:
        """Which photos of people are not taken under a matricula that is there, bool (n,)."""
        rivals = self.rivals(photos, [self.ids[matricula] for matricula in matriculas])
        wrong = []
        for (_, template), matricula, rival in zip(photos, matriculas, rivals, strict=True):
            own = self.enrolled[matricula].templates
            wrong.append(judge(float(scores_with(template[None], own)[0]), len(own), rival, self.levels) == "different")
        return np.array(wrong)

    def warned(self, photos: Sequence[tuple[str, Vectors]]) -> list[str | None]:
        """The students whom photos under new matriculas are said to show."""
        found = self.rivals(photos, [NEW_STUDENT] * len(photos))
        return [None if rival is None else rival.matricula for rival in found]


def _enrolment(person: EnrolledPerson, pack: str) -> Enrolment:
    photos = tuple(
        EnrolledPhoto(b"", f"{person.name}-{number}", "image/jpeg", "benchmark", Template(row, pack, (0, 0, 1, 1)))
        for number, row in enumerate(person.templates)
    )
    return Enrolment(Student(person.name, person.name), photos)


def trial(
    people: Sequence[EnrolledPerson], size: int, first: bool, twice: float, settings: Settings, seed: int
) -> dict[str, Any]:
    """One draw of people: ``size`` of them enrolled, ``first``: with their first photo alone; a share of them, who have
    photos enough, with half of them under a second matricula."""
    chance = np.random.default_rng(seed)
    several = [person for person in people if len(person.templates) > 1]
    drawn = [several[i] for i in chance.permutation(len(several))[:size]]
    names = {person.name for person in drawn}
    enrolled = [EnrolledPerson(each.name, each.templates[: 1 if first else -1]) for each in drawn]
    torn = [each for each in enrolled[: round(twice * size)] if len(each.templates) > 1]
    halves = {each.name: each.templates[: len(each.templates) // 2] for each in torn}
    again = [EnrolledPerson(f"{each.name}_again", each.templates[len(each.templates) // 2 :]) for each in torn]
    enrolled = [EnrolledPerson(each.name, halves.get(each.name, each.templates)) for each in enrolled]
    later = [(person.name, person.templates[1 if first else -1]) for person in drawn]
    strangers = [(person.name, person.templates[0]) for person in people if person.name not in names]
    under = [str(name) for name in chance.choice(sorted(names), len(strangers))]
    shifted = [name for name, _ in later[1:] + later[:1]]
    pack = composition.open_pack(settings)
    with tempfile.TemporaryDirectory() as folder:
        store = composition.open_store(f"sqlite:///{folder}/gallery.db")
        own = GallerySettings(pack.threshold, "benchmark")
        gallery = Gallery(store, GenerationStore(Path(folder) / "index"), pack.tag, pack.dim, own)
        try:
            tried = Trial(gallery, pack.threshold, [*enrolled, *again])
            duplicates = tried.warned(later)
            refused = tried.refused(later, [name for name, _ in later])
            levels = tried.levels
            return {
                "people": len(enrolled),
                "twice": len(again),
                "photos": "the first" if first else "all but one",
                "may_be_1": round(levels.may_be(1), 4),
                "surely_1": round(levels.surely(1), 4),
                "duplicate": round(levels.duplicate, 4),
                "curve": levels.curve is not None,
                "own_refused": float(refused.mean()),
                "strangers_taken": 1 - float(tried.refused(strangers, under).mean()),
                "other_students_taken": 1 - float(tried.refused(later, shifted).mean()),
                "duplicates_found": float(np.mean([a == b for a, (b, _) in zip(duplicates, later, strict=True)])),
                "new_people_warned": float(np.mean([each is not None for each in tried.warned(strangers)])),
                "whose_refused": [name for wrong, (name, _) in zip(refused, later, strict=True) if wrong],
            }
        finally:
            gallery.close()


def one_to_one(people: Sequence[EnrolledPerson]) -> dict[str, float]:
    """The scores that shares of pairs of different people really reach, by the first photo of each: what ``may_be_1``
    and ``surely_1`` are estimates of."""
    first = np.stack([person.templates[0] for person in people])
    scores = (first @ first.T)[np.triu_indices(len(first), 1)]
    return {str(rate): round(float(np.quantile(scores, 1 - rate)), 4) for rate in (STRANGER_RATE, STUDENT_RATE)}


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean over draws; and the names of all people whose own photo was refused in any, to be looked at."""
    means = {
        name: round(float(np.mean([row[name] for row in rows])), 5) if isinstance(value, float) else value
        for name, value in rows[0].items()
    }
    return {**means, "whose_refused": sorted({name for row in rows for name in row["whose_refused"]})}


def main() -> int:
    """Measure and print."""
    example = "python -m benchmarks.enrolment_checks --folder lfw --pack research_mbf"
    parser = common.parser("python -m benchmarks.enrolment_checks", __doc__ or "", example)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--folder", type=Path, metavar="DIR", help="one folder per person")
    source.add_argument("--list", type=Path, metavar="LIST.tsv", help="columns role, person, path: all its photos")
    parser.add_argument("--people", type=int, nargs="+", default=[5, 24, 200, 1000], metavar="N", help="enrolled")
    parser.add_argument("--repeats", type=int, default=5, help="draws of people")
    parser.add_argument(
        "--twice", type=float, default=0.0, help="share of people who are enrolled under two matriculas"
    )
    given = parser.parse_args()
    settings = load_settings(given)
    entries = read_people(given.folder) if given.folder else read_list(given.list)
    people = people_of(embedded(Experiment(settings, cli.Output(given.json)), entries))
    rows = [
        summary([trial(people, size, first, given.twice, settings, given.seed + i) for i in range(given.repeats)])
        for size in given.people
        for first in (True, False)
    ]
    pairs = one_to_one(people)
    result = {**common.about_this_run(given.seed), "repeats": given.repeats, "one_to_one": pairs, "trials": rows}
    lines = [" ".join(f"{name} {value}" for name, value in row.items()) for row in (pairs, *rows)]
    common.publish(result, given.json, lines)
    return cli.DONE


if __name__ == "__main__":
    sys.exit(main())
