"""Pulling a published pack: resumed when interrupted, checked by SHA-256, put in place by renaming."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import requests

from faces.packs.published import ModelFile, Published
from presente.errors import PackError
from presente.files import sha256_file
from presente.installation import command_line

DownloadProgress = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all or 0 when the server does not say)."""

_CHUNK = 1 << 16
_TIMEOUT_S = (10, 60)


def pull(pack: Published, into: Path, progress: DownloadProgress, url: str | None = None) -> Path:
    """Fetch a pack and install its models as ``into/NAME/``; nothing else of an archive is kept.

    An interrupted download stays beside the target as ``NAME.zip.part``, or as ``NAME-FILE.part`` where the models are
    published by themselves, and is continued by the next call.

    Args:
        pack: what to fetch.
        into: the folder of packs.
        progress: is told how far it is.
        url: address of a mirror of the archive; of the folder with the files where there is no archive.

    Returns:
        the pack's folder.

    Raises:
        PackError: ``download_failed`` (which file goes where, by hand), ``checksum_mismatch``, ``pack_incomplete``.
    """
    if pack.url is None:
        return _pull_files(pack, into, progress, url)
    folder = into / pack.name
    archive = into / f"{pack.name}.zip.part"
    source = url or pack.url
    try:
        into.mkdir(parents=True, exist_ok=True)
        _fetch(source, archive, progress)
    except (requests.RequestException, OSError) as exc:
        raise _failed(
            source, exc, pack, folder, f"take {pack.name}.zip from a machine that has one, unpack it"
        ) from exc
    try:
        _install(archive, pack, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as exc:
        raise PackError(
            "checksum_mismatch",
            f"The archive of {pack.name} is damaged ({exc}); it was deleted.",
            "Run the command again.",
        ) from exc
    except OSError as exc:
        raise PackError(
            "pack_unwritable", f"{folder} cannot be written ({exc}).", "Free space or mend its permissions."
        ) from exc
    finally:
        archive.unlink(missing_ok=True)  # a bad archive must not be taken for a beginning next time
    return folder


def _pull_files(pack: Published, into: Path, progress: DownloadProgress, url: str | None) -> Path:
    """Fetch and install the models of a pack that are published by themselves; see :func:`pull`."""
    folder = into / pack.name
    total, before = sum(file.size for file in pack.files), 0
    staged = {file: into / f"{pack.name}-{file.name}.part" for file in pack.files}
    for file, target in staged.items():
        source = f"{(url or file.folder_url).rstrip('/')}/{file.name}"
        try:
            into.mkdir(parents=True, exist_ok=True)
            _fetch(source, target, lambda done, _, before=before: progress(before + done, total))  # type: ignore[misc]
        except (requests.RequestException, OSError) as exc:
            raise _failed(source, exc, pack, folder, "fetch it with a machine that has one") from exc
        if (digest := sha256_file(target)) != file.sha256:
            target.unlink()  # it must not be taken for a beginning next time
            raise PackError(
                "checksum_mismatch",
                f"{file.name} of {pack.name} has SHA-256 {digest}, expected {file.sha256}; nothing was installed.",
                "Run the command again, and check the address.",
            )
        before += target.stat().st_size
    try:
        folder.mkdir(exist_ok=True)
        for file, target in staged.items():
            target.replace(folder / file.name)
    except OSError as exc:
        raise PackError(
            "pack_unwritable", f"{folder} cannot be written ({exc}).", "Free space or mend its permissions."
        ) from exc
    return folder


def _failed(source: str, why: Exception, pack: Published, folder: Path, fetched: str) -> PackError:
    return PackError(
        "download_failed",
        f"{source} could not be fetched ({why}).",
        f"Without a network: {fetched}, and put {' and '.join(str(folder / file.name) for file in pack.files)} "
        f"there; then run `{command_line(f'faces check {pack.name}')}`.",
    )


def _fetch(url: str, target: Path, progress: DownloadProgress) -> None:
    """Download to ``target``, continuing where an earlier attempt stopped when the server can."""
    have = target.stat().st_size if target.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as reply:
        if reply.status_code == 416:  # nothing is left to send: the file was complete
            return
        reply.raise_for_status()
        resumed = reply.status_code == 206
        have = have if resumed else 0
        total = have + int(reply.headers.get("Content-Length", 0))
        with target.open("ab" if resumed else "wb") as stream:
            for chunk in reply.iter_content(_CHUNK):
                stream.write(chunk)
                have += len(chunk)
                progress(have, total)
    if total and have < total:
        raise OSError(f"the connection ended after {have:,} of {total:,} bytes; run the command again to continue")


def _install(archive: Path, pack: Published, folder: Path) -> None:
    """Unpack the models beside their place, check them, and move them there."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{pack.name}-") as scratch:
        staged = Path(scratch) / pack.name
        staged.mkdir()
        with zipfile.ZipFile(archive) as zipped:
            for wanted in pack.files:
                _extract(zipped, wanted, staged / wanted.name)
        for wanted in pack.files:
            digest = sha256_file(staged / wanted.name)
            if digest != wanted.sha256:
                raise PackError(
                    "checksum_mismatch",
                    f"{wanted.name} of {pack.name} has SHA-256 {digest}, expected "
                    f"{wanted.sha256}; nothing was installed.",
                    "Run the command again.",
                )
        folder.mkdir(exist_ok=True)
        for wanted in pack.files:
            (staged / wanted.name).replace(folder / wanted.name)


def _extract(zipped: zipfile.ZipFile, wanted: ModelFile, target: Path) -> None:
    """One member by its base name (some archives nest their folder) and never more than its known size."""
    members = [info for info in zipped.infolist() if Path(info.filename).name == wanted.name]
    if not members:
        raise PackError(
            "pack_incomplete", f"The archive has no {wanted.name}.", "It is not the pack that was asked for."
        )
    with zipped.open(members[0]) as source, target.open("wb") as stream:
        if members[0].file_size != wanted.size:
            raise PackError(
                "checksum_mismatch",
                f"{wanted.name} has {members[0].file_size:,} bytes, expected {wanted.size:,}; nothing was installed.",
                "Check the archive's address.",
            )
        shutil.copyfileobj(source, stream, _CHUNK)
