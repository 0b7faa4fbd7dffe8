"""CelebA: the lists of the original and of Kaggle, lists longer than the folder, landmarks instead of detection."""

import itertools
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from faces.embedder import FaceEmbedder
from faces.packs.model_pack import ModelPack
from gallery.gallery import Gallery
from indexer.pipeline.enrol_source import enrol_source
from indexer.sources import read_source
from indexer.sources.celeba.lists import read_list
from indexer.sources.options import SourceOptions
from indexer.sources.values import Source
from presente.errors import InvalidInput
from presente.recognition import IdentifyQuery, identify
from tests.conftest import SAMPLE, Command, OpenGallery, on_sqlite

LINES = [(7, 2880, 0), (3, 2937, 1), (5, 2880, 2), (1, 12, 0), (9, 2937, 1), (2, 2880, 0)]
"""(photo, identity, partition), unordered."""


@dataclass
class Style:
    """How a copy of CelebA writes and places its lists."""

    suffix: str
    lists: str
    images: str
    heads: tuple[str, ...] = ()

    def write(self, root: Path, stem: str, rows: Sequence[tuple[object, ...]], folder: str | None = None) -> Path:
        comma = "," if self.suffix == ".csv" else " "
        path = root / (self.lists if folder is None else folder) / f"{stem}{self.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([*self.heads, *(comma.join(map(str, row)) for row in rows)]))
        return path

    def tree(self, root: Path) -> Path:
        write_photos(root / self.images)
        self.write(root, "identity_CelebA", [(f"{photo:06d}.jpg", person) for photo, person, _ in LINES])
        rows: list[tuple[object, ...]] = [(f"{photo:06d}.jpg", part) for photo, _, part in reversed(LINES)]
        self.write(root, "list_eval_partition", rows, "Eval" if self.lists == "Anno" else None)
        return root


def write_photos(folder: Path) -> None:
    """A file, which nothing reads, for each listed photo."""
    folder.mkdir(parents=True)
    for photo, _, _ in LINES:
        (folder / f"{photo:06d}.jpg").touch()


ORIGINAL = Style(".txt", "Anno", "Img/img_align_celeba")
STYLES = [
    ORIGINAL,
    Style(".txt", "", "img_align_celeba", ("6",)),
    Style(".txt", "Anno", "Img/img_celeba", ("image identity",)),
    Style(".txt", "Anno", "img_align_celeba", ("6", "image identity")),
    Style(".csv", "", "img_align_celeba/img_align_celeba", ("image_id,value",)),
]


def shown(source: Source) -> list[tuple[str, str]]:
    return [(photo.student.matricula, Path(photo.location).name) for photo in source.photos]


def refusal(path: Path, options: SourceOptions | None = None) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read_source(path, options)
    return caught.value


@pytest.mark.parametrize("style", STYLES, ids=lambda style: f"{style.images}{style.suffix}{len(style.heads)}")
def test_every_layout_is_recognised_and_people_come_together(tmp_path: Path, style: Style) -> None:
    source = read_source(style.tree(tmp_path))
    assert shown(source) == [
        ("celeba-12", "000001.jpg"),
        ("celeba-2880", "000007.jpg"),
        ("celeba-2880", "000005.jpg"),
        ("celeba-2880", "000002.jpg"),
        ("celeba-2937", "000003.jpg"),
        ("celeba-2937", "000009.jpg"),
    ]
    assert len(source.photos) == 6 and shown(source) == shown(source), "photos can be gone through again"
    student = next(iter(source.photos)).student
    assert (student.nombre_del_alumno, student.clase, student.kind) == ("CelebA 12", "", "cohort")
    assert {Path(photo.location).parent for photo in source.photos} == {tmp_path / style.images}
    assert "celeba" in source.notes[0] and not source.warnings


@pytest.mark.parametrize("style", STYLES[::4], ids=["text", "commas"])
def test_partitions(tmp_path: Path, style: Style) -> None:
    root = style.tree(tmp_path)
    expected = {"train": [1, 7, 2], "val": [3, 9], "test": [5], "all": [1, 7, 5, 2, 3, 9]}
    for partition, photos in expected.items():
        source = read_source(root, SourceOptions(partition=partition))  # type: ignore[arg-type]
        assert [int(name[:-4]) for _, name in shown(source)] == photos


