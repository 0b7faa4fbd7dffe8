"""A film as a request has it: on disk already, when the request comes through the front."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from flask import Flask, Request, current_app
from msgspec import Meta

from presente.errors import InvalidInput, StoreError, shown
from presente.face_json import JsonObject
from server.films.folder import FilmFile, FilmFolder
from server.films.receiving import FIELD, PIECE_BYTES, FilmReceiver
from server.requests.body_forms import BodyForms, FileForm, RawBody
from server.requests.fields import rules

RECEIVED = "presente.film"
"""Where the environment of a request has what received its film; whoever ends the request closes it."""
_STARTS = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?"


class FilmParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of a film."""

    starts: Annotated[
        str,
        Meta(
            max_length=8,
            description="When its first frame was taken, HH:MM:SS at the school; if empty, when the session starts.",
            extra_json_schema={"pattern": f"^({_STARTS})?$"},
            extra=rules(code="invalid_times"),
        ),
    ] = ""


@dataclass(frozen=True, slots=True)
class SentFilm:
    """A film that was sent, which is kept if the request keeps it."""

    film: FilmFile

    FORMS: ClassVar[BodyForms] = (
        FileForm(FIELD, "A film of the class."),
        RawBody("video/webm", "A film; any other video/ type likewise, and application/mp4 and its like.", least=1),
        RawBody("video/mp4", "A film.", least=1),
    )

    @classmethod
    def read(cls, request: Request) -> SentFilm:
        """Of a body that the front has written to disk; else it is written now.

        Raises:
            InvalidInput, StoreError: as :class:`server.films.receiving.FilmReceiver`.
        """
        received = request.environ.get(RECEIVED)
        if received is None:
            request.environ[RECEIVED] = received = film_receiver(current_app, request)
            left = request.content_length or 0
            while left and (piece := request.environ["wsgi.input"].read(min(left, PIECE_BYTES))):
                received.write(piece)
                left -= len(piece)
            received.finish()
        return cls(received.film)


def film_receiver(app: Flask, request: Request) -> FilmReceiver:
    """What receives the film of a request. The first page may send more than the film, and more is passed over.

    Raises:
        InvalidInput, StoreError: as :class:`server.films.receiving.FilmReceiver`.
    """
    folder: FilmFolder | None = app.extensions["presente.films"]
    if folder is None:
        raise StoreError("films_unwritable", "This server has no folder for films.", "Set PRESENTE_FILMS.")
    strict = request.path.startswith("/v1/")
    return FilmReceiver(folder, request.headers.get("Content-Type", ""), request.content_length or 0, strict)


def checked_starts(text: str) -> str:
    """When a film starts, as HH:MM:SS; empty when it is not said.

    Raises:
        InvalidInput: ``invalid_times``.
    """
    if not text:
        return ""
    if not re.fullmatch(_STARTS, text):
        raise InvalidInput("invalid_times", f"starts is {shown(text)}.", "It must be a time like 08:30:00.")
    return text if len(text) == 8 else f"{text}:00"
