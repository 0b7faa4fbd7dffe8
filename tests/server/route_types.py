"""What the routes declare, and the types of what they take."""

from collections.abc import Iterator
from typing import get_args, get_origin

from msgspec import Struct

from server.app import create_app
from server.requests.photos import SentPhotos, json_type_of
from server.service import ServiceHandle
from server.typed_routes import RouteTypes, types_of
from tests.server.declared_answers import FILES

app = create_app(ServiceHandle(), 1)


def routes() -> Iterator[tuple[str, RouteTypes]]:
    for endpoint in app.view_functions:
        if endpoint not in FILES:
            yield endpoint, types_of(app, endpoint)


def request_types() -> list[type[Struct]]:
    found: list[type[Struct]] = []
    for _, types in routes():
        if types.parameters is not None:
            found.append(types.parameters)
        if get_origin(types.body) is SentPhotos:
            found.append(json_type_of(get_args(types.body)[0]))
        elif isinstance(types.body, type) and issubclass(types.body, Struct):
            found.append(types.body)
    return found
