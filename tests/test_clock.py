"""One clock: a moment's date is that of the school's time zone, whatever the machine's is."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from presente.clock import Clock
from presente.composition import open_clock
from presente.errors import ConfigError
from presente.settings import load_settings, without_settings
from tests import programs
from tests.conftest import ROOT

EVENING = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
"""19:00 of the 20th in Mexico City."""


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/Mexico_City", "2026-11-20"),
        ("UTC", "2026-11-21"),
        ("Pacific/Kiritimati", "2026-11-21"),
        ("Pacific/Pago_Pago", "2026-11-20"),
    ],
)
def test_a_moment_has_the_date_of_the_zone(zone: str, day: str) -> None:
    clock = Clock(zone, lambda: EVENING)
    assert clock.today() == clock.date_of(EVENING) == day
    assert clock.date_of(EVENING.astimezone(timezone(timedelta(hours=9)))) == day  # however the moment is written
    assert zone in clock.described()


def test_summer_time_is_the_zones_own() -> None:
    """Tijuana keeps it, Mexico City does not any more."""
    moment = datetime(2026, 7, 2, 6, 30, tzinfo=UTC)
    assert Clock("America/Tijuana").date_of(moment) == "2026-07-01"
    assert Clock("America/Mexico_City").date_of(moment) == "2026-07-02"
    assert Clock("America/Tijuana").date_of(moment.replace(month=12)) == "2026-12-01"


def test_without_a_setting_it_is_the_machines(tmp_path: Path) -> None:
    """The C library's, which ``TZ`` says and otherwise the system's own file; also a ``TZ`` that is no IANA name."""
    program = (
        "from datetime import UTC, datetime\n"
        "from presente.composition import open_clock\n"
        "from presente.settings import load_settings\n"
        "clock = open_clock(load_settings())\n"
        "print(clock.date_of(datetime(2026, 11, 21, 1, tzinfo=UTC)), clock.described())"
    )

    def ask(**variables: str) -> str:
        kept = without_settings()
        environment = kept | {"PYTHONPATH": str(ROOT)} | variables
        done = programs.run(["-c", program], tmp_path, environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert ask(TZ="UTC") == "2026-11-21 the machine's, UTC (UTC+00:00)"
    assert ask(TZ="America/Mexico_City") == "2026-11-20 the machine's, CST (UTC-06:00)"
    assert ask(TZ="XYZ8") == "2026-11-20 the machine's, XYZ (UTC-08:00)"
    assert ask(TZ="UTC", PRESENTE_TIMEZONE="America/Mexico_City") == "2026-11-20 America/Mexico_City"


@pytest.mark.parametrize("text", ["Mexico", "America/Mexico", "America", "CST6", "../../etc/passwd", "/etc/localtime"])
def test_a_zone_that_does_not_exist_is_refused_with_examples(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, {"PRESENTE_TIMEZONE": text}, tmp_path)
    assert caught.value.code == "invalid_setting"
    assert "PRESENTE_TIMEZONE" in str(caught.value) and "America/Mexico_City" in str(caught.value)


def test_the_setting_makes_the_clock(tmp_path: Path) -> None:
    settings = load_settings(None, {"PRESENTE_TIMEZONE": "Pacific/Kiritimati"}, tmp_path)
    assert open_clock(settings).date_of(datetime(2026, 11, 20, 10, 0, tzinfo=UTC)) == "2026-11-21"
