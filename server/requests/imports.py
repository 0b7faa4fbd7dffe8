"""What requests say of imports: a sheet with photos, which rows are run, which page is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from flask import Request
from msgspec import UNSET, Meta, UnsetType

from presente.errors import InvalidInput, listed, shown
from presente.face_json import JsonObject
from server.imports.upload import UploadedFile, checked_path, unpacked
from server.requests.body_forms import BodyForms, RawBody
from server.requests.fields import Cursor, PageSize, rules

_ZIP = "application/zip"
_FORM = "multipart/form-data"
_PARTS = frozenset({"file", "archive"})


Columns = Annotated[
    str,
    Meta(
        max_length=2000,
        description="Which column holds which field: field=Column,field=Column. Others are guessed.",
        extra=rules(verbatim=True),
    ),
]


class ImportParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of an upload."""

    columns: Columns | None = None


class ImportListParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of the list of imports."""

    limit: PageSize = 100
    cursor: Cursor | None = None


class ImportPageParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of an import's rows."""

    limit: PageSize = 1000
    cursor: Cursor | None = None


Rows = Annotated[
    list[Annotated[int, Meta(ge=1, le=10_000_000)]],
    Meta(max_length=100_000, description="Line numbers of the rows; without it all that have no problem."),
]


class RunFields(JsonObject, frozen=True, kw_only=True):
    """Which rows are run."""

    rows: Rows | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class SentSheet:
    """A sheet and the photos beside it, as they were sent: each file's path and bytes, or a .zip of them."""

    files: tuple[UploadedFile, ...]
    archive: bytes

    FORMS: ClassVar[BodyForms] = (
        RawBody(_FORM, "The sheet and each photo as a field file, or a .zip of them as the field archive."),
        RawBody(_ZIP, "A .zip of the sheet and its photos."),
    )

    @classmethod
    def read(cls, request: Request) -> SentSheet:
        """Of a form, or of a .zip as the body.

        Raises:
            InvalidInput: ``unsupported_media_type``, ``unknown_field``, ``invalid_archive``, ``invalid_field``.
        """
        if request.mimetype == _ZIP:
            return cls((), request.get_data(cache=False))
        if request.mimetype != _FORM:
            raise InvalidInput(
                "unsupported_media_type",
                f"A body of type {shown(request.mimetype)} is not understood.",
                f"Send a form with the field file once per file, or a .zip as {_ZIP}.",
            )
        unknown = {name or "" for name in (set(request.form) | set(request.files)) - (_PARTS & set(request.files))}
        if unknown:
            raise InvalidInput("unknown_field", f"There is no file {listed(unknown)} here.", "Known: file, archive.")
        archives = request.files.getlist("archive")
        files = tuple(
            UploadedFile(checked_path(part.filename or ""), part.read()) for part in request.files.getlist("file")
        )
        paths = [file.path for file in files]
        twice = {path for path in paths if paths.count(path) > 1}
        if twice or len(archives) + bool(files) > 1:
            raise InvalidInput(
                "invalid_field",
                f"{listed(twice)} was sent twice." if twice else "Files and a .zip were sent.",
                "Send each file once, or one .zip.",
            )
        return cls(files, archives[0].read() if archives else b"")

    def each(self, most_per_file: int) -> Iterator[UploadedFile]:
        """Every file; a .zip is unpacked on the way, within bounds.

        Raises:
            InvalidInput: ``invalid_archive``, ``too_many_bytes``.
        """
        yield from unpacked(self.archive, most_per_file) if self.archive else self.files
