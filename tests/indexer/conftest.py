"""Fixtures of the indexer's tests: a web server for links, a database of the first system, an opened store."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from gallery.documents.protocol import DocumentStore
from presente.composition import open_store
from tests.conftest import OpenStore
from tests.indexer.link_server import LinkServer
from tests.indexer.sample import FirstSystem


@pytest.fixture
def web() -> Iterator[LinkServer]:
    server = LinkServer()
    yield server
    server.stop()


@pytest.fixture
def first_system(mongo_server: str) -> Iterator[FirstSystem]:
    """An empty database with the first system's name and a suffix."""
    with MongoClient[dict[str, Any]](mongo_server) as client:
        yield client[f"fcRecog_{uuid.uuid4().hex[:8]}"]


@pytest.fixture
def store(store_url: str) -> Iterator[OpenStore]:
    """Opens the gallery's store; every opened store is closed after the test."""
    opened: list[DocumentStore] = []

    def open_one() -> DocumentStore:
        opened.append(open_store(store_url))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()
