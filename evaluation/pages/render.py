"""A report as HTML: one file that asks nothing of the network. The template escapes all text."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaluation.pages.parts import FaceCutter, ReportPage, short

_HERE = Path(__file__).parent


def render(page: ReportPage, cut: FaceCutter | None) -> str:
    """The page; with faces of the cases' photos when ``cut`` gives them."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"data_url": _data_url, "short": short, "listed": _listed}
    photos = {photo for kind in page.cases for case in kind.cases for photo in case.photos}
    faces = {} if cut is None else {photo: jpeg for photo in sorted(photos) if (jpeg := cut(Path(photo))) is not None}
    return environment.get_template("page.html").render(page=page, result=page.result, faces=faces)


def _data_url(content: bytes | str, media_type: str) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return f"data:{media_type};base64,{base64.b64encode(raw).decode()}"


def _listed(value: object) -> str:
    """A flag's value for people."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return str(value)
    return ", ".join(str(one) for one in value)
