"""People who are not enrolled, for requests: their cards, the faces of one, and what a person says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gallery.decision import Candidate
from gallery.documents.erasure_list import Cause
from gallery.documents.scoped_unknowns import place_of
from gallery.documents.unknown_people import StoredUnknownFace, UnknownGroup, UnknownPlace, UnknownState
from gallery.documents.unknown_store import every_face
from gallery.unknowns.apart import MOST_NOTE, join_groups, note_of_both, split_group
from gallery.unknowns.resemblance import students_like
from presente.errors import InvalidInput, NotFound
from presente.stages import stage
from server.requests.unknowns import UnknownChanges, UnknownListParameters, UnknownParameters
from server.service import Service
from server.unknown_faces import UnknownFaces

_CANDIDATES = 3
"""Students whom one person is said to resemble."""


@dataclass(frozen=True, slots=True)
class UnknownCard:
    """A person who is not enrolled.

    Attributes:
        group: the person.
        resembles: the students whom the faces resemble most, best first.
        alike: other people who may be the same one, with how alike they are, best first.
    """

    group: UnknownGroup
    resembles: Sequence[Candidate]
    alike: Sequence[tuple[UnknownGroup, float]]


@dataclass(frozen=True, slots=True)
class UnknownPage:
    """A page of cards, and the id of the card after which the next one begins; 0 after the last."""

    cards: Sequence[UnknownCard]
    following: int


@dataclass(frozen=True, slots=True)
class UnknownPerson:
    """A card with a page of its faces, and the id of the face after which the next page begins; 0 after the last."""

    card: UnknownCard
    faces: Sequence[StoredUnknownFace]
    following: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many faces of a person were erased, and the score from which one was taken for the person's."""

    faces: int
    threshold: float


def kept_by(service: Service) -> UnknownFaces:
    """What keeps unknown people.

    Raises:
        NotFound: ``unknowns_off``.
    """
    if service.unknown_faces is None:
        raise NotFound(
            "unknowns_off", "Unknown people are not kept here.", "Set PRESENTE_UNKNOWNS=keep to keep them from then on."
        )
    return service.unknown_faces


def unknowns_page(service: Service, parameters: UnknownListParameters) -> UnknownPage:
    """A page of cards.

    Raises:
        NotFound: ``unknowns_off``; so do the functions below, and ``unknown_person_not_found``.
        InvalidInput: ``invalid_cursor``.
    """
    kept_by(service)
    limit, unknowns = parameters.limit, service.gallery.store.unknowns
    found = unknowns.groups(parameters.state, parameters.order, _place(service, parameters), limit + 1)
    following = found[limit - 1].id if len(found) > limit else 0
    return UnknownPage([_card(service, group, 1) for group in found[:limit]], following)


def _place(service: Service, parameters: UnknownListParameters) -> UnknownPlace | None:
    """After which card a page begins; None for the first page. The place is by all faces of the card, and a cursor has
    the card's id alone: the caller may see a part of the faces."""
    number = parameters.after()
    if number == 0:
        return None
    seen = service.gallery.store.unknowns.group(number)
    whole = None if seen is None else service.gallery.whole.store.unknowns.group(number)
    if whole is None:
        raise InvalidInput("invalid_cursor", "The last card of the page before is gone.", "Begin without a cursor.")
    return place_of(whole, parameters.order)


def unknown_person(service: Service, number: int, parameters: UnknownParameters) -> UnknownPerson:
    """A card and a page of its faces, in the order in which they were first seen."""
    group = group_of(service, number)
    faces = service.gallery.store.unknowns.faces(number, parameters.after(), parameters.limit + 1)
    following = faces[parameters.limit - 1].id if len(faces) > parameters.limit else 0
    return UnknownPerson(_card(service, group, _CANDIDATES), faces[: parameters.limit], following)


def unknown_card(service: Service, number: int) -> UnknownCard:
    """A card."""
    return _card(service, group_of(service, number), 1)


def group_of(service: Service, number: int) -> UnknownGroup:
    """The person with an id."""
    kept_by(service)
    found = service.gallery.store.unknowns.group(number)
    if found is None:
        raise person_not_found(number)
    return found


def face_picture(service: Service, number: int, face: int) -> bytes:
    """The picture of a face of a card, JPEG.

    Raises:
        NotFound: ``face_not_found``.
    """
    faces_of(service, number, [face])
    found = service.gallery.whole.store.unknowns.picture(face)
    if found is None:
        raise face_not_found(number, face)
    return found


