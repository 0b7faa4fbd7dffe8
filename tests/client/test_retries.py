"""What is sent again, when, and that a request which was carried out is not carried out twice."""

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from client import NoAnswer, PresenteError, Problem, Retries, Unavailable
from client.answers import Outcome
from client.calls import Call
from client.exchange import steps
from client.retries import seconds_of
from client.settings import settings_of
from tests.client.conftest import MakeClient
from tests.client.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.conftest import on_sqlite
from tests.server.conftest import Serve
from tests.server.sample import ANA, DAY, EVA, GROUP, PROBE, photos

FAULTS: list[Fault] = ["busy", "bad_gateway", "cut_before", "cut_after", "cut_within"]


@pytest.fixture
def proxy(serve: Serve) -> Iterator[FaultProxy]:
    with fault_proxy(serve().address) as made:
        yield made


@pytest.fixture
def presente(proxy: FaultProxy, make_client: MakeClient) -> Any:
    """A client that reaches the server through the proxy."""
    return make_client(proxy.address)


def enrol(presente: Any, student: dict[str, str] = ANA, **more: Any) -> Any:
    return presente.enrol(
        student["matricula"], student["nombre_del_alumno"], photos(student), clase=student["clase"], **more
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_an_enrolment_happens_once(presente: Any, proxy: FaultProxy, fault: Fault) -> None:
    proxy.faults = [fault, "pass"]
    made = enrol(presente)
    assert made.student.images == len(photos(ANA)) and len(made.photos) == len(photos(ANA))
    assert len(proxy.sent) == 2 and len(set(proxy.keys())) == 1 and proxy.keys()[0]
    assert [each.matricula for each in presente.students()] == [ANA["matricula"]]
    assert presente.status().images == len(photos(ANA))


@on_sqlite
def test_every_write_with_a_key_happens_once(presente: Any, proxy: FaultProxy) -> None:
    enrol(presente)

    def cut(ask: Any) -> Any:
        proxy.sent.clear()
        proxy.faults = ["cut_after", "cut_within", "pass"]
        found = ask()
        assert len(proxy.sent) == 3 and len(set(proxy.keys())) == 1 and proxy.keys()[0], proxy.sent
        return found

    first, *others = photos(EVA)
    presente.enrol(EVA["matricula"], EVA["nombre_del_alumno"], [first], clase=EVA["clase"])
    assert cut(lambda: presente.add_photos(EVA["matricula"], others)).student.images == 1 + len(others)
    cut(lambda: presente.record_participation(ANA["matricula"], fecha=DAY))
    assert len([*presente.participations()]) == 1
    entry = cut(lambda: presente.state_attendance(ANA["matricula"], ANA["clase"], fecha=DAY))
    cut(lambda: presente.resolve(entry.id, "rejected"))
    cut(lambda: presente.take_attendance(GROUP, ANA["clase"], fecha=DAY))
    history = [*presente.attendance(matricula=ANA["matricula"], history=True)]
    assert [line.status for line in history] == ["present", "rejected"]


@on_sqlite
def test_a_key_of_the_caller_lasts_longer_than_a_program(presente: Any, proxy: FaultProxy, make_client: Any) -> None:
    proxy.faults = ["cut_after"] * 4
    with pytest.raises(NoAnswer, match="RemoteProtocolError"):
        enrol(presente, idempotency_key="enrol-1")
    again = enrol(make_client(proxy.address), idempotency_key="enrol-1")
    assert again.student.images == len(photos(ANA)) and set(proxy.keys()) == {"enrol-1"}


@on_sqlite
@pytest.mark.parametrize("fault", ["cut_after", "cut_within", "gateway_timeout"])
def test_what_was_done_is_not_reported_as_not_done(presente: Any, proxy: FaultProxy, fault: Fault) -> None:
    """The server carried out the first attempt, and every later one met a busy server."""
    enrol(presente)
    writes: list[Callable[..., Any]] = [
        lambda **more: presente.record_participation(ANA["matricula"], fecha=DAY, **more),
        lambda **more: enrol(presente, EVA, **more),
    ]
    for write in writes:
        proxy.faults = [fault, "busy", "busy", "busy"]
        with pytest.raises(Unavailable, match="may have been done") as busy:
            write()
        key = busy.value.idempotency_key
        assert busy.value.may_have_been_done and key == proxy.keys()[-1] and repr(key) in str(busy.value)
        write(idempotency_key=key)
    assert len([*presente.participations()]) == 1
    assert len([*presente.students()]) == 2


@on_sqlite
def test_errors_say_whether_it_may_have_been_done(presente: Any, proxy: FaultProxy, make_client: MakeClient) -> None:
    enrol(presente)
    matricula = ANA["matricula"]

    def met(faults: list[Fault], call: Callable[[], Any]) -> PresenteError:
        proxy.faults = [*faults]
        with pytest.raises(PresenteError) as error:
            call()
        proxy.faults = []
        return error.value

    cases: list[tuple[list[Fault], bool]] = [
        (["busy"] * 4, False), (["cut_before"] * 4, True), (["bad_gateway"] * 4, True), (["nonsense"], True),
        (["busy", "cut_before", "busy", "busy"], True), (["cut_before", "nonsense"], True),
    ]  # fmt: skip
    for faults, done in cases:
        error = met(faults, lambda: presente.record_participation(matricula, idempotency_key="k"))
        assert (error.may_have_been_done, error.idempotency_key) == (done, "k"), faults
        assert ("may have been done" in str(error)) == done
        assert not met(faults, lambda: presente.student(matricula)).may_have_been_done
    outcomes: dict[Fault, bool] = {"busy": False, "cut_before": True, "nonsense": True, "bad_gateway": True}
    for once in (lambda: presente.change(matricula, clase="X"), lambda: presente.erase(matricula)):
        for fault, done in outcomes.items():
            error = met([fault], once)
            assert (error.may_have_been_done, error.idempotency_key) == (done, None), fault
    refused = met([], lambda: presente.record_participation("none"))
    assert not refused.may_have_been_done and refused.idempotency_key
    unreached = met([], lambda: make_client("http://127.0.0.1:9").erase(matricula))
    assert isinstance(unreached, NoAnswer) and not unreached.may_have_been_done
    copied = pickle.loads(pickle.dumps(error))
    assert (copied.may_have_been_done, str(copied)) == (True, str(error))


@on_sqlite
def test_questions_are_asked_again(presente: Any, proxy: FaultProxy) -> None:
    enrol(presente)
    for ask in (
        lambda: presente.identify(PROBE),
        lambda: presente.verify(PROBE, ANA["matricula"]),
        lambda: presente.search([[1.0] * 128]),
        lambda: presente.student(ANA["matricula"]),
        lambda: [*presente.attendance()],
        lambda: presente.status(),
    ):
        proxy.sent.clear()
        proxy.faults = ["busy", "cut_before", "cut_within"]
        ask()
        assert len(proxy.sent) == 4 and set(proxy.keys()) == {None}


@on_sqlite
def test_what_has_no_key_is_sent_once(presente: Any, proxy: FaultProxy) -> None:
    enrol(presente)
    number = presente.record_participation(ANA["matricula"], fecha=DAY).id
    writes: list[Callable[[], Any]] = [
        lambda: presente.change(ANA["matricula"], clase="X"),
        lambda: presente.withdraw_participation(number),
        lambda: presente.erase(ANA["matricula"]),
    ]
    for ask in writes:
        proxy.sent.clear()
        proxy.faults = ["busy", "cut_before"]
        with pytest.raises(Unavailable) as busy:
            ask()
        assert (busy.value.code, busy.value.retry_after) == ("busy", 0.05)
        with pytest.raises(NoAnswer):
            ask()
        assert len(proxy.sent) == 2 and set(proxy.keys()) == {None}
    assert presente.student(ANA["matricula"]).clase == ANA["clase"]
    proxy.faults = ["busy"]
    with pytest.raises(Unavailable):
        presente.ready()


@on_sqlite
def test_retries_have_an_end(presente: Any, proxy: FaultProxy) -> None:
    proxy.faults = ["busy"] * 9
    with pytest.raises(Unavailable):
        presente.status()
    assert len(proxy.sent) == 4
    proxy.sent.clear()
    proxy.retry_after = "3600"
    with pytest.raises(Unavailable) as busy:
        presente.status()
    assert len(proxy.sent) == 1 and busy.value.retry_after == 3600
    proxy.sent.clear()
    proxy.faults = []
    with pytest.raises(Problem):
        presente.student("none")
    assert len(proxy.sent) == 1  # what is wrong stays wrong


@on_sqlite
def test_a_busy_server_is_outlived(proxy: FaultProxy, make_client: MakeClient) -> None:
    proxy.faults = ["busy", "cut_before"] * 6
    assert make_client(proxy.address, retries=Retries(first_wait_s=0.01, longest_wait_s=0.05)).status().students == 0
    assert len(proxy.sent) == 13


REFUSED = httpx.ConnectError("refused")
BUSY = httpx.Response(503, headers={"Retry-After": "1"}, content=b"{}")
WINDOW = httpx.Response(429, headers={"Retry-After": "60"}, content=b"{}")
READY = httpx.Response(204)


@pytest.mark.parametrize("down", [REFUSED, BUSY], ids=["refused", "busy"])
@pytest.mark.parametrize("seconds", [2.0, 20.0, 50.0])
def test_the_default_outlives_a_restart(down: Outcome, seconds: float) -> None:
    took, asked = done_by_a_clock(lambda now: down if now < seconds else READY)
    assert seconds <= took < seconds + 6 and asked < 60


def test_a_limit_per_minute_is_waited_for() -> None:
    took, asked = done_by_a_clock(lambda now: WINDOW if now < 60 else READY)
    assert 60 <= took < 61 and asked == 2


@pytest.mark.parametrize("down", [REFUSED, BUSY, WINDOW], ids=["refused", "busy", "window"])
def test_patience_ends(down: Outcome) -> None:
    with pytest.raises(PresenteError) as error:
        done_by_a_clock(lambda now: down)
    assert 60 <= float(error.value.__notes__[0]) < 130


def done_by_a_clock(answer: Callable[[float], Outcome]) -> tuple[float, int]:
    """A call with the default patience, and seconds that pass only while it waits: how many, and how often it asked."""
    now, asked = 0.0, 0
    call = Call("GET", "/", lambda _: None, "asks", no_content=True)
    todo = steps(call, settings_of("http://x", "", 1.0, Retries()), lambda: now)
    outcome: Outcome | None = None
    try:
        while True:
            step = todo.send(outcome)
            if isinstance(step, float):
                now, outcome = now + step, None
            else:
                asked, outcome = asked + 1, answer(now)
                if isinstance(outcome, httpx.Response):
                    outcome.request = step
    except StopIteration:
        return now, asked
    except PresenteError as error:
        error.add_note(str(now))
        raise


def test_waits_grow_differ_and_are_bounded() -> None:
    retries = Retries(attempts=2000, first_wait_s=1.0, longest_wait_s=8.0)
    waits = [[retries.wait_s(attempt, 0.0, None) for _ in range(200)] for attempt in range(1, 1500)]
    for attempt, found in enumerate(waits):
        longest = 8.0 if attempt > 2 else 2.0**attempt
        assert all(wait is not None and longest / 2 <= wait <= longest for wait in found)
        assert len(set(found)) > 100
    assert retries.wait_s(2000, 0.0, None) is None and retries.wait_s(1, 60.0, None) is None
    asked = [retries.wait_s(1, 0.0, 5.0) or 0 for _ in range(200)]
    assert min(asked) >= 5.0 and max(asked) <= 5.5 and len(set(asked)) > 100
    assert (retries.wait_s(1, 59.9, 60.0) or 0) >= 60.0 and retries.wait_s(1, 0.0, 60.1) is None
    assert Retries(patience_s=0).wait_s(1, 0.0, None) is None
    for wrong in ({"attempts": 0}, {"first_wait_s": 0.0}, {"longest_wait_s": -1.0}, {"patience_s": float("nan")}):
        with pytest.raises(ValueError):
            Retries(**wrong)


def test_the_seconds_of_a_header() -> None:
    assert [seconds_of(text) for text in (None, "", "5", "0", "-1", "inf", "nan", "Fri, 27 Nov 2026 00:00:00 GMT")] == [
        None, None, 5.0, 0.0, None, None, None, None
    ]  # fmt: skip
