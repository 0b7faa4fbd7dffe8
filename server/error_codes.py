"""The codes of errors that clients can meet, with the HTTP status of each.

A route names the codes of its own in ``@answers(refuses=...)``; here are the groups that several routes have.
:mod:`server.openapi.route_errors` adds the codes that follow from what a route declares otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[int, frozenset[str]] = {
    400: frozenset({
        "ambiguous_column", "bad_request", "dimension_mismatch", "empty_image", "empty_source", "invalid_archive",
        "invalid_columns", "missing_column", "no_sheet", "several_sheets", "sheet_too_large", "unknown_rows",
        "unreadable_sheet", "invalid_accion", "invalid_base64", "invalid_cohort",
        "invalid_consent",
        "invalid_cursor", "invalid_detail", "invalid_embeddings", "invalid_face", "invalid_faces", "invalid_fecha",
        "invalid_field",
        "invalid_force", "invalid_format", "invalid_frame", "invalid_grant", "invalid_history", "invalid_host",
        "invalid_idempotency_key", "invalid_json", "invalid_k", "invalid_length", "invalid_limit", "invalid_name",
        "invalid_aside", "invalid_asked", "invalid_consent_ended", "invalid_names", "invalid_dry_run",
        "invalid_fpir", "invalid_npy", "invalid_parameter", "invalid_partial", "invalid_password",
        "invalid_order",
        "invalid_purpose", "invalid_severity", "invalid_size", "invalid_sort", "invalid_state", "invalid_status",
        "invalid_student", "invalid_form", "invalid_threshold", "invalid_times", "no_video",
        "invalid_without_consent", "invalid_without_photos", "missing_field", "missing_parameter", "no_photos",
        "not_finite", "one_photo_needed", "repeated_header", "same_student", "same_unknown_person",
        "too_many_photos", "two_keys",
        "unknown_field", "unknown_parameter",
    }),
    401: frozenset({"missing_key", "session_ended", "unknown_key", "wrong_password"}),
    403: frozenset({
        "class_not_yours", "force_not_allowed", "foreign_host", "foreign_origin", "own_photos_not_allowed",
        "role_not_enough", "session_needed", "threshold_too_low", "wrong_csrf_token", "wrong_current_password",
        "wrong_setup_code",
    }),
    404: frozenset({
        "account_not_found", "accounts_off", "calibration_not_found", "class_not_found", "entry_not_found",
        "face_not_found", "finding_not_found", "import_not_found", "job_not_found", "key_not_found",
        "negative_not_found", "not_found", "photo_not_found", "receipt_not_found", "session_not_found",
        "student_not_found", "unknown_person_not_found", "unknowns_off",
    }),
    405: frozenset({"method_not_allowed"}),
    408: frozenset({"request_timeout"}),
    409: frozenset({
        "already_set_up", "ambiguous_name", "consent_withdrawn", "different_person", "film_starts_differ",
        "idempotency_key_reused",
        "import_started", "last_admin", "name_taken", "no_room_for_photos", "no_session",
        "photo_is_enrolled", "possible_duplicate", "session_closed", "session_exists", "several_sessions",
        "student_exists", "student_removed", "threshold_is_set",
        "too_many_imports", "too_many_jobs",
    }),
    411: frozenset({"length_required"}),
    413: frozenset({"too_many_bytes"}),
    415: frozenset({"not_an_image", "unsupported_format", "unsupported_media_type"}),
    422: frozenset({
        "consent_missing", "crashed", "damaged_image", "low_quality", "multiple_faces", "no_face", "too_costly",
        "too_many_pixels", "too_much_memory", "too_small",
    }),
    429: frozenset({"too_many_logins", "too_many_requests", "too_many_wrong_keys"}),
    431: frozenset({"head_too_large"}),
    500: frozenset({"internal_error"}),
    501: frozenset({"hands_off"}),
    503: frozenset({
        "access_log_full", "busy", "calibration_unreadable", "data_key_missing",
        "documents_missing", "erasure_incomplete", "erasure_list_unwritable", "lease_lost",
        "liveness_not_calibrated", "master_key_missing", "not_ready", "pack_mismatch", "request_in_progress",
        "seal_broken", "shards_missing",
        "signing_key_unreadable", "snapshot_gone",
        "store_unavailable", "store_unsealed",
    }),
    507: frozenset({
        "export_unwritable", "films_unwritable", "imports_unwritable", "index_unwritable", "no_room_for_film",
    }),
}  # fmt: skip
"""Every code that a client can meet, by its status."""

STATUS_OF: Mapping[str, int] = {code: status for status, codes in CODES.items() for code in codes}
"""The status of each code."""

ALWAYS = frozenset({
    "access_log_full", "bad_request", "busy", "foreign_host", "foreign_origin", "head_too_large", "internal_error",
    "invalid_host", "invalid_length", "length_required", "repeated_header", "request_timeout", "too_many_bytes",
    "too_many_requests", "two_keys",
})  # fmt: skip
"""What any request may be refused for by its head or its framing, or when the server fails."""

KEYS = frozenset({
    "missing_key", "role_not_enough", "session_ended", "too_many_wrong_keys", "unknown_key", "wrong_csrf_token",
})  # fmt: skip
"""What a request that needs a key or a session may be refused for."""

SCOPED = frozenset({"class_not_yours"})
"""What a caller of some classes may be refused for who names another one."""

GALLERY = frozenset({
    "calibration_unreadable", "data_key_missing", "lease_lost", "master_key_missing", "not_ready", "pack_mismatch",
    "seal_broken", "shards_missing", "snapshot_gone", "store_unavailable", "store_unsealed",
})  # fmt: skip
"""What every request to the gallery may be refused for."""

PHOTO = frozenset({
    "crashed", "damaged_image", "empty_image", "not_an_image", "too_costly", "too_many_pixels", "too_much_memory",
    "too_small", "unsupported_format",
})  # fmt: skip
"""What a photo may be refused for when it is read."""

JUDGED = frozenset({"liveness_not_calibrated"})
"""What a photo may be refused for of which it is asked whether its faces are live."""

PORTRAIT = frozenset({"low_quality", "multiple_faces", "no_face"})
"""What a photo of one person may be refused for."""

ENROLMENT = PORTRAIT | {
    "consent_missing", "consent_withdrawn", "different_person", "invalid_student", "no_photos", "possible_duplicate",
    "student_removed",
}  # fmt: skip
"""What photos of a student may be refused for."""

FILMS = frozenset({
    "film_starts_differ",
    "films_unwritable", "invalid_form", "no_room_for_film", "no_video", "too_many_jobs", "unsupported_media_type",
})  # fmt: skip
"""What a film may be refused for when it is received."""

KEYED = frozenset({"idempotency_key_reused", "invalid_idempotency_key", "request_in_progress"})
"""What a request may be refused for that may carry an Idempotency-Key."""

WRITES = frozenset({"index_unwritable"})
"""What a request that changes the index may be refused for."""

ERASES = WRITES | {
    "documents_missing", "erasure_incomplete", "erasure_list_unwritable", "export_unwritable",
    "signing_key_unreadable",
}  # fmt: skip
"""What a request that erases may be refused for."""
