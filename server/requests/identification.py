"""What requests ask of faces: who is it, is it this person, who is nearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from flask import Request
from msgspec import UNSET, Meta, UnsetType
from numpy.typing import NDArray

from presente.errors import InvalidInput
from presente.face_json import JsonObject
from presente.recognition import IdentifyQuery, WhichFaces
from server.requests.body_forms import BodyForms, RawBody
from server.requests.fields import Clase, Cohort, DetailParameter, K, Partial, QueryText, Threshold, rules
from server.requests.json_body import read_json
from server.requests.npy import read_npy

JSON_LINES = "application/x-ndjson"
"""The media type of answers that are sent one by one, a line for each."""

MAX_PROBES = 10_000
MAX_RESULTS = 100_000
"""Probes times k of one search."""


class IdentifyParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of an identification."""

    k: K = 5
    threshold: Threshold | None = None
    faces: Annotated[WhichFaces, Meta(description="All faces of the photo, or only the largest.")] = "all"
    clase: Clase | None = None
    cohort: Cohort = False
    detail: DetailParameter = "auto"
    partial: Partial = False

    def query(self) -> IdentifyQuery:
        """What is asked of the gallery."""
        return IdentifyQuery(
            self.k, self.threshold, self.faces, self.clase, self.cohort, self.detail, partial=self.partial
        )


class SearchParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of a search."""

    k: K = 5
    clase: Clase | None = None
    cohort: Cohort = False
    partial: Partial = False


class VerifyParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of a verification."""

    matricula: Annotated[QueryText | None, Meta(description="Whose photo it may be, unless the body says it.")] = None
    threshold: Threshold | None = None


class VerifyFields(JsonObject, frozen=True, kw_only=True):
    """What may stand beside the photo of a verification."""

    matricula: Annotated[str | UnsetType, Meta(description="Whose photo it may be.")] = UNSET


class SearchBody(JsonObject, frozen=True, kw_only=True):
    """Embeddings to search with, in JSON."""

    embeddings: Annotated[
        list[list[float]],
        Meta(
            max_length=MAX_PROBES,
            description="Rows of one length, the pack's dimension; they need not be of length 1.",
            extra=rules(code="invalid_embeddings", fix=f"Send at most {MAX_PROBES} rows of numbers, of one length."),
        ),
    ]
    k: K | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Probes:
    """The embeddings of a search, float32 (m, d), and ``k`` if the body has it."""

    rows: NDArray[np.float32]
    k: int | None

    FORMS: ClassVar[BodyForms] = (SearchBody, RawBody("application/octet-stream", "The bytes of numpy.save."))

    @classmethod
    def read(cls, request: Request) -> Probes:
        """Of a body of JSON, or else an .npy file.

        Raises:
            InvalidInput: ``invalid_embeddings``, ``invalid_npy``, or what is wrong with the JSON.
        """
        if request.mimetype == "application/json":
            body = read_json(request, SearchBody)
            if len(set(map(len, body.embeddings))) > 1:
                raise _no_rows("The embeddings have several lengths.")
            rows, k = np.array(body.embeddings, dtype=np.float64), body.k or None
        else:
            rows, k = _npy(request), None
        if rows.ndim != 2 or len(rows) > MAX_PROBES:
            raise _no_rows(f"The embeddings have shape {rows.shape}.")
        with np.errstate(over="ignore"):  # a number that is too large becomes infinite, and is refused as such
            return cls(rows.astype(np.float32), k)


def wants_lines(request: Request) -> bool:
    """Whether a client that sent photos wants a line for each as soon as it is answered."""
    return request.accept_mimetypes.best_match(["application/json", JSON_LINES]) == JSON_LINES


def k_of(parameters: SearchParameters, probes: Probes) -> int:
    """How many results each probe gets: what the body says goes before the query string.

    Raises:
        InvalidInput: ``invalid_k``: all together are too many.
    """
    k = probes.k or parameters.k
    if len(probes.rows) * k > MAX_RESULTS:
        raise InvalidInput(
            "invalid_k",
            f"{len(probes.rows)} probes with k {k} are {len(probes.rows) * k} results.",
            f"Ask for at most {MAX_RESULTS} at once.",
        )
    return k


def _npy(request: Request) -> NDArray[Any]:
    body = request.get_data(cache=False)
    if body[:1] == b"{" and not request.headers.get("Content-Type"):
        raise InvalidInput(
            "invalid_npy",
            "The request has no Content-Type, and its body is not an .npy array.",
            "Send the header Content-Type: application/json with JSON.",
        )
    return read_npy(body)


def _no_rows(what: str) -> InvalidInput:
    return InvalidInput("invalid_embeddings", what, f"Send at most {MAX_PROBES} rows of one length.")
