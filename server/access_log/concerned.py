"""Which students a request was about, by the arguments and the reply of its view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import UNSET

from gallery.documents.access import loggable_name
from presente.access_roles import AccessRole
from server.requests.access import AccountChanges
from server.responses.access import AccountJson, KeyJson, NewKeyReply
from server.responses.attendance import ClassPhotoReply
from server.responses.identification import IdentifiedPhotoReply, IdentifyPhotosReply, IdentifyReply, SearchReply
from server.responses.student_removal import MergeReply
from server.routes.common import service

_Asked = Mapping[str, Any]


def in_path(asked: _Asked, _: Any) -> Iterable[str]:
    """The student whom the path names."""
    return [service().gallery.named(asked["matricula"])]


def in_parameters(asked: _Asked, _: Any) -> Iterable[str]:
    """The student whom the query string names, if it names one."""
    return [asked["parameters"].matricula] if asked["parameters"].matricula else []


def in_fields(asked: _Asked, _: Any) -> Iterable[str]:
    """The student whom the fields beside the photos name."""
    return [asked["body"].fields.matricula]


def merged(_: _Asked, reply: MergeReply) -> Iterable[str]:
    """The student who stays, and the one who went or would go."""
    return [reply.student.matricula, reply.gone.matricula]


def in_reply(_: _Asked, reply: Any) -> Iterable[str]:
    """The student whom the reply names."""
    return [reply.matricula] if reply.matricula else []


def enrolled(_: _Asked, reply: Any) -> Iterable[str]:
    """The student of an enrolment."""
    return [reply.student.matricula]


def recognised(_: _Asked, reply: IdentifyReply | IdentifyPhotosReply | ClassPhotoReply) -> Iterator[str]:
    """The students whom the faces of photos are said to show; where that is not clear, all whom it may be."""
    if isinstance(reply, IdentifyPhotosReply):
        for photo in reply.photos:
            yield from recognised_in_photo(photo)
        return
    for face in reply.faces:
        if face.matricula:
            yield face.matricula
        elif face.reason == "two_people_too_close":
            yield from (each.matricula for each in face.candidates if each.score >= reply.threshold)


def recognised_in_photo(reply: IdentifiedPhotoReply) -> Iterable[str]:
    """The students whom one of several photos is said to show."""
    return recognised({}, reply.result) if reply.result else ()


def attendance(asked: _Asked, reply: Any) -> Iterable[str]:
    """The students of a class photo, or of a statement."""
    return recognised(asked, reply) if isinstance(reply, ClassPhotoReply) else in_reply(asked, reply)


def nearest(_: _Asked, reply: SearchReply) -> Iterable[str]:
    """The nearest person of each embedding."""
    return [candidates[0].matricula for candidates in reply.results if candidates]


def of_entries(_: _Asked, reply: Any) -> Iterable[str]:
    """The students of attendance entries."""
    return [entry.matricula for entry in reply.entries if entry.matricula]


def of_participation(asked: _Asked, _: Any) -> Iterable[str]:
    """The student of the participation that the path names."""
    stored = service().attendance_log.store.participation(asked["number"])
    subject = stored.entry.subject if stored else None
    return [each.matricula for each in service().gallery.store.subjects([subject] if subject else []).values()]


def granted(_: _Asked, reply: KeyJson | AccountJson | NewKeyReply) -> str:
    """The key or the account that was made or changed."""
    made = reply.made if isinstance(reply, NewKeyReply) else reply
    return loggable_name(made.name, AccessRole(made.role))


def granted_and_changed(asked: _Asked, reply: AccountJson) -> str:
    """The account that was changed, and what of it."""
    changed = [name for name in AccountChanges.__struct_fields__ if getattr(asked["body"], name) is not UNSET]
    return " ".join(filter(None, (granted(asked, reply), *changed)))


def granted_to(_: _Asked, reply: KeyJson | AccountJson | NewKeyReply) -> Iterable[str]:
    """The student whose the key or the account is, if it is a student's."""
    made = reply.made if isinstance(reply, NewKeyReply) else reply
    return [made.matricula] if made.matricula else []


def which_list(asked: _Asked, reply: Any) -> str:
    """Which part of a list was read: the class and the dates, and how many lines the page has."""
    parameters = asked.get("parameters")
    names = ("clase", "fecha", "desde", "hasta")
    given = [f"{name}={value}" for name in names if (value := getattr(parameters, name, None))]
    lines = [
        len(value) for name in ("students", "attendance", "participations") if (value := getattr(reply, name, None))
    ]
    return " ".join([*given, *(f"lines={count}" for count in lines)])
