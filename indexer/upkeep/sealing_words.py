"""How a store and its index are sealed, in words."""

from __future__ import annotations

from gallery.documents.seal_store import SealState
from gallery.index.index_state import IndexFiles
from presente.installation import command_line

_FILES: dict[IndexFiles | None, str] = {
    None: "none: the index is in memory only",
    "clear": "in the clear",
    "sealed": "sealed, and opened into locked memory",
    "sealed_unlocked": "sealed, and opened into memory that may be swapped [index_memory_not_locked]: allow as much as "
    "the vectors take (ulimit -l, LimitMEMLOCK=), or encrypt the swap",
}


def sealing_words(state: SealState) -> str:
    """How a store is sealed, and what is still to be done."""
    if not state.sealed:
        return "in the clear"
    words = [f"sealed with the master key {' or '.join(state.masters)}"]
    if state.clear_records:
        words.append(f"{state.clear_records} records are in the clear: `{command_line('seal run')}`")
    if state.retired:
        words.append(f"{state.retired} data keys are to be changed: `{command_line('seal rotate-keys')}`")
    words.append("names are in the clear" if state.clear_names else "names are sealed")
    return "; ".join(words)


def files_words(files: IndexFiles | None) -> str:
    """How the vectors on disk are kept."""
    return _FILES[files]
