"""``python -m benchmarks.console``: how long a person waits for the console, in Chromium.

For each page, from an empty cache and again: first paint, and until what was asked for is shown. For a class photo:
from opening the session's page, the photo chosen at once, until the whole roll is filled in. All of it beside the same
photo sent without a browser. Needs Playwright and Chromium (requirements-ci.txt).
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import common
from benchmarks.servers import served
from presente.installation import IMPORT_ROOT as ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser  # which only CI installs

PAGES = {"today": "#class-IA-101", "identify": "#photo", "students": "#students tbody tr", "system": "#status"}
"""Pages, and what each shows once it has what it asked the server for."""
_PATIENCE_MS = 20_000


def open_page(browser: Browser, url: str, there: str) -> dict[str, list[float]]:
    """Milliseconds to the first paint and until ``there`` is shown; from an empty cache, and again."""
    context = browser.new_context()
    page = context.new_page()
    found: dict[str, list[float]] = {}
    for turn in ("first", "again"):
        page.goto("about:blank")
        start = time.perf_counter()
        page.goto(url)
        page.wait_for_selector(there, timeout=_PATIENCE_MS)
        shown = (time.perf_counter() - start) * 1000
        painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        found[turn] = [painted, shown]
    context.close()
    return found


def fill_in(browser: Browser, url: str, photo: Path, present: int) -> tuple[float, float]:
    """Milliseconds from opening a session's page, and from choosing its photo, until the roll has everyone."""
    context = browser.new_context()
    page = context.new_page()
    start = time.perf_counter()
    page.goto(url)
    page.wait_for_selector("#photo", state="attached", timeout=_PATIENCE_MS)
    chosen = time.perf_counter()
    page.set_input_files("#photo", photo)
    while page.locator("#counts dd").first.inner_text() != str(present):
        if (time.perf_counter() - chosen) * 1000 > _PATIENCE_MS:
            raise RuntimeError(f"{page.locator('#counts').inner_text()} and not {present} present after 20 s.")
        page.wait_for_timeout(5)
    done = time.perf_counter()
    context.close()
    return (done - start) * 1000, (done - chosen) * 1000


def new_session(address: str, clase: str, number: int) -> int:
    """A session of a class that has no other at that time."""
    times = {"starts": f"{number:02}:00", "ends": f"{number:02}:59"}
    return int(_post(address, "/v1/sessions", json.dumps({"clase": clase, **times}).encode())["id"])


def _post(address: str, path: str, body: bytes, kind: str = "application/json") -> Any:
    asked = urllib.request.Request(f"http://{address}{path}", body, {"Content-Type": kind}, method="POST")
    with urllib.request.urlopen(asked, timeout=_PATIENCE_MS / 1000) as answer:
        return json.load(answer)


def class_photo(browser: Browser, address: str, photo: Path, clase: str, rounds: int) -> dict[str, Any]:
    """From a photo of a class to its whole roll, in turns without and with a browser; medians."""
    alone, opened, chosen = [], [], []
    present = 0
    for number in range(rounds):
        session = new_session(address, clase, 2 * number)
        start = time.perf_counter()
        _post(address, f"/v1/sessions/{session}/photos", photo.read_bytes(), "image/jpeg")
        alone.append((time.perf_counter() - start) * 1000)
        with urllib.request.urlopen(f"http://{address}/v1/sessions/{session}") as answer:
            counts = json.load(answer)["counts"]
        present = counts["present"] + counts["late"]
        session = new_session(address, clase, 2 * number + 1)
        times = fill_in(browser, f"http://{address}/#/session/{session}", photo, counts["present"])
        opened.append(times[0])
        chosen.append(times[1])
    return {
        "present": present,
        "from_opening_the_page_ms": round(statistics.median(opened), 1),
        "from_choosing_the_photo_ms": round(statistics.median(chosen), 1),
        "without_a_browser_ms": round(statistics.median(alone), 1),
        "ratio": round(statistics.median(chosen) / statistics.median(alone), 2),
    }


def pages(browser: Browser, address: str, rounds: int) -> dict[str, Any]:
    """Each page, from an empty cache and again; medians of milliseconds."""
    found: dict[str, Any] = {}
    for place, there in PAGES.items():
        turns = [open_page(browser, f"http://{address}/#/{place}", there) for _ in range(rounds)]
        found[place] = {
            name: {
                "first_paint_ms": round(statistics.median(each[name][0] for each in turns), 1),
                "shown_ms": round(statistics.median(each[name][1] for each in turns), 1),
            }
            for name in ("first", "again")
        }
    return found


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The figures, for people."""
    for place, turns in result["pages"].items():
        for name, each in turns.items():
            yield f"{place}, {name}: first paint {each['first_paint_ms']} ms, shown {each['shown_ms']} ms"
    photo = result["class_photo"]
    yield (
        f"class photo, {photo['present']} present: whole roll {photo['from_choosing_the_photo_ms']} ms after the photo "
        f"was chosen, {photo['from_opening_the_page_ms']} ms after the page was opened; without a browser "
        f"{photo['without_a_browser_ms']} ms: {photo['ratio']} times"
    )


def main() -> int:
    """Measure and print."""
    arguments = common.parser("python -m benchmarks.console", __doc__ or "", "python -m benchmarks.console --json")
    arguments.add_argument("--class-photo", type=Path, default=ROOT / "data_sample" / "groups" / "group_02.jpg")
    arguments.add_argument("--clase", default="IA-102", help="the class that the photo shows")
    arguments.add_argument("--rounds", type=int, default=5, help="turns of each; at most 12")
    arguments.add_argument("--chromium", default=shutil.which("chromium"), help="the browser's program")
    given = arguments.parse_args()
    from playwright.sync_api import sync_playwright

    with served(given) as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        result = {
            **common.about_this_run(given.seed),
            "pages": pages(browser, server.address, given.rounds),
            "class_photo": class_photo(browser, server.address, given.class_photo, given.clase, given.rounds),
        }
        browser.close()
    common.publish(result, given.json, lines(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
