"""No secret is printed, logged, sent or in a report: the real commands are run, and what they say is searched."""

import logging
import sys
import time
from pathlib import Path

import pytest

from presente.errors import ConfigError, InvalidInput, PresenteError
from presente.logs import HidingFormatter
from presente.secrets import hidden, hidden_address
from presente.settings import load_settings
from tests.conftest import SAMPLE, Command, on_sqlite
from tests.sample_secrets import KEY, WORD

STARTS = ("", "a@", "a/", "a:", "a?", "a#", "a ", "a%40", "1234/", '"', "a\\", "[")
PASSWORDS = [*(start + WORD for start in STARTS), f"a%2F{WORD}%zz", f"{WORD}'"]


@pytest.mark.parametrize(
    "text",
    [
        f"cannot reach mongodb://ana:{WORD}@h:1/db now",
        f"mongodb+srv://ana:a@{WORD}@h/db",
        f"mongodb://ana:a/{WORD}@h/db",
        f"proxy http://ana:{WORD}@proxy:3128 refused; https://{WORD}@h/x",
        f"mongodb://h/db?authMechanismProperties=AWS_SESSION_TOKEN:{WORD}&tls=true",
        f"mongodb://h/?tlsCertificateKeyFilePassword={WORD}",
        f"https://s3/a.jpg?X-Amz-Credential={WORD}&X-Amz-Signature={WORD}&x=1",
        f"https://drive.google.com/uc?id=1&resourcekey={WORD}",
        f"https://h/a.jpg?sv=1&sig={WORD}#top",
        f"https://h/a?token={WORD}",
        f"PRESENTE_API_KEYS={KEY},attendance:9876543210{WORD}",
        f"Authorization: Bearer {WORD}-0123456789",
        f"X-API-Key: {WORD}-0123456789",
    ],
)
def test_secrets_by_where_they_stand(text: str) -> None:
    assert WORD not in hidden(text) and "***" in hidden(text)
    assert WORD not in str(PresenteError("code", text, text)) and WORD not in PresenteError("code", text).what


def test_everything_else_stays() -> None:
    for text in (
        "mongodb://h:27017/presente?authSource=admin&replicaSet=r",
        "https://drive.google.com/open?id=1a2b",
        "ana@tec.mx", "mongodb://ana@h/db", "a: b @ c", "admin: nobody", "key=3", "https://h/a?monkey=1",
    ):  # fmt: skip
        assert hidden(text) == text
    assert hidden("mongodb://ana:x@h:1/db?tls=true") == "mongodb://ana:***@h:1/db?tls=true"
    assert hidden_address("mongodb://ana:a b/c@d@h/db") == "mongodb://ana:***@h/db"


def test_long_texts_are_searched_in_a_moment() -> None:
    for piece in ("a", "a://b:", "?pass", "@", "&key=", "bearer ", "admin:"):
        start = time.process_time()
        hidden("@=" + piece * (1_000_000 // len(piece)))
        assert time.process_time() - start < 20  # quadratic, it would be hours


def test_a_traceback_in_the_log() -> None:
    try:
        try:
            raise ValueError(f"mongodb://ana:{WORD}@h")
        except ValueError as inner:
            raise RuntimeError(f"?password={WORD}") from inner
    except RuntimeError:
        record = logging.LogRecord("x", 40, "x", 1, f"https://h?token={WORD}", (), sys.exc_info())
    said = HidingFormatter("%(message)s").format(record)
    assert WORD not in said and "RuntimeError" in said and "Traceback" in said


@on_sqlite
@pytest.mark.parametrize("words", [("indexer", "status"), ("indexer", "verify", "--deep"), ("server", "--port", "0")])
def test_no_command_says_the_password_of_its_store(command: Command, words: tuple[str, ...]) -> None:
    for password in PASSWORDS if words[1] == "status" else PASSWORDS[::5]:
        store = f"mongodb://ana:{password}@127.0.0.1:9/db?serverSelectionTimeoutMS=100"
        done = command(*words, "--json", PRESENTE_STORE=store)
        assert done.returncode != 0 and (done.stderr or done.stdout)
        assert WORD not in done.stdout + done.stderr, password


@on_sqlite
def test_no_command_says_what_was_put_in_the_wrong_place(command: Command, tmp_path: Path) -> None:
    address = f"mongodb://ana:a b@{WORD}@127.0.0.1:9/db"
    report = tmp_path / "report.txt"
    for words, settings in (
        (("indexer", "add", address), {}),
        (("indexer", "add", address, "--kind", "folder", "--report", str(report)), {}),
        (("indexer", "add", address, "--partition", "train"), {}),
        (("indexer", "status", "--sotre", address.replace(" ", "")), {}),
        (("indexer", "status", "--apikeys", KEY), {}),
        (("indexer", "status"), {"PRESENTE_API_KEYS": KEY.replace("admin", "root")}),
        (("indexer", "status"), {"PRESENTE_PORT": address}),
        (("indexer", "status"), {"PRESENTE_CORS_ORIGINS": address}),
        (("indexer", "status"), {"PRESENTE_STORE": address.replace("mongodb", "mysql")}),
        (("faces", "pull", "buffalo_l", "--yes", "--url", f"http://ana:{WORD}@127.0.0.1:9/x?token={WORD}"), {}),
    ):
        done = command(*words, **settings)
        assert done.returncode != 0 and done.stderr, words
        assert WORD not in done.stdout + done.stderr, (words, done.stderr)
    assert not report.exists() or WORD not in report.read_text()


@on_sqlite
def test_links_with_tokens_in_a_sheet(command: Command, tmp_path: Path) -> None:
    link = f"http://ana:{WORD}@127.0.0.1:9/a.jpg?id=7&token={WORD}"
    (tmp_path / "class.csv").write_text(f"matricula,nombre_del_alumno,fotos\nA1,Ana,{link}\n")
    report = tmp_path / "report.txt"
    proxies = {"HTTP_PROXY": f"http://ana:{WORD}@127.0.0.1:9", "HTTPS_PROXY": f"http://ana:{WORD}@127.0.0.1:9"}
    for more in ({}, {"PRESENTE_PRIVATE_LINKS": "true"}):
        done = command("indexer", "add", tmp_path / "class.csv", "--json", "--report", report, **more, **proxies)
        assert done.returncode == 1 and "a.jpg?id=7" in done.stdout, "the report still says which photo it is"
        assert WORD not in done.stdout + done.stderr + report.read_text()


@on_sqlite
def test_right_secrets_are_said_nowhere_either(command: Command, tmp_path: Path) -> None:
    said = ""
    for words in (("add", SAMPLE / "strangers"), ("status",), ("audit",), ("verify",)):
        done = command("indexer", *words, "--json", PRESENTE_API_KEYS=KEY)
        said += done.stdout + done.stderr
    assert WORD not in said and "1 key" in said


def test_a_settings_file_with_a_secret_and_a_mistake(tmp_path: Path) -> None:
    for text in (
        f'store = "mongodb://ana:{WORD}@h/db\n',
        f"api_keys = {KEY}\n",
        f'store = "a"\nstore = "mongodb://ana:{WORD}@h/db"\n',
        f'"{KEY}" = 1\n',
        f'port = "mongodb://ana:{WORD}@h/db"\n',
        f'[api_keys]\nadmin = "{WORD}0123456789012"\n',
    ):
        (tmp_path / "presente.toml").write_text(text)
        with pytest.raises((ConfigError, InvalidInput)) as caught:
            load_settings(None, {}, tmp_path)
        assert WORD not in str(caught.value), text
