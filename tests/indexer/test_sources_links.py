"""Photos behind links: retried within limits, cached by content, never from a private address unless allowed."""

import contextlib
import email.utils
import socket
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from indexer.sources.links.addresses import is_public
from indexer.sources.links.download_cache import DownloadCache
from indexer.sources.links.drive import direct_url
from indexer.sources.links.fetching import LinkRules, fetch
from presente.errors import PhotoRefused
from tests.indexer.link_server import LinkServer, Reply

PHOTO = b"\xff\xd8\xff photo " * 500
QUICK = LinkRules(private=True, connect_s=2, read_s=2, backoff_s=0.01, pause_s=0.3)


def refusal(link: str, rules: LinkRules = QUICK) -> PhotoRefused:
    with pytest.raises(PhotoRefused) as caught:
        fetch(link, rules)
    assert caught.value.fix
    return caught.value


def test_a_photo_is_fetched_whole(web: LinkServer) -> None:
    link = web.tell("/a.jpg?size=1", Reply(body=PHOTO))
    assert fetch(link, QUICK) == PHOTO and web.asked == ["/a.jpg?size=1"]


@pytest.mark.parametrize("status", [503, 500, 429])
def test_a_busy_server_is_asked_again(web: LinkServer, status: int) -> None:
    link = web.tell("/a.jpg", Reply(status), Reply(status), Reply(body=PHOTO))
    assert fetch(link, QUICK) == PHOTO and len(web.asked) == 3
    web.tell("/a.jpg", Reply(status))
    error = refusal(link)
    assert error.code == "link_failed" and str(status) in str(error) and "4 attempts" in str(error)
    assert len(web.asked) == 3 + QUICK.attempts


def test_an_error_that_a_retry_cannot_mend_is_not_retried(web: LinkServer) -> None:
    link = web.tell("/a.jpg", Reply(404))
    error = refusal(link)
    assert error.code == "link_failed" and "404" in str(error) and len(web.asked) == 1


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured_up_to_a_bound(web: LinkServer, as_date: bool) -> None:
    def asked_to_wait(seconds: int) -> Reply:
        text = email.utils.formatdate(time.time() + seconds, usegmt=True) if as_date else str(seconds)
        return Reply(503, headers={"Retry-After": text})

    start = time.monotonic()
    assert fetch(web.tell("/a", asked_to_wait(2), Reply(body=PHOTO)), replace(QUICK, pause_s=30)) == PHOTO
    assert 0.9 < time.monotonic() - start < 10
    start = time.monotonic()
    assert fetch(web.tell("/b", asked_to_wait(3600), Reply(body=PHOTO)), QUICK) == PHOTO
    assert QUICK.pause_s <= time.monotonic() - start < 10
    unclear = Reply(503, headers={"Retry-After": "soon"})
    assert fetch(web.tell("/c", unclear, Reply(body=PHOTO)), QUICK) == PHOTO


def test_a_body_cut_short_is_asked_for_again(web: LinkServer) -> None:
    link = web.tell("/a.jpg", Reply(body=PHOTO[:3000], length=len(PHOTO)), Reply(body=PHOTO))
    assert fetch(link, QUICK) == PHOTO and len(web.asked) == 2


def test_an_empty_answer_is_asked_for_again(web: LinkServer) -> None:
    link = web.tell("/a.jpg", Reply(), Reply(body=PHOTO))
    assert fetch(link, QUICK) == PHOTO and len(web.asked) == 2


def test_a_server_that_is_away_is_tried_again(web: LinkServer) -> None:
    web.stop()
    error = refusal(web.address + "/a.jpg")
    assert error.code == "link_failed" and "4 attempts" in str(error)


def test_redirects_are_followed_to_a_limit(web: LinkServer) -> None:
    for hop in range(7):
        web.tell(f"/{hop}", Reply(302, headers={"Location": f"{hop + 1}"}))  # relative, as the standard allows
    web.tell("/5", Reply(body=PHOTO))
    assert fetch(web.address + "/0", QUICK) == PHOTO and len(web.asked) == 6
    web.tell("/5", Reply(307, headers={"Location": web.tell("/6", Reply(body=PHOTO))}))
    error = refusal(web.address + "/0")
    assert error.code == "link_failed" and "more than 5" in str(error)


