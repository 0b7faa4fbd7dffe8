"""Tensors out of a file that ``torch.save`` wrote, without torch and without running what is in it.

Both forms are read: the ZIP archive of torch 1.6 and later, and the run of pickles before it (torch/serialization.py).
A pickle may name any function of Python; here it may name the five things that a dictionary of tensors needs.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from presente.errors import PackError

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8"}


@dataclass(frozen=True, slots=True)
class _Storage:
    """Numbers that lie elsewhere in the file, by key."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage; offset and strides in numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, data: bytes) -> NDArray[Any]:
        """The tensor, when ``data`` is its storage."""
        numbers = np.frombuffer(data, self.storage.dtype)
        last = self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))
        if min((self.offset, *self.strides)) < 0 or last >= len(numbers):
            raise ValueError("a tensor reaches beyond its storage")
        steps = [step * numbers.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, steps, writeable=False).copy()


class _Unpickler(pickle.Unpickler):
    """Knows tensors and ordered dictionaries, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, tuple(shape), tuple(strides))
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        word, dtype, key, _, count = pid[:5]
        if word != "storage":
            raise pickle.UnpicklingError(f"it holds a {word}")
        return _Storage(str(key), str(dtype), int(count))


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The dictionary of tensors in a file, by name.

    Raises:
        PackError: ``unreadable_weights`` when it is not one.
    """
    try:
        with path.open("rb") as stream:
            return _from_zip(stream) if zipfile.is_zipfile(stream) else _from_pickles(stream)
    except (pickle.UnpicklingError, zipfile.BadZipFile, EOFError, OSError, LookupError, TypeError, ValueError) as exc:
        raise PackError(
            "unreadable_weights", f"{path} is not a dictionary of tensors by torch ({exc}).", "Get the file again."
        ) from exc


def _from_zip(stream: IO[bytes]) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(stream) as archive:
        described = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        with archive.open(described) as inner:
            tensors = _tensors(_Unpickler(inner).load())
        folder = described.removesuffix("data.pkl") + "data/"
        return {name: tensor.of(archive.read(folder + tensor.storage.key)) for name, tensor in tensors.items()}


def _from_pickles(stream: IO[bytes]) -> dict[str, NDArray[Any]]:
    stream.seek(0)
    if _Unpickler(stream).load() != _LEGACY_MAGIC:
        raise ValueError("it does not begin as one")
    for _ in ("protocol", "machine"):
        _Unpickler(stream).load()
    tensors = _tensors(_Unpickler(stream).load())
    sizes = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    data: dict[str, bytes] = {}
    for key in _Unpickler(stream).load():
        storage = sizes[str(key)]
        if int.from_bytes(stream.read(8), "little") != storage.count:
            raise ValueError(f"storage {key} has another length than its tensors say")
        data[str(key)] = stream.read(storage.count * np.dtype(storage.dtype).itemsize)
    return {name: tensor.of(data[tensor.storage.key]) for name, tensor in tensors.items()}


def _tensors(loaded: Any) -> Mapping[str, _Tensor]:
    if not isinstance(loaded, dict) or not all(isinstance(tensor, _Tensor) for tensor in loaded.values()):
        raise ValueError("it holds something else")
    return loaded
