"""Reads the visible sheets of an .xlsx workbook as rows of values, within bounds.

Only what a list of students needs is read: the cells, the shared strings, the number formats, which cells are merged
and which rows are hidden. The parts stream through expat, and the unpacked bytes are counted, not the sizes that the
file declares: a package of 5 KB may hold a hundred thousand rows that each reach to the last column.
"""

from __future__ import annotations

import posixpath
import xml.parsers.expat
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import NoReturn

from presente.student_sheets.bounds import BOUNDS, Bounds, OutOfBounds
from presente.student_sheets.worksheet import SheetRow, WorksheetReader, whole_number

_CHUNK = 1 << 16
_LONGEST_TOKEN = 1 << 20
"""Bytes of a tag or a comment. Expat looks at an unfinished one anew with every chunk."""

_DEEPEST = 64
_DIRECTORY_ENTRY = b"PK\x01\x02"

Handler = Callable[[str, Mapping[str, str]], None]


@dataclass(frozen=True, slots=True)
class Worksheet:
    """A worksheet with values.

    Attributes:
        name: the text of its tab.
        others: the names of the other worksheets.
        rows: (line, values by column, from 0) of each row that holds a value.
        hidden: lines that the sheet hides.
        merged: (first line, last line, column) of the cells that are merged downwards.
    """

    name: str
    others: tuple[str, ...]
    rows: list[SheetRow]
    hidden: tuple[int, ...]
    merged: tuple[tuple[int, int, int], ...]


def read_worksheets(content: bytes, bounds: Bounds = BOUNDS) -> Iterator[Worksheet]:
    """The sheets that are not hidden, in order, or the first one if all are. Each is read when it is asked for.

    Raises:
        OutOfBounds: the workbook is larger than a list of students may be; the text says which bound.
        ValueError, and the errors of zipfile, zlib and expat: it is not a workbook, or a damaged one.
    """
    if content.count(_DIRECTORY_ENTRY) > bounds.members:
        raise OutOfBounds(f"it holds more than {bounds.members:,} parts")
    with zipfile.ZipFile(BytesIO(content)) as package:
        yield from _Workbook(package, bounds).sheets()