def test_a_long_file_is_not_read_to_its_end(web: LinkServer) -> None:
    body = bytes(60_000_000)
    error = refusal(web.tell("/a.jpg", Reply(body=body)), replace(QUICK, max_bytes=100_000))
    assert error.code == "too_many_bytes" and "100,000" in str(error) and web.sent < len(body)
    assert fetch(web.tell("/b.jpg", Reply(body=PHOTO)), replace(QUICK, max_bytes=len(PHOTO))) == PHOTO


def test_a_long_file_that_does_not_say_so_is_not_read_to_its_end() -> None:
    def serve(listening: socket.socket) -> int:
        sent = 0
        taken, _ = listening.accept()
        with taken, contextlib.suppress(OSError):
            taken.recv(10_000)
            taken.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while sent < 60_000_000:
                sent += taken.send(bytes(10_000))
        return sent

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve, listening)
        link = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        assert refusal(link, replace(QUICK, max_bytes=100_000)).code == "too_many_bytes"
        assert 100_000 < served.result(10) < 60_000_000


def test_a_slow_link_ends(web: LinkServer) -> None:
    rules = replace(QUICK, total_s=0.5)
    start = time.monotonic()
    error = refusal(web.tell("/drips", Reply(body=PHOTO, pause_s=0.2)), rules)
    assert error.code == "link_failed" and "longer than" in str(error) and time.monotonic() - start < 2
    stalls = refusal(web.tell("/stalls", Reply(body=PHOTO, pause_s=5)), replace(QUICK, read_s=0.2, attempts=2))
    assert stalls.code == "link_failed" and "2 attempts" in str(stalls)


def test_a_server_that_sends_its_headers_byte_by_byte_ends() -> None:
    def serve(listening: socket.socket) -> None:
        taken, _ = listening.accept()
        with taken, contextlib.suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000:
                taken.sendall(bytes([byte]))
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve, listening)
        start = time.monotonic()
        error = refusal(f"http://127.0.0.1:{listening.getsockname()[1]}/", replace(QUICK, total_s=0.5))
        assert error.code == "link_failed" and "longer than" in str(error) and time.monotonic() - start < 3
        served.result(10)


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title>",
        b"\n <HTML><body>Sign in",
        b"\xef\xbb\xbf<!-- x --><html>",
    ],
)
def test_a_web_page_is_not_a_photo(web: LinkServer, page: bytes) -> None:
    error = refusal(web.tell("/a.jpg", Reply(body=page, headers={"Content-Type": "text/html"})))
    assert error.code == "not_shared" and "anyone who has the link" in error.fix


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_wants_a_login(web: LinkServer, status: int) -> None:
    assert refusal(web.tell("/a.jpg", Reply(status))).code == "not_shared"


# -- addresses that links may lead to ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
        "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "::ffff:127.0.0.1",
        "::127.0.0.1", "fe80::1%eth0", "fd00::1", "fec0::1", "ff02::1", "64:ff9b::7f00:1", "2002:7f00:1::",
        "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "142.250.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_private_addresses_are_refused_unless_allowed(web: LinkServer, host: str) -> None:
    web.tell("/a.jpg", Reply(body=PHOTO))
    error = refusal(f"http://{host}:{web.port}/a.jpg", LinkRules())
    assert error.code == "link_refused" and "PRESENTE_PRIVATE_LINKS" in error.fix and not web.asked


@pytest.mark.parametrize("link", ["file:///etc/passwd", "ftp://127.0.0.1/a.jpg", "http:///a.jpg", "gopher://x"])
def test_only_http(link: str) -> None:
    assert refusal(link).code == "link_refused"


