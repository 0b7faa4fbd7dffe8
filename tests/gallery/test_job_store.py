"""Jobs and the findings of audits: one contract for every store."""

from dataclasses import replace

import numpy as np
import pytest

from gallery.documents.audit_findings import FindingPerson, FindingPhoto, KeptFinding
from gallery.documents.jobs import Job, JobEnd, JobProgress, JobRequest, JobState
from gallery.documents.protocol import DocumentStore
from tests.conftest import OpenGallery, OpenStore, enrolment, student_in
from tests.gallery.conftest import vectors

AT, LATER = "2026-11-20T08:00:00+00:00", "2026-11-20T08:00:09+00:00"
ASKED = JobRequest("calibrate", {"fpir": 0.001}, "user:ruiz", "admin", AT)
DONE = JobEnd("done", LATER, {"searches": 12, "own_scores": [0.25, 0.5]})


def test_a_job_is_taken_once_and_ends_once(store: DocumentStore, open_store: OpenStore) -> None:
    jobs, others = store.jobs, open_store().jobs
    made = jobs.add(ASKED)
    assert made == Job(made.number, ASKED) == others.job(made.number) and made.state == "queued"
    assert jobs.job(made.number + 10**9) is None
    assert [jobs.take(made.number, "one", AT), others.take(made.number, "two", AT)] == [True, False]
    assert not jobs.take(made.number + 10**9, "one", AT)
    half = JobProgress(5, 10, "searches")
    assert jobs.note(made.number, half, LATER)
    running = others.job(made.number)
    assert running == Job(made.number, ASKED, "one", AT, LATER, half) and running.state == "running"
    assert others.unfinished() == [running]
    assert [jobs.end(made.number, DONE), others.end(made.number, replace(DONE, state="failed"))] == [True, False]
    ended = others.job(made.number)
    assert ended == replace(running, end=DONE) and ended.state == "done"
    assert not jobs.note(made.number, half, LATER) and not jobs.take(made.number, "two", LATER)
    assert others.unfinished() == []


def test_a_repeated_request_gets_the_same_job(store: DocumentStore, open_store: OpenStore) -> None:
    first = store.jobs.add(replace(ASKED, request="r1"))
    assert open_store().jobs.add(replace(ASKED, request="r1")) == first
    assert store.jobs.add(ASKED).number != store.jobs.add(ASKED).number != first.number


def test_who_runs_a_job_is_told_that_it_was_cancelled(store: DocumentStore, open_store: OpenStore) -> None:
    jobs, others = store.jobs, open_store().jobs
    running, waiting = jobs.add(ASKED), jobs.add(ASKED)
    assert jobs.take(running.number, "one", AT)
    for job in (running, running, waiting):
        others.cancel(job.number)
    assert not jobs.note(running.number, JobProgress(), LATER)
    assert not jobs.take(waiting.number, "one", LATER)
    assert [(job.state, job.is_cancelled) for job in jobs.unfinished()] == [("running", True), ("queued", True)]
    others.cancel(10**9)
    assert others.job(10**9) is None


def test_a_job_that_is_given_back_waits_as_if_no_one_had_begun_it(store: DocumentStore, open_store: OpenStore) -> None:
    jobs, others = store.jobs, open_store().jobs
    made = jobs.add(ASKED)
    assert not jobs.give_back(made.number, "one")  # which has not taken it
    for turn in range(2):
        begun, seen = f"2026-11-20T0{8 + turn}:00:00+00:00", f"2026-11-20T0{8 + turn}:00:30+00:00"
        assert jobs.take(made.number, "one", begun) and not others.take(made.number, "two", begun)
        running = jobs.job(made.number)
        assert running is not None and (running.progress, running.seen) == (JobProgress(), begun)
        assert jobs.note(made.number, JobProgress(30, 90, "seconds"), seen)
        running = others.job(made.number)
        assert running is not None and (running.started, running.seen, running.seconds_left) == (begun, seen, 60)
        assert not others.give_back(made.number, "two")
        assert [each.give_back(made.number, "one") for each in (others, jobs)] == [True, False]
        assert jobs.job(made.number) == made and made.seconds_left is None and others.unfinished() == [made]
    assert others.take(made.number, "two", LATER) and not jobs.give_back(made.number, "one")
    assert jobs.end(made.number, DONE) and not others.give_back(made.number, "two")
    ended = jobs.job(made.number)
    assert ended is not None and (ended.state, ended.server, ended.seconds_left) == ("done", "two", None)
    jobs.drop("2026-11-21")
    assert others.job(made.number) is None


STATES: tuple[JobState, ...] = ("done", "failed", "done")


