"""A request with a key is carried out once: keys in both stores, simultaneous attempts, death before any write."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from gallery.attendance.attendance_log import AttendanceLog
from gallery.documents.attendance import Attendance, EntryFilter
from gallery.documents.idempotency import carry_out_once
from gallery.documents.protocol import DocumentStore
from gallery.documents.request_keys import KEPT_DAYS, Claim
from gallery.gallery import Gallery
from presente.errors import Conflict, NotFound, StoreError
from tests.conftest import DIM, OpenGallery, enrolment, student_in, unit
from tests.gallery.conftest import vectors
from tests.gallery.galleries import open_gallery
from tests.killer import decided_once, die_before, next_death

NOW = datetime.now(UTC).replace(microsecond=0)
AT = NOW.isoformat()
MINE = Claim("key-1", "digest 1", AT)


@pytest.fixture
def ana(store: DocumentStore) -> int:
    store.enrol([enrolment("A1", vectors(1, 1)), enrolment("A2", vectors(1, 2))])
    return student_in(store, "A1").id


# -- the store's part ----------------------------------------------------------------------------------------------


def test_a_key_is_claimed_once_and_kept(store: DocumentStore, ana: int) -> None:
    keys = store.request_keys
    assert keys.claim(MINE, [ana]) == MINE
    later = Claim("key-1", "digest 2", (NOW + timedelta(seconds=9)).isoformat())
    assert keys.claim(later, ()) == Claim("key-1", "digest 1", AT, done=False, first=False)
    keys.finish("key-1", [])
    assert keys.claim(later, ()) == Claim("key-1", "digest 1", AT, done=True, first=False)
    keys.release("key-1")  # only of what was not carried out
    assert keys.claim(later, ()).done
    assert keys.claim(Claim("KEY-1", "digest 3", AT), ()).first  # another key
    keys.release("KEY-1")
    assert keys.claim(Claim("KEY-1", "digest 4", AT), ()).first


def test_a_claim_is_erased_with_the_students_it_is_about(store: DocumentStore, ana: int) -> None:
    keys, eva = store.request_keys, student_in(store, "A2").id
    keys.claim(MINE, [ana])
    keys.claim(Claim("key-2", "d", AT), [eva])
    keys.claim(Claim("key-3", "d", AT), [])
    keys.finish("key-3", [ana, eva, ana])
    store.remove(["A1"])
    assert keys.claim(MINE, ()).first and keys.claim(Claim("key-3", "d", AT), ()).first
    assert not keys.claim(Claim("key-2", "d", AT), ()).first
    with pytest.raises(NotFound):
        keys.claim(Claim("key-4", "d", AT), [eva, ana])
    assert keys.claim(Claim("key-4", "d", AT), ()).first
    keys.finish("key-4", [eva, ana])  # one was erased while it was carried out
    assert keys.claim(Claim("key-4", "d", AT), ()).first
    keys.finish("key-5", [eva])  # its own was dropped
    assert keys.claim(Claim("key-5", "d", AT), ()).first


def test_a_claim_follows_a_merge(store: DocumentStore, ana: int) -> None:
    keys, eva = store.request_keys, student_in(store, "A2").id
    keys.claim(MINE, [ana])
    keys.claim(Claim("key-2", "d", AT), [ana, eva])
    store.merge("A2", "A1")
    assert not keys.claim(MINE, ()).first and not keys.claim(Claim("key-2", "d", AT), ()).first
    store.remove(["A2"])
    assert keys.claim(MINE, ()).first and keys.claim(Claim("key-2", "d", AT), ()).first


def test_no_file_still_holds_a_claim_that_was_erased(store: DocumentStore, ana: int, tmp_path: Path) -> None:
    store.request_keys.claim(Claim("key-of-ana", "digest-of-ana", AT), [ana])
    files = list(tmp_path.glob("gallery.db*"))
    assert not files or any(b"digest-of-ana" in path.read_bytes() for path in files)
    store.remove(["A1"])
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or not any(word in path.read_bytes() for word in (b"digest-of-ana", b"key-of-ana"))


def test_claims_are_kept_for_thirty_days(store: DocumentStore, ana: int) -> None:
    keys = store.request_keys
    keys.claim(MINE, [ana])
    assert KEPT_DAYS == 30
    assert not keys.claim(Claim("key-1", "d", (NOW + timedelta(days=30)).isoformat()), ()).first
    assert keys.claim(
        Claim("key-2", "d", (NOW + timedelta(days=30, seconds=1)).isoformat()), ()
    ).first  # which drops the other
    assert keys.claim(MINE, ()).first


def test_one_of_many_claims_the_key(store: DocumentStore, ana: int) -> None:
    claims = at_once(8, lambda number: store.request_keys.claim(Claim("key-1", f"digest {number}", AT), [ana]))
    assert len({claim.digest for claim in claims}) == 1 and sum(claim.first for claim in claims) == 1


def at_once(count: int, work: Callable[[int], Claim]) -> list[Claim]:
    done: list[Claim] = []
    threads = [threading.Thread(target=lambda number=number: done.append(work(number))) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == count
    return done


# -- the rule ------------------------------------------------------------------------------------------------------


def test_a_refused_request_frees_its_key(store: DocumentStore, ana: int) -> None:
    def refuse(_: Claim) -> None:
        raise Conflict("student_exists", "no")

    def fail(_: Claim) -> None:
        raise StoreError("store_unavailable", "away")

    def attempt(work: Callable[[Claim], None], digest: str = "digest 1") -> Claim | None:
        seen: list[Claim] = []
        carry_out_once(
            store.request_keys,
            Claim("k", digest, AT),
            [ana],
            lambda claim: (seen.append(claim), work(claim)),
            lambda _: (),
        )
        return seen[-1]

    with pytest.raises(Conflict, match="no"):
        attempt(refuse)
    with pytest.raises(StoreError):
        attempt(fail, "digest 2")
    with pytest.raises(Conflict) as caught:  # what became of the second is not known: the key stays its own
        attempt(refuse, "digest 3")
    assert caught.value.code == "idempotency_key_reused"
    with pytest.raises(Conflict, match="no"):
        attempt(refuse, "digest 2")
    again = attempt(lambda _: None, "digest 2")
    assert again is not None and not again.first and not again.done
    assert attempt(lambda _: None, "digest 2") == Claim("k", "digest 2", AT, done=True, first=False)


def test_an_expired_key_is_a_new_request(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    gallery.enrol([enrolment("A1", rows(1, 1))])
    attendance_log = AttendanceLog(gallery)
    key = ("A1", "IA-101", "2026-11-20")
    assert attendance_log.record_by_hand(*key, "present", "", MINE).entry.status == "present"
    assert attendance_log.record_by_hand(*key, "rejected", "", MINE).entry.status == "present"  # as before
    later = Claim(MINE.key, "digest 2", (NOW + timedelta(days=KEPT_DAYS + 1)).isoformat())
    assert attendance_log.record_by_hand(*key, "rejected", "", later).entry.status == "rejected"
    attendance_log.record_participation(*key, "", "", MINE)
    with pytest.raises(Conflict):  # refused rather than mixed up
        attendance_log.record_participation(*key, "", "otra", later)


# -- death ---------------------------------------------------------------------------------------------------------


def rows(count: int, seed: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, DIM)))


def record(gallery: Gallery) -> None:
    attendance_log, ana = AttendanceLog(gallery), gallery.student("A1").id
    carry_out_once(
        gallery.store.request_keys,
        MINE,
        [ana],
        lambda claim: attendance_log.record_by_hand("A1", "IA-101", "2026-11-20", "present", "", claim),
        lambda _: (),
    )


def take_part(gallery: Gallery) -> None:
    attendance_log, ana = AttendanceLog(gallery), gallery.student("A1").id
    carry_out_once(
        gallery.store.request_keys,
        MINE,
        [ana],
        lambda claim: attendance_log.record_participation("A1", "IA-101", "2026-11-20", "", "", claim),
        lambda _: (),
    )


def resolve(gallery: Gallery) -> None:
    """A person confirms one of the two students whom a face may show, so that the other is rejected."""
    attendance_log = AttendanceLog(gallery)
    first = gallery.store.attendance.entries(EntryFilter(face_group="g1"))[0]
    carry_out_once(
        gallery.store.request_keys,
        MINE,
        [first.entry.subject or 0],
        lambda claim: attendance_log.resolve(first.id, "present", "", claim),
        lambda resolved: [stored.entry.subject or 0 for stored in resolved],
    )


def record_and_erase(gallery: Gallery) -> None:
    record(gallery)
    gallery.remove(["A1"])


DELTAS = {"record": record, "take part": take_part, "resolve": resolve, "record and erase": record_and_erase}


@pytest.mark.untraced
@pytest.mark.parametrize("action", sorted(DELTAS))
def test_death_before_any_write(store_url: str, tmp_path: Path, action: str) -> None:
    """After it a person corrects the entry, and then the request is sent again."""
    acknowledged = False
    deadly = 0
    happened: list[bool] = []
    while not acknowledged:
        deadly = next_death(deadly)
        assert deadly < 80
        name, ending, suffix = store_url.partition(".db")
        url, folder = f"{name}_{deadly}{ending or suffix}", tmp_path / str(deadly)
        gallery = open_gallery(url, folder)
        gallery.enrol([enrolment("A1", rows(1, 1)), enrolment("A2", rows(1, 2))])
        waiting = [
            Attendance(gallery.student(who).id, "IA-9", "2026-11-20", 0, "ambiguous", "photo", AT, face_group="g1")
            for who in ("A1", "A2")
        ]
        gallery.store.attendance.add_entries(waiting)
        gallery.close(publish=True)
        acknowledged = die_before(deadly, url, folder, __name__, action)
        gallery = open_gallery(url, folder)
        happened.append(was_done(gallery, action))
        if action == "record and erase":
            gallery.remove(["A1"])
            assert gallery.store.request_keys.claim(MINE, ()).first  # nothing is left of it
        else:
            check_retry(gallery, action)
        assert gallery.store.attendance.miscounted() == []
        gallery.close()
    assert deadly >= 5 and decided_once(happened), happened


def was_done(gallery: Gallery, action: str) -> bool:
    """Whether the action was done before the process died."""
    attendance = gallery.store.attendance
    if action == "record and erase":
        return gallery.store.student("A1") is None
    if action == "take part":
        return len(attendance.participations(EntryFilter())) == 1
    return any(stored.entry.request == MINE.key for stored in attendance.entries(EntryFilter()))


def check_retry(gallery: Gallery, action: str) -> None:
    attendance, attendance_log = gallery.store.attendance, AttendanceLog(gallery)
    clase = "IA-9" if action == "resolve" else "IA-101"
    own = EntryFilter(clase=clase, subject=gallery.student("A1").id)
    written = [stored for stored in attendance.entries(own) if stored.entry.request == MINE.key]
    before = len(attendance.entries(EntryFilter()))
    if action != "take part" and written:
        attendance_log.record_by_hand("A1", clase, "2026-11-20", "rejected", "no fue")
        before += 1
    DELTAS[action](gallery)
    DELTAS[action](gallery)
    entries = attendance.entries(EntryFilter())
    keyed = [stored.entry for stored in entries if stored.entry.request == MINE.key]
    assert gallery.store.request_keys.claim(MINE, ()).done
    with pytest.raises(Conflict):
        carry_out_once(gallery.store.request_keys, Claim(MINE.key, "another", AT), [], lambda _: None, lambda _: ())
    if action == "take part":
        assert len(attendance.participations(EntryFilter())) == gallery.student("A1").participaciones == 1
        return
    assert [entry.status for entry in keyed if entry.subject == own.subject] == ["present"]
    assert gallery.student("A1").asistencias == (0 if written else 1)  # the later correction holds
    if action == "resolve":
        assert sorted(entry.status for entry in keyed) == ["present", "rejected"]
    assert len(entries) - before <= len(keyed)
