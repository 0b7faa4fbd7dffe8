"""What requests say of jobs, of an audit's findings, of the calibration, and of a photo that is moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from presente.errors import InvalidInput
from presente.face_json import JsonObject
from server.requests.fields import Cursor, PageSize, rules

JobKind = Annotated[
    Literal["audit", "calibrate", "compact", "retention", "sync"],
    Meta(
        description="audit: look for what is wrong among students and photos; calibrate: fit the threshold; compact: "
        "build the index and count entries anew; retention: carry out what consents and "
        "periods say; sync: embed stored photos that the pack has not embedded."
    ),
]
Rate = Annotated[
    float,
    Meta(
        gt=0,
        lt=0.5,
        description="Share of strangers who may be named: 0.001 is one in a thousand.",
        extra=rules(code="invalid_fpir", missing="invalid_fpir"),
    ),
]


class JobFields(JsonObject, frozen=True, kw_only=True):
    """The work that is asked for."""

    kind: JobKind
    fpir: Annotated[Rate | UnsetType, Meta(description="Of a calibration, which needs it.")] = UNSET
    cohort: Annotated[bool | UnsetType, Meta(description="Of an audit: also people who are no one's students.")] = UNSET

    def arguments(self) -> Mapping[str, Any]:
        """The arguments of the work.

        Raises:
            InvalidInput: ``invalid_fpir``, ``invalid_field``.
        """
        if self.kind == "calibrate" and self.fpir is UNSET:
            raise InvalidInput("invalid_fpir", "A calibration has no fpir.", "Send fpir, such as 0.001.")
        for name, kind in (("fpir", "calibrate"), ("cohort", "audit")):
            if self.kind != kind and getattr(self, name) is not UNSET:
                raise InvalidInput("invalid_field", f"{name} is not of the kind {self.kind}.", f"It is of {kind}.")
        given = {"fpir": self.fpir, "cohort": self.cohort}
        return {name: value for name, value in given.items() if value is not UNSET}


class JobListParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of the list of jobs."""

    limit: PageSize = 20
    cursor: Cursor | None = None


class FindingListParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of an audit's findings."""

    severity: Annotated[
        Literal["high", "medium", "low"] | None, Meta(description="Only findings of this severity.")
    ] = None
    aside: Annotated[bool, Meta(description="Whether those are listed that a person has put aside, or the others.")] = (
        False
    )
    limit: PageSize = 20
    cursor: Cursor | None = None


class CalibrationFields(JsonObject, frozen=True, kw_only=True):
    """The rate that the gallery's threshold is to give."""

    fpir: Rate


class MovePhotoFields(JsonObject, frozen=True, kw_only=True):
    """To whom a photo goes."""

    to: Annotated[
        str,
        Meta(min_length=1, description="The matricula of who gets it.", extra=rules(missing="missing_field")),
    ]
