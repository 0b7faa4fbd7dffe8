"""The client's types are those that the server's routes declare: each member, with a type that holds what is sent."""

from typing import Any

import msgspec
import pytest
from msgspec import inspect

from client import replies, unknown_replies
from presente.face_json import JsonObject
from server.app import create_app
from server.responses import attendance, identification, participations, personal_data, status, students, unknowns
from server.responses import privacy as privacy_replies
from server.service import ServiceHandle
from server.typed_routes import kinds_of, types_of

PAIRS: list[tuple[type[msgspec.Struct], type[JsonObject]]] = [
    (replies.Identification, identification.IdentifyReply),
    (replies.Verification, identification.VerifyReply),
    (replies.SearchResults, identification.SearchReply),
    (replies.Student, students.StudentJson),
    (replies.Enrolment, students.EnrolmentReply),
    (replies.ClassPhoto, attendance.ClassPhotoReply),
    (replies.AttendanceEntry, attendance.AttendanceEntryJson),
    (replies.AttendanceLine, attendance.AttendanceLineJson),
    (replies.Participation, participations.ParticipationJson),
    (replies.Status, status.StatusReply),
    (unknown_replies.UnknownPerson, unknowns.UnknownCardJson),
    (unknown_replies.UnknownPersonPage, unknowns.UnknownPersonReply),
    (unknown_replies.NamedPerson, unknowns.NamedPersonReply),
    (unknown_replies.Forgotten, unknowns.ForgottenReply),
]


def members(kind: type[msgspec.Struct]) -> dict[str, inspect.Field]:
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    return {field.encode_name: field for field in described.fields}


def struct_in(kind: inspect.Type) -> type[msgspec.Struct] | None:
    """The struct that a member's type is or contains."""
    if isinstance(kind, inspect.StructType):
        return kind.cls
    inner = [getattr(kind, name) for name in ("type", "item_type") if hasattr(kind, name)]
    inner += getattr(kind, "types", ()) if isinstance(kind, inspect.UnionType) else ()
    return next(filter(None, map(struct_in, inner)), None)


def missing(ours: type[msgspec.Struct], theirs: type[msgspec.Struct], place: str = "") -> list[str]:
    """What one of two types has and the other has not."""
    known, sent = members(ours), members(theirs)
    found = [f"{place}.{name}" for name in known.keys() ^ sent.keys() if name != "timings_ms"]
    for name in known.keys() & sent.keys() - {"timings_ms"}:
        inner, sent_inner = struct_in(known[name].type), struct_in(sent[name].type)
        if inner is not None and sent_inner is not None:
            found += missing(inner, sent_inner, f"{place}.{name}")
        elif (inner is None) != (sent_inner is None):
            found.append(f"{place}.{name}")
    return found


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=[ours.__name__ for ours, _ in PAIRS])
def test_a_reply_has_the_members_that_the_server_declares(ours: type[msgspec.Struct], theirs: type[JsonObject]) -> None:
    assert missing(ours, theirs, ours.__name__) == []


CONSOLE = ("student_photos.", "student_removal.", "students.lookalikes", "negatives.")
"""Endpoints that pages in a browser call, and the client does not."""


def test_every_reply_of_the_routes_that_the_client_calls_is_compared() -> None:
    app = create_app(ServiceHandle(), 1)
    lists = {students.StudentListReply, attendance.AttendanceListReply, participations.ParticipationListReply}
    lists |= {unknowns.UnknownListReply}
    compared: set[type] = {theirs for _, theirs in PAIRS} - {attendance.AttendanceLineJson}  # which is in a list
    compared |= lists | {attendance.ResolvedReply}
    compared |= {identification.IdentifyPhotosReply}  # the client sends each photo in a request of its own
    privacy = {personal_data.PersonalDataReply, privacy_replies.WithdrawalReply}  # which the client has no calls for
    declared = {
        kind
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(("/v1/identify", "/v1/verify", "/v1/search", "/v1/students", "/v1/attendance"))
        or rule.rule.startswith(("/v1/participations", "/v1/status", "/v1/unknowns"))
        if not rule.endpoint.startswith(CONSOLE)
        for reply in (types_of(app, rule.endpoint).replies or {}).values()
        for kind in kinds_of(reply)
        if kind not in (None, bytes)
    }
    assert declared == compared | privacy


def test_a_member_of_a_later_server_is_passed_over() -> None:
    consent: Any = msgspec.json.decode(b'{"fecha": "f", "texto": "t", "new": 1}', type=replies.Consent)
    assert consent == replies.Consent(fecha="f", texto="t")
    with pytest.raises(AttributeError):
        consent.fecha = "g"
