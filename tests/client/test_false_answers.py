"""Answers that no Presente gives: none of them passes for one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from client import Problem, UnexpectedAnswer
from tests.client.conftest import MakeClient
from tests.client.false_server import FalseAnswer, false_server

PAGE = FalseAnswer(200, b"<html>Please log in</html>", {"Content-Type": "text/html"})

CALLS: list[Callable[[Any], Any]] = [
    lambda presente: presente.erase("A1"),
    lambda presente: presente.withdraw_participation(1),
    lambda presente: presente.status(),
    lambda presente: presente.enrol("A1", "Ana", [b"photo"]),
    lambda presente: presente.resolve(1, "present"),
    lambda presente: list(presente.students()),
]


@pytest.mark.parametrize(
    "answer",
    [
        PAGE,
        FalseAnswer(200),
        FalseAnswer(202, b"{}", {"Content-Type": "application/json"}),
        FalseAnswer(200, b'{"version": "\xff"}', {"Content-Type": "application/json"}),
        FalseAnswer(200, b'{"a":' + b"[" * 100_000, {"Content-Type": "application/json"}),
        FalseAnswer(200, b"{}", {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
        FalseAnswer(200, b"\xff", {"Content-Type": "text/html; charset=hex"}),
        FalseAnswer(302, b"", {"Location": "https://login.example"}),
        FalseAnswer(404, b'{"code": "\xff"}', {"Content-Type": "application/problem+json"}),
        FalseAnswer(404, b'{"a":' + b"[" * 100_000, {"Content-Type": "application/problem+json"}),
        FalseAnswer(500, b"<html>", {"Content-Encoding": "deflate"}),
    ],
    ids=[
        "page",
        "empty",
        "accepted",
        "utf8",
        "deep",
        "gzip",
        "charset",
        "moved",
        "problem_utf8",
        "deep_problem",
        "deflate",
    ],
)
def test_what_is_no_answer_of_the_api_is_unexpected(make_client: MakeClient, answer: FalseAnswer) -> None:
    with false_server(answer) as server:
        presente = make_client(server.address)
        for call in CALLS:
            with pytest.raises(UnexpectedAnswer):
                call(presente)
        assert len(server.paths) == len(CALLS)  # it does not become right by asking again


def test_no_content_is_not_the_answer_where_there_is_one(make_client: MakeClient) -> None:
    with false_server(FalseAnswer(204)) as server:
        presente = make_client(server.address)
        assert presente.erase("A1") is None and presente.withdraw_participation(1) is None
        for call in CALLS[2:]:
            with pytest.raises(UnexpectedAnswer):
                call(presente)


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500, 507])
def test_what_is_wrong_stays_wrong(make_client: MakeClient, status: int) -> None:
    problem = {"type": "about:blank", "title": "t", "status": status, "detail": "d", "code": "c", "request_id": "r"}
    answer = FalseAnswer(status, json.dumps(problem).encode(), {"Content-Type": "application/problem+json"})
    with false_server(answer) as server:
        with pytest.raises(Problem) as refused:
            make_client(server.address).status()
        assert refused.value.status == status and len(server.paths) == 1


@pytest.mark.parametrize("length", [1, 3], ids=["itself", "in_a_circle"])
def test_a_list_that_leads_back_to_itself_has_an_end(make_client: MakeClient, length: int) -> None:
    asked = 0

    def page(_path: str) -> FalseAnswer:
        nonlocal asked
        asked += 1
        assert asked < 20
        body = json.dumps({"participations": [], "next_cursor": f"c{asked % length}"}).encode()
        return FalseAnswer(200, body, {"Content-Type": "application/json"})

    with false_server(page) as server, pytest.raises(UnexpectedAnswer, match="next_cursor"):
        list(make_client(server.address).participations())
    assert asked == length + 1
