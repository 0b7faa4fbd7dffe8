"""Requests to values. Strict: what is not understood is refused, never ignored."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from flask import Request, current_app, g
from numpy.typing import NDArray

from gallery.documents.values import Consent, Student
from presente.errors import InvalidInput, listed, shown
from presente.recognition import IdentifyQuery
from presente.text import from_base64, tidy
from server import body_sizes
from server.requests import json_parser
from server.requests.npy import read_npy

MAX_PROBES = 10_000
MAX_RESULTS = 100_000
"""Probes times k of one search."""

MAX_PHOTOS = 16
"""Photos of one enrolment."""

LONGEST_TEXT = 200
"""Characters of a text in a query string, unless it is said otherwise: what is longer is nobody's name or class."""

LONGEST_BASE64 = 24_000_000
"""Characters of a photo in base64: 16,000,000 bytes, as many as ``max_bytes`` may allow, are 22,000,000 with line
breaks."""

STUDENT_FIELDS = ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro")

# -- query strings -------------------------------------------------------------------------------------------------


class Parameters:
    """The query string of a request, read name by name; :meth:`done` refuses the names that nobody read."""

    def __init__(self, request: Request) -> None:
        self._values = request.args
        self._read: set[str] = set()

    def text(self, name: str, longest: int = LONGEST_TEXT) -> str | None:
        """A parameter in the one form of texts (:func:`presente.text.tidy`), None when it is absent or empty."""
        given = self.as_given(name, longest)
        return tidy(given) or None if given else None

    def as_given(self, name: str, longest: int = LONGEST_TEXT) -> str | None:
        """A parameter letter by letter: one that was ours before we gave it out."""
        self._read.add(name)
        values = self._values.getlist(name)
        if len(values) > 1:
            raise InvalidInput("invalid_parameter", f"{name} is given {len(values)} times.", "Give it once.")
        text = values[0] if values else ""
        if len(text) > longest or any(unicodedata.category(each) == "Cc" for each in text):
            raise InvalidInput(
                "invalid_parameter",
                f"{name} is {shown(text)}, of {len(text)} characters.",
                f"It must have at most {longest}, and none of control.",
            )
        return text or None

    def number(self, name: str, kind: type[int] | type[float], low: float, high: float) -> float | None:
        """A parameter as a number within bounds."""
        text = self.text(name)
        if text is None:
            return None
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise InvalidInput(
                f"invalid_{name}", f"{name} is {shown(text)}.", f"It must be {_name(kind)} from {low:g} to {high:g}."
            )
        return value

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """A parameter that is one of a few words."""
        text = self.text(name) or default
        if text not in choices:
            raise InvalidInput(
                f"invalid_{name}", f"{name} is {shown(text)}.", f"It must be one of {', '.join(choices)}."
            )
        return text

    def done(self) -> None:
        """Refuse what was sent and not read."""
        unknown = set(self._values) - self._read
        if unknown:
            raise InvalidInput(
                "unknown_parameter",
                f"There is no parameter {listed(unknown)} here.",
                f"Known: {', '.join(sorted(self._read)) or 'none'}.",
            )


def _name(kind: type) -> str:
    return "a whole number" if kind is int else "a number"


def k_of(parameters: Parameters, default: int = 5) -> int:
    """The parameter k."""
    found = parameters.number("k", int, 1, 1000)
    return default if found is None else int(found)


def force_of(request: Request) -> bool:
    """The query string of an enrolment: ``force``."""
    parameters = Parameters(request)
    force = parameters.choice("force", ("true", "false"), "false") == "true"
    parameters.done()
    return force


def identify_query(request: Request) -> IdentifyQuery:
    """The query string of ``/v1/identify``."""
    parameters = Parameters(request)
    faces = parameters.choice("faces", ("all", "largest"), "all")
    query = IdentifyQuery(
        k=k_of(parameters),
        threshold=parameters.number("threshold", float, -1, 1),
        faces="largest" if faces == "largest" else "all",
        clase=parameters.text("clase"),
        cohort=parameters.choice("cohort", ("true", "false"), "false") == "true",
    )
    parameters.done()
    return query


# -- bodies --------------------------------------------------------------------------------------------------------


def json_value(request: Request) -> Any:
    """The value that the body is in JSON, whatever its Content-Type says; parsed once per request.

    Raises:
        InvalidInput: ``invalid_json``.
    """
    if "json_value" not in g:
        allowed = body_sizes.of(current_app, request.endpoint)
        g.json_value = json_parser.parse(request.get_data(cache=False), allowed.values)
    return g.json_value


