"""Recognises, by their content, files that are sheets to people and cannot be read here, and says what to do."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

from presente.errors import InvalidInput
from presente.files import printable_path
from presente.student_sheets.bounds import BOUNDS

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""First bytes of Microsoft's older container: of .xls, and of any file that is protected by a password."""

_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_DIRECTORY_ENTRY = b"PK\x01\x02"
_SAVE_AS = "Open it, and save it as .xlsx or as .csv (UTF-8)."

OTHER_SHEETS = {
    ".xls": "a workbook of Excel before 2007",
    ".xlsb": "a binary workbook of Excel",
    ".ods": "a sheet of LibreOffice",
    ".fods": "a sheet of LibreOffice",
    ".numbers": "a sheet of Apple's Numbers",
    ".gsheet": "a link to a sheet of Google's",
    ".docx": "a document of Word",
    ".doc": "a document of Word",
    ".pdf": "a PDF",
    ".html": "a web page",
    ".htm": "a web page",
}
"""By suffix, kinds of file that people take for sheets. The text is the end of a sentence."""


def is_zip(content: bytes) -> bool:
    """Whether a file is a package, as every .xlsx is."""
    return content.startswith(b"PK\x03\x04")


def other_sheet(path: Path, kind: str) -> InvalidInput:
    """The error of a file that is a sheet of a kind that is not read; ``kind`` is the end of a sentence."""
    return InvalidInput("unknown_source", f"{printable_path(path)} is {kind}, which cannot be read.", _SAVE_AS)


def check_readable(path: Path, content: bytes) -> None:
    """Refuse a file that is neither a workbook nor a text, if its content says what it is.

    Raises:
        InvalidInput: ``unreadable_sheet``, which says what the file is and how to save it.
    """
    kind = _other_kind(content)
    if kind == "protected":
        raise InvalidInput(
            "unreadable_sheet",
            f"{printable_path(path)} is protected by a password.",
            "Open it in Excel, remove the password (File, Info, Protect Workbook), and save it.",
        )
    if kind:
        raise InvalidInput("unreadable_sheet", f"{printable_path(path)} is {kind}, which cannot be read.", _SAVE_AS)


def _other_kind(content: bytes) -> str:
    """What a file is, or ``protected``; empty for a workbook, for a text, and for what is not recognised."""
    if content.startswith(_OLE):
        return "protected" if _ENCRYPTED in content else OTHER_SHEETS[".xls"]
    if content.startswith(b"%PDF"):
        return OTHER_SHEETS[".pdf"]
    start = content[:1024].lstrip(b"\xef\xbb\xbf\r\n\t ").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<table")):
        return OTHER_SHEETS[".html"]
    if start.startswith(b"<?xml"):
        return "an XML file"
    return _kind_of_package(content) if is_zip(content) else ""


def _kind_of_package(content: bytes) -> str:
    if content.count(_DIRECTORY_ENTRY) > BOUNDS.members:
        return ""
    try:
        with zipfile.ZipFile(BytesIO(content)) as package:
            names = package.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, LookupError, NotImplementedError, RuntimeError):
        return ""  # the reader of workbooks says what is wrong
    if any(name.lower().endswith(".bin") and name.lower().startswith("xl/workbook") for name in names):
        return OTHER_SHEETS[".xlsb"]
    if "Index/Document.iwa" in names or any(name.endswith("Index.zip") for name in names):
        return OTHER_SHEETS[".numbers"]
    if "word/document.xml" in names:
        return OTHER_SHEETS[".docx"]
    return OTHER_SHEETS[".ods"] if "content.xml" in names and "mimetype" in names else ""
