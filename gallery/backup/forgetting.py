"""Whose keys leave the key list of a backup folder, and when.

The key of a person who asked to be erased goes with the next run, and so do the keys of what went with that person.
Others who were erased may have been erased by mistake: their keys stay for some days. Whoever was merged into another
student, and a photo that was given to another, stay as long as that student does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from gallery.backup.folder import BackupFolder
from gallery.backup.key_list import FolderKey, KeyList, OwnerKey
from gallery.documents.erasure_list import Erasure, standing, united
from gallery.documents.protocol import DocumentStore
from gallery.documents.seals import of_student

_STUDENT, _PHOTO = "student ", "photo "


def merged_erasures(folder: BackupFolder, key: FolderKey, store: DocumentStore) -> list[Erasure]:
    """What the folder and the store know of erasures."""
    return united([folder_erasures(folder, key), store.erasures.entries()])


def folder_erasures(folder: BackupFolder, key: FolderKey) -> list[Erasure]:
    """The erasure list of a folder."""
    return [Erasure.from_json(line) for line in folder.erasures(key)]


def forget_gone(keys: KeyList, present: set[str], erasures: Sequence[Erasure], moment: str, days: int) -> int:
    """Delete keys of owners who are gone from the store; how many.

    Args:
        keys: the key list.
        present: the owners who are in the store.
        erasures: what was erased.
        moment: now, UTC, ISO.
        days: how long the key of an owner stays who may have been erased by mistake.
    """
    judge = _Judge(present, standing(erasures))
    last = datetime.fromisoformat(moment) - timedelta(days=days)
    forgotten = []
    for owner, key in keys.keys.items():
        if owner in present:
            key.gone = ""
            continue
        key.gone = key.gone or moment
        if not judge.stays(owner, key, datetime.fromisoformat(key.gone) > last):
            forgotten.append(owner)
    for owner in forgotten:
        del keys.keys[owner]
    return len(forgotten)


class _Judge:
    """What a list of erasures says of owners."""

    def __init__(self, present: set[str], erasures: Sequence[Erasure]) -> None:
        self._present = present
        self._into = {each.subject: each.into for each in erasures if each.kind == "merged"}
        self._asked = {each.subject for each in erasures if each.kind in ("student", "withdrawn") and each.asked}
        self._photos: dict[int, list[Erasure]] = {}
        for each in erasures:
            if each.kind == "photo":
                self._photos.setdefault(each.subject, []).append(each)

    def stays(self, owner: str, key: OwnerKey, is_recent: bool) -> bool:
        """Whether the key of an owner who is gone stays."""
        if owner.startswith(_STUDENT):
            holder = int(owner.removeprefix(_STUDENT))
        elif owner.startswith(_PHOTO):
            found = self._holder_of(key)
            if found is None:
                return False
            holder = found
        else:  # the copy of a session's photo, or the face of an unknown person
            return False
        holder, asked = self._last_holder(holder)
        if asked:
            return False
        return is_recent or (of_student(holder) in self._present and not self._is_own(owner, key, holder))

    def _is_own(self, owner: str, key: OwnerKey, holder: int) -> bool:
        """Whether a photo was erased from a student who is still there."""
        return owner.startswith(_PHOTO) and key.subject == holder

    def _holder_of(self, key: OwnerKey) -> int | None:
        """Who has a photo last, as far as it was given away; None when a person asked for its erasure."""
        holder, seen, passed = key.subject, set[str](), set[int]()
        while True:
            entry = self._entry(holder, key.sha256, seen)
            if entry is None:
                if holder not in self._into or holder in passed:
                    return holder
                passed.add(holder)
                holder = self._into[holder]
                continue
            seen.add(entry.mark)
            if not entry.into:
                return None if entry.asked else holder
            holder = entry.into

    def _entry(self, holder: int, sha256: str, seen: set[str]) -> Erasure | None:
        found = (each for each in self._photos.get(holder, ()) if each.mark not in seen and each.is_of_photo(sha256))
        return next(found, None)

    def _last_holder(self, subject: int) -> tuple[int, bool]:
        """Into whom someone was merged in the end, and whether that person, or one on the way, asked to be erased."""
        passed = set[int]()
        while subject in self._into and subject not in passed:
            passed.add(subject)
            subject = self._into[subject]
        return subject, bool(self._asked & {subject, *passed})
