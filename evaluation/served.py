"""Identification by a running server: a protocol's photos are enrolled into it and asked of it, through the client.

What is measured is what is served: photos are read, people are scored, and scores are reported by the server. A score
comes from the list of candidates, which has everyone of a gallery of at most 1,000 people.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from client import Client, Identification, IdentifiedFace, NotAllowed, PhotoRefused, PresenteError, Problem, Retries
from evaluation.protocols import Entry
from evaluation.scores import ProbeScores
from evaluation.templates import NO_FACE, OK, TemplateResult
from faces.detection.detected_face import DetectedFace, most_prominent
from faces.image.headers import read_header
from presente.cli import ProgressBar
from presente.errors import InvalidInput

_MOST_CANDIDATES = 1000
"""People whom the server lists for a face."""


@dataclass(frozen=True, slots=True)
class ServedSearches:
    """What became of each photo of a protocol, in order, and a line of scores for each that was searched."""

    outcomes: list[TemplateResult]
    searches: list[ProbeScores]


def described_server(address: str, key: str) -> dict[str, Any]:
    """A server's account of itself, with the members of :meth:`Experiment.description` and ``deployed``.

    It is asked with little patience: an address that leads nowhere is said soon.

    Raises:
        InvalidInput: ``invalid_address``.
        PresenteError: of the client's.
    """
    try:
        first = Client(address, key, retries=Retries(patience_s=3.0))
    except ValueError as exc:
        raise InvalidInput("invalid_address", f"The server cannot be asked: {exc}.", "Correct it.") from exc
    with first:
        status = first.status()
    return {
        "pack": status.pack,
        "pack_tag": status.pack_tag,
        "pack_threshold": None,
        "detection": "as the server is set",
        "versions": {"presente of the server": status.version},
        "deployed": {
            "threshold": status.threshold,
            "source": status.threshold_source,
            "described": f"{status.threshold:.4g} ({status.threshold_source})",
        },
    }


def search_served(
    client: Client, entries: Sequence[Entry], use_enrolled: bool, at_once: int, progress: ProgressBar
) -> ServedSearches:
    """Fill a server's gallery with a protocol's, unless it is there, and ask it of every other photo.

    Args:
        client: reaches the server.
        entries: the protocol.
        use_enrolled: the people are enrolled already, under their names in the protocol as matriculas. Otherwise the
            gallery has to be empty, and they are enrolled, and stay.
        at_once: requests on their way at a time.
        progress: told of each photo.

    Raises:
        InvalidInput: ``gallery_not_empty``, ``not_enrolled``.
        PresenteError: of the client's.
    """
    gallery = [entry for entry in entries if entry.role == "gallery"]
    codes = (_enrolled_already if use_enrolled else _enrol)(client, gallery, progress)
    enrolled = {entry.person for entry, code in zip(gallery, codes, strict=True) if code == OK}
    searched = [entry for entry in entries if entry.role != "gallery"]
    searches = list(_ask(client, searched, enrolled, at_once, progress))
    code_of = {id(entry): code for entry, code in zip(gallery, codes, strict=True)}
    code_of |= {id(entry): line.outcome for entry, line in zip(searched, searches, strict=True)}
    return ServedSearches([TemplateResult(None, code_of[id(entry)]) for entry in entries], searches)


def _enrolled_already(client: Client, gallery: Sequence[Entry], progress: ProgressBar) -> list[str]:
    """The code of each gallery photo, once everyone is seen to be enrolled."""
    there = {student.matricula for student in client.students(page_size=1000)}
    missing = sorted({entry.person for entry in gallery} - there)
    if missing:
        raise InvalidInput(
            "not_enrolled",
            f"The server does not have {len(missing)} of the list's people: {', '.join(missing[:5])}.",
            "Enrol them under these matriculas, or leave out --use-enrolled to have an empty gallery filled.",
        )
    progress(len(gallery))
    return [OK] * len(gallery)


def _enrol(client: Client, gallery: Sequence[Entry], progress: ProgressBar) -> list[str]:
    """Enrol everyone; the code of each photo. Photos go one by one: one that is refused refuses no other."""
    if held := client.status().subjects:
        raise InvalidInput(
            "gallery_not_empty",
            f"The server's gallery has {held} people.",
            "Name a server with an empty gallery, or say --use-enrolled if it has the list's people.",
        )
    known: set[str] = set()
    codes = []
    for entry in gallery:
        content = entry.path.read_bytes()
        try:
            # By force: a list is measured as it is, also where it gives one person's photo another's name.
            if entry.person in known:
                client.add_photos(entry.person, [content], force=True)
            else:
                client.enrol(entry.person, entry.person, [content], force=True)
                known.add(entry.person)
            codes.append(OK)
        except PhotoRefused as refused:
            codes.append(refused.code)
        progress(1, codes[-1] != OK)
    return codes


def _ask(
    client: Client, searched: Sequence[Entry], enrolled: set[str], at_once: int, progress: ProgressBar
) -> Iterator[ProbeScores]:
    k = max(1, min(_MOST_CANDIDATES, client.status().students))
    answers = client.identify_many((entry.path for entry in searched), at_once=at_once, k=k)
    for entry, answer in zip(searched, answers, strict=True):
        if isinstance(answer.error, Problem) and answer.photo_at_fault:
            yield _without(entry, answer.error.code)
        else:
            face = _prominent(answer.result(), entry.path.read_bytes)
            yield _without(entry, NO_FACE) if face is None else _scores(entry, face, enrolled)
        progress(1)


def _without(entry: Entry, code: str) -> ProbeScores:
    """The line of a search that gave no score."""
    return ProbeScores(
        entry.role == "probe", entry.person, str(entry.path), code, "", -math.inf, -math.inf, 0, entry.group
    )


def _scores(entry: Entry, face: IdentifiedFace, enrolled: set[str]) -> ProbeScores:
    """The line of one probe. A mate who is not among the candidates came after all of them."""
    mated = entry.role == "probe"
    if not face.candidates:
        return _without(entry, OK)
    best = face.candidates[0]
    mate_score, rank = -math.inf, 0
    if mated and entry.person in enrolled:
        mate = next((each for each in face.candidates if each.matricula == entry.person), None)
        mate_score = -math.inf if mate is None else mate.score
        rank = sum(each.score >= mate_score for each in face.candidates) + (mate is None)
    return ProbeScores(
        mated, entry.person, str(entry.path), OK, best.matricula, best.score, mate_score, rank, entry.group
    )


def _prominent(found: Identification, photo: Callable[[], bytes]) -> IdentifiedFace | None:
    """The most prominent face, whom a list's name means; None without one."""
    if len(found.faces) < 2:
        return next(iter(found.faces), None)
    header = read_header(photo())
    width, height = (header.width, header.height) if header.shown is None else header.shown[2:]
    if header.orientation >= 5:
        width, height = height, width
    boxes = [
        DetectedFace(np.array(face.box, np.float32), np.array(face.landmarks, np.float32), face.detection_score)
        for face in found.faces
    ]
    return found.faces[most_prominent(boxes, height, width)]


def explained(error: PresenteError, address: str) -> InvalidInput:
    """An error of the client's as one of ours."""
    fix = "See that the server runs, and ask it again."
    if isinstance(error, NotAllowed):
        fix = "Set PRESENTE_API_KEY to a key of role admin."
    return InvalidInput("server_refused", f"{address}: {error}", fix)