def test_aligned_photos_are_preferred_and_the_others_can_be_named(tmp_path: Path) -> None:
    root = ORIGINAL.tree(tmp_path)
    write_photos(root / "Img" / "img_celeba")
    for images, folder in ((None, "img_align_celeba"), ("aligned", "img_align_celeba"), ("wild", "img_celeba")):
        source = read_source(root, SourceOptions(images=images))  # type: ignore[arg-type]
        assert Path(next(iter(source.photos)).location).parent.name == folder


def test_wrong_lists_name_the_file_and_the_line(tmp_path: Path) -> None:
    root = ORIGINAL.tree(tmp_path)
    identities, partitions = root / "Anno" / "identity_CelebA.txt", root / "Eval" / "list_eval_partition.txt"
    whole = identities.read_text()
    for line in ("000008.jpg", "000008.jpg x", "000008.jpg 1 2", "../etc/8.jpg 1", "8 1", f"000008.jpg {1 << 70}"):
        identities.write_text(f"{whole}\n{line}\n")
        error = refusal(root)
        assert error.code == "malformed_list" and f"{identities}, line 7" in str(error) and error.fix, line
    identities.write_text(f"{whole}\n\n000003.jpg 5\n")
    error = refusal(root)
    assert error.code == "malformed_list" and "lines 2 and 8" in str(error) and "000003.jpg" in str(error)
    identities.write_text(f"{whole}\n000008.jpg 5\n")
    error = refusal(root, SourceOptions(partition="test"))
    assert error.code == "incomplete_list" and "000008.jpg" in str(error) and str(partitions) in str(error)
    identities.write_text(whole)
    partitions.write_text(partitions.read_text().replace("000003.jpg 1", "000003.jpg 7"))
    error = refusal(root, SourceOptions(partition="test"))
    assert error.code == "malformed_list" and "7 for 000003.jpg" in str(error)
    identities.write_text("image identity\n")
    assert refusal(root).code == "malformed_list"
    identities.write_bytes(b"\xff\xfe")
    assert refusal(root).code == "unreadable_list"
    identities.unlink()
    error = refusal(root)
    assert error.code == "missing_list" and "identity_CelebA.txt" in str(error) and "http" in error.fix


def test_missing_files_and_unsuitable_options_are_errors(tmp_path: Path) -> None:
    root = ORIGINAL.tree(tmp_path / "celeba")
    assert refusal(root, SourceOptions(landmarks=True)).code == "missing_list"
    assert refusal(root, SourceOptions(images="wild")).code == "missing_images"
    (root / "Img" / "img_celeba").mkdir()
    assert refusal(root, SourceOptions(images="wild", landmarks=True)).code == "unsuitable_option"
    for kind, options in (
        ("celeba", SourceOptions(columns="matricula=ID")),
        ("folder", SourceOptions("folder", partition="train")),
        ("folder", SourceOptions("folder", images="wild")),
        ("lfw", SourceOptions("lfw", landmarks=True)),
    ):
        error = refusal(root, options)
        assert error.code == "unsuitable_option" and f"--kind {kind}" in str(error)
    assert refusal(root, SourceOptions("sheet")).code == "wrong_kind"
    shutil.rmtree(root / "Img")
    assert refusal(root).code == "missing_images"
    rows: list[tuple[object, ...]] = [(f"{photo:06d}.jpg", 0) for photo, _, _ in LINES]
    (root / "img_align_celeba").mkdir()
    ORIGINAL.write(root, "list_eval_partition", rows, "Eval")
    assert refusal(root, SourceOptions(partition="val")).code == "empty_source"


