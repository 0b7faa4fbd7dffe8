"""An .xlsx workbook's sheet as rows of values, read within bounds, whatever the file says of itself.

Only what a list of students needs is read: the sheet's cells, the shared strings, the formats of numbers, which cells
are merged and which rows hidden. All of it streams through expat, and counting begins with the inflated bytes: a
package of 5 KB may hold a hundred thousand rows that each reach to the last column.
"""

from __future__ import annotations

import bisect
import datetime
import posixpath
import re
import xml.parsers.expat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import NoReturn

from indexer.sources.sheet.bounds import BOUNDS, Bounds, OutOfBounds

_CHUNK = 1 << 16
_LONGEST_TOKEN = 1 << 20
"""Bytes of a tag or a comment. What expat cannot finish it looks at anew with every chunk."""

_DEEPEST = 64

_ENTRY = b"PK\x01\x02"
_CELL = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_RANGE = re.compile(r"([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})")
_PADDED = re.compile(r"(0{1,32})(?:;.*)?", re.DOTALL)

Value = str | int | float | bool | datetime.datetime | datetime.date | datetime.time | datetime.timedelta
Handler = Callable[[str, Mapping[str, str]], None]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet.

    Attributes:
        name: what its tab says.
        others: the names of the other worksheets.
        rows: (line, values by column, from 0) of each row that holds a value.
        hidden: lines that the sheet hides.
    """

    name: str
    others: tuple[str, ...]
    rows: list[tuple[int, dict[int, Value]]]
    hidden: tuple[int, ...]


def read_workbook(content: bytes, bounds: Bounds = BOUNDS) -> Sheet:
    """The first sheet that is not hidden.

    Raises:
        OutOfBounds: it is larger than a list of students may be, saying which bound.
        ValueError, and what zipfile, zlib and expat raise: it is no workbook, or a damaged one.
    """
    if content.count(_ENTRY) > bounds.members:
        raise OutOfBounds(f"it holds more than {bounds.members:,} parts")
    with zipfile.ZipFile(BytesIO(content)) as package:
        return _Workbook(package, bounds).sheet()


class _Workbook:
    """The parts of a package, read one after the other under one account of bytes and elements."""

    def __init__(self, package: zipfile.ZipFile, bounds: Bounds) -> None:
        self._package = package
        self._bounds = bounds
        self._bytes = self._elements = 0
        self._names = {name.lower(): name for name in package.namelist()}

    def sheet(self) -> Sheet:
        """See :func:`read_workbook`."""
        book = next(iter(self._related("", "officeDocument").values()), "xl/workbook.xml")
        sheets, from_1904 = self._listed(book)
        places = self._related(book, "worksheet")
        found = [(name, shown, places[key]) for name, key, shown in sheets if key in places]
        if not found:
            raise ValueError("it has no worksheet")
        name, _, place = next((each for each in found if each[1]), found[0])
        strings = next(iter(self._related(book, "sharedStrings").values()), None)
        styles = next(iter(self._related(book, "styles").values()), None)
        reader = _SheetReader(
            self._strings(strings) if strings and self._has(strings) else [],
            self._formats(styles) if styles and self._has(styles) else [],
            from_1904,
            self._bounds,
        )
        self._parse(place, reader.start, reader.end, reader.text)
        others = tuple(other for other, _, other_place in found if other_place != place)
        return Sheet(name, others, reader.filled(), tuple(reader.hidden))

    # -- parts ------------------------------------------------------------------------------------------------------

    def _has(self, part: str) -> bool:
        return part.lower() in self._names

    def _related(self, part: str, kind: str) -> dict[str, str]:
        """The parts of a kind that a part names, by the key under which it does."""
        folder, base = posixpath.split(part)
        listed = posixpath.join(folder, "_rels", f"{base}.rels")
        found: dict[str, str] = {}

        def start(tag: str, attributes: Mapping[str, str]) -> None:
            external = attributes.get("TargetMode", "").lower() == "external"
            if tag == "Relationship" and attributes.get("Type", "").endswith(f"/{kind}") and not external:
                target = posixpath.join("/", folder, attributes.get("Target", ""))
                found[attributes.get("Id", "")] = posixpath.normpath(target).lstrip("/")

        if self._has(listed):
            self._parse(listed, start)
        return found

    def _listed(self, book: str) -> tuple[list[tuple[str, str, bool]], bool]:
        """(name, key, whether it is shown) of every sheet; whether its days are counted from 1904."""
        sheets: list[tuple[str, str, bool]] = []
        epochs: list[str] = []

        def start(tag: str, attributes: Mapping[str, str]) -> None:
            if tag == "sheet":
                key = next((value for name, value in attributes.items() if name.rpartition(":")[2] == "id"), "")
                sheets.append((attributes.get("name", ""), key, attributes.get("state", "visible") == "visible"))
            elif tag == "workbookPr":
                epochs.append(attributes.get("date1904", "0"))

        self._parse(book, start)
        return sheets, bool(epochs) and epochs[0] in ("1", "true")

    def _strings(self, part: str) -> list[str]:
        """The shared strings: of each the text of its runs, not of its phonetic hints."""
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

        own: dict[str, str] = {}
        styles: list[str] = []
        inside = {"cellXfs": 0}

        def start(tag: str, attributes: Mapping[str, str]) -> None:
            if tag in inside:
                inside[tag] += 1
            elif tag == "numFmt":
                own[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")[:256]
            elif tag == "xf" and inside["cellXfs"]:
                number = attributes.get("numFmtId", "0")
                styles.append(own.get(number) or BUILTIN_FORMATS.get(_whole(number), "General"))

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
        """Stream a part through expat; tags come without their prefixes."""
        name = self._names.get(part.lower())
        if name is None:
            raise ValueError(f"it has no part {part[:100]!r}")
        info = self._package.getinfo(name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("it is compressed in a way that no spreadsheet uses")
        parser = xml.parsers.expat.ParserCreate()
        depth = 0

        def started(tag: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > _DEEPEST:
                raise OutOfBounds(f"its elements are nested more than {_DEEPEST} deep")
            self._elements += 1
            if self._elements > self._bounds.elements:
                raise OutOfBounds(f"it holds more than {self._bounds.elements:,} elements")
            start(tag.rpartition(":")[2], attributes)

        def ended(tag: str) -> None:
            nonlocal depth
            depth -= 1
            end(tag.rpartition(":")[2])

        parser.StartElementHandler = started
        parser.EndElementHandler = ended
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
    """No spreadsheet has one, and it is what entities are declared in."""
    raise ValueError("it declares entities")


class _SheetReader:
    """What expat finds in a worksheet, as rows."""

    def __init__(self, strings: list[str], formats: list[str], from_1904: bool, bounds: Bounds) -> None:
        self.hidden: list[int] = []
        self._strings = strings
        self._formats = formats
        self._from_1904 = from_1904
        self._bounds = bounds
        self._rows: list[tuple[int, dict[int, Value]]] = []
        self._merged: list[tuple[int, int, int]] = []
        self._account = bounds.account()
        self._line = 0
        self._column = -1
        self._kind = self._style = ""
        self._inside: str | None = None
        self._pieces: list[str] = []
        self._length = 0
        self._hints = 0
        self._is_hidden = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "row":
            self._line = _whole(attributes.get("r", "")) or self._line + 1
            self._column = -1
            self._is_hidden = attributes.get("hidden") in ("1", "true")
        elif tag == "c":
            place = _CELL.fullmatch(attributes.get("r", ""))
            self._column = _column(place[1]) if place else self._column + 1
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._pieces, self._length = [], 0
        elif tag in ("v", "t"):
            self._inside = tag
        elif tag == "rPh":
            self._hints += 1
        elif tag == "mergeCell":
            self._merge(attributes.get("ref", ""))

    def end(self, tag: str) -> None:
        if tag in ("v", "t"):
            self._inside = None
        elif tag == "rPh":
            self._hints -= 1
        elif tag == "c" and self._pieces:
            value = self._value("".join(self._pieces))
            self._pieces = []
            if value is not None and value != "":
                self._keep(value)

    def text(self, piece: str) -> None:
        if self._inside and not self._hints:
            self._pieces.append(piece)
            self._length += len(piece)
            self._bounds.check_length(self._length)

    def filled(self) -> list[tuple[int, dict[int, Value]]]:
        """The rows, a value that is merged over several in each of them."""
        rows = sorted(self._rows, key=lambda row: row[0])
        lines = [line for line, _ in rows]
        for first, last, column in self._merged:
            begin, end = bisect.bisect_left(lines, first), bisect.bisect_right(lines, last)
            if begin < len(rows) and lines[begin] == first and column in rows[begin][1]:
                for _, values in rows[begin + 1 : end]:
                    self._account.add_carried(rows[begin][1][column])
                    values.setdefault(column, rows[begin][1][column])
        return rows

    def _keep(self, value: Value) -> None:
        if self._column >= self._bounds.columns:
            raise OutOfBounds(f"line {self._line} has a value beyond column {self._bounds.columns}")
        if not self._rows or self._rows[-1][0] != self._line:
            self._account.add_row()
            self._rows.append((self._line, {}))
            if self._is_hidden:
                self.hidden.append(self._line)
        self._account.add_cell(value)
        self._rows[-1][1][self._column] = value

    def _merge(self, reference: str) -> None:
        """Note cells that are merged downwards."""
        found = _RANGE.fullmatch(reference)
        if found and int(found[2]) < int(found[4]) and _column(found[1]) < self._bounds.columns:
            if len(self._merged) >= self._bounds.rows:
                raise OutOfBounds(f"it merges cells more than {self._bounds.rows:,} times")
            self._merged.append((int(found[2]), int(found[4]), _column(found[1])))

    def _value(self, text: str) -> Value | None:
        if self._kind == "s":
            return self._strings[int(text)] if 0 <= int(text) < len(self._strings) else None
        if self._kind == "b":
            return text.strip() == "1"
        if self._kind == "d":
            return datetime.datetime.fromisoformat(text.strip())
        if self._kind != "n":
            return text
        number = _number(text)
        style = _whole(self._style) or 0
        form = self._formats[style] if style < len(self._formats) else "General"
        return _formatted(number, form, self._from_1904)


def _formatted(number: float, form: str, from_1904: bool) -> Value:
    """A number as its format means it: a date, leading zeros, or itself."""
    from openpyxl.styles.numbers import is_date_format, is_timedelta_format
    from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel

    if is_date_format(form):
        epoch = MAC_EPOCH if from_1904 else WINDOWS_EPOCH
        try:
            moment: Value | None = from_excel(number, epoch, timedelta=is_timedelta_format(form))
        except (OverflowError, ValueError):
            return number
        return number if moment is None else moment
    padded = _PADDED.fullmatch(form)
    if padded and number == int(number) and number >= 0:
        return str(int(number)).zfill(len(padded[1]))
    return number


def _number(text: str) -> float:
    """A whole number as an int; no infinity, and none so long that it costs time."""
    if len(text) > 64:
        raise ValueError("a number has more than 64 digits")
    if re.fullmatch(r"\s*[+-]?\d+\s*", text, re.ASCII):
        return int(text)
    number = float(text)
    if number - number != 0:
        raise ValueError("a number is none")
    return number


def _column(letters: str) -> int:
    """A is 0."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