def faces_of(service: Service, number: int, wanted: Sequence[int] | None) -> list[StoredUnknownFace]:
    """Faces of a card by their ids, in order of id; None for all.

    Raises:
        NotFound: ``face_not_found``.
    """
    group_of(service, number)
    unknowns = service.gallery.store.unknowns
    if wanted is None:
        return list(every_face(unknowns, number))
    found = [face for each in sorted(set(wanted)) for face in unknowns.faces(number, each - 1, 1) if face.id == each]
    if missing := set(wanted) - {face.id for face in found}:
        raise face_not_found(number, min(missing))
    return found


def change(service: Service, number: int, changes: UnknownChanges) -> UnknownCard:
    """Note what a person says of a card."""
    group = group_of(service, number)
    state: UnknownState = changes.state or group.state
    note = changes.note if isinstance(changes.note, str) else None
    if not service.gallery.store.unknowns.mark(number, state, note):
        raise person_not_found(number)
    service.gallery.anchors.look_again()  # who is not ours is told apart from students from now on
    return unknown_card(service, number)


def join(service: Service, number: int, other: int) -> UnknownCard:
    """Make one card of two that show the same person; ``other`` is gone. What was said of either card holds.

    Raises:
        InvalidInput: ``same_unknown_person``; ``invalid_field`` when the notes of both are too long for one.
    """
    keep = group_of(service, number)
    if number == other:
        raise InvalidInput("same_unknown_person", f"Card {number} was named twice.", "Name two cards.", "other")
    gone = group_of(service, other)
    if note_of_both(keep, gone) is None:
        raise InvalidInput(
            "invalid_field",
            f"The notes of both cards have more than {MOST_NOTE} characters together.",
            "Shorten one.",
            "other",
        )
    if not join_groups(service.gallery.store, number, other):
        raise person_not_found(other)
    service.gallery.anchors.look_again()
    return unknown_card(service, number)


def split(service: Service, number: int, faces: Sequence[int]) -> UnknownCard:
    """Move faces of a card to a new one, which is returned.

    Raises:
        InvalidInput: ``invalid_faces``: every face was named.
        NotFound: ``face_not_found``.
    """
    chosen = faces_of(service, number, faces)
    if len(chosen) == group_of(service, number).visits:
        raise InvalidInput("invalid_faces", "Every face of the card was named.", "Leave one of them out.", "faces")
    made = split_group(service.gallery.store, number, [face.id for face in chosen])
    return unknown_card(service, made)


def forget(service: Service, number: int, cause: Cause) -> None:
    """Erase a card with all its faces."""
    group_of(service, number)
    service.gallery.erase_unknown(number, None, cause)


def forget_face(service: Service, number: int, face: int, cause: Cause) -> None:
    """Erase a face of a card; the card goes with its last one.

    Raises:
        NotFound: ``face_not_found``.
    """
    service.gallery.erase_unknown(number, [each.id for each in faces_of(service, number, [face])], cause)


def forget_by_photo(service: Service, content: bytes) -> Forgotten:
    """Erase what is kept of the person whom a photo's most prominent face shows, also where no one is kept any more.

    Raises:
        PhotoRefused: no one, or several people, are in the photo, or it cannot be used.
    """
    face = service.embedder.embed_portrait(content, stage=stage)[1]
    if service.unknown_faces is not None:
        service.unknown_faces.settle()  # what was just seen is erased, too
    faces = service.gallery.forget_person(face.template[None, :], Cause(asked=True))
    return Forgotten(faces, service.gallery.operating_point().threshold)


def person_not_found(number: int) -> NotFound:
    """The error of naming a card that is not there, or that the caller does not see."""
    return NotFound(
        "unknown_person_not_found",
        f"There is no unknown person {number}.",
        "It may have been enrolled, joined with another one, or forgotten: GET /v1/unknowns lists who is there.",
    )


def face_not_found(number: int, face: int) -> NotFound:
    """The error of naming a face that a card does not have."""
    return NotFound(
        "face_not_found",
        f"The unknown person {number} has no face {face}.",
        f"GET /v1/unknowns/{number} lists the faces.",
        "faces",
    )


def _card(service: Service, group: UnknownGroup, candidates: int) -> UnknownCard:
    """The card of a group, with as many students whom it resembles, and the people who may be the same one."""
    unknowns = service.gallery.store.unknowns
    alike = [(unknowns.group(other), score) for other, score in kept_by(service).keeper.alike(group.id, _CANDIDATES)]
    return UnknownCard(
        group,
        students_like(service.gallery, group.id, candidates),
        [(other, score) for other, score in alike if other is not None],
    )
