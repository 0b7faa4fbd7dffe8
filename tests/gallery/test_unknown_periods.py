"""How long unknown people are kept, and what the report says of them."""

from datetime import datetime, timedelta

import pytest

from gallery.documents.access_log import AccessAction
from gallery.gallery import Gallery
from gallery.privacy.report import privacy_report
from gallery.privacy.retention import Policy, RetentionReport, RetentionRun
from presente import composition
from presente.clock import Clock
from presente.settings import Settings
from presente.settings.retention import Retention
from tests.conftest import OpenGallery
from tests.gallery.unknown_faces import at, known_faces, unknown_face

NOW = datetime.fromisoformat(at(9)) + timedelta(days=30)
CLOCK = Clock("America/Mexico_City", lambda: NOW)


@pytest.fixture
def gallery(open_gallery: OpenGallery) -> Gallery:
    """Faces of 8, 9 and 10 o'clock, and one of 8 o'clock that is not ours; thirty days ago."""
    made = open_gallery()
    faces = made.store.unknowns.add([(unknown_face(seed, hour), 0) for seed, hour in enumerate((8, 9, 10, 8))])
    made.store.unknowns.mark(faces[3].group, "not_ours")
    return made


def run(gallery: Gallery, days: int | None, dry: bool = False) -> tuple[RetentionReport, list[str]]:
    lines: list[str] = []

    def log(action: AccessAction, about: object, detail: str) -> None:
        assert action is AccessAction.CHANGED and not about
        lines.append(detail)

    report = RetentionRun(gallery, Policy(Retention(), 14, days), CLOCK, lambda _: None, log, dry).run()
    return report, lines


def test_faces_go_a_period_after_they_were_last_seen(gallery: Gallery) -> None:
    assert run(gallery, 31) == (RetentionReport(), [])
    assert run(gallery, 30, dry=True) == (RetentionReport(unknown_faces=1), [])
    assert run(gallery, 30) == (RetentionReport(unknown_faces=1), ["unknown faces=1 retention"])
    assert run(gallery, 30) == (RetentionReport(), [])
    assert run(gallery, 29)[0].unknown_faces == 2
    assert gallery.store.unknowns.counts() == (0, 1, 1) and gallery.store.erasures.entries() == []


def test_a_look_begins_the_period_anew(gallery: Gallery) -> None:
    first = min(known_faces(gallery.store))
    gallery.store.unknowns.see_again(first, (NOW - timedelta(days=1)).isoformat(timespec="seconds"), 1, None)
    assert run(gallery, 30)[0].unknown_faces == 0 and first in known_faces(gallery.store)


def test_all_go_where_none_is_kept(gallery: Gallery) -> None:
    assert run(gallery, None, dry=True)[0].unknown_faces == 4
    assert run(gallery, None)[0].unknown_faces == 4
    assert gallery.store.unknowns.counts() == (0, 0, 0)


def test_the_report_counts_them(gallery: Gallery) -> None:
    gallery.store.unknowns.join(*sorted(known_faces(gallery.store).values())[:2])
    report = privacy_report(gallery, Policy(Retention(), 14, 30), CLOCK)
    assert (report.unknown_faces, report.unknown_people, report.not_ours) == (4, 2, 1)


def test_settings_say_how_long() -> None:
    assert composition.privacy_policy(Settings()).unknown_days is None
    assert composition.privacy_policy(Settings(unknowns="keep")).unknown_days == 30
    assert composition.privacy_policy(Settings(unknowns_days=7)).unknown_days is None
