"""Guesses at passwords: delayed, and no one is locked out; what marks of browsers are worth; how many log in."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from gallery.documents.access import Grant
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from presente.errors import Busy
from server.access import administration, passwords
from server.access.authentication import Access
from server.access.login_delays import (
    BY_ADDRESS,
    BY_ADDRESS_AND_ACCOUNT,
    BY_DEVICE,
    LOGINS,
    SHARED_BY_ADDRESSES,
    SHARED_BY_DEVICES,
    LoginAttempt,
    LoginDelays,
)
from server.access.tokens import DEVICE_S, TokenSigner
from tests.server.people import (
    PASSWORD,
    Hands,
    authenticator_of,
    guarded_app,
    log_in,
    logged_in,
    stop_the_clock,
    wait_until,
)
from tests.server.sample import ADMIN, problem

TEACHER = Grant(AccessRole.TEACHER, frozenset({"IA-101"}))
BY_ADMIN = {"X-API-Key": ADMIN}
ANOTHER = "otro caballo con alas"


@pytest.fixture
def app(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> Iterator[Flask]:
    with guarded_app(gallery, embedder, tmp_path) as made:
        yield made


def client_at(app: Flask, address: str, mark: str = "") -> FlaskClient:
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    if mark:
        client.set_cookie("presente_device", mark)
    return client


def mark_of(browser: FlaskClient) -> str:
    found = browser.get_cookie("presente_device")
    assert found is not None
    return found.value


def guess(address: str, account: str = "ruiz", device: str = "") -> LoginAttempt:
    return LoginAttempt(address, account, device)


def seconds_to_wait(delays: LoginDelays, attempt: LoginAttempt) -> int:
    with pytest.raises(Busy) as caught:
        delays.begin(attempt)
    assert caught.value.code == "too_many_logins" and caught.value.retry_after_s is not None
    return caught.value.retry_after_s


def passes(delays: LoginDelays, attempt: LoginAttempt) -> bool:
    try:
        delays.begin(attempt)
    except Busy:
        return False
    return True


def test_wrong_names_and_wrong_passwords_cannot_be_told_apart(app: Flask, gallery: Gallery) -> None:
    administration.add_account(gallery.store.access, "ruiz", TEACHER, PASSWORD)
    replies = [log_in(app.test_client(), *given) for given in (("ruiz", "wrong"), ("nobody", "wrong"), ("", ""))]
    assert {(reply.status_code, reply.get_json()["detail"]) for reply in replies[:2]} == {
        (401, "The name or the password is wrong. Check both; an admin can give you another password.")
    }
    assert replies[2].status_code == 401 and not any("Set-Cookie" in reply.headers for reply in replies)


# -- delays of strangers -------------------------------------------------------------------------------------------


def test_guesses_are_slowed_down_and_delay_no_browser_that_is_known(app: Flask, gallery: Gallery) -> None:
    stop_the_clock(app)
    browser, _ = logged_in(app, gallery, "ruiz", TEACHER)
    guesser = app.test_client()
    replies = [log_in(guesser, password="wrong") for _ in range(BY_ADDRESS_AND_ACCOUNT.free + 2)]
    assert {reply.status_code for reply in replies[:-1]} == {401}
    problem(replies[-1], 429, "too_many_logins")
    assert 1 <= int(replies[-1].headers["Retry-After"]) <= BY_ADDRESS.longest_s
    problem(log_in(guesser), 429, "too_many_logins")  # also with the right one
    assert log_in(browser).status_code == 204  # of the same address, to the same account
    mark = mark_of(browser)
    guesser.set_cookie("presente_device", mark[:-1] + ("0" if mark[-1] != "0" else "1"))
    problem(log_in(guesser), 429, "too_many_logins")


@pytest.mark.usefixtures("quick_hashes")
def test_the_owner_gets_in_from_a_new_address_while_strangers_guess(app: Flask, gallery: Gallery) -> None:
    hands = stop_the_clock(app)
    administration.add_account(gallery.store.access, "sosa", TEACHER, PASSWORD)
    guessers = [client_at(app, f"10.0.10.{number}") for number in range(3)]

    def all_guess() -> None:
        for guesser in guessers:
            log_in(guesser, "sosa", "wrong-wrong-1")

    for _ in range(50):
        all_guess()
        hands.now += 0.5
    owner = client_at(app, "10.0.8.1")
    refused = log_in(owner, "sosa")
    problem(refused, 429, "too_many_logins")
    wait = int(refused.headers["Retry-After"])
    assert 1 <= wait <= SHARED_BY_ADDRESSES.longest_s + 1
    for _ in range(2 * wait):
        hands.now += 0.5
        all_guess()  # also at the moment of the owner's turn, and before the owner
    assert log_in(owner, "sosa").status_code == 204


def test_a_turn_is_kept_is_used_once_and_never_longer_than_the_bound() -> None:
    hands = Hands()
    delays = LoginDelays(hands)
    for n in range(SHARED_BY_ADDRESSES.free + 1):
        delays.begin(guess(f"10.1.{n}.1"))
    waits = [seconds_to_wait(delays, guess(f"10.0.{n}.1")) for n in range(250)]  # of the account alone
    assert max(waits) <= SHARED_BY_ADDRESSES.longest_s + 1
    assert passes(delays, guess("10.0.0.1", "ana"))  # another account
    hands.now += max(waits)
    late = guess("10.0.249.1")
    assert all(passes(delays, guess(f"10.0.{n}.1")) for n in range(100, 249))
    hands.now += 60
    assert passes(delays, late)  # 149 others went first, and it came a minute late
    assert seconds_to_wait(delays, late) >= 1


def test_delays_of_one_client_grow_up_to_a_bound_and_pass() -> None:
    for rule, attempt in ((BY_DEVICE, guess("10.0.0.1", device="d")), (BY_ADDRESS_AND_ACCOUNT, guess("10.0.0.1"))):
        hands = Hands()
        delays = LoginDelays(hands)
        for _ in range(rule.free + 1):
            delays.begin(attempt)
        waits = []
        for _ in range(12):
            waits.append(seconds_to_wait(delays, attempt))
            hands.now += waits[-1]
            delays.begin(attempt)
        assert waits[:4] == [2, 2, 4, 8] and waits == sorted(waits)
        assert rule.longest_s - 1 <= waits[-1] <= rule.longest_s + 1
        hands.now += seconds_to_wait(delays, attempt)
        delays.begin(attempt)
        delays.right(attempt)
        hands.now += 20 * rule.forgiven_s  # until the account's own count is forgotten
        assert [passes(delays, attempt) for _ in range(rule.free)] == [True] * rule.free


def test_an_address_that_tries_many_names_is_delayed() -> None:
    delays = LoginDelays(Hands())
    tried = [passes(delays, guess("10.0.0.1", f"ana-{number}")) for number in range(BY_ADDRESS.free + 5)]
    assert tried == [True] * (BY_ADDRESS.free + 1) + [False] * 4
    assert passes(delays, guess("10.0.0.2", "ana-0"))


def test_logging_in_to_the_own_account_allows_no_guesses_at_others() -> None:
    delays = LoginDelays(Hands())
    own = guess("10.0.0.1", "own")
    for number in range(BY_ADDRESS.free + 1):
        delays.begin(guess("10.0.0.1", f"ana-{number}"))
        if number % 2:
            delays.begin(own)
            delays.right(own)
    assert seconds_to_wait(delays, own) >= 1


def test_a_right_password_forgives_no_guesses_from_other_addresses() -> None:
    delays = LoginDelays(Hands())
    for number in range(SHARED_BY_ADDRESSES.free):
        delays.begin(guess(f"10.0.0.{number}"))
    owner = guess("10.0.8.1")
    delays.begin(owner)
    delays.right(owner)
    assert passes(delays, guess("10.0.1.1")) and not passes(delays, guess("10.0.1.2"))


def test_behind_a_proxy_each_client_counts_for_itself(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> None:
    administration.add_account(gallery.store.access, "ruiz", TEACHER, PASSWORD)
    with guarded_app(gallery, embedder, tmp_path, Access(accounts=True, proxies=("127.0.0.0/8",))) as app:
        stop_the_clock(app)
        client = app.test_client()
        for number in range(BY_ADDRESS.free + 1):
            log_in(client, f"nobody-{number}", "wrong", headers={"X-Forwarded-For": "10.0.0.1"})
        one, other = ({"X-Forwarded-For": f"{spoofed}10.0.0.{n}"} for spoofed, n in (("8.8.8.8, ", 1), ("", 2)))
        problem(log_in(client, headers=one), 429, "too_many_logins")
        assert log_in(client, headers=other).status_code == 204


def test_guesses_at_the_code_of_the_first_admin_delay_their_own_address_only(app: Flask) -> None:
    hands = stop_the_clock(app)
    code = app.extensions["presente.login_desk"].open_setup()
    wanted = {"code": code, "name": "root", "password": PASSWORD}
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
        guesser = client_at(app, address)
        replies = [guesser.post("/v1/setup", json=wanted | {"code": "0" * 32}) for _ in range(BY_ADDRESS.free + 2)]
        problem(replies[-2], 403, "wrong_setup_code")
        problem(replies[-1], 429, "too_many_logins")
    assert client_at(app, "10.0.8.1").post("/v1/setup", json=wanted).status_code == 201
    hands.now += BY_ADDRESS.longest_s
    problem(client_at(app, "10.0.0.1").post("/v1/setup", json=wanted), 409, "already_set_up")


# -- marks of browsers ---------------------------------------------------------------------------------------------


def test_a_mark_is_of_one_account_and_password_and_holds_180_days() -> None:
    hands = Hands()
    signer = TokenSigner("ab" * 32, hands)
    mark = signer.device_mark("ruiz", "hash")
    device = signer.device(mark)
    assert device and signer.device_known_to(mark, "ruiz", "hash") == device
    assert signer.device_known_to(mark, "ana", "hash") == "" == signer.device_known_to(mark, "ruiz", "another hash")
    later = mark.replace(".1000.", ".9000.")
    foreign = TokenSigner("cd" * 32).device_mark("ruiz", "hash")
    for made_up in ("", ".", "...", "a.1000.b.c", "é.1.b.c", mark[:-1], later, foreign):
        assert signer.device(made_up) == "" == signer.device_known_to(made_up, "ruiz", "hash")
    hands.now += DEVICE_S - 1
    again = signer.device_mark("ruiz", "hash", device)
    assert signer.device(mark) == device
    hands.now += 1
    assert signer.device_known_to(mark, "ruiz", "hash") == "" == signer.device(mark)
    assert signer.device_known_to(again, "ruiz", "hash") == device  # each login makes it hold anew


@pytest.mark.usefixtures("quick_hashes")
def test_another_password_makes_the_marks_worthless(app: Flask, gallery: Gallery) -> None:
    stop_the_clock(app)
    browser, _ = logged_in(app, gallery, "ruiz", TEACHER)
    kept = [mark_of(browser)]
    for _ in range(4):
        fresh = app.test_client()
        assert log_in(fresh).status_code == 204
        kept.append(mark_of(fresh))
    assert len(set(kept)) == 5
    assert app.test_client().patch("/v1/users/ruiz", json={"password": ANOTHER}, headers=BY_ADMIN).status_code == 200
    guesses = [log_in(client_at(app, "10.0.20.1", mark), password="wrong") for mark in kept for _ in range(5)]
    allowed = [reply for reply in guesses if reply.status_code == 401]
    assert len(allowed) == BY_ADDRESS_AND_ACCOUNT.free + 1  # as from a browser that is new
    assert log_in(browser, password=ANOTHER).status_code == 204
    signer, account = authenticator_of(app).register.signer, gallery.store.access.account("ruiz")
    assert account is not None and signer.device_known_to(mark_of(browser), "ruiz", account.password_hash)


@pytest.mark.usefixtures("quick_hashes")
def test_guesses_with_all_marks_of_an_account_count_together(app: Flask, gallery: Gallery) -> None:
    hands = stop_the_clock(app)
    owner, _ = logged_in(app, gallery, "ruiz", TEACHER)
    thieves = []
    for _ in range(15):
        fresh = app.test_client()
        assert log_in(fresh).status_code == 204
        thieves.append(client_at(app, "10.0.20.1", mark_of(fresh)))
    statuses = [log_in(thief, password="wrong").status_code for thief in thieves for _ in range(6)]
    assert statuses.count(401) == SHARED_BY_DEVICES.free + 1 and statuses.count(429) == 90 - SHARED_BY_DEVICES.free - 1
    assert log_in(client_at(app, "10.0.8.1")).status_code == 204  # a new browser is not delayed by them
    refused = log_in(owner)
    problem(refused, 429, "too_many_logins")
    hands.now += int(refused.headers["Retry-After"])
    for thief in thieves:
        log_in(thief, password="wrong")
    assert log_in(owner).status_code == 204


# -- how many log in -----------------------------------------------------------------------------------------------


class Stuck:
    """A hasher that checks no password until it is released, and counts how many it checks at once."""

    def __init__(self) -> None:
        self.at_once, self.most, self.lock, self.released = 0, 0, threading.Lock(), threading.Event()

    def verify(self, *_: str) -> bool:
        with self.lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        assert self.released.wait(60)
        with self.lock:
            self.at_once -= 1
        return True

    def check_needs_rehash(self, _: str) -> bool:
        return False


def test_two_passwords_are_checked_two_wait_and_other_logins_are_refused_at_once(
    app: Flask, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        administration.add_account(gallery.store.access, f"ana-{number}", TEACHER, PASSWORD)
    stuck = Stuck()
    monkeypatch.setattr(passwords, "_hasher", stuck)
    replies = []
    threads = [
        threading.Thread(target=lambda name=f"ana-{number}": replies.append(log_in(app.test_client(), name)))
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(replies) == 8)  # while none is checked
    for reply in replies:
        problem(reply, 503, "busy")
        assert int(reply.headers["Retry-After"]) >= 1
    wait_until(lambda: stuck.at_once == 2)
    stuck.released.set()
    for thread in threads:
        thread.join()
    assert stuck.most == 2 and [reply.status_code for reply in replies[8:]] == [204] * 4
    assert log_in(app.test_client(), "ana-0").status_code == 204  # the places are free again


def test_a_refused_login_is_no_guess(app: Flask, gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_the_clock(app)
    administration.add_account(gallery.store.access, "ruiz", TEACHER, PASSWORD)
    with monkeypatch.context() as patched:
        patched.setattr(passwords, "_places", threading.BoundedSemaphore(1))
        with passwords.place_for_login():
            for _ in range(BY_ADDRESS.free + 2):
                problem(log_in(app.test_client()), 503, "busy")
    assert log_in(app.test_client()).status_code == 204


@pytest.mark.usefixtures("quick_hashes")
def test_right_passwords_of_one_account_are_limited_and_its_sessions_go_on(app: Flask, gallery: Gallery) -> None:
    hands = stop_the_clock(app)
    browser, _ = logged_in(app, gallery, "abril", TEACHER)
    administration.add_account(gallery.store.access, "ruiz", TEACHER, PASSWORD)
    replies = [log_in(app.test_client(), "abril") for _ in range(LOGINS.free + 5)]
    assert [reply.status_code for reply in replies] == [204] * LOGINS.free + [429] * 5
    problem(log_in(browser, "abril"), 429, "too_many_logins")
    assert browser.get("/v1/session").status_code == 200
    assert log_in(app.test_client(), "ruiz").status_code == 204  # at the same address
    hands.now += int(replies[-1].headers["Retry-After"])
    assert log_in(browser, "abril").status_code == 204
    hands.now += (LOGINS.free + 2) * LOGINS.forgiven_s
    assert [log_in(app.test_client(), "abril").status_code for _ in range(LOGINS.free)] == [204] * LOGINS.free


def test_a_password_is_the_same_from_every_keyboard() -> None:
    stored = passwords.hash_password("contraseña de otoño")
    assert passwords.is_password("contraseña de otoño", stored)  # n and a combining tilde
    assert not passwords.is_password("contrasena de otono", stored) and not passwords.is_outdated(stored)
