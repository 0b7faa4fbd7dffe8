"""Photos behind links, kept by content, so that a run that goes on or is repeated asks nobody again.

``links/`` maps the digest of an address to the digest of what it gave, ``contents/`` holds the bytes under that digest.
Whoever erases a student erases the whole folder: it holds photos.
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
class Downloads:
    """Reads links, from its folder when it can. Safe to use from several threads and processes.

    Attributes:
        folder: where what was fetched is kept.
        rules: see :class:`LinkRules`.
    """

    folder: Path
    rules: LinkRules

    def read(self, link: str) -> bytes:
        """The photo behind a link.

        Raises:
            PhotoRefused: see :func:`indexer.sources.links.fetching.fetch`.
        """
        url = direct_url(link, self.rules.drive)  # the same file, however it was shared
        content = self._kept(url)
        if content is None:
            content = fetch(url, self.rules)
            self._keep(url, content)
        return content

    def _kept(self, url: str) -> bytes | None:
        """What the address gave, if it is still what it was."""
        try:
            digest = self._link_file(url).read_text(encoding="ascii")
            content = self._content_file(digest).read_bytes()
        except (OSError, ValueError):
            return None
        return content if _digest(content) == digest else None

    def _keep(self, url: str, content: bytes) -> None:
        """The content first: a link never leads to what is not there."""
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
    """Put a file there whole: under another name, then renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as stream:
        aside = Path(stream.name)
        try:
            stream.write(content)
            stream.close()
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
