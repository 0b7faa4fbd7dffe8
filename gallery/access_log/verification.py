"""Checks the access log's chain: finds lines that were changed, are missing, or are where they do not belong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from gallery.access_log.shortening import log_start
from gallery.documents.access_log import ALL_LINES, NO_LINES, AccessLine, ChainHead, Concerned, line_hash
from gallery.documents.protocol import DocumentStore

_PAGE = 1000

FindingCode = Literal[
    "line_changed",
    "line_forged",
    "line_missing",
    "chain_broken",
    "person_changed",
    "end_missing",
    "head_differs",
    "note_unreadable",
    "start_forged",
]


@dataclass(frozen=True, slots=True)
class ChainFinding:
    """Something that is not as it was written.

    Attributes:
        code: what it is.
        line: the number of the line; of several that are missing, the first.
        what: in words.
    """

    code: FindingCode
    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found in a log: how many lines it has, its head, what is wrong, in order of line, and the last line that
    was cut off its beginning (:data:`NO_LINES` for none)."""

    lines: int
    head: ChainHead
    findings: tuple[ChainFinding, ...]
    start: ChainHead = NO_LINES


def verify(
    store: DocumentStore, kept: ChainHead | None = None, progress: Callable[[int], None] = lambda _: None
) -> Verified:
    """Read the whole log and check it.

    Args:
        store: whose log.
        kept: a head that was kept elsewhere: its line has to be there, with this hash.
        progress: is told how many further lines were read.
    """
    noted = store.access_log.noted_head()
    findings = [ChainFinding("note_unreadable", 0, "What is noted as the log's head is none.")] if noted is None else []
    start = log_start(store)
    if start is None:
        findings.append(ChainFinding("start_forged", 0, "This store did not sign where the log is said to begin."))
        start = NO_LINES
    expected = [head for head in (noted, kept) if head is not None and head != NO_LINES]
    count, last = 0, start
    misled: list[int] = []
    lines = store.access_log.every_line()
    while page := list(islice(lines, _PAGE)):
        progress(len(page))
        misled += _misled(store, page)
        for line in page:
            if line.number < 1:
                what = f"Line {line.number} is not of this log: the first line is 1."
                findings.append(ChainFinding("line_forged", line.number, what))
                continue
            if line.number < start.number or (line.number == start.number and line.hash == start.hash):
                continue  # it is about to be deleted
            findings += _compare(line, last)
            findings += [_head_differs(line, head) for head in expected if _contradicts(line, head)]
            count, last = count + 1, line.head
    findings += map(_person_changed, _still_misled(store, misled))
    for end in sorted({head.number for head in expected if head.number > last.number}):
        findings.append(
            ChainFinding("end_missing", last.number + 1, f"The log ends at {last.number}; it was {end} lines long.")
        )
    return Verified(count, last, tuple(sorted(dict.fromkeys(findings), key=lambda each: each.line)), start)


def _compare(line: AccessLine, last: ChainHead) -> Iterator[ChainFinding]:
    """What is wrong with a line that comes after another one."""
    number = line.number
    if number != last.number + 1:
        first, end = last.number + 1, number - 1
        what = f"Line {first} is missing." if first == end else f"Lines {first} to {end} are missing."
        yield ChainFinding("line_missing", first, what)
    elif line.previous != last.hash:
        yield ChainFinding("chain_broken", number, f"Line {number} was not written after the line before it.")
    if line.hash != line_hash(number, line.event, line.concerned, line.previous):
        yield ChainFinding("line_changed", number, f"Line {number} is not as it was written.")
    if not all(each.holds for each in line.concerned):
        yield _person_changed(number)


def _misled(store: DocumentStore, lines: Sequence[AccessLine]) -> list[int]:
    """The numbers of lines that name a student, and stand beside another one's id, or beside none: neither a search
    for the student nor the student's erasure would find them."""
    concerned = [(line.number, each) for line in lines if line.number > 0 for each in line.concerned]
    named = [(number, each) for number, each in concerned if each.matricula is not None and each.holds]
    ids = {number for _, each in named for number in (each.subject, each.committed_subject) if number is not None}
    there = frozenset(store.subjects(sorted(ids)))
    return [number for number, each in named if not _found_by(each, there)]


def _found_by(each: Concerned, there: Collection[int]) -> bool:
    """Whether a student's line has the id of the student, or of the one with whom the student was merged."""
    merged = each.committed_subject not in there  # also where a line of the first version does not have it
    return each.subject in there and (merged or each.subject == each.committed_subject)


def _still_misled(store: DocumentStore, numbers: Sequence[int]) -> list[int]:
    """Those of the lines that are so now, too: of the others a student was being erased or merged meanwhile."""
    again = [line for number in numbers for line in store.access_log.lines(ALL_LINES, number - 1, 1)]
    return _misled(store, [line for line in again if line.number in numbers])


def _person_changed(number: int) -> ChainFinding:
    return ChainFinding("person_changed", number, f"Line {number} names another student than it was written with.")


def _contradicts(line: AccessLine, head: ChainHead) -> bool:
    return line.number == head.number and line.hash != head.hash


def _head_differs(line: AccessLine, head: ChainHead) -> ChainFinding:
    return ChainFinding(
        "head_differs", line.number, f"Line {line.number} has another hash than the one that was kept: {head.hash}."
    )
