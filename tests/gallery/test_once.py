"""A request with a key is carried out once: keys in both stores, attempts at once, and death before any write."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from gallery.documents.model import DocumentStore
from gallery.documents.records import KEPT_DAYS, Attendance, Claim, Selection
from gallery.gallery import Gallery, GallerySettings
from gallery.once import once
from gallery.register import Register
from gallery.snapshot import SnapshotStore
from presente import compose
from presente.errors import Conflict, NotFound, StoreError
from tests.conftest import DIM, PACK, enrolment, unit
from tests.gallery.test_documents import open_store, store, vectors  # noqa: F401
from tests.killer import decided_once, die_before

NOW = datetime.now(UTC).replace(microsecond=0)
AT = NOW.isoformat()
MINE = Claim("key-1", "digest 1", AT)


@pytest.fixture
def ana(store: DocumentStore) -> int:  # noqa: F811
    store.enrol([enrolment("A1", vectors(1, 1)), enrolment("A2", vectors(1, 2))])
    return store.student("A1").id  # type: ignore[union-attr]


# -- the store's part ----------------------------------------------------------------------------------------------


def test_a_key_is_claimed_once_and_kept(store: DocumentStore, ana: int) -> None:  # noqa: F811
    records = store.records
    assert records.claim(MINE, [ana]) == MINE
    later = Claim("key-1", "digest 2", (NOW + timedelta(seconds=9)).isoformat())
    assert records.claim(later, ()) == Claim("key-1", "digest 1", AT, done=False, first=False)
    records.finish("key-1", [])
    assert records.claim(later, ()) == Claim("key-1", "digest 1", AT, done=True, first=False)
    records.release("key-1")  # only of what was not carried out
    assert records.claim(later, ()).done
    assert records.claim(Claim("KEY-1", "digest 3", AT), ()).first  # another key
    records.release("KEY-1")
    assert records.claim(Claim("KEY-1", "digest 4", AT), ()).first


def test_a_claim_goes_with_whom_it_is_about(store: DocumentStore, ana: int) -> None:  # noqa: F811
    records, eva = store.records, store.student("A2").id  # type: ignore[union-attr]
    records.claim(MINE, [ana])
    records.claim(Claim("key-2", "d", AT), [eva])
    records.claim(Claim("key-3", "d", AT), [])
    records.finish("key-3", [ana, eva, ana])
    store.remove(["A1"])
    assert records.claim(MINE, ()).first and records.claim(Claim("key-3", "d", AT), ()).first
    assert not records.claim(Claim("key-2", "d", AT), ()).first
    with pytest.raises(NotFound):
        records.claim(Claim("key-4", "d", AT), [eva, ana])
    assert records.claim(Claim("key-4", "d", AT), ()).first
    records.finish("key-4", [eva, ana])  # one was erased while it was carried out
    assert records.claim(Claim("key-4", "d", AT), ()).first
    records.finish("key-5", [eva])  # its own was dropped
    assert records.claim(Claim("key-5", "d", AT), ()).first


def test_a_claim_follows_a_merge(store: DocumentStore, ana: int) -> None:  # noqa: F811
    records, eva = store.records, store.student("A2").id  # type: ignore[union-attr]
    records.claim(MINE, [ana])
    records.claim(Claim("key-2", "d", AT), [ana, eva])
    store.merge("A2", "A1")
    assert not records.claim(MINE, ()).first and not records.claim(Claim("key-2", "d", AT), ()).first
    store.remove(["A2"])
    assert records.claim(MINE, ()).first and records.claim(Claim("key-2", "d", AT), ()).first


def test_no_file_still_holds_a_claim_that_was_erased(store: DocumentStore, ana: int, tmp_path: Path) -> None:  # noqa: F811
    store.records.claim(Claim("key-of-ana", "digest-of-ana", AT), [ana])
    files = list(tmp_path.glob("gallery.db*"))
    assert not files or any(b"digest-of-ana" in path.read_bytes() for path in files)
    store.remove(["A1"])
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or not any(word in path.read_bytes() for word in (b"digest-of-ana", b"key-of-ana"))


def test_claims_are_kept_for_a_while(store: DocumentStore, ana: int) -> None:  # noqa: F811
    records = store.records
    records.claim(MINE, [ana])
    assert KEPT_DAYS == 30
    assert not records.claim(Claim("key-1", "d", (NOW + timedelta(days=30)).isoformat()), ()).first
    assert records.claim(
        Claim("key-2", "d", (NOW + timedelta(days=30, seconds=1)).isoformat()), ()
    ).first  # which drops the other
    assert records.claim(MINE, ()).first


def test_one_of_many_claims_the_key(store: DocumentStore, ana: int) -> None:  # noqa: F811
    held = at_once(8, lambda number: store.records.claim(Claim("key-1", f"digest {number}", AT), [ana]))
    assert len({claim.digest for claim in held}) == 1 and sum(claim.first for claim in held) == 1


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


def test_what_was_refused_leaves_its_key(store: DocumentStore, ana: int) -> None:  # noqa: F811
    def refuse(_: Claim) -> None:
        raise Conflict("student_exists", "no")

    def fail(_: Claim) -> None:
        raise StoreError("store_unavailable", "away")

    def attempt(work: Callable[[Claim], None], digest: str = "digest 1") -> Claim | None:
        seen: list[Claim] = []
        once(
            store.records, Claim("k", digest, AT), [ana], lambda claim: (seen.append(claim), work(claim)), lambda _: ()
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


def test_a_key_that_is_free_again_is_another_request(open_gallery: Callable[..., Gallery]) -> None:
    gallery = open_gallery()
    gallery.enrol([enrolment("A1", rows(1, 1))])
    register = Register(gallery)
    said = ("A1", "IA-101", "2026-11-20")
    assert register.say(*said, "present", "", MINE).entry.status == "present"
    assert register.say(*said, "rejected", "", MINE).entry.status == "present"  # an earlier attempt spoke
    later = Claim(MINE.key, "digest 2", (NOW + timedelta(days=KEPT_DAYS + 1)).isoformat())
    assert register.say(*said, "rejected", "", later).entry.status == "rejected"
    register.took_part(*said, "", "", MINE)
    with pytest.raises(Conflict):  # refused rather than mixed up
        register.took_part(*said, "", "otra", later)


# -- death ---------------------------------------------------------------------------------------------------------


def rows(count: int, seed: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, DIM)))


def open_gallery(url: str, folder: Path) -> Gallery:
    return Gallery(compose.open_store(url), SnapshotStore(folder / "index"), PACK, DIM, GallerySettings(0.5, "test"))


def say(gallery: Gallery) -> None:
    register, ana = Register(gallery), gallery.student("A1").id
    once(
        register.records,
        MINE,
        [ana],
        lambda claim: register.say("A1", "IA-101", "2026-11-20", "present", "", claim),
        lambda _: (),
    )


def take_part(gallery: Gallery) -> None:
    register, ana = Register(gallery), gallery.student("A1").id
    once(
        register.records,
        MINE,
        [ana],
        lambda claim: register.took_part("A1", "IA-101", "2026-11-20", "", "", claim),
        lambda _: (),
    )


def settle(gallery: Gallery) -> None:
    """One of two whom a face may be was there, so the other is rejected."""
    register = Register(gallery)
    first = gallery.store.records.attendance(Selection(face_group="twins"))[0]
    once(
        register.records,
        MINE,
        [first.entry.subject or 0],
        lambda claim: register.settle(first.id, "present", "", claim),
        lambda settled: [stored.entry.subject or 0 for stored in settled],
    )


def say_and_erase(gallery: Gallery) -> None:
    say(gallery)
    gallery.remove(["A1"])


DELTAS = {"say": say, "take part": take_part, "settle": settle, "say and erase": say_and_erase}


@pytest.mark.parametrize("action", sorted(DELTAS))
def test_death_before_any_write(store_url: str, tmp_path: Path, action: str) -> None:
    """After which somebody says otherwise, and then the request is sent again."""
    acknowledged = False
    deadly = 0
    happened: list[bool] = []
    while not acknowledged:
        deadly += 1
        assert deadly < 80
        name, ending, suffix = store_url.partition(".db")
        url, folder = f"{name}_{deadly}{ending or suffix}", tmp_path / str(deadly)
        gallery = open_gallery(url, folder)
        gallery.enrol([enrolment("A1", rows(1, 1)), enrolment("A2", rows(1, 2))])
        waiting = [
            Attendance(gallery.student(who).id, "IA-9", "2026-11-20", 0, "ambiguous", "photo", AT, face_group="twins")
            for who in ("A1", "A2")
        ]
        gallery.store.records.add_attendance(waiting)
        gallery.close(publish=True)
        acknowledged = die_before(deadly, url, folder, __name__, action)
        gallery = open_gallery(url, folder)
        happened.append(was_done(gallery, action))
        if action == "say and erase":
            gallery.remove(["A1"])
            assert gallery.store.records.claim(MINE, ()).first  # nothing is left of it
        else:
            check_retry(gallery, action)
        assert gallery.store.records.miscounted() == []
        gallery.close()
    assert deadly >= 5 and decided_once(happened), happened


def was_done(gallery: Gallery, action: str) -> bool:
    """Whether the process that died had come so far."""
    records = gallery.store.records
    if action == "say and erase":
        return gallery.store.student("A1") is None
    if action == "take part":
        return len(records.participations(Selection())) == 1
    return any(stored.entry.request == MINE.key for stored in records.attendance(Selection()))


def check_retry(gallery: Gallery, action: str) -> None:
    records, register = gallery.store.records, Register(gallery)
    clase = "IA-9" if action == "settle" else "IA-101"
    own = Selection(clase=clase, subject=gallery.student("A1").id)
    written = [stored for stored in records.attendance(own) if stored.entry.request == MINE.key]
    before = len(records.attendance(Selection()))
    if action != "take part" and written:
        register.say("A1", clase, "2026-11-20", "rejected", "no fue")
        before += 1
    DELTAS[action](gallery)
    DELTAS[action](gallery)
    entries = records.attendance(Selection())
    keyed = [stored.entry for stored in entries if stored.entry.request == MINE.key]
    assert records.claim(MINE, ()).done
    with pytest.raises(Conflict):
        once(records, Claim(MINE.key, "another", AT), [], lambda _: None, lambda _: ())
    if action == "take part":
        assert len(records.participations(Selection())) == gallery.student("A1").participaciones == 1
        return
    assert [entry.status for entry in keyed if entry.subject == own.subject] == ["present"]
    assert gallery.student("A1").asistencias == (0 if written else 1)  # what was said since holds
    if action == "settle":
        assert sorted(entry.status for entry in keyed) == ["present", "rejected"]
    assert len(entries) - before <= len(keyed)
