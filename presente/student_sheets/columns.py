"""Finds the column of a sheet that holds each field: as ``--columns`` says, or by the column's name."""

from __future__ import annotations

import csv
import functools
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from presente.errors import InvalidInput, shown
from presente.files import printable_path

REQUIRED = ("matricula", "nombre_del_alumno", "fotos")
OPTIONAL = ("clase", "fecha_de_registro", "consentimiento_fecha", "consentimiento_texto")

_QUOTED = 30
"""Columns that an error names at most."""

LONGEST_NAME = 200
"""Characters of a column's name at most. Of longer cells, only one that is exactly a name of ``--columns`` is found."""

_OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "matricula": (
        "matricula del alumno",
        *(f"{number} {kind}" for number in ("numero de", "num de", "no de", "no") for kind in ("matricula", "control")),
        "student id",
    ),
    "nombre_del_alumno": (
        *("nombre", "nombre completo", "nombre completo del alumno", "nombre y apellidos", "apellidos y nombre"),
        *("alumno", "alumna", "alumno(a)", "estudiante", "name", "full name", "student name"),
    ),
    "fotos": (
        *("foto", "ingrese sus fotos", "fotografia", "fotografias", "imagen", "imagenes"),
        *("photos", "photo", "image", "images"),
    ),
    "clase": ("grupo", "class", "group"),
    "consentimiento_fecha": ("fecha de consentimiento", "consent date"),
    "consentimiento_texto": ("consentimiento", "consent"),
    "fecha_de_registro": ("marca temporal", "timestamp", "fecha", "date"),
}
"""Names that are guessed. Not "ID", because forms number their answers 1, 2, 3 under that name."""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The column of each field, from 0; and a line that says which were guessed, if any were."""

    columns: Mapping[str, int]
    notes: tuple[str, ...]


def map_columns(path: Path, columns: tuple[str, ...], declared: str | None) -> ColumnMapping:
    """Find the column of every field.

    Args:
        path: the sheet, for errors.
        columns: its column names.
        declared: ``field=Column,field=Column``, as ``--columns`` has it. A field without a column is left out; a field
            that is not named is guessed.

    Raises:
        InvalidInput: ``invalid_columns``, ``missing_column``, ``ambiguous_column``.
    """
    named = _parse_declaration(declared) if declared is not None else {}
    plain = tuple(map(_plain, columns))
    found = {field: _named_column(path, columns, plain, field, column) for field, column in named.items() if column}
    guessed = []
    for field in (*REQUIRED, *OPTIONAL):
        column = None if field in named else _guess_column(path, columns, plain, field, set(found.values()))
        if column is not None:
            found[field] = column
            if columns[column] != field:
                guessed.append(f"{columns[column]!r} is {field}")
    missing = [field for field in REQUIRED if field not in found]
    if missing:
        raise _missing_columns(path, columns, plain, missing)
    shown_path = printable_path(path)
    notes = [f"{shown_path}: columns were guessed: {', '.join(guessed)} (--columns overrides this)"] if guessed else []
    surnames = [column for column in range(len(columns)) if plain[column].startswith("apellido")]
    if set(surnames) - set(found.values()):
        unused = ", ".join(repr(columns[column]) for column in surnames if column not in found.values())
        name = columns[found["nombre_del_alumno"]]
        notes.append(f"{shown_path}: the names are those of {name!r} alone, without {unused}: join them in one column")
    return ColumnMapping(found, tuple(notes))


def _parse_declaration(declared: str) -> dict[str, str]:
    """Column by field. A column name that holds a comma is quoted together with its field."""
    known = (*REQUIRED, *OPTIONAL)
    pairs = [pair.partition("=") for pair in next(csv.reader([declared], skipinitialspace=True), [])]
    fields = [field.strip() for field, _, _ in pairs]
    for field, equals, _ in pairs:
        if not equals or field.strip() not in known or fields.count(field.strip()) > 1:
            raise InvalidInput(
                "invalid_columns",
                f"--columns has {field + equals!r}.",
                f'It should look like "matricula=ID,fotos=Ingrese sus fotos", each field once, of {", ".join(known)}.',
            )
    return {field.strip(): column.strip() for field, _, column in pairs}


def _named_column(path: Path, columns: tuple[str, ...], plain: tuple[str, ...], field: str, name: str) -> int:
    """The column of that name: the same name, or one that differs in case, accents, spaces and signs only."""
    exact = [number for number, column in enumerate(columns) if column == name]
    wanted = _plain(name)
    found = exact or [number for number, column in enumerate(plain) if column and column == wanted]
    if not found:
        raise InvalidInput(
            "missing_column",
            f"{printable_path(path)} has no column {name!r} for {field}; it has {_quoted(columns)}.",
            "Correct --columns.",
        )
    return _only(path, columns, field, found)


def _guess_column(
    path: Path, columns: tuple[str, ...], plain: tuple[str, ...], field: str, taken: set[int]
) -> int | None:
    """The column with the field's name, else with one of the field's other names; None when there is none."""
    free = [number for number in range(len(columns)) if number not in taken]
    name = _plain(field)
    same_name = [number for number in free if plain[number] == name]
    found = same_name or [number for number in free if plain[number] in _other_names(field)]
    return _only(path, columns, field, found) if found else None


@functools.cache
def _other_names(field: str) -> frozenset[str]:
    return frozenset(map(_plain, _OTHER_NAMES[field]))


def _only(path: Path, columns: tuple[str, ...], field: str, found: list[int]) -> int:
    if len(found) > 1:
        raise InvalidInput(
            "ambiguous_column",
            f"{printable_path(path)}: {_quoted(tuple(columns[number] for number in found))} could each be {field}.",
            f'Say which: --columns "{field}={columns[found[0]]}"; or give the columns different names.',
        )
    return found[0]


def _missing_columns(path: Path, columns: tuple[str, ...], plain: tuple[str, ...], missing: list[str]) -> InvalidInput:
    named = [(column, name) for column, name in zip(columns, plain, strict=True) if name]
    mail = next((column for column, name in named if "mail" in name or "correo" in name), None)
    example = mail or next((column for column, _ in named), "ID")
    return InvalidInput(
        "missing_column",
        f"{printable_path(path)} has no column {', '.join(missing)}; it has {_quoted(columns)}."
        if any(columns)
        else f"{printable_path(path)} is empty: it has no column {', '.join(missing)}.",
        f'Say which it is, for example --columns "{missing[0]}={example}". '
        f"Needed: {', '.join(REQUIRED)}; optional: {', '.join(OPTIONAL)}.",
    )


def _quoted(columns: tuple[str, ...]) -> str:
    named = [shown(column) for column in columns if column]
    return ", ".join(named[:_QUOTED]) + (f" and {len(named) - _QUOTED} more" if len(named) > _QUOTED else "") or "none"


def _plain(name: str) -> str:
    """A name without case, accents, spaces and signs, for comparing; empty when it is too long for a name."""
    if len(name) > LONGEST_NAME:
        return ""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if letter.isalnum())
