"""OpenCV, or the error that says how to get one that loads.

``opencv-python``, which insightface asks for, needs libGL, and machines without a screen often have none.
``opencv-python-headless`` is the same module without it. The repository's lists have that one; a plain ``pip install``
of the wheel brings the other (docs/install.md).
"""

from __future__ import annotations

from presente.errors import ConfigError

try:
    import cv2
except ModuleNotFoundError:
    raise
except ImportError as exc:
    raise ConfigError(
        "opencv_unusable",
        f"OpenCV is installed and cannot be loaded ({exc}).",
        "On a machine without libGL run `pip install --force-reinstall --no-deps opencv-python-headless`.",
    ) from exc

__all__ = ["cv2"]
