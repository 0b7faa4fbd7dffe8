"""What must be true of unknown people in a SQLite file: see :mod:`gallery.documents.sqlite.check`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

from gallery.documents.damage import FORGET, RESTORE, Damage, picture_damage, vector_damage
from gallery.documents.seals import unknown_picture_seal, unknown_template_seal

Opened = Callable[[sqlite3.Row, str, str, str], Iterator[bytes | Damage]]
"""Opens a column of a row, of what it is and where; or says why it cannot."""
_MISCOUNTED = """SELECT id FROM unknown_groups g WHERE
    g.visits != (SELECT count(*) FROM unknown_faces f WHERE f.person = g.id)
    OR g.looks != (SELECT sum(f.looks) FROM unknown_faces f WHERE f.person = g.id)
    OR g.first_at != (SELECT min(f.at) FROM unknown_faces f WHERE f.person = g.id)
    OR g.last_at != (SELECT max(f.last_at) FROM unknown_faces f WHERE f.person = g.id)
    OR NOT EXISTS (SELECT 1 FROM unknown_faces f WHERE f.person = g.id AND f.id = g.cover)"""


def unknown_face_damage(row: sqlite3.Row, where: str, pack: tuple[str, int] | None, opened: Opened) -> Iterator[Damage]:
    """The template and the picture of a face."""
    number, dim = row["id"], pack[1] if pack is not None and pack[0] == row["pack"] else None
    for each in opened(row, "vector", unknown_template_seal(number, str(row["pack"])), where):
        yield from [each] if isinstance(each, Damage) else vector_damage(each, dim, where, FORGET)
    for each in opened(row, "picture", unknown_picture_seal(number), where):
        yield from [each] if isinstance(each, Damage) else picture_damage(each, where)


def miscounted_groups(db: sqlite3.Connection) -> Iterator[Damage]:
    """What groups say of their faces."""
    for (number,) in db.execute(_MISCOUNTED).fetchall():
        yield Damage("group_miscounted", "It does not say what its faces are.", f"unknown group {number}", RESTORE)