def test_jobs_are_listed_newest_first_and_forgotten_after_their_end(store: DocumentStore) -> None:
    made = [store.jobs.add(replace(ASKED, kind=kind)) for kind in ("audit", "audit", "sync", "audit")]
    for job, state in zip(made[:3], STATES, strict=True):
        store.jobs.end(job.number, replace(DONE, state=state))
    numbers = [job.number for job in made]
    assert [job.number for job in store.jobs.jobs_before(None, 3)] == numbers[:0:-1]
    assert [job.number for job in store.jobs.jobs_before(numbers[1], 3)] == numbers[:1]
    latest = store.jobs.latest_done("audit")
    assert latest is not None and latest.number == numbers[0] and store.jobs.latest_done("compact") is None
    store.jobs.drop(AT)
    assert len(store.jobs.jobs_before(None, 9)) == 4
    store.jobs.drop("2026-11-21")  # after the end of three
    assert [job.number for job in store.jobs.jobs_before(None, 9)] == numbers[3:]


def kept(store: DocumentStore, kind: str, *names: str) -> KeptFinding:
    """A finding about the first photo of each student."""
    ids = [student_in(store, name).id for name in names]
    photos = tuple(FindingPhoto(one, store.digests(name)[0]) for one, name in zip(ids, names, strict=True))
    return KeptFinding(kind, "high", tuple(FindingPerson(one, 2) for one in ids), photos, 0.625, 0.5, "why", False)


@pytest.fixture
def three(store: DocumentStore) -> tuple[KeptFinding, ...]:
    """Findings about A and B, B and C, and C alone, of students with two photos each."""
    store.enrol([enrolment(name, vectors(2, seed)) for seed, name in enumerate("ABC")])
    found = kept(store, "same_person", "A", "B"), kept(store, "duplicate", "B", "C"), kept(store, "weak_photo", "C")
    store.findings.put(found)
    return found


def test_findings_are_replaced_by_the_next_audit(store: DocumentStore, three: tuple[KeptFinding, ...]) -> None:
    assert store.findings.findings() == list(three)
    assert len({finding.mark for finding in three}) == 3
    gone = replace(three[2], photos=(FindingPhoto(three[2].photos[0].subject, "f" * 64),))
    no_one = replace(three[2], people=(FindingPerson(10**9, 1),))
    store.findings.put([three[1], gone, no_one, three[0]])
    assert store.findings.findings() == [three[1], three[0]]
    store.findings.put([])
    assert store.findings.findings() == []


def test_what_was_put_aside_stays_so_until_it_is_taken_up(
    store: DocumentStore, open_store: OpenStore, three: tuple[KeptFinding, ...]
) -> None:
    first, second, _ = three
    assert store.findings.put_aside(first.mark) and store.findings.put_aside(first.mark)
    assert not store.findings.put_aside("0" * 32)
    store.findings.put([second])
    assert open_store().findings.aside() == {first.mark}  # the next audit may find it again
    store.findings.put(three)
    assert store.findings.take_up(first.mark) and not store.findings.take_up(first.mark)
    assert store.findings.aside() == set()


def test_nothing_about_an_erased_student_is_kept(store: DocumentStore, three: tuple[KeptFinding, ...]) -> None:
    for finding in three:
        store.findings.put_aside(finding.mark)
    assert store.remove(["B"]) == ["B"]
    assert store.findings.findings() == [three[2]] and store.findings.aside() == {three[2].mark}
    store.findings.put(three)  # of an audit that began before the erasure
    assert store.findings.findings() == [three[2]]


def test_a_merge_takes_the_findings_about_who_is_gone(store: DocumentStore, three: tuple[KeptFinding, ...]) -> None:
    store.findings.put_aside(three[0].mark)
    store.merge("A", "B")
    assert store.findings.findings() == [three[2]] and store.findings.aside() == set()


@pytest.mark.parametrize("to", [None, "A"])
def test_a_photo_that_is_taken_takes_its_findings(
    store: DocumentStore, three: tuple[KeptFinding, ...], to: str | None
) -> None:
    store.findings.put_aside(three[1].mark)
    store.take_photos("C", store.digests("C")[1:], to)
    assert store.findings.findings() == list(three)  # it was another photo
    store.take_photos("C", store.digests("C")[:1], to)
    assert store.findings.findings() == [three[0]] and store.findings.aside() == set()


def test_an_index_is_taken_over_that_another_process_built(open_gallery: OpenGallery) -> None:
    one, two = open_gallery(), open_gallery()
    one.enrol([enrolment(f"S{seed}", vectors(1, seed)) for seed in range(20)])
    assert not one.index.take_over_published()
    built = two.index.rebuild()
    one.enrol([enrolment("late", vectors(1, 99))])
    assert one.index.take_over_published() and one.index.generation == built
    assert one.index.state().unpublished == 1 and one.index.verify().agrees
    found = one.search(np.concatenate([vectors(1, 99), vectors(1, 3)]), 1)
    assert [candidates[0].student.matricula for candidates in found] == ["late", "S3"]
    assert not one.index.take_over_published()
