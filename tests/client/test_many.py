"""Many photos: a few requests at a time, answers in order, and memory for a few whatever their number."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from client import (
    AsyncClient,
    Client,
    InvalidRequest,
    NoAnswer,
    NotAllowed,
    PhotoRefused,
    Retries,
    Unavailable,
    UnexpectedAnswer,
)
from client.many import identify_in_tasks, identify_in_threads
from client.replies import Identification
from tests.client.conftest import QUICK, MakeClient
from tests.client.fault_proxy import Fault, fault_proxy
from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Serve
from tests.server.sample import ADMIN, KEYS, STRANGER

PROBES = sorted((SAMPLE / "probes").glob("*/1.jpg"))


def answer(name: object) -> Identification:
    return Identification(
        request_id=str(name),
        pack="p",
        threshold=0.0,
        threshold_source="",
        hint=None,
        rotated=0,
        faces=(),
        timings_ms={},
    )


@on_sqlite
def test_photos_are_answered_in_their_order(sample_gallery: None, presente: Any, tmp_path: Path) -> None:
    sent = [*PROBES, b"no photo", tmp_path / "none.jpg", STRANGER]
    answers = [*presente.identify_many(iter(sent), at_once=3, k=1)]
    assert [each.number for each in answers] == list(range(len(sent)))
    for path, each in zip(PROBES, answers, strict=False):
        assert each.error is None and each.result().faces[0].matricula == path.parent.name
        assert len(each.result().faces[0].candidates) == 1
    broken, missing, stranger = answers[-3:]
    assert isinstance(broken.error, PhotoRefused) and broken.identification is None
    assert isinstance(missing.error, FileNotFoundError)
    with pytest.raises(PhotoRefused, match="not_an_image"):
        broken.result()
    assert stranger.result().faces[0].matricula is None


@on_sqlite
def test_a_photo_without_an_answer_does_not_end_the_job(
    sample_gallery: None, serve: Serve, make_client: MakeClient
) -> None:
    running = serve()
    with fault_proxy(running.address) as proxy:
        tries = QUICK.attempts or 0
        busy: list[Fault] = ["busy"] * tries
        cut: list[Fault] = ["cut_before"] * tries
        proxy.faults = ["pass", *busy, *cut, "nonsense"]
        answers = [*make_client(proxy.address).identify_many([*PROBES[:4], b"no photo", PROBES[4]], at_once=1)]
    assert [type(each.error) for each in answers] == [
        type(None), Unavailable, NoAnswer, UnexpectedAnswer, PhotoRefused, type(None)
    ]  # fmt: skip
    assert [each.photo_at_fault for each in answers] == [False, False, False, False, True, False]
    assert answers[-1].result().faces[0].matricula == PROBES[4].parent.name
    running.kill()
    assert [type(each.error) for each in make_client(running.address).identify_many([STRANGER] * 3)] == [NoAnswer] * 3


@on_sqlite
def test_a_limit_per_minute_is_waited_for_by_a_job(sample_gallery: None, serve: Serve, make_client: MakeClient) -> None:
    """Two photos per second: the server says how long to wait, and no photo is lost."""
    presente = make_client(serve(PRESENTE_REQUEST_LIMIT="2/second").address, retries=Retries())
    answers = [*presente.identify_many(PROBES[:6], at_once=3)]
    assert [each.result().faces[0].matricula for each in answers] == [path.parent.name for path in PROBES[:6]]
    hasty = make_client(serve(PRESENTE_REQUEST_LIMIT="1/minute").address, retries=Retries(patience_s=0))
    first, *others = [each.error for each in hasty.identify_many(PROBES[:3], at_once=1)]
    assert first is None
    for error in others:
        assert isinstance(error, Unavailable) and error.code == "too_many_requests" and error.retry_after


@on_sqlite
def test_what_every_photo_would_meet_ends_the_job(serve: Serve, make_client: MakeClient) -> None:
    address = serve(PRESENTE_API_KEYS=KEYS).address
    with pytest.raises(NotAllowed, match="unknown_key"):
        [*make_client(address, "x" * 20).identify_many([STRANGER] * 9)]
    with pytest.raises(InvalidRequest, match="invalid_k"):
        [*make_client(address, ADMIN).identify_many([STRANGER] * 9, k=0)]


def test_a_million_photos_are_not_held() -> None:
    taken = 0

    def photos() -> Iterator[bytes]:
        nonlocal taken
        for taken in range(1_000_000):
            yield b"%d" % taken

    answers = identify_in_threads(photos(), lambda photo: answer(photo), 3)
    for number, each in enumerate(itertools.islice(answers, 2000)):
        assert each.result().request_id == str(b"%d" % number)
        assert taken - number < 6
    answers.close()  # type: ignore[attr-defined]
    assert taken < 2010
    with pytest.raises(ValueError, match="at_once is 0"):
        Client().identify_many([], at_once=0)


def test_a_million_photos_are_not_held_by_tasks_either() -> None:
    async def ask() -> None:
        taken, running, most = 0, 0, 0

        async def photos() -> AsyncIterator[bytes]:
            nonlocal taken
            for taken in range(1_000_000):
                yield b"%d" % taken

        async def identify(photo: Any) -> Identification:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            return answer(photo)

        answers = identify_in_tasks(photos(), identify, 3)
        number = 0
        async for each in answers:
            assert (each.number, each.result().request_id) == (number, str(b"%d" % number))
            assert taken - number < 6 and most <= 3
            number += 1
            if number == 2000:
                break
        await answers.aclose()  # type: ignore[attr-defined]
        assert most == 3 and taken < 2010 and len(asyncio.all_tasks()) == 1
        with pytest.raises(ValueError, match="at_once is 0"):
            [each async for each in AsyncClient().identify_many([], at_once=0)]

    asyncio.run(ask())


def test_threads_ask_at_once() -> None:
    """Three requests meet at a barrier: one after the other none of them would pass."""
    import threading

    barrier = threading.Barrier(3, timeout=20)

    def ask(photo: Any) -> Identification:
        barrier.wait()
        return answer(photo)

    assert [each.number for each in identify_in_threads([b"1"] * 9, ask, 3)] == list(range(9))
