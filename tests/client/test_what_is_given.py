"""What a caller gives that cannot be meant: said at once, before anything is sent."""

from typing import Any

import pytest

from client import AsyncClient, Client, NoAnswer
from client.address import shown_address
from client.answers import error_of
from tests.client.conftest import MakeClient
from tests.client.false_server import FalseAnswer, false_server
from tests.conftest import on_sqlite
from tests.server.conftest import Serve
from tests.server.sample import ADMIN, KEYS

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
    for call in (
        lambda: presente.enrol("A1", "Ana", [b"1"], idempotency_key=key),
        lambda: presente.add_photos("A1", [b"1"], idempotency_key=key),
        lambda: presente.take_attendance(b"1", "X", idempotency_key=key),
        lambda: presente.state_attendance("A1", "X", idempotency_key=key),
        lambda: presente.resolve(1, "present", idempotency_key=key),
        lambda: presente.record_participation("A1", idempotency_key=key),
    ):
        with pytest.raises(ValueError, match="it has 1 to 200 ASCII characters"):
            call()
    with pytest.raises(TypeError, match="idempotency_key is a text"):
        presente.resolve(1, "present", idempotency_key=7)
