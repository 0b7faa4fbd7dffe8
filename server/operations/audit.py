"""The findings of the last audit for requests: those that are left, a page at a time, and putting them aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from faces.quality import GOOD_QUALITY, FaceFault
from gallery.documents.audit_findings import FindingPhoto, KeptFinding
from gallery.documents.jobs import Job
from gallery.documents.values import Student
from presente.errors import NotFound, shown
from server.requests.cursors import number_place
from server.requests.jobs import FindingListParameters
from server.service import Service

_OF_POOR_PHOTOS = frozenset({"weak_photo", "hard_to_recognise"})
"""Kinds of findings that the quality of photos may explain."""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page of findings.

    Attributes:
        audit: the last audit that was done; None before the first.
        findings: of the page.
        students: everyone whom they name, by subject id.
        aside: how many were put aside.
        counts: how many of the others there are of each severity.
        following: the place after which the next page begins; None after the last.
        faults: what is not good about photos that are weak, or of people who are hard to recognise, by the photo.
    """

    audit: Job | None
    findings: tuple[KeptFinding, ...]
    students: Mapping[int, Student]
    aside: int
    counts: Mapping[str, int]
    following: int | None
    faults: Mapping[FindingPhoto, Sequence[FaceFault]]


def audit_page(service: Service, parameters: FindingListParameters) -> AuditPage:
    """The findings that a query string asks for."""
    store = service.gallery.store
    aside, every = store.findings.aside(), store.findings.findings()
    left = [finding for finding in every if finding.mark not in aside]
    put_aside = [finding for finding in every if finding.mark in aside]
    asked = put_aside if parameters.aside else left
    asked = [each for each in asked if parameters.severity in (None, each.severity)]
    after = number_place(parameters)
    page = asked[after : after + parameters.limit]
    students = store.subjects(sorted({subject for finding in page for subject in finding.subjects}))
    following = after + len(page)
    return AuditPage(
        store.jobs.latest_done("audit"),
        tuple(finding for finding in page if finding.subjects <= students.keys()),  # one may go at this moment
        students,
        len(put_aside),
        Counter(finding.severity for finding in left),
        following if following < len(asked) else None,
        _faults(service, page, students),
    )


def _faults(
    service: Service, page: Sequence[KeptFinding], students: Mapping[int, Student]
) -> dict[FindingPhoto, list[FaceFault]]:
    """What is not good about the photos of findings that poor photos may explain."""
    asked = {photo for finding in page if finding.kind in _OF_POOR_PHOTOS for photo in finding.photos}
    found: dict[FindingPhoto, list[FaceFault]] = {}
    for subject in {photo.subject for photo in asked} & students.keys():
        name, pack = students[subject].matricula, service.gallery.pack
        for each in service.gallery.store.student_photos.described(name, pack):
            found[FindingPhoto(subject, each.sha256)] = GOOD_QUALITY.faults(each.quality)
    return {photo: found[photo] for photo in asked if photo in found}


def put_aside(service: Service, mark: str) -> None:
    """Put a finding aside: nothing is wrong with it.

    Raises:
        NotFound: ``finding_not_found``.
    """
    if not service.gallery.store.findings.put_aside(mark):
        raise _not_found(mark)


def take_up(service: Service, mark: str) -> None:
    """Take a finding up again that was put aside.

    Raises:
        NotFound: ``finding_not_found``.
    """
    if not service.gallery.store.findings.take_up(mark):
        raise _not_found(mark)


def _not_found(mark: str) -> NotFound:
    return NotFound(
        "finding_not_found", f"There is no finding {shown(mark)}.", "It may be mended: GET /v1/audit lists those left."
    )
