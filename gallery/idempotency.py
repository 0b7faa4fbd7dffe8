"""A request with a key is carried out once, however often it is sent: the one rule for whatever records something.

The key is claimed before anything is written and marked as done after all is written. An attempt that was cut off in
between is carried out again, which is safe: what it wrote carries the key, or is the same when it is written again.
Why no reply is kept, and what a crash can leave: docs/adr/0017-idempotency.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from gallery.documents.attendance import AttendanceStore, Claim, key_reused
from presente.errors import Busy, Conflict, InvalidInput, NotFound, PhotoRefused

_Result = TypeVar("_Result")

_REFUSALS = (InvalidInput, PhotoRefused, NotFound, Conflict, Busy)
"""Errors after which nothing of the request is stored: its key is free for a better one."""


def carry_out_once(
    records: AttendanceStore,
    claim: Claim,
    about: Collection[int],
    work: Callable[[Claim], _Result],
    concerned: Callable[[_Result], Collection[int]],
) -> _Result:
    """Carry out a request, or say what holds when it was carried out before.

    Args:
        records: where keys are kept.
        claim: of this attempt; without a key nothing is kept, and the work is simply done.
        about: subject ids whom the request names, so that erasing one of them erases what is kept of it.
        work: does it, by the claim that holds: with ``done`` it must write nothing, and without ``first`` it must
            expect parts of its work to be there.
        concerned: further subject ids, which only the result tells.

    Raises:
        Conflict: ``idempotency_key_reused``; nothing was done.
        NotFound: ``student_not_found``, when one of ``about`` was erased meanwhile.
    """
    if not claim.key:
        return work(claim)
    held = records.claim(claim, about)
    if held.digest != claim.digest:
        raise key_reused(claim.key)
    try:
        result = work(held)
    except _REFUSALS:
        if held.first:
            records.release(held.key)
        raise
    if not held.done:
        records.finish(held.key, concerned(result))
    return result