def json_object(request: Request, known: Sequence[str], any_type: bool = False) -> dict[str, Any]:
    """A JSON object, whatever its members; ``any_type``: whatever the Content-Type says."""
    body = json_value(request) if any_type or request.is_json else None
    if not isinstance(body, dict):
        raise InvalidInput("invalid_json", "The body is not a JSON object.", f"Send one with {', '.join(known)}.")
    return body


def json_body(request: Request, allowed: Sequence[str]) -> dict[str, Any]:
    """A JSON object with no other members than the allowed ones."""
    body = json_object(request, allowed)
    _check_known(set(body) - set(allowed), allowed)
    return body


def _check_known(unknown: set[str], known: Sequence[str]) -> None:
    if unknown:
        raise InvalidInput("unknown_field", f"There is no field {listed(unknown)} here.", f"Known: {', '.join(known)}.")


def photos_and_fields(request: Request, fields: Sequence[str] = ()) -> tuple[list[bytes], dict[str, str]]:
    """The photos of a request and the text fields beside them.

    A raw image body, a multipart form with the field ``image`` once or more, or JSON with ``image`` or ``images`` as
    base64 or data URLs.
    """
    photos, texts = _read_photos(request, fields)
    if len(photos) > MAX_PHOTOS:
        raise InvalidInput("too_many_photos", f"{len(photos)} photos were sent.", f"Send at most {MAX_PHOTOS} at once.")
    return photos, texts


def _read_photos(request: Request, fields: Sequence[str]) -> tuple[list[bytes], dict[str, str]]:
    kind = request.mimetype
    if "chunked" in request.headers.get("Transfer-Encoding", ""):
        raise InvalidInput("length_required", "The body's length is not known.", "Send a Content-Length.")
    if kind == "application/json":
        body = json_body(request, ("image", "images", *fields))
        encoded = body.get("images", [body["image"]] if "image" in body else [])
        if not isinstance(encoded, list):
            raise InvalidInput("invalid_field", "images is not a list.", "Send a list of base64 texts.")
        return [decode_base64(text) for text in encoded], {
            name: text_of(body[name], name) if name != "consentimiento" else json.dumps(body[name])
            for name in fields
            if name in body
        }
    if kind == "multipart/form-data":
        unknown = (set(request.form) - set(fields)) | (set(request.files) - {"image"})
        _check_known({name or "" for name in unknown}, ("image", *fields))  # a part need not have a name
        twice = [name for name, values in request.form.lists() if len(values) > 1]
        if twice:
            raise InvalidInput("invalid_field", f"{listed(twice)} is there more than once.", "Send it once.")
        texts = {name: tidy(text) if name != "consentimiento" else text for name, text in request.form.items()}
        return [file.read() for file in request.files.getlist("image")], texts
    if kind.startswith("image/") or kind in ("application/octet-stream", ""):
        return [request.get_data(cache=False)], {}
    raise InvalidInput(
        "unsupported_media_type",
        f"A body of type {shown(kind)} is not understood.",
        "Send image/jpeg, image/png or image/webp, a multipart form, or JSON with base64.",
    )


def one_photo(request: Request) -> bytes:
    """The one photo of a request."""
    photos, _ = photos_and_fields(request)
    if len(photos) != 1:
        raise InvalidInput("one_photo_needed", f"{len(photos)} photos were sent.", "Send one, in the field image.")
    return photos[0]


def decode_base64(text: object) -> bytes:
    """Base64, plain or as a data URL, to bytes."""
    if not isinstance(text, str):
        raise InvalidInput("invalid_base64", "The image is not a text.", "Send base64 or a data URL.")
    if len(text) > LONGEST_BASE64:
        raise InvalidInput(
            "too_many_bytes",
            f"The image is a text of {len(text):,} characters, the limit is {LONGEST_BASE64:,}.",
            "Send a smaller JPEG.",
        )
    try:
        return from_base64(text.partition(",")[2] if text.startswith("data:") else text)
    except ValueError as exc:
        raise InvalidInput("invalid_base64", f"The image is not base64 ({exc}).", "Send base64 or a data URL.") from exc


