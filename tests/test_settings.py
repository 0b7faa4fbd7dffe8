"""Settings: a flag, else the environment, else presente.toml, else the default; and each says where it came from."""

import argparse
import json
import os
import re
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest

import faces.__main__
import indexer.__main__
import server.__main__
from client.keys import KEY_VARIABLE
from presente.access_roles import AccessRole
from presente.api_keys import find_key, read_keys
from presente.cli import main
from presente.errors import ConfigError
from presente.settings import SETTINGS, Settings, load_settings, unknown_variables, without_settings
from presente.settings.declaration import declared_settings, setting
from presente.settings.flags import add_settings_flags
from presente.settings.values import TargetRate, whole_number
from tests.conftest import ROOT, SAMPLE, Command, on_sqlite


def flags(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_settings_flags(parser)
    return parser.parse_args(words)


def test_order_and_origin(tmp_path: Path) -> None:
    (tmp_path / "presente.toml").write_text('port = 1\npack = "a"\nstrict = true\nhost = "::1"\n')
    settings = load_settings(flags("--port", "3"), {"PRESENTE_PORT": "2", "PRESENTE_PACK": "b"}, tmp_path)
    assert (settings.port, settings.pack, settings.strict, settings.host) == (3, "b", True, "::1")
    assert settings.came_from["port"] == "--port" and settings.came_from["pack"] == "PRESENTE_PACK"
    assert settings.came_from["strict"].endswith("presente.toml") and settings.came_from["margin"] == "default"


def test_a_variable_may_name_a_file_that_has_the_text(tmp_path: Path) -> None:
    secret = "admin:" + "0123456789abcdef" * 2
    (tmp_path / "keys").write_text(f"{secret}\n")
    settings = load_settings(environment={"PRESENTE_API_KEYS_FILE": str(tmp_path / "keys")}, folder=tmp_path)
    assert settings.api_keys == read_keys(secret) and settings.came_from["api_keys"] == "PRESENTE_API_KEYS_FILE"
    assert "api_keys" not in settings.texts  # as if it were in the variable itself
    (tmp_path / "store").write_text("mongodb://presente:word@127.0.0.1/presente\n")
    settings = load_settings(environment={"PRESENTE_STORE_FILE": str(tmp_path / "store")}, folder=tmp_path)
    assert settings.store == "mongodb://presente:word@127.0.0.1/presente" and "word" not in str(settings.described())
    assert load_settings(flags("--store", "x"), {"PRESENTE_STORE_FILE": str(tmp_path / "none")}, tmp_path).store == "x"
    assert unknown_variables({"PRESENTE_API_KEYS_FILE": ""}) == []
    assert without_settings({"PRESENTE_API_KEYS_FILE": "x"}) == {}
    names = {each.variable for each in SETTINGS}
    assert not names & {f"{name}_FILE" for name in names}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        (b"\xff", "no text of a setting"),
        (b"", "no text of a setting"),
        (b" \n", "no text of a setting"),
        (b"admin:" + bytes(16), "no text of a setting"),
        (b"a" * 100_000, "no text of a setting"),
        (b"admin:short-secret", "cannot be used"),
    ],
)
def test_a_file_of_a_setting_that_cannot_be_used_is_named_and_not_quoted(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / "keys").write_bytes(content)
    with pytest.raises(ConfigError, match=says) as caught:
        load_settings(environment={"PRESENTE_API_KEYS_FILE": str(tmp_path / "keys")}, folder=tmp_path)
    assert "PRESENTE_API_KEYS_FILE" in str(caught.value) and "short-secret" not in str(caught.value)


def test_a_setting_in_a_variable_and_in_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="are both set"):
        load_settings(environment={"PRESENTE_PORT": "1", "PRESENTE_PORT_FILE": "port"}, folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "70000"),
        ("PORT", "x"),
        ("PORT", "8000.5"),
        ("INDEX_KIND", "annoy"),
        ("CONSENT", "true"),
        ("THRESHOLD", "1.5"),
        ("THRESHOLD", "nan"),
        ("THRESHOLD", "fpir=0"),
        ("STRICT", "maybe"),
        ("MARGIN", "-1"),
        ("MAX_MEGAPIXELS", "inf"),
        ("DETECT_SIDE", "10"),
    ],
)
def test_wrong_values_name_the_setting(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, {f"PRESENTE_{name}": text}, tmp_path)
    assert caught.value.code == "invalid_setting" and f"PRESENTE_{name}" in str(caught.value)


