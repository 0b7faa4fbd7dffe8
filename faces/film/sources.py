"""What a film or a camera is read from."""

from __future__ import annotations

_DEVICES = ("/dev/video", "/dev/v4l")


def is_device(source: str) -> bool:
    """Whether it is a camera of this machine."""
    return source.startswith(_DEVICES)


def is_file(source: str) -> bool:
    """Whether it is the path of a file: no address, no device."""
    return "://" not in source and not is_device(source)
