"""The attendance list on MongoDB, a few classes and dates at a time: an entry does not know its student's matricula, by
which the list is ordered within a class and date, so these are read whole, but not the entries' faces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from pymongo import ASCENDING
from pymongo.collection import Collection as MongoCollection

from gallery.documents.attendance import ListPosition
from gallery.documents.mongo.shapes import Document

_LIGHT = {"student": 1, "clase": 1, "fecha": 1, "turn": 1}


def days(
    attendance: MongoCollection[dict[str, Any]], wanted: Document, after: ListPosition | None, chunk: int
) -> Iterator[list[Document]]:
    """The entries of whole classes and dates, in order of date and class, from the one that a place is of: about
    ``chunk`` entries at a time, with student, class, date and turn."""
    start = None if after is None else (after.fecha, after.clase)
    inclusive = True
    while True:
        which = wanted if start is None else {"$and": [wanted, _from(*start, inclusive)]}
        order = [("fecha", ASCENDING), ("clase", ASCENDING), ("_id", ASCENDING)]
        some: list[Document] = list(attendance.find(which, _LIGHT).sort(order).limit(chunk))
        if not some:
            return
        last, cut = _day(some[-1]), len(some) == chunk
        if cut and _day(some[0]) == last:
            some = list(attendance.find({"$and": [wanted, {"fecha": last[0], "clase": last[1]}]}, _LIGHT))
        elif cut:  # the last may go on
            some = [entry for entry in some if _day(entry) != last]
        yield some
        if not cut:
            return
        start, inclusive = _day(some[-1]), False


def newest(entries: Iterable[Document]) -> list[Document]:
    """Of each student, class and date the entry with the last turn; an erased student's entries each stand alone,
    under numbers of their own."""
    ordered = sorted(entries, key=lambda entry: (*about(entry), int(entry["turn"])))
    return [list(same)[-1] for _, same in groupby(ordered, key=about)]


def about(entry: Document) -> tuple[int, str, str]:
    """Student, class and date."""
    return int(entry["student"]), str(entry["clase"]), str(entry["fecha"])


def _day(entry: Document) -> tuple[str, str]:
    return str(entry["fecha"]), str(entry["clase"])


def _from(fecha: str, clase: str, inclusive: bool) -> Document:
    classes = {"$gte" if inclusive else "$gt": clase}
    return {"$or": [{"fecha": {"$gt": fecha}}, {"fecha": fecha, "clase": classes}]}
