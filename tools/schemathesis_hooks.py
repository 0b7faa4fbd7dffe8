"""What Schemathesis is told of this API: which refusals no schema can announce. Schemathesis loads it:
``SCHEMATHESIS_HOOKS`` (tests/server/test_openapi.py)."""

from typing import Any

import schemathesis
from schemathesis.checks import CHECKS
from schemathesis.specs.openapi import checks

SAID_IN_WORDS = frozenset({
    # what a photo shows, and whether bytes are one
    "crashed", "damaged_image", "empty_image", "invalid_base64", "low_quality", "multiple_faces", "no_face",
    "not_an_image", "too_costly", "too_many_pixels", "too_much_memory", "too_small", "unsupported_format",
    # that the first bytes of a film are those of a photo or a text
    "unsupported_media_type",
    # texts in their one form, without characters that cannot be shown; dates that exist and are not to come
    "invalid_consent", "invalid_fecha", "invalid_field", "invalid_parameter", "invalid_password", "invalid_student",
    # a session ends after it starts, and no two meetings start at once
    "invalid_times",
    # which classes and matricula go with a role
    "invalid_grant",
    # arrays: one length, the pack's dimension, finite, not too many results
    "dimension_mismatch", "invalid_embeddings", "invalid_k", "invalid_npy", "not_finite",
    # what a sheet says, and what a .zip holds; which of its rows can be run
    "ambiguous_column", "empty_source", "invalid_archive", "invalid_columns", "missing_column", "no_sheet",
    "several_sheets", "sheet_too_large", "unknown_rows", "unreadable_sheet",
    # two students, or two cards, who are one
    "same_student", "same_unknown_person",
    # one of two places, one of two fields, a cursor of another list
    "invalid_cursor", "missing_field", "missing_parameter", "no_photos", "one_photo_needed", "too_many_photos",
    "unknown_parameter",
})  # fmt: skip
"""Codes of refusals of a request that fits its schema."""

vars(checks)["AUTH_REJECTION_STATUSES"] = frozenset({401, 403, 429})  # 429: after ten wrong keys
_accepts_what_fits: Any = CHECKS.get_one("positive_data_acceptance")
_has_no_fault: Any = CHECKS.get_one("not_a_server_error")
for _name in ("positive_data_acceptance", "not_a_server_error"):
    CHECKS.unregister(_name)


@schemathesis.check
def positive_data_acceptance(ctx: Any, response: Any, case: Any) -> bool | None:
    """The check of that name, but for refusals that the documentation announces in words."""
    if response.status_code in (400, 415, 422) and response.json()["code"] in SAID_IN_WORDS:
        return None
    found: bool | None = _accepts_what_fits(ctx, response, case)
    return found


@schemathesis.check
def not_a_server_error(ctx: Any, response: Any, case: Any) -> bool | None:
    """The check of that name, but for what is announced as not built."""
    if response.status_code == 501:
        return None
    found: bool | None = _has_no_fault(ctx, response, case)
    return found


@schemathesis.hook
def before_call(_: Any, case: Any, __: Any) -> None:
    """Headers are texts, also those that Schemathesis takes from another answer."""
    if case.headers:
        case.headers = {name: str(text) for name, text in case.headers.items()}
