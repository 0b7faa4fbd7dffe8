"""CelebA as downloaded or as Kaggle packs it: 202,599 photos of 10,177 people, and the lists that say who is who.

The people are not students: they are enrolled as ``cohort``, with matricula ``celeba-2880``. The photos of one person
come together. Until it is read, a photo takes a few bytes in arrays.

A list may name more photos than the folder holds, as after a download of a part. Those photos are counted, not refused
one by one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery.documents.values import Student
from indexer.sources.celeba.lists import PhotoList, find_list, require_list
from indexer.sources.options import ImageSet, Partition, SourceOptions
from indexer.sources.values import Source, SourcePhoto
from presente.errors import InvalidInput
from presente.files import printable_path
from presente.local_files import FileRules

_IDENTITIES = "identity_CelebA"
_PARTITIONS = "list_eval_partition"
_LANDMARKS = "list_landmarks_align_celeba"
_FOLDERS: dict[ImageSet, str] = {"aligned": "img_align_celeba", "wild": "img_celeba"}
_PARTITION_NUMBERS: dict[Partition, int] = {"train": 0, "val": 1, "test": 2}


def is_celeba(root: Path) -> bool:
    """Whether a folder has CelebA's photos, or its list of identities."""
    return find_list(root, _IDENTITIES) is not None or any(_photo_folder(root, name) for name in _FOLDERS.values())


def read_celeba(root: Path, options: SourceOptions, rules: FileRules) -> Source:
    """The photos that the lists name and the folder holds; a note counts the others.

    Raises:
        InvalidInput: ``missing_list``, ``unreadable_list``, ``malformed_list``, ``incomplete_list``,
            ``missing_images`` (also when the folder holds none of the listed photos), ``unreadable_folder``,
            ``unsuitable_option``, ``empty_source``.
    """
    images, folder = _choose_folder(root, options.images)
    if options.landmarks and images != "aligned":
        raise InvalidInput(
            "unsuitable_option",
            "--landmarks is for the aligned photos, and these are the photos in the wild.",
            "Leave it out, or say --images aligned.",
        )
    identities = require_list(root, _IDENTITIES, 1)
    listed = _rows_of_partition(root, identities, options.partition)
    if not len(listed):
        raise InvalidInput(
            "empty_source", f"{printable_path(root)} lists no photos of --partition {options.partition}."
        )
    part = "" if options.partition in (None, "all") else f" of --partition {options.partition}"
    present = listed[np.isin(identities.names[listed], _names_in(folder, identities.names.dtype))]
    if not len(present):
        raise InvalidInput(
            "missing_images",
            f"{printable_path(folder)} holds none of the {len(listed):,} listed photos{part}.",
            "Unpack the photos' archive there.",
        )
    order = present[np.argsort(identities.numbers[present, 0], kind="stable")]
    names = identities.names[order]
    landmarks = _landmarks(root, names) if options.landmarks else None
    photos = CelebaPhotos(folder, names, identities.numbers[order, 0], landmarks, rules)
    absent = len(listed) - len(present)
    note = f"{absent:,} of {len(listed):,} listed photos{part} are not in {printable_path(folder)}"
    return Source(printable_path(root), photos, absent=absent, notes=(note,) if absent else ())


@dataclass(frozen=True, slots=True)
class CelebaPhotos:
    """The photos in order of identity; each is made when it is asked for.

    Attributes:
        folder: where the files are.
        names: bytes (n,), file names.
        identities: int64 (n,), ascending.
        landmarks: float32 (n, 5, 2) in pixels of the aligned photos, or None.
        rules: which files are read.
    """

    folder: Path
    names: NDArray[np.bytes_]
    identities: NDArray[np.int64]
    landmarks: NDArray[np.float32] | None
    rules: FileRules

    def __len__(self) -> int:
        """How many photos."""
        return len(self.names)

    def __iter__(self) -> Iterator[SourcePhoto]:
        """Each photo; the photos of one identity share their student."""
        student = None
        for row, (name, identity) in enumerate(zip(self.names, self.identities, strict=True)):
            if student is None or identity != self.identities[row - 1]:
                student = Student(f"celeba-{identity}", f"CelebA {identity}", kind="cohort")
            landmarks = None if self.landmarks is None else self.landmarks[row]
            yield SourcePhoto.in_file(student, self.folder / name.decode(), self.rules, landmarks)


def _choose_folder(root: Path, wanted: ImageSet | None) -> tuple[ImageSet, Path]:
    choices: tuple[ImageSet, ...] = ("aligned", "wild") if wanted is None else (wanted,)
    for images in choices:
        folder = _photo_folder(root, _FOLDERS[images])
        if folder is not None:
            return images, folder
    raise InvalidInput(
        "missing_images",
        f"{printable_path(root)} has no folder {' or '.join(_FOLDERS[images] for images in choices)}, nor does its "
        "folder Img.",
        "Unpack the photos' archive there.",
    )


def _photo_folder(root: Path, name: str) -> Path | None:
    """The folder of photos: in the root or in the download's ``Img``, perhaps nested once more, as Kaggle has it."""
    places = (root / above / name / below for below in (name, "") for above in ("", "Img"))
    return next((path for path in places if path.is_dir()), None)


def _names_in(folder: Path, dtype: np.dtype[np.bytes_]) -> NDArray[np.bytes_]:
    """The names in a folder, as far as they are no longer than those of the lists."""
    try:
        with os.scandir(os.fsencode(folder)) as entries:
            return np.array([entry.name for entry in entries if len(entry.name) <= dtype.itemsize], dtype=dtype)
    except OSError as exc:
        raise InvalidInput(
            "unreadable_folder", f"{printable_path(folder)} cannot be read ({exc.strerror}).", "Check its permissions."
        ) from exc


def _rows_of_partition(root: Path, identities: PhotoList, partition: Partition | None) -> NDArray[np.int64]:
    """Rows of the identity list that belong to the partition."""
    if partition in (None, "all"):
        return np.arange(len(identities.names))
    partitions = require_list(root, _PARTITIONS, 1)
    numbers = partitions.numbers[partitions.rows_of(identities.names), 0]
    invalid = np.flatnonzero(~np.isin(numbers, list(_PARTITION_NUMBERS.values())))
    if len(invalid):
        raise InvalidInput(
            "malformed_list",
            f"{printable_path(partitions.path)} says {numbers[invalid[0]]} for "
            f"{identities.names[invalid[0]].decode()}.",
            "It should be 0 (train), 1 (val) or 2 (test).",
        )
    return np.flatnonzero(numbers == _PARTITION_NUMBERS[partition])


def _landmarks(root: Path, names: NDArray[np.bytes_]) -> NDArray[np.float32]:
    """float32 (n, 5, 2): left eye, right eye, nose, left and right corner of the mouth, as they lie in the image."""
    landmarks = require_list(root, _LANDMARKS, 10)
    return landmarks.numbers[landmarks.rows_of(names)].astype(np.float32).reshape(-1, 5, 2)
