"""The schema of the SQLite store, as numbered steps. The statements of a step and its number are committed together.

Never edit a step that was released: add a new one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from gallery.documents.sqlite.job_schema import m012_jobs
from gallery.documents.sqlite.negatives import m017_negatives, m018_negatives_erased
from gallery.documents.sqlite.privacy_schema import m014_privacy
from gallery.documents.sqlite.seal_schema import m013_data_keys
from gallery.documents.sqlite.session_schema import m010_sessions
from gallery.documents.sqlite.unknown_schema import m016_unknown_people
from gallery.documents.sqlite.waiting_schema import m015_waiting
from presente.errors import StoreError


def m001_create_tables(db: sqlite3.Connection) -> None:
    """Students, photos, templates, and the change sequence, which triggers write, so that no statement can skip it."""
    for statement in (
        """CREATE TABLE students (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            matricula TEXT NOT NULL UNIQUE,
            nombre_del_alumno TEXT NOT NULL,
            clase TEXT NOT NULL DEFAULT '',
            fecha_de_registro TEXT NOT NULL DEFAULT '',
            kind TEXT NOT NULL CHECK (kind IN ('student', 'cohort')))""",
        "CREATE INDEX students_by_class ON students (kind, clase)",
        """CREATE TABLE images (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            student INTEGER NOT NULL REFERENCES students (id) ON DELETE CASCADE,
            sha256 TEXT NOT NULL,
            media_type TEXT NOT NULL,
            source TEXT NOT NULL,
            content BLOB NOT NULL,
            UNIQUE (student, sha256))""",
        """CREATE TABLE templates (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            image INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
            student INTEGER NOT NULL REFERENCES students (id) ON DELETE CASCADE,
            pack TEXT NOT NULL,
            vector BLOB NOT NULL,
            box TEXT NOT NULL,
            quality TEXT NOT NULL,
            UNIQUE (image, pack))""",
        "CREATE INDEX templates_by_student ON templates (student)",
        """CREATE TABLE changes (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            removed INTEGER NOT NULL,
            template INTEGER NOT NULL,
            mark INTEGER NOT NULL DEFAULT (random()))""",
        """CREATE TRIGGER template_added AFTER INSERT ON templates
            BEGIN INSERT INTO changes (removed, template) VALUES (0, NEW.id); END""",
        """CREATE TRIGGER template_removed AFTER DELETE ON templates
            BEGIN INSERT INTO changes (removed, template) VALUES (1, OLD.id); END""",
        "CREATE TABLE gallery (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "INSERT INTO gallery VALUES ('identity', lower(hex(randomblob(16))))",
    ):
        db.execute(statement)


def m002_attendance(db: sqlite3.Connection) -> None:
    """Attendance and participation, the counts that they add up to, consent.

    When a student is erased, a trigger clears the student's entries, and removes the face from every entry of a group
    of entries (one ambiguous face) that the student is part of.
    """
    for statement in (
        "ALTER TABLE students ADD COLUMN consentimiento TEXT",
        "ALTER TABLE students ADD COLUMN aviso TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE students ADD COLUMN asistencias_previas INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE students ADD COLUMN participaciones_previas INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE students ADD COLUMN asistencias INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE students ADD COLUMN participaciones INTEGER NOT NULL DEFAULT 0",
        """CREATE TABLE attendance (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            student INTEGER REFERENCES students (id) ON DELETE SET NULL,
            clase TEXT NOT NULL,
            fecha TEXT NOT NULL,
            turn INTEGER NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('present', 'ambiguous', 'rejected')),
            source TEXT NOT NULL CHECK (source IN ('photo', 'hand', 'takeover')),
            at TEXT NOT NULL,
            note TEXT NOT NULL,
            request TEXT NOT NULL,
            face_group TEXT NOT NULL,
            face TEXT,
            vector BLOB,
            UNIQUE (student, clase, fecha, turn))""",
        "CREATE INDEX attendance_by_class ON attendance (clase, fecha)",
        "CREATE INDEX attendance_by_group ON attendance (face_group) WHERE face_group != ''",
        "CREATE INDEX attendance_by_request ON attendance (request) WHERE request != ''",
        """CREATE TABLE participations (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            student INTEGER REFERENCES students (id) ON DELETE SET NULL,
            clase TEXT NOT NULL,
            fecha TEXT NOT NULL,
            kind TEXT NOT NULL,
            note TEXT NOT NULL,
            at TEXT NOT NULL,
            request TEXT NOT NULL UNIQUE,
            withdraws INTEGER)""",
        "CREATE INDEX participations_by_student ON participations (student)",
        """CREATE TRIGGER student_erased BEFORE DELETE ON students
            BEGIN
                UPDATE attendance SET face = NULL, vector = NULL WHERE face_group IN
                    (SELECT face_group FROM attendance WHERE student = OLD.id AND face_group != '');
                UPDATE attendance SET face = NULL, vector = NULL, note = '', request = '' WHERE student = OLD.id;
                UPDATE participations SET note = '', request = 'erased ' || id WHERE student = OLD.id;
            END""",
    ):
        db.execute(statement)


def m003_roster_changes(db: sqlite3.Connection) -> None:
    """Changes of rosters become part of the change sequence: ``removed`` is 2, and ``template`` is 0.

    So a follower that has seen the last change has seen the present rosters.
    """
    noted = "BEGIN INSERT INTO changes (removed, template) VALUES (2, 0); END"
    for statement in (
        f"CREATE TRIGGER student_came AFTER INSERT ON students {noted}",
        f"CREATE TRIGGER student_went AFTER DELETE ON students {noted}",
        "CREATE TRIGGER student_moved AFTER UPDATE OF clase, kind ON students "
        f"WHEN OLD.clase IS NOT NEW.clase OR OLD.kind IS NOT NEW.kind {noted}",
    ):
        db.execute(statement)


def m004_other_classes(db: sqlite3.Connection) -> None:
    """Further classes of a student, as a JSON list of texts. ``clase`` stays the first class."""
    for statement in (
        "ALTER TABLE students ADD COLUMN otras_clases TEXT NOT NULL DEFAULT '[]'",
        "DROP TRIGGER student_moved",
        """CREATE TRIGGER student_moved AFTER UPDATE OF clase, otras_clases, kind ON students
            WHEN OLD.clase IS NOT NEW.clase OR OLD.otras_clases IS NOT NEW.otras_clases OR OLD.kind IS NOT NEW.kind
            BEGIN INSERT INTO changes (removed, template) VALUES (2, 0); END""",
    ):
        db.execute(statement)


def m005_requests(db: sqlite3.Connection) -> None:
    """The keys of requests, each claimed once, and the students whom a request is about.

    When a student is erased, a trigger deletes the requests about the student: a digest of a few words can be guessed.
    """
    for statement in (
        """CREATE TABLE requests (
            key TEXT PRIMARY KEY,
            digest TEXT NOT NULL,
            at TEXT NOT NULL,
            done INTEGER NOT NULL DEFAULT 0)""",
        "CREATE INDEX requests_by_time ON requests (at)",
        """CREATE TABLE request_students (
            key TEXT NOT NULL REFERENCES requests (key) ON DELETE CASCADE,
            student INTEGER NOT NULL REFERENCES students (id) ON DELETE CASCADE,
            PRIMARY KEY (key, student))""",
        "CREATE INDEX request_students_by_student ON request_students (student)",
        """CREATE TRIGGER requests_erased BEFORE DELETE ON students
            BEGIN
                DELETE FROM requests WHERE key IN (SELECT key FROM request_students WHERE student = OLD.id);
            END""",
    ):
        db.execute(statement)


def m006_pages(db: sqlite3.Connection) -> None:
    """The indexes that reading a list page by page needs."""
    for statement in (
        "CREATE INDEX attendance_by_day ON attendance (fecha, clase)",
        "CREATE INDEX participations_withdrawn ON participations (withdraws) WHERE withdraws IS NOT NULL",
    ):
        db.execute(statement)


def m007_access(db: sqlite3.Connection) -> None:
    """Keys of machines, accounts, and sessions of those who logged in.

    Triggers give the revision another random word when a key or an account comes, goes or may do something else, and
    delete the keys and accounts of a student who is erased. Noting when a key was used changes no revision.
    """
    grant = """role TEXT NOT NULL CHECK (role IN ('viewer', 'student', 'teacher', 'attendance', 'admin')),
            classes TEXT,
            matricula TEXT NOT NULL"""
    revised = "BEGIN INSERT OR REPLACE INTO gallery VALUES ('access_revision', lower(hex(randomblob(16)))); END"
    for statement in (
        f"""CREATE TABLE access_keys (
            name TEXT PRIMARY KEY,
            digest TEXT NOT NULL UNIQUE,
            {grant},
            created TEXT NOT NULL,
            last_used TEXT NOT NULL)""",
        f"""CREATE TABLE accounts (
            name TEXT PRIMARY KEY,
            {grant},
            password_hash TEXT NOT NULL,
            enabled INTEGER NOT NULL,
            created TEXT NOT NULL)""",
        """CREATE TABLE login_sessions (
            digest TEXT PRIMARY KEY,
            account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
            created TEXT NOT NULL,
            last_seen TEXT NOT NULL)""",
        "CREATE INDEX login_sessions_by_account ON login_sessions (account)",
        f"CREATE TRIGGER access_key_came AFTER INSERT ON access_keys {revised}",
        f"CREATE TRIGGER access_key_went AFTER DELETE ON access_keys {revised}",
        f"CREATE TRIGGER account_came AFTER INSERT ON accounts {revised}",
        f"CREATE TRIGGER account_went AFTER DELETE ON accounts {revised}",
        f"CREATE TRIGGER account_changed AFTER UPDATE ON accounts {revised}",
        """CREATE TRIGGER access_erased BEFORE DELETE ON students
            BEGIN
                DELETE FROM access_keys WHERE matricula = OLD.matricula;
                DELETE FROM accounts WHERE matricula = OLD.matricula;
            END""",
    ):
        db.execute(statement)


def m008_access_log(db: sqlite3.Connection) -> None:
    """The access log: lines, and the students whom each is about.

    When a student is erased, a trigger takes the student out of the lines. The commitment stays, and with it the hash.
    """
    for statement in (
        """CREATE TABLE access_log (
            number INTEGER PRIMARY KEY,
            at TEXT NOT NULL,
            caller TEXT NOT NULL,
            role TEXT NOT NULL,
            address TEXT NOT NULL,
            action TEXT NOT NULL,
            outcome TEXT NOT NULL,
            request TEXT NOT NULL,
            detail TEXT NOT NULL,
            previous TEXT NOT NULL,
            hash TEXT NOT NULL)""",
        "CREATE INDEX access_log_by_time ON access_log (at)",
        """CREATE TABLE access_concerned (
            line INTEGER NOT NULL REFERENCES access_log (number) ON DELETE CASCADE,
            place INTEGER NOT NULL,
            commitment TEXT NOT NULL,
            salt TEXT,
            matricula TEXT,
            student INTEGER REFERENCES students (id) ON DELETE SET NULL,
            PRIMARY KEY (line, place)) WITHOUT ROWID""",
        "CREATE INDEX access_concerned_by_student ON access_concerned (student) WHERE student IS NOT NULL",
        """CREATE TRIGGER access_concerned_erased BEFORE DELETE ON students
            BEGIN
                UPDATE access_concerned SET salt = NULL, matricula = NULL, student = NULL WHERE student = OLD.id;
            END""",
    ):
        db.execute(statement)


def m009_erasing_all_texts(db: sqlite3.Connection) -> None:
    """Erasing a student also clears the kinds of participations, which a person typed. An erasure looks for lines of
    the access log by matricula, too."""
    for statement in (
        "DROP TRIGGER student_erased",
        """CREATE TRIGGER student_erased BEFORE DELETE ON students
            BEGIN
                UPDATE attendance SET face = NULL, vector = NULL WHERE face_group IN
                    (SELECT face_group FROM attendance WHERE student = OLD.id AND face_group != '');
                UPDATE attendance SET face = NULL, vector = NULL, note = '', request = '' WHERE student = OLD.id;
                UPDATE participations SET kind = '', note = '', request = 'erased ' || id WHERE student = OLD.id;
            END""",
        "UPDATE participations SET kind = '' WHERE student IS NULL",
        "CREATE INDEX access_concerned_by_matricula ON access_concerned (matricula) WHERE matricula IS NOT NULL",
    ):
        db.execute(statement)


def m011_statistics(db: sqlite3.Connection) -> None:
    """The index of a class's entries has all that statistics count: they need not read the faces."""
    db.execute("DROP INDEX attendance_by_class")
    db.execute("CREATE INDEX attendance_counted ON attendance (clase, fecha, student, session, turn, status)")


STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    m001_create_tables,
    m002_attendance,
    m003_roster_changes,
    m004_other_classes,
    m005_requests,
    m006_pages,
    m007_access,
    m008_access_log,
    m009_erasing_all_texts,
    m010_sessions,
    m011_statistics,
    m012_jobs,
    m013_data_keys,
    m014_privacy,
    m015_waiting,
    m016_unknown_people,
    m017_negatives,
    m018_negatives_erased,
)


def migrate(db: sqlite3.Connection) -> None:
    """Bring the schema up to date. ``PRAGMA user_version`` is the number of steps that were applied.

    Raises:
        StoreError: ``store_too_new`` when a newer Presente made the file.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        applied = int(db.execute("PRAGMA user_version").fetchone()[0])
        if applied > len(STEPS):
            raise StoreError(
                "store_too_new",
                f"The store has schema {applied}, this version knows {len(STEPS)}.",
                "Run the version of Presente that wrote it, or a newer one.",
            )
        for number, step in enumerate(STEPS[applied:], start=applied + 1):
            step(db)
            db.execute(f"PRAGMA user_version = {number}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
