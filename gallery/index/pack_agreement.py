"""Refusing to compare templates of two model packs."""

from __future__ import annotations

import shlex

from presente.errors import PackError
from presente.installation import command_line


def check_same_pack(made_with: tuple[str, int] | None, asked: tuple[str, int], pack_name: str) -> None:
    """Refuse a store whose templates were made by another pack: ``pack_mismatch``, naming both.

    Args:
        made_with: tag and dimension of the store's pack; None while it is empty.
        asked: those of the pack whose templates are to be compared.
        pack_name: how ``--pack`` names that pack.
    """
    if made_with is not None and made_with != asked:
        raise PackError(
            "pack_mismatch",
            f"The gallery was made with pack {made_with[0]!r} ({made_with[1]} dimensions), and "
            f"{asked[0]!r} ({asked[1]}) was asked for; their templates cannot be compared.",
            f"Set PRESENTE_PACK back, or re-embed every stored photo with "
            f"`{command_line('indexer sync --pack ' + shlex.quote(pack_name))}`.",
        )
