"""Which column of a sheet holds which field: as a person said, or by the column's name."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.sources.protocol import readable
from presente.errors import InvalidInput

REQUIRED = ("matricula", "nombre_del_alumno", "fotos")
OPTIONAL = ("clase", "fecha_de_registro", "consentimiento_fecha", "consentimiento_texto")

_ALSO_CALLED: dict[str, tuple[str, ...]] = {
    "matricula": ("matricula del alumno", "numero de matricula", "numero de control", "student id"),
    "nombre_del_alumno": ("nombre", "nombre completo", "alumno", "name", "full name", "student name"),
    "fotos": ("foto", "ingrese sus fotos", "fotografias", "photos", "photo", "image", "images", "imagenes"),
    "clase": ("grupo", "class", "group"),
    "consentimiento_fecha": ("fecha de consentimiento", "consent date"),
    "consentimiento_texto": ("consentimiento", "consent"),
    "fecha_de_registro": ("marca temporal", "timestamp", "fecha", "date"),
}
"""Never "ID": forms number their answers 1, 2, 3 under that name."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Where each field's column is, and a line that says what was guessed."""

    places: Mapping[str, int]
    notes: tuple[str, ...]


def map_columns(path: Path, columns: tuple[str, ...], said: str | None) -> Mapped:
    """Find the column of every field.

    Args:
        path: the sheet, for errors.
        columns: its column names.
        said: ``field=Column,field=Column``; a field without a column is left out, one that is not named is guessed.

    Raises:
        InvalidInput: ``invalid_columns``, ``missing_column``, ``ambiguous_column``.
    """
    named = _parsed(said) if said is not None else {}
    places = {field: _named_place(path, columns, field, column) for field, column in named.items() if column}
    guessed = []
    for field in (*REQUIRED, *OPTIONAL):
        place = None if field in named else _guessed_place(path, columns, field, set(places.values()))
        if place is not None:
            places[field] = place
            if columns[place] != field:
                guessed.append(f"{columns[place]!r} is {field}")
    missing = [field for field in REQUIRED if field not in places]
    if missing:
        raise _missing(path, columns, missing)
    note = f"{readable(path)}: columns were guessed: {', '.join(guessed)} (--columns says otherwise)"
    return Mapped(places, (note,) if guessed else ())


def _parsed(said: str) -> dict[str, str]:
    """What ``--columns`` says. A column name that holds a comma is quoted together with its field."""
    known = (*REQUIRED, *OPTIONAL)
    pairs = [pair.partition("=") for pair in next(csv.reader([said], skipinitialspace=True), [])]
    fields = [field.strip() for field, _, _ in pairs]
    for field, equals, _ in pairs:
        if not equals or field.strip() not in known or fields.count(field.strip()) > 1:
            raise InvalidInput(
                "invalid_columns",
                f"--columns has {field + equals!r}.",
                f'It should look like "matricula=ID,fotos=Ingrese sus fotos", each field once, of {", ".join(known)}.',
            )
    return {field.strip(): column.strip() for field, _, column in pairs}


def _named_place(path: Path, columns: tuple[str, ...], field: str, name: str) -> int:
    """The column that a person named: exactly, or but for case, accents, spaces and signs."""
    exact = [place for place, column in enumerate(columns) if column == name]
    found = exact or [place for place, column in enumerate(columns) if _plain(column) == _plain(name)]
    if not found:
        raise InvalidInput(
            "missing_column",
            f"{readable(path)} has no column {name!r} for {field}; it has {_listed(columns)}.",
            "Correct --columns.",
        )
    return _only(path, columns, field, found)


def _guessed_place(path: Path, columns: tuple[str, ...], field: str, taken: set[int]) -> int | None:
    """The column that is called like the field, or else like one of the field's other names."""
    free = [place for place in range(len(columns)) if place not in taken]
    own = [place for place in free if _plain(columns[place]) == _plain(field)]
    others = {_plain(name) for name in _ALSO_CALLED[field]}
    found = own or [place for place in free if _plain(columns[place]) in others]
    return _only(path, columns, field, found) if found else None


def _only(path: Path, columns: tuple[str, ...], field: str, found: list[int]) -> int:
    if len(found) > 1:
        raise InvalidInput(
            "ambiguous_column",
            f"{readable(path)}: {_listed(tuple(columns[place] for place in found))} could each be {field}.",
            f'Say which: --columns "{field}={columns[found[0]]}"; give columns different names.',
        )
    return found[0]


def _missing(path: Path, columns: tuple[str, ...], missing: list[str]) -> InvalidInput:
    mail = next((column for column in columns if "mail" in _plain(column) or "correo" in _plain(column)), None)
    example = mail or next((column for column in columns if column), "ID")
    return InvalidInput(
        "missing_column",
        f"{readable(path)} has no column {', '.join(missing)}; it has {_listed(columns)}.",
        f'Say which it is, for example --columns "{missing[0]}={example}". '
        f"Needed: {', '.join(REQUIRED)}; welcome: {', '.join(OPTIONAL)}.",
    )


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(repr(column) for column in columns if column) or "none"


def _plain(name: str) -> str:
    """A name without case, accents, spaces and signs."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if letter.isalnum())
