"""``python -m tools.openapi_examples``: write the examples of the API's description.

Each is what a server of the sample class answered; lists are cut to two items. What differs from run to run is what
it was this time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import requests

from presente.installation import IMPORT_ROOT as ROOT
from presente.installation import SAMPLE

TARGET = ROOT / "server" / "openapi" / "examples.json"
_JPEG = {"Content-Type": "image/jpeg"}
_LONGEST_LIST = 2
_PATIENCE_S = 60


def main() -> int:
    """Ask, and write."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        words = [sys.executable, "-m"]
        subprocess.run([*words, "indexer", "add", "sample", "--json"], cwd=folder, env=environment, check=True)
        server = subprocess.Popen(
            [*words, "server", "--port", "0", "--json"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            examples = asked(str(json.loads(server.stdout.readline())["address"]))
        finally:
            server.terminate()
            server.wait(_PATIENCE_S)
    TARGET.write_text(json.dumps(examples, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(examples)} operations: {TARGET.relative_to(ROOT)}\n")
    return 0


def asked(address: str) -> dict[str, dict[str, Any]]:
    """By operation and status what the server answers."""
    probe = (SAMPLE / "probes" / "A0178" / "1.jpg").read_bytes()
    group = (SAMPLE / "groups" / "group_02.jpg").read_bytes()
    found: dict[str, dict[str, Any]] = {}

    def ask(operation: str, method: str, path: str, **sent: Any) -> Any:
        reply = requests.request(method, address + path, timeout=_PATIENCE_S, **sent)
        value = reply.json()
        found.setdefault(operation, {})[str(reply.status_code)] = _short(value)
        return value

    ask("status_live", "GET", "/livez")
    ask("status_ready", "GET", "/readyz")
    ask("status_status", "GET", "/v1/status")
    ask("identify_identify", "POST", "/v1/identify?k=2", data=probe, headers=_JPEG)
    ask("identify_identify", "POST", "/v1/identify?k=0", data=probe, headers=_JPEG)
    ask("identify_verify", "POST", "/v1/verify?matricula=A0178", data=probe, headers=_JPEG)
    ask("students_listing", "GET", "/v1/students?limit=2")
    ask("students_read", "GET", "/v1/students/A0178")
    ask("students_read", "GET", "/v1/students/A9999")
    ask("students_change", "PATCH", "/v1/students/A0178", json={"otras_clases": ["IA-102"]})
    new = {"matricula": "A9001", "nombre_del_alumno": "Vega Salinas, Inés", "clase": "IA-101"}
    stranger = {"image": ("ines.jpg", (SAMPLE / "strangers" / "01.jpg").read_bytes(), "image/jpeg")}
    ask("students_enrol", "POST", "/v1/students", data=new, files=stranger)
    ask("attendance_take", "POST", "/v1/attendance?clase=IA-102", data=group, headers=_JPEG)
    ask("attendance_take", "POST", "/v1/attendance?clase=IA-102", json={"matricula": "A0283", "note": "llegó tarde"})
    listed = ask("attendance_listing", "GET", "/v1/attendance?clase=IA-102&limit=2")
    entry = next(line["id"] for line in listed["attendance"] if line["id"] is not None)
    ask("attendance_resolve", "PATCH", f"/v1/attendance/{entry}", json={"status": "rejected", "note": "era su hermana"})
    meetings = {"meetings": [{"weekday": 1, "starts": "08:00", "ends": "09:30", "late_after": 10}]}
    ask("classes_timetable", "PUT", "/v1/classes/IA-102/timetable", json=meetings)
    session = ask("sessions_begin", "POST", "/v1/sessions", json={"clase": "IA-102", "starts": "00:00"})["id"]
    ask("sessions_begin", "POST", "/v1/sessions", json={"clase": "IA-102", "starts": "00:00"})
    ask("sessions_add_photos", "POST", f"/v1/sessions/{session}/photos", data=group, headers=_JPEG)
    excused = {"matricula": "A0283", "status": "excused", "note": "médico"}
    ask("sessions_say", "POST", f"/v1/sessions/{session}/entries", json=excused)
    ask("sessions_undo", "POST", f"/v1/sessions/{session}/undo", json={"photo": 1})
    film = {"video": ("clase.webm", (SAMPLE / "film" / "class.webm").read_bytes(), "video/webm")}
    filmed = ask("sessions_begin", "POST", "/v1/sessions", json={"clase": "IA-101", "starts": "00:00"})["id"]
    job = ask("sessions_add_film", "POST", f"/v1/sessions/{filmed}/video?starts=00:00:00", files=film)["id"]
    while ask("jobs_read", "GET", f"/v1/jobs/{job}")["state"] in ("queued", "running"):
        time.sleep(1)
    ask("sessions_films", "GET", f"/v1/sessions/{filmed}/video")
    ask("sessions_photos", "GET", f"/v1/sessions/{filmed}/photos")
    ask("sessions_read", "GET", f"/v1/sessions/{session}")
    ask("sessions_close", "POST", f"/v1/sessions/{session}/close")
    ask("sessions_listing", "GET", "/v1/sessions?clase=IA-102")
    ask("classes_listing", "GET", "/v1/classes")
    ask("participations_record", "POST", "/v1/participations", json={"matricula": "A0178", "kind": "pregunta"})
    ask("participations_listing", "GET", "/v1/participations")
    ask("statistics_classes", "GET", "/v1/statistics/classes?limit=2")
    ask("statistics_weeks", "GET", "/v1/statistics/weeks?limit=2")
    ask("statistics_of_class", "GET", "/v1/statistics/classes/IA-102")
    ask("statistics_of_student", "GET", "/v1/statistics/students/A0283")
    ask("first_page_get_students", "GET", "/get-students")
    return found


def _short(value: Any) -> Any:
    """A value whose lists of objects are cut; coordinates and scores stay whole."""
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items()}
    if isinstance(value, list):
        kept = value[:_LONGEST_LIST] if value and isinstance(value[0], dict) else value
        return [_short(each) for each in kept]
    return value


if __name__ == "__main__":
    sys.exit(main())