def student_of(fields: Mapping[str, str], today: str) -> Student:
    """A new student from request fields; registered ``today`` unless the request says otherwise."""
    missing = [name for name in ("matricula", "nombre_del_alumno") if not fields.get(name)]
    if missing:
        raise InvalidInput("missing_field", f"{', '.join(missing)} is missing.", "Send it with the photo.")
    return Student(
        matricula=fields["matricula"],
        nombre_del_alumno=fields["nombre_del_alumno"],
        clase=fields.get("clase", ""),
        fecha_de_registro=fields.get("fecha_de_registro") or today,
        consentimiento=_consent(fields.get("consentimiento", "null")),
    )


def _consent(text: str) -> Consent | None:
    """``{"fecha": ..., "texto": ...}`` as JSON text; null for none."""
    try:
        value = json.loads(text)
        return None if value is None else Consent(**{name: text_of(part, name) for name, part in value.items()})
    except (ValueError, RecursionError, AttributeError, TypeError) as exc:
        raise InvalidInput(
            "invalid_consent",
            f"consentimiento is {shown(text)}.",
            'It must look like {"fecha": "2026-08-01", "texto": "..."}.',
        ) from exc


def changed(student: Student, request: Request) -> Student:
    """A stored student with the fields of a PATCH body; ``consentimiento`` null takes the consent back."""
    body = json_body(request, (*STUDENT_FIELDS[1:], "aviso", "consentimiento", "otras_clases"))
    others = body.pop("otras_clases", list(student.otras_clases))
    if not isinstance(others, list):
        raise InvalidInput("invalid_field", "otras_clases is not a list.", "Send a list of class names.")
    texts = {name: text_of(value, name) for name, value in body.items() if name != "consentimiento"}
    given = "consentimiento" in body
    changed = replace(
        student,
        nombre_del_alumno=texts.get("nombre_del_alumno", student.nombre_del_alumno),
        clase=texts.get("clase", student.clase),
        fecha_de_registro=texts.get("fecha_de_registro", student.fecha_de_registro),
        aviso=texts.get("aviso", student.aviso),
        consentimiento=_consent(json.dumps(body["consentimiento"])) if given else student.consentimiento,
        otras_clases=tuple(text_of(clase, "otras_clases") for clase in others),
    )
    return replace(changed, otras_clases=others_of(changed))


def others_of(student: Student) -> tuple[str, ...]:
    """The classes beside ``clase``, each once."""
    return tuple(clase for clase in student.clases if clase != student.clase)


def probes(request: Request, k: int) -> tuple[NDArray[np.float32], int]:
    """The embeddings of a search, float32 (m, d), and k, the body's if it has one; JSON or an .npy file."""
    if request.mimetype == "application/json":
        body = json_body(request, ("embeddings", "k"))
        matrix, k = _rows_of(body.get("embeddings")), body.get("k", k)
        if not isinstance(k, int) or isinstance(k, bool):
            raise InvalidInput("invalid_k", f"k is {shown(k)}.", "It must be a whole number.")
    else:
        matrix = _as_rows(read_npy(request.get_data(cache=False)))
    if matrix.ndim != 2 or len(matrix) > MAX_PROBES:
        raise InvalidInput(
            "invalid_embeddings",
            f"The embeddings have shape {matrix.shape}.",
            f"Send at most {MAX_PROBES} rows, as two dimensions.",
        )
    if len(matrix) * k > MAX_RESULTS:
        raise InvalidInput(
            "invalid_k",
            f"{len(matrix)} probes with k {k} are {len(matrix) * k} results.",
            f"Ask for at most {MAX_RESULTS} at once.",
        )
    return matrix, k


def _rows_of(value: object) -> NDArray[np.float32]:
    """Lists of numbers to rows. Their types are looked at first: of texts numpy would make an array as wide as the
    longest of them."""
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        raise _not_rows(f"they are {shown(value)}")
    strange = set().union(*(map(type, row) for row in value)) - {int, float}
    if strange:
        raise _not_rows(f"among them is a value of type {listed(kind.__name__ for kind in strange)}")
    if len({len(row) for row in value}) > 1:
        raise _not_rows("they have several lengths")
    return _as_rows(np.array(value, dtype=np.float64))


def _as_rows(array: NDArray[np.generic]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as such
        return array.astype(np.float32)


def _not_rows(why: str) -> InvalidInput:
    return InvalidInput(
        "invalid_embeddings", f"The embeddings are not rows of numbers of one length: {why}.", "Send lists of numbers."
    )


def text_of(value: object, name: str) -> str:
    """A member's value, which must be a text; in the one form of texts."""
    if not isinstance(value, str):
        raise InvalidInput("invalid_field", f"{name} is {shown(value)}.", "It must be a text.")
    return tidy(value)
