"""What a caller gives that cannot be meant: said at once, before anything is sent."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client import AsyncClient, Client, InvalidRequest, NoAnswer, NotFound
from client.address import shown_address
from client.answers import error_of
from tests.client.conftest import MakeClient
from tests.client.false_server import FalseAnswer, false_server
from tests.conftest import on_sqlite
from tests.server.conftest import Serve
from tests.server.sample import ADMIN, ANA, KEYS, PROBE, photos

NOWHERE = "http://127.0.0.1:9"
KINDS = pytest.mark.parametrize("kind", [Client, AsyncClient])


@KINDS
@pytest.mark.parametrize(
    "address",
    [
        "http://[::1", None, b"http://x", "", "/", "127.0.0.1:8000", "localhost:8000", "ftp://x", "http://", "http:///x",
        "http://x?x=1", "http://x/?", "http://x#f", "http://x:0", "http://x:99999", "http://a b", "http://a\nb",
    ],
)  # fmt: skip
def test_an_address_that_is_none(kind: type, address: Any) -> None:
    with pytest.raises(ValueError, match="looks like http://127") as refused:
        kind(address)
    assert isinstance(address, (bytes, type(None))) or repr(address.rstrip("/")) in str(refused.value)


@on_sqlite
def test_an_address_as_people_paste_it(serve: Serve, make_client: MakeClient) -> None:
    assert make_client(f" {serve().address}/\n").status().students == 0


def test_an_addresss_password_is_not_shown(make_client: MakeClient) -> None:
    for address in ("ftp://ana:secret@x", "http://ana:secret@x?x=1", "http://ana:secret@[::1"):
        with pytest.raises(ValueError, match="looks like") as refused:
            Client(address)
        assert "secret" not in str(refused.value) and refused.value.__cause__ is None
    with false_server(FalseAnswer(200, b"<html>")) as server:
        address = server.address.replace("//", "//ana:secret@")
        with pytest.raises(Exception, match="200 from") as unexpected:
            make_client(address).status()
        assert "secret" not in f"{unexpected.value} {Client(address).settings}"
    with pytest.raises(NoAnswer) as none:
        make_client(address).status()
    assert "secret" not in str(none.value) and shown_address("http://x:1/y") == "http://x:1/y"


@on_sqlite
def test_a_key_with_a_line_end_is_the_key(
    serve: Serve, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = serve(PRESENTE_API_KEYS=KEYS).address
    assert make_client(address, f" {ADMIN}\r\n").status().students == 0
    monkeypatch.setenv("PRESENTE_API_KEY", f"{ADMIN}\n")
    assert make_client(address).status().students == 0


@KINDS
@pytest.mark.parametrize("key", ["secret\nkey", "secret key", "secret\x00", "secretñ", "secret\x7f", "\ufeffsecret"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(
    kind: type, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="key is no API key") as refused:
        kind(NOWHERE, key)
    assert "secret" not in f"{refused.value!r} {refused.value.__cause__!r}"
    if "\x00" not in key:
        monkeypatch.setenv("PRESENTE_API_KEY", key)
        with pytest.raises(ValueError, match="PRESENTE_API_KEY is no API key") as refused:
            kind(NOWHERE)
        assert "secret" not in str(refused.value)
    with pytest.raises(TypeError, match="key is a text, not bytes"):
        kind(NOWHERE, b"secret")


def test_the_text_of_a_header_that_cannot_be_sent_is_not_shown() -> None:
    import httpx

    error = error_of(httpx.LocalProtocolError("Illegal header value b'Bearer secret'"), None, NOWHERE)
    assert isinstance(error, NoAnswer) and "secret" not in f"{error} {error.__cause__} {error.__context__}"


@pytest.mark.parametrize("key", ["", " ", "a b", "ñ", "a\n", "x" * 201])
def test_an_idempotency_key_that_a_server_refuses(make_client: MakeClient, key: str) -> None:
    presente = make_client(NOWHERE)
    calls: list[Callable[[], Any]] = [
        lambda: presente.enrol("A1", "Ana", [b"1"], idempotency_key=key),
        lambda: presente.add_photos("A1", [b"1"], idempotency_key=key),
        lambda: presente.take_attendance(b"1", "X", idempotency_key=key),
        lambda: presente.state_attendance("A1", "X", idempotency_key=key),
        lambda: presente.resolve(1, "present", idempotency_key=key),
        lambda: presente.record_participation("A1", idempotency_key=key),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="it has 1 to 200 ASCII characters"):
            call()
    with pytest.raises(TypeError, match="idempotency_key is a text"):
        presente.resolve(1, "present", idempotency_key=7)


@pytest.mark.parametrize(
    "one", ["photo.jpg", Path("photo.jpg"), b"photo", bytearray(b"photo"), memoryview(b"p"), 5, None]
)
def test_one_photo_where_a_list_is_meant(make_client: MakeClient, one: Any) -> None:
    presente = make_client(NOWHERE)
    calls: list[Callable[[], Any]] = [
        lambda: presente.enrol("A1", "Ana", one),
        lambda: presente.add_photos("A1", one),
        lambda: presente.identify_many(one),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="photos is a list of photos, not"):
            call()


@KINDS
def test_many_photos_are_looked_at_before_the_first_is_asked(kind: type) -> None:
    with pytest.raises(TypeError, match=r"give \[photo\]"):
        kind(NOWHERE).identify_many("photo.jpg")
    with pytest.raises(ValueError, match="at_once is 0"):
        kind(NOWHERE).identify_many([], at_once=0)


def test_no_photos(make_client: MakeClient) -> None:
    presente = make_client(NOWHERE)
    calls: list[Callable[[], Any]] = [
        lambda: presente.enrol("Q1", "Q", []),
        lambda: presente.add_photos("Q1", iter([])),
    ]
    for call in calls:
        with pytest.raises(InvalidRequest, match="nothing was sent") as refused:
            call()
        assert (refused.value.code, refused.value.status) == ("no_photos", 400)


@on_sqlite
def test_a_matricula_of_digits_may_be_a_number_everywhere(presente: Any) -> None:
    first, second = photos(ANA)[:2]
    assert presente.enrol(123, "Ana", [first], clase="X").student.matricula == "123"
    assert presente.add_photos(123, (each for each in [second])).student.images == 2
    assert presente.student(123).matricula == presente.change(123, aviso="a").matricula == "123"
    assert presente.verify(PROBE, 123).matricula == "123"
    assert presente.state_attendance(123, "X").matricula == presente.record_participation(123).matricula == "123"
    assert presente.erase(123) is None
    with pytest.raises(NotFound):
        presente.student("123")


def test_a_matricula_that_is_none(make_client: MakeClient) -> None:
    presente = make_client(NOWHERE)
    for wrong in (None, True, 1.5, b"A1"):
        calls: list[Callable[[], Any]] = [
            lambda: presente.enrol(wrong, "Ana", [b"1"]),  # noqa: B023
            lambda: presente.add_photos(wrong, [b"1"]),  # noqa: B023
            lambda: presente.erase(wrong),  # noqa: B023
            lambda: presente.verify(b"1", wrong),  # noqa: B023
            lambda: presente.state_attendance(wrong, "X"),  # noqa: B023
            lambda: presente.record_participation(wrong),  # noqa: B023
        ]
        for call in calls:
            with pytest.raises(TypeError, match="matricula is a text, not"):
                call()


def test_one_event_loop() -> None:
    """The connections of the first loop would be used in the second, and httpx only says that a loop is closed."""
    with false_server(FalseAnswer(200, b'{"status": "ready"}', {"Connection": "close"})) as server:
        presente = AsyncClient(server.address)
        assert asyncio.run(presente.ready()) and len(server.paths) == 1
        with pytest.raises(RuntimeError, match="belongs to the event loop of its first call"):
            asyncio.run(presente.ready())
        assert len(server.paths) == 1
