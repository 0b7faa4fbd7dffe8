"""Turns Google Drive's share links, in all their forms, into the address of the file itself."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlencode, urlsplit

DOWNLOAD = "https://drive.google.com/uc"
"""Address from which Drive serves files; it redirects to the host that has them."""

_HOSTS = ("drive.google.com", "docs.google.com", "drive.usercontent.google.com")
_IN_PATH = re.compile(r"/file/(?:u/\d+/)?d/([\w-]+)")
_ID = re.compile(r"[\w-]+")
_QUERY_PAGES = ("open", "uc", "download", "thumbnail", "view")


def direct_url(link: str, download: str = DOWNLOAD) -> str:
    """The download address of a Drive share link; any other link unchanged.

    ``confirm`` skips the page that warns that a file was not scanned for viruses. Older files need a ``resourcekey``
    beside their id.
    """
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:  # not an address: fetching it says so
        return link
    if host not in _HOSTS:
        return link
    query = parse_qs(parts.query)
    in_path = _IN_PATH.search(parts.path)
    by_query = query.get("id", [""])[0] if parts.path.rsplit("/", 1)[-1] in _QUERY_PAGES else ""
    file_id = in_path.group(1) if in_path else by_query
    if not _ID.fullmatch(file_id):
        return link
    wanted = {"export": "download", "confirm": "t", "id": file_id}
    key = query.get("resourcekey", [""])[0]
    return f"{download}?{urlencode(wanted | ({'resourcekey': key} if key else {}))}"
