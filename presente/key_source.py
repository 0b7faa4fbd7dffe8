"""Where the master key comes from: a file, the environment, or a command such as a client of a key service."""

from __future__ import annotations

import base64
import binascii
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from presente.errors import ConfigError
from presente.sealing import KEY_BYTES, MasterKey

_COMMAND_S = 60
_FILE, _COMMAND = "file:", "command:"
_FORM = (
    f"It must be {KEY_BYTES} random bytes, as 44 characters of base64 or 64 hexadecimal digits "
    "(`openssl rand -base64 32`)."
)


@dataclass(frozen=True, slots=True, repr=False)
class KeySource:
    """Where a key is read from, before it is read. It has no ``repr``: its text may be the key.

    Attributes:
        kind: the text is the key itself, a file's path, or a command that prints the key.
        text: that text.
    """

    kind: Literal["key", "file", "command"]
    text: str

    def described(self) -> str:
        """Where the key is, for people; never the key."""
        return "set" if self.kind == "key" else f"{self.kind}:{self.text}" if self.kind == "file" else "command"

    def read(self) -> MasterKey:
        """Read the key.

        Raises:
            ConfigError: ``master_key_unreadable``.
        """
        if self.kind == "file":
            return _key_of(_read_file(Path(self.text).expanduser()), f"The file {self.text}")
        if self.kind == "command":
            return _key_of(_run(self.text), "What the command of PRESENTE_MASTER_KEY printed")
        return _key_of(self.text, "PRESENTE_MASTER_KEY")


def key_source(text: str) -> KeySource | None:
    """A source as a setting names it: ``file:PATH``, ``command:WORDS``, or the key itself; None when empty."""
    if not text:
        return None
    for prefix, kind in ((_FILE, "file"), (_COMMAND, "command")):
        if text.startswith(prefix):
            if not text[len(prefix) :].strip():
                raise ValueError(f"something must follow {prefix}")
            return KeySource(kind, text[len(prefix) :].strip())  # type: ignore[arg-type]  # one of the two above
    if _decoded(text) is None:
        raise ValueError(f"it must be file:PATH, command:WORDS, or a key. {_FORM.rstrip('.')}")
    return KeySource("key", text)


def described_source(source: KeySource | None) -> str:
    """A source for people; never the key."""
    return "" if source is None else source.described()


def _read_file(path: Path) -> str:
    try:
        return path.read_bytes()[:1000].decode("ascii", "replace")
    except OSError as exc:
        raise _unreadable(
            f"{path} cannot be read ({exc.strerror}).", "Correct the path, or the file's rights."
        ) from exc


def _run(command: str) -> str:
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, check=True, timeout=_COMMAND_S, text=True)
    except (OSError, ValueError) as exc:
        raise _unreadable("The command of PRESENTE_MASTER_KEY cannot be run.", "Run it by hand.") from exc
    except subprocess.TimeoutExpired as exc:
        raise _unreadable(
            f"The command of PRESENTE_MASTER_KEY took more than {_COMMAND_S} s.", "Run it by hand."
        ) from exc
    except subprocess.CalledProcessError as exc:
        raise _unreadable(
            f"The command of PRESENTE_MASTER_KEY failed with exit code {exc.returncode}.", "Run it by hand."
        ) from exc
    return done.stdout


def _key_of(text: str, what: str) -> MasterKey:
    secret = _decoded(text)
    if secret is None:
        raise _unreadable(f"{what} is no key.", _FORM)
    return MasterKey(secret)


def _decoded(text: str) -> bytes | None:
    """The bytes of a key that was written down; None when it is none."""
    word = text.strip()
    try:
        secret = bytes.fromhex(word) if len(word) == 2 * KEY_BYTES else base64.b64decode(word, validate=True)
    except (ValueError, binascii.Error):
        return None
    return secret if len(secret) == KEY_BYTES else None


def _unreadable(what: str, fix: str) -> ConfigError:
    return ConfigError("master_key_unreadable", what, fix)