def test_a_rate_is_a_threshold(tmp_path: Path) -> None:
    settings = load_settings(None, {"PRESENTE_THRESHOLD": "fpir=0.001"}, tmp_path)
    assert settings.threshold == TargetRate(0.001)
    assert {"fpir=0.001"} == {one["value"] for one in settings.described() if one["name"] == "PRESENTE_THRESHOLD"}


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "presente.toml").write_text("pakc = 'x'\nthreshhold = 0.4\n")
    with pytest.raises(
        ConfigError, match=r"presente\.toml has pakc, threshhold.*Did you mean pack, threshold\?"
    ) as caught:
        load_settings(None, {}, tmp_path)
    assert caught.value.code == "unknown_setting"
    (tmp_path / "presente.toml").write_text("zzzz = 1\n")
    with pytest.raises(ConfigError, match="The settings are access_log, accounts, api_key, api_keys,"):
        load_settings(None, {}, tmp_path)
    (tmp_path / "presente.toml").write_text("pack = \n")
    with pytest.raises(ConfigError, match=r"presente\.toml"):
        load_settings(None, {}, tmp_path)


@pytest.mark.parametrize("text", ['models = ["a", "b"]', "[port]\nnumber = 1", "store = 2026-01-01"])
def test_a_file_holds_texts_and_numbers(tmp_path: Path, text: str) -> None:
    (tmp_path / "presente.toml").write_text(text)
    with pytest.raises(ConfigError, match="is neither text nor a number") as caught:
        load_settings(None, {}, tmp_path)
    assert caught.value.code == "invalid_setting"


