"""The proxy scene: an absent student's picture is held up on a telephone while the class is photographed."""

import json
from typing import Any

import pytest

from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Running, Serve

PHOTO = SAMPLE / "attacks" / "phone_in_class.jpg"
TRUTH = json.loads((PHOTO.parent / "attacks.json").read_text(encoding="utf-8"))[PHOTO.name]
(ABSENT,) = (face["matricula"] for face in TRUTH if face["attack"])
THERE = sorted(face["matricula"] for face in TRUTH if not face["attack"])


class Lesson:
    """A session of the class, on a server."""

    def __init__(self, running: Running) -> None:
        self._running = running
        begun = self.post("/v1/sessions", clase="IA-101", starts="00:00", late_after=None)
        self.address = f"/v1/sessions/{begun['id']}"

    def post(self, path: str, **said: Any) -> Any:
        return self._running.ask(path, json.dumps(said).encode(), "application/json")

    def photo(self, content: bytes) -> Any:
        return self._running.ask(f"{self.address}/photos", content)

    def roll(self) -> dict[str, tuple[str, str | None]]:
        lines = self._running.ask(self.address)["roll"]
        return {each["matricula"]: (each["status"], each["reason"]) for each in lines if each["status"] != "absent"}

    def asistencias(self, matricula: str) -> int:
        return int(self._running.ask(f"/v1/students/{matricula}")["asistencias"])


@pytest.mark.usefixtures("sample_gallery")
@pytest.mark.parametrize("liveness", ["off", "observe", "attendance=enforce"])
@on_sqlite
def test_a_friend_on_a_telephone_is_not_present(serve: Serve, liveness: str) -> None:
    running = serve(PRESENTE_LIVENESS=liveness)
    lesson = Lesson(running)
    (sent,) = lesson.photo(PHOTO.read_bytes())["photos"]
    judged = {face["matricula"]: face["liveness"] and face["liveness"]["decision"] for face in sent["faces"]}
    there = dict.fromkeys(THERE, ("present", None))
    if liveness != "attendance=enforce":
        assert lesson.roll() == there | {ABSENT: ("present", None)} and lesson.asistencias(ABSENT) == 1
        live = None if liveness == "off" else "live"
        assert judged == dict.fromkeys(THERE, live) | {ABSENT: (liveness == "observe" and "attack") or None}
        return
    assert judged == dict.fromkeys(THERE, "live") | {ABSENT: "attack"}
    assert lesson.roll() == there | {ABSENT: ("waiting", "not_live")} and lesson.asistencias(ABSENT) == 0
    status = running.ask("/v1/status")["liveness"]
    assert (status["attendance"], status["identify"], status["pack"].split("@")[0]) == (
        "enforce",
        "off",
        "sample_liveness",
    )
    (face,) = [number for number, each in enumerate(sent["faces"], start=1) if each["matricula"] == ABSENT]
    lesson.post(f"{lesson.address}/entries", photo=sent["number"], face=face)  # the teacher looks: it is a picture
    assert lesson.roll() == there and lesson.asistencias(ABSENT) == 0
    lesson.photo((SAMPLE / "groups" / "group_01.jpg").read_bytes())  # who comes in person after all
    assert lesson.roll()[ABSENT] == ("present", None) and lesson.asistencias(ABSENT) == 1
