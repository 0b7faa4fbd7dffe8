"""The protocol of short texts that a store keeps by name, about the store and about no person."""

from __future__ import annotations

from typing import Protocol

SIGNING_KEY = "receipt_key"
"""What receipts are signed with: :mod:`gallery.signing`."""
LOG_START = "access_log_start"
"""Where the access log begins, once its beginning was cut: :mod:`gallery.access_log.shortening`."""
RESTORED_UP_TO = "restored_up_to"
"""Of a store that was restored: a number that no id in it exceeded when it was."""
GROUP_REPORT = "group_report"
"""The last report on recognition by group: JSON of :class:`gallery.threshold.group_report.GroupReport`."""
LIVENESS_CALIBRATION = "liveness_calibration"
"""The threshold of a liveness pack: JSON of :class:`gallery.threshold.liveness_calibration.LivenessCalibration`."""
UNKNOWNS_APART = "unknowns_apart"
"""The groups of unknown people that are to stay apart: :mod:`gallery.unknowns.apart`."""
BACKUPS = "backups"
"""The folders that the store was backed up into, as a JSON list of texts."""


def receipt_note(code_digest: str) -> str:
    """The name of the note that has a receipt, by the SHA-256 of its code."""
    return f"receipt {code_digest}"


class NoteStore(Protocol):
    """Texts by name."""

    def read(self, name: str) -> str | None:
        """The text with a name; None when there is none."""

    def write(self, name: str, text: str) -> None:
        """Write a text, in place of another one with the name."""

    def write_once(self, name: str, text: str) -> str:
        """Write a text unless there is one with the name; the one that is there then, also when several write."""
