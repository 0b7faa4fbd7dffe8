"""Keeps the photos behind links by content, so that a run that is repeated or continued fetches nothing again.

``links/`` maps the digest of an address to the digest of its content, ``contents/`` holds the bytes under that digest.
Erasing a student deletes the whole folder, because it holds photos.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

from indexer.sources.links.drive import direct_url
from indexer.sources.links.fetching import LinkRules, fetch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DownloadCache:
    """Reads links, from its folder when it has them. Safe to use from several threads and processes.

    Attributes:
        folder: where fetched photos are kept.
        rules: see :class:`LinkRules`.
    """

    folder: Path
    rules: LinkRules

    def read(self, link: str) -> bytes:
        """The photo behind a link.

        Raises:
            PhotoRefused: see :func:`indexer.sources.links.fetching.fetch`.
        """
        url = direct_url(link, self.rules.drive)  # one address per file, whatever form of link it was shared with
        content = self._cached(url)
        if content is None:
            content = fetch(url, self.rules)
            self._store(url, content)
        return content

    def _cached(self, url: str) -> bytes | None:
        """The content of the address, if it is here and undamaged."""
        try:
            digest = self._link_file(url).read_text(encoding="ascii")
            content = self._content_file(digest).read_bytes()
        except (OSError, ValueError):
            return None
        return content if _digest(content) == digest else None

    def _store(self, url: str, content: bytes) -> None:
        """Write the content first, so that no link leads to a missing content."""
        digest = _digest(content)
        try:
            _write(self._content_file(digest), content)
            _write(self._link_file(url), digest.encode())
        except OSError as exc:
            log.warning("%s cannot be written (%s): downloads are not kept", self.folder, exc.strerror)

    def _link_file(self, url: str) -> Path:
        return self.folder / "links" / _digest(url.encode())

    def _content_file(self, digest: str) -> Path:
        return self.folder / "contents" / digest


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(target: Path, content: bytes) -> None:
    """Write a whole file: under another name, then renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as stream:
        temporary = Path(stream.name)
        try:
            stream.write(content)
            stream.close()
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
