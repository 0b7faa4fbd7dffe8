"""Fixtures of the indexer's tests: a web server for links, a database of the first system, an opened store."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from gallery.documents.protocol import DocumentStore
from presente.composition import open_store
from tests.indexer.link_server import LinkServer


@pytest.fixture
def web() -> Iterator[LinkServer]:
    server = LinkServer()
    yield server
    server.stop()


@pytest.fixture
def first_system(mongo_server: str) -> Iterator[Database[dict[str, Any]]]:
    """An empty database with the first system's name and a suffix."""
    with MongoClient(mongo_server) as client:
        yield client[f"fcRecog_{uuid.uuid4().hex[:8]}"]


@pytest.fixture
def store(store_url: str) -> Iterator[Callable[[], DocumentStore]]:
    """Opens the gallery's store; every opened store is closed after the test."""
    opened: list[DocumentStore] = []

    def open_one() -> DocumentStore:
        opened.append(open_store(store_url))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()
