"""Importing a sheet for a request: made once per key, then looked at and started."""

from __future__ import annotations

import hashlib

from msgspec import UNSET

from gallery.documents.request_keys import Claim
from presente.errors import NotFound
from presente.recognition import digest_of
from server.access.caller import Caller
from server.idempotency import KeyedRequest, carried_out
from server.imports.desk import ImportDesk, ImportStatus
from server.requests.imports import ImportParameters, RunFields, SentSheet
from server.service import Service


def desk_of(service: Service) -> ImportDesk:
    """Where the service's imports are.

    Raises:
        NotFound: ``import_not_found``: this service has no folder for imports.
    """
    if service.imports is None:
        raise NotFound("import_not_found", "Nothing can be imported here.", "Set PRESENTE_IMPORTS.")
    return service.imports


def make_import(sent: KeyedRequest, service: Service, body: SentSheet, parameters: ImportParameters) -> ImportStatus:
    """Keep what was uploaded and plan it, once per key: a retry is answered with the import as it is now.

    Raises:
        InvalidInput, Conflict, StoreError: as :meth:`server.imports.desk.ImportDesk.add`.
        NotFound: ``import_not_found``: a retry, and the import was dropped meanwhile.
    """
    desk = desk_of(service)
    asked = {"files": [[file.path, digest_of(file.content)] for file in body.files], "archive": digest_of(body.archive)}
    number = hashlib.sha256(sent.key.encode()).hexdigest()[:32] if sent.key else None

    def work(claim: Claim) -> ImportStatus:
        if number is not None and (claim.done or not claim.first):
            try:
                return desk.status(number)
            except NotFound:
                if claim.done:
                    raise
        files = body.each(service.embedder.settings.limits.max_bytes)
        return desk.add(files, parameters.columns, service.gallery, number)

    return carried_out(sent, service, asked, work)


def start_import(service: Service, number: str, body: RunFields, caller: Caller) -> ImportStatus:
    """Let an import run; see :meth:`server.imports.desk.ImportDesk.start`."""
    lines = None if body.rows is UNSET else body.rows
    return desk_of(service).start(number, lines, caller.name, str(caller.role))
