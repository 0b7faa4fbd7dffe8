"""From the bytes of a request's body to a film on disk, whatever the body claims to be. Nothing of it is in memory but
the piece at hand.

A body is a film itself (``video/...``, or another type of :data:`OTHER_TYPES`), or a form with one film in the field
``video``.
"""

from __future__ import annotations

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from presente.errors import InvalidInput, shown
from server.films.first_bytes import HEAD_BYTES, check_first_bytes
from server.films.folder import FilmFile, FilmFolder

FORM = "multipart/form-data"
FIELD = "video"
_STARTS = "starts"
"""A parameter of the address, which is known before the film comes."""
OTHER_TYPES = frozenset({
    "application/mp4", "application/mxf", "application/octet-stream", "application/ogg", "application/x-matroska",
})  # fmt: skip
"""Media types of films beside those of video."""
PIECE_BYTES = 1024 * 1024
"""Bytes that are written at once."""
_MOST_PARTS = 20
_MOST_HEAD = 4 * PIECE_BYTES
"""Bytes that the form's parser may hold, which are a part's head and the end of a piece."""


class FilmReceiver:
    """Receives one film. Used by one thread at a time; :meth:`close` ends it."""

    def __init__(self, folder: FilmFolder, content_type: str, length: int, strict: bool = True) -> None:
        """Begin.

        Args:
            folder: where the film is to lie.
            content_type: the header of the request.
            length: bytes of the body, as the request says.
            strict: whether fields beside the film are refused; else they are passed over.

        Raises:
            InvalidInput: ``unsupported_media_type``.
            StoreError: ``films_unwritable``, ``no_room_for_film``.
        """
        kind, options = parse_options_header(content_type)
        kind = kind.lower()
        self._form: MultipartDecoder | None = None
        if kind == FORM and options.get("boundary"):
            boundary = options["boundary"].encode("latin-1", "replace")
            self._form = MultipartDecoder(boundary, _MOST_HEAD, max_parts=_MOST_PARTS)
        elif not kind.startswith("video/") and kind not in OTHER_TYPES:
            raise InvalidInput(
                "unsupported_media_type",
                f"A body of type {shown(kind)} is no film.",
                f"Send the film as video/webm or video/mp4, or a form with it in the field {FIELD}.",
            )
        self._strict = strict
        self._in_film = self._form is None
        self._found = self._form is None
        self._head = bytearray()
        self.film: FilmFile = folder.new(min(length, folder.most_bytes))
        """What was received."""

    def write(self, piece: bytes) -> None:
        """Take the next piece of the body, of about :data:`PIECE_BYTES`.

        Raises:
            InvalidInput: ``too_many_bytes``, ``unknown_field``, ``invalid_field``, ``invalid_form``, and
                ``unsupported_media_type`` of what is known to be no film.
            StoreError: ``films_unwritable``, ``no_room_for_film``.
        """
        if self._form is None:
            self._keep(piece)
        else:
            self._feed(self._form, piece)

    def finish(self) -> FilmFile:
        """The film, once the body has ended.

        Raises:
            InvalidInput: ``no_video``, ``invalid_form``, ``unsupported_media_type``.
        """
        if self._form is not None:
            self._feed(self._form, None)
        if not self._found or not self.film.size:
            raise InvalidInput("no_video", "No film was sent.", f"Send one, in the field {FIELD}.")
        if len(self._head) < HEAD_BYTES:  # else they were looked at as they came
            check_first_bytes(bytes(self._head))
        self.film.flush()
        return self.film

    def close(self) -> None:
        """End: see :meth:`FilmFile.close`."""
        self.film.close()

    def _keep(self, piece: bytes) -> None:
        """Write a piece of the film, whose first bytes are looked at as soon as they are there."""
        if (missing := HEAD_BYTES - len(self._head)) > 0:
            self._head += piece[:missing]
            if len(self._head) == HEAD_BYTES:
                check_first_bytes(bytes(self._head))
        self.film.write(piece)

    def _feed(self, form: MultipartDecoder, piece: bytes | None) -> None:
        try:
            form.receive_data(piece)
            while not isinstance(event := form.next_event(), (NeedData, Epilogue)):
                if isinstance(event, (File, Field)):
                    self._begin_part(event.name)
                elif isinstance(event, Data) and self._in_film and event.data:
                    self._keep(event.data)
        except (RequestEntityTooLarge, ValueError) as exc:
            raise InvalidInput(
                "invalid_form", "The form cannot be read.", f"Send {FORM} with the film in the field {FIELD}."
            ) from exc

    def _begin_part(self, name: str | None) -> None:
        self._in_film = name == FIELD
        if self._in_film and self._found:
            raise InvalidInput("invalid_field", f"{FIELD} is there more than once.", "Send one film at a time.")
        if not self._in_film and self._strict:
            fix = "Say it in the address: .../video?starts=08:00:30." if name == _STARTS else f"Known: {FIELD}."
            raise InvalidInput("unknown_field", f"There is no field {shown(name or '')} here.", fix)
        self._found |= self._in_film
