"""Checks the access log's chain: finds lines that were changed, are missing, or are where they do not belong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from gallery.documents.access_log import ALL_LINES, NO_LINES, AccessLine, ChainHead, line_hash
from gallery.documents.access_log_store import AccessLogStore

_PAGE = 1000
_BELOW_ALL = -(2**63)

FindingCode = Literal[
    "line_changed", "line_forged", "line_missing", "chain_broken", "person_changed", "end_missing", "head_differs"
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
    """What was found in a log: how many lines it has, its head, and what is wrong, in order of line."""

    lines: int
    head: ChainHead
    findings: tuple[ChainFinding, ...]


def verify(
    store: AccessLogStore, kept: ChainHead | None = None, progress: Callable[[int], None] = lambda _: None
) -> Verified:
    """Read the whole log and check it.

    Args:
        store: whose log.
        kept: a head that was kept elsewhere: its line has to be there, with this hash.
        progress: is told how many further lines were read.
    """
    expected = [head for head in (store.noted_head(), kept) if head is not None and head != NO_LINES]
    findings: list[ChainFinding] = []
    count, last = 0, NO_LINES
    for line in _all_lines(store):
        progress(1)
        if line.number < 1:
            what = f"Line {line.number} is not of this log: the first line is 1."
            findings.append(ChainFinding("line_forged", line.number, what))
            continue
        findings += _compare(line, last)
        findings += [_head_differs(line, head) for head in expected if _contradicts(line, head)]
        count, last = count + 1, line.head
    for end in sorted({head.number for head in expected if head.number > last.number}):
        findings.append(
            ChainFinding("end_missing", last.number + 1, f"The log ends at {last.number}; it was {end} lines long.")
        )
    return Verified(count, last, tuple(findings))


def _all_lines(store: AccessLogStore) -> Iterator[AccessLine]:
    after = _BELOW_ALL
    while page := store.lines(ALL_LINES, after, _PAGE):
        yield from page
        after = page[-1].number


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
        yield ChainFinding("person_changed", number, f"Line {number} names another student than it was written with.")


def _contradicts(line: AccessLine, head: ChainHead) -> bool:
    return line.number == head.number and line.hash != head.hash


def _head_differs(line: AccessLine, head: ChainHead) -> ChainFinding:
    return ChainFinding(
        "head_differs", line.number, f"Line {line.number} has another hash than the one that was kept: {head.hash}."
    )
