"""What a store of access log lines does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from gallery.documents.access_log import AccessEvent, AccessFilter, AccessLine, ChainHead


class AccessLogStore(Protocol):
    """The lines of the access log. They are only ever added, in one order, whichever processes add them at once.

    When a student is erased, lines about the student lose salt, matricula and subject, and keep the commitment: those
    with the student's subject, and those that were written with it. When students are merged, the lines of both are
    found by the subject of the student who stays.
    """

    def append(self, events: Sequence[AccessEvent]) -> ChainHead:
        """Add a line per event, in order; the head afterwards. The lines are on disk when this returns."""

    def lines(self, which: AccessFilter, after: int, limit: int) -> list[AccessLine]:
        """At most ``limit`` lines with numbers above ``after``, in order of number.

        A text that another program replaced by something else is shown as that, and so has another hash."""

    def every_line(self) -> Iterator[AccessLine]:
        """Every line as it is stored, in order of number: also those below 1, and as 0 those whose number is none."""

    def head(self) -> ChainHead:
        """The last line."""

    def last_before(self, moment: str) -> ChainHead:
        """The last line that was written before a moment (UTC, ISO, as lines have it)."""

    def count_until(self, number: int) -> int:
        """How many lines there are up to a number."""

    def drop_until(self, number: int) -> int:
        """Delete the lines up to a number; how many. The caller has noted where the log begins now."""

    def note_head(self) -> ChainHead:
        """Note the last line beside the log, so that :meth:`noted_head` tells when later someone cuts the log's end
        off and does not change the note, too; the last line."""

    def noted_head(self) -> ChainHead | None:
        """The line that was noted last; None when what is noted is no head."""
