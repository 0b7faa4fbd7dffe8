"""Exported photos: safe and exact names, whole files, and no file of a student who was erased."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gallery.documents.protocol import DocumentStore
from gallery.documents.student_rules import check_student
from gallery.documents.values import EnrolledPhoto, Enrolment, StoredPhoto, Student
from gallery.photo_export import Exported, PhotoExport
from presente import composition
from presente.errors import Busy, PhotoRefused, StoreError
from tests.conftest import DIM, PACK, enrolment, on_sqlite

NAMES = ["A1", "A1_x", "A1_0123456789ab", "A1_0123456789ab.jpg", "..", ".hidden", "a b", "%2E.", "José", "CON", "A+1"]
NAMES += ["A\\..\\1", "*?<>|:\"'", "🙂" * 200, "🙂" * 199 + "😀", "x" * 200]


def refuse(content: bytes) -> bytes:
    """Makes no JPEG of anything."""
    raise PhotoRefused("damaged_image", "It is no photo.", "Send one.")


def photographed(matricula: str, *contents: bytes, media_type: str = "image/jpeg") -> Enrolment:
    made = enrolment(matricula, np.eye(DIM, dtype=np.float32)[: len(contents)])
    return Enrolment(
        made.student,
        tuple(_as(photo, content, media_type) for photo, content in zip(made.photos, contents, strict=True)),
    )


def _as(photo: EnrolledPhoto, content: bytes, media_type: str) -> EnrolledPhoto:
    return replace(photo, content=content, sha256=hashlib.sha256(content).hexdigest(), media_type=media_type)


@pytest.fixture
def store(store_url: str) -> Iterator[DocumentStore]:
    opened = composition.open_store(store_url)
    opened.claim_pack(PACK, DIM)
    yield opened
    opened.close()


@pytest.fixture
def export(tmp_path: Path) -> PhotoExport:
    return PhotoExport(tmp_path / "deep" / "export")


def files(export: PhotoExport) -> set[str]:
    return {path.name for path in export.folder.iterdir()}


def test_every_photo_becomes_a_file_once(store: DocumentStore, export: PhotoExport) -> None:
    store.enrol([photographed("A1", b"one", b"two"), photographed("A2", b"one", media_type="image/png")])
    store.enrol([photographed("A3", b"three", media_type="image/x-odd")])
    one, two, three = (hashlib.sha256(content).hexdigest()[:12] for content in (b"one", b"two", b"three"))
    assert export.save_all(store, refuse) == Exported(4, 0)
    assert files(export) == {f"A1_{one}.jpg", f"A1_{two}.jpg", f"A2_{one}.png", f"A3_{three}.img"}
    assert (export.folder / f"A1_{two}.jpg").read_bytes() == b"two"
    (export.folder / f"A1_{two}.jpg").unlink()
    assert export.save_all(store, refuse) == Exported(1, 3)


def made(content: bytes) -> bytes:
    """The JPEG of a photo that is not shown."""
    return b"\xff\xd8" + content + b"\xff\xd9"


def test_what_browsers_do_not_show_is_written_as_jpeg_and_kept_as_it_is(
    store: DocumentStore, export: PhotoExport
) -> None:
    store.enrol(
        [photographed("A1", b"one", media_type="image/heic"), photographed("A2", b"two", media_type="image/tiff")]
    )
    store.enrol([photographed("A3", b"three", media_type="image/avif")])
    one, two, three = (hashlib.sha256(content).hexdigest() for content in (b"one", b"two", b"three"))
    assert export.save_all(store, made) == Exported(3, 0)
    assert files(export) == {f"A1_{one[:12]}.jpg", f"A2_{two[:12]}.jpg", f"A3_{three[:12]}.avif"}
    written = (export.folder / f"A1_{one[:12]}.jpg").read_bytes()
    assert written.startswith(b"\xff\xd8\xff\xfe") and one.encode() in written and written.endswith(b"one\xff\xd9")
    assert {photo.content for photo in store.photos()} == {b"one", b"two", b"three"}
    assert export.save_all(store, refuse) == Exported(0, 3)


def test_what_cannot_be_converted_is_written_as_it_is(store: DocumentStore, export: PhotoExport) -> None:
    store.enrol([photographed("A1", b"one", media_type="image/heic")])
    assert export.save_all(store, refuse) == Exported(1, 0)
    one = hashlib.sha256(b"one").hexdigest()[:12]
    assert files(export) == {f"A1_{one}.heic"} and (export.folder / f"A1_{one}.heic").read_bytes() == b"one"
    assert export.save_all(store, made) == Exported(0, 1)


@on_sqlite
def test_a_conversion_that_waits_too_long_ends_the_export_and_leaves_what_there_is(
    store: DocumentStore, export: PhotoExport
) -> None:
    def busy(content: bytes) -> bytes:
        raise Busy("busy", "There is no room.", "Ask again.")

    store.enrol([photographed("A1", b"one"), photographed("A2", b"two", media_type="image/heic")])
    with pytest.raises(Busy):
        export.save_all(store, busy)
    assert len(files(export)) == 1
    assert export.save_all(store, made) == Exported(1, 1)


def test_files_made_of_erased_photos_are_deleted_and_others_stay(store: DocumentStore, export: PhotoExport) -> None:
    store.enrol(
        [photographed("A1", b"one", media_type="image/heic"), photographed("A2", b"two", media_type="image/heic")]
    )
    export.save_all(store, made)
    foreign = f"A1_{'0' * 12}.jpg"
    (export.folder / foreign).write_bytes(b"another program's")
    store.remove(["A1"])
    export.forget_erased(store)
    two = hashlib.sha256(b"two").hexdigest()[:12]
    assert files(export) == {foreign, f"A2_{two}.jpg"}


@on_sqlite
def test_every_matricula_has_file_names_of_its_own_inside_the_folder(store: DocumentStore, export: PhotoExport) -> None:
    for name in NAMES:
        if name not in (".", ".."):  # refused now; an older store may contain them
            check_student(Student(name, "Ana"))
    store.enrol([photographed(name, b"the same photo") for name in NAMES])
    assert export.save_all(store, refuse) == Exported(len(NAMES), 0)
    assert len(files(export)) == len(NAMES) and not any(name.startswith(".") for name in files(export))
    assert {path.name for path in export.folder.parent.iterdir()} == {"export"}
    for gone, name in enumerate(NAMES, start=1):  # one by one: no other student's file is deleted with it
        export.forget([name])
        assert len(files(export)) == len(NAMES) - gone


def test_a_student_who_is_erased_while_their_photo_is_written(
    store: DocumentStore, export: PhotoExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.enrol([photographed("A1", b"one"), photographed("A2", b"two")])
    flush = os.fsync

    def erase_first(descriptor: int) -> None:
        flush(descriptor)
        if store.remove(["A1"]):
            export.forget(["A1"])  # and it finds the unfinished file

    monkeypatch.setattr("gallery.photo_export.os.fsync", erase_first)
    assert export.save_all(store, refuse) == Exported(1, 0)
    assert len(files(export)) == 1 and files(export).pop().startswith("A2_")


def test_a_student_who_is_erased_during_an_export_leaves_none(store: DocumentStore, export: PhotoExport) -> None:
    store.enrol([photographed("A1", b"one"), photographed("A2", b"two")])

    class Erasing:
        """The store, while another process erases A1 just after its photo was read, and forgets its files."""

        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

        def photos(self) -> Iterator[StoredPhoto]:
            for photo in store.photos():
                store.remove(["A1"])
                export.forget(["A1"])
                yield photo

    assert export.save_all(Erasing(), refuse) == Exported(1, 0)  # type: ignore[arg-type]
    assert [name[:3] for name in files(export)] == ["A2_"]


def test_an_erasure_that_was_cut_off_is_finished(store: DocumentStore, export: PhotoExport) -> None:
    store.enrol([photographed("A1", b"one"), photographed("A1_x", b"two"), photographed("B1", b"three")])
    export.save_all(store, refuse)
    half, two, three = (hashlib.sha256(content).hexdigest()[:12] for content in (b"half", b"two", b"three"))
    for name in ("A1", "B1", "C1"):
        (export.folder / f"{name}_{half}.jpg.presente-part").write_bytes(b"ha")
    (export.folder / "IMG_202611211504.jpg").write_bytes(b"another program's, with a name like ours")
    store.remove(["A1"])  # and the process dies before its files are forgotten
    export.forget_erased(store)
    assert files(export) == {
        f"A1_x_{two}.jpg",
        f"B1_{three}.jpg",
        "IMG_202611211504.jpg",
    }


def test_a_photo_that_another_process_erased_is_deleted_and_the_students_others_stay(
    store: DocumentStore, export: PhotoExport
) -> None:
    store.enrol([photographed("A1", b"one"), photographed("A1", b"two", media_type="image/heic")])
    export.save_all(store, made)
    one, two = (hashlib.sha256(content).hexdigest() for content in (b"one", b"two"))
    (export.folder / f"A1_{one[:12]}.jpg.presente-part").write_bytes(b"on")
    store.take_photos("A1", [two])
    export.forget_erased(store)
    assert files(export) == {f"A1_{one[:12]}.jpg", f"A1_{one[:12]}.jpg.presente-part"}


def test_a_photo_that_is_erased_during_an_export_leaves_no_file(store: DocumentStore, export: PhotoExport) -> None:
    store.enrol([photographed("A1", b"one"), photographed("A1", b"two")])

    class Erasing:
        """The store, while another process erases a photo just after it was read."""

        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

        def photos(self) -> Iterator[StoredPhoto]:
            for photo in store.photos():
                if photo.content == b"one":
                    store.take_photos("A1", [photo.sha256])
                yield photo

    assert export.save_all(Erasing(), refuse) == Exported(1, 0)  # type: ignore[arg-type]
    assert files(export) == {f"A1_{hashlib.sha256(b'two').hexdigest()[:12]}.jpg"}


@on_sqlite
def test_a_folder_that_cannot_be_written_is_named(store: DocumentStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store.enrol([photographed("A1", b"one")])
    with pytest.raises(StoreError, match="file") as caught:
        PhotoExport(tmp_path / "file").save_all(store, refuse)
    assert caught.value.code == "export_unwritable"
    PhotoExport(tmp_path / "nowhere").forget(["A1"])
