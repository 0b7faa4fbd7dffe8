"""``--help`` of every command: what it does, its own flags, and the settings last, under a heading of their own."""

import re
from collections.abc import Iterator

import pytest

from indexer.__main__ import COMMANDS, build_parser
from presente.settings import SETTINGS


def helps() -> Iterator[tuple[str, str]]:
    """The help text of each command."""
    (commands,) = build_parser()._subparsers._group_actions  # type: ignore[union-attr]
    for name, parser in commands.choices.items():  # type: ignore[union-attr]
        yield name, parser.format_help()


@pytest.mark.parametrize(("name", "text"), list(helps()), ids=[name for name, _ in helps()])
def test_the_order_of_help(name: str, text: str) -> None:
    heading = text.index("\nsettings")
    own, settings = text[:heading], text[heading:]
    flags = [f"--{setting.name.replace('_', '-')} VALUE" for setting in SETTINGS]
    after = [flag for flag in flags if re.search(rf"^  {flag}", settings, re.MULTILINE)]
    before = [flag for flag in flags if re.search(rf"^  {flag}", own, re.MULTILINE)]
    assert after and not before, "a setting's flag stands among the command's own"
    about = re.sub(r"\s+", " ", own)
    assert "example" in text and f"python -m indexer {name}" in about


def test_every_command_has_a_module_of_its_name() -> None:
    assert [command.__name__.rpartition(".")[2].replace("_", "-") for command in COMMANDS] == [
        name for name, _ in helps()
    ]
