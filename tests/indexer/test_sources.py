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


def refused_rows(path: Path) -> list[tuple[int, str]]:
    rows = read_source(path).refused
    assert all(row.location == f"{path}, line {row.line}" and row.reason.endswith(".") for row in rows)
    return [(row.line, row.code) for row in rows]


def test_wrong_sheets_say_what_and_where(tmp_path: Path) -> None:
    missing = refusal(sheet(tmp_path, "matricula,nombre_del_alumno\nA1,Ana\n"))
    assert missing.code == "missing_column" and "fotos" in str(missing)
    assert refusal(sheet(tmp_path, HEADER)).code == "empty_source"
    assert refusal(sheet(tmp_path, HEADER + "A1,José\x81,,,a.jpg\n", "latin-1")).code == "unreadable_sheet"
    assert refusal(sheet(tmp_path, "")).code == "empty_source"


def test_wrong_rows_are_refused_and_the_others_are_read(tmp_path: Path) -> None:
    path = sheet(
        tmp_path,
        HEADER + "A1,Ana,,,a.jpg\nA2,Eva,,,b.jpg\nA1,Iris,,,c.jpg\nA3,,,,d.jpg\nA4,Sol,,12/31/2025,e.jpg\n"
        "A5,Luz,,,\nA6,Paz,,,f.jpg,more\nA7,Mar,,,g.jpg\n",
    )
    assert refused_rows(path) == [
        (4, "duplicate_matricula"),
        (5, "invalid_student"),
        (6, "invalid_student"),
        (7, "no_photos"),
        (8, "malformed_row"),
    ]
    source = read_source(path)
    assert [(photo.student.matricula, photo.student.nombre_del_alumno) for photo in source.photos] == [
        ("A1", "Ana"),
        ("A2", "Eva"),
        ("A7", "Mar"),
    ]
    reasons = {row.line: row.reason for row in source.refused}
    assert "Lines 2 and 4" in reasons[4] and "'A1'" in reasons[4]
    assert "'12/31/2025'" in reasons[6] and "no month 31" in reasons[6] and '"fecha_de_registro="' in reasons[6]
    assert not source.warnings and not source.notes


def test_what_systems_leave_in_folders_is_passed_over(tmp_path: Path) -> None:
    litter = [
        "Thumbs.db",
        "A1/Thumbs.db",
        "A1/desktop.ini",
        "A1/.DS_Store",
        "A1/._1.jpg",
        "A1/Icon\r",
        "A1/@eaDir/1.jpg/x.jpg",
    ]
    for name in ["A1/1.jpg", "__MACOSX/A1/1.jpg", "$RECYCLE.BIN/2.jpg", *litter]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    source = read_source(tmp_path)
    assert [photo.location for photo in source.photos] == [str(tmp_path / "A1" / "1.jpg")]
    assert source.ignored == 0 and not source.notes and not source.refused


def test_photos_in_nested_folders_are_the_students(tmp_path: Path) -> None:
    for name in (
        "A1/2025/x.jpg",
        "A1/2026/enero/y.jpg",
        "A1/z.jpg",
        "A2/w.jpg",
        "A3/only/deep/v.png",
        "A3/notes/n.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "A1" / "around").symlink_to(tmp_path)
    source = read_source(tmp_path)
    assert [(photo.student.matricula, Path(photo.location).name) for photo in source.photos] == [
        ("A1", "z.jpg"),
        ("A1", "x.jpg"),
        ("A1", "y.jpg"),
        ("A2", "w.jpg"),
        ("A3", "v.png"),
    ]
    assert len(source.notes) == 2 and "A1/2025, A1/2026/enero" in source.notes[0] and source.ignored == 1


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
