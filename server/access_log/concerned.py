"""Which students a request was about, by the arguments and the reply of its view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import UNSET

from gallery.documents.access import AccessKey, Account, Grant, grant_detail
from presente.access_roles import AccessRole
from presente.face_json import IdentifiedFaceJson
from server.requests.access import AccountChanges, NewAccount, NewKey
from server.responses.access import AccountJson, KeyJson, NewKeyReply
from server.responses.attendance import ClassPhotoFaceJson, ClassPhotoReply
from server.responses.identification import IdentifiedPhotoReply, IdentifyPhotosReply, IdentifyReply, SearchReply
from server.responses.session_photos import SessionPhotosReply
from server.responses.sessions import ClassSessionJson, RollChangeReply
from server.responses.student_removal import MergeReply
from server.responses.students import LookalikesReply
from server.routes.common import authenticator, service

_Asked = Mapping[str, Any]


def in_path(asked: _Asked, _: Any) -> Iterable[str]:
    """The student whom the path names."""
    return [service().gallery.named(asked["matricula"])]


def in_parameters(asked: _Asked, _: Any) -> Iterable[str]:
    """The student whom the query string names, if it names one."""
    return [asked["parameters"].matricula] if asked["parameters"].matricula else []


def in_roll(_: _Asked, reply: RollChangeReply) -> Iterable[str]:
    """The students of the lines of a roll that changed."""
    return [line.matricula for line in reply.roll]


def recognised_in_photos(_: _Asked, reply: SessionPhotosReply) -> Iterator[str]:
    """The students whom the faces of a session's photos are said to show, or may show."""
    for photo in reply.photos:
        yield from _recognised(photo.faces, reply.threshold)


def of_session(asked: _Asked, reply: Any) -> str:
    """The session that the path names, or that was made."""
    made: int = reply.id if isinstance(reply, ClassSessionJson) else asked["number"]
    return f"session={made}"


def in_fields(asked: _Asked, _: Any) -> Iterable[str]:
    """The student whom the fields beside the photos name."""
    return [asked["body"].fields.matricula]


def merged(_: _Asked, reply: MergeReply) -> Iterable[str]:
    """The student who stays, and the one who went or would go."""
    return [reply.student.matricula, reply.gone.matricula]


def lookalikes_named(_: _Asked, reply: LookalikesReply) -> Iterable[str]:
    """The student who was asked about, and those who may be the same person."""
    return [reply.matricula, *(each.matricula for each in reply.students)]


def moved(asked: _Asked, _: Any) -> Iterable[str]:
    """The student whose photo it was, and the one who has it now."""
    return [service().gallery.named(name) for name in (asked["matricula"], asked["body"].to)]


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
    yield from _recognised(reply.faces, reply.threshold)


def _recognised(faces: Iterable[IdentifiedFaceJson | ClassPhotoFaceJson], threshold: float) -> Iterator[str]:
    for face in faces:
        if face.matricula:
            yield face.matricula
        elif face.reason in _MAY_BE:
            yield from (each.matricula for each in face.candidates if each.score >= threshold)


_MAY_BE = frozenset({"two_people_too_close", "not_live", "liveness_not_judged"})
"""Why a face that is close enough to someone is not named."""


def recognised_in_photo(reply: IdentifiedPhotoReply) -> Iterable[str]:
    """The students whom one of several photos is said to show."""
    return recognised({}, reply.result) if reply.result else ()


def problem_of_photo(reply: IdentifiedPhotoReply) -> str:
    """The code of the error of one of several photos; empty when it was answered."""
    return reply.problem.code if reply.problem else ""


def problem_of_all(_: _Asked, reply: IdentifyReply | IdentifyPhotosReply) -> str:
    """The code of the first photo's error when none of several photos was answered; else empty."""
    codes = [problem_of_photo(photo) for photo in reply.photos] if isinstance(reply, IdentifyPhotosReply) else []
    return codes[0] if codes and all(codes) else ""


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
    """The key or the account that was made or changed, its role and its classes."""
    made = reply.made if isinstance(reply, NewKeyReply) else reply
    classes = None if made.classes is None else frozenset(made.classes)
    return grant_detail(made.name, Grant(AccessRole(made.role), classes, made.matricula or ""))


def granted_and_changed(asked: _Asked, reply: AccountJson) -> str:
    """The account that was changed, and what of it."""
    return " ".join(filter(None, (granted(asked, reply), *_given(asked["body"]))))


def own_password(_: _Asked, __: Any) -> str:
    """What the caller changed of the own account."""
    return "password"


def refused_grant(asked: _Asked) -> tuple[Iterable[str], str]:
    """The key or the account that was to be made, with its role; nothing where the request could not be read."""
    wanted: NewKey | NewAccount | None = asked.get("body")
    if wanted is None:
        return (), ""
    about = [wanted.matricula] if wanted.matricula else []
    return about, grant_detail(wanted.name, Grant(AccessRole(wanted.role)))


def refused_change(asked: _Asked) -> tuple[Iterable[str], str]:
    """The account that was to be changed, and how."""
    about, named = _named(authenticator().register.account(asked["name"]))
    wanted: AccountChanges | None = asked.get("body")
    if wanted is None:
        return about, named
    role = [] if wanted.role is UNSET else [f"wanted={wanted.role}"]
    return about, " ".join([named, *role, *_given(wanted)])


def refused_revocation(asked: _Asked) -> tuple[Iterable[str], str]:
    """The key that was to be revoked."""
    return _named(authenticator().register.key_named(asked["name"]))


def _named(found: AccessKey | Account | None) -> tuple[Iterable[str], str]:
    """A key or an account with its grant. A name that is none's is not written: it may be a person's."""
    if found is None:
        return (), "unknown"
    return [found.grant.matricula] if found.grant.matricula else [], grant_detail(found.name, found.grant)


def _given(changes: AccountChanges) -> list[str]:
    return [name for name in AccountChanges.__struct_fields__ if getattr(changes, name) is not UNSET]


def granted_to(_: _Asked, reply: KeyJson | AccountJson | NewKeyReply) -> Iterable[str]:
    """The student whose the key or the account is, if it is a student's."""
    made = reply.made if isinstance(reply, NewKeyReply) else reply
    return [made.matricula] if made.matricula else []


def whether_asked(asked: _Asked, _: Any) -> str:
    """Whether the person asked for the erasure."""
    return "asked" if asked["parameters"].asked else ""


def which_class(asked: _Asked, reply: Any) -> str:
    """The class that the path names, and the dates that were asked for."""
    return f"clase={asked['clase']} {which_list(asked, reply)}".strip()


def which_list(asked: _Asked, reply: Any) -> str:
    """Which part of a list was read: the class and the dates, and how many lines the page has."""
    parameters = asked.get("parameters")
    names = ("clase", "fecha", "desde", "hasta")  # an unknown class was refused
    given = [f"{name}={value}" for name in names if (value := getattr(parameters, name, None))]
    lists = ("students", "attendance", "participations", "sessions")
    lines = [len(value) for name in lists if (value := getattr(reply, name, None))]
    return " ".join([*given, *(f"lines={count}" for count in lines)])
