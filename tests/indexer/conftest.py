"""What the tests of sources share."""

from collections.abc import Iterator

import pytest

from tests.indexer.link_server import LinkServer


@pytest.fixture
def web() -> Iterator[LinkServer]:
    server = LinkServer()
    yield server
    server.stop()
