"""Sources are listed and checked before anything is enrolled."""

from pathlib import Path

import pytest

from indexer.sources import read_source
from presente.errors import InvalidInput
from tests.conftest import SAMPLE

HEADER = "matricula,nombre_del_alumno,clase,fecha_de_registro,fotos\n"


def refusal(path: Path) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read_source(path)
    assert caught.value.fix
    return caught.value


def sheet(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "students.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_the_sample_sheet() -> None:
    source = read_source(SAMPLE / "students.csv")
    assert len({photo.student.matricula for photo in source.photos}) == 24
    assert len(source.photos) == 96 and all(Path(photo.location).is_file() for photo in source.photos)
    assert all(photo.student.clase in ("IA-101", "IA-102") for photo in source.photos)


def test_a_folder_with_folders_and_single_photos(tmp_path: Path) -> None:
    for name in (
        "Ana_Ruiz/1.jpg",
        "Ana_Ruiz/2.HEIC",
        "Ana_Ruiz/notes.txt",
        "Ana_Ruiz/.hidden.jpg",
        "Luis.png",
        "list.csv",
        "empty/readme.md",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    source = read_source(tmp_path)
    assert [(photo.student.matricula, Path(photo.location).name) for photo in source.photos] == [
        ("Ana_Ruiz", "1.jpg"),
        ("Ana_Ruiz", "2.HEIC"),
        ("Luis", "Luis.png"),
    ]
    assert next(iter(source.photos)).student.nombre_del_alumno == "Ana Ruiz"
    assert source.ignored == 3


def test_a_spreadsheets_csv(tmp_path: Path) -> None:
    text = '\ufeffmatricula;nombre_del_alumno;fotos\nA1;"Peña; José";"a.jpg; b.jpg"\n\nA2;Ana;c.jpg\n'
    source = read_source(sheet(tmp_path, text))
    assert [(photo.student.nombre_del_alumno, Path(photo.location).name) for photo in source.photos] == [
        ("Peña; José", "a.jpg"),
        ("Peña; José", "b.jpg"),
        ("Ana", "c.jpg"),
    ]


def test_wrong_sheets_say_what_and_where(tmp_path: Path) -> None:
    missing = refusal(sheet(tmp_path, "matricula,nombre_del_alumno\nA1,Ana\n"))
    assert missing.code == "missing_column" and "fotos" in str(missing)
    twice = refusal(sheet(tmp_path, HEADER + "A1,Ana,,,a.jpg\nA2,Eva,,,b.jpg\nA1,Iris,,,c.jpg\n"))
    assert twice.code == "duplicate_matricula" and "lines 2 and 4" in str(twice) and "A1" in str(twice)
    nameless = refusal(sheet(tmp_path, HEADER + "A1,,,,a.jpg\n"))
    assert nameless.code == "invalid_student" and "line 2" in str(nameless)
    dated = refusal(sheet(tmp_path, HEADER + "A1,Ana,,12/31/2025,a.jpg\n"))
    assert dated.code == "invalid_student" and "2025-31-12" in str(dated), "the day comes first"
    assert refusal(sheet(tmp_path, HEADER + "A1,Ana,,,\n")).code == "empty_source"
    assert refusal(sheet(tmp_path, HEADER + "A1,Ana,,,a.jpg,more\n")).code == "unreadable_sheet"
    assert refusal(sheet(tmp_path, HEADER + "A1,José\x81,,,a.jpg\n", "latin-1")).code == "unreadable_sheet"
    assert refusal(sheet(tmp_path, "")).code == "missing_column"


def test_wrong_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(tmp_path).code == "empty_source"
    assert refusal(tmp_path / "nowhere").code == "source_not_found"
    (tmp_path / "photos.zip").touch()
    assert refusal(tmp_path / "photos.zip").code == "unknown_source"

    def forbidden(path: Path) -> bool:  # the tests may run as root, who may read everything
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "Ana").mkdir()
    for name in ("iterdir", "is_dir"):
        with monkeypatch.context() as patched:
            patched.setattr(Path, name, forbidden)
            unreadable = refusal(tmp_path)
        assert unreadable.code == "unreadable_folder" and "Permission denied" in str(unreadable)
