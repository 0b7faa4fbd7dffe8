"""People who are not enrolled: further photos of the sample's strangers, and a server that keeps them."""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from PIL import Image, ImageEnhance

from faces.embedder import FaceEmbedder
from faces.packs.model_pack import ModelPack
from gallery.documents.unknown_people import UnknownFace
from gallery.gallery import Gallery
from gallery.photo_export import PhotoExport
from presente.clock import Clock
from server.app import create_app
from server.service import Service, ServiceHandle
from server.unknown_faces import UnknownFaces
from tests.conftest import SAMPLE
from tests.server.sample import JPEG

_VIEWS = ((0, 1.0), (-4, 0.85), (4, 1.15), (-7, 1.05), (7, 0.9))


def photo_of(stranger: int, view: int = 0) -> bytes:
    """A photo of a stranger of the sample: as it is, or tilted by some degrees and in another light."""
    content = (SAMPLE / "strangers" / f"{stranger:02}.jpg").read_bytes()
    if view == 0:
        return content
    degrees, light = _VIEWS[view]
    with Image.open(io.BytesIO(content)) as opened:
        image = opened.convert("RGB").rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(128, 128, 128))
    out = io.BytesIO()
    ImageEnhance.Brightness(image).enhance(light).save(out, "JPEG", quality=90)
    return out.getvalue()


class Corridor:
    """A server that keeps unknown people, at an hour that the test chooses."""

    def __init__(self, gallery: Gallery, pack: ModelPack, folder: Path) -> None:
        self.moment = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
        self.faces = UnknownFaces(gallery, lambda _: None)
        self.gallery = gallery
        export = PhotoExport(folder / "export")
        clock = Clock("America/Mexico_City", lambda: self.moment)
        embedder = FaceEmbedder(pack, pictures=True)
        self.service = Service(embedder, gallery, export, export.forget, clock, unknown_faces=self.faces)
        handle = ServiceHandle()
        handle.put(self.service)
        self.client: FlaskClient = create_app(handle, 4_000_000).test_client()

    def see(self, stranger: int, view: int = 0, clase: str = "") -> None:
        """Show a photo of a stranger, half an hour after the one before: in a class, or at the door."""
        self.moment += timedelta(minutes=30)
        path = f"/v1/attendance?clase={clase}" if clase else "/v1/identify"
        reply = self.client.post(path, data=photo_of(stranger, view), headers=JPEG)
        assert reply.status_code == 200, reply.text
        self.faces.settle()

    def cards(self, **query: str) -> list[dict[str, Any]]:
        """The cards as the list has them."""
        self.faces.settle()
        reply = self.client.get("/v1/unknowns", query_string=query)
        assert reply.status_code == 200, reply.text
        found: list[dict[str, Any]] = reply.get_json()["unknowns"]
        return found


@contextmanager
def corridor(gallery: Gallery, pack: ModelPack, folder: Path) -> Iterator[Corridor]:
    """Such a server, as long as it is needed."""
    made = Corridor(gallery, pack, folder)
    try:
        yield made
    finally:
        made.faces.close()


def faces_of(stranger: int, embedder: FaceEmbedder, days: Iterable[int], clases: Iterable[str]) -> list[UnknownFace]:
    """Faces of a stranger as a server keeps them: one view per day of November 2026, each with a class."""
    made = []
    for view, (day, clase) in enumerate(zip(days, clases, strict=True)):
        _, face = embedder.embed_portrait(photo_of(stranger, view))
        assert face.picture is not None
        at = f"2026-11-{day:02}T14:0{view}:00+00:00"
        quality, session = face.quality.as_dict(), view + 1 if clase else 0
        made.append(
            UnknownFace(
                face.template,
                embedder.pack.tag,
                at,
                at,
                "session" if clase else "identify",
                face.picture.jpeg(),
                face.picture.box,
                quality,
                clase=clase,
                session=session,
                worth=1 - view / 10,
            )
        )
    return made
