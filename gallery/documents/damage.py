"""Findings of damage in a store, and the checks of one photo and one vector, which every store shares."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from presente.errors import StoreError
from presente.installation import command_line

DamageProgress = Callable[[int], None]
"""Is called with the number of further photos that were read."""

_LENGTH_TOLERANCE = 1e-3
"""How far from 1 the length of a template may be."""

RESTORE = "Restore a backup (docs/damage.md says how), and enrol again the students who were added since."
ENROL_AGAIN = f"Remove the photo with `{command_line('indexer remove MATRICULA --photo DIGITS')}`, and enrol it again."
FORGET = "Forget the unknown person whom it shows, in the console."
SYNC = f"Run `{command_line('indexer sync')}`: it embeds the photo, or says why it cannot."

SAY_AGAIN = "Take it back with DELETE /v1/students/MATRICULA/negatives/ID, and say again whom the face does not show."


@dataclass(frozen=True, slots=True)
class Damage:
    """One finding: something stored is not as it was written.

    Attributes:
        code: the kind of damage; codes do not change between versions.
        what: what is wrong.
        where: the photo, template, table or file.
        fix: what to do.
    """

    code: str
    what: str
    where: str
    fix: str

    def line(self) -> str:
        """The finding as a line of text."""
        return f"{self.code}: {self.where}: {self.what} {self.fix}"


def sealed_damage(error: StoreError, where: str) -> Damage:
    """A seal or a key that cannot be opened, as a finding."""
    return Damage(error.code, error.what, where, error.fix)


def photo_damage(content: bytes, sha256: str, where: str) -> Iterator[Damage]:
    """Compare a photo's bytes with its SHA-256."""
    if hashlib.sha256(content).hexdigest() != sha256:
        yield Damage("photo_changed", "The photo's bytes do not match its SHA-256.", where, ENROL_AGAIN)


def picture_damage(content: bytes, where: str) -> Iterator[Damage]:
    """Check that the picture of an unknown person's face begins and ends as a JPEG does."""
    if not (content.startswith(b"\xff\xd8") and content.endswith(b"\xff\xd9")):
        yield Damage("picture_damaged", "It is no whole JPEG.", where, FORGET)


def vector_damage(vector: bytes, dim: int | None, where: str, fix: str = ENROL_AGAIN) -> Iterator[Damage]:
    """Check that a template's bytes are float32 numbers of length 1, ``dim`` of them where the dimension is known.

    ``fix`` is what a finding advises."""
    count, rest = divmod(len(vector), 4)
    if rest or not count or (dim is not None and count != dim):
        wanted = "a whole number of float32" if dim is None else f"{4 * dim}"
        yield Damage("template_damaged", f"It has {len(vector)} bytes, not {wanted}.", where, fix)
        return
    numbers = np.frombuffer(vector, dtype="<f4").astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        length = float(np.linalg.norm(numbers))
    if not np.isfinite(length):
        yield Damage("template_damaged", "It holds NaN or infinity.", where, fix)
    elif abs(length - 1) > _LENGTH_TOLERANCE:
        yield Damage("template_damaged", f"Its length is {length:.4g}, not 1.", where, fix)
