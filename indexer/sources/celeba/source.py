"""CelebA as downloaded or as Kaggle packs it: 202,599 photos of 10,177 people, and the lists that say who is who.

The people are nobody's students: they are enrolled as ``cohort``, with matricula ``celeba-2880``. Of a photo
a few bytes in arrays are kept until its turn comes; those of one person come together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery.documents.values import Student
from indexer.sources.celeba.lists import PhotoList, find_list, needed_list
from indexer.sources.local import FileRules
from indexer.sources.options import Images, Partition, SourceOptions
from indexer.sources.protocol import Source, SourcePhoto, readable
from presente.errors import InvalidInput

_IDENTITIES = "identity_CelebA"
_PARTITIONS = "list_eval_partition"
_LANDMARKS = "list_landmarks_align_celeba"
_IMAGES: dict[Images, str] = {"aligned": "img_align_celeba", "wild": "img_celeba"}
_PARTITION_NUMBERS: dict[Partition, int] = {"train": 0, "val": 1, "test": 2}


def is_celeba(root: Path) -> bool:
    """Whether a folder has CelebA's photos, or its list of identities."""
    return find_list(root, _IDENTITIES) is not None or any(_photo_folder(root, name) for name in _IMAGES.values())


def read_celeba(root: Path, options: SourceOptions, rules: FileRules) -> Source:
    """List CelebA's photos by the lists; whether each file is there is found out when it is read.

    Raises:
        InvalidInput: ``missing_list``, ``unreadable_list``, ``malformed_list``, ``incomplete_list``,
            ``missing_images``, ``unsuitable_option``, ``empty_source``.
    """
    images, folder = _chosen_folder(root, options.images)
    if options.landmarks and images != "aligned":
        raise InvalidInput(
            "unsuitable_option",
            "--landmarks is for the aligned photos, and these are those in the wild.",
            "Leave it out, or say --images aligned.",
        )
    listed = needed_list(root, _IDENTITIES, 1)
    kept = _kept(root, listed, options.partition)
    order = kept[np.argsort(listed.numbers[kept, 0], kind="stable")]
    if not len(order):
        raise InvalidInput("empty_source", f"{readable(root)} lists no photos of --partition {options.partition}.")
    names = listed.names[order]
    landmarks = _landmarks(root, names) if options.landmarks else None
    return Source(readable(root), CelebaPhotos(folder, names, listed.numbers[order, 0], landmarks, rules))


@dataclass(frozen=True, slots=True)
class CelebaPhotos:
    """The photos in order of identity, each made when it is due.

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
        """Each photo; those of one identity share their student."""
        student = None
        for row, (name, identity) in enumerate(zip(self.names, self.identities, strict=True)):
            if student is None or identity != self.identities[row - 1]:
                student = Student(f"celeba-{identity}", f"CelebA {identity}", kind="cohort")
            landmarks = None if self.landmarks is None else self.landmarks[row]
            yield SourcePhoto.in_file(student, self.folder / name.decode(), self.rules, landmarks)


def _chosen_folder(root: Path, wanted: Images | None) -> tuple[Images, Path]:
    choices: tuple[Images, ...] = ("aligned", "wild") if wanted is None else (wanted,)
    for images in choices:
        folder = _photo_folder(root, _IMAGES[images])
        if folder is not None:
            return images, folder
    raise InvalidInput(
        "missing_images",
        f"{readable(root)} has no folder {' or '.join(_IMAGES[images] for images in choices)}, nor has its folder Img.",
        "Unpack the photos' archive there.",
    )


def _photo_folder(root: Path, name: str) -> Path | None:
    """Where photos are: in the root or in the download's ``Img``, perhaps nested once more, as Kaggle has it."""
    places = (root / above / name / below for below in (name, "") for above in ("", "Img"))
    return next((path for path in places if path.is_dir()), None)


def _kept(root: Path, listed: PhotoList, partition: Partition | None) -> NDArray[np.int64]:
    """Rows of the identity list that belong to the partition."""
    if partition in (None, "all"):
        return np.arange(len(listed.names))
    partitions = needed_list(root, _PARTITIONS, 1)
    numbers = partitions.numbers[partitions.rows_of(listed.names), 0]
    odd = np.flatnonzero(~np.isin(numbers, list(_PARTITION_NUMBERS.values())))
    if len(odd):
        raise InvalidInput(
            "malformed_list",
            f"{readable(partitions.path)} says {numbers[odd[0]]} for {listed.names[odd[0]].decode()}.",
            "It should be 0 (train), 1 (val) or 2 (test).",
        )
    return np.flatnonzero(numbers == _PARTITION_NUMBERS[partition])


def _landmarks(root: Path, names: NDArray[np.bytes_]) -> NDArray[np.float32]:
    """(n, 5, 2): left eye, right eye, nose, left and right corner of the mouth, as they lie in the image."""
    listed = needed_list(root, _LANDMARKS, 10)
    return listed.numbers[listed.rows_of(names)].astype(np.float32).reshape(-1, 5, 2)
