"""What a fake camera sees: a drawn face, well lit, too dark, or none at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageEnhance

from tests.conftest import browser_page

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

SIZE = (640, 480)
FRAMES = 30


def framed(photo: Path | None, height: int = 400, brightness: float = 1.0, size: tuple[int, int] = SIZE) -> bytes:
    """A frame with a photo in its middle, ``height`` pixels high; JPEG."""
    frame = Image.new("RGB", size, (150, 156, 160))
    if photo is not None:
        face = Image.open(photo).convert("RGB")
        face = face.resize((round(face.width * height / face.height), height))
        frame.paste(face, ((size[0] - face.width) // 2, (size[1] - height) // 2))
    frame = ImageEnhance.Brightness(frame).enhance(brightness)
    out = BytesIO()
    frame.save(out, "JPEG", quality=92)
    return out.getvalue()


@contextmanager
def filmed_page(folder: Path, frame: bytes, **options: Any) -> Iterator["Page"]:
    """A page of a browser whose camera sees one frame all the time; ``options`` are those of the page."""
    film = folder / "film.mjpeg"
    film.write_bytes(frame * FRAMES)
    arguments = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    with browser_page(*arguments, **options) as page:
        yield page
