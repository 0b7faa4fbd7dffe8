"""The report of a finished run as one HTML file, made of its ``result.json`` and its scores files alone."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from evaluation.pages.parts import FaceCutter, ReportPage
from presente.errors import InvalidInput

RESULT, REPORT = "result.json", "report.html"
PROTOCOLS = (
    *("identification", "verification", "kfold", "compare", "classroom", "robustness", "film", "liveness", "clusters"),
)
"""Each has a module of its name here. It is imported when a report is made, because plots are slow to import."""


def write_report(out: Path, cut: FaceCutter | None = None) -> Path:
    """Write ``report.html`` and its plots, PNG, into a run's folder.

    Args:
        out: the folder.
        cut: gives the face of a photo as a small JPEG, or None where there is none. Without it the report shows no
            faces.

    Raises:
        InvalidInput: ``unreadable_result``, ``unreadable_scores``.
    """
    from evaluation.pages.render import render

    result = read_result(out)
    page: ReportPage = import_module(f"{__name__}.{result['protocol']}").build(result, out)
    for figure in page.figures:
        (out / f"{figure.name}.png").write_bytes(figure.drawing.png)
    path = out / REPORT
    path.write_text(render(page, cut), encoding="utf-8")
    return path


def read_result(out: Path) -> dict[str, Any]:
    """The result that a run wrote.

    Raises:
        InvalidInput: ``unreadable_result`` when there is none, or of no protocol that has a report.
    """
    path = out / RESULT
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        known = result["protocol"] in PROTOCOLS
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise InvalidInput(
            "unreadable_result", f"{path} is no result of a run ({exc!r}).", "Name the --out folder of a finished run."
        ) from exc
    if not known:
        raise InvalidInput(
            "unreadable_result", f"{path} is of {result['protocol']!r}, which has no report.", "Name another folder."
        )
    return result  # type: ignore[no-any-return]  # JSON
