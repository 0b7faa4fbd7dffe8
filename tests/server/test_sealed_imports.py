"""What an import leaves on disk while it waits, where the store is sealed."""

from pathlib import Path

import pytest

from presente.errors import StoreError
from presente.sealing import Cipher, new_key
from server.imports.folder import ImportFolder
from server.imports.upload import UploadedFile
from server.imports.values import ImportPlan, RowOutcome

NUMBER = "0123456789abcdef" * 2
SHEET = b"matricula,nombre_del_alumno\nA1,In\xc3\xa9s Velarde\n"
PHOTO = b"\xff\xd8\xff a photo" * 9


def shown(folder: Path) -> set[bytes]:
    """Which of a name and a photo the files show."""
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return {each for each in ("Inés".encode(), PHOTO[:30]) if any(each in content for content in contents)}


@pytest.mark.parametrize("sealed", [True, False])
def test_files_of_an_import(tmp_path: Path, sealed: bool) -> None:
    cipher = Cipher(new_key()) if sealed else None
    imports = ImportFolder(tmp_path, cipher)
    (_, sheet), (_, photo) = imports.keep(NUMBER, [UploadedFile("a.csv", SHEET), UploadedFile("1.jpg", PHOTO)])
    assert shown(tmp_path) == (set() if sealed else {"Inés".encode(), PHOTO[:30]})
    with imports.sheet(NUMBER, sheet, ".csv") as path:
        assert path.read_bytes() == SHEET and path.suffix == ".csv"
        assert (
            not path.is_symlink()
            or not sealed
            or SHEET
            not in b"".join(
                each.read_bytes() for each in tmp_path.rglob("*") if each.is_file() and not each.is_symlink()
            )
        )
    assert not path.exists() and not path.is_symlink()
    assert imports.photo(NUMBER, photo) == PHOTO
    plan = ImportPlan(id=NUMBER, at="2026-03-02T10:00:00Z", columns=(), unused=("Inés",), notes=(), rows=())
    outcomes = [
        RowOutcome(line=line, result="refused", code="student_exists", text="Inés is there") for line in (2, 3, 4)
    ]
    for outcome in outcomes:
        imports.add_outcome(NUMBER, outcome)
    imports.drop_outcomes(NUMBER, [3])
    assert sorted(imports.outcomes(NUMBER)) == [2, 4] and imports.outcomes(NUMBER)[2] == outcomes[0]
    imports.write_plan(plan)
    again = ImportFolder(tmp_path, cipher)
    assert again.plan(NUMBER) == plan and again.photo(NUMBER, photo) is None  # no row names it
    assert shown(tmp_path) == (set() if sealed else {"Inés".encode()})
    if sealed:
        with pytest.raises(StoreError):
            ImportFolder(tmp_path, Cipher(new_key())).plan(NUMBER)


def test_an_import_of_before_is_read(tmp_path: Path) -> None:
    before = ImportFolder(tmp_path)
    ((_, photo),) = before.keep(NUMBER, [UploadedFile("1.jpg", PHOTO)])
    assert ImportFolder(tmp_path, Cipher(new_key())).photo(NUMBER, photo) == PHOTO
