"""Lists the photos of the first system's database: ``estudiantes``, with ``images`` as second copies of the photos.

A student's own image is used unless it is damaged; then the copy is used. Whatever is left out has a line in the
report.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError

from indexer.sources.first_system.documents import COPIES, STUDENTS, hash_documents, join_limited
from indexer.sources.first_system.people import FirstSystemPeople
from indexer.sources.first_system.photo_copies import find_copies
from indexer.sources.values import Source
from presente.clock import MACHINE_CLOCK, Clock
from presente.errors import InvalidInput, StoreError
from presente.installation import command_line
from presente.secrets import ENCODE, error_text, hidden_address, needs_encoding
from presente.supervisor import SupervisedRun

_FIELDS = frozenset(
    {
        "nombre_del_alumno",
        "clase",
        "otras_clases",
        "fecha_de_registro",
        "asistencias_previas",
        "participaciones_previas",
    }
)


def read_first_system(url: str, clock: Clock = MACHINE_CLOCK, attempt: SupervisedRun | None = None) -> Source:
    """List the photos of a database of the first system, and where the second copy of each is.

    Args:
        url: ``mongodb://HOST/DATABASE``.
        clock: turns the moments that the database keeps into dates.
        attempt: notes which damaged photo is being decoded.

    Raises:
        InvalidInput: ``unknown_source``, ``empty_source``, ``source_is_gallery``.
        StoreError: ``source_unavailable``.
    """
    if needs_encoding(url):
        raise InvalidInput("unknown_source", "Where the user and the password in the address end is not clear.", ENCODE)
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(url, serverSelectionTimeoutMS=5000, appname="presente")
        database = client.get_default_database()
    except (ConfigurationError, InvalidURI, ValueError) as exc:
        raise InvalidInput(
            "unknown_source",
            f"{hidden_address(url)!r} cannot be read ({error_text(url, exc)}).",
            "It must look like mongodb://host:27017/fcRecog.",
        ) from None  # the driver quotes parts of the address
    try:
        return _read(client, database, clock, attempt or SupervisedRun())
    except PyMongoError as exc:
        client.close()
        raise StoreError(
            "source_unavailable", f"The MongoDB server of the source cannot be used ({exc}).", "Check its address."
        ) from exc
    except BaseException:
        client.close()
        raise


def _read(
    client: MongoClient[dict[str, Any]], database: Database[dict[str, Any]], clock: Clock, attempt: SupervisedRun
) -> Source:
    names = set(database.list_collection_names())
    if "gallery" in names and STUDENTS not in names:
        raise InvalidInput(
            "source_is_gallery",
            f"Database {database.name!r} is a gallery of Presente, not a database of the first system.",
            f"`{command_line('indexer sync')}` embeds what other programs enrolled in it.",
        )
    students = hash_documents(database[STUDENTS])
    found = FirstSystemPeople(clock)
    for each in students:
        found.add_document(each.document)
    if not found.people:
        raise InvalidInput(
            "empty_source",
            f"Database {database.name!r} has no student in {STUDENTS!r} that can be taken over.",
            "; ".join(found.warnings) or "Check the database's name in the address.",
        )
    copies = find_copies(database, students, attempt)
    several = [each.document["_id"] for each in students if each.photos > 1]
    others = sorted(name for name in names - {STUDENTS, COPIES} if not name.startswith("system."))
    return Source(
        f"the first system's database {database.name}",
        tuple(
            copies.photo(student, document)
            for person in found.people.values()
            for student in (person.merged_student(),)
            for document in person.documents
        ),
        _FIELDS,
        warnings=(*found.warnings, *copies.warnings),
        past_attendance=tuple(entry for person in found.people.values() for entry in person.past_attendance()),
        close=client.close,
        notes=(
            *found.notes(),
            *copies.notes,
            *_note(f"{STUDENTS} with several images, of which the first is taken", several),
            *_note("collections that are not taken over", others),
        ),
    )


def _note(text: str, items: Sequence[object]) -> list[str]:
    """A note that names some items; none when there are no items."""
    return [f"{text}: {join_limited(items)}"] if items else []
