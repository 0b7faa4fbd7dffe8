"""No secret comes back over HTTP, and none gets into the server's log."""

import logging
from pathlib import Path

from presente.logs import HidingFormatter
from tests.conftest import on_sqlite
from tests.sample_secrets import KEY, WORD
from tests.server.conftest import Serve

ADDRESS = f"mongodb://ana:{WORD}@h/db"


@on_sqlite
def test_replies_and_log_of_a_server_with_keys(serve: Serve, tmp_path: Path) -> None:
    running = serve(PRESENTE_API_KEYS=KEY)
    key = KEY.partition(":")[2]
    replies = [
        running.fetch("GET", "/v1/status", X_API_Key=key),
        running.fetch("GET", "/v1/status", X_API_Key=key + "x"),
        running.fetch("GET", "/v1/status", Authorization=f"Bearer {key}x"),
        running.fetch("GET", f"/v1/students?limit={ADDRESS}", X_API_Key=key),
        running.fetch("GET", f"/v1/attendance?fecha={ADDRESS}", X_API_Key=key),
    ]
    assert [reply.status for reply in replies] == [200, 401, 401, 400, 400]
    assert all(WORD.encode() not in reply.body for reply in replies)
    running.stop()
    assert WORD not in (tmp_path / "server.log").read_text()


def test_a_log_line_with_a_secret() -> None:
    record = logging.LogRecord("x", 40, "x", 1, "%s", (ADDRESS,), None)
    assert HidingFormatter("%(message)s").format(record) == "mongodb://ana:***@h/db"
