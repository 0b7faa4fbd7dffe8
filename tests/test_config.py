"""Settings: a flag, else the environment, else presente.toml, else the default; and each says where it came from."""

import argparse
import traceback
from pathlib import Path

import pytest

from presente.api_keys import AccessRole, find_key, read_keys
from presente.errors import ConfigError
from presente.settings import TargetRate, add_settings_flags, load_settings


def flags(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_settings_flags(parser)
    return parser.parse_args(words)


def test_order_and_origin(tmp_path: Path) -> None:
    (tmp_path / "presente.toml").write_text('port = 1\npack = "a"\nstrict = true\nhost = "::1"\n')
    settings = load_settings(flags("--port", "3"), {"PRESENTE_PORT": "2", "PRESENTE_PACK": "b"}, tmp_path)
    assert (settings.port, settings.pack, settings.strict, settings.host) == (3, "b", True, "::1")
    assert settings.origins["port"] == "--port" and settings.origins["pack"] == "PRESENTE_PACK"
    assert settings.origins["strict"].endswith("presente.toml") and settings.origins["margin"] == "default"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "70000"),
        ("PORT", "x"),
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
    (tmp_path / "presente.toml").write_text("pakc = 'x'\n")
    with pytest.raises(ConfigError, match="pakc"):
        load_settings(None, {}, tmp_path)
    (tmp_path / "presente.toml").write_text("pack = \n")
    with pytest.raises(ConfigError, match=r"presente\.toml"):
        load_settings(None, {}, tmp_path)


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
    everything = f"{settings.described()} {vars(settings)}"
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