class _Workbook:
    """The parts of a package, read one after the other; their bytes, elements and cells are counted together."""

    def __init__(self, package: zipfile.ZipFile, bounds: Bounds) -> None:
        self._package = package
        self._bounds = bounds
        self._usage = bounds.count()
        self._bytes = self._elements = 0
        self._names = {name.lower(): name for name in package.namelist()}

    def sheets(self) -> Iterator[Worksheet]:
        """See :func:`read_worksheets`."""
        workbook = next(iter(self._related("", "officeDocument").values()), "xl/workbook.xml")
        entries, from_1904 = self._sheet_entries(workbook)
        parts = self._related(workbook, "worksheet")
        sheets = [(name, visible, parts[key]) for name, key, visible in entries if key in parts]
        if not sheets:
            raise ValueError("it has no worksheet")
        shared = next(iter(self._related(workbook, "sharedStrings").values()), None)
        styles = next(iter(self._related(workbook, "styles").values()), None)
        strings = self._strings(shared) if shared and self._has(shared) else []
        formats = self._formats(styles) if styles and self._has(styles) else []
        for name, _, part in [sheet for sheet in sheets if sheet[1]] or sheets[:1]:
            reader = WorksheetReader(strings, formats, from_1904, self._usage)
            self._parse(part, reader.start, reader.end, reader.text)
            others = tuple(other for other, _, other_part in sheets if other_part != part)
            rows = reader.rows()
            yield Worksheet(name, others, rows, tuple(reader.hidden), tuple(reader.merged))

    # -- parts ------------------------------------------------------------------------------------------------------

    def _has(self, part: str) -> bool:
        return part.lower() in self._names

    def _related(self, part: str, kind: str) -> dict[str, str]:
        """The parts of a kind that ``part`` refers to, by the key of the reference."""
        folder, base = posixpath.split(part)
        relations = posixpath.join(folder, "_rels", f"{base}.rels")
        found: dict[str, str] = {}

        def start(tag: str, attributes: Mapping[str, str]) -> None:
            external = attributes.get("TargetMode", "").lower() == "external"
            if tag == "Relationship" and attributes.get("Type", "").endswith(f"/{kind}") and not external:
                target = posixpath.join("/", folder, attributes.get("Target", ""))
                found[attributes.get("Id", "")] = posixpath.normpath(target).lstrip("/")

        if self._has(relations):
            self._parse(relations, start)
        return found

    def _sheet_entries(self, workbook: str) -> tuple[list[tuple[str, str, bool]], bool]:
        """(name, key, whether it is visible) of every sheet; and whether the workbook counts days from 1904."""
        sheets: list[tuple[str, str, bool]] = []
        epochs: list[str] = []

        def start(tag: str, attributes: Mapping[str, str]) -> None:
            if tag == "sheet":
                key = next((value for name, value in attributes.items() if name.rpartition(":")[2] == "id"), "")
                sheets.append((attributes.get("name", ""), key, attributes.get("state", "visible") == "visible"))
            elif tag == "workbookPr":
                epochs.append(attributes.get("date1904", "0"))

        self._parse(workbook, start)
        return sheets, bool(epochs) and epochs[0] in ("1", "true")

    def _strings(self, part: str) -> list[str]:
        """The shared strings: the text of their runs, without phonetic hints."""
        strings: list[str] = []
        pieces: list[str] = []
        inside = {"t": 0, "rPh": 0}

        def start(tag: str, _: Mapping[str, str]) -> None:
            if tag in inside:
                inside[tag] += 1

        def end(tag: str) -> None:
            if tag in inside:
                inside[tag] -= 1
            elif tag == "si":
                strings.append(self._bounds.checked_text("".join(pieces)))
                pieces.clear()

        def text(piece: str) -> None:
            if inside["t"] and not inside["rPh"]:
                pieces.append(piece)

        self._parse(part, start, end, text)
        return strings

    def _formats(self, part: str) -> list[str]:
        """The number format of each cell style."""
        from openpyxl.styles.numbers import BUILTIN_FORMATS  # slow to import: only for workbooks

        custom: dict[str, str] = {}
        styles: list[str] = []
        inside = {"cellXfs": 0}

        def start(tag: str, attributes: Mapping[str, str]) -> None:
            if tag in inside:
                inside[tag] += 1
            elif tag == "numFmt":
                custom[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")[:256]
            elif tag == "xf" and inside["cellXfs"]:
                number = attributes.get("numFmtId", "0")
                styles.append(custom.get(number) or BUILTIN_FORMATS.get(whole_number(number), "General"))

        def end(tag: str) -> None:
            if tag in inside:
                inside[tag] -= 1

        self._parse(part, start, end)
        return styles

    def _parse(
        self,
        part: str,
        start: Handler,
        end: Callable[[str], None] = lambda _: None,
        text: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Stream a part through expat; the handlers get tags without their prefixes."""
        name = self._names.get(part.lower())
        if name is None:
            raise ValueError(f"it has no part {part[:100]!r}")
        info = self._package.getinfo(name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("it is compressed in a way that no spreadsheet program uses")
        parser = xml.parsers.expat.ParserCreate()
        depth = 0

        def count_and_start(tag: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > _DEEPEST:
                raise OutOfBounds(f"its elements are nested more than {_DEEPEST} deep")
            self._elements += 1
            if self._elements > self._bounds.elements:
                raise OutOfBounds(f"it holds more than {self._bounds.elements:,} elements")
            start(tag.rpartition(":")[2], attributes)

        def count_and_end(tag: str) -> None:
            nonlocal depth
            depth -= 1
            end(tag.rpartition(":")[2])

        parser.StartElementHandler = count_and_start
        parser.EndElementHandler = count_and_end
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        fed = 0
        with self._package.open(info) as stream:
            while chunk := stream.read(_CHUNK):
                self._bytes += len(chunk)
                if self._bytes > self._bounds.inflated:
                    raise OutOfBounds(f"unpacked it has more than {self._bounds.inflated:,} bytes")
                parser.Parse(chunk)
                fed += len(chunk)
                if fed - max(0, parser.CurrentByteIndex) > _LONGEST_TOKEN:
                    raise OutOfBounds(f"one of its tags has more than {_LONGEST_TOKEN:,} bytes")
        parser.Parse(b"", True)


def _refuse_doctype(*_: object) -> NoReturn:
    """A document type declares entities; no spreadsheet has one."""
    raise ValueError("it declares entities")
