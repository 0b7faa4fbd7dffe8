"""Settings: a flag, else the environment, else presente.toml, else the default; and each says where it came from."""

import argparse
from pathlib import Path

import pytest

from presente.config import add_settings_flags, load_settings
from presente.errors import ConfigError


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
        ("THRESHOLD", "fpir=0.01"),
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


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "presente.toml").write_text("pakc = 'x'\n")
    with pytest.raises(ConfigError, match="pakc"):
        load_settings(None, {}, tmp_path)
    (tmp_path / "presente.toml").write_text("pack = \n")
    with pytest.raises(ConfigError, match=r"presente\.toml"):
        load_settings(None, {}, tmp_path)
