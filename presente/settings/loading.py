"""Where the values of settings come from: a flag, else the environment, else ``presente.toml``, else the default.

In the environment is the text itself, or with ``_FILE`` behind the name a file that has it: the way in which Docker,
Kubernetes and systemd hand over secrets.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from presente.errors import ConfigError, listed
from presente.secrets import hidden_address
from presente.settings.declaration import PREFIX, Setting
from presente.settings.settings import SETTINGS, Settings
from presente.suggestions import nearest

FILE = "presente.toml"
IN_FILE = "_FILE"
"""Behind a setting's variable: the variable that names a file with its text."""
_MOST_BYTES = 64 * 1024
_FOR_TESTS = f"{PREFIX}TEST_"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def load_settings(
    arguments: argparse.Namespace | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Settle every setting.

    Args:
        arguments: parsed flags, from a parser that went through :func:`presente.settings.add_settings_flags`.
        environment: instead of the process's own.
        folder: where ``presente.toml`` may lie; the working directory when None.

    Raises:
        ConfigError: ``invalid_setting``, naming the setting, where it came from and what it may be;
            ``unknown_setting``, naming a key of ``presente.toml`` and the setting that is spelled most like it.
    """
    environment = os.environ if environment is None else environment
    file = (folder or Path.cwd()) / FILE
    from_file = _read_toml(file)
    values: dict[str, Any] = {}
    came_from: dict[str, str] = {}
    texts: dict[str, str] = {}
    for each in SETTINGS:
        flag = getattr(arguments, each.destination, None)
        if flag is not None:
            text, where, named = flag, each.spelled_as_flag, each.spelled_as_flag
        elif (variable := _variable_of(each, environment)) is not None:
            given = environment[variable]
            text = given if variable == each.variable else _text_in_file(variable, given)
            where = named = variable
        elif each.name in from_file:
            text, where, named = from_file[each.name], str(file), f"{each.name} in {file}"
        else:
            text, where, named = each.default, "default", "the default"
        values[each.name] = _read(each, text, named)
        came_from[each.name] = where
        if where != "default" and not each.secret:
            texts[each.name] = text
    return Settings(**values, came_from=came_from, texts=texts)


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """A sentence per ``PRESENTE_*`` variable that is no setting, with the setting that is spelled most like it.

    Variables for the tests (``PRESENTE_TEST_*``) are known. ``environment`` is the process's own when None.
    """
    environment = os.environ if environment is None else environment
    known = {each.variable + end for each in SETTINGS for end in ("", IN_FILE)}
    unknown = [
        name
        for name in environment
        if name.startswith(PREFIX) and name not in known and not name.startswith(_FOR_TESTS)
    ]
    return [_about_unknown(name, [each.name for each in SETTINGS]) for name in sorted(unknown)]


def _variable_of(each: Setting, environment: Mapping[str, str]) -> str | None:
    """Which variable gives a setting; None when none does.

    Raises:
        ConfigError: ``invalid_setting``, when two do.
    """
    there = [name for name in (each.variable, each.variable + IN_FILE) if name in environment]
    if len(there) > 1:
        raise ConfigError("invalid_setting", f"{listed(there)} are both set.", "Take one of them away.")
    return there[0] if there else None


def _text_in_file(variable: str, name: str) -> str:
    """The text of a setting that lies in a file, without the line's end.

    Raises:
        ConfigError: ``invalid_setting``. It names the file, and nothing of what is in it.
    """
    try:
        with Path(name).expanduser().open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        text = content.decode("utf-8").rstrip("\r\n")
    except OSError as exc:
        raise ConfigError(
            "invalid_setting", f"{variable} names {name}, which cannot be read ({exc.strerror}).", "Correct it."
        ) from exc
    except UnicodeDecodeError:
        text = "\0"
    if len(content) > _MOST_BYTES or "\0" in text or not text.strip():
        raise ConfigError("invalid_setting", f"{variable} names {name}, which has no text of a setting.", "Correct it.")
    return text


def _about_unknown(variable: str, names: Iterable[str]) -> str:
    """What is said of a variable; it is compared without the prefix, which makes every name look like every other."""
    found = nearest(variable.removeprefix(PREFIX).lower(), names)
    advice = f" Did you mean {PREFIX}{found.upper()}?" if found else ""
    return f"The variable {variable} is no setting and has no effect.{advice}"


def without_settings(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process that is not to know the settings, since some hold keys and passwords.

    ``environment`` is the process's own when None.
    """
    environment = os.environ if environment is None else environment
    return {name: value for name, value in environment.items() if not name.startswith(PREFIX)}


def traces_wanted(settings: Settings, environment: Mapping[str, str] | None = None) -> bool:
    """Whether traces are to be sent. ``environment`` is the process's own when None.

    With ``auto`` they are where OTEL_TRACES_EXPORTER is ``otlp``, or names nothing and there is an OTLP endpoint;
    OTEL_SDK_DISABLED=true turns them off.
    """
    environment = os.environ if environment is None else environment
    if settings.traces != "auto":
        return settings.traces == "otlp"
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = [name.strip() for name in environment.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()]
    if exporters:
        return "otlp" in exporters
    return any(environment.get(name) for name in _ENDPOINTS)


def ray_cluster_is_named() -> bool:
    """Whether ``RAY_ADDRESS`` names a cluster; Ray, which is imported next, is told to send no usage statistics, and to
    start nothing when something asks it after it was left."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    return bool(os.environ.get("RAY_ADDRESS"))


def _read(each: Setting, text: str, named: str) -> Any:
    """The value of a text; ``named`` is what an error calls the place that the text came from."""
    try:
        return each.read(text)
    except ValueError as exc:
        safe = hidden_address(text)
        given = f"{named} cannot be used" if each.secret else f"{named} is {safe!r}"
        why = str(exc).replace(repr(text), repr(safe)).replace(text, safe) if text else str(exc)
        variable = "" if named == each.variable else f" ({each.variable})"
        raise ConfigError("invalid_setting", f"{given}: {why}.", f"The setting{variable} means: {each.meaning}.") from (
            exc if safe == text else None
        )  # an error of Python's quotes the text


def _read_toml(file: Path) -> dict[str, str]:
    """The texts that a settings file gives, by the settings' names; none when there is no file."""
    if not file.exists():
        return {}
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as exc:
        raise ConfigError("invalid_setting", f"{file} cannot be read ({exc}).", "Correct it.") from exc
    known = {each.name for each in SETTINGS}
    if unknown := sorted(table.keys() - known):
        near = listed({found for name in unknown if (found := nearest(name, known))})
        fix = f"Did you mean {near}?" if near else f"The settings are {', '.join(sorted(known))}."
        raise ConfigError("unknown_setting", f"{file} has {listed(unknown)}, which is no setting.", fix)
    for name, value in table.items():
        if not isinstance(value, str | int | float):  # a bool is an int
            raise ConfigError(
                "invalid_setting",
                f"{name} in {file} is neither text nor a number nor true or false.",
                "Write one text.",
            )
    return {name: str(value) for name, value in table.items()}
