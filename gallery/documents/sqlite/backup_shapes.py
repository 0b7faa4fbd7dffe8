"""How the records of a backup are read from rows of SQLite, and become rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gallery.documents.backup_protocol import RESTORING, Record, RecordKind
from gallery.documents.sqlite.unknowns import EPOCH

LEFT_OUT = (
    *("changes", "login_sessions", "jobs"),  # a restored store begins its own
    *("students.asistencias", "students.participaciones", "students.asistencias_por_clase"),  # they are counted again
    *(f"unknown_groups.{name}" for name in ("first_at", "last_at", "visits", "looks", "cover", "worth", "clases")),
)
"""Tables and columns that no record has."""
OWN_SETTINGS = ("access_revision", EPOCH, RESTORING)
"""Settings that no record has."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Records of a kind.

    Attributes:
        kind: the kind.
        fields: the names of the fields, each with what SQL selects it by.
        table: where rows are read from, in which order.
        inserts: what makes rows of a record, with the fields as parameters; lists and dictionaries are JSON.
        structured: the fields that are lists or dictionaries, JSON in SQLite.
    """

    kind: RecordKind
    fields: Mapping[str, str]
    table: str
    inserts: tuple[str, ...]
    structured: frozenset[str] = frozenset()

    def read(self, db: sqlite3.Connection) -> Iterator[Record]:
        """Every record, in order."""
        selected = ", ".join(self.fields.values())
        for row in db.execute(f"SELECT {selected} FROM {self.table}"):
            fields = dict(zip(self.fields, row, strict=True))
            for name in self.structured:
                if fields[name] is not None:
                    fields[name] = json.loads(fields[name])
            yield Record(self.kind, fields)

    def write(self, db: sqlite3.Connection, fields: Mapping[str, Any]) -> None:
        """Add the rows of a record."""
        as_json = {
            name: json.dumps(fields[name], ensure_ascii=False) for name in self.structured if fields[name] is not None
        }
        for statement in self.inserts:
            db.execute(statement, {**fields, **as_json})


def _plain(kind: RecordKind, table: str, columns: str, order: str, structured: str = "") -> Shape:
    """A shape whose fields are columns of one table."""
    names = columns.split()
    insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"
    return Shape(kind, {n: n for n in names}, f"{table} ORDER BY {order}", (insert,), frozenset(structured.split()))


def _with(shape: Shape, name: str, selected: str, insert: str) -> Shape:
    """A shape with a further field, a list that is kept in rows of another table."""
    return replace(
        shape,
        fields={**shape.fields, name: f"(SELECT {selected})"},
        inserts=(*shape.inserts, insert),
        structured=shape.structured | {name},
    )


_GRANT = "role classes matricula"


def _also(shape: Shape, read: Mapping[str, str]) -> Shape:
    """A shape with further fields that are read, and that rows do not have."""
    return replace(shape, fields={**shape.fields, **read})


def _granted(kind: RecordKind, table: str, columns: str) -> Shape:
    whose = f"(SELECT id FROM students WHERE students.matricula = {table}.matricula)"
    return _also(_plain(kind, table, columns, "name", "classes"), {"student": whose})


_UNKNOWN = [
    *("id", "pack", "at", "last_at", "source", "box", "quality", "looks", "clase", "session", "worth"),
    *("key", "vector", "picture"),
]
SHAPES: Mapping[RecordKind, Shape] = {
    shape.kind: shape
    for shape in (
        Shape(
            "setting",
            {"name": "key", "value": "value"},
            f"gallery WHERE key NOT IN ({', '.join(map(repr, OWN_SETTINGS))}) ORDER BY key",
            ("INSERT OR REPLACE INTO gallery VALUES (:name, :value)",),
        ),
        Shape(
            "erasure",
            {
                **{name: name for name in ["number", "mark", "at", "kind", "subject", "asked", "photo"]},
                "into": "into_subject",
            },
            "erasures ORDER BY number",
            ("INSERT INTO erasures VALUES (:number, :mark, :at, :kind, :subject, :asked, :photo, :into)",),
        ),
        _plain(
            "student",
            "students",
            "id matricula nombre_del_alumno clase fecha_de_registro kind consentimiento aviso asistencias_previas "
            "participaciones_previas otras_clases key",
            "id",
            "consentimiento otras_clases",
        ),
        _plain("data_key", "data_keys", "id owner era sealed", "id"),
        Shape(
            "photo",
            {
                **{name: name for name in ["id", "student", "sha256", "media_type", "source", "key"]},
                "source_key": "key",
            },
            "images ORDER BY id",
            (
                "INSERT INTO images (id, student, sha256, media_type, source, key, content) "
                "VALUES (:id, :student, :sha256, :media_type, "
                "CASE WHEN :source_key IS :key OR typeof(:source) = 'text' THEN :source ELSE '' END, :key, :content)",
            ),
        ),
        _also(
            _plain("template", "templates", "id image student pack vector box quality key", "id", "box quality"),
            {"sha256": "(SELECT sha256 FROM images WHERE images.id = image)"},
        ),
        _plain(
            "session",
            "class_sessions",
            "id clase fecha starts ends late_after source state note made_by at request",
            "id",
        ),
        _with(
            _plain(
                "session_photo",
                "session_photos",
                "session number sha256 at width height faces content key",
                "session, number",
            ),
            "about",
            "json_group_array(student) FROM session_photo_students WHERE photo = session_photos.id",
            "INSERT INTO session_photo_students SELECT p.id, s.value FROM session_photos p, json_each(:about) s "
            "WHERE p.session = :session AND p.number = :number",
        ),
        Shape(
            "unknown_face",
            {
                "group": "person",
                "state": "(SELECT state FROM unknown_groups g WHERE g.id = person)",
                "note": "(SELECT note FROM unknown_groups g WHERE g.id = person)",
                **{name: name for name in _UNKNOWN},
            },
            "unknown_faces ORDER BY id",
            (
                "INSERT OR IGNORE INTO unknown_groups VALUES (:group, :state, :note, '', '', 0, 0, 0, 0, '[]')",
                f"INSERT INTO unknown_faces (person, {', '.join(_UNKNOWN)}) "
                f"VALUES (:group, {', '.join(':' + name for name in _UNKNOWN)})",
            ),
            frozenset({"box", "quality"}),
        ),
        _plain(
            "attendance",
            "attendance",
            "id student clase fecha session turn status source at note request face_group photo_number face_number "
            "undoes reason late face vector key",
            "id",
            "face",
        ),
        _plain("participation", "participations", "id student clase fecha kind note at request withdraws", "id"),
        _plain("negative", "negatives", "id student about vector pack at source session key", "id"),
        Shape(
            "timetable",
            {
                "clase": "clase",
                "entries": "json_group_array(json_object('weekday', weekday, 'starts', starts, 'ends', ends, "
                "'late_after', late_after))",
            },
            "timetables GROUP BY clase ORDER BY clase",
            (
                "INSERT INTO timetables SELECT :clase, e.value ->> 'weekday', e.value ->> 'starts', "
                "e.value ->> 'ends', e.value ->> 'late_after' FROM json_each(:entries) e",
            ),
            frozenset({"entries"}),
        ),
        _with(
            _plain("request", "requests", "key digest at done", "key"),
            "students",
            "json_group_array(student) FROM request_students WHERE key = requests.key",
            "INSERT INTO request_students SELECT :key, value FROM json_each(:students)",
        ),
        _granted("access_key", "access_keys", f"name digest {_GRANT} created last_used"),
        _granted("account", "accounts", f"name {_GRANT} password_hash enabled created"),
        _with(
            _plain(
                "access_line",
                "access_log",
                "number at caller role address action outcome request detail previous hash",
                "number",
            ),
            "about",
            "json_group_array(json_object('commitment', commitment, 'salt', salt, 'matricula', matricula, 'student', "
            "student)) FROM (SELECT * FROM access_concerned WHERE line = access_log.number ORDER BY place)",
            "INSERT INTO access_concerned (line, place, commitment, salt, matricula, student) SELECT :number, c.key, "
            "c.value ->> 'commitment', c.value ->> 'salt', c.value ->> 'matricula', c.value ->> 'student' "
            "FROM json_each(:about) c",
        ),
        Shape(
            "finding",
            {
                "mark": "mark",
                "aside": "aside",
                "place": "place",
                "content": "content",
                "about": "(SELECT json_group_array(DISTINCT student) FROM finding_subjects f WHERE f.mark = m.mark)",
                "photos": "(SELECT json_group_array(json_array(student, sha256)) FROM finding_subjects f "
                "WHERE f.mark = m.mark AND sha256 != '')",
            },
            "(SELECT mark, FALSE AS aside, place, content FROM audit_findings "
            "UNION ALL SELECT mark, TRUE, NULL, NULL FROM findings_aside) m ORDER BY mark, aside",
            (
                "INSERT INTO audit_findings SELECT :mark, :place, :content WHERE :content IS NOT NULL",
                "INSERT INTO findings_aside SELECT :mark WHERE :aside",
                "INSERT OR IGNORE INTO finding_subjects SELECT :mark, value, '' FROM json_each(:about)",
                "INSERT OR IGNORE INTO finding_subjects SELECT :mark, value ->> 0, value ->> 1 FROM json_each(:photos)",
            ),
            frozenset({"about", "photos"}),
        ),
    )
}
