"""One caller leaves room for the others: of threads, of bodies, of decoding."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from werkzeug.test import EnvironBuilder

from faces.embedder import FaceEmbedder
from faces.image.cost import Cost
from faces.packs.model_pack import ModelPack
from gallery.gallery import Gallery
from gallery.photo_export import PhotoExport
from presente.access_roles import AccessRole
from presente.api_keys import read_keys
from presente.errors import Busy
from server.access.authentication import SESSION_COOKIE, Access
from server.access.caller import LOCAL, NO_ONE, Caller
from server.app import create_app
from server.decoding.admission import Lane, make_admission
from server.decoding.decoder import open_decoder
from server.decoding.share import current_share
from server.front.intake import Intake
from server.front.request_threads import RequestThreads
from server.service import Service, ServiceHandle
from server.shares import Shares
from tests.conftest import SAMPLE, on_sqlite

MB = 1_000_000
KEY = "attendance-0123456789abcdef"
PHOTO = (SAMPLE / "strangers" / "01.jpg").read_bytes()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


# -- whose share ---------------------------------------------------------------------------------------------------


def head(address: str = "10.0.0.1", **headers: str) -> dict[str, object]:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return EnvironBuilder(headers=[*named.items()], environ_base={"REMOTE_ADDR": address}).get_environ()


def test_a_caller_is_told_by_the_key_or_session_once_it_is_known_and_others_by_address() -> None:
    shares = Shares(("10.0.0.9",))
    teacher = Caller(AccessRole.TEACHER, "user:eva")
    first, second = (head(address, Cookie=f"a=b; {SESSION_COOKIE}={address}") for address in ("10.0.0.1", "10.0.0.2"))
    assert shares.of(first) == "address:10.0.0.1"
    shares.begin(first, teacher)
    shares.begin(second, teacher)  # another session of the account
    assert current_share() == shares.of(first) == shares.of(second) == "user:eva"
    assert shares.of(head("10.0.0.7", Cookie=f"{SESSION_COOKIE}=10.0.0.1; c=d")) == "user:eva"
    assert shares.of(head(Cookie=f"\xff; {SESSION_COOKIE}=10.0.0.1")) == "user:eva"
    assert shares.of(head(Cookie="\xff")) == "address:10.0.0.1"
    shares.begin(head(X_API_Key="k"), Caller(AccessRole.ATTENDANCE, "key:door"))
    assert shares.of(head("10.0.0.8", X_API_Key="k")) == "key:door"
    for caller in (NO_ONE, LOCAL):  # neither is one caller
        shares.begin(head(X_API_Key="other"), caller)
        assert current_share() == shares.of(head(X_API_Key="other")) == "address:10.0.0.1"
    assert shares.of(head("10.0.0.9", X_Forwarded_For="192.0.2.5")) == "address:192.0.2.5"


@on_sqlite
def test_a_photo_is_decoded_for_the_caller_who_sent_it(
    gallery: Gallery, sample_pack: ModelPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    turn = Lane.turn

    def watched(lane: Lane, cost: Cost, share: str = "") -> AbstractContextManager[Callable[[], None]]:
        asked.append(share)
        return turn(lane, cost, share)

    monkeypatch.setattr(Lane, "turn", watched)
    decoder = open_decoder(make_admission(200 * MB, 2))
    export = PhotoExport(tmp_path / "export")
    handle = ServiceHandle()
    handle.put(Service(FaceEmbedder(sample_pack, decoder=decoder), gallery, export, export.forget))
    access = Access(keys=read_keys(f"attendance:{KEY}"))
    client = create_app(handle, 4_000_000, access).test_client()
    try:
        sent = client.post("/v1/identify", data=PHOTO, content_type="image/jpeg", headers={"X-API-Key": KEY})
    finally:
        decoder.close()
    assert sent.status_code == 200 and set(asked) == {"key:setting-1"}


# -- threads -------------------------------------------------------------------------------------------------------


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class Holding:
    """Requests that keep their thread until they are told to end."""

    def __init__(self, threads: RequestThreads) -> None:
        self.threads = threads
        self.ends = threading.Event()
        self.order: list[str] = []

    def send(self, share: str) -> asyncio.Task[str]:
        def work() -> str:
            self.order.append(share)
            assert self.ends.wait(20)
            return share

        return asyncio.create_task(self.threads.run(share, work))

    async def held(self, *shares: str) -> None:
        """Wait until just these requests are at work."""
        while len(self.order) < len(shares):
            await asyncio.sleep(0.005)
        await settle()
        assert sorted(self.order) == sorted(shares)


def test_a_caller_holds_half_of_the_threads_and_leaves_one_for_each_who_comes() -> None:
    async def run() -> None:
        threads = RequestThreads(4)
        holding = Holding(threads)
        sent = [holding.send("a") for _ in range(20)]
        await holding.held(*"aaaa")
        assert threads.threads == 8 and threads.waiting == 16
        sent += [holding.send("b") for _ in range(5)]
        await holding.held(*"aaaabb")
        sent += [holding.send(share) for share in "ccd"]
        await holding.held(*"aaaabbcd")
        holding.ends.set()
        assert sorted(await asyncio.gather(*sent)) == sorted("a" * 20 + "b" * 5 + "ccd")
        assert threads.running == threads.waiting == 0
        threads.close()

    asyncio.run(run())


def test_of_the_waiting_requests_the_newest_of_the_caller_with_most_makes_room() -> None:
    async def run() -> None:
        threads = RequestThreads(1)  # two, and 16 may wait
        holding = Holding(threads)
        sent = [holding.send("a") for _ in range(18)]
        await settle()
        assert threads.waiting == 16 and isinstance(sent[-1].exception(), Busy)
        other = [holding.send("b") for _ in range(2)]
        await holding.held("a", "b")  # the second thread was left free
        assert isinstance(sent[16].exception(), Busy) and not any(each.done() for each in (*sent[:16], *other))
        holding.ends.set()
        assert await asyncio.gather(*sent[:16], *other) == ["a"] * 16 + ["b"] * 2
        threads.close()

    asyncio.run(run())


def test_a_request_that_waits_too_long_or_is_given_up_keeps_no_thread() -> None:
    async def run() -> None:
        threads = RequestThreads(1, patience_s=0.05)
        holding = Holding(threads)
        first, late = holding.send("a"), holding.send("a")
        with pytest.raises(Busy):
            await late
        given_up = holding.send("a")
        await settle()
        given_up.cancel()
        await settle()
        assert threads.waiting == 0 and threads.running == 1
        holding.ends.set()
        await first
        assert threads.running == 0 and await holding.send("a") == "a"
        threads.close()

    asyncio.run(run())


# -- bodies --------------------------------------------------------------------------------------------------------


def test_a_caller_s_bodies_take_half_of_the_room_and_another_s_finds_some() -> None:
    async def run() -> None:
        intake = Intake(1000)

        async def read(share: str, size: int) -> int:
            async def receive() -> dict[str, object]:
                return {"type": "http.request", "body": bytes(size), "more_body": False}

            return len(await intake.read(receive, size, share))

        assert await read("a", 300) == 300 and await read("a", 200) == 200
        with pytest.raises(Busy):
            await read("a", 1)
        assert await read("b", 200) == 200 and intake.held_bytes == 700
        with pytest.raises(Busy):
            await read("b", 200)
        intake.release(300, "a")
        assert await read("b", 200) == 200
        for size, share in ((200, "a"), (200, "b"), (200, "b")):
            intake.release(size, share)
        assert intake.held_bytes == 0 and await read("a", 500) == 500

    asyncio.run(run())


# -- decoding ------------------------------------------------------------------------------------------------------


class Photos:
    """Photos that wait for a turn in a lane, each in a thread."""

    def __init__(self, lane: Lane) -> None:
        self.lane, self.order, self.threads = lane, [], []  # type: ignore[var-annotated]
        self.refused: list[str] = []

    def send(self, share: str, cost: Cost, waits: int) -> None:
        def work() -> None:
            try:
                with self.lane.turn(cost, share):
                    self.order.append(share)
            except Busy:
                self.refused.append(share)

        self.threads.append(threading.Thread(target=work))
        self.threads[-1].start()
        wait_for(lambda: self.lane.queued == waits)


def test_the_next_photo_is_of_the_caller_who_holds_least() -> None:
    lane = Lane(100 * MB, 1, 64)
    photos, cost = Photos(lane), Cost(40 * MB, 20 * MB, 0.1)
    with lane.turn(cost, "a"):
        for number, share in enumerate("aaab", start=1):
            photos.send(share, cost, number)
    for each in photos.threads:
        each.join()
    assert photos.order == ["b", "a", "a", "a"]
    with lane.turn(cost, "a") as decoded:
        photos.order.clear()
        photos.send("a", Cost(90 * MB, 0, 0.1), 1)
        photos.send("b", cost, 2)
        decoded()  # the pixels are held on
        wait_for(lambda: photos.order == ["b"])
        assert lane.queued == 1
    for each in photos.threads:
        each.join()
    assert photos.order == ["b", "a"] and lane.used == 0 and not photos.refused


def test_a_caller_whose_photos_wait_makes_room_for_another_s() -> None:
    lane = Lane(100 * MB, 1, 1)
    photos, cost = Photos(lane), Cost(40 * MB, 20 * MB, 3.0)
    with lane.turn(cost, "a"):
        photos.send("a", cost, 1)
        photos.send("a", cost, 1)
        wait_for(lambda: photos.refused == ["a"])
        photos.send("b", cost, 1)
        wait_for(lambda: photos.refused == ["a", "a"])
        photos.send("c", cost, 1)
        wait_for(lambda: photos.refused == ["a", "a", "c"])
    for each in photos.threads:
        each.join()
    assert photos.order == ["b"] and lane.used == 0 and lane.queued == 0