@pytest.fixture(scope="session")
def aligned(tmp_path_factory: pytest.TempPathFactory, embedder: FaceEmbedder) -> Path:
    """Four people of the sample class as CelebA's aligned photos, 178 x 218, with the sample detector's landmarks."""
    root = tmp_path_factory.mktemp("celeba")
    folder = root / "img_align_celeba"
    folder.mkdir()
    identities, landmarks = [], []
    people = sorted((SAMPLE / "students").iterdir())[:4]
    photos = [(person, path) for person in people for path in sorted(person.iterdir())[:3]]
    for number, (person, path) in enumerate(sorted(photos, key=lambda entry: (entry[1].name, entry[0])), start=1):
        pixels = embedder.decode(path.read_bytes()).pixels
        left, right, *_ = embedder.detect(embedder.decode(path.read_bytes()))[0].face.landmarks
        scale = 37.0 / np.linalg.norm(right - left)
        x, y = np.array([89.0, 111.0]) - scale * (left + right) / 2
        small = cv2.warpAffine(pixels, np.array([[scale, 0, x], [0, scale, y]]), (178, 218))
        written = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
        (folder / f"{number:06d}.jpg").write_bytes(written.tobytes())
        found = embedder.detect(embedder.decode(written.tobytes()))[0].face.landmarks
        identities.append((f"{number:06d}.jpg", 100 + people.index(person)))
        landmarks.append((f"{number:06d}.jpg", *np.rint(found).astype(int).ravel()))
    Style(".txt", "", "").write(root, "identity_CelebA", identities)
    names = " ".join(f"{point}_{axis}" for point in ("lefteye", "righteye", "nose", "leftmouth") for axis in "xy")
    Style(".txt", "", "", (str(len(landmarks)), names)).write(root, "list_landmarks_align_celeba", landmarks)
    return root


def templates(gallery: Gallery) -> np.ndarray:
    return np.concatenate([batch.vectors for batch in gallery.store.templates()])


@on_sqlite
def test_given_landmarks_make_the_templates_that_detection_makes(
    aligned: Path, tmp_path: Path, embedder: FaceEmbedder, open_gallery: OpenGallery, store_url: str
) -> None:
    gallery = open_gallery(dim=embedder.pack.dim, pack=embedder.pack.tag)
    source = read_source(aligned, SourceOptions(landmarks=True))
    report = enrol_source(source, embedder, gallery, 2, lambda *_: None)
    assert (report.done, report.refused) == (12, [])
    given = templates(gallery)
    detected = []
    for photo in read_source(aligned).photos:
        assert photo.landmarks is None
        detected += embedder.embed([embedder.portrait(embedder.decode(photo.read()))])
    cosines = (given * np.array([face.template for face in detected])).sum(axis=1)
    assert cosines.min() > 0.9 and not np.allclose(cosines, 1.0, atol=1e-6), "landmarks were rounded: not the same"


def test_given_landmarks_are_really_used(aligned: Path, embedder: FaceEmbedder) -> None:
    photo = next(iter(read_source(aligned, SourceOptions(landmarks=True)).photos))
    assert photo.landmarks is not None and photo.landmarks.dtype == np.float32
    decoded = embedder.decode(photo.read())
    shifted = photo.landmarks - np.array([25, 0], np.float32)
    face = embedder.portrait(decoded, shifted).face
    assert np.array_equal(face.landmarks, shifted)
    assert face.box.tolist() == [*shifted.min(axis=0), *shifted.max(axis=0)] and face.score == 1.0


@on_sqlite
def test_a_list_that_is_much_longer_than_the_folder(command: Command, aligned: Path, tmp_path: Path) -> None:
    """A newcomer with a part of the photos got one line per missing photo, and a report of 13.8 MB."""
    root = tmp_path / "celeba"
    shutil.copytree(aligned, root)
    with (root / "identity_CelebA.txt").open("a") as stream:
        stream.writelines(f"\n{number:06d}.jpg {number % 10_177 + 1}" for number in range(1000, 51_000))
    done = command("indexer", "add", root, "--report", tmp_path / "report.json")
    assert done.returncode == 0, done.stderr
    assert f"50,000 of 50,012 listed photos are not in {root / 'img_align_celeba'}" in done.stdout
    assert "12 photos: 12 enrolled" in done.stdout and len(done.stdout.splitlines()) < 6
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["absent"], report["refusals"]) == (50_000, []) and (tmp_path / "report.json").stat().st_size < 2000
    (root / "img_align_celeba").rename(tmp_path / "elsewhere")
    (root / "img_align_celeba").mkdir()
    (root / "img_align_celeba" / "other.jpg").touch()
    none = command("indexer", "add", root)
    assert none.returncode == 2 and "[missing_images]" in none.stderr and "none of the 50,012 listed" in none.stderr