def test_a_wrong_value_says_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "presente.toml").write_text("port = 70000\n")
    for given, environment, place in (
        (flags("--port", "x"), {}, "--port is 'x': it must be a whole number from 0 to 65535."),
        (None, {"PRESENTE_PORT": "-1"}, "PRESENTE_PORT is '-1': it must be"),
        (None, {}, f"port in {tmp_path}/presente.toml is '70000': it must be"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_settings(given, environment, tmp_path)
        assert str(caught.value).startswith(place) and "port that the server binds" in caught.value.fix
        assert "PRESENTE_PORT" in str(caught.value)


def test_what_is_shown_can_be_given_again(tmp_path: Path) -> None:
    given = {
        "PRESENTE_STRICT": "yes",
        "PRESENTE_MODELS": f"/a{os.pathsep}/b",
        "PRESENTE_THRESHOLD": "fpir=0.01",
        "PRESENTE_INDEX_KIND": "hnsw",
        "PRESENTE_SHEET_ROOT": "/sheets",
        "PRESENTE_CORS_ORIGINS": "http://localhost:3000, https://aula.example",
    }
    settings = load_settings(None, given, tmp_path)
    shown = {each["name"]: each["value"] for each in settings.described()}
    assert shown["PRESENTE_STRICT"] == "true"
    again = load_settings(None, shown | {"PRESENTE_API_KEYS": ""}, tmp_path)
    assert again == settings != Settings()
    assert {each["from"] for each in Settings().described()} == {"default"}


def test_a_setting_is_declared_once(tmp_path: Path) -> None:
    """Field, variable, flag, key of the file and default all come of one declaration."""

    @dataclass(frozen=True)
    class Two:
        a_size: int = setting("4", whole_number(1, 8), "a size")
        word: str = setting("secret", str, "a word", secret=True)

    size, word = declared_settings(Two)
    assert (size.name, size.variable, size.flag, size.read("5")) == ("a_size", "PRESENTE_A_SIZE", "--a-size", 5)
    assert word.flag is None and word.spelled_as_flag == "--word"
    assert (Two().a_size, Two(a_size=3).word) == (4, "secret")
    with pytest.raises(ValueError, match="from 1 to 8"):  # a wrong default is found when the module is imported
        setting("9", whole_number(1, 8), "a size")


def test_variables_that_are_no_settings_are_named_with_their_neighbours() -> None:
    environment = {
        "PRESENTE_PACKS": "secret-text",
        "PRESENTE_XYZZY": "1",
        "PRESENTE_TEST_FUZZ": "9",
        "PRESENTE_PACK": "sample",
        "PATH": "/bin",
    }
    assert unknown_variables(environment) == [
        "The variable PRESENTE_PACKS is no setting and has no effect. Did you mean PRESENTE_PACK?",
        "The variable PRESENTE_XYZZY is no setting and has no effect.",
    ]
    assert without_settings(environment) == {"PATH": "/bin"}


@on_sqlite
def test_a_program_names_unknown_variables_once_and_goes_on(command: Command) -> None:
    for words in (("faces", "list"), ("indexer", "add", SAMPLE / "strangers" / "01.jpg")):
        done = command(*words, "--json", PRESENTE_PROT="1", PRESENTE_TEST_COPIES="1")
        assert done.returncode in (0, 2) and json.loads(done.stdout)
        assert done.stderr.count("PRESENTE_PROT is no setting") == 1 and "Did you mean PRESENTE_PORT?" in done.stderr
        assert "TEST_COPIES" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--pakc", "x"), "there is no flag --pakc; did you mean --pack?"),
        (("--pakc=x",), "there is no flag --pakc; did you mean --pack?"),
        (("--thresh", "0.5"), "there is no flag --thresh; did you mean --threshold?"),  # abbreviated
        (("--jsom",), "there is no flag --jsom; did you mean --json?"),
        (("--zzzzzz",), "there is no flag --zzzzzz\n"),
        (("--api-keys", "admin:secretsecretsecret"), "error: --api-keys is not a flag, because others on this machine"),
        (("--api-keys=admin:secretsecretsecret",), "Set PRESENTE_API_KEYS, or api_keys in presente.toml."),
        (("--apikeys", "secretsecretsecret"), "there is no flag --apikeys. --api-keys is not a flag"),
    ],
)
def test_a_flag_that_does_not_exist(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    for program, command in ((server, ()), (indexer, ("move",)), (faces, ("list",))):
        with pytest.raises(SystemExit) as ended:
            main(program.__main__.build_parser(), [*command, *words])
        error = capsys.readouterr().err
        assert ended.value.code == 2 and said in error and "secret" not in error, error


def test_what_is_no_flag_is_left_alone() -> None:
    parser = indexer.__main__.build_parser()
    given = parser.parse_args(["add", "--columns", "--a b", "--store=sqlite:///x", "--", "--photos"])
    assert (given.columns, given.setting_store, given.source) == ("--a b", "sqlite:///x", "--photos")


def test_only_settings_read_the_environment() -> None:
    reading = [
        str(module.relative_to(ROOT))
        for room in ("presente", "faces", "gallery", "indexer", "server", "evaluation")
        for module in (ROOT / room).rglob("*.py")
        if re.search(r"os\.environ(?!\[\"ORT_)|getenv", module.read_text(encoding="utf-8"))
    ]
    assert reading == ["presente/settings/loading.py"]


def test_the_client_and_evaluation_take_one_key(tmp_path: Path) -> None:
    """The client reads the variable itself, because it is installed alone; here it gets the setting."""
    (own,) = (each for each in SETTINGS if each.variable == KEY_VARIABLE)
    settings = load_settings(None, {KEY_VARIABLE: ADMIN_KEY}, tmp_path)
    assert (own.name, own.secret, settings.api_key) == ("api_key", True, ADMIN_KEY)
    assert ADMIN_KEY not in f"{settings.described()} {settings!r}"


ADMIN_KEY, OTHER_KEY = "correct-horse-battery", "staple-0123456789"


def test_keys_are_read_counted_and_found(tmp_path: Path) -> None:
    settings = load_settings(
        None, {"PRESENTE_API_KEYS": f"admin:{ADMIN_KEY}, attendance:{OTHER_KEY}:with:colons"}, tmp_path
    )
    assert [key.role for key in settings.api_keys] == [AccessRole.ADMIN, AccessRole.ATTENDANCE]
    assert find_key(settings.api_keys, ADMIN_KEY) == settings.api_keys[0]
    assert find_key(settings.api_keys, f"{OTHER_KEY}:with:colons") == settings.api_keys[1]
    assert find_key(settings.api_keys, ADMIN_KEY[:-1]) is find_key(settings.api_keys, "") is None
    shown = next(item for item in settings.described() if item["name"] == "PRESENTE_API_KEYS")
    assert shown["value"] == "2 keys" and shown["from"] == "PRESENTE_API_KEYS"
    everything = f"{settings.described()} {settings!r} {settings.api_keys}"
    assert ADMIN_KEY not in everything and OTHER_KEY not in everything
    assert load_settings(None, {"PRESENTE_API_KEYS": " "}, tmp_path).api_keys == ()


def test_every_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = read_keys(f"admin:{ADMIN_KEY},attendance:{OTHER_KEY}")
    compared: list[bytes] = []

    def watched(left: bytes, right: bytes) -> bool:
        compared.append(left)
        return left == right

    monkeypatch.setattr("presente.api_keys.hmac.compare_digest", watched)
    for given in (ADMIN_KEY, OTHER_KEY, "neither"):  # the first match ends nothing
        compared.clear()
        find_key(keys, given)
        assert compared == [key.digest for key in keys] and all(len(digest) == 32 for digest in compared)


@pytest.mark.parametrize(
    "text",
    [
        "secretsecretsecret",  # a key alone
        "root:secretsecretsecret",
        "secretsecretsecret:admin",  # the wrong way round
        "open:secretsecretsecret",
        "admin:secretsecret",  # too short
        "admin:secret secret secret",
        "admin:secretsecretsecreté",
        "admin:secretsecretsecret,",
        ",",
        "admin:secretsecretsecret,attendance:secretsecretsecret",
    ],
)
def test_wrong_keys_are_refused_without_a_word_of_them(tmp_path: Path, text: str) -> None:
    (tmp_path / "presente.toml").write_text(f'api_keys = "{text}"\n', encoding="utf-8")
    for environment in ({"PRESENTE_API_KEYS": text}, {}):
        with pytest.raises(ConfigError) as caught:
            load_settings(None, environment, tmp_path)
        assert caught.value.code == "invalid_setting" and "PRESENTE_API_KEYS" in str(caught.value)
        assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_origins_are_exact(tmp_path: Path) -> None:
    listed = "http://localhost:3000, https://aula.example,http://[::1]:3000"
    settings = load_settings(None, {"PRESENTE_CORS_ORIGINS": listed}, tmp_path)
    assert settings.cors_origins == ("http://localhost:3000", "https://aula.example", "http://[::1]:3000")
    shown = next(item["value"] for item in settings.described() if item["name"] == "PRESENTE_CORS_ORIGINS")
    assert shown == listed.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("*", "every page of the web"),
        ("http://localhost:3000,*", "every page of the web"),
        ("null", "not an origin"),
        ("localhost:3000", "not an origin"),
        ("ftp://localhost", "not an origin"),
        ("http://", "not an origin"),
        ("https://niño.example", "not an origin"),
        ("http://localhost:3000/", "write http://localhost:3000"),
        ("https://aula.example:443", "write https://aula.example"),
        ("https://Aula.example", "write https://aula.example"),
        ("https://me@aula.example", "write https://aula.example"),
        ("http://localhost:99999", "out of range"),
        ("http://localhost:3000,", "not an origin"),
    ],
)
def test_what_is_no_origin_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, {"PRESENTE_CORS_ORIGINS": text}, tmp_path)
    assert caught.value.code == "invalid_setting" and why in str(caught.value)
