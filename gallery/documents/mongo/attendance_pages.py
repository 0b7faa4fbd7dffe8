"""Reading the attendance list in MongoDB by whole dates and classes.

Within a date and class the list is sorted by matricula, which entries do not contain. So the entries of a date and
class are read together, without their faces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from pymongo import ASCENDING
from pymongo.collection import Collection as MongoCollection

from gallery.documents.attendance import ListPosition
from gallery.documents.foreign_documents import Document

_WITHOUT_FACE = {"student": 1, "clase": 1, "fecha": 1, "session": 1, "turn": 1}


def days(
    attendance: MongoCollection[dict[str, Any]], wanted: Document, after: ListPosition | None, page_size: int
) -> Iterator[list[Document]]:
    """The entries of whole dates and classes, in order of date and class, in pages of about ``page_size`` entries.

    They have student, class, date, session and turn only. The first page begins with the date and class of ``after``.
    """
    start = None if after is None else (after.fecha, after.clase)
    inclusive = True
    while True:
        which = wanted if start is None else {"$and": [wanted, _from(*start, inclusive)]}
        order = [("fecha", ASCENDING), ("clase", ASCENDING), ("_id", ASCENDING)]
        some: list[Document] = list(attendance.find(which, _WITHOUT_FACE).sort(order).limit(page_size))
        if not some:
            return
        last, cut = _day(some[-1]), len(some) == page_size
        if cut and _day(some[0]) == last:
            some = list(attendance.find({"$and": [wanted, {"fecha": last[0], "clase": last[1]}]}, _WITHOUT_FACE))
        elif cut:  # the last date and class may continue
            some = [entry for entry in some if _day(entry) != last]
        yield some
        if not cut:
            return
        start, inclusive = _day(some[-1]), False


def latest_documents(entries: Iterable[Document]) -> list[Document]:
    """The entry with the greatest turn of each student, class, date and session.

    Each entry of an erased student has a number of its own, so all of them are returned.
    """
    ordered = sorted(entries, key=lambda entry: (*entry_key(entry), int(entry["turn"])))
    return [list(same)[-1] for _, same in groupby(ordered, key=entry_key)]


def entry_key(entry: Document) -> tuple[int, str, str, int]:
    """Student, class, date and session."""
    return int(entry["student"]), str(entry["clase"]), str(entry["fecha"]), int(entry.get("session", 0))


def _day(entry: Document) -> tuple[str, str]:
    return str(entry["fecha"]), str(entry["clase"])


def _from(fecha: str, clase: str, inclusive: bool) -> Document:
    classes = {"$gte" if inclusive else "$gt": clase}
    return {"$or": [{"fecha": {"$gt": fecha}}, {"fecha": fecha, "clase": classes}]}