@on_sqlite
def test_landmarks_and_strict_do_not_go_together(command: Command, aligned: Path) -> None:
    done = command("indexer", "add", aligned, "--landmarks", "--strict", "true")
    assert done.returncode == 2 and "unsuitable_option" in done.stderr


@on_sqlite
@pytest.mark.parametrize("options", [(), ("--landmarks",), ("--kind", "celeba", "--images", "aligned")])
def test_people_of_celeba_are_cohort(
    command: Command,
    aligned: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    embedder: FaceEmbedder,
    open_gallery: OpenGallery,
) -> None:
    root = tmp_path / "celeba"
    shutil.copytree(aligned, root)
    with (root / "identity_CelebA.txt").open("a") as stream:
        stream.write("\n000099.jpg 101\n")
    if "--landmarks" in options:
        with (root / "list_landmarks_align_celeba.txt").open("a") as stream:
            stream.write("\n000099.jpg" + " 1" * 10)
    done = command("indexer", "add", root, "--json", *options)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["photos"], report["done"], report["absent"], report["reasons"]) == (12, 12, 1, {})
    assert json.loads(command("indexer", "add", root, "--json", *options).stdout)["already"] == 12
    status = json.loads(command("indexer", "status", "--json").stdout)
    assert (status["students"], status["cohort"], status["templates"]) == (0, 4, 12)
    gallery = open_gallery(embedder.pack.threshold, embedder.pack.dim, embedder.pack.tag)
    first = sorted((SAMPLE / "students").iterdir())[0].name
    probe = next((SAMPLE / "probes" / first).iterdir()).read_bytes()
    for cohort, expected in ((True, "celeba-100"), (False, None)):
        _, decision = identify(probe, embedder, gallery, IdentifyQuery(cohort=cohort)).faces[0]
        best = decision.candidates[0].student if decision.candidates else None
        assert (best.matricula if best else None) == expected
        assert best is None or best.kind == "cohort"


@pytest.mark.untraced
@on_sqlite
def test_the_real_download(real_faces: Path, real_pack: ModelPack, open_gallery: OpenGallery, store_url: str) -> None:
    root = real_faces / "celeba"
    source = read_source(root)
    assert (len(source.photos), source.absent) == (220, 202_599 - 220)
    assert f"202,379 of 202,599 listed photos are not in {root / 'Img' / 'img_celeba'}" in source.notes
    people = [photo.student.matricula for photo in source.photos]
    changes = sum(one != other for one, other in itertools.pairwise(people))
    assert changes + 1 == len(set(people)) == 30, "those of one person come together"
    assert len(np.unique(read_list(root / "Anno" / "identity_CelebA.txt", 1).numbers)) == 10_177

    sizes = {}
    for partition in ("train", "test"):
        part = read_source(root, SourceOptions(partition=partition))
        sizes[partition] = len(part.photos) + part.absent
    assert sizes == {"train": 162_770, "test": 19_962}, "the sizes that CelebA's paper gives"
    error = refusal(root, SourceOptions(partition="val"))
    assert error.code == "missing_images" and "none of the 19,867 listed photos" in str(error)
    embedder = FaceEmbedder(real_pack)
    gallery = open_gallery(real_pack.threshold, real_pack.dim, real_pack.tag)
    report = enrol_source(source, embedder, gallery, 2, lambda *_: None)
    assert (report.photos, report.done) == (220, 220), report.refused
    counts = gallery.store.counts()
    assert (counts.students, counts.cohort, counts.images) == (0, 30, 220)
