"""What requests say and ask of people who are not enrolled."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from gallery.documents.unknown_people import UnknownOrder, UnknownState
from presente.face_json import JsonObject
from server.requests.cursors import number_place
from server.requests.fields import LONGEST_PAGE, Cursor, NamedStudent, Note, rules
from server.requests.students import EnrolmentFields

_Number = Annotated[int, Meta(ge=1, le=2**63 - 1)]
CardsPerPage = Annotated[int, Meta(ge=1, le=100, description="Cards per page.")]
State = Annotated[
    UnknownState,
    Meta(description="open: a card. not_ours: a person said that it is no one of the school; it raises no card."),
]
SomeFaces = Annotated[list[_Number], Meta(min_length=1, max_length=LONGEST_PAGE)]
ChosenFaces = Annotated[
    SomeFaces | UnsetType, Meta(description="Ids of those faces that become photos; all of the card when missing.")
]
Rest = Annotated[
    Literal["keep", "forget"],
    Meta(description="What becomes of the other faces: they stay on the card, or are erased, too."),
]


class UnknownListParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of the list of unknown people."""

    state: State = "open"
    order: Annotated[
        UnknownOrder,
        Meta(description="last_at: whoever was seen last comes first; visits: whoever was seen most often."),
    ] = "last_at"
    limit: CardsPerPage = 24
    cursor: Cursor | None = None

    def after(self) -> int:
        """The id of the card after which the page begins; 0 for the first page.

        Raises:
            InvalidInput: ``invalid_cursor``.
        """
        return number_place(self)


class UnknownParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of one unknown person."""

    limit: CardsPerPage = 50
    cursor: Cursor | None = None

    def after(self) -> int:
        """The id of the face after which the page begins; 0 for the first page.

        Raises:
            InvalidInput: ``invalid_cursor``.
        """
        return number_place(self)


class UnknownEnrolmentFields(EnrolmentFields, frozen=True, kw_only=True):
    """A student to enrol from a card."""

    faces: ChosenFaces = UNSET
    rest: Rest = "keep"


class UnknownMergeFields(JsonObject, frozen=True, kw_only=True):
    """The student whom a card shows."""

    matricula: NamedStudent
    faces: ChosenFaces = UNSET
    rest: Rest = "keep"


class UnknownJoinFields(JsonObject, frozen=True, kw_only=True):
    """Another card of the same person."""

    other: Annotated[_Number, Meta(description="Its id; it is gone afterwards.", extra=rules(missing="missing_field"))]


class UnknownSplitFields(JsonObject, frozen=True, kw_only=True):
    """Faces of a card that show another person."""

    faces: Annotated[SomeFaces, Meta(description="Their ids.", extra=rules(missing="missing_field"))]


class UnknownChanges(JsonObject, frozen=True, kw_only=True):
    """What a person says of a card; what is missing stays."""

    state: State | UnsetType = UNSET
    note: Note | UnsetType = UNSET
