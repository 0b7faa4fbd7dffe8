"""Tests of the console's pages."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They run what the server's own tests run, in a browser, which takes long."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.untraced)
