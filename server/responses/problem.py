"""Errors as RFC 9457 has them: problem details."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, cast

from msgspec import UNSET, Meta, UnsetType

from presente.face_json import FaultCode, JsonObject, WordsJson, words_json


class Problem(JsonObject, frozen=True, kw_only=True):
    """What was wrong, and what to do."""

    type: str = "about:blank"
    title: Annotated[str, Meta(description="The code in words.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    detail: Annotated[str, Meta(description="What was wrong, and what to do.")]
    code: Annotated[str, Meta(description="Stable, for programs.")]
    request_id: Annotated[str, Meta(description="Also in the header X-Request-Id and in the server's log.")]
    field: Annotated[
        str | UnsetType, Meta(description="The field of the body that it is about; absent when it is about none.")
    ] = UNSET
    faults: Annotated[
        list[FaultCode] | UnsetType,
        Meta(description="Of low_quality: what is wrong with the face; absent in other problems."),
    ] = UNSET
    words: Annotated[
        WordsJson | UnsetType, Meta(description="What to do about the faults; absent where there are none.")
    ] = UNSET


def problem_of(
    status: int, code: str, detail: str, request_id: str, field: str = "", faults: Sequence[str] = ()
) -> Problem:
    """The problem of an error."""
    title = code.replace("_", " ").capitalize()
    return Problem(
        title=title,
        status=status,
        detail=detail,
        code=code,
        request_id=request_id,
        field=field or UNSET,
        faults=cast("list[FaultCode]", list(faults)) or UNSET,
        words=words_json(faults) or UNSET,
    )
