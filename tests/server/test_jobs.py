"""Jobs over HTTP: an audit, a calibration, a new index, in a process of their own; what becomes of them in a stop."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from gallery.documents.jobs import Job, JobEnd, JobRequest
from gallery.gallery import Gallery
from presente.composition import open_store
from presente.settings import Settings, load_settings
from server.jobs.runner import KEPT, LEASE, JobRunner
from server.operations.jobs import MOST_UNFINISHED
from tests.conftest import SAMPLE, Command, on_sqlite
from tests.planted_faults import plant
from tests.server.conftest import Running, Serve
from tests.server.people import ended, process_of, wait_until
from tests.server.sample import problem

AT = "2026-11-20T08:00:00+00:00"
ASKED = JobRequest("audit", {}, "user:ruiz", "admin", AT)


def ask(running: Running, **body: Any) -> Any:
    made = running.fetch("POST", "/v1/jobs", json.dumps(body).encode(), Content_Type="application/json")
    assert made.status == 202, made.body
    assert made.headers["Location"] == f"/v1/jobs/{made.json['id']}"
    return made.json


def send(running: Running, method: str, path: str, body: Any = None) -> int:
    content = None if body is None else json.dumps(body).encode()
    return running.fetch(method, path, content, Content_Type="application/json").status


def test_an_audits_findings_are_mended_over_http(serve: Serve, command: Command, tmp_path: Path) -> None:
    added = command("indexer", "add", plant(tmp_path), "--force", PRESENTE_SHEET_ROOT=str(SAMPLE))
    assert added.returncode in (0, 1), added.stderr  # with warnings
    running = serve()
    assert running.ask("/v1/audit") == {
        "job": None, "at": None, "counts": {"high": 0, "medium": 0, "low": 0, "aside": 0}, "findings": [],
        "next_cursor": None,
    }  # fmt: skip
    done = ended(running, ask(running, kind="audit")["id"])
    assert done["state"] == "done" and done["problem"] is None, done
    audited, result = running.ask("/v1/audit?limit=100"), done["result"]["audit"]
    assert done["progress"] == {"done": result["photos"], "of": result["photos"], "unit": "photos"}
    assert audited["job"] == done["id"] and audited["at"] == done["ended_at"]
    assert {name: audited["counts"][name] for name in ("high", "medium", "low")} == {
        name: result[name] for name in ("high", "medium", "low")
    }
    printed = json.loads(command("indexer", "audit", "--json").stdout)["findings"]
    same = [(each["kind"], [one["matricula"] for one in each["people"]]) for each in audited["findings"]]
    assert same == [(each["kind"], [one["matricula"] for one in each["people"]]) for each in printed]
    photos = [photo for finding in audited["findings"] for photo in finding["photos"]]
    assert len(photos) == 10 and all(
        running.fetch("GET", f"{photo['href']}?size=thumbnail").status == 200 for photo in photos
    )

    def left(kind: str) -> list[Any]:
        found: list[Any] = running.ask("/v1/audit?limit=100")["findings"]
        return [each for each in found if each["kind"] == kind]

    for kind in ("same_person", "mislabelled", "duplicate"):
        while found := left(kind):
            mend = found[0]["mend"][0]
            assert send(running, mend["method"], mend["path"], mend["body"]) in (200, 204), mend
    assert running.fetch("GET", "/v1/students/B0001").status == 404
    again = ended(running, ask(running, kind="audit")["id"])["result"]["audit"]
    assert (again["high"], again["medium"], again["low"]) == (0, 0, 0), running.ask("/v1/audit?limit=100")


@pytest.mark.usefixtures("sample_gallery")
def test_a_calibration_gives_the_threshold_and_what_it_costs(serve: Serve) -> None:
    running = serve()
    before = running.ask("/v1/calibration")
    assert before["calibration"] is before["now"] is None and before["curve"] == before["rates"] == []
    refused = running.fetch("PUT", "/v1/calibration", b'{"fpir": 0.01}', Content_Type="application/json")
    assert (refused.status, refused.json["code"]) == (404, "calibration_not_found")
    done = ended(running, ask(running, kind="calibrate", fpir=0.05)["id"])
    assert done["state"] == "done" and done["progress"]["done"] == done["progress"]["of"] == 96, done
    wait_until(lambda: running.ask("/v1/calibration")["calibration"] is not None)  # read again each second
    found = running.ask("/v1/calibration")
    assert found["calibration"]["fpir"] == 0.05 and found["calibration"]["sources"] == {"left out": 96}
    assert found["rate_is_used"] and found["people"] == 24 and found["own_photos"] == 96
    assert found["threshold"] == running.ask("/v1/status")["threshold"] == found["now"]["threshold"]
    points = found["curve"]
    for earlier, later in itertools.pairwise(points):
        assert earlier["threshold"] < later["threshold"] and earlier["fpir"] > later["fpir"]
        assert earlier["missed"] <= later["missed"] and later["fpir_low"] <= later["fpir"] <= later["fpir_high"]
    assert [each["fpir_asked"] for each in found["rates"]][:4] == [0.1, 0.05, 0.02, 0.01]
    held = found["rates"][1]  # of 24 students no rate can be told for sure, and none lowers the pack's threshold
    assert held["doubt"] and held["threshold"] == 0.8 == found["threshold"] and held["fpir"] < held["fpir_asked"]
    assert {each["threshold"] >= 0.8 for each in found["rates"]} == {True}
    changed = running.fetch("PUT", "/v1/calibration", b'{"fpir": 0.1}', Content_Type="application/json")
    assert changed.status == 200 and changed.json["calibration"]["fpir"] == 0.1
    assert running.ask("/v1/calibration") == changed.json  # at once
    lines = running.ask("/v1/access-log?accion=calibrated")["lines"]
    assert sorted((line["quien"], line["outcome"], line["detail"]) for line in lines) == [
        ("local", "calibration_not_found", ""),
        ("local", "done", ""),  # of the job
        ("local", "done", "fpir=0.1"),
    ]
    fixed = serve(PRESENTE_THRESHOLD="0.9")
    refused = fixed.fetch("PUT", "/v1/calibration", b'{"fpir": 0.1}', Content_Type="application/json")
    assert (refused.status, refused.json["code"]) == (409, "threshold_is_set")
    assert not fixed.ask("/v1/calibration")["rate_is_used"]


@pytest.mark.usefixtures("sample_gallery")
def test_a_server_takes_over_the_index_that_a_job_built(serve: Serve) -> None:
    running = serve()
    before = running.ask("/v1/status")["generation"]
    done = ended(running, ask(running, kind="compact")["id"])
    assert done["state"] == "done" and done["progress"] == {"done": 3, "of": 3, "unit": "steps"}, done
    assert done["result"]["compact"]["generation"] > before and done["result"]["compact"]["templates"] == 96
    wait_until(lambda: running.ask("/v1/status")["generation"] == done["result"]["compact"]["generation"])


@pytest.mark.usefixtures("sample_gallery")
def test_stored_photos_are_embedded_by_a_job(serve: Serve, store_url: str) -> None:
    running = serve()
    store = open_store(store_url)
    try:
        if store_url.startswith("mongodb"):
            store._db.templates.delete_many({"student": store.student("A0178").id})  # type: ignore[attr-defined, union-attr]
        else:
            with store._writing() as db:  # type: ignore[attr-defined]
                db.execute("DELETE FROM templates WHERE student = (SELECT id FROM students WHERE matricula = 'A0178')")
        lost = 96 - store.counts().templates
        assert lost > 0
        done = ended(running, ask(running, kind="sync")["id"])
        assert done["state"] == "done", done
        assert done["result"]["sync"] == {"embedded": lost, "refused": {}, "stopped": ""}
        assert done["progress"]["unit"] == "photos" and store.counts().templates == 96
    finally:
        store.close()


@pytest.mark.usefixtures("sample_gallery")
@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
def test_a_job_can_be_cancelled_and_does_not_outlive_its_server(serve: Serve, tmp_path: Path) -> None:
    running = serve()
    first, second = ask(running, kind="audit"), ask(running, kind="audit", cohort=True)
    process = process_of(running)
    wait_until(lambda: os.getpriority(os.PRIO_PROCESS, process) == 10)
    os.kill(process, signal.SIGSTOP)  # else it may be done before the test goes on
    assert running.ask(f"/v1/jobs/{second['id']}")["state"] == "queued"  # one at a time
    assert running.ask("/v1/identify", (SAMPLE / "strangers" / "01.jpg").read_bytes())
    assert running.ask(f"/v1/jobs/{second['id']}/cancel", b"{}", "application/json")["state"] == "cancelled"
    assert running.ask(f"/v1/jobs/{first['id']}/cancel", b"{}", "application/json")["is_cancelled"]
    assert ended(running, first["id"])["state"] == "cancelled"
    assert running.ask(f"/v1/jobs/{first['id']}/cancel", b"{}", "application/json")["state"] == "cancelled"

    third, waiting = ask(running, kind="audit"), ask(running, kind="audit")
    os.kill(process_of(running), signal.SIGSTOP)
    assert running.stop() == 0
    assert "Traceback" not in (tmp_path / "server.log").read_text()
    running = serve()
    found = running.ask(f"/v1/jobs/{third['id']}")
    assert (found["state"], found["problem"]["code"]) == ("interrupted", "server_stopped")
    assert ended(running, waiting["id"])["state"] == "done"  # it waited for the next start

    fourth = ask(running, kind="audit")
    process = process_of(running)
    running.kill()
    wait_until(lambda: not Path(f"/proc/{process}").exists() or "Z" in Path(f"/proc/{process}/stat").read_text())
    found = ended(serve(), fourth["id"])
    assert (found["state"], found["problem"]["code"]) == ("interrupted", "server_gone")


@on_sqlite
def test_a_job_says_why_it_failed(serve: Serve) -> None:
    running = serve()
    found = ended(running, ask(running, kind="calibrate", fpir=0.01)["id"])
    assert (found["state"], found["problem"]["code"]) == ("failed", "too_few_people") and found["result"] is None
    ready = ask(running, kind="audit")
    if sys.platform == "linux":
        os.kill(process_of(running), signal.SIGKILL)
        assert ended(running, ready["id"])["problem"]["code"] == "job_crashed"


def test_a_job_is_asked_for_once_per_key(client: FlaskClient, gallery: Gallery) -> None:
    key = {"Idempotency-Key": "k1"}
    made = [client.post("/v1/jobs", json={"kind": "audit"}, headers=key).get_json() for _ in range(2)]
    assert made[0] == made[1] and made[0]["state"] == "queued" and made[0]["progress"]["of"] is None
    problem(client.post("/v1/jobs", json={"kind": "sync"}, headers=key), 409, "idempotency_key_reused")
    gallery.store.jobs.end(made[0]["id"], JobEnd("failed", AT, {}, "job_crashed", "It ended."))
    again = client.post("/v1/jobs", json={"kind": "audit"}, headers=key).get_json()
    assert (again["id"], again["state"]) == (made[0]["id"], "failed")  # as it is now
    assert again["problem"] == {"code": "job_crashed", "text": "It ended."}


def test_jobs_are_listed_by_pages_and_only_so_many_wait(client: FlaskClient) -> None:
    for number in range(MOST_UNFINISHED):
        key = {"Idempotency-Key": str(number)}
        assert client.post("/v1/jobs", json={"kind": "audit"}, headers=key).status_code == 202
    assert client.post("/v1/jobs", json={"kind": "audit"}, headers=key).status_code == 202  # which is there
    problem(client.post("/v1/jobs", json={"kind": "audit"}), 409, "too_many_jobs")
    first = client.get("/v1/jobs?limit=15").get_json()
    rest = client.get("/v1/jobs", query_string={"limit": 15, "cursor": first["next_cursor"]}).get_json()
    numbers = [job["id"] for job in first["jobs"] + rest["jobs"]]
    assert numbers == sorted(numbers, reverse=True) and len(set(numbers)) == 20 and rest["next_cursor"] is None
    cancelled = client.post(f"/v1/jobs/{numbers[0]}/cancel").get_json()
    assert (cancelled["state"], cancelled["is_cancelled"]) == ("cancelled", True)
    assert client.post("/v1/jobs", json={"kind": "compact"}).status_code == 202
    for path in ("/v1/jobs/999999999", "/v1/jobs/999999999/cancel"):
        method = client.post if path.endswith("cancel") else client.get
        problem(method(path), 404, "job_not_found")


@on_sqlite
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_field"),
        ({"kind": "dance"}, "invalid_field"),
        ({"kind": "calibrate"}, "invalid_fpir"),
        ({"kind": "calibrate", "fpir": 0.5}, "invalid_fpir"),
        ({"kind": "audit", "fpir": 0.1}, "invalid_field"),
        ({"kind": "sync", "cohort": True}, "invalid_field"),
        ({"kind": "audit", "clase": "x"}, "unknown_field"),
    ],
)
def test_what_is_no_job(client: FlaskClient, body: dict[str, Any], code: str) -> None:
    problem(client.post("/v1/jobs", json=body), 400, code)


@pytest.fixture
def settings(environment: dict[str, str], tmp_path: Path) -> Settings:
    return load_settings(environment=environment, folder=tmp_path)


def taken(gallery: Gallery, server: str, at: str) -> Job:
    made = gallery.store.jobs.add(ASKED)
    assert gallery.store.jobs.take(made.number, server, at)
    return made


def test_a_job_of_a_server_that_is_gone_is_interrupted(gallery: Gallery, settings: Settings) -> None:
    runner = JobRunner(gallery.store.jobs, settings)
    with subprocess.Popen([sys.executable, "-c", ""]) as short:
        dead = short.pid
    now = runner._now()
    fresh, old = (moment.isoformat(timespec="seconds") for moment in (now, now - 2 * LEASE))
    here = socket.gethostname()
    jobs = {
        "here, dead": taken(gallery, f"{here} {dead} x", fresh),
        "here, lives": taken(gallery, f"{here} {os.getpid()} x", fresh),
        "elsewhere, was seen": taken(gallery, f"elsewhere {dead} x", fresh),
        "elsewhere, silent": taken(gallery, "elsewhere 1 x", old),
        "waits": gallery.store.jobs.add(ASKED),
    }
    runner.sweep()
    states = {}
    for name, job in jobs.items():
        found = gallery.store.jobs.job(job.number)
        assert found is not None
        states[name] = found.state
    assert states == {
        "here, dead": "interrupted",
        "here, lives": "running",
        "elsewhere, was seen": "running",
        "elsewhere, silent": "interrupted",
        "waits": "queued",
    }
    past = (now - KEPT - LEASE).isoformat(timespec="seconds")
    gallery.store.jobs.end(jobs["here, lives"].number, JobEnd("done", past))
    JobRunner(gallery.store.jobs, settings).sweep()
    assert gallery.store.jobs.job(jobs["here, lives"].number) is None  # it ended more than 30 days ago
    assert len(gallery.store.jobs.jobs_before(None, 9)) == 4


@pytest.mark.usefixtures("sample_gallery")
def test_two_servers_of_a_store_share_the_work(serve: Serve) -> None:
    one, two = serve(), serve()
    made = [ask(running, kind="audit")["id"] for running in (one, two, one)]
    for number in made:
        assert ended(two, number)["state"] == ended(one, number)["state"] == "done"
    seen = one.ask("/v1/audit")
    assert seen == two.ask("/v1/audit") and seen["job"] == max(made)
