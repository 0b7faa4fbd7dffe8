"""Questions about faces that change nothing: who is it, who is nearest, is it this person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from gallery.decision import Candidate
from gallery.gallery import Gallery
from gallery.threshold.operating_point import OperatingPoint
from presente.errors import InvalidInput, PresenteError
from presente.recognition import Identified, IdentifyQuery, empty_search_hint
from server.requests.identification import Probes, SearchParameters, VerifyFields, VerifyParameters, k_of
from server.requests.photos import SentPhotos
from server.service import Service, VerifyResult, search_unit_rows


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The candidates of each embedding, best first; ``hint`` when no one could be searched; ``covers``: the share
    of all people that was searched."""

    candidates: list[list[Candidate]]
    operating_point: OperatingPoint
    hint: str | None
    covers: float = 1.0


def identify_each(
    service: Service, photos: Sequence[bytes], query: IdentifyQuery
) -> Iterator[tuple[int, Identified | PresenteError]]:
    """Who is in each photo, with its number from 0; or why the photo was not answered, which concerns no other.

    One photo is read after the other, when the next answer is asked for: a request of many photos takes no more memory
    and no more cores than one of one photo.
    """
    for number, photo in enumerate(photos):
        try:
            yield number, service.identify(photo, query)
        except PresenteError as error:
            yield number, error


def search(service: Service, parameters: SearchParameters, probes: Probes) -> SearchResult:
    """The nearest people of each embedding."""
    clase, cohort = parameters.clase, parameters.cohort
    k = k_of(parameters, probes)

    def ask(gallery: Gallery) -> tuple[list[list[Candidate]], OperatingPoint]:
        return search_unit_rows(gallery, probes.rows, k, clase, cohort), gallery.operating_point(None, clase, cohort)

    gallery = service.gallery
    (found, point), covers = gallery.partially(ask) if parameters.partial else (ask(gallery), 1.0)
    empty = bool(found) and not any(found) and covers == 1.0
    return SearchResult(
        found,
        point,
        empty_search_hint(service.gallery, clase, cohort) if empty else None,
        covers,
    )


def verify(service: Service, parameters: VerifyParameters, sent: SentPhotos[VerifyFields]) -> tuple[str, VerifyResult]:
    """Whether a photo shows a student; and the matricula as it was sent.

    Raises:
        InvalidInput: ``missing_field``.
    """
    matricula = parameters.matricula if sent.fields.matricula is UNSET else sent.fields.matricula
    if len(sent.photos) != 1 or not matricula:
        raise InvalidInput(
            "missing_field",
            "One photo and a matricula are needed.",
            "Send the photo in the field image and the matricula beside it or in the query.",
        )
    return matricula, service.verify(sent.photos[0], matricula, parameters.threshold)