@pytest.mark.parametrize(
    "link", ["http://a b/", "http://x:99999/", "http://nobody.invalid/a.jpg", "http://" + "a" * 99]
)
def test_addresses_without_a_server(link: str) -> None:
    assert refusal(link).code == "link_failed"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """What the name server answers for each name: one list of addresses per question."""
    answers: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def ask(host: str, port: int, *arguments: Any, **named: Any) -> Any:
        if host in answers:
            return [entry for address in answers[host].pop(0) for entry in real(address, port, *arguments, **named)]
        assert host.replace(".", "").isdecimal(), f"nothing but an address may be looked up again: {host}"
        return real(host, port, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    return answers


def test_one_private_address_among_others_is_enough(names: dict[str, list[list[str]]], web: LinkServer) -> None:
    names["photos.test"] = [["8.8.8.8", "127.0.0.1"]]
    assert refusal(f"http://photos.test:{web.port}/a.jpg", LinkRules()).code == "link_refused"


def test_the_connection_goes_to_the_address_that_was_checked(
    names: dict[str, list[list[str]]], web: LinkServer
) -> None:
    names["photos.test"] = [["127.0.0.1"]]  # a second question would fail, because there is no second answer
    web.tell("/a.jpg", Reply(body=PHOTO))
    assert fetch(f"http://photos.test:{web.port}/a.jpg", QUICK) == PHOTO
    assert web.hosts == [f"photos.test:{web.port}"] and names["photos.test"] == []


def test_every_redirect_is_checked(
    names: dict[str, list[list[str]]], web: LinkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.sources.links.fetching.is_public", lambda address: address == "127.0.0.1")
    for target in (f"http://127.0.0.2:{web.port}/", "http://169.254.169.254/latest/meta-data", "http://inside.test/"):
        names["inside.test"] = [["10.0.0.1"]]
        link = web.tell("/a.jpg", Reply(302, headers={"Location": target}))
        assert refusal(link, LinkRules()).code == "link_refused"
    link = web.tell("/a.jpg", Reply(302, headers={"Location": "file:///etc/passwd"}))
    assert refusal(link, LinkRules()).code == "link_refused"


def test_another_address_is_tried_when_one_is_away(names: dict[str, list[list[str]]], web: LinkServer) -> None:
    names["photos.test"] = [["127.0.0.3", "127.0.0.1"]] * 2
    web.tell("/a.jpg", Reply(body=PHOTO))
    assert fetch(f"http://photos.test:{web.port}/a.jpg", QUICK) == PHOTO


def test_proxies_of_the_environment_are_not_used(web: LinkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch(web.tell("/a.jpg", Reply(body=PHOTO)), QUICK) == PHOTO


def test_tls_checks_the_name_and_not_the_address(
    names: dict[str, list[list[str]]], web: LinkServer, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=photos.test -keyout {key} -out {certificate}"
    try:
        made = subprocess.run(
            ["openssl", *words.split(), "-addext", "subjectAltName=DNS:photos.test"], capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("no openssl to make a certificate with")
    assert made.returncode == 0, made.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    web.wrap(context)
    web.tell("/a.jpg", Reply(body=PHOTO))
    names |= {"photos.test": [["127.0.0.1"]] * 2, "other.test": [["127.0.0.1"]]}
    trusting = replace(QUICK, authorities=str(certificate))
    assert fetch(f"https://photos.test:{web.port}/a.jpg", trusting) == PHOTO
    wrong_name = refusal(f"https://other.test:{web.port}/a.jpg", trusting)
    assert wrong_name.code == "link_failed" and "certificate" in str(wrong_name)
    assert refusal(f"https://photos.test:{web.port}/a.jpg").code == "link_failed", "no authority signed the certificate"
    assert web.asked == ["/a.jpg"]


# -- the cache ------------------------------------------------------------------------------------------------------


def kept_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_second_reading_sends_no_request(web: LinkServer, tmp_path: Path) -> None:
    link = web.tell("/a.jpg", Reply(body=PHOTO))
    assert DownloadCache(tmp_path, QUICK).read(link) == PHOTO
    assert DownloadCache(tmp_path, QUICK).read(link) == PHOTO and len(web.asked) == 1
    other = web.tell("/b.jpg", Reply(body=PHOTO))
    assert DownloadCache(tmp_path, QUICK).read(other) == PHOTO and len(web.asked) == 2
    assert [path.parent.name for path in kept_files(tmp_path)] == ["contents", "links", "links"], "same content, once"


@pytest.mark.parametrize("damaged", ["contents", "links"])
@pytest.mark.parametrize("damage", [b"", b"\xff\x00", b"../../../etc/passwd", None])
def test_a_damaged_cache_entry_is_fetched_again(
    web: LinkServer, tmp_path: Path, damaged: str, damage: bytes | None
) -> None:
    link = web.tell("/a.jpg", Reply(body=PHOTO))
    downloads = DownloadCache(tmp_path, QUICK)
    downloads.read(link)
    file = next((tmp_path / damaged).iterdir())
    file.unlink() if damage is None else file.write_bytes(damage)
    assert downloads.read(link) == PHOTO and len(web.asked) == 2
    assert downloads.read(link) == PHOTO and len(web.asked) == 2, "and kept again"


def test_a_refused_photo_is_not_cached(web: LinkServer, tmp_path: Path) -> None:
    downloads = DownloadCache(tmp_path, QUICK)
    link = web.tell("/a.jpg", Reply(body=b"<html>"), Reply(body=PHOTO))
    with pytest.raises(PhotoRefused):
        downloads.read(link)
    assert downloads.read(link) == PHOTO


def test_a_folder_that_cannot_be_written_costs_no_photo(
    web: LinkServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    downloads = DownloadCache(tmp_path / "file", QUICK)
    link = web.tell("/a.jpg", Reply(body=PHOTO))
    assert downloads.read(link) == downloads.read(link) == PHOTO and len(web.asked) == 2
    assert "not kept" in caplog.text


# -- Google Drive ------------------------------------------------------------------------------------------------------

ID = "1aB-c_9"


@pytest.mark.parametrize(
    "link",
    [
        f"https://drive.google.com/open?id={ID}",
        f"https://drive.google.com/open?usp=drive_copy&id={ID}&authuser=0",
        f"https://drive.google.com/file/d/{ID}/view?usp=sharing",
        f"https://drive.google.com/file/d/{ID}/view?usp=drive_link",
        f"https://drive.google.com/file/d/{ID}",
        f"https://drive.google.com/file/d/{ID}/edit#x",
        f"https://drive.google.com/file/u/0/d/{ID}/preview",
        f"https://drive.google.com/u/0/uc?id={ID}&export=download",
        f"https://drive.google.com/u/1/open?id={ID}",
        f"https://drive.google.com/a/tec.mx/file/d/{ID}/view",
        f"http://drive.google.com/uc?export=view&id={ID}",
        f"https://docs.google.com/uc?export=download&id={ID}",
        f"https://drive.usercontent.google.com/download?id={ID}&export=download&authuser=0",
        f"https://drive.google.com/thumbnail?id={ID}&sz=w1000",
        f"HTTPS://Drive.Google.com/open?id={ID}",
    ],
)
def test_every_form_of_a_share_link(link: str) -> None:
    direct = f"https://drive.google.com/uc?export=download&confirm=t&id={ID}"
    assert direct_url(link) == direct == direct_url(direct)
    mark = "" if "#" in link else "&resourcekey=0-x_Y" if "?" in link else "?resourcekey=0-x_Y"
    assert direct_url(link + mark) == direct + ("&resourcekey=0-x_Y" if mark else "")


@pytest.mark.parametrize(
    "link",
    [
        "https://drive.google.com/drive/folders/1aB",
        "https://docs.google.com/document/d/1aB/edit",
        "https://drive.google.com/open?id=",
        "https://drive.google.com/open?id=../x",
        "https://drive.google.com.evil.test/open?id=1aB",
        "https://example.org/file/d/1aB/view",
        "https://[broken/open?id=1aB",
        "file:///a.jpg",
    ],
)
def test_other_links_are_left_as_they_are(link: str) -> None:
    assert direct_url(link) == link


def test_forms_of_one_file_are_one_download(web: LinkServer, tmp_path: Path) -> None:
    address = web.tell("/uc", Reply(303, headers={"Location": web.tell("/download", Reply(body=PHOTO))}))
    downloads = DownloadCache(tmp_path, replace(QUICK, drive=address))
    for form in (f"https://drive.google.com/open?id={ID}", f"https://drive.google.com/file/d/{ID}/view?usp=sharing"):
        assert downloads.read(form) == PHOTO
    assert web.asked == [f"/uc?export=download&confirm=t&id={ID}", "/download"]
