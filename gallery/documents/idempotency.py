"""A request with a key is carried out once, however often it is sent: the one rule for everything that records.

The key is claimed before anything is written, and marked as done after everything is written. An attempt that was
interrupted in between is carried out again. That is safe: what it wrote carries the key, or is the same when it is
written again. Why no reply is kept, and what a crash can leave: docs/adr/0017-idempotency.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from gallery.documents.protocol import RequestKeyStore
from gallery.documents.request_keys import Claim, key_reused
from presente.errors import Busy, Conflict, InvalidInput, NotFound, PhotoRefused

_Result = TypeVar("_Result")

_REFUSALS = (InvalidInput, PhotoRefused, NotFound, Conflict, Busy)
"""Errors after which nothing of the request is stored: its key may be used for a corrected one."""


def carry_out_once(
    request_keys: RequestKeyStore,
    claim: Claim,
    about: Collection[int],
    work: Callable[[Claim], _Result],
    concerned: Callable[[_Result], Collection[int]],
) -> _Result:
    """Carry out a request, or return the present state when it was carried out before.

    Args:
        request_keys: where keys are stored.
        claim: the claim of this attempt; without a key nothing is stored, and the work is simply done.
        about: subject ids of the students whom the request names. Erasing one of them erases the stored claim.
        work: carries out the request, given the stored claim. With ``done`` it must write nothing; without ``first`` it
            must expect that parts of its work were written before.
        concerned: gives further subject ids, which only the result tells.

    Raises:
        Conflict: ``idempotency_key_reused``; nothing was done.
        NotFound: ``student_not_found``, when one of ``about`` was erased meanwhile.
    """
    if not claim.key:
        return work(claim)
    stored = request_keys.claim(claim, about)
    if stored.digest != claim.digest:
        raise key_reused(claim.key)
    try:
        result = work(stored)
    except _REFUSALS:
        if stored.first:
            request_keys.release(stored.key)
        raise
    if not stored.done:
        request_keys.finish(stored.key, concerned(result))
    return result
