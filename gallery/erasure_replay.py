"""Carries out an erasure list on older data: what was erased after a backup is erased from what it restores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gallery.documents.erasure_list import AGAIN, OF_FACES, Erasure, standing, united
from gallery.documents.note_store import RESTORED_UP_TO
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import Student
from presente.errors import Conflict


@dataclass(frozen=True, slots=True)
class ReplayedErasures:
    """What came of carrying out a list: how many entries were new to the store, and how much was erased by them."""

    entries: int
    students: int
    merged: int
    photos: int
    unknown_faces: int


Forget = Callable[[Sequence[str]], int]
"""Erases what else is kept of students, by matricula, before they go; how many faces of unknown people that were."""


def apply_erasures(store: DocumentStore, entries: Sequence[Erasure], forget: Forget = lambda _: 0) -> ReplayedErasures:
    """Erase from a store what a list says was erased, in the order in which it was, and take over the list.

    Entries that the store's own list has are passed over: its data are newer than they are. So the call can be
    repeated, also after it was cut off. Indexes follow the store as they follow every erasure.

    Args:
        store: documents of an earlier time, which no one else writes to.
        entries: a list, or several that :func:`gallery.documents.erasure_list.united` made one; what was taken back in
            it is passed over.
        forget: is called before students are erased.
    """
    known = {entry.mark for entry in store.erasures.entries()}
    new = [entry for entry in united([entries]) if entry.mark not in known]
    holds = {entry.mark for entry in standing(new)}
    replay = _Replay(store, forget)
    replay.unknown_faces = store.unknowns.erase([each.subject for each in new if each.kind == "unknown_face"], AGAIN)
    store.negatives.erase([each.subject for each in new if each.kind == "negative"], AGAIN)
    for entry in new:
        if entry.mark in holds and entry.kind not in OF_FACES:
            replay.carry_out(entry)
        store.erasures.add([entry])
    return ReplayedErasures(len(new), replay.students, replay.merged, replay.photos, replay.unknown_faces)


def apply_late_erasures(
    store: DocumentStore, entries: Sequence[Erasure], forget: Forget = lambda _: 0
) -> ReplayedErasures:
    """Carry out a list on a store that was restored without it, and may have been written to since.

    Only entries about those who can have been in the backup are carried out: a later number may stand for someone else
    by now. ``forget`` is called before students are erased.

    Raises:
        Conflict: ``not_restored``: the store was never restored.
    """
    floor = store.notes.read(RESTORED_UP_TO)
    if floor is None:
        raise Conflict(
            "not_restored",
            "The store was never restored from a backup: it has its own list of erasures.",
            "Name the store that was restored in PRESENTE_STORE.",
        )
    return apply_erasures(store, [each for each in entries if max(each.subject, each.into) <= int(floor)], forget)


@dataclass(slots=True)
class _Replay:
    """The state between entries.

    A student who was enrolled after the data were written does not exist in them. Whoever was merged into such a
    student stands for the student (``stand_ins``). A photo that such a student was given is still where it was before
    (``strays``).
    """

    store: DocumentStore
    forget: Forget
    students: int = 0
    merged: int = 0
    photos: int = 0
    unknown_faces: int = 0
    stand_ins: dict[int, list[int]] = field(default_factory=dict)
    strays: dict[int, list[Erasure]] = field(default_factory=dict)

    def carry_out(self, entry: Erasure) -> None:
        """Do what an entry says."""
        if entry.kind == "merged":
            self._merge(entry.subject, entry.into)
        elif entry.kind == "photo":
            self._take(entry)
        elif entry.kind == "consent_ended":
            self._end_consents(entry)
        else:
            self._erase(entry.subject)

    def _existing(self, subject: int) -> list[Student]:
        """A student, or those who stand for the student."""
        found = self.store.subjects([subject, *self.stand_ins.get(subject, ())])
        return list(found.values())

    def _erase(self, subject: int) -> None:
        gone = [student.matricula for student in self._existing(subject)]
        self.unknown_faces += self.forget(gone)
        self.students += len(self.store.remove(gone, AGAIN))
        for stray in self.strays.pop(subject, ()):
            self._erase_photo(stray.subject, stray)

    def _end_consents(self, entry: Erasure) -> None:
        for student in self._existing(entry.subject):
            self.store.end_consent(student.matricula, entry.at, "withdrawn" if entry.asked else "expired", listed=False)

    def _merge(self, subject: int, into: int) -> None:
        kept = self.store.subjects([into]).get(into)
        leaving = [subject, *self.stand_ins.pop(subject, ())]
        for other, student in self.store.subjects(leaving).items():
            if kept is None:
                self.stand_ins.setdefault(into, []).append(other)
            else:
                self.store.merge(kept.matricula, student.matricula, AGAIN)
                self._stay_ended(into)
                self.merged += 1
        self.strays.setdefault(into, []).extend(self.strays.pop(subject, ()))

    def _take(self, entry: Erasure) -> None:
        target = self.store.subjects([entry.into]).get(entry.into) if entry.into else None
        if entry.into and target is None:
            self.strays.setdefault(entry.into, []).append(entry)
            return
        self._erase_photo(entry.subject, entry, None if target is None else target.matricula)
        for stray in self.strays.get(entry.subject, ()):  # the photo may be one that the student was given
            self._erase_photo(stray.subject, entry, None if target is None else target.matricula)

    def _stay_ended(self, subject: int) -> None:
        """Erase the templates that a student whose consent had ended in the older data was given since."""
        student = self.store.subjects([subject])[subject]
        consent = student.consentimiento
        if consent is not None and consent.has_ended:
            self.store.end_consent(student.matricula, consent.retirado, consent.motivo or "withdrawn", listed=False)

    def _erase_photo(self, subject: int, entry: Erasure, to: str | None = None) -> None:
        for student in self._existing(subject):
            digests = [each for each in self.store.digests(student.matricula) if entry.is_of_photo(each)]
            if digests and student.matricula != to:
                self.store.take_photos(student.matricula, digests, to, AGAIN)
                if to is not None:
                    self._stay_ended(entry.into)
                self.photos += len(digests)
