"""The reply about the settings: each value as people may see it, and where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta

from presente.face_json import JsonObject


class SettingJson(JsonObject, frozen=True, kw_only=True):
    """A setting."""

    name: Annotated[str, Meta(description="Its environment variable.")]
    value: Annotated[str, Meta(description="Empty for none; of keys only how many, of addresses no password.")]
    came_from: Annotated[str, Meta(description="A flag, a variable, a file's path, or default.")]
    meaning: str


class SettingsReply(JsonObject, frozen=True, kw_only=True):
    """Every setting of this server, in the order in which they are documented."""

    settings: list[SettingJson]


def settings_reply(described: Iterable[Mapping[str, str]]) -> SettingsReply:
    """The settings, as :meth:`presente.settings.Settings.described` says them."""
    return SettingsReply(
        settings=[
            SettingJson(name=each["name"], value=each["value"], came_from=each["from"], meaning=each["meaning"])
            for each in described
        ]
    )
